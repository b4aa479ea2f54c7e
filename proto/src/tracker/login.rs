//! Who someone is: registering, logging in and out, and telling those who share a room.
//!
//! - **An account that one has already**, by the same key and password, can be registered again: that is a login, for
//!   those whom the answer to the first time did not reach.
//! - **Accounts nobody has** look like any other: a password is checked against a verifier of no password, a key is
//!   wrong, and the answer is the same.
//! - **One live session an account**: a later login says goodbye to the earlier one. A login by password from another
//!   device ties that device's identity key to the account in place of the former.
//! - **After a login** the session is told of everyone who shares a room with it, then of its rooms, as they are when
//!   each is told; a long list goes out piece by piece, as the connection has room. Changes that happen meanwhile are
//!   pushed like any others, except those of rooms that it has not been told of yet.

use std::{net::SocketAddr, sync::Arc};

use super::{
    Notice, Registration,
    change::{Change, Verifier},
    directory::{Account, Room},
    endpoints::endpoints,
    machine::{Out, Tracker},
    passwords::{Attempt, Purpose, Queued},
    session::{Phase, Session, Sync},
};
use crate::{
    error::Fault,
    identity::Key,
    limits::ms,
    machine::{Action, ConnId, PasswordCheck, PasswordOutcome, RequestId, WRITABLE_BYTES_MAX},
    names::Name,
    source::Source,
    time::Time,
    wire::{
        codec::{List, Wire as _},
        tracker::{
            Claimed, Contact, Dialect, Failure, FromTracker, Goodbye, PasswordHash, RoomEvent, RoomState, Status,
            ToTracker, Token,
        },
    },
};

/// What a frame adds to a message on the wire: its length and its tag.
const FRAME_OVERHEAD_BYTES: usize = 2 + 16;

impl Tracker {
    /// A message of a session that has not logged in.
    pub(super) fn on_anonymous(&mut self, now: Time, conn: ConnId, message: ToTracker, out: &mut Out) {
        match message {
            ToTracker::Register { request, .. } if self.registration == Registration::Closed => {
                self.fail(conn, request, Failure::RegistrationClosed);
                self.strike(conn);
            }
            ToTracker::Register { request, name, password, token, claimed } => {
                self.queue(now, conn, request, name, password, claimed, Purpose::Register { token });
            }
            ToTracker::LoginPassword { request, name, password, claimed } => {
                self.queue(now, conn, request, name, password, claimed, Purpose::Login);
            }
            ToTracker::LoginKey { request, name, claimed } => {
                self.on_login_key(now, conn, request, &name, &claimed, out)
            }
            other @ (ToTracker::Ping { .. }
            | ToTracker::Pong { .. }
            | ToTracker::Bye { .. }
            | ToTracker::Logout { .. }
            | ToTracker::Moved { .. }
            | ToTracker::SetStatus { .. }
            | ToTracker::SetProfile { .. }
            | ToTracker::SetPlaintext { .. }
            | ToTracker::ListPeers { .. }
            | ToTracker::ListRooms { .. }
            | ToTracker::WhoisName { .. }
            | ToTracker::WhoisKey { .. }
            | ToTracker::Create { .. }
            | ToTracker::Join { .. }
            | ToTracker::Leave { .. }
            | ToTracker::Delete { .. }) => {
                if let Some(request) = other.request() {
                    self.fail(conn, request, Failure::NotLoggedIn);
                }
                if let Some(session) = self.sessions.get(&conn) {
                    self.blame(session.ip(), Fault::Unexpected, out);
                }
                self.strike(conn);
            }
        }
    }

    fn on_login_key(&mut self, now: Time, conn: ConnId, request: u32, name: &Name, claimed: &Claimed, out: &mut Out) {
        let Some(key) = self.sessions.get(&conn).and_then(|session| session.key) else { return };
        if self.directory.account(name).is_some_and(|account| account.key == Some(key)) {
            self.log_in(now, conn, request, name, claimed, Vec::new(), out);
        } else {
            self.fail(conn, request, Failure::BadCredentials);
            self.strike(conn);
        }
    }

    // Passwords.

    #[expect(clippy::too_many_arguments, reason = "the fields of a message")]
    pub(super) fn queue(
        &mut self,
        now: Time,
        conn: ConnId,
        request: u32,
        name: Name,
        password: PasswordHash,
        claimed: Claimed,
        purpose: Purpose,
    ) {
        let Some(session) = self.sessions.get(&conn) else { return };
        let source = Source::of(session.ip());
        match self.passwords.queue(now, Attempt { conn, request, source, name, password, claimed, purpose }) {
            Queued::Waits => self.await_check(now, conn),
            Queued::Displaces(other) => {
                self.await_check(now, conn);
                self.refuse(now, &other, Failure::Busy);
            }
            Queued::Refused => self.turn_away(conn, request, Failure::Busy),
        }
    }

