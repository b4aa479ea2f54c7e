//! What a client that speaks JSON objects may ask.
//!
//! A request is answered with the sentence that people of that system know, and the connection stays, whatever was
//! asked. Registering and logging in work at any time; everything else wants someone logged in, and the `username` of
//! the request to be that one.
//!
//! Invariant: every request is answered exactly once.

use super::super::{
    Registration,
    change::Change,
    connections::Heard,
    machine::{Out, Timer, Tracker},
    passwords::{Attempt, Purpose},
    rooms::NewRoom,
    session::Phase,
};
use crate::{
    error::Fault,
    hex,
    identity::Key,
    machine::ConnId,
    names::Name,
    plaintext::json::{
        reply::{Reply, encode_peers, encode_rooms},
        request::{Account, Place, Request},
        sentence::{Problem, Success},
        stream::NoObject,
    },
    time::Time,
    wire::{
        room::PLAINTEXT,
        tracker::{Claimed, Failure, PasswordHash, RoomEvent, Token},
    },
};

/// How many a room takes that is made in this dialect: its objects have three places.
const CAPACITY: u16 = 3;
/// The owner's key in the record of a room that was made by someone without one.
const NO_KEY: Key = Key([0; 32]);

/// How a request ended whose answer is a sentence.
type Answer<'a> = Result<Success<'a>, Problem<'a>>;

impl Tracker {
    /// Works off the next object, if it is whole.
    pub(in super::super) fn hear_object(&mut self, now: Time, conn: ConnId, out: &mut Out) -> Result<Heard, Fault> {
        let max = self.limits.plaintext_request_bytes_max;
        let Some(session) = self.sessions.get_mut(&conn) else { return Ok(Heard::Nothing) };
        let Some(objects) = session.objects() else { return Ok(Heard::Nothing) };
        match objects.next_request(max) {
            Ok(None) => return Ok(Heard::Nothing),
            Ok(Some(request)) => {
                session.waiting += 1;
                self.on_object(now, conn, request, out);
            }
            Err(NoObject::Malformed) => self.dismiss(now, conn, Fault::Malformed, out),
            Err(NoObject::TooLong) => self.dismiss(now, conn, Fault::FrameTooLong, out),
        }
        Ok(Heard::Message)
    }

    fn on_object(&mut self, now: Time, conn: ConnId, request: Request, out: &mut Out) {
        match request {
            Request::Register(account) => return self.on_register(now, conn, account),
            Request::Login(account) => return self.on_login(now, conn, account),
            Request::ListPeers
            | Request::ListRooms
            | Request::CreateRoom(_)
            | Request::JoinRoom(_)
            | Request::LeaveRoom(_)
            | Request::DeleteRoom(_)
            | Request::Logout { .. }
            | Request::Unknown => {}
        }
        let Some(name) = self.sessions.get(&conn).and_then(|session| session.name()).cloned() else {
            return self.reply(conn, &Reply::Error(Problem::NotLoggedIn));
        };
        match request {
            Request::Register(_) | Request::Login(_) | Request::Unknown => {
                self.reply(conn, &Reply::Error(Problem::Unsupported));
            }
            Request::ListPeers => {
                let peers = encode_peers(self.peer_rows(now, conn, &name));
                self.say_object(conn, peers, None);
            }
            Request::ListRooms => {
                let rooms = encode_rooms(self.plaintext_rooms(now, conn, &name));
                self.say_object(conn, rooms, None);
            }
            Request::CreateRoom(place) => {
                let made = self.on_create_room(&name, &place, out);
                self.reply_with(conn, made);
            }
            Request::JoinRoom(place) => self.on_join_room(now, conn, &name, &place, out),
            Request::LeaveRoom(place) => {
                let left = self.on_leave_room(now, &name, &place, out);
                self.reply_with(conn, left);
            }
            Request::DeleteRoom(place) => {
                let deleted = self.on_delete_room(&name, &place, out);
                self.reply_with(conn, deleted);
            }
            Request::Logout { username } => {
                if username.is_some_and(|username| !is_own(&name, &username)) {
                    return self.reply(conn, &Reply::Error(Problem::UnknownPeer));
                }
                self.log_out_plaintext(now, conn, out);
                self.reply(conn, &Reply::Ok);
                self.end(conn, None);
            }
        }
    }

    fn reply(&mut self, conn: ConnId, reply: &Reply<'_>) {
        self.say_object(conn, reply.encode(), None);
    }

