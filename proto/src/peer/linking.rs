//! Other peers: dialling and accepting, finding out who it is, one link a pair, liveness, goodbyes.

use std::net::SocketAddr;

use super::{
    change::Realm,
    interface::{Note, Notice, PeerEvent, Problem},
    link::{Cursor, Link, Links, Stage},
    machine::{Out, Output, Peer, Timer},
    people::PersonId,
};
use crate::{
    channel::{Channel, Preface, Step},
    error::Fault,
    identity::Key,
    limits::ms,
    machine::{Action, CloseHow, ConnId, Refusal},
    names::Name,
    source::Source,
    time::Time,
    wire::{
        codec::Wire as _,
        peer::{Have, ToPeer},
        tracker::{Dialect, Goodbye},
        transfer::ChunkRef,
    },
};

/// How long the larger key leaves dialling to the smaller, so that two seldom dial each other at once.
const YIELD_MS: u64 = 1_000;

impl Peer {
    /// Whether this peer wants a link to a person: something waits for it, it is talked to, or a room is shared.
    fn wants_link(&self, id: &PersonId, key: &Key) -> bool {
        let Some(person) = self.people.find(id) else { return false };
        person.wanted || self.outbox.waiting(key) > 0 || self.transfers.want_link(key) || self.shares_room(id)
    }

    /// Whether a person is an account in a room with this peer: then the tracker tells of it unasked.
    pub(super) fn shares_room(&self, id: &PersonId) -> bool {
        id.0 != Realm::Lan && self.rooms.values().any(|room| room.members.contains(&id.1))
    }

    /// Sets a dial in motion where a link is wanted and possible.
    pub(super) fn consider_dial(&mut self, now: Time, id: &PersonId) {
        let Some(person) = self.people.find(id) else { return };
        let Some(key) = person.usable_key() else { return };
        if person.held
            || person.dialect != Dialect::Papo
            || self.stopping
            || person.looked_up
            || person.dialling.is_some()
            || key == self.identity.key()
            || self.links.up(&key).is_some()
            || !self.wants_link(id, &key)
        {
            return;
        }
        let away = !person.online && id.0 != Realm::Lan && self.session.up().is_some();
        if away || person.endpoints.is_empty() {
            // Of whom it is not told, the tracker is asked at once, and then from time to time.
            if !self.shares_room(id) && id.0 != Realm::Lan && self.timers.at(Timer::Dial(key)).is_none() {
                let up = self.session.up().is_some();
                let redial = &mut self.people.entry(id).redial;
                let first = redial.failures() == 0 && up;
                let wait = redial.next_wait(&mut self.jitter);
                self.timers.set(Timer::Dial(key), if first { now } else { now + wait });
            }
            return;
        }
        let first = person.redial.failures() == 0;
        let at = if self.identity.key() < key || !first { now } else { now + self.jitter.jittered(ms(YIELD_MS)) };
        // An attempt that waits for its time keeps it, unless there is new hope.
        if first {
            self.timers.set_earlier(Timer::Dial(key), at);
        } else if self.timers.at(Timer::Dial(key)).is_none() {
            self.timers.set(Timer::Dial(key), at);
        }
    }

    pub(super) fn on_dial_due(&mut self, now: Time, key: Key, out: &mut Out) {
        self.miss_yielded(&key);
        let Some(id) = self.person_with(&key) else { return };
        if self.links.up(&key).is_some() || !self.wants_link(&id, &key) || self.stopping {
            return;
        }
        let told = self.session.up().is_some() && id.0 == self.realm() && id.0 != Realm::Lan;
        let shares = self.shares_room(&id);
        if told && shares && self.people.find(&id).is_none_or(|person| !person.online) {
            // The tracker will tell when it is back.
            return;
        }
        if told && !shares {
            if let Some(person) = self.people.find_mut(&id) {
                person.looked_up = true;
            }
            self.look_up(&id.1);
        } else {
            self.dial_person(now, &id, key, out);
        }
    }

