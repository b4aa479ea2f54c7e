//! What the two ends of a link say to each other about transfers, from the link's beginning to its end.

use super::{
    Asked, Live, Run,
    manifest::is_fair,
    outgoing::{Sending, Wanted},
    paths,
};
use crate::{
    error::Fault,
    identity::Key,
    machine::ConnId,
    names::Name,
    peer::{
        change::{Arrival, Change, Transfer, Way},
        interface::{Note, Notice},
        machine::{Out, Peer},
    },
    time::Time,
    wire::{
        peer::{Scope, ToPeer},
        transfer::{Audience, ChunkRef, Hash, Offer, Reason, TransferId},
    },
};

impl Peer {
    /// A link stands: what goes to its other end is offered on it, again where it was offered on others before.
    pub(in crate::peer) fn offer_all(&mut self, conn: ConnId, key: &Key) {
        for number in self.transfers.of(key).collect::<Vec<_>>() {
            let fresh = |live: &Live| !live.is_incoming() && live.after.is_none() && live.conn != Some(conn);
            if self.transfers.all.get(&number).is_some_and(fresh) {
                self.offer(conn, number);
            }
        }
    }

    /// Offers one transfer, or takes it back.
    pub(super) fn offer(&mut self, conn: ConnId, number: u64) {
        let Some(live) = self.transfers.all.get_mut(&number) else { return };
        let transfer = live.kept.id;
        if let Way::Outgoing { ended: Some(reason), .. } = live.kept.way {
            return self.say_to_peer(conn, ToPeer::Withdraw { transfer, reason });
        }
        live.conn = Some(conn);
        let (offer, paused) = (live.kept.offer.clone(), live.kept.paused);
        self.say_to_peer(conn, ToPeer::Offer { transfer, offer });
        if paused {
            self.say_to_peer(conn, ToPeer::Pause { transfer, paused });
        }
    }

    /// A link is gone: what ran over it waits for the next one.
    pub(in crate::peer) fn detach_transfers(&mut self, conn: ConnId) {
        self.transfers.streams.remove(&conn);
        let over = self.transfers.all.iter().filter(|(_, live)| live.conn == Some(conn)).map(|(number, _)| *number);
        for number in over.collect::<Vec<_>>() {
            if let Some(live) = self.transfers.all.get_mut(&number) {
                live.conn = None;
                live.paused_there = false;
                live.wanted = None;
            }
            self.stop_run(number);
        }
    }

    /// A message about transfers.
    pub(in crate::peer) fn on_transfer_message(
        &mut self,
        now: Time,
        conn: ConnId,
        key: Key,
        person: &Name,
        message: ToPeer,
        out: &mut Out,
    ) {
        match message {
            ToPeer::Offer { transfer, offer } => self.on_offer(conn, key, person, transfer, offer),
            ToPeer::Accept { transfer, stream, offset, prefix } => {
                self.on_accept(&key, transfer, Wanted { conn, stream, offset, prefix });
            }
            ToPeer::Credit { stream, up_to } => self.on_credit(now, conn, stream, up_to),
            ToPeer::End { stream, sha256 } => self.on_end(now, conn, stream, sha256, out),
            ToPeer::Whole { transfer } => self.on_whole(&key, transfer),
            ToPeer::Pause { transfer, paused } => self.on_pause(&key, transfer, paused),
            ToPeer::Refuse { transfer, reason } => self.on_refuse(&key, transfer, reason),
            ToPeer::Withdraw { transfer, reason } => self.on_withdraw(conn, &key, transfer, reason),
            // A chunk is read where it stands, and comes here from nobody.
            ToPeer::Chunk { .. }
            | ToPeer::Ping { .. }
            | ToPeer::Pong { .. }
            | ToPeer::Hello { .. }
            | ToPeer::RoomHello { .. }
            | ToPeer::Entry { .. }
            | ToPeer::EntryAck { .. }
            | ToPeer::Private { .. }
            | ToPeer::PrivateAck { .. }
            | ToPeer::Bye { .. }
            | ToPeer::About { .. } => self.cut(now, conn, Fault::Unexpected, out),
        }
    }