    fn reply_with(&mut self, conn: ConnId, answer: Answer<'_>) {
        self.reply(conn, &answer.map_or_else(Reply::Error, Reply::Done));
    }

    // Who someone is.

    fn on_register(&mut self, now: Time, conn: ConnId, account: Account) {
        let token = match account.token.clone().map(Token::new).transpose() {
            Ok(_) if self.registration == Registration::Closed => {
                return self.reply(conn, &Reply::Error(Problem::RegistrationClosed));
            }
            Ok(token) => token,
            Err(_) => return self.reply(conn, &Reply::Error(Problem::BadToken)),
        };
        let (Some(username), Some(password)) = (&account.username, &account.password) else {
            return self.reply(conn, &Reply::Error(Problem::MissingFields));
        };
        let Ok(name) = Name::new(username) else { return self.reply(conn, &Reply::Error(Problem::BadName)) };
        let Some(password) = password_of(password) else {
            return self.reply(conn, &Reply::Error(Problem::BadPassword));
        };
        self.try_password(now, conn, name, password, &account, Purpose::Register { token });
    }

    fn on_login(&mut self, now: Time, conn: ConnId, account: Account) {
        let name = account.username.as_deref().and_then(|username| Name::new(username).ok());
        let password = account.password.as_deref().and_then(password_of);
        let (Some(name), Some(password)) = (name, password) else {
            return self.reply(conn, &Reply::Error(Problem::BadCredentials));
        };
        self.try_password(now, conn, name, password, &account, Purpose::Login);
    }

    fn try_password(
        &mut self,
        now: Time,
        conn: ConnId,
        name: Name,
        password: PasswordHash,
        account: &Account,
        purpose: Purpose,
    ) {
        let endpoint = self.endpoint_of(conn, account.address.as_deref(), account.port);
        let claimed = Claimed::truncated(endpoint.into_iter().collect());
        // It is told apart by its connection alone: one waits at a time.
        self.queue(now, conn, 0, name, password, claimed, purpose);
    }

    /// The password was right, or the account is made.
    pub(in super::super) fn admit_plaintext(
        &mut self,
        now: Time,
        attempt: &Attempt,
        changes: Vec<Change>,
        out: &mut Out,
    ) {
        let conn = attempt.conn;
        let is_other = |name: &Name| *name != attempt.name;
        if self.sessions.get(&conn).and_then(|session| session.name()).is_some_and(is_other) {
            self.log_out_plaintext(now, conn, out);
        }
        let endpoints = attempt.claimed.to_vec();
        let (name, _) = self.begin_session(now, conn, &attempt.name, endpoints, changes, out);
        self.plaintext.idle.remove(&conn);
        if let Some(session) = self.sessions.get_mut(&conn) {
            session.heard = now;
            if let Some(objects) = session.objects() {
                objects.is_checking = false;
                objects.is_lost = false;
            }
        }
        self.timers.set(Timer::Session(conn), now + self.plaintext.ping_interval);
        let success = match attempt.purpose {
            Purpose::Register { .. } => Success::Registered,
            Purpose::Login => Success::LoggedIn,
        };
        self.reply(conn, &Reply::Done(success));
        self.push_presence(now, &name);
        self.push_updates_around(now, &name);
    }

    /// Answers a request that did not work, and that is about nobody and no room.
    pub(in super::super) fn reply_failed(&mut self, conn: ConnId, failure: Failure) {
        self.reply(conn, &Reply::Error(problem(failure, "", "")));
    }

    /// Whoever is logged in is so no more; the connection stays.
    pub(super) fn log_out_plaintext(&mut self, now: Time, conn: ConnId, out: &mut Out) {
        let Some(session) = self.sessions.get_mut(&conn) else { return };
        let Phase::LoggedIn(name) = std::mem::replace(&mut session.phase, Phase::Anonymous { until: None }) else {
            return;
        };
        session.endpoints = Vec::new();
        let ip = session.ip();
        self.gate.handle_logout(conn, ip);
        self.timers.clear(Timer::Session(conn));
        self.plaintext.forget(conn);
        self.leave_plaintext_rooms(now, &name, RoomEvent::Left, out);
        self.on_offline(now, &name, out);
    }

    // Rooms.