    /// A link that gave way to another one is lost, since no other came.
    pub(super) fn miss_yielded(&mut self, key: &Key) {
        if let Some((id, address)) = self.links.take_yielded(key) {
            self.tell(Notice::Peer { what: PeerEvent::Lost, user: id.1, address: Some(address), plaintext: false });
        }
    }

    /// The tracker was asked where someone is, and has answered or is gone.
    pub(super) fn on_looked(&mut self, user: &Name) {
        let id = (self.realm(), user.clone());
        if let Some(person) = self.people.find_mut(&id) {
            person.looked_up = false;
        }
    }

    /// Dials someone whom the tracker has just told of, or asks again later.
    pub(super) fn dial_if_there(&mut self, now: Time, user: &Name, out: &mut Out) {
        let id = (self.realm(), user.clone());
        let Some(person) = self.people.find(&id) else { return };
        let Some(key) = person.usable_key() else { return };
        if person.online {
            self.timers.clear(Timer::Dial(key));
            self.dial_person(now, &id, key, out);
        } else {
            self.consider_dial(now, &id);
        }
    }

    fn dial_person(&mut self, now: Time, id: &PersonId, key: Key, out: &mut Out) {
        if self.links.up(&key).is_some() {
            return;
        }
        if self.links.dialling() >= self.limits.dials_max || self.links.known() >= self.limits.links_max {
            let at = now + self.jitter.jittered(ms(self.limits.redial_ms_min));
            self.timers.set(Timer::Dial(key), at);
            return;
        }
        let Some(person) = self.people.find_mut(id) else { return };
        let ready = person.dialling.is_none() && !person.held && person.dialect == Dialect::Papo;
        if !ready || person.usable_key() != Some(key) {
            return;
        }
        let Some(&address) = person.endpoints.get(person.next_endpoint).or_else(|| person.endpoints.first()) else {
            return;
        };
        let conn = self.ids.next_conn();
        person.dialling = Some(conn);
        let mut link = Link::new(now, Stage::Dialling, true, address);
        link.expected = Some(key);
        link.person = Some(id.clone());
        self.dial(now, conn, link, out);
    }

    /// Dials an address that the person named.
    pub(super) fn dial_by_hand(&mut self, now: Time, token: u64, address: SocketAddr, out: &mut Out) {
        let conn = self.ids.next_conn();
        let mut link = Link::new(now, Stage::Dialling, true, address);
        link.asked_by = Some(token);
        self.connecting.insert(token, conn);
        self.dial(now, conn, link, out);
    }

    pub(super) fn dial(&mut self, now: Time, conn: ConnId, link: Link, out: &mut Out) {
        let address = link.remote;
        self.links.add(conn, link);
        self.timers.set(Timer::Progress(conn), now + ms(self.limits.dial_ms_max));
        out.push(Action::Connect { conn, address });
    }

    pub(super) fn on_link_opened(&mut self, now: Time, conn: ConnId, out: &mut Out) {
        let rng = self.seed.stream("channel", conn.0);
        let Some(link) = self.links.find_mut(conn) else { return };
        link.stage = Stage::Channel;
        link.heard = now;
        let (identity, statics) = (self.identity.clone(), &self.statics);
        link.channel = Some(out.send_with(conn, |bytes| Channel::dial(Preface::Peer, identity, statics, rng, bytes)));
        self.timers.set(Timer::Progress(conn), now + ms(self.limits.handshake_ms_max));
        self.set_reading(conn, out);
    }

    pub(super) fn on_link_accepted(&mut self, now: Time, conn: ConnId, remote: SocketAddr, out: &mut Out) {
        if self.stopping {
            out.close(conn, CloseHow::Abort);
        } else if self.allow_plaintext {
            self.on_partner_accepted(now, conn, remote, out);
        } else {
            self.accept_link(now, conn, remote, out);
        }
    }

