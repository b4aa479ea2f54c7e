//! JSON objects: members of a plaintext room who are there with the older programs, and private chats with them.
//!
//! Whoever joins a room dials everyone there; who is there does not dial whoever comes, but a papo that has something to
//! say to someone who did not dial does. Names are believed as the tracker lists them, with their addresses.

use std::net::{IpAddr, SocketAddr};

use super::partner::{Objects, Partner, Speech};
use crate::{
    error::Fault,
    machine::{CloseHow, ConnId},
    names::Name,
    peer::{
        change::{Change, Incoming, Realm},
        interface::{Note, Notice, Problem, Target},
        machine::{Out, Peer},
        people::{Person, PersonId},
        session::Asked,
    },
    plaintext::json::peer::PeerMessage,
    time::Time,
    wire::{
        peer::Scope,
        room::RoomId,
        tracker::{Dialect, ToTracker},
    },
};

/// Whether someone may be spoken to in objects.
enum Vouched {
    Yes,
    /// It is not told of, or not there.
    Unknown,
    No(Fault),
}

impl Person {
    /// Whether it is there with an older program, and plain text may be exchanged with it: a pinned name never gets any.
    pub(in crate::peer) fn takes_objects(&self) -> bool {
        self.online && self.dialect == Dialect::Json && self.pinned.is_none() && !self.blocked
    }
}

impl Peer {
    /// Works off the objects that have come, until that is all or it must be known first whose they are.
    pub(super) fn read_objects(&mut self, now: Time, conn: ConnId, out: &mut Out) {
        loop {
            let open = self.output_open && !self.overloaded;
            let Some(partner) = self.partners.all.get_mut(&conn) else { return };
            let Speech::Objects(objects) = &mut partner.speech else { return };
            if partner.ending || objects.claims.is_some() || !open {
                break;
            }
            match objects.incoming.next_object(self.limits.plaintext_object_bytes_max) {
                Ok(None) => break,
                Ok(Some(object)) => match PeerMessage::decode(&object) {
                    Some(message) => self.on_object(now, conn, message, out),
                    None => self.counters.count(Fault::Malformed),
                },
                Err(_) => return self.cut_partner(now, conn, Fault::Malformed, out),
            }
        }
        self.set_partner_reading(conn, out);
    }

    fn on_object(&mut self, now: Time, conn: ConnId, message: PeerMessage, out: &mut Out) {
        let Some(partner) = self.partners.touch(conn) else { return };
        let Speech::Objects(objects) = &mut partner.speech else { return };
        match (message, objects.who.clone()) {
            (PeerMessage::Ping, _) => {
                let asked = objects.outgoing.asked();
                objects.outgoing.reply(PeerMessage::Pong.encode(), asked);
            }
            (PeerMessage::Pong, _) | (PeerMessage::Hello { .. }, Some(_)) => {}
            (PeerMessage::Hello { username }, None) => match Name::new(&username) {
                Ok(name) => {
                    objects.claims = Some(name);
                    self.identify_partner(now, conn, true, out);
                }
                Err(_) => self.cut_partner(now, conn, Fault::Unlisted, out),
            },
            (PeerMessage::Message { .. } | PeerMessage::Leave { .. }, None) => {
                self.cut_partner(now, conn, Fault::Unexpected, out);
            }
            (PeerMessage::Leave { .. }, Some(_)) => self.end_partner(conn),
            (PeerMessage::Message { room, username, content }, Some(id)) => {
                let own = Name::new(&username).is_ok_and(|name| name == id.1);
                let room = room.map(|room| self.plaintext_room(&room, &id));
                match room {
                    _ if !own => self.counters.count(Fault::Forged),
                    Some(None) => self.counters.count(Fault::Unexpected),
                    Some(Some(room)) => self.on_plaintext(now, id.1, Some(room), None, content),
                    None => self.on_plaintext(now, id.1, None, Some(Scope::Private), content),
                }
            }
        }
    }

    /// The plaintext room of that name in which this peer and someone are.
    fn plaintext_room(&self, name: &str, id: &PersonId) -> Option<Name> {
        let room = self.rooms.get(&self.room_named(&Name::new(name).ok()?)?)?;
        (room.record.is_plaintext() && room.has(id)).then(|| room.record.name.clone())
    }

