//! Words: text as it is, said to everyone. The older peers of one system keep a connection and begin each line with
//! their name; those of another connect, say one thing and hang up, and call out where they listen.
//!
//! Nobody vouches for a name there: somebody is shown by the first one that its connection gives, with its address
//! behind it.

use std::net::SocketAddr;

use super::partner::{Partner, Speech, Words};
use crate::{
    machine::{Action, CloseHow, ConnId, SocketId},
    names::Name,
    peer::{
        interface::{Note, Notice, PeerEvent, PeerSeen, Problem, Target},
        machine::{Out, Peer},
    },
    plaintext::{
        READ_BYTES,
        address_beacon::{self, ADDRESS_BEACON_PORT},
        text::pieces,
    },
    time::Time,
    wire::{
        peer::Scope,
        tracker::{Status, StatusText},
    },
};

/// How the older LAN peers begin a file or a directory: without a length anywhere.
const FILES: [&str; 2] = ["FILE", "DIRECTORY"];
/// What they say to everyone when they find somebody.
const DISCOVERED: &str = "New peer discovered: ";

impl Peer {
    /// Works off the lines that have come.
    pub(super) fn read_words(&mut self, now: Time, conn: ConnId, out: &mut Out) {
        loop {
            let max = self.limits.plaintext_object_bytes_max.min(self.limits.text_bytes_max);
            let open = self.output_open && !self.overloaded;
            let Some(Partner { speech: Speech::Words(words), .. }) = self.partners.all.get_mut(&conn) else { return };
            if !words.spoke && begins_files(words.begun()) {
                return self.refuse_files(conn, out);
            }
            // What has come is bounded by what is read at once.
            let line = if open { words.next_line(max) } else { None };
            let Some(line) = line else { break };
            self.on_line(now, conn, line);
        }
        self.set_partner_reading(conn, out);
    }

    /// What was begun is all that was to be said.
    pub(super) fn read_rest(&mut self, now: Time, conn: ConnId, out: &mut Out) {
        self.read_words(now, conn, out);
        if let Some(Partner { speech: Speech::Words(words), .. }) = self.partners.touch(conn) {
            let rest = words.take_rest();
            self.on_line(now, conn, rest);
        }
    }

    fn on_line(&mut self, now: Time, conn: ConnId, line: String) {
        let Some(partner) = self.partners.all.get_mut(&conn) else { return };
        let (remote, once) = (partner.remote, self.partners.nearby.only_at(partner.remote.ip()));
        let Speech::Words(words) = &mut partner.speech else { return };
        if line.is_empty() {
            return;
        }
        words.spoke = true;
        if line.starts_with(DISCOVERED) {
            return self.note(Note::PlaintextNotice { address: remote, text: line });
        }
        // Whoever calls out as the LAN peers do, says nothing but its words.
        if let Some(address) = once.filter(|_| words.name.is_none()) {
            return self.on_plaintext(now, Name::at(None, address), None, Some(Scope::All), line);
        }
        let named = line.split_once(": ").and_then(|(name, text)| Some((Name::new(name).ok()?, text)));
        let (name, text) = match named {
            Some((name, text)) if words.name.as_ref().is_none_or(|known| *known == name) => (Some(name), text),
            Some(_) | None => (None, line.as_str()),
        };
        if let Some(name) = name {
            words.name.get_or_insert(name);
        }
        let from = Name::at(words.name.as_ref(), remote);
        let (is_named, text) = (words.name.is_some(), text.to_owned());
        if is_named {
            self.tell_partner(conn, from.clone());
        }
        self.on_plaintext(now, from, None, Some(Scope::All), text);
    }

    /// Files in a form that says nowhere how long they are can't be read safely.
    fn refuse_files(&mut self, conn: ConnId, out: &mut Out) {
        let Some(partner) = self.partners.all.get(&conn) else { return };
        let address = partner.remote;
        out.close(conn, CloseHow::Abort);
        self.drop_partner(conn);
        self.note(Note::PlaintextFile { address });
    }

    /// Forgets a connection that was closed.
    pub(super) fn drop_partner(&mut self, conn: ConnId) {
        let Some(partner) = self.partners.all.remove(&conn) else { return };
        self.partners.touched.remove(&conn);
        self.timers.clear(crate::peer::machine::Timer::Partner(conn));
        if let Some(user) = partner.told {
            self.tell(Notice::Peer { what: PeerEvent::Lost, user, address: Some(partner.remote), plaintext: true });
        }
    }

