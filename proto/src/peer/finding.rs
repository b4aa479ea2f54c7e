//! Finding others on the same network: calling out, hearing who calls, and dialling them.
//!
//! Which neighbour is dialled when is decided in [`discovery`](super::discovery); who it is, comes from the link as with
//! every other. A dial to somebody who is linked already, by another of its addresses perhaps, ends in order before it
//! is a link, and only tells whose key is there.

use std::net::SocketAddr;

use super::{
    discovery::{Discovery, Heard},
    interface::{Note, Problem},
    link::{Link, Stage},
    machine::{Out, Peer, Timer},
};
use crate::{
    error::Fault,
    identity::Key,
    limits::ms,
    machine::{Action, CloseHow, ConnId, Refusal, SocketId},
    plaintext::address_beacon::ADDRESS_BEACON_PORT,
    time::Time,
    wire::{beacon::Beacon, codec::Wire as _, tracker::Goodbye},
};

impl Peer {
    /// Once the peer listens it can be found; but while it is about to log in, it waits for that or for its failure, so
    /// that it is greeted by its account and not as a stranger.
    pub(super) fn start_calling(&mut self, out: &mut Out) {
        let (Some(discovery), Some(listen)) = (&mut self.discovery, self.listen) else { return };
        if !discovery.is_new || self.stopping || self.session.is_coming_up() {
            return;
        }
        discovery.is_new = false;
        let socket = self.ids.next_socket();
        discovery.set_interfaces(listen, &self.interfaces);
        discovery.socket = Some(socket);
        let address = SocketAddr::new(std::net::Ipv4Addr::UNSPECIFIED.into(), discovery.lan.port);
        out.push(Action::Bind { socket, address, broadcast: true });
        self.start_address_beacons(out);
    }

    pub(super) fn on_bound(&mut self, now: Time, socket: SocketId, out: &mut Out) {
        if self.is_address_socket(socket) {
            self.partners.nearby.bound = true;
            return self.call_address(now, out);
        }
        let Some(discovery) = self.discovery.as_mut().filter(|one| one.socket == Some(socket)) else { return };
        discovery.bound = true;
        self.call(now, out);
    }

    /// Without the socket nobody is found by calling; everything else goes on. Whether that socket was meant.
    pub(super) fn on_bind_refused(&mut self, id: u64, reason: Refusal) -> bool {
        if self.is_address_socket(SocketId(id)) {
            self.partners.nearby.socket = None;
            self.note(Note::LanRefused { port: ADDRESS_BEACON_PORT, reason });
            return true;
        }
        let Some(discovery) = self.discovery.as_mut().filter(|one| one.socket == Some(SocketId(id))) else {
            return false;
        };
        discovery.socket = None;
        let port = discovery.lan.port;
        self.note(Note::LanRefused { port, reason });
        true
    }

    /// The host's networks are others now: those that are there hear of this peer at once.
    pub(super) fn on_networks_changed(&mut self, now: Time, out: &mut Out) {
        let (Some(discovery), Some(listen)) = (&mut self.discovery, self.listen) else { return };
        discovery.set_interfaces(listen, &self.interfaces);
        if discovery.bound {
            self.call(now, out);
        }
    }

    /// The peer ends.
    pub(super) fn stop_calling(&mut self, out: &mut Out) {
        if let Some(socket) = self.discovery.as_mut().and_then(|discovery| discovery.socket.take()) {
            out.push(Action::Close { id: socket.0, how: CloseHow::Abort });
        }
    }

    /// Calls out on each network, and does so again in a while.
    pub(super) fn call(&mut self, now: Time, out: &mut Out) {
        let (Some(discovery), Some(listen)) = (&mut self.discovery, self.listen) else { return };
        let Some(socket) = discovery.socket else { return };
        discovery.forget_silent(now);
        for (to, beacon) in discovery.beacons(listen) {
            out.send_to(socket, to, &beacon.to_bytes());
        }
        self.timers.set(Timer::Call, now + self.jitter.jittered(ms(self.limits.lan_beacon_ms)));
        self.call_address(now, out);
        // Someone may have become welcome again meanwhile.
        self.look_for_neighbours(now);
    }

    /// Looks soon for neighbours to dial.
    pub(super) fn look_for_neighbours(&mut self, now: Time) {
        if let Some(discovery) = &self.discovery {
            self.timers.set_earlier(Timer::Neighbours, discovery.next_look(now));
        }
    }

    pub(super) fn handle_datagram(&mut self, now: Time, socket: SocketId, from: SocketAddr, bytes: &[u8]) {
        if self.is_address_socket(socket) {
            return self.on_address_beacon(now, from, bytes);
        }
        let Some(discovery) = self.discovery.as_mut().filter(|one| one.socket == Some(socket)) else { return };
        let Ok(beacon) = Beacon::from_bytes(bytes) else { return self.counters.count(Fault::Malformed) };
        match discovery.handle_beacon(now, from.ip(), beacon) {
            Heard::Nothing => return,
            Heard::Again => {}
            Heard::New => self.look_for_neighbours(now),
            Heard::Restarted(key) => {
                if let Some(conn) = self.links.up(&key) {
                    self.doubt_link(now, conn);
                }
                self.look_for_neighbours(now);
            }
        }
        if let Some(port) = beacon.tracker {
            self.on_tracker_offered(now, SocketAddr::new(from.ip(), port));
        }
    }

