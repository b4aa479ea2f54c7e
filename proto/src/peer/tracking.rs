//! The tracker's side of a peer: dialling it, logging in, its answers, and what it pushes.

use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
};

use super::{
    change::{Change, Realm},
    interface::{Credentials, Note, Notice, PeerEvent, Problem},
    link::Link,
    machine::{Out, Output, Peer, Room, Timer},
    people::Shown,
    session::{Asked, Stage},
};
use crate::{
    channel::{Channel, Preface, Step},
    error::Fault,
    identity::Key,
    limits::ms,
    machine::{Action, CloseHow, ConnId, Refusal, RequestId},
    names::Name,
    time::Time,
    wire::{
        codec::Wire as _,
        peer::About,
        tracker::{
            CLAIMED_MAX, Claimed, Contact, Dialect, Failure, FromTracker, Goodbye, PeerRow, ROOM_CAPACITY_MAX,
            RoomEvent, ToTracker,
        },
    },
};

impl Peer {
    /// Begins an attempt to reach the tracker, unless one is under way.
    pub(super) fn start_session(&mut self, _now: Time, out: &mut Out) {
        let Some(address) = &self.session.address else { return };
        if self.stopping
            || self.session.credentials.is_none()
            || !matches!(self.session.stage, Stage::Off | Stage::Waiting | Stage::Confirming(_))
        {
            return;
        }
        let request = self.ids.next_request();
        self.timers.clear(Timer::Tracker);
        self.session.stage = Stage::Resolving(request);
        out.push(Action::Resolve { request, host: address.host.clone(), port: address.port });
    }

    pub(super) fn handle_resolved(&mut self, now: Time, request: RequestId, addresses: Vec<SocketAddr>, out: &mut Out) {
        if !matches!(self.session.stage, Stage::Resolving(wanted) if wanted == request) {
            return;
        }
        if addresses.is_empty() {
            let host = self.session.address.as_ref().map_or_else(String::new, |address| address.host.clone());
            self.on_session_failed(now, Problem::TrackerUnknownHost { host }, out);
        } else {
            self.dial_tracker(now, addresses, out);
        }
    }

    fn dial_tracker(&mut self, now: Time, mut addresses: Vec<SocketAddr>, out: &mut Out) {
        let address = addresses.remove(0);
        let conn = self.ids.next_conn();
        self.session.stage = Stage::Dialling(conn, addresses);
        self.timers.set(Timer::Progress(conn), now + ms(self.limits.dial_ms_max));
        out.push(Action::Connect { conn, address });
    }

    pub(super) fn on_tracker_opened(&mut self, now: Time, conn: ConnId, out: &mut Out) {
        self.session.stage = Stage::Channel(conn);
        self.session.heard = now;
        self.session.doubted = None;
        self.timers.set(Timer::Progress(conn), now + ms(self.limits.handshake_ms_max));
        let rng = self.seed.stream("channel", conn.0);
        let channel = out
            .send_with(conn, |bytes| Channel::dial(Preface::Tracker, self.identity.clone(), &self.statics, rng, bytes));
        self.session.channel = Some(channel);
        self.session.reading = true;
        self.read_tracker(out);
    }

    pub(super) fn on_tracker_refused(&mut self, now: Time, conn: ConnId, reason: Refusal, out: &mut Out) {
        self.clear_timers(conn);
        self.session.channel = None;
        let stage = std::mem::replace(&mut self.session.stage, Stage::Waiting);
        if let Stage::Dialling(_, rest) = stage
            && !rest.is_empty()
        {
            return self.dial_tracker(now, rest, out);
        }
        let tracker = self.session.address_text();
        self.on_session_failed(now, Problem::TrackerUnreachable { tracker, reason }, out);
    }

    /// The connection is gone: by its end, by a fault of the tracker's, or by silence.
    pub(super) fn on_tracker_lost(&mut self, now: Time, fault: Option<Fault>, out: &mut Out) {
        if let Some(conn) = self.session.conn() {
            self.clear_timers(conn);
        }
        self.session.channel = None;
        if let Some(fault) = fault {
            self.counters.count(fault);
        }
        let tracker = self.session.address_text();
        let problem = fault.map(|fault| Problem::TrackerFault { tracker, fault });
        self.on_session_failed(now, problem.unwrap_or(Problem::TrackerSilent), out);
    }

