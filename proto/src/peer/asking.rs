//! The person's requests: what each needs, whom it asks, and how it is answered.

use std::net::SocketAddr;

use super::{
    change::Realm,
    interface::{Credentials, Notice, PeerSeen, Problem, Request, RoomSeen, Target},
    machine::{Draining, Out, Peer},
    people::{Person, PersonId},
    session::{Asked, Stage},
};
use crate::{
    names::Name,
    time::Time,
    wire::{
        peer::ToPeer,
        room::PLAINTEXT,
        tracker::{
            Contact, Dialect, Failure, Goodbye, PeerRow, Prefix, Profile, RoomEvent, RoomRow, Status, ToTracker,
        },
    },
};

/// How long leaving a room waits for what was said there to be acknowledged.
const LEAVE_MS: u64 = 2_000;

impl Peer {
    pub(super) fn handle_ask(&mut self, now: Time, token: u64, request: Request, out: &mut Out) {
        match request {
            Request::Register(credentials) => {
                self.log_in(now, token, Credentials { register: true, ..credentials }, out);
            }
            Request::Login(credentials) => {
                self.log_in(now, token, Credentials { register: false, ..credentials }, out);
            }
            Request::Logout => self.log_out(now, token, out),
            Request::Plaintext { open } => {
                self.ask_plain(now, token, |request| ToTracker::SetPlaintext { request, open })
            }
            Request::Status { status, text } => self.set_status(now, token, status, text),
            Request::Profile { text } => self.set_profile(now, token, text),
            Request::Peers { prefix } => self.list_peers(now, token, prefix, false),
            Request::Users { room: None } => self.list_peers(now, token, String::new(), true),
            Request::Users { room: Some(room) } => self.list_members(now, token, &room),
            Request::Rooms { prefix } => {
                let (asked, wire) =
                    (Asked::Rooms { token, prefix: prefix.clone(), rows: Vec::new() }, wire_prefix(prefix));
                self.ask_tracker(now, token, asked, |request| ToTracker::ListRooms {
                    request,
                    prefix: wire,
                    after: None,
                });
            }
            Request::Whois { user } => self.whois(now, token, user),
            Request::Create { plaintext: true, .. } if !self.allow_plaintext => {
                self.outcome(token, Some(Problem::Tracker { failure: Failure::PlaintextRoom }));
            }
            Request::Create { room, capacity, plaintext } => self.create(now, token, room, capacity, plaintext),
            Request::Join { room } if self.session.up().is_some() && self.is_in(&room) => self.join_again(token, &room),
            Request::Join { room } => {
                let asked = Asked::Enter { token, created: None };
                let plaintext = self.allow_plaintext;
                self.ask_tracker(now, token, asked, |request| ToTracker::Join { request, name: room, plaintext });
            }
            Request::Leave { room } => self.leave(now, token, &room, Draining::Leave, out),
            Request::Delete { room } => self.leave(now, token, &room, Draining::Delete, out),
            Request::Talk { to } => self.talk(now, token, to),
            Request::Say { to, text } => self.say(now, token, to, text),
            Request::Trackers => {
                let taken = self.session.address.as_ref().map(|_| self.session.address_text());
                self.tell(Notice::Trackers { taken, offered: self.offered_trackers() });
                self.outcome(token, None);
            }
            Request::TakeTracker { address } => self.take_tracker(token, address),
            Request::Connect { address } => self.connect(now, token, address, out),
            Request::Disconnect { user } => self.disconnect(token, &user, out),
            Request::Block { user } => self.block(now, token, user, out),
            Request::Unblock { user } => self.unblock(now, token, user),
            Request::Verify { user } => self.verify(now, token, user),
            Request::Trust { user } => self.trust(now, token, user),
            Request::Ping { user } => self.ping(now, token, &user),
            Request::Drain => {
                self.draining.insert(token, Draining::All);
                self.expire(now, token, self.limits.drain_ms_max);
            }
            Request::Send { to, path } => self.send_file(now, token, to, path),
            Request::Accept { transfer } => self.accept_transfer(token, transfer),
            Request::Reject { transfer } => self.reject_transfer(token, transfer),
            Request::Pause { transfer } => self.pause_transfer(token, transfer, true),
            Request::Resume { transfer } => self.pause_transfer(token, transfer, false),
            Request::Cancel { transfer } => self.cancel_transfer(token, transfer),
            Request::Transfers => self.list_transfers(token),
        }
    }