    fn on_offer(&mut self, conn: ConnId, key: Key, person: &Name, transfer: TransferId, offer: Offer) {
        let known = self.transfers.by_id.get(&(key, transfer)).copied();
        let Some(live) = known.and_then(|number| self.transfers.all.get_mut(&number)) else {
            return self.on_new_offer(conn, key, person, transfer, offer);
        };
        let number = live.kept.number;
        if live.after.is_some_and(|after| after != super::After::Drop) {
            return self.say_to_peer(conn, ToPeer::Refuse { transfer, reason: Reason::Cancelled });
        }
        match &live.kept.way {
            Way::Outgoing { .. } => self.say_to_peer(conn, ToPeer::Refuse { transfer, reason: Reason::Invalid }),
            Way::Incoming(Arrival::Ended(None)) => self.say_to_peer(conn, ToPeer::Whole { transfer }),
            Way::Incoming(Arrival::Ended(Some(reason))) => {
                let reason = *reason;
                self.say_to_peer(conn, ToPeer::Refuse { transfer, reason });
            }
            Way::Incoming(Arrival::Offered | Arrival::Accepted { .. }) if live.kept.offer != offer => {
                live.conn = Some(conn);
                self.end_transfer(number, Reason::Invalid, true);
            }
            Way::Incoming(Arrival::Offered | Arrival::Accepted { .. }) => {
                live.conn = Some(conn);
                let paused = live.kept.paused;
                self.transfers.stirred = true;
                if paused {
                    self.say_to_peer(conn, ToPeer::Pause { transfer, paused });
                }
                // Whoever offers again what it was sending has given that up: it is told anew from where.
                if self.transfers.receiving_mut(number).is_some_and(|receiving| receiving.stream.is_some()) {
                    self.stop_run(number);
                }
            }
        }
    }

    fn on_new_offer(&mut self, conn: ConnId, key: Key, person: &Name, transfer: TransferId, offer: Offer) {
        let pending = self.transfers.of(&key).filter(|number| self.transfers.all[number].is_offer()).count();
        let busy = || {
            pending >= self.limits.offers_per_person_max
                || self.transfers.count(Live::is_offer) >= self.limits.offers_max
                || self.transfers.count(Live::is_live) >= self.limits.transfers_max
        };
        let refused = if !is_fair(&offer, &self.limits) {
            Some(Reason::Invalid)
        } else if busy() {
            Some(Reason::Busy)
        } else {
            None
        };
        if let Some(reason) = refused {
            let told = &mut self.transfers.streams.entry(conn).or_default().refused_told;
            if !std::mem::replace(told, true) {
                self.note(Note::OffersRefused { user: person.clone(), reason });
            }
            return self.say_to_peer(conn, ToPeer::Refuse { transfer, reason });
        }
        let number = self.add_transfer(transfer, key, person.clone(), offer, Way::Incoming(Arrival::Offered));
        if let Some(live) = self.transfers.all.get_mut(&number) {
            live.conn = Some(conn);
        }
        self.put_offer(number);
    }

    /// Lets the person decide, unless that is decided.
    pub(super) fn put_offer(&mut self, number: u64) {
        let Some(live) = self.transfers.all.get_mut(&number) else { return };
        if self.transfers.auto_accept && self.people.is_verified(&live.kept.with) {
            live.deciding = true;
            self.transfers.ask(Asked::Space { number, token: None }, crate::disk::Ask::Space);
        } else {
            self.tell_offer(number, false);
        }
    }