    /// Starts what may be checked by now.
    pub(super) fn start_checks(&mut self, now: Time, out: &mut Out) {
        while let Some(attempt) = self.passwords.next_ready(now) {
            let password = attempt.password.0;
            let check = match &attempt.purpose {
                Purpose::Login => {
                    let account = self.directory.account(&attempt.name);
                    let account = account.filter(|account| self.is_open_to(account, attempt.conn));
                    let verifier = account.map_or(&self.dummy_verifier, |account| &account.verifier).0.clone();
                    PasswordCheck::Verify { verifier, password }
                }
                Purpose::Register { token } => match self.may_register(&attempt.name, token.as_ref()) {
                    Ok(()) => PasswordCheck::Create { password, salt: self.salts.bytes() },
                    Err(Failure::NameTaken) if let Some(account) = self.own_account(&attempt) => {
                        PasswordCheck::Verify { verifier: account.verifier.0.clone(), password }
                    }
                    Err(failure) => {
                        self.refuse(now, &attempt, failure);
                        continue;
                    }
                },
            };
            let request = self.ids.next_request();
            self.passwords.start(request, attempt);
            out.push(Action::CheckPassword { request, check });
        }
    }

    pub(super) fn on_password_checked(
        &mut self,
        now: Time,
        request: RequestId,
        outcome: PasswordOutcome,
        out: &mut Out,
    ) {
        let Some(attempt) = self.passwords.finish(request) else { return };
        let right = match (&attempt.purpose, outcome) {
            (Purpose::Login, PasswordOutcome::Matched) => {
                let account = self.directory.account(&attempt.name);
                // It may have been closed to plain text meanwhile.
                let account = account.filter(|account| self.is_open_to(account, attempt.conn));
                account.map(|_| Vec::new()).ok_or(Failure::BadCredentials)
            }
            (Purpose::Register { token }, PasswordOutcome::Created(verifier)) => {
                // Someone else may have taken the name meanwhile.
                self.may_register(&attempt.name, token.as_ref()).map(|()| {
                    let (name, key) = (attempt.name.clone(), self.key_of(attempt.conn));
                    vec![Change::AccountAdded { name, verifier: Verifier(verifier), key, at: self.wall_at(now) }]
                })
            }
            (Purpose::Register { .. }, PasswordOutcome::Matched) if self.own_account(&attempt).is_some() => {
                Ok(Vec::new())
            }
            (Purpose::Register { .. }, _) if self.own_account(&attempt).is_some() => Err(Failure::NameTaken),
            (Purpose::Login | Purpose::Register { .. }, _) => Err(Failure::BadCredentials),
        };
        match right {
            Ok(changes) => self.admit(now, &attempt, changes, out),
            Err(failure) => self.refuse(now, &attempt, failure),
        }
    }

    fn admit(&mut self, now: Time, attempt: &Attempt, mut changes: Vec<Change>, out: &mut Out) {
        self.passwords.handle_right(attempt);
        let session = self.sessions.get(&attempt.conn).filter(|session| session.is_checking());
        let Some(session) = session.filter(|_| !self.is_stopping()) else { return };
        self.runnable.insert(attempt.conn);
        if !session.is_native() {
            return self.admit_plaintext(now, attempt, changes, out);
        }
        let key = self.key_of(attempt.conn);
        if let Some(account) = self.directory.account(&attempt.name)
            && account.key != key
        {
            changes.push(Change::AccountKey { name: account.name.clone(), key });
        }
        self.log_in(now, attempt.conn, attempt.request, &attempt.name, &attempt.claimed, changes, out);
    }

    fn refuse(&mut self, now: Time, attempt: &Attempt, failure: Failure) {
        if matches!(failure, Failure::BadCredentials | Failure::BadToken) {
            self.passwords.handle_wrong(now, attempt);
        }
        let session = self.sessions.get_mut(&attempt.conn).filter(|session| session.is_checking());
        let Some(session) = session else { return };
        if let Some(objects) = session.objects() {
            objects.is_checking = false;
        } else if let Phase::Checking { left } = session.phase {
            self.await_login(now, attempt.conn, left);
        }
        self.turn_away(attempt.conn, attempt.request, failure);
        self.runnable.insert(attempt.conn);
    }