    /// A connection on which papo's preface stands, or has to.
    pub(super) fn accept_link(&mut self, now: Time, conn: ConnId, remote: SocketAddr, out: &mut Out) {
        // Those that are being closed wait for the disk, and count as well.
        let crowded = self.links.unknown() + self.closing.len() >= self.limits.links_unknown_max;
        let gives_way = if crowded { self.links.most_crowding(Source::of(remote.ip())) } else { None };
        let full = self.links.len() >= self.limits.links_max + self.limits.links_unknown_max;
        if full || (crowded && gives_way.is_none()) {
            out.close(conn, CloseHow::Abort);
            return self.on_stranger(now, Fault::TooManyConnections, remote);
        }
        if let Some(other) = gives_way {
            self.cut(now, other, Fault::TooManyFromAddress, out);
        }
        let rng = self.seed.stream("channel", conn.0);
        let mut link = Link::new(now, Stage::Channel, false, remote);
        link.channel = Some(Channel::accept(Preface::Peer, self.identity.clone(), &self.statics, rng));
        self.links.add(conn, link);
        self.timers.set(Timer::Progress(conn), now + ms(self.limits.handshake_ms_max));
        self.set_reading(conn, out);
    }

    /// A dial did not lead to a channel: the next address, or a wait.
    pub(super) fn on_dial_failed(&mut self, now: Time, conn: ConnId, why: Result<Fault, Refusal>, out: &mut Out) {
        let Some(link) = self.forget_link(conn) else { return };
        if let Ok(fault) = why {
            self.counters.count(fault);
        }
        if let Some(token) = link.asked_by {
            self.connecting.remove(&token);
            let address = link.remote;
            let problem = match why {
                Ok(Fault::Oneself) => Problem::Oneself,
                Ok(fault) => Problem::LinkFault { address, fault },
                Err(reason) => Problem::Unreachable { address, reason },
            };
            self.outcome(token, Some(problem));
        }
        if let Some(id) = link.person {
            self.on_person_unreached(now, &id, conn, out);
        }
    }

    fn on_person_unreached(&mut self, now: Time, id: &PersonId, conn: ConnId, out: &mut Out) {
        let Some(person) = self.people.find_mut(id) else { return };
        if person.dialling != Some(conn) {
            return;
        }
        person.dialling = None;
        let Some(key) = person.usable_key() else { return };
        person.next_endpoint += 1;
        if person.next_endpoint < person.endpoints.len() {
            self.dial_person(now, id, key, out);
        } else {
            person.next_endpoint = 0;
            let wait = person.redial.next_wait(&mut self.jitter);
            self.timers.set(Timer::Dial(key), now + wait);
        }
    }

    /// Whether a connection is read: not while output is stopped, nor while it is not known who it is.
    pub(super) fn set_reading(&mut self, conn: ConnId, out: &mut Out) {
        let Some(link) = self.links.find_mut(conn) else { return };
        let waits = matches!(link.stage, Stage::Greeting { hello: Some(_), .. });
        let reading = self.output_open && !self.overloaded && !waits;
        if link.reading != reading && !matches!(link.stage, Stage::Dialling) {
            link.reading = reading;
            out.push(Action::Reading(conn, reading));
        }
    }