    /// An attempt failed, or the session was lost: it is tried again, unless a request asked for it just now.
    fn on_session_failed(&mut self, now: Time, problem: Problem, out: &mut Out) {
        let leaving = self.session.asked.values().any(|asked| matches!(asked, Asked::Logout { .. }));
        self.session.channel = None;
        self.session.stage = Stage::Waiting;
        if self.stopping || leaving {
            self.end_session(None, out);
            if leaving {
                self.tell(Notice::LoggedOut);
            }
            return;
        }
        self.fail_asked();
        if let Some(token) = self.session.login_token.take() {
            self.session.stage = Stage::Off;
            self.session.credentials = None;
            self.outcome(token, Some(problem));
            return self.identify_waiting(now, out);
        }
        let first = self.session.redial.failures() == 0;
        let wait = self.session.redial.next_wait(&mut self.jitter);
        self.timers.set(Timer::Tracker, now + wait);
        if first {
            if self.session.stood {
                let retry_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
                self.note(Note::TrackerLost { tracker: self.session.address_text(), retry_ms });
            } else {
                self.tell(Notice::Failed(problem));
            }
        }
        self.identify_waiting(now, out);
    }

    /// The tracker refused, or this peer refuses the tracker: that does not change by trying again.
    fn on_session_refused(&mut self, problem: Problem, out: &mut Out) {
        let (credentials, token) = (self.session.credentials.clone(), self.session.login_token.take());
        self.end_session(None, out);
        let bad = problem == Problem::Tracker { failure: Failure::BadCredentials };
        if let (true, Some(Credentials { name, password: None, .. })) = (bad, credentials) {
            let tracker = self.session.address_text();
            self.tell(Notice::PasswordNeeded { user: name, tracker });
        }
        match token {
            Some(token) => self.outcome(token, Some(problem)),
            None => self.tell(Notice::Failed(problem)),
        }
    }

    /// Ends the session for good, with a goodbye where the channel stands.
    pub(super) fn end_session(&mut self, goodbye: Option<Goodbye>, out: &mut Out) {
        self.timers.clear(Timer::Tracker);
        if let Some(conn) = self.session.conn() {
            self.clear_timers(conn);
            match (goodbye, self.session.channel.take()) {
                (Some(reason), Some(channel)) if channel.is_established() => {
                    self.say_to_tracker(conn, ToTracker::Bye { reason });
                    self.closing.insert(conn, channel);
                    self.said.push(Output::Close(conn, CloseHow::Flush));
                }
                _ => out.close(conn, CloseHow::Abort),
            }
        }
        self.session.stage = Stage::Off;
        self.session.credentials = None;
        self.session.channel = None;
        self.session.stood = false;
        self.session.syncing = false;
        self.fail_asked();
        if let Some(token) = self.session.login_token.take() {
            self.outcome(token, Some(Problem::TrackerSilent));
        }
    }

    /// The tracker is read but while too much waits for the disk.
    pub(super) fn read_tracker(&mut self, out: &mut Out) {
        let Some(conn) = self.session.conn() else { return };
        if self.session.channel.is_some() && self.session.reading == self.overloaded {
            self.session.reading = !self.overloaded;
            out.push(Action::Reading(conn, self.session.reading));
        }
    }