    fn ask_plain(&mut self, now: Time, token: u64, ask: impl FnOnce(u32) -> ToTracker) {
        self.ask_tracker(now, token, Asked::Plain { token }, ask);
    }

    fn log_in(&mut self, now: Time, token: u64, credentials: Credentials, out: &mut Out) {
        if self.session.address.is_none() {
            return self.outcome(token, Some(Problem::NoTracker));
        }
        if matches!(self.session.stage, Stage::Up(_)) {
            return self.outcome(token, Some(Problem::Tracker { failure: Failure::AlreadyLoggedIn }));
        }
        if credentials.register && credentials.password.is_none() {
            return self.outcome(token, Some(Problem::PasswordMissing));
        }
        // An attempt that is under way gives way to this one.
        let former = self.session.login_token.take();
        self.end_session(None, out);
        if let Some(former) = former {
            self.outcome(former, Some(Problem::TrackerSilent));
        }
        self.session.credentials = Some(credentials);
        self.session.login_token = Some(token);
        self.session.redial.reset();
        self.start_session(now, out);
    }

    /// Logs out; where the session does not stand but is to come back, it is given up.
    fn log_out(&mut self, now: Time, token: u64, out: &mut Out) {
        if self.session.up().is_some() || self.session.credentials.is_none() {
            return self.ask_tracker(now, token, Asked::Logout { token }, |request| ToTracker::Logout { request });
        }
        self.end_session(Some(Goodbye::Quit), out);
        self.tell(Notice::LoggedOut);
        self.outcome(token, None);
    }

    fn create(&mut self, now: Time, token: u64, name: Name, capacity: Option<u16>, plaintext: bool) {
        if capacity.is_some_and(|capacity| capacity == 0 || usize::from(capacity) > self.limits.room_capacity_max) {
            return self.outcome(token, Some(Problem::OutOfRange));
        }
        let (capacity, nonce) = (capacity.unwrap_or(0), self.nonces.bytes());
        let asked = Asked::Enter { token, created: Some(name.clone()) };
        let flags = if plaintext { PLAINTEXT } else { 0 };
        self.ask_tracker(now, token, asked, |request| ToTracker::Create { request, name, capacity, nonce, flags });
    }

    fn is_in(&self, name: &Name) -> bool {
        self.room_named(name).and_then(|id| self.rooms.get(&id)).is_some_and(|room| room.roster_known)
    }

    /// Whoever comes into a room that it is in already, after a restart perhaps, is told who is there all the same.
    fn join_again(&mut self, token: u64, name: &Name) {
        if let Some(room) = self.room_named(name).and_then(|id| self.rooms.get(&id)) {
            let (room, members) = (room.record.name.clone(), room.members.clone());
            self.tell(Notice::Room { room, what: RoomEvent::Joined, user: self.me.clone(), members });
        }
        self.outcome(token, None);
    }

    /// Whether what will be said there can be heard.
    fn talk(&mut self, now: Time, token: u64, to: Target) {
        let problem = match &to {
            Target::All => None,
            Target::Room(room) => self.room_named(room).is_none().then(|| Problem::NotInRoom { room: room.clone() }),
            Target::User(user) if user.place().is_some() => {
                (!self.hears_words(user)).then(|| Problem::NotLinked { user: user.clone() })
            }
            Target::User(user) => {
                let Some(id) = self.resolve(now, token, user, Request::Talk { to: to.clone() }) else { return };
                self.people.find(&id).and_then(|person| self.hindrance(person))
            }
        };
        self.outcome(token, problem);
    }

    /// Leaves or deletes a room, once what was said there is acknowledged by those who are linked.
    fn leave(
        &mut self,
        now: Time,
        token: u64,
        name: &Name,
        how: fn(crate::wire::room::RoomId) -> Draining,
        out: &mut Out,
    ) {
        let Some(room) = self.room_named(name) else {
            return self.outcome(token, Some(Problem::NotInRoom { room: name.clone() }));
        };
        self.draining.insert(token, how(room));
        self.expire(now, token, LEAVE_MS);
        self.check_draining(now, out);
    }