    fn on_create_room<'a>(&mut self, name: &Name, place: &'a Place, out: &mut Out) -> Answer<'a> {
        let (room, user) = place.both().ok_or(Problem::MissingFields)?;
        if !is_own(name, user) {
            return Err(Problem::UnknownUser { user });
        }
        let owner = self.directory.account(name).and_then(|account| account.key).unwrap_or(NO_KEY);
        let nonce = self.plaintext.nonces.bytes();
        let wanted = Name::new(room).map_err(|_| Problem::BadName)?;
        let wanted = NewRoom { name: wanted, capacity: CAPACITY, nonce, flags: PLAINTEXT, owner };
        self.create(name, wanted, out).map_err(|failure| problem(failure, user, room))?;
        Ok(Success::Created { room })
    }

    fn on_join_room(&mut self, now: Time, conn: ConnId, name: &Name, place: &Place, out: &mut Out) {
        let joined = match place.both() {
            None => Err(Problem::MissingFields),
            Some((_, user)) if !is_own(name, user) => Err(Problem::UnknownPeer),
            Some((room, user)) => {
                let known = self.plaintext_room_named(room).ok_or(Problem::UnknownRoom { room });
                let joined = known.and_then(|known| {
                    self.join(now, conn, name, &known, true, out).map_err(|failure| problem(failure, user, room))
                });
                joined.map(|id| (id, user))
            }
        };
        let room = joined.map(|(id, user)| (self.directory.room(&id), user));
        match room {
            Ok((Some(room), user)) => {
                let room = &self.room_object(now, room, name, conn);
                self.reply(conn, &Reply::Joined { user, room });
            }
            Ok((None, _)) => unreachable!("whoever has joined a room is in it"),
            Err(problem) => self.reply(conn, &Reply::Error(problem)),
        }
    }

    fn on_leave_room<'a>(&mut self, now: Time, name: &Name, place: &'a Place, out: &mut Out) -> Answer<'a> {
        let (room, user) = place.both().ok_or(Problem::MissingFields)?;
        if !is_own(name, user) {
            return Err(Problem::UnknownPeer);
        }
        let problem = Problem::NotInRoom { user, room };
        let known = self.plaintext_room_named(room).ok_or(problem)?;
        self.leave(now, name, &known, out).map_err(|_| problem)?;
        Ok(Success::Left { user, room })
    }

    fn on_delete_room<'a>(&mut self, name: &Name, place: &'a Place, out: &mut Out) -> Answer<'a> {
        let room = place.room.as_deref().ok_or(Problem::MissingRoom)?;
        let problem = Problem::NotDeletable { room };
        if !place.username.as_deref().is_some_and(|user| is_own(name, user)) {
            return Err(problem);
        }
        let known = self.plaintext_room_named(room).ok_or(problem)?;
        self.delete(name, &known, out).map_err(|_| problem)?;
        Ok(Success::Deleted { room })
    }

    /// The name of a plaintext room, as it was made.
    fn plaintext_room_named(&self, room: &str) -> Option<Name> {
        let (_, room) = self.directory.room_named(&Name::new(room).ok()?)?;
        room.record.is_plaintext().then(|| room.name().clone())
    }
}

impl Place {
    /// Room and user, where both are there.
    fn both(&self) -> Option<(&str, &str)> {
        Some((self.room.as_deref()?, self.username.as_deref()?))
    }
}

fn is_own(name: &Name, username: &str) -> bool {
    Name::new(username).is_ok_and(|username| username == *name)
}

fn password_of(text: &str) -> Option<PasswordHash> {
    hex::decode(text)?.try_into().ok().map(PasswordHash)
}

/// Why a request failed, in this dialect's words.
const fn problem<'a>(failure: Failure, user: &'a str, room: &'a str) -> Problem<'a> {
    match failure {
        Failure::BadCredentials => Problem::BadCredentials,
        Failure::NameTaken => Problem::UserExists,
        Failure::RegistrationClosed => Problem::RegistrationClosed,
        Failure::BadToken => Problem::BadToken,
        Failure::NotLoggedIn => Problem::NotLoggedIn,
        Failure::UnknownUser => Problem::UnknownPeer,
        Failure::UnknownRoom | Failure::PlaintextRoom => Problem::UnknownRoom { room },
        Failure::RoomFull => Problem::RoomFull { room },
        Failure::RoomExists => Problem::RoomExists { room },
        Failure::NotMember => Problem::NotInRoom { user, room },
        Failure::NotOwner => Problem::NotDeletable { room },
        Failure::TooManyRooms => Problem::TooManyRooms,
        Failure::Full => Problem::Full,
        Failure::Busy => Problem::Busy,
        Failure::AlreadyLoggedIn | Failure::OutOfRange => Problem::Unsupported,
    }
}
