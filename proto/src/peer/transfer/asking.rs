//! What the person asks for: to send, to take or refuse, to hold, to end.

use super::{
    Asked, Live, Scanned,
    manifest::{Manifest, fingerprint},
    paths,
};
use crate::{
    disk::{Ask, DiskError, Scan},
    identity::Key,
    names::Name,
    peer::{
        change::{Arrival, Change, Transfer, Way},
        interface::{Note, Notice, Problem, Request, Target},
        machine::Peer,
    },
    time::Time,
    wire::{
        codec::Text,
        peer::ToPeer,
        transfer::{Audience, Offer, Reason, TransferId},
    },
};

impl Peer {
    pub(in crate::peer) fn send_file(&mut self, now: Time, token: u64, to: Target, path: String) {
        let problem = match &to {
            Target::All => self.links.all_up().next().is_none().then_some(Problem::NobodyLinked),
            Target::Room(room) => match self.room_named(room).and_then(|id| self.rooms.get(&id)) {
                None => Some(Problem::NotInRoom { room: room.clone() }),
                Some(room) => (!room.roster_known).then(|| self.without_session()),
            },
            Target::User(user) => {
                let request = Request::Send { to: to.clone(), path: path.clone() };
                let Some(id) = self.resolve(now, token, user, request) else { return };
                self.people.find(&id).and_then(|person| match person.takes_objects() {
                    true => Some(Problem::PlaintextOnly { user: id.1.clone() }),
                    false => self.hindrance(person),
                })
            }
        };
        let scans = self.transfers.asked.values().filter(|asked| matches!(asked, Asked::Scan { .. })).count();
        let problem = problem.or((scans >= self.limits.transfers_running_max).then_some(Problem::TooManyRequests));
        if problem.is_some() {
            return self.outcome(token, problem);
        }
        let ask = self.scan_of(&path);
        self.transfers.ask(Asked::Scan { token, to, path }, ask);
    }

    pub(super) fn scan_of(&self, path: &str) -> Ask {
        Ask::Scan {
            path: path.to_owned(),
            entries_max: self.limits.entries_max,
            paths_bytes_max: self.limits.manifest_bytes_max,
        }
    }

    /// What the person would send was looked at.
    pub(super) fn on_scanned(
        &mut self,
        now: Time,
        token: u64,
        to: &Target,
        path: String,
        result: Result<Scan, DiskError>,
    ) {
        let limits = &self.limits;
        let scanned = result.and_then(|scan| {
            let manifest = Manifest::of_scan(&scan, limits).ok_or(DiskError::TooMany)?;
            paths::harmless(&scan.name).map_err(|_| DiskError::NotAFile)?;
            Ok(Scanned { scan, manifest })
        });
        let scanned = match scanned {
            Ok(scanned) => scanned,
            Err(error) => return self.outcome(token, Some(Problem::File { path, error })),
        };
        let (audience, receivers) = match self.receivers(to) {
            Ok(receivers) => receivers,
            Err(problem) => return self.outcome(token, Some(problem)),
        };
        let max = self.limits.transfers_max;
        if self.transfers.count(Live::is_live) + receivers.len() > max {
            return self.outcome(token, Some(Problem::TooManyTransfers { max }));
        }
        let Scanned { scan, manifest } = scanned;
        let (scanned, skipped) = (fingerprint(&scan), scan.skipped.count);
        let executable = |scan: &Scan| {
            let first = scan.entries.first().map(|(entry, _)| entry.kind);
            matches!(first, Some(crate::wire::transfer::EntryKind::File { executable: true, .. }))
        };
        let offer = Offer {
            executable: !scan.tree && executable(&scan),
            name: Text::new(scan.name).expect("a harmless name is short"),
            tree: scan.tree,
            size: manifest.size,
            files: manifest.files,
            manifest: u32::try_from(manifest.bytes.len()).expect("limits are below 2^32"),
            audience,
        };
        if scan.skipped.count > 0 {
            self.note(Note::Skipped { name: offer.name.as_str().to_owned(), skipped: scan.skipped });
        }
        for (user, key) in receivers {
            let way = Way::Outgoing { path: path.clone(), scanned, skipped, ended: None };
            let number = self.add_outgoing(key, user, offer.clone(), way);
            match self.links.up(&key) {
                Some(conn) => self.offer(conn, number),
                None => self.call_for_files(now, &key),
            }
        }
        self.outcome(token, None);
    }

    /// Keeps what goes to someone, and tells the person of it: its number.
    pub(super) fn add_outgoing(&mut self, key: Key, to: Name, offer: Offer, way: Way) -> u64 {
        let id = TransferId(self.nonces.bytes());
        let (name, tree, size, files) = (offer.name.as_str().to_owned(), offer.tree, offer.size, offer.files);
        let transfer = self.add_transfer(id, key, to.clone(), offer, way);
        let waiting = self.links.up(&key).is_none();
        self.tell(Notice::Offered { transfer, to, name, tree, size, files, waiting });
        transfer
    }

    /// Keeps a new transfer: its number.
    pub(super) fn add_transfer(&mut self, id: TransferId, with: Key, user: Name, offer: Offer, way: Way) -> u64 {
        self.transfers.numbered += 1;
        let number = self.transfers.numbered;
        let transfer = Transfer { number, id, with, user, offer, paused: false, way };
        self.changes.push(Change::TransferOffered { transfer: transfer.clone() });
        self.transfers.by_id.insert((with, id), number);
        self.transfers.all.insert(number, Live::new(transfer));
        number
    }