    /// Tells the person of an offer.
    pub(super) fn tell_offer(&mut self, number: u64, accepted: bool) {
        let Some(live) = self.transfers.all.get(&number) else { return };
        let offer = &live.kept.offer;
        let from = self.person_with(&live.kept.with);
        let (room, scope) = match offer.audience {
            Audience::Private => (None, Some(Scope::Private)),
            Audience::All => (None, Some(Scope::All)),
            // Anyone can say so; it is told of those who are in the room.
            Audience::Room(id) => {
                match self.rooms.get(&id).filter(|room| from.as_ref().is_some_and(|from| room.has(from))) {
                    Some(room) => (Some(room.record.name.clone()), None),
                    None => (None, Some(Scope::Private)),
                }
            }
        };
        let notice = Notice::Offer {
            transfer: number,
            from: live.kept.user.clone(),
            room,
            scope,
            name: paths::harmless(offer.name.as_str()).expect("it was fair"),
            tree: offer.tree,
            size: offer.size,
            files: offer.files,
            accepted,
        };
        self.tell(notice);
    }

    /// The transfer with someone, if it goes this way.
    fn transfer_with(&mut self, key: &Key, id: TransferId, incoming: bool) -> Option<&mut Live> {
        let number = self.transfers.by_id.get(&(*key, id))?;
        let live = self.transfers.all.get_mut(number)?;
        (live.is_incoming() == incoming && live.after.is_none()).then_some(live)
    }

    fn on_accept(&mut self, key: &Key, transfer: TransferId, wanted: Wanted) {
        let Some(live) = self.transfer_with(key, transfer, false) else { return };
        if !live.is_live() || live.conn != Some(wanted.conn) || live.kept.paused {
            return;
        }
        let number = live.kept.number;
        if wanted.offset > live.kept.offer.stream_bytes() {
            return self.end_transfer(number, Reason::Invalid, true);
        }
        self.stop_run(number);
        if let Some(live) = self.transfers.all.get_mut(&number) {
            live.wanted = Some(wanted);
        }
        self.transfers.stirred = true;
    }

    /// The transfer that is sent as a stream.
    fn sent_as(&mut self, conn: ConnId, stream: u32) -> Option<(u64, &mut Sending)> {
        let numbers = self.transfers.sending.get(&conn)?;
        let is_it = |number: &&u64| {
            let run = self.transfers.all.get(number).map(|live| &live.run);
            matches!(run, Some(Run::Sending(sending)) if sending.stream() == (conn, stream))
        };
        let number = *numbers.iter().find(is_it)?;
        Some((number, self.transfers.sending_mut(number)?))
    }

    fn on_credit(&mut self, now: Time, conn: ConnId, stream: u32, up_to: u64) {
        let Some((number, sending)) = self.sent_as(conn, stream) else { return };
        let before = sending.kept();
        if let Err(reason) = sending.on_credit(up_to) {
            return self.end_transfer(number, reason, true);
        }
        let kept = sending.kept();
        if kept > before {
            self.transfers.touch(now, number);
        }
        self.on_progress(now, number, kept);
        self.go_on_sending(number);
    }

    fn on_whole(&mut self, key: &Key, transfer: TransferId) {
        let Some(live) = self.transfer_with(key, transfer, false) else { return };
        let transfer = live.kept.number;
        let mut words = Vec::new();
        if live.is_live() {
            let Transfer { user, offer, way, .. } = &live.kept;
            let (to, name, total) = (user.clone(), offer.name.as_str().to_owned(), offer.size);
            let skipped = if let Way::Outgoing { skipped, .. } = way { *skipped } else { 0 };
            let sent = Notice::Sent { transfer, to, name, skipped };
            words = vec![Notice::Progress { transfer, done: total, total }, sent];
        }
        self.forget_transfer(transfer, words);
    }

    fn on_pause(&mut self, key: &Key, transfer: TransferId, paused: bool) {
        let Some(number) = self.transfers.by_id.get(&(*key, transfer)).copied() else { return };
        let Some(live) = self.transfers.live_mut(number) else { return };
        if live.paused_there == paused {
            return;
        }
        live.paused_there = paused;
        // Of what is undecided, the person need not know it.
        if !live.is_offer() {
            let user = live.kept.user.clone();
            self.note(Note::TransferPaused { transfer: number, user, paused });
            self.on_pause_changed(number);
        }
    }