    /// Nothing is said to it before the person agrees.
    fn on_tracker_offered(&mut self, now: Time, address: SocketAddr) {
        let Some(discovery) = &mut self.discovery else { return };
        if self.session.address.is_none() && discovery.note_tracker(now, address) {
            self.note(Note::TrackerOffered { address });
        }
    }

    /// Dials neighbours, as many as may be dialled at once.
    pub(super) fn dial_neighbours(&mut self, now: Time, out: &mut Out) {
        let Some(discovery) = &mut self.discovery else { return };
        discovery.on_look(now);
        while self.links.known() < self.limits.links_max
            && let Some(address) = self.next_neighbour(now)
        {
            let conn = self.ids.next_conn();
            let mut link = Link::new(now, Stage::Dialling, true, address);
            link.neighbour = Some(address);
            link.found = true;
            if let Some(discovery) = &mut self.discovery {
                discovery.on_dialled(now, address, conn);
            }
            self.dial(now, conn, link, out);
            self.timers.set(Timer::Progress(conn), now + ms(self.limits.lan_dial_ms_max));
        }
        let due = self.discovery.as_ref().and_then(|discovery| discovery.due(|key| self.wants_neighbour(key)));
        if let (Some(due), Some(discovery)) = (due, &self.discovery) {
            self.timers.set(Timer::Neighbours, due.max(discovery.next_look(now)));
        }
    }

    fn next_neighbour(&mut self, now: Time) -> Option<SocketAddr> {
        let mut discovery = self.discovery.take()?;
        let next = discovery.next_dial(now, |key| self.wants_neighbour(key));
        self.discovery = Some(discovery);
        next
    }

    /// Whether a link is to be made to a neighbour with that key.
    fn wants_neighbour(&self, key: &Key) -> bool {
        let welcome = |id| {
            let person = self.people.find(&id);
            person.is_none_or(|one| !one.held && one.dialling.is_none() && one.usable_key() == Some(*key))
        };
        *key != self.identity.key()
            && self.links.up(key).is_none()
            && !self.people.is_key_blocked(key)
            && self.person_with(key).is_none_or(welcome)
    }

    /// A neighbour that was dialled has shown its key. False where no link is to come of it: it was told so.
    pub(super) fn on_neighbour_identified(&mut self, now: Time, conn: ConnId, key: Key) -> bool {
        let Some(address) = self.links.find(conn).filter(|link| link.found).and_then(|link| link.neighbour) else {
            return true;
        };
        if let Some(discovery) = &mut self.discovery {
            discovery.on_identified(address, key);
        }
        if let Some(former) = self.links.up(&key) {
            // Another way to somebody who is linked, or somebody whose link is dead without this end's noticing.
            self.doubt_link(now, former);
            self.refuse_link(conn, Goodbye::Duplicate);
            return false;
        }
        if !self.people.is_key_blocked(&key) && !self.wants_neighbour(&key) {
            self.refuse_link(conn, Goodbye::Disconnected);
            return false;
        }
        true
    }

    /// The other end of a connection has said which neighbour it is, if it is one.
    pub(super) fn on_neighbour_greeted(&mut self, now: Time, conn: ConnId, instance: u64, port: u16) {
        let (Some(discovery), Some(link)) = (&mut self.discovery, self.links.find_mut(conn)) else { return };
        let ip = link.remote.ip();
        if instance == 0 || port == 0 || discovery.instance_for(ip) == 0 {
            return;
        }
        let address = SocketAddr::new(ip, port);
        link.neighbour = Some(address);
        discovery.handle_greeting(now, address, instance);
    }

    /// A connection ends with a goodbye: who leaves is not there any more, who wants no link is not asked again.
    pub(super) fn on_neighbour_bye(&mut self, conn: ConnId, reason: Goodbye) {
        let (Some(discovery), Some(link)) = (&mut self.discovery, self.links.find(conn)) else { return };
        match reason {
            Goodbye::Quit => {
                if let Some(key) = &link.key {
                    discovery.forget(key);
                }
            }
            Goodbye::Blocked | Goodbye::Disconnected => {
                if let (true, Some(address)) = (!link.is_up(), link.neighbour) {
                    discovery.on_refused(address);
                }
            }
            Goodbye::Replaced | Goodbye::Duplicate | Goodbye::Busy => {}
        }
    }

    /// Whether somebody with that key calls out on a network of this host.
    pub(super) fn hears_neighbour(&self, key: &Key) -> bool {
        self.discovery.as_ref().is_some_and(|discovery| discovery.hears(key))
    }

    /// The trackers that neighbours host.
    pub(super) fn offered_trackers(&self) -> Vec<SocketAddr> {
        self.discovery.iter().flat_map(Discovery::trackers).collect()
    }

    /// What this peer tells another of itself as a neighbour: its instance on their network, and where it listens.
    pub(super) fn greeting_to(&self, remote: SocketAddr) -> (u64, u16) {
        let instance = self.discovery.as_ref().map_or(0, |discovery| discovery.instance_for(remote.ip()));
        (instance, self.listen.map_or(0, |listen| listen.port()))
    }

    /// The person agrees to another tracker; the next login or registration goes there.
    pub(super) fn take_tracker(&mut self, token: u64, address: super::interface::TrackerAddress) {
        if self.session.credentials.is_some() {
            return self.outcome(token, Some(Problem::TrackerInUse { tracker: self.session.address_text() }));
        }
        let said = self.about().clone();
        self.session.address = Some(address);
        self.session.key = None;
        self.session.account = None;
        if *self.about() != said {
            self.tell_about();
        }
        self.outcome(token, None);
    }
}
