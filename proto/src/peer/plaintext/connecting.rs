//! Connections in plain text: accepting, telling apart, dialling, writing, ending.

use std::net::SocketAddr;

use super::partner::{Kind, Partner, Speech, Words, kind_of};
use crate::{
    error::Fault,
    machine::{Action, CloseHow, ConnId, Refusal},
    names::Name,
    peer::{
        interface::{Note, Notice, PeerEvent, Problem},
        machine::{Out, Output, Peer, Timer},
    },
    source::Source,
    time::Time,
};

impl Peer {
    /// A connection was accepted, and it is to be seen what is spoken on it.
    pub(in crate::peer) fn on_partner_accepted(&mut self, now: Time, conn: ConnId, remote: SocketAddr, out: &mut Out) {
        if self.partners.all.len() >= self.limits.plaintext_links_max {
            let Some(oldest) = self.partners.most_crowding(Source::of(remote.ip())) else {
                out.close(conn, CloseHow::Abort);
                return self.on_stranger(now, Fault::TooManyConnections, remote);
            };
            self.cut_partner(now, oldest, Fault::TooManyFromAddress, out);
        }
        self.partners.all.insert(conn, Partner::accepted(now, remote));
        self.partners.touched.insert(conn);
    }

    pub(in crate::peer) fn on_partner_bytes(&mut self, now: Time, conn: ConnId, bytes: &[u8], out: &mut Out) {
        let Some(partner) = self.partners.touch(conn) else { return };
        if !bytes.is_empty() {
            partner.heard = now;
        }
        match &mut partner.speech {
            Speech::Undecided(seen) => {
                seen.extend_from_slice(bytes);
                let kind = kind_of(seen);
                self.decide(now, conn, kind, out);
            }
            Speech::Objects(objects) => {
                objects.incoming.push(bytes);
                self.read_objects(now, conn, out);
            }
            Speech::Words(words) => {
                words.push(bytes);
                self.read_words(now, conn, out);
            }
        }
    }

    /// What was said first decides what is spoken, for good.
    fn decide(&mut self, now: Time, conn: ConnId, kind: Kind, out: &mut Out) {
        let Some(partner) = self.partners.all.get_mut(&conn) else { return };
        let Speech::Undecided(seen) = &mut partner.speech else { return };
        match kind {
            Kind::More => {}
            Kind::WrongPreface => self.cut_partner(now, conn, Fault::WrongPreface, out),
            Kind::Papo => {
                let (seen, remote) = (std::mem::take(seen), partner.remote);
                self.forget_partner(conn);
                self.accept_link(now, conn, remote, out);
                self.on_link_bytes(now, conn, &seen, out);
            }
            Kind::Objects => {
                let seen = std::mem::take(seen);
                partner.speech = Speech::Objects(super::partner::Objects::default());
                self.on_partner_bytes(now, conn, &seen, out);
            }
            Kind::Words => {
                let seen = std::mem::take(seen);
                partner.speech = Speech::Words(Words::default());
                self.on_partner_bytes(now, conn, &seen, out);
            }
        }
    }

    /// Dials somebody in plain text, as soon as this event ends. Whether there is a place for it.
    pub(super) fn dial_partner(&mut self, address: SocketAddr, partner: Partner) -> Option<ConnId> {
        if self.stopping || self.partners.all.len() >= self.limits.plaintext_links_max {
            return None;
        }
        let conn = self.ids.next_conn();
        self.partners.all.insert(conn, partner);
        self.partners.dials.push((conn, address));
        self.partners.touched.insert(conn);
        Some(conn)
    }

    pub(in crate::peer) fn on_partner_opened(&mut self, now: Time, conn: ConnId, out: &mut Out) {
        let Some(partner) = self.partners.touch(conn) else { return };
        (partner.open, partner.heard) = (true, now);
        let asked_by = partner.asked_by.take();
        let name = match &partner.speech {
            Speech::Words(words) if !words.once => Some(Name::at(words.name.as_ref(), partner.remote)),
            Speech::Objects(objects) => objects.who.as_ref().map(|id| id.1.clone()),
            Speech::Words(_) | Speech::Undecided(_) => None,
        };
        if let Some(name) = name {
            self.tell_partner(conn, name);
        }
        if let Some(token) = asked_by {
            self.connecting.remove(&token);
            self.outcome(token, None);
        }
        self.set_partner_reading(conn, out);
    }