    /// Something was said in plain text.
    pub(super) fn on_plaintext(
        &mut self,
        now: Time,
        from: Name,
        room: Option<Name>,
        scope: Option<Scope>,
        mut text: String,
    ) {
        text.truncate(text.floor_char_boundary(self.limits.text_bytes_max));
        if text.is_empty() {
            return;
        }
        let number = self.next_received();
        // Its author gives it no id.
        let id = format!("plaintext-{number}");
        let at = self.wall_now(now);
        let incoming = Incoming { number, id, from, room, scope, at, text, gap: false, plaintext: true };
        self.changes.push(Change::PlaintextSeen { incoming: incoming.clone() });
        self.tell(Notice::Message(incoming));
    }

    /// Finds out whether somebody is who it says, now or once the tracker has said so.
    fn identify_partner(&mut self, now: Time, conn: ConnId, may_ask: bool, out: &mut Out) {
        let Some(partner) = self.partners.all.get(&conn) else { return };
        let Speech::Objects(Objects { claims: Some(name), .. }) = &partner.speech else { return };
        let (id, ip) = ((self.realm(), name.clone()), partner.remote.ip());
        match self.vouch(&id, ip) {
            Vouched::Yes => {
                if let Some(Partner { speech: Speech::Objects(objects), .. }) = self.partners.touch(conn) {
                    objects.claims = None;
                    objects.who = Some(id.clone());
                }
                self.tell_partner(conn, id.1);
                self.read_objects(now, conn, out);
            }
            Vouched::No(fault) => self.cut_partner(now, conn, fault, out),
            Vouched::Unknown if may_ask => match self.session.up() {
                Some(_) => self.ask_listed(now, conn, id.1, out),
                // It can be asked soon.
                None if self.session.is_coming_up() => {}
                None => self.cut_partner(now, conn, Fault::Unlisted, out),
            },
            Vouched::Unknown => self.cut_partner(now, conn, Fault::Unlisted, out),
        }
    }

    /// Those who waited for the session can be asked for now.
    pub(in crate::peer) fn identify_partners(&mut self, now: Time, out: &mut Out) {
        for conn in self.partners.all.keys().copied().collect::<Vec<_>>() {
            self.identify_partner(now, conn, true, out);
        }
    }

    /// The tracker has said what it lists, or nothing.
    pub(in crate::peer) fn on_listed_asked(&mut self, now: Time, conn: ConnId, out: &mut Out) {
        self.identify_partner(now, conn, false, out);
        self.set_partner_reading(conn, out);
    }

    fn ask_listed(&mut self, now: Time, conn: ConnId, name: Name, out: &mut Out) {
        let Some(tracker) = self.session.up().filter(|_| self.session.asked.len() < self.limits.asks_max) else {
            return self.cut_partner(now, conn, Fault::TooManyConnections, out);
        };
        let request = self.next_request(Asked::Listed { conn });
        self.say_to_tracker(tracker, ToTracker::WhoisName { request, name });
    }

    /// Whether the tracker lists a name for an address, and it may be spoken to.
    fn vouch(&self, id: &PersonId, ip: IpAddr) -> Vouched {
        let Some(person) = self.people.find(id).filter(|_| id.0 != Realm::Lan) else { return Vouched::Unknown };
        if person.blocked {
            return Vouched::No(Fault::Blocked);
        }
        if person.pinned.is_some() {
            return Vouched::No(Fault::UnexpectedKey);
        }
        let listed = person.endpoints.iter().any(|endpoint| endpoint.ip().to_canonical() == ip.to_canonical());
        if person.takes_objects() && listed { Vouched::Yes } else { Vouched::Unknown }
    }

    /// The connection with someone, which is dialled where there is none.
    fn reach_partner(&mut self, now: Time, id: &PersonId) -> Option<ConnId> {
        let person = self.people.find(id).filter(|person| self.allow_plaintext && person.takes_objects())?;
        let address = *person.endpoints.first()?;
        if let Some(conn) = self.partners.with(id) {
            return Some(conn);
        }
        let objects = Objects { who: Some(id.clone()), ..Objects::default() };
        let conn = self.dial_partner(address, Partner::dialled(now, address, Speech::Objects(objects)))?;
        self.say_to_partner(conn, vec![PeerMessage::Hello { username: self.me.to_string() }.encode()]);
        Some(conn)
    }

