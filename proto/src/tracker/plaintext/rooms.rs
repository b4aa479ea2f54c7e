//! Rooms and people as a client that speaks JSON objects is told of them.

use super::super::machine::{Out, Tracker};
use crate::{
    machine::ConnId,
    names::Name,
    plaintext::json::reply::{Peer, PeerRow, Reply, Room},
    time::Time,
    tracker::{directory, session::Session},
    wire::{
        room::RoomId,
        tracker::{Dialect, RoomEvent},
    },
};

/// Beside the owner.
const OTHERS: usize = 2;

impl Tracker {
    // Telling.

    /// Tells every plaintext client in a room but `except` how it is now.
    pub(in super::super) fn push_update(&mut self, now: Time, id: RoomId, except: &Name) {
        let Some(room) = self.directory.room(&id).filter(|room| room.record.is_plaintext()) else { return };
        let mut told = Vec::new();
        for member in room.members().filter(|&member| member != except) {
            let Some((conn, _)) = self.objects_of(member) else { continue };
            let object = self.room_object(now, room, member, conn);
            told.push((conn, Reply::Updated { name: room.name(), room: Some(&object) }.encode()));
        }
        for (conn, object) in told {
            self.say_object(conn, object, Some(id));
        }
    }

    /// Tells every plaintext client of the rooms that `name` is in, but itself.
    pub(in super::super) fn push_updates_around(&mut self, now: Time, name: &Name) {
        for id in self.directory.account(name).map(|account| account.rooms().to_vec()).unwrap_or_default() {
            self.push_update(now, id, name);
        }
    }

    /// Tells every plaintext client that was in a room, but `except`, that it is no more.
    pub(in super::super) fn push_deletion(&mut self, members: &[Name], id: RoomId, room: &Name, except: &Name) {
        let object = Reply::Updated { name: room, room: None }.encode();
        for member in members.iter().filter(|&member| member != except) {
            if let Some((conn, _)) = self.objects_of(member) {
                self.say_object(conn, object.clone(), Some(id));
            }
        }
    }

    /// Takes someone out of all plaintext rooms.
    pub(in super::super) fn leave_plaintext_rooms(&mut self, now: Time, name: &Name, what: RoomEvent, out: &mut Out) {
        for id in self.directory.account(name).map(|account| account.rooms().to_vec()).unwrap_or_default() {
            if self.directory.room(&id).is_some_and(|room| room.record.is_plaintext()) {
                self.take_out(now, name, id, what, out);
            }
        }
    }

    /// A room has changed, or is no more.
    pub(in super::super) fn note_changed(&mut self, id: RoomId) {
        match self.directory.room(&id) {
            Some(room) if room.record.is_plaintext() => self.plaintext.changed.touch(id),
            Some(_) => {}
            None => self.plaintext.changed.remove(id),
        }
    }

    // Looking.

    /// The session of someone who speaks objects.
    fn objects_of(&self, name: &Name) -> Option<(ConnId, &Session)> {
        self.session_of(name).filter(|(_, session)| session.dialect() == Dialect::Json)
    }

    /// A room as `asker`, who is there through `conn`, is told of it: the owner and two others. Where there are more,
    /// the asker comes first, and then those who can be reached.
    pub(super) fn room_object(&self, now: Time, room: &directory::Room, asker: &Name, conn: ConnId) -> Room {
        let loopback = self.is_loopback(conn);
        let peer = |name: &Name| self.peer_object(now, name, loopback);
        let mut others = room.members().filter(|&member| *member != room.owner).collect::<Vec<_>>();
        if others.len() > OTHERS {
            others.sort_by_key(|&other| (other != asker, peer(other).is_none()));
        }
        let mut others = others.into_iter();
        let mut next = || others.next().and_then(peer);
        let peer_owner = room.has(&room.owner).then(|| peer(&room.owner)).flatten();
        Room { name: room.name().clone(), peer_owner, peer_one: next(), peer_two: next() }
    }

    /// Someone in a room; `None` who cannot be reached.
    fn peer_object(&self, now: Time, name: &Name, loopback: bool) -> Option<Peer> {
        let (_, session) = self.session_of(name).filter(|(_, session)| session.is_present())?;
        let endpoint = session.endpoints.iter().find(|endpoint| loopback || !endpoint.ip().is_loopback())?;
        Some(Peer {
            username: session.name()?.clone(),
            last_ping: self.wall_then(now, session.heard),
            address: endpoint.ip().to_string(),
            port: endpoint.port(),
            connected: true,
        })
    }

    /// Everyone who is connected: those of one's own rooms first, then those who were seen last.
    pub(super) fn peer_rows(&self, now: Time, conn: ConnId, name: &Name) -> impl Iterator<Item = PeerRow> {
        let loopback = self.is_loopback(conn);
        let rooms = self.directory.account(name).map(|account| account.rooms()).unwrap_or_default();
        let rooms = rooms.iter().filter_map(|id| self.directory.room(id)).filter(|room| room.record.is_plaintext());
        let mut own = vec![conn];
        for member in rooms.flat_map(directory::Room::members) {
            own.extend(self.online.get(member.folded()).filter(|conn| !own.contains(conn)).copied().as_slice());
        }
        let others = self.plaintext.seen.latest().filter({
            let own = own.clone();
            move |conn| !own.contains(conn)
        });
        let logged_in = own.into_iter().chain(others).filter_map(move |conn| self.peer_row(now, conn, loopback));
        logged_in.chain(self.row_peers(now, loopback))
    }

    fn peer_row(&self, now: Time, conn: ConnId, loopback: bool) -> Option<PeerRow> {
        let session = self.sessions.get(&conn).filter(|session| session.is_present())?;
        let name = session.name()?;
        let endpoint = session.endpoints.iter().find(|endpoint| loopback || !endpoint.ip().is_loopback());
        let rooms = self.directory.account(name)?.rooms().iter().rev();
        let mut rooms = rooms.filter_map(|id| self.directory.room(id)).filter(|room| room.record.is_plaintext());
        Some(PeerRow {
            username: name.clone(),
            address: endpoint.map(|endpoint| endpoint.ip().to_string()),
            port: endpoint.map(std::net::SocketAddr::port),
            connected: true,
            last_ping: self.wall_then(now, session.heard),
            room: rooms.next().map(|room| room.name().clone()),
        })
    }

    /// Every plaintext room: one's own first, then those that changed last.
    pub(super) fn plaintext_rooms(&self, now: Time, conn: ConnId, name: &Name) -> impl Iterator<Item = Room> {
        let own = self.directory.account(name).map(|account| account.rooms()).unwrap_or_default();
        let others = self.plaintext.changed.latest().filter(move |id| !own.contains(id));
        let rooms = own.iter().rev().copied().chain(others).filter_map(|id| self.directory.room(&id));
        let name = name.clone();
        rooms.filter(|room| room.record.is_plaintext()).map(move |room| self.room_object(now, room, &name, conn))
    }

    fn is_loopback(&self, conn: ConnId) -> bool {
        self.sessions.get(&conn).is_some_and(Session::is_loopback)
    }
}