    /// What was waited for is acknowledged, or the wait is over.
    pub(super) fn on_drained(&mut self, now: Time, token: u64, _out: &mut Out) {
        let Some(what) = self.draining.remove(&token) else { return };
        let named = |peer: &Self, room| peer.rooms.get(&room).map(|room| room.record.name.clone());
        match what {
            Draining::All => self.outcome(token, None),
            Draining::Leave(room) | Draining::Delete(room) => {
                // It may have been deleted meanwhile.
                let Some(name) = named(self, room) else { return self.outcome(token, None) };
                let delete = matches!(what, Draining::Delete(_));
                self.ask_tracker(now, token, Asked::Exit { token, room }, |request| {
                    if delete { ToTracker::Delete { request, name } } else { ToTracker::Leave { request, name } }
                });
            }
        }
    }

    /// A request was not answered in time.
    pub(super) fn on_ask_expired(&mut self, now: Time, token: u64, out: &mut Out) {
        if self.draining.contains_key(&token) {
            return self.on_drained(now, token, out);
        }
        if self.connecting.remove(&token).is_some() {
            return self.outcome(token, Some(Problem::TimedOut));
        }
        let of_token = |asked: &Asked| match asked {
            Asked::Login | Asked::Identify { .. } | Asked::Listed { .. } | Asked::Look { .. } => false,
            Asked::Plain { token: of }
            | Asked::Status { token: of, .. }
            | Asked::Profile { token: of, .. }
            | Asked::Logout { token: of }
            | Asked::Enter { token: of, .. }
            | Asked::Exit { token: of, .. }
            | Asked::Peers { token: of, .. }
            | Asked::Rooms { token: of, .. }
            | Asked::Whois { token: of }
            | Asked::Find { token: of, .. } => *of == token,
        };
        let request = self.session.asked.iter().find(|(_, asked)| of_token(asked)).map(|(request, _)| *request);
        if let Some(request) = request {
            self.session.asked.remove(&request);
            self.outcome(token, Some(Problem::TrackerSilent));
        }
    }

    /// The person that a request is about; one that is not known is asked for first, and the request comes again.
    pub(super) fn resolve(&mut self, now: Time, token: u64, user: &Name, request: Request) -> Option<PersonId> {
        if *user == self.me {
            self.outcome(token, Some(Problem::Oneself));
            return None;
        }
        if user.place().is_some() {
            self.outcome(token, Some(Problem::PlaintextOnly { user: user.clone() }));
            return None;
        }
        let known = self.person_named(user);
        let complete = |id: &PersonId| {
            self.people.find(id).is_some_and(|person| person.pinned.is_some() || person.takes_objects())
        };
        if known.as_ref().is_some_and(complete) || self.session.up().is_none() {
            if known.is_none() {
                self.outcome(token, Some(Problem::UnknownUser { user: user.clone() }));
            }
            return known;
        }
        let name = user.clone();
        let asked = Asked::Find { token, user: user.clone(), request };
        self.ask_tracker(now, token, asked, |request| ToTracker::WhoisName { request, name });
        None
    }

    /// The tracker told of the person that a request is about.
    pub(super) fn handle_found(&mut self, now: Time, token: u64, user: Name, request: Request, out: &mut Out) {
        let known = self.person_named(&user).and_then(|id| self.people.find(&id));
        let found = known.is_some_and(|person| person.pinned.is_some() || person.takes_objects());
        if found {
            self.handle_ask(now, token, request, out);
        } else {
            self.outcome(token, Some(Problem::UnknownUser { user }));
        }
    }

    fn say(&mut self, now: Time, token: u64, to: Target, text: String) {
        let said = match self.check_text(text.clone()) {
            Ok(said) => said,
            Err(problem) => return self.outcome(token, Some(problem)),
        };
        match to {
            Target::All => self.say_to_all(now, token, said),
            Target::Room(room) => self.say_in_room(now, token, &room, said),
            Target::User(user) if user.place().is_some() => self.say_words(now, token, &user, &text),
            Target::User(user) => {
                let request = Request::Say { to: Target::User(user.clone()), text };
                if let Some(id) = self.resolve(now, token, &user, request) {
                    self.say_to_person(now, token, &id, said);
                }
            }
        }
    }