    pub(super) fn on_tracker_bytes(&mut self, now: Time, conn: ConnId, bytes: &[u8], out: &mut Out) {
        self.session.heard = now;
        self.session.doubted = None;
        if let Some(channel) = &mut self.session.channel {
            channel.handle_bytes(bytes);
        }
        let mut progressed = false;
        loop {
            if self.session.conn() != Some(conn) {
                return;
            }
            let Some(channel) = &mut self.session.channel else { return };
            let max = self.limits.frame_bytes_max;
            match out.send_with(conn, |reply| channel.next_step(max, reply)) {
                Ok(None) => break,
                Ok(Some(Step::Identified(key))) => self.on_tracker_identified(key, conn, out),
                Ok(Some(Step::Established(key))) => self.on_tracker_established(now, key, conn),
                Ok(Some(Step::Message(message))) => match FromTracker::from_bytes(&message) {
                    Ok(message) => self.on_tracker_message(now, conn, message, out),
                    Err(_) => return self.cut(now, conn, Fault::Malformed, out),
                },
                Err(fault) => return self.cut(now, conn, fault, out),
            }
            progressed = true;
        }
        self.time_frame(now, conn, progressed);
    }

    fn on_tracker_identified(&mut self, shown: Key, conn: ConnId, out: &mut Out) {
        let tracker = self.session.address_text();
        let named = self.session.address.as_ref().and_then(|address| address.key);
        let expected = named.or_else(|| self.trackers.get(&tracker).copied());
        match expected {
            Some(expected) if expected != shown => {
                out.close(conn, CloseHow::Abort);
                self.counters.count(Fault::UnexpectedKey);
                self.forget_tracker_conn(conn);
                self.on_session_refused(Problem::TrackerKeyChanged { tracker, expected, shown }, out);
                return;
            }
            None if !self.trust_new => {
                out.close(conn, CloseHow::Abort);
                self.forget_tracker_conn(conn);
                self.session.stage = Stage::Confirming(shown);
                self.tell(Notice::UnknownTracker { tracker, key: shown });
                return;
            }
            Some(_) | None => self.pin_tracker(shown),
        }
        if let Some(channel) = &mut self.session.channel {
            out.send_with(conn, |bytes| channel.confirm(bytes));
        }
    }

    fn forget_tracker_conn(&mut self, conn: ConnId) {
        self.clear_timers(conn);
        self.session.channel = None;
        self.session.stage = Stage::Waiting;
    }

    fn pin_tracker(&mut self, key: Key) {
        let tracker = self.session.address_text();
        if self.trackers.insert(tracker.clone(), key) != Some(key) {
            self.changes.push(Change::TrackerPinned { address: tracker.clone(), key });
            self.note(Note::TrackerPinned { tracker, key });
        }
    }

    /// The person judged the key of an unknown tracker.
    pub(super) fn on_tracker_judged(&mut self, now: Time, key: Key, accept: bool, out: &mut Out) {
        if !matches!(self.session.stage, Stage::Confirming(shown) if shown == key) {
            return;
        }
        if accept {
            self.pin_tracker(key);
            self.start_session(now, out);
        } else {
            let tracker = self.session.address_text();
            self.on_session_refused(Problem::TrackerNotTrusted { tracker, key }, out);
        }
    }

    fn on_tracker_established(&mut self, now: Time, key: Key, conn: ConnId) {
        self.session.key = Some(key);
        self.session.stage = Stage::LoggingIn(conn);
        self.timers.set(Timer::Progress(conn), now + ms(self.limits.request_ms_max));
        let Some(Credentials { name, password, register, token }) = self.session.credentials.clone() else { return };
        let (request, claimed) = (self.next_request(Asked::Login), self.claimed());
        self.session.claimed = Some(claimed.clone());
        let message = match (password, register) {
            (Some(password), true) => ToTracker::Register { request, name, password, token, claimed },
            (Some(password), false) => ToTracker::LoginPassword { request, name, password, claimed },
            (None, _) => ToTracker::LoginKey { request, name, claimed },
        };
        self.say_to_tracker(conn, message);
    }

    /// Where this peer can be dialled: the address that it listens on first, then those of its interfaces.
    pub(super) fn claimed(&self) -> Claimed {
        let Some(listen) = self.listen else { return Claimed::truncated(Vec::new()) };
        let mut claimed = vec![listen];
        if listen.ip().is_unspecified() {
            let reachable = |ip: &IpAddr| !ip.is_loopback() && (listen.is_ipv6() || ip.is_ipv4());
            let own = self.interfaces.iter().map(|one| one.address).filter(reachable);
            claimed.extend(own.map(|ip| SocketAddr::new(ip, listen.port())));
        }
        claimed.truncate(CLAIMED_MAX);
        Claimed::truncated(claimed)
    }