    /// The person is told of somebody, once.
    pub(super) fn tell_partner(&mut self, conn: ConnId, user: Name) {
        let Some(partner) = self.partners.all.get_mut(&conn) else { return };
        if partner.told.is_none() {
            partner.told = Some(user.clone());
            let address = Some(partner.remote);
            self.tell(Notice::Peer { what: PeerEvent::Linked, user, address, plaintext: true });
        }
    }

    /// A dial came to nothing.
    pub(in crate::peer) fn on_partner_refused(&mut self, conn: ConnId, reason: Refusal) {
        let Some(partner) = self.forget_partner(conn) else { return };
        if let Some(token) = partner.asked_by {
            self.connecting.remove(&token);
            let address = partner.remote;
            return self.outcome(token, Some(Problem::Unreachable { address, reason }));
        }
        self.note_lost(&partner);
    }

    /// What waited to be written to someone does not reach it.
    fn note_lost(&mut self, partner: &Partner) {
        if partner.waiting_bytes() == 0 || self.stopping {
            return;
        }
        let user = match (&partner.speech, partner.person()) {
            (_, Some(id)) => id.1.clone(),
            (Speech::Words(words), None) => Name::at(words.name.as_ref(), partner.remote),
            (Speech::Undecided(_) | Speech::Objects(_), None) => return,
        };
        self.note(Note::PlaintextLost { user });
    }

    /// A connection is gone. Of words without a line's end this is the end.
    pub(in crate::peer) fn on_partner_closed(&mut self, now: Time, conn: ConnId, out: &mut Out) {
        let Some(partner) = self.partners.all.get_mut(&conn) else { return };
        if let Speech::Undecided(seen) = &mut partner.speech
            && !seen.is_empty()
        {
            let mut words = Words::default();
            words.push(seen);
            partner.speech = Speech::Words(words);
        }
        self.read_rest(now, conn, out);
        if let Some(partner) = self.forget_partner(conn) {
            if !partner.ending {
                self.note_lost(&partner);
            }
            self.on_partner_gone(partner);
        }
    }

    fn on_partner_gone(&mut self, partner: Partner) {
        if let Some(token) = partner.asked_by {
            self.connecting.remove(&token);
            let address = partner.remote;
            self.outcome(token, Some(Problem::LinkFault { address, fault: Fault::Cut }));
        }
        if let Some(user) = partner.told {
            self.tell(Notice::Peer { what: PeerEvent::Lost, user, address: Some(partner.remote), plaintext: true });
        }
    }

    fn forget_partner(&mut self, conn: ConnId) -> Option<Partner> {
        self.timers.clear(Timer::Partner(conn));
        self.partners.touched.remove(&conn);
        self.partners.all.remove(&conn)
    }

    /// Ends a connection for its fault.
    pub(super) fn cut_partner(&mut self, now: Time, conn: ConnId, fault: Fault, out: &mut Out) {
        let Some(partner) = self.forget_partner(conn) else { return };
        out.close(conn, CloseHow::Abort);
        if partner.told.is_some() {
            self.counters.count(fault);
        } else {
            self.on_stranger(now, fault, partner.remote);
        }
        self.on_partner_gone(partner);
    }

    /// Ends a connection in order, behind what waits to be written.
    pub(in crate::peer) fn end_partner(&mut self, conn: ConnId) {
        if let Some(partner) = self.partners.touch(conn) {
            partner.ending = true;
        }
    }

    /// Something is due on a connection.
    pub(in crate::peer) fn on_partner_due(&mut self, now: Time, conn: ConnId, out: &mut Out) {
        let limits = &self.limits;
        let Some(partner) = self.partners.all.get_mut(&conn) else { return };
        self.partners.touched.insert(conn);
        let is_due = partner.deadline(limits).is_some_and(|at| at <= now);
        if !partner.open && is_due {
            out.close(conn, CloseHow::Abort);
            return self.on_partner_refused(conn, Refusal::TimedOut);
        }
        let since_heard = now - partner.heard;
        match &mut partner.speech {
            Speech::Undecided(seen) if !seen.is_empty() && since_heard >= super::partner::DECIDING => {
                self.decide(now, conn, Kind::Words, out);
            }
            Speech::Words(words) if !words.begun().is_empty() && since_heard >= super::partner::LINE_SILENCE => {
                self.read_rest(now, conn, out);
            }
            Speech::Objects(objects)
                if objects.who.is_none() && now >= partner.since + crate::limits::ms(limits.handshake_ms_max) =>
            {
                self.cut_partner(now, conn, Fault::HandshakeTimeout, out);
            }
            Speech::Undecided(_) | Speech::Objects(_) | Speech::Words(_) => {}
        }
    }