    fn connect(&mut self, now: Time, token: u64, address: SocketAddr, out: &mut Out) {
        let listen = self.listen;
        let own = listen.is_some_and(|listen| {
            listen.port() == address.port()
                && (listen.ip() == address.ip()
                    || (listen.ip().is_unspecified()
                        && (address.ip().is_loopback()
                            || address.ip().is_unspecified()
                            || self.interfaces.iter().any(|one| one.address == address.ip()))))
        });
        if own {
            return self.outcome(token, Some(Problem::Oneself));
        }
        let linked = self.links.all_up().find_map(|(_, conn)| {
            let link = self.links.find(conn)?;
            let id = link.person.as_ref()?;
            let there = link.remote == address
                || self.people.find(id).is_some_and(|person| person.endpoints.contains(&address));
            there.then(|| id.1.clone())
        });
        if let Some(user) = linked {
            return self.outcome(token, Some(Problem::AlreadyLinked { user }));
        }
        if self.connecting.len() >= self.limits.dials_max {
            return self.outcome(token, Some(Problem::TooManyRequests));
        }
        if self.connect_plainly(now, token, address) {
            return;
        }
        self.dial_by_hand(now, token, address, out);
    }

    fn disconnect(&mut self, token: u64, user: &Name, out: &mut Out) {
        if user.place().is_some() {
            return self.disconnect_words(token, user);
        }
        let id = self.person_named(user);
        if let Some(conn) = id.as_ref().and_then(|id| self.partners.with(id)) {
            self.end_partner(conn);
            return self.outcome(token, None);
        }
        let key = id.as_ref().and_then(|id| self.people.find(id)).and_then(|person| person.pinned);
        let (Some(id), Some(conn)) = (id, key.and_then(|key| self.links.up(&key))) else {
            return self.outcome(token, Some(Problem::NotLinked { user: user.clone() }));
        };
        let person = self.people.entry(&id);
        person.held = true;
        person.dismissed = true;
        person.wanted = false;
        self.end_link(conn, Goodbye::Disconnected, out);
        self.outcome(token, None);
    }

    fn ping(&mut self, now: Time, token: u64, user: &Name) {
        let plain = self.person_named(user).is_some_and(|id| self.partners.with(&id).is_some());
        if plain || user.place().is_some() {
            return self.outcome(token, Some(Problem::PlaintextOnly { user: user.clone() }));
        }
        let key = self.person_named(user).and_then(|id| self.people.find(&id)?.pinned);
        let Some(conn) = key.and_then(|key| self.links.up(&key)) else {
            return self.outcome(token, Some(Problem::NotLinked { user: user.clone() }));
        };
        let nonce = self.nonces.next_u64();
        if let Some(link) = self.links.find_mut(conn) {
            link.pings.insert(nonce, (token, now));
        }
        self.connecting.insert(token, conn);
        self.expire(now, token, self.limits.request_ms_max);
        self.say_to_peer(conn, ToPeer::Ping { nonce });
    }

    fn seen(&self, id: &PersonId, person: &Person) -> PeerSeen {
        let link = person.pinned.and_then(|key| self.links.up(&key)).and_then(|conn| self.links.find(conn));
        // What the tracker told before it was lost may not hold any more.
        let online = person.online && self.session.up().is_some();
        // A link stands, and the tracker does not tell of a session: what it told before is over.
        let (status, status_text) = match (link, person.online) {
            (None, _) if !online => (Status::Offline, person.status_text.clone()),
            (Some(link), false) => (link.about.status, link.about.status_text.clone()),
            (_, _) => (person.status, person.status_text.clone()),
        };
        let reachable = online || link.is_some();
        PeerSeen {
            user: if id.0 == Realm::Lan { id.1.clone() } else { person.name.clone() },
            address: person.endpoints.first().copied().or(link.map(|link| link.remote)).filter(|_| reachable),
            status,
            status_text,
            room: None,
            last_seen: person.last_seen,
            linked: link.is_some() || self.partners.with(id).is_some(),
            blocked: person.blocked,
            plaintext: person.dialect != Dialect::Papo,
        }
    }