    pub(super) fn next_request(&mut self, asked: Asked) -> u32 {
        let request = self.session.next_request;
        self.session.next_request = self.session.next_request.wrapping_add(1);
        self.session.asked.insert(request, asked);
        request
    }

    /// Why the tracker can't be asked: none was given, it is to come back, or nobody wants to be logged in.
    pub(super) const fn without_session(&self) -> Problem {
        match (&self.session.address, &self.session.credentials) {
            (None, _) => Problem::NoTracker,
            (Some(_), Some(_)) => Problem::TrackerAway,
            (Some(_), None) => Problem::NotLoggedIn,
        }
    }

    /// Asks the tracker something for a request of the person's, or answers that it can't be asked.
    pub(super) fn ask_tracker(&mut self, now: Time, token: u64, asked: Asked, ask: impl FnOnce(u32) -> ToTracker) {
        let Some(conn) = self.session.up() else {
            let problem = self.without_session();
            self.outcome(token, Some(problem));
            return;
        };
        if self.session.asked.len() >= self.limits.asks_max {
            self.outcome(token, Some(Problem::TooManyRequests));
            return;
        }
        let request = self.next_request(asked);
        self.expire(now, token, self.limits.request_ms_max);
        self.say_to_tracker(conn, ask(request));
    }

    /// Asks the tracker where someone is who shares no room with this peer, and so is not told of unasked.
    pub(super) fn look_up(&mut self, user: &Name) {
        let Some(conn) = self.session.up() else { return };
        let request = self.next_request(Asked::Look { user: user.clone() });
        self.say_to_tracker(conn, ToTracker::WhoisName { request, name: user.clone() });
    }

    /// Asks the tracker whose key a link has.
    pub(super) fn ask_identity(&mut self, link: ConnId, key: Key) -> bool {
        let Some(conn) = self.session.up().filter(|_| self.session.asked.len() < self.limits.asks_max) else {
            return false;
        };
        let request = self.next_request(Asked::Identify { conn: link });
        self.say_to_tracker(conn, ToTracker::WhoisKey { request, key });
        true
    }

    fn fail_asked(&mut self) {
        for asked in std::mem::take(&mut self.session.asked).into_values() {
            match asked {
                Asked::Login => {}
                // It may come again, to be asked for in the next session.
                Asked::Identify { conn } if self.links.find(conn).is_some_and(Link::is_up) => {}
                Asked::Identify { conn } => self.turn_away(conn, Goodbye::Busy, Fault::TooManyConnections),
                Asked::Look { user } => self.on_looked(&user),
                // It waits for the next session, for as long as it may.
                Asked::Listed { .. } => {}
                // Without the session, that is done.
                Asked::Logout { token } => self.outcome(token, None),
                Asked::Plain { token }
                | Asked::Status { token, .. }
                | Asked::Profile { token, .. }
                | Asked::Enter { token, .. }
                | Asked::Exit { token, .. }
                | Asked::Peers { token, .. }
                | Asked::Rooms { token, .. }
                | Asked::Whois { token }
                | Asked::Find { token, .. } => self.outcome(token, Some(Problem::TrackerSilent)),
            }
        }
    }

    /// Whether a message may come now, and is within bounds.
    fn is_expected(&self, message: &FromTracker) -> bool {
        let up = matches!(self.session.stage, Stage::Up(_));
        match message {
            FromTracker::Ping { .. } | FromTracker::Pong { .. } | FromTracker::Bye { .. } => true,
            FromTracker::Welcome { .. } | FromTracker::Done { .. } | FromTracker::Failed { .. } => true,
            FromTracker::Synced => self.session.syncing,
            FromTracker::Peers { .. }
            | FromTracker::Rooms { .. }
            | FromTracker::Whois { .. }
            | FromTracker::Contact { .. } => up,
            // Of rooms that this peer was in, it learns at the end of the state after login that they are gone.
            FromTracker::Room { room } => {
                up && (self.rooms.contains_key(&room.record.id())
                    || self.rooms.len() < 2 * self.limits.rooms_per_user_max)
            }
            FromTracker::RoomChanged { room, what, user, .. } => {
                let full = |room: &Room| room.members.len() >= ROOM_CAPACITY_MAX && !room.members.contains(user);
                up && !(*what == RoomEvent::Joined && self.rooms.get(room).is_some_and(full))
            }
        }
    }