    pub(super) fn on_link_bytes(&mut self, now: Time, conn: ConnId, bytes: &[u8], out: &mut Out) {
        if let Some(link) = self.links.find_mut(conn) {
            if !bytes.is_empty() {
                link.heard = now;
                link.doubted = None;
            }
            if let Some(channel) = &mut link.channel {
                channel.handle_bytes(bytes);
            }
        }
        let mut progressed = false;
        loop {
            let Some(link) = self.links.find_mut(conn) else { return };
            let awaited = matches!(link.stage, Stage::Greeting { hello: Some(_), .. });
            if awaited || (link.is_up() && !self.output_open) {
                break;
            }
            let up = link.is_up();
            let max = if up { self.limits.frame_bytes_max } else { self.limits.frame_before_login_bytes_max };
            let Some(channel) = &mut link.channel else { return };
            match out.send_with(conn, |reply| channel.next_step(max, reply)) {
                Ok(None) => break,
                Ok(Some(Step::Identified(key))) => self.on_link_identified(now, conn, key, out),
                Ok(Some(Step::Established(key))) => self.on_link_established(now, conn, key),
                Ok(Some(Step::Message(message))) if up && ChunkRef::is_in(&message) => {
                    match ChunkRef::from_bytes(&message) {
                        Ok(chunk) => self.on_chunk(now, conn, chunk, out),
                        Err(_) => return self.cut(now, conn, Fault::Malformed, out),
                    }
                }
                Ok(Some(Step::Message(message))) => match ToPeer::from_bytes(&message) {
                    Ok(message) => self.on_link_message(now, conn, message, out),
                    Err(_) => return self.cut(now, conn, Fault::Malformed, out),
                },
                Err(fault) => return self.cut(now, conn, fault, out),
            }
            progressed = true;
        }
        self.set_reading(conn, out);
        self.time_frame(now, conn, progressed);
    }

    /// The dialled end has shown its key; it has not seen ours yet.
    fn on_link_identified(&mut self, now: Time, conn: ConnId, key: Key, out: &mut Out) {
        let up = self.links.up(&key).is_some();
        let known = self.person_with(&key);
        let Some(link) = self.links.find_mut(conn) else { return };
        if link.expected.is_some_and(|expected| expected != key) {
            return self.cut(now, conn, Fault::UnexpectedKey, out);
        }
        if up && let (Some(token), Some((_, user))) = (link.asked_by.take(), known) {
            self.connecting.remove(&token);
            self.outcome(token, Some(Problem::AlreadyLinked { user }));
            out.close(conn, CloseHow::Abort);
            self.forget_link(conn);
            return;
        }
        if let Some(channel) = &mut link.channel {
            out.send_with(conn, |bytes| channel.confirm(bytes));
        }
    }

    fn on_link_established(&mut self, now: Time, conn: ConnId, key: Key) {
        if !self.on_neighbour_identified(now, conn, key) {
            return;
        }
        if self.people.is_key_blocked(&key) {
            return self.turn_away(conn, Goodbye::Blocked, Fault::Blocked);
        }
        // On a network without a tracker everyone dials whomever it finds: a hold that ends with that would be none.
        if self.links.find(conn).is_some_and(|link| !link.dialled) && self.people.is_key_dismissed(&key) {
            return self.refuse_link(conn, Goodbye::Disconnected);
        }
        let tracker = self.session.account.is_some().then_some(self.session.key).flatten();
        let Some(remote) = self.links.find(conn).map(|link| link.remote) else { return };
        let (instance, port) = self.greeting_to(remote);
        let hello = ToPeer::Hello { name: self.me.clone(), tracker, have: self.private_have(&key), instance, port };
        let Some(link) = self.links.find_mut(conn) else { return };
        link.key = Some(key);
        link.stage = Stage::Greeting { hello: None, asked: false };
        self.timers.set(Timer::Progress(conn), now + ms(self.limits.handshake_ms_max));
        self.say_to_peer(conn, hello);
    }

    fn on_link_message(&mut self, now: Time, conn: ConnId, message: ToPeer, out: &mut Out) {
        let Some(link) = self.links.find_mut(conn) else { return };
        match (&mut link.stage, message) {
            (Stage::Greeting { hello: heard, .. }, ToPeer::Hello { name, tracker, have, instance, port }) => {
                *heard = Some((name, tracker, have));
                self.on_neighbour_greeted(now, conn, instance, port);
                self.timers.set(Timer::Progress(conn), now + ms(self.limits.request_ms_max));
                self.identify_link(now, conn);
            }
            (_, ToPeer::Bye { reason }) => self.on_link_bye(now, conn, reason, out),
            (Stage::Up, message) => self.on_message(now, conn, message, out),
            (Stage::Greeting { .. } | Stage::Dialling | Stage::Channel, _) => {
                self.cut(now, conn, Fault::Unexpected, out);
            }
        }
    }