    fn on_refuse(&mut self, key: &Key, transfer: TransferId, reason: Reason) {
        let Some(live) = self.transfer_with(key, transfer, false) else { return };
        let number = live.kept.number;
        let words = if live.is_live() { vec![live.ended(reason, false)] } else { Vec::new() };
        self.forget_transfer(number, words);
    }

    fn on_withdraw(&mut self, conn: ConnId, key: &Key, transfer: TransferId, reason: Reason) {
        if let Some(live) = self.transfer_with(key, transfer, true) {
            // What is all there, is received all the same.
            if live.is_finishing() {
                return;
            }
            let number = live.kept.number;
            if live.is_live() {
                self.end_transfer(number, reason, false);
            } else {
                self.forget_transfer(number, Vec::new());
            }
        }
        self.say_to_peer(conn, ToPeer::Refuse { transfer, reason: Reason::Cancelled });
    }

    /// The transfer that is received as a stream; `Err` where the stream was never opened.
    fn received_as(&self, conn: ConnId, stream: u32) -> Result<Option<u64>, Fault> {
        let streams = self.transfers.streams.get(&conn).ok_or(Fault::Unexpected)?;
        if stream == 0 || stream > streams.opened {
            return Err(Fault::Unexpected);
        }
        Ok(streams.open.get(&stream).copied())
    }

    /// A part of a file came.
    pub(in crate::peer) fn on_chunk(&mut self, now: Time, conn: ConnId, chunk: ChunkRef<'_>, out: &mut Out) {
        let ChunkRef { stream, offset, bytes } = chunk;
        let number = match self.received_as(conn, stream) {
            Ok(Some(number)) => number,
            Ok(None) => return,
            Err(fault) => return self.cut(now, conn, fault, out),
        };
        let Some(receiving) = self.transfers.receiving_mut(number) else { return };
        match receiving.on_chunk(offset, bytes) {
            Ok(()) => {
                self.transfers.touch(now, number);
                self.go_on_receiving(number);
            }
            Err(reason) => self.end_transfer(number, reason, true),
        }
    }

    fn on_end(&mut self, now: Time, conn: ConnId, stream: u32, sum: Hash, out: &mut Out) {
        let number = match self.received_as(conn, stream) {
            Ok(Some(number)) => number,
            Ok(None) => return,
            Err(fault) => return self.cut(now, conn, fault, out),
        };
        let Some(receiving) = self.transfers.receiving_mut(number) else { return };
        match receiving.on_end(sum) {
            Ok(()) => self.go_on_receiving(number),
            Err(reason) => self.end_transfer(number, reason, true),
        }
    }

    /// Someone has another key now: what goes there is offered to that one, anew, for it has nothing of it. What came
    /// from the former key ends: whoever has that now may be someone else, and nobody else can go on with it.
    pub(in crate::peer) fn renew_transfers(&mut self, old: &Key, new: Key) {
        for number in self.transfers.of(old).collect::<Vec<_>>() {
            let Some(live) = self.transfers.live_mut(number).filter(|live| !live.is_finishing()) else { continue };
            let kept = live.kept.clone();
            self.end_transfer(number, Reason::OtherKey, true);
            if let Way::Outgoing { .. } = kept.way {
                let number = self.add_outgoing(new, kept.user, kept.offer, kept.way);
                if kept.paused
                    && let Some(live) = self.transfers.live_mut(number)
                {
                    live.kept.paused = true;
                    self.changes.push(Change::TransferPaused { transfer: number, paused: true });
                }
            }
        }
    }

    /// Everything with someone ends, for it is talked to no longer.
    pub(in crate::peer) fn end_transfers_with(&mut self, key: &Key) {
        for number in self.transfers.of(key).collect::<Vec<_>>() {
            let Some(live) = self.transfers.live_mut(number) else { continue };
            if live.is_finishing() {
                continue;
            }
            let reason = if live.is_offer() { Reason::Rejected } else { Reason::Cancelled };
            self.end_transfer(number, reason, true);
        }
    }
}