    fn on_tracker_message(&mut self, now: Time, conn: ConnId, message: FromTracker, out: &mut Out) {
        if !self.is_expected(&message) {
            return self.cut(now, conn, Fault::Unexpected, out);
        }
        match message {
            FromTracker::Ping { nonce } => self.say_to_tracker(conn, ToTracker::Pong { nonce }),
            FromTracker::Pong { .. } => {}
            FromTracker::Welcome { request, name, .. } => {
                // What else was asked still has to be answered: it is, when the fault ends the session.
                if !matches!(self.session.asked.get(&request), Some(Asked::Login)) {
                    return self.cut(now, conn, Fault::Unexpected, out);
                }
                self.session.asked.remove(&request);
                self.session.stage = Stage::Up(conn);
                self.session.syncing = true;
                let former = self.session.account.replace(name.clone());
                if let Some(former) = former.filter(|former| *former != name) {
                    // The rooms were the other account's.
                    for id in self.rooms.keys().copied().collect::<Vec<_>>() {
                        self.forget_room(now, id, Some(RoomEvent::Evicted), &former);
                    }
                }
                // From now on the key is enough.
                self.session.credentials =
                    Some(Credentials { name: name.clone(), password: None, register: false, token: None });
                self.me = name;
                for room in self.rooms.values_mut() {
                    room.fresh = false;
                }
            }
            FromTracker::Synced => self.on_synced(now, conn, out),
            FromTracker::Done { request } => self.on_answer(now, request, Answer::Done, out),
            FromTracker::Failed { request, failure } => self.on_answer(now, request, Answer::Failed(failure), out),
            FromTracker::Peers { request, rows, more } => {
                self.on_answer(now, request, Answer::Peers(rows.into_vec(), more), out);
            }
            FromTracker::Rooms { request, rows, more } => {
                self.on_answer(now, request, Answer::Rooms(rows.into_vec(), more), out);
            }
            FromTracker::Whois { request, contact, profile, plaintext } => {
                if contact.name == self.me {
                    let (status, status_text) = (contact.status, contact.status_text.clone());
                    self.on_account_told(About { status, status_text, profile: profile.clone() });
                }
                self.on_contact(now, &contact, out);
                self.on_answer(now, request, Answer::Whois(Box::new((contact, profile, plaintext))), out);
            }
            FromTracker::Contact { contact } => self.on_contact(now, &contact, out),
            FromTracker::Room { room } => self.on_room(now, room),
            FromTracker::RoomChanged { room, epoch, what, user } => {
                self.on_room_changed(now, room, epoch, what, &user);
            }
            FromTracker::Bye { reason } => self.on_tracker_bye(now, conn, reason, out),
        }
    }