    /// Whether those who called unasked have as many links as they may: half of all, so that there is room for the
    /// others however many call.
    fn is_crowded_by_callers(&self) -> bool {
        let calls = |link: &Link| {
            let (Some(id), Some(key)) = (&link.person, &link.key) else { return false };
            link.is_up() && !link.dialled && !self.wants_link(id, key)
        };
        self.links.iter().filter(|(_, link)| calls(link)).count() >= self.limits.links_max.div_ceil(2)
    }

    pub(super) fn on_link_up(&mut self, now: Time, conn: ConnId, id: &PersonId) {
        let me = self.identity.key();
        let usable = self.people.find(id).is_some_and(|person| person.usable_key().is_some());
        let Some(link) = self.links.find_mut(conn) else { return };
        let Some(key) = link.key else { return };
        if !matches!(link.stage, Stage::Greeting { hello: Some(_), .. }) {
            return;
        }
        if self.people.is_key_blocked(&key) {
            return self.turn_away(conn, Goodbye::Blocked, Fault::Blocked);
        }
        if !usable {
            return self.turn_away(conn, Goodbye::Disconnected, Fault::UnexpectedKey);
        }
        let (dialled, found, address, neighbour) = (link.dialled, link.found, link.remote, link.neighbour);
        if !dialled && self.links.up(&key).is_none() && !self.wants_link(id, &key) && self.is_crowded_by_callers() {
            return self.refuse_link(conn, Goodbye::Busy);
        }
        let Some(link) = self.links.find_mut(conn) else { return };
        let asked_by = link.asked_by.take();
        let Stage::Greeting { hello: Some((_, _, have)), .. } = &link.stage else { return };
        let have = *have;
        link.person = Some(id.clone());
        if let Some(token) = asked_by {
            self.connecting.remove(&token);
        }
        let former = self.links.up(&key);
        if let Some(former) = former {
            let former_dialled = self.links.find(former).is_some_and(|link| link.dialled);
            let stays = Links::newer_stays(&me, &key, former_dialled, dialled);
            if let Some(token) = asked_by {
                self.outcome(token, Some(Problem::AlreadyLinked { user: id.1.clone() }));
            }
            if !stays {
                // Whoever dials again may have lost the former one without this end's noticing.
                self.doubt_link(now, former);
                return self.refuse_link(conn, Goodbye::Duplicate);
            }
            self.refuse_link(former, Goodbye::Duplicate);
        } else if let Some(token) = asked_by {
            self.outcome(token, None);
        }
        self.links.set_up(conn, key);
        self.timers.clear(Timer::Progress(conn));
        self.timers.clear(Timer::Dial(key));
        self.set_alive(now, conn, now);
        let person = self.people.entry(id);
        person.redial.reset();
        person.next_endpoint = 0;
        person.release();
        if person.dialling == Some(conn) {
            person.dialling = None;
        }
        if let Some(listens) = if dialled { Some(address) } else { neighbour }
            && !person.endpoints.contains(&listens)
        {
            person.endpoints.insert(0, listens);
            person.endpoints.truncate(crate::wire::tracker::ENDPOINTS_MAX);
        }
        if id.0 == Realm::Lan {
            // Who was found is wanted for as long as it is heard.
            person.wanted = dialled && !found;
        }
        self.set_welcomed(id, false);
        if let (Some(discovery), Some(neighbour)) = (&mut self.discovery, neighbour)
            && discovery.on_linked(neighbour, key)
        {
            self.tell(Notice::Peer {
                what: PeerEvent::Found,
                user: id.1.clone(),
                address: Some(neighbour),
                plaintext: false,
            });
        }
        if former.is_none() && self.links.take_yielded(&key).is_none() {
            let address = self.dialable(id, address, dialled);
            let notice =
                Notice::Peer { what: PeerEvent::Linked, user: id.1.clone(), address: Some(address), plaintext: false };
            self.tell(notice);
        }
        self.introduce(conn);
        self.on_place_ready(conn, None, have);
        self.greet_rooms(now, conn);
        self.offer_all(conn, &key);
    }