    /// Tells whoever wanted to be let in that he is not.
    fn turn_away(&mut self, conn: ConnId, request: u32, failure: Failure) {
        if self.sessions.get(&conn).is_some_and(Session::is_native) {
            self.fail(conn, request, failure);
            self.strike(conn);
        } else {
            self.reply_failed(conn, failure);
        }
    }

    /// Whether an account may be used through this connection.
    fn is_open_to(&self, account: &Account, conn: ConnId) -> bool {
        let is_native = self.sessions.get(&conn).is_some_and(Session::is_native);
        is_native || account.plaintext || account.key.is_none()
    }

    fn may_register(&self, name: &Name, token: Option<&Token>) -> Result<(), Failure> {
        match &self.registration {
            Registration::Open => {}
            Registration::Closed => return Err(Failure::RegistrationClosed),
            Registration::Token(expected) => {
                if !token.is_some_and(|token| is_same(token.as_str().as_bytes(), expected.as_bytes())) {
                    return Err(Failure::BadToken);
                }
            }
        }
        // A name that looks like a label is kept for the one whose key is in it.
        if self.directory.is_account_taken(name) || name.looks_like_label() {
            Err(Failure::NameTaken)
        } else if self.directory.accounts_len() >= self.limits.users_max {
            Err(Failure::Full)
        } else {
            Ok(())
        }
    }

    /// The account of the name that someone wants, if it has the very key of who wants it.
    fn own_account(&self, attempt: &Attempt) -> Option<&Account> {
        let key = self.key_of(attempt.conn)?;
        self.directory.account(&attempt.name).filter(|account| account.key == Some(key))
    }

    pub(super) fn key_of(&self, conn: ConnId) -> Option<Key> {
        self.sessions.get(&conn).and_then(|session| session.key)
    }

    // Coming and going.

    #[expect(clippy::too_many_arguments, reason = "the fields of a message")]
    fn log_in(
        &mut self,
        now: Time,
        conn: ConnId,
        request: u32,
        name: &Name,
        claimed: &Claimed,
        changes: Vec<Change>,
        out: &mut Out,
    ) {
        let endpoints = self.sessions.get(&conn).map(|session| endpoints(session.ip(), claimed, &self.here));
        let (name, seen) = self.begin_session(now, conn, name, endpoints.unwrap_or_default(), changes, out);
        let account = self.directory.account(&name).expect("who logs in has an account");
        let sync = Sync {
            contacts: self.directory.sharing(&name).into_iter().cloned().collect(),
            rooms: account.rooms().iter().copied().collect(),
        };
        let session = self.sessions.get_mut(&conn).expect("the caller has it");
        session.sync = Some(sync);
        session.strikes = 0;
        self.await_silence(now, conn);
        self.answer(conn, &FromTracker::Welcome { request, name: name.clone(), seen, wall: self.wall_at(now) });
        self.continue_sync(now, conn, WRITABLE_BYTES_MAX);
        self.push_presence(now, &name);
        self.push_updates_around(now, &name);
    }

    /// Makes a connection the session of an account, in place of any earlier one; the account's name as it was
    /// registered, and where the connection comes from.
    pub(super) fn begin_session(
        &mut self,
        now: Time,
        conn: ConnId,
        name: &Name,
        endpoints: Vec<SocketAddr>,
        changes: Vec<Change>,
        out: &mut Out,
    ) -> (Name, SocketAddr) {
        if let Some(&older) = self.online.get(name.folded()).filter(|&&older| older != conn) {
            let is_native = self.sessions.get(&older).is_some_and(Session::is_native);
            self.online.remove(name.folded());
            self.end(older, Some(Goodbye::Replaced));
            if !is_native {
                self.leave_plaintext_rooms(now, name, RoomEvent::Left, out);
            }
            self.tell(Notice::LoggedOut { name: name.clone() });
        }
        if !changes.is_empty() {
            self.commit(changes, out);
        }
        let account = self.directory.account(name).expect("who logs in has an account");
        let name = account.name.clone();
        let session = self.sessions.get_mut(&conn).expect("the caller has it");
        session.phase = Phase::LoggedIn(name.clone());
        session.endpoints = endpoints;
        let seen = session.remote;
        self.gate.handle_login(conn, seen.ip());
        self.online.insert(name.folded().to_owned(), conn);
        self.note_seen(now, conn);
        self.tell(Notice::LoggedIn { name: name.clone(), from: seen });
        (name, seen)
    }