    fn list_peers(&mut self, now: Time, token: u64, prefix: String, as_users: bool) {
        if self.session.up().is_none() {
            return self.answer_peers(now, token, &prefix, Vec::new(), as_users);
        }
        let wire = wire_prefix(prefix.clone());
        let asked = Asked::Peers { token, prefix, rows: Vec::new(), as_users };
        self.ask_tracker(now, token, asked, |request| ToTracker::ListPeers { request, prefix: wire, after: None });
    }

    #[expect(clippy::too_many_arguments, reason = "a page and all that is known of the pages before it")]
    pub(super) fn on_peers_page(
        &mut self,
        now: Time,
        token: u64,
        prefix: String,
        mut rows: Vec<PeerRow>,
        as_users: bool,
        page: Vec<PeerRow>,
        more: bool,
    ) {
        let after = page.last().map(|row| row.contact.name.clone());
        rows.extend(page);
        if more && after.is_some() && rows.len() < self.limits.contacts_max {
            let wire = wire_prefix(prefix.clone());
            let asked = Asked::Peers { token, prefix, rows, as_users };
            self.ask_tracker(now, token, asked, |request| ToTracker::ListPeers { request, prefix: wire, after });
        } else {
            self.answer_peers(now, token, &prefix, rows, as_users);
        }
    }

    /// Those whom the tracker lists, and those besides whom this peer knows: linked, or away and in a room with it.
    fn answer_peers(&mut self, now: Time, token: u64, prefix: &str, rows: Vec<PeerRow>, as_users: bool) {
        let realm = self.realm();
        let mut seen = std::collections::BTreeMap::new();
        for (id, person) in self.people.iter() {
            let linked = person.pinned.is_some_and(|key| self.links.up(&key).is_some());
            let shares = id.0 == realm && self.rooms.values().any(|room| room.members.contains(&id.1));
            let found = person.usable_key().is_some_and(|key| self.hears_neighbour(&key));
            if (linked || shares || found)
                && self.is_called_so(id, person)
                && id.1.folded().starts_with(&prefix.to_lowercase())
            {
                seen.insert(id.1.clone(), self.seen(id, person));
            }
        }
        for row in self.words_seen(now) {
            if row.user.folded().starts_with(&prefix.to_lowercase()) {
                seen.insert(row.user.clone(), row);
            }
        }
        for row in rows {
            let PeerRow { contact, room } = row;
            // Behind the name of a line there is no account.
            let place = contact.endpoints.first().filter(|_| contact.dialect == Dialect::Line);
            let user = place.map_or_else(|| contact.name.clone(), |place| Name::at(Some(&contact.name), *place));
            let known = seen.get(&user);
            let (linked, blocked) = known.map_or((false, false), |known| (known.linked, known.blocked));
            let person = (realm, user.clone());
            let blocked = blocked || self.people.find(&person).is_some_and(|one| one.blocked);
            let linked = linked || self.partners.with(&person).is_some();
            let peer = PeerSeen {
                address: contact.endpoints.first().copied(),
                status: contact.status,
                status_text: contact.status_text,
                room,
                last_seen: contact.last_seen,
                linked,
                blocked,
                plaintext: contact.dialect != Dialect::Papo,
                user: user.clone(),
            };
            seen.insert(user, peer);
        }
        let peers = seen.into_values().collect();
        self.tell(if as_users { Notice::Users { room: None, users: peers } } else { Notice::Peers { peers } });
        self.outcome(token, None);
    }

    /// Whether somebody goes by that name: whoever was known by a label and turned out to be an account does not.
    fn is_called_so(&self, id: &PersonId, person: &Person) -> bool {
        let Some(key) = person.pinned.filter(|_| id.0 == Realm::Lan) else { return true };
        let link = self.links.up(&key).and_then(|conn| self.links.find(conn)?.person.clone());
        link.or_else(|| self.person_with(&key)).is_none_or(|of| of == *id)
    }

    fn list_members(&mut self, now: Time, token: u64, name: &Name) {
        let Some(room) = self.room_named(name).and_then(|id| self.rooms.get(&id)) else {
            return self.outcome(token, Some(Problem::NotInRoom { room: name.clone() }));
        };
        let realm = self.realm();
        let myself = self.seen_myself(now);
        let users = room.members.iter().map(|member| {
            let id = (realm, member.clone());
            match self.people.find(&id) {
                Some(person) if *member != self.me => self.seen(&id, person),
                _ => PeerSeen { user: member.clone(), ..myself.clone() },
            }
        });
        let users = users.map(|user| PeerSeen { room: Some(name.clone()), ..user }).collect();
        self.tell(Notice::Users { room: Some(name.clone()), users });
        self.outcome(token, None);
    }