    /// Says something over a connection, after the commits so far: words or objects, whatever is spoken there. Whether
    /// there is room for it.
    pub(super) fn say_to_partner(&mut self, conn: ConnId, pieces: Vec<String>) -> bool {
        let Some(partner) = self.partners.all.get_mut(&conn) else { return false };
        let bytes = pieces.iter().map(String::len).sum::<usize>();
        if partner.waiting_bytes() + bytes > self.limits.plaintext_waiting_bytes_max {
            return false;
        }
        partner.held_bytes += bytes;
        self.said.push(Output::ToPartner(conn, pieces));
        true
    }

    /// What was said may be written.
    pub(in crate::peer) fn release_to_partner(&mut self, conn: ConnId, pieces: Vec<String>) {
        let Some(partner) = self.partners.touch(conn) else { return };
        for piece in pieces {
            partner.held_bytes -= piece.len();
            match &mut partner.speech {
                Speech::Objects(objects) => objects.outgoing.push(piece, ()),
                Speech::Undecided(_) | Speech::Words(_) => partner.words.push(piece),
            }
        }
    }

    /// The end of an event: dials are made, what may be written is, and what is to end does.
    pub(in crate::peer) fn run_partners(&mut self, now: Time, out: &mut Out) {
        for (conn, address) in std::mem::take(&mut self.partners.dials) {
            if self.partners.has(conn) {
                out.push(Action::Connect { conn, address });
            }
        }
        for conn in std::mem::take(&mut self.partners.touched) {
            let Some(partner) = self.partners.all.get_mut(&conn) else { continue };
            while let Some(piece) = partner.next_write(now) {
                out.send(conn, piece.as_bytes());
            }
            let once = matches!(&partner.speech, Speech::Words(words) if words.once);
            let is_written = partner.open && partner.waiting_bytes() == 0;
            if is_written && (partner.ending || once) {
                out.close(conn, CloseHow::Flush);
                if let Some(partner) = self.forget_partner(conn) {
                    self.on_partner_gone(partner);
                }
                continue;
            }
            match partner.deadline(&self.limits) {
                Some(at) => self.timers.set(Timer::Partner(conn), at),
                None => self.timers.clear(Timer::Partner(conn)),
            }
        }
    }

    /// Whether something that was said in plain text is still to be written.
    pub(in crate::peer) fn partners_wait(&self) -> bool {
        self.partners.all.values().any(|partner| partner.waiting_bytes() > 0)
    }

    /// The peer ends: so do they, without what they have not read.
    pub(in crate::peer) fn stop_partners(&mut self, out: &mut Out) {
        for conn in self.partners.all.keys().copied().collect::<Vec<_>>() {
            out.close(conn, CloseHow::Flush);
            if let Some(partner) = self.forget_partner(conn) {
                self.on_partner_gone(partner);
            }
        }
        if let Some(socket) = self.partners.nearby.socket.take() {
            out.push(Action::Close { id: socket.0, how: CloseHow::Abort });
        }
    }

    /// Whether a connection is read: not while output is stopped, nor while it is not known whose it is.
    pub(super) fn set_partner_reading(&mut self, conn: ConnId, out: &mut Out) {
        let Some(partner) = self.partners.all.get_mut(&conn) else { return };
        let awaits = matches!(&partner.speech, Speech::Objects(objects) if objects.claims.is_some());
        let reading = self.output_open && !self.overloaded && !awaits;
        if partner.open && partner.reading != reading {
            partner.reading = reading;
            out.push(Action::Reading(conn, reading));
        }
    }

    /// Whether output is taken has changed, or how much waits for the disk.
    pub(in crate::peer) fn set_partners_reading(&mut self, now: Time, out: &mut Out) {
        for conn in self.partners.all.keys().copied().collect::<Vec<_>>() {
            if self.output_open && !self.overloaded {
                self.on_partner_bytes(now, conn, &[], out);
            }
            self.set_partner_reading(conn, out);
        }
    }
}