    /// Where someone can be dialled: whoever dialled came from another port than it listens at.
    fn dialable(&self, id: &PersonId, remote: SocketAddr, dialled: bool) -> SocketAddr {
        let endpoints = self.people.find(id).map_or(&[][..], |person| &person.endpoints);
        let same = endpoints.iter().find(|endpoint| endpoint.ip() == remote.ip());
        if dialled { remote } else { same.or(endpoints.first()).copied().unwrap_or(remote) }
    }

    /// Takes a connection out, and answers the pings over it.
    fn forget_link(&mut self, conn: ConnId) -> Option<Link> {
        self.clear_timers(conn);
        let mut link = self.links.remove(conn)?;
        self.detach_transfers(conn);
        if let (Some(discovery), Some(neighbour)) = (&mut self.discovery, link.neighbour) {
            discovery.on_dial_over(neighbour, conn);
        }
        if let Some((_, user)) = &link.person {
            for (token, _) in std::mem::take(&mut link.pings).into_values() {
                if self.connecting.remove(&token).is_some() {
                    self.outcome(token, Some(Problem::NotLinked { user: user.clone() }));
                }
            }
        }
        Some(link)
    }

    /// Someone is not being dialled by that connection any more.
    fn clear_dialling(&mut self, id: Option<&PersonId>, conn: ConnId) {
        if let Some(person) = id.and_then(|id| self.people.find_mut(id))
            && person.dialling == Some(conn)
        {
            person.dialling = None;
        }
    }

    /// Ends a connection with a goodbye, for a fault of its own.
    pub(super) fn turn_away(&mut self, conn: ConnId, reason: Goodbye, fault: Fault) {
        self.counters.count(fault);
        self.refuse_link(conn, reason);
    }

    /// Ends a connection with a goodbye, as part of this event's output.
    pub(super) fn refuse_link(&mut self, conn: ConnId, reason: Goodbye) {
        let Some(link) = self.forget_link(conn) else { return };
        if let Some(token) = link.asked_by {
            self.connecting.remove(&token);
            let address = link.remote;
            let problem = match reason {
                Goodbye::Quit => Problem::Stopping,
                Goodbye::Blocked => Problem::LinkFault { address, fault: Fault::Blocked },
                Goodbye::Busy => Problem::LinkFault { address, fault: Fault::TooManyConnections },
                Goodbye::Replaced | Goodbye::Duplicate | Goodbye::Disconnected => {
                    Problem::LinkFault { address, fault: Fault::UnexpectedKey }
                }
            };
            self.outcome(token, Some(problem));
        }
        self.clear_dialling(link.person.as_ref(), conn);
        if let Some(channel) = link.channel {
            self.closing.insert(conn, channel);
            self.say_to_peer(conn, ToPeer::Bye { reason });
            self.said.push(Output::Close(conn, CloseHow::Flush));
        }
    }

    /// Ends a connection in whatever state it is.
    pub(super) fn end_link(&mut self, conn: ConnId, reason: Goodbye, out: &mut Out) {
        let Some(link) = self.links.find(conn) else { return };
        let established = link.channel.as_ref().is_some_and(Channel::is_established);
        let (up, person, address) = (link.is_up(), link.person.clone(), link.remote);
        if established {
            self.refuse_link(conn, reason);
        } else {
            if let Some(token) = self.forget_link(conn).and_then(|link| link.asked_by) {
                self.connecting.remove(&token);
                self.outcome(token, Some(Problem::Stopping));
            }
            self.clear_dialling(person.as_ref(), conn);
            out.close(conn, CloseHow::Abort);
        }
        if let (true, Some(id)) = (up, person) {
            self.tell(Notice::Peer { what: PeerEvent::Lost, user: id.1, address: Some(address), plaintext: false });
        }
    }