    pub(super) fn on_rooms_page(
        &mut self,
        now: Time,
        token: u64,
        prefix: String,
        mut rows: Vec<RoomRow>,
        page: Vec<RoomRow>,
        more: bool,
    ) {
        let after = page.last().map(|row| row.name.clone());
        rows.extend(page);
        let names = rows.iter().map(|row| 1 + row.members.len()).sum::<usize>();
        if more && after.is_some() && rows.len() < self.limits.contacts_max && names < self.limits.listed_names_max {
            let wire = wire_prefix(prefix.clone());
            let asked = Asked::Rooms { token, prefix, rows };
            self.ask_tracker(now, token, asked, |request| ToTracker::ListRooms { request, prefix: wire, after });
            return;
        }
        let rooms = rows.into_iter().map(|row| RoomSeen {
            joined: row.members.contains(&self.me),
            room: row.name,
            owner: row.owner,
            members: row.members.into_vec(),
            capacity: row.capacity,
            plaintext: row.flags & PLAINTEXT != 0,
        });
        let rooms = rooms.collect();
        self.tell(Notice::Rooms { rooms });
        self.outcome(token, None);
    }

    fn whois(&mut self, now: Time, token: u64, user: Name) {
        let known = self.person_named(&user);
        // Of whoever is known by a label no tracker can tell anything.
        if self.session.up().is_some() && known.as_ref().is_none_or(|id| id.0 != Realm::Lan) {
            let asked = Asked::Whois { token };
            return self.ask_tracker(now, token, asked, |request| ToTracker::WhoisName { request, name: user });
        }
        if user == self.me {
            let profile = self.about().profile.clone();
            return self.answer_whois_me(now, token, None, profile, false);
        }
        let link = known.and_then(|id| self.people.find(&id)?.pinned).and_then(|key| self.links.up(&key));
        let profile = link.and_then(|conn| self.links.find(conn)).map(|link| link.about.profile.clone());
        self.answer_whois(token, &user, profile.unwrap_or_default(), false);
    }

    pub(super) fn answer_whois(&mut self, token: u64, user: &Name, profile: Profile, plaintext: bool) {
        let Some(id) = self.person_named(user) else {
            return self.outcome(token, Some(Problem::UnknownUser { user: user.clone() }));
        };
        let Some(person) = self.people.find(&id) else { return };
        let key = person.changed.or(person.pinned);
        self.tell(Notice::Whois {
            peer: self.seen(&id, person),
            key,
            pinned: person.pinned.filter(|_| person.changed.is_some()),
            verified: key.is_some_and(|key| self.people.is_verified(&key)),
            profile,
            plaintext,
        });
        self.outcome(token, None);
    }

    /// About oneself, who is no contact of one's own: as the tracker tells others, where it does.
    pub(super) fn answer_whois_me(
        &mut self,
        now: Time,
        token: u64,
        contact: Option<Contact>,
        profile: Profile,
        plaintext: bool,
    ) {
        let me = self.seen_myself(now);
        let peer = match contact {
            Some(contact) => PeerSeen { status: contact.status, status_text: contact.status_text, ..me },
            None => me,
        };
        let key = Some(self.identity.key());
        self.tell(Notice::Whois { peer, key, pinned: None, verified: true, profile, plaintext });
        self.outcome(token, None);
    }

    fn seen_myself(&self, now: Time) -> PeerSeen {
        PeerSeen {
            user: self.me.clone(),
            address: self.claimed().iter().copied().find(|address| !address.ip().is_unspecified()),
            status: match self.session.address.is_none() || self.session.up().is_some() {
                true => self.about().status,
                false => Status::Offline,
            },
            status_text: self.about().status_text.clone(),
            room: None,
            last_seen: self.wall_now(now),
            linked: false,
            blocked: false,
            plaintext: false,
        }
    }
}

/// A prefix as the tracker compares it; one that is too long for any name matches none.
fn wire_prefix(prefix: String) -> Prefix {
    Prefix::new(prefix.to_lowercase()).unwrap_or_default()
}