    /// Dials an address whose program is known to be an older one, without papo's preface. Whether it is known so.
    pub(in crate::peer) fn connect_plainly(&mut self, now: Time, token: u64, address: SocketAddr) -> bool {
        let speaks = |person: &Person| person.takes_objects() && person.endpoints.contains(&address);
        let known = self.people.iter().find(|(id, person)| id.0 == self.realm() && speaks(person));
        let Some(id) = known.map(|(id, _)| id.clone()).filter(|_| self.allow_plaintext) else {
            return self.connect_words(now, token, address);
        };
        if self.partners.with(&id).is_some() {
            self.outcome(token, Some(Problem::AlreadyLinked { user: id.1 }));
        } else if let Some(partner) = self.reach_partner(now, &id).and_then(|conn| self.partners.all.get_mut(&conn)) {
            partner.asked_by = Some(token);
        } else {
            self.outcome(token, Some(Problem::TooManyRequests));
        }
        true
    }

    /// This peer has come into a room: it dials everyone there who is there with an older program.
    pub(in crate::peer) fn meet_partners(&mut self, now: Time, room: RoomId) {
        let realm = self.realm();
        let Some(room) = self.rooms.get(&room).filter(|room| room.record.is_plaintext()) else { return };
        if !self.allow_plaintext {
            let room = room.record.name.clone();
            return self.note(Note::PlaintextRoom { room });
        }
        for member in room.members.clone() {
            self.reach_partner(now, &(realm, member));
        }
    }

    /// This peer leaves a room: those of it whom it speaks to in no other are told, and it hangs up.
    pub(in crate::peer) fn leave_partners(&mut self, members: &[Name]) {
        let realm = self.realm();
        let shared = |id: &PersonId| self.rooms.values().any(|room| room.record.is_plaintext() && room.has(id));
        let members = members.iter().map(|member| (realm, member.clone())).filter(|id| !shared(id));
        for conn in members.filter_map(|id| self.partners.with(&id)).collect::<Vec<_>>() {
            self.say_to_partner(conn, vec![PeerMessage::Leave { private: false }.encode()]);
            self.end_partner(conn);
        }
    }

    /// Says something in a room to those who are there with older programs: own words, to them alone.
    pub(in crate::peer) fn say_in_plaintext_room(&mut self, now: Time, id: RoomId, text: &str) {
        let realm = self.realm();
        let Some(room) = self.rooms.get(&id).filter(|room| room.record.is_plaintext()) else { return };
        let (name, members) = (room.record.name.clone(), room.members.clone());
        for id in members.into_iter().map(|member| (realm, member)) {
            if self.people.find(&id).is_some_and(Person::takes_objects) {
                self.say_in_objects(now, &id, Some(&name), text);
            }
        }
    }

    fn say_in_objects(&mut self, now: Time, id: &PersonId, room: Option<&Name>, text: &str) {
        let messages = PeerMessage::messages(room.map(Name::as_str), self.me.as_str(), text);
        let objects = messages.iter().map(PeerMessage::encode).collect();
        let said = self.reach_partner(now, id).is_some_and(|conn| self.say_to_partner(conn, objects));
        if !said && self.allow_plaintext {
            self.note(Note::PlaintextLost { user: id.1.clone() });
        }
    }

    /// Says something in private to someone who is there with an older program.
    pub(in crate::peer) fn say_to_older(&mut self, now: Time, token: u64, id: &PersonId, text: String) {
        let user = id.1.clone();
        if !self.allow_plaintext {
            return self.outcome(token, Some(Problem::Plaintext { user }));
        }
        self.tell_said(now, Target::User(user), &text);
        self.say_in_objects(now, id, None, &text);
        self.outcome(token, None);
    }

    /// What this peer says in plain text is not kept: it gets an id for whoever reads the events.
    pub(in crate::peer) fn tell_said(&mut self, now: Time, to: Target, text: &str) {
        let id = crate::hex::encode(&self.nonces.bytes::<16>());
        let (at, text) = (self.wall_now(now), text.to_owned());
        self.tell(Notice::Said { id, to, at, text, waiting: Vec::new() });
    }

    /// Someone is there in another way than before, or is not welcome any more.
    pub(in crate::peer) fn review_partner(&mut self, id: &PersonId, out: &mut Out) {
        let Some(conn) = self.partners.with(id) else { return };
        if !self.people.find(id).is_some_and(Person::takes_objects) {
            out.close(conn, CloseHow::Abort);
            self.drop_partner(conn);
        }
    }
}