    /// Says something to everyone who hears words: how many that are.
    pub(in crate::peer) fn say_words_to_all(&mut self, now: Time, text: &str) -> usize {
        if !self.allow_plaintext {
            return 0;
        }
        let hearing = self.partners.all.iter().filter(|(_, partner)| partner.hears_all(now)).map(|(conn, _)| *conn);
        let hearing = hearing.collect::<Vec<_>>();
        let nearby = self.partners.nearby.addresses().collect::<Vec<_>>();
        let spoken = named_lines(&self.me, text);
        for &conn in &hearing {
            if !self.say_to_partner(conn, spoken.clone()) {
                self.note_unsaid(conn);
            }
        }
        for &address in &nearby {
            self.say_once(now, address, text);
        }
        hearing.len() + nearby.len()
    }

    fn note_unsaid(&mut self, conn: ConnId) {
        let Some(partner) = self.partners.all.get(&conn) else { return };
        let name = match &partner.speech {
            Speech::Words(words) => words.name.as_ref(),
            Speech::Undecided(_) | Speech::Objects(_) => None,
        };
        let user = Name::at(name, partner.remote);
        self.note(Note::PlaintextLost { user });
    }

    /// Says one thing to somebody who listens there, and hangs up.
    fn say_once(&mut self, now: Time, address: SocketAddr, text: &str) {
        let words = Words::new(None, true);
        let conn = self.dial_partner(address, Partner::dialled(now, address, Speech::Words(words)));
        let said = conn.is_some_and(|conn| self.say_to_partner(conn, cut(text)));
        if !said {
            self.note(Note::PlaintextLost { user: Name::at(None, address) });
        }
    }

    /// Says something to one whose name has its address behind it.
    pub(in crate::peer) fn say_words(&mut self, now: Time, token: u64, user: &Name, text: &str) {
        let Some(address) = user.place() else { return };
        if let Some(conn) = self.partners.at(address) {
            let spoken = named_lines(&self.me, text);
            if !self.say_to_partner(conn, spoken) {
                return self.outcome(token, Some(Problem::TooMuchWaiting { user: user.clone() }));
            }
        } else if self.partners.nearby.has(address) {
            self.say_once(now, address, text);
        } else {
            return self.outcome(token, Some(Problem::NotLinked { user: user.clone() }));
        }
        self.tell_said(now, Target::User(user.clone()), text);
        self.outcome(token, None);
    }

    /// Whether something can be said to one whose name has its address behind it.
    pub(in crate::peer) fn hears_words(&self, user: &Name) -> bool {
        user.place().is_some_and(|address| self.partners.at(address).is_some() || self.partners.nearby.has(address))
    }

    /// Hangs up on one whose name has its address behind it.
    pub(in crate::peer) fn disconnect_words(&mut self, token: u64, user: &Name) {
        let conn = user.place().and_then(|address| self.partners.at(address));
        let problem = match conn {
            Some(conn) => {
                self.end_partner(conn);
                None
            }
            None => Some(Problem::NotLinked { user: user.clone() }),
        };
        self.outcome(token, problem);
    }

    /// Dials an address whose program is known to be an older one of lines. Whether it is known so.
    pub(super) fn connect_words(&mut self, now: Time, token: u64, address: SocketAddr) -> bool {
        let name = self.partners.listed.get(&address).cloned();
        if !self.allow_plaintext || (name.is_none() && !self.partners.nearby.has(address)) {
            return false;
        }
        if let Some(conn) = self.partners.at(address) {
            let known = self.partners.all.get(&conn).and_then(|partner| partner.told.clone());
            let user = known.unwrap_or_else(|| Name::at(name.as_ref(), address));
            self.outcome(token, Some(Problem::AlreadyLinked { user }));
            return true;
        }
        let words = Words::new(name, false);
        let partner = Partner { asked_by: Some(token), ..Partner::dialled(now, address, Speech::Words(words)) };
        match self.dial_partner(address, partner) {
            Some(conn) => drop(self.connecting.insert(token, conn)),
            None => self.outcome(token, Some(Problem::TooManyRequests)),
        }
        true
    }