    /// The person logs out; the connection stays.
    pub(super) fn log_out(&mut self, now: Time, conn: ConnId, name: &Name, out: &mut Out) {
        let Some(session) = self.sessions.get_mut(&conn) else { return };
        session.endpoints = Vec::new();
        session.sync = None;
        session.logged_out = true;
        self.gate.handle_logout(conn, session.ip());
        self.await_login(now, conn, ms(self.limits.login_ms_max));
        self.on_offline(now, name, out);
    }

    /// An account has no session any more.
    pub(super) fn on_offline(&mut self, now: Time, name: &Name, out: &mut Out) {
        self.online.remove(name.folded());
        self.commit(vec![Change::LastSeen { name: name.clone(), at: self.wall_at(now) }], out);
        self.push_presence(now, name);
        self.push_updates_around(now, name);
        self.tell(Notice::LoggedOut { name: name.clone() });
    }

    // Telling others.

    /// Tells everyone who shares a room with `name` how it is now.
    pub(super) fn push_presence(&mut self, now: Time, name: &Name) {
        let receivers = self.directory.sharing(name);
        let receivers = receivers.into_iter().filter_map(|other| self.online.get(other.folded())).copied().collect();
        self.push_contact(now, name, receivers);
    }

    /// Tells some how `name` is now.
    pub(super) fn push_contact(&mut self, now: Time, name: &Name, receivers: Vec<ConnId>) {
        // Encoded once for those on this host, once for all others.
        let mut encoded: [Option<Arc<[u8]>>; 2] = [None, None];
        for conn in receivers {
            let Some(session) = self.sessions.get(&conn) else { continue };
            let loopback = session.is_loopback();
            let Some(account) = self.directory.account(name) else { return };
            let bytes = encoded[usize::from(loopback)]
                .get_or_insert_with(|| {
                    let contact = self.contact(now, account, loopback);
                    FromTracker::Contact { contact }.to_bytes().into()
                })
                .clone();
            self.say_bytes(conn, bytes, false);
        }
    }

    /// An account as others see it; loopback endpoints are for those on the tracker's own host.
    pub(super) fn contact(&self, now: Time, account: &Account, loopback: bool) -> Contact {
        let session = self.session_of(&account.name).map(|(_, session)| session);
        let session = session.filter(|session| session.is_present());
        let endpoints = session.map(|session| {
            let told = session.endpoints.iter().filter(|endpoint| loopback || !endpoint.ip().is_loopback());
            told.copied().collect::<Vec<SocketAddr>>()
        });
        Contact {
            name: account.name.clone(),
            key: account.key,
            dialect: session.map_or(Dialect::Papo, Session::dialect),
            status: if session.is_some() { account.status } else { Status::Offline },
            status_text: account.status_text.clone(),
            last_seen: if session.is_some() { self.wall_at(now) } else { account.last_seen },
            endpoints: List::truncated(endpoints.unwrap_or_default()),
        }
    }

    /// Tells a session more of the state after its login: what `bytes` have room for, and at least something.
    pub(super) fn continue_sync(&mut self, now: Time, conn: ConnId, bytes: usize) {
        let Some(session) = self.sessions.get_mut(&conn) else { return };
        let loopback = session.is_loopback();
        let Some(mut sync) = session.sync.take() else { return };
        let mut said = 0;
        loop {
            let message = if let Some(name) = sync.contacts.front() {
                let account = self.directory.account(name);
                account.map(|account| FromTracker::Contact { contact: self.contact(now, account, loopback) })
            } else if let Some(id) = sync.rooms.front() {
                self.directory.room(id).map(room_message)
            } else {
                return self.say(conn, &FromTracker::Synced);
            };
            if let Some(message) = message {
                let message = message.to_bytes();
                let length = message.len() + FRAME_OVERHEAD_BYTES;
                if said > 0 && said + length > bytes {
                    break;
                }
                said += length;
                self.say_bytes(conn, message.into(), false);
            }
            if sync.contacts.pop_front().is_none() {
                sync.rooms.pop_front();
            }
        }
        if let Some(session) = self.sessions.get_mut(&conn) {
            session.sync = Some(sync);
            self.say_want_write(conn);
        }
    }
}

/// A room as its members are told.
pub(super) fn room_message(room: &Room) -> FromTracker {
    let room = RoomState {
        record: room.record.clone(),
        owner: room.owner.clone(),
        capacity: room.capacity,
        epoch: room.epoch,
        members: List::truncated(room.members().cloned().collect()),
    };
    FromTracker::Room { room }
}

/// Compares in a time that depends on the lengths alone.
fn is_same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).fold(0, |differs, (one, other)| differs | (one ^ other)) == 0
}