    /// Whom something goes to.
    fn receivers(&self, to: &Target) -> Result<(Audience, Vec<(Name, Key)>), Problem> {
        let (audience, receivers) = match to {
            Target::All => {
                let linked = self.links.all_up().filter_map(|(key, conn)| {
                    let (_, user) = self.links.find(conn)?.person.clone()?;
                    Some((user, key))
                });
                (Audience::All, linked.collect::<Vec<_>>())
            }
            Target::Room(name) => {
                let id = self.room_named(name).ok_or_else(|| Problem::NotInRoom { room: name.clone() })?;
                let realm = self.realm();
                let others = self.rooms.get(&id).into_iter().flat_map(|room| &room.members);
                let keyed = others.filter(|member| **member != self.me).filter_map(|member| {
                    let key = self.people.find(&(realm, member.clone()))?.usable_key()?;
                    Some((member.clone(), key))
                });
                (Audience::Room(id), keyed.collect())
            }
            Target::User(user) => {
                let unknown = || Problem::UnknownUser { user: user.clone() };
                let id = self.person_named(user).ok_or_else(unknown)?;
                let person = self.people.find(&id).ok_or_else(unknown)?;
                if let Some(problem) = self.hindrance(person) {
                    return Err(problem);
                }
                (Audience::Private, vec![(person.name.clone(), person.usable_key().ok_or_else(unknown)?)])
            }
        };
        if receivers.is_empty() { Err(Problem::NobodyLinked) } else { Ok((audience, receivers)) }
    }

    /// Someone who is away is wanted for a transfer.
    fn call_for_files(&mut self, now: Time, key: &Key) {
        if let Some(id) = self.person_with(key) {
            let person = self.people.entry(&id);
            person.wanted = true;
            person.release();
            self.consider_dial(now, &id);
        }
    }

    pub(in crate::peer) fn accept_transfer(&mut self, token: u64, number: u64) {
        let Some(live) = self.transfers.live_mut(number) else {
            return self.outcome(token, Some(Problem::UnknownTransfer { transfer: number }));
        };
        if !live.is_offer() || live.deciding {
            return self.outcome(token, Some(Problem::NotAnOffer { transfer: number }));
        }
        live.deciding = true;
        self.transfers.ask(Asked::Space { number, token: Some(token) }, Ask::Space);
    }

    /// How much room there is for something that is about to be taken.
    pub(super) fn on_space(&mut self, now: Time, number: u64, token: Option<u64>, result: Result<u64, DiskError>) {
        let Some(live) = self.transfers.live_mut(number) else {
            let problem = Some(Problem::UnknownTransfer { transfer: number });
            return token.map_or((), |token| self.outcome(token, problem));
        };
        live.deciding = false;
        let needed = live.kept.offer.size;
        let problem = match result {
            Ok(free) if free < needed => Some(Problem::NoSpace { transfer: number, needed, free }),
            Ok(_) => None,
            Err(error) => Some(Problem::ReceivedFiles { transfer: number, error }),
        };
        let with = live.kept.with;
        let taken = problem.is_none();
        if taken {
            // Nobody has looked at what is taken by itself.
            let executable = token.is_some();
            live.kept.way = Way::Incoming(Arrival::Accepted { executable, manifest: Vec::new(), whole: None });
            self.changes.push(Change::TransferAccepted { transfer: number, executable });
            self.transfers.stirred = true;
        }
        match token {
            Some(token) => self.outcome(token, problem),
            None => {
                self.tell_offer(number, taken);
                if let Some(problem) = problem {
                    self.tell(Notice::Failed(problem));
                }
            }
        }
        if taken && self.links.up(&with).is_none() {
            self.call_for_files(now, &with);
        }
    }

    pub(in crate::peer) fn reject_transfer(&mut self, token: u64, number: u64) {
        let offer = self.transfers.live_mut(number).map(|live| live.is_offer());
        match offer {
            None => self.outcome(token, Some(Problem::UnknownTransfer { transfer: number })),
            Some(false) => self.outcome(token, Some(Problem::NotAnOffer { transfer: number })),
            Some(true) => {
                self.end_transfer(number, Reason::Rejected, true);
                self.outcome(token, None);
            }
        }
    }

    pub(in crate::peer) fn pause_transfer(&mut self, token: u64, number: u64, paused: bool) {
        let Some(live) = self.transfers.live_mut(number) else {
            return self.outcome(token, Some(Problem::UnknownTransfer { transfer: number }));
        };
        if live.is_offer() {
            return self.outcome(token, Some(Problem::NotAccepted { transfer: number }));
        }
        if live.kept.paused != paused {
            live.kept.paused = paused;
            let (conn, transfer) = (live.conn, live.kept.id);
            self.changes.push(Change::TransferPaused { transfer: number, paused });
            if let Some(conn) = conn {
                self.say_to_peer(conn, ToPeer::Pause { transfer, paused });
            }
            self.on_pause_changed(number);
        }
        self.outcome(token, None);
    }

    pub(in crate::peer) fn cancel_transfer(&mut self, token: u64, number: u64) {
        let live = self.transfers.live_mut(number).filter(|live| !live.is_finishing());
        let Some(live) = live else {
            return self.outcome(token, Some(Problem::UnknownTransfer { transfer: number }));
        };
        let reason = if live.is_offer() { Reason::Rejected } else { Reason::Cancelled };
        self.end_transfer(number, reason, true);
        self.outcome(token, None);
    }

    pub(in crate::peer) fn list_transfers(&mut self, token: u64) {
        let rows = self.transfers.all.values().filter(|live| live.is_live()).map(Live::seen).collect();
        self.tell(Notice::Transfers { rows });
        self.outcome(token, None);
    }
}