    fn on_synced(&mut self, now: Time, conn: ConnId, out: &mut Out) {
        self.session.syncing = false;
        self.session.stood = true;
        self.session.redial.reset();
        self.timers.clear(Timer::Progress(conn));
        self.set_alive(now, conn, now);
        let claimed = self.claimed();
        if self.session.claimed.as_ref() != Some(&claimed) {
            self.say_to_tracker(conn, ToTracker::Moved { claimed });
        }
        let gone = self.rooms.iter().filter(|(_, room)| !room.fresh && Some(room.record.tracker) == self.session.key);
        for id in gone.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.forget_room(now, id, Some(RoomEvent::Evicted), &self.me.clone());
        }
        let tracker = self.session.address_text();
        self.tell(Notice::LoggedIn { user: self.me.clone(), tracker });
        if let Some(token) = self.session.login_token.take() {
            self.outcome(token, None);
        }
        let receivers = self.outbox.receivers().filter_map(|key| self.person_with(key));
        let wanted = self.people.iter().filter(|(_, person)| person.wanted).map(|(id, _)| id.clone());
        for id in receivers.chain(wanted).collect::<BTreeSet<_>>() {
            self.consider_dial(now, &id);
            let key = self.people.find(&id).and_then(|person| person.pinned);
            let count = key.map_or(0, |key| if self.links.up(&key).is_none() { self.outbox.waiting(&key) } else { 0 });
            if count > 0 {
                self.note(Note::Waiting { user: id.1, count });
            }
        }
        self.identify_waiting(now, out);
        self.identify_labelled();
        self.identify_partners(now, out);
        // The account keeps its status from one session to the next, and tells it to others only.
        self.look_up(&self.me.clone());
    }

    fn on_tracker_bye(&mut self, now: Time, conn: ConnId, reason: Goodbye, out: &mut Out) {
        out.close(conn, CloseHow::Flush);
        match reason {
            Goodbye::Replaced => {
                self.forget_tracker_conn(conn);
                self.end_session(None, out);
                self.note(Note::Replaced);
                self.tell(Notice::LoggedOut);
            }
            Goodbye::Quit => {
                self.note(Note::TrackerQuit);
                self.on_tracker_lost(now, None, out);
            }
            Goodbye::Duplicate | Goodbye::Disconnected | Goodbye::Blocked | Goodbye::Busy => {
                self.on_tracker_lost(now, None, out);
            }
        }
    }

    /// Someone is told of by the tracker.
    pub(super) fn on_contact(&mut self, now: Time, contact: &Contact, out: &mut Out) {
        let Some(tracker) = self.session.key else { return };
        if contact.name == self.me || contact.dialect == Dialect::Line {
            return;
        }
        let id = (Realm::Tracker(tracker), contact.name.clone());
        if !self.people.has_room_for(&id) {
            return;
        }
        let was_online = self.people.find(&id).is_some_and(|person| person.online);
        let moved = self.people.find(&id).is_none_or(|person| *person.endpoints != *contact.endpoints);
        self.people.handle_contact(&id, contact);
        // Whoever is there with an older program is not pinned by the key that its account has besides.
        if let Some(key) = contact.key.filter(|_| contact.dialect == Dialect::Papo) {
            match self.people.show_key(&id, key) {
                Shown::Same | Shown::ChangedBefore => {}
                Shown::First => self.pin(&id, key),
                Shown::Changed { old } => self.on_key_changed(&id, old, key, out),
            }
            self.adopt_link(now, &id, key);
        }
        self.review_partner(&id, out);
        let person = self.people.entry(&id);
        if person.online && (!was_online || moved) {
            person.redial.reset();
            person.next_endpoint = 0;
        }
        if person.online && !was_online {
            let address = contact.endpoints.first().copied();
            self.tell(Notice::Peer {
                what: PeerEvent::Found,
                user: contact.name.clone(),
                address,
                plaintext: contact.dialect != Dialect::Papo,
            });
        }
        self.consider_dial(now, &id);
    }

    /// Someone whose link stands under a label may have an account by now: the list has its key.
    fn on_listed(&mut self, now: Time, page: &[PeerRow], out: &mut Out) {
        for PeerRow { contact, .. } in page {
            if let (Dialect::Line, Some(&address)) = (contact.dialect, contact.endpoints.first())
                && self.partners.listed.len() < self.limits.contacts_max
            {
                self.partners.listed.insert(address, contact.name.clone());
            }
            let link = contact.key.and_then(|key| self.links.up(&key)).and_then(|conn| self.links.find(conn));
            if link.and_then(|link| link.person.as_ref()).is_some_and(|id| id.0 == Realm::Lan) {
                self.on_contact(now, contact, out);
            }
        }
    }

    fn on_answer(&mut self, now: Time, request: u32, answer: Answer, out: &mut Out) {
        // An answer to a request that has expired is not an error.
        let Some(asked) = self.session.asked.remove(&request) else { return };
        match (asked, answer) {
            (Asked::Login, Answer::Failed(Failure::Busy)) => {
                // That passes.
                if let Some(conn) = self.session.conn() {
                    out.close(conn, CloseHow::Abort);
                    self.timers.clear(Timer::Progress(conn));
                }
                self.on_session_failed(now, Problem::Tracker { failure: Failure::Busy }, out);
            }
            (Asked::Login, Answer::Failed(failure)) => self.on_session_refused(Problem::Tracker { failure }, out),
            (Asked::Identify { conn }, Answer::Whois(found)) => {
                self.on_identity_known(now, conn, &found.0, out);
            }
            (Asked::Identify { conn }, _) => self.on_identity_unknown(now, conn, out),
            (Asked::Listed { conn }, _) => self.on_listed_asked(now, conn, out),
            (Asked::Look { user }, _) => {
                self.on_looked(&user);
                self.dial_if_there(now, &user, out);
            }
            (Asked::Find { token, user, request }, Answer::Whois(_)) => {
                self.handle_found(now, token, user, request, out);
            }
            (Asked::Logout { token }, Answer::Done) => {
                self.end_session(Some(Goodbye::Quit), out);
                self.tell(Notice::LoggedOut);
                self.outcome(token, None);
            }
            (Asked::Exit { token, room }, Answer::Done) => {
                // The push came first; where it did not, the room is forgotten all the same.
                self.forget_room(now, room, None, &self.me.clone());
                self.outcome(token, None);
            }
            (Asked::Status { token, status, text: status_text }, Answer::Done) => {
                self.on_account_told(About { status, status_text, ..self.session.about.clone() });
                self.outcome(token, None);
            }
            (Asked::Profile { token, text: profile }, Answer::Done) => {
                self.on_account_told(About { profile, ..self.session.about.clone() });
                self.outcome(token, None);
            }
            (Asked::Plain { token } | Asked::Enter { token, .. }, Answer::Done) => self.outcome(token, None),
            (Asked::Peers { token, prefix, rows, as_users }, Answer::Peers(page, more)) => {
                self.on_listed(now, &page, out);
                self.on_peers_page(now, token, prefix, rows, as_users, page, more);
            }
            (Asked::Rooms { token, prefix, rows }, Answer::Rooms(page, more)) => {
                self.on_rooms_page(now, token, prefix, rows, page, more);
            }
            (Asked::Whois { token }, Answer::Whois(found)) => {
                let (contact, profile, plaintext) = *found;
                if contact.name == self.me {
                    self.answer_whois_me(now, token, Some(contact), profile, plaintext);
                } else {
                    self.answer_whois(token, &contact.name, profile, plaintext);
                }
            }
            (
                Asked::Plain { token }
                | Asked::Status { token, .. }
                | Asked::Profile { token, .. }
                | Asked::Logout { token }
                | Asked::Enter { token, .. }
                | Asked::Exit { token, .. }
                | Asked::Peers { token, .. }
                | Asked::Rooms { token, .. }
                | Asked::Whois { token }
                | Asked::Find { token, .. },
                answer,
            ) => {
                let problem = match answer {
                    Answer::Failed(failure) => Problem::Tracker { failure },
                    Answer::Done | Answer::Peers(..) | Answer::Rooms(..) | Answer::Whois(_) => {
                        self.counters.count(Fault::Unexpected);
                        Problem::TrackerFault { tracker: self.session.address_text(), fault: Fault::Unexpected }
                    }
                };
                self.outcome(token, Some(problem));
            }
            (Asked::Login, _) => {
                if let Some(conn) = self.session.conn() {
                    self.cut(now, conn, Fault::Unexpected, out);
                }
            }
        }
    }
}

/// What the tracker answered.
enum Answer {
    Done,
    Failed(Failure),
    Peers(Vec<PeerRow>, bool),
    Rooms(Vec<crate::wire::tracker::RoomRow>, bool),
    Whois(Box<(Contact, crate::wire::tracker::Profile, bool)>),
}