    fn on_link_bye(&mut self, now: Time, conn: ConnId, reason: Goodbye, out: &mut Out) {
        out.close(conn, CloseHow::Flush);
        let Some(link) = self.links.find(conn) else { return };
        let (person, dialling, up) = (link.person.clone(), link.dialled && !link.is_up(), link.is_up());
        match reason {
            Goodbye::Duplicate => return self.on_link_duplicate(now, conn),
            Goodbye::Blocked | Goodbye::Disconnected => {
                if let Some(id) = person {
                    if let Some(person) = self.people.find_mut(&id) {
                        person.held = true;
                    }
                    if up || self.outbox_waits(&id) {
                        self.note(Note::Refused { user: id.1 });
                    }
                }
            }
            Goodbye::Quit | Goodbye::Replaced | Goodbye::Busy => {}
        }
        self.on_neighbour_bye(conn, reason);
        if dialling {
            return self.on_dial_failed(now, conn, Ok(Fault::Refused), out);
        }
        self.on_link_lost(now, conn, None, out);
    }

    /// Whether something that was said waits for someone.
    fn outbox_waits(&self, id: &PersonId) -> bool {
        self.people.find(id).and_then(|person| person.pinned).is_some_and(|key| self.outbox.waiting(&key) > 0)
    }

    /// The other end says that another link stays. It stands, or is about to; where it does not, it is missed soon.
    fn on_link_duplicate(&mut self, now: Time, conn: ConnId) {
        let Some(link) = self.forget_link(conn) else { return };
        self.clear_dialling(link.person.as_ref(), conn);
        let Some(key) = link.key else { return };
        if let Some(token) = link.asked_by
            && self.connecting.remove(&token).is_some()
        {
            let user = self.person_with(&key).map_or_else(|| self.me.clone(), |id| id.1);
            self.outcome(token, Some(Problem::AlreadyLinked { user }));
        }
        if let (true, Some(id)) = (link.is_up(), link.person) {
            self.links.yielded(key, id, link.remote);
        }
        if self.links.up(&key).is_none() {
            self.timers.set_earlier(Timer::Dial(key), now + ms(YIELD_MS));
        }
    }

    /// A connection is gone; without a fault, in order.
    pub(super) fn on_link_lost(&mut self, now: Time, conn: ConnId, fault: Option<Fault>, out: &mut Out) {
        let Some(link) = self.links.find(conn) else { return };
        if !link.is_up() {
            if link.dialled {
                return self.on_dial_failed(now, conn, Ok(fault.unwrap_or(Fault::Cut)), out);
            }
            let address = link.remote;
            self.forget_link(conn);
            if let Some(fault) = fault {
                self.on_stranger(now, fault, address);
            }
            return;
        }
        let Some(link) = self.forget_link(conn) else { return };
        let Some(id) = link.person else { return };
        if let Some(fault) = fault {
            self.counters.count(fault);
            self.note(Note::LinkFault { user: id.1.clone(), address: Some(link.remote), fault });
        }
        self.tell(Notice::Peer {
            what: PeerEvent::Lost,
            user: id.1.clone(),
            address: Some(link.remote),
            plaintext: false,
        });
        if let (Some(person), Some(key)) = (self.people.find_mut(&id), link.key)
            && !self.stopping
        {
            let wait = person.redial.next_wait(&mut self.jitter);
            self.timers.set_earlier(Timer::Dial(key), now + wait);
            if self.discovery.is_some() {
                self.timers.set_earlier(Timer::Neighbours, now + wait);
            }
        }
    }

    /// The other end is ready for what was said in a place, and has it up to `have`.
    pub(super) fn on_place_ready(&mut self, conn: ConnId, place: super::outbox::Place, have: Have) {
        let log = self.log_number;
        let sent = if have.log == log { have.seq } else { 0 };
        let Some(link) = self.links.find_mut(conn) else { return };
        let Some(key) = link.key else { return };
        link.cursors.insert(place, Cursor { sent });
        if have.log == log {
            self.on_acknowledged(conn, key, place, have);
        }
        self.send_waiting(conn);
    }
}