    /// Those who speak words, as rows of the list of peers.
    pub(in crate::peer) fn words_seen(&self, now: Time) -> Vec<PeerSeen> {
        let row = |user: Name, address, linked| PeerSeen {
            user,
            address: Some(address),
            status: Status::Online,
            status_text: StatusText::default(),
            room: None,
            last_seen: self.wall_now(now),
            linked,
            blocked: false,
            plaintext: true,
        };
        let talking = self.partners.all.values().filter(|partner| partner.open && partner.speaks_words());
        let talking = talking.filter_map(|partner| Some(row(partner.told.clone()?, partner.remote, true)));
        let nearby = self.partners.nearby.addresses().map(|address| row(Name::at(None, address), address, false));
        talking.chain(nearby).collect()
    }

    // Calling out as the older LAN peers do.

    /// Asks for the socket, beside that of papo's own beacons.
    pub(in crate::peer) fn start_address_beacons(&mut self, out: &mut Out) {
        if !self.allow_plaintext {
            return;
        }
        let socket = self.ids.next_socket();
        self.partners.nearby.socket = Some(socket);
        let address = SocketAddr::new(std::net::Ipv4Addr::UNSPECIFIED.into(), ADDRESS_BEACON_PORT);
        out.push(Action::Bind { socket, address, broadcast: true });
    }

    /// Calls out where this peer listens, on each network.
    pub(in crate::peer) fn call_address(&mut self, now: Time, out: &mut Out) {
        let (Some(discovery), Some(listen)) = (&self.discovery, self.listen) else { return };
        let Some(socket) = self.partners.nearby.socket.filter(|_| self.partners.nearby.bound) else { return };
        for (ip, broadcast) in discovery.networks() {
            let to = SocketAddr::new(broadcast.into(), ADDRESS_BEACON_PORT);
            out.send_to(socket, to, address_beacon::encode(ip, listen.port()).as_bytes());
        }
        for address in self.partners.nearby.forget_silent(now, &self.limits) {
            let user = Name::at(None, address);
            self.tell(Notice::Peer { what: PeerEvent::Lost, user, address: Some(address), plaintext: true });
        }
    }

    /// Somebody calls out where it listens.
    pub(in crate::peer) fn on_address_beacon(&mut self, now: Time, from: SocketAddr, bytes: &[u8]) {
        let (Some(discovery), Some(listen)) = (&self.discovery, self.listen) else { return };
        let Some(address) = address_beacon::decode(bytes) else { return };
        let own = address.port() == listen.port() && self.interfaces.iter().any(|one| one.address == address.ip());
        let near = discovery.instance_for(from.ip()) != 0;
        if own || !near {
            return;
        }
        if discovery.knows(address) {
            return self.partners.nearby.forget(address);
        }
        if self.partners.nearby.handle_beacon(now, from.ip(), address, &self.limits) {
            let user = Name::at(None, address);
            self.tell(Notice::Peer { what: PeerEvent::Found, user, address: Some(address), plaintext: true });
        }
    }

    /// Whether that is the socket of these beacons.
    pub(in crate::peer) fn is_address_socket(&self, socket: SocketId) -> bool {
        self.partners.nearby.socket == Some(socket)
    }
}

/// Whether a stream begins as the older LAN peers begin files.
fn begins_files(begun: &str) -> bool {
    FILES
        .iter()
        .any(|word| begun.strip_prefix(word).is_some_and(|rest| rest.starts_with([' ', ':', '|', ';', ',', '\n'])))
}

/// A text as lines behind a name, each piece to be read at once.
fn named_lines(name: &Name, text: &str) -> Vec<String> {
    let lines = text.lines().map(|line| format!("{name}: {line}\n"));
    lines.flat_map(|line| cut(&line)).collect()
}

fn cut(text: &str) -> Vec<String> {
    pieces(text, READ_BYTES).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_the_older_peers_are_known_by_their_first_word() {
        for (begun, is_file) in [
            ("FILE foto.png 12", true),
            ("DIRECTORY:fotos", true),
            ("FILE", false),
            ("FILES are there", false),
            ("a FILE ", false),
            ("file x", false),
        ] {
            assert_eq!(begins_files(begun), is_file, "{begun}");
        }
    }

    #[test]
    fn each_line_has_the_name_in_front_and_none_is_longer_than_a_read() {
        let ana = Name::new("ana").expect("valid");
        assert_eq!(named_lines(&ana, "oi\nbia"), ["ana: oi\n", "ana: bia\n"]);
        let long = named_lines(&ana, &"é".repeat(1_000));
        assert_eq!(long.concat(), format!("ana: {}\n", "é".repeat(1_000)));
        assert!(long.len() == 2 && long.iter().all(|piece| piece.len() <= READ_BYTES));
    }
}
