//! One run: a plan carried out in a world, watched by the model.
//!
//! ```text
//!   calm ─▶ faults and deeds as planned ─▶ peace: the core is healthy, the rest stays broken ─▶ a minute later: rest
//! ```
//!
//! Besides what is planned, people do what people do when a program asks them: they give their password, log in again
//! after they were refused, start again what ended. That depends on what happens, and only on that.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fmt::Write as _,
    net::{IpAddr, SocketAddr},
    panic::{self, AssertUnwindSafe},
    time::Duration,
};

use papo_proto::{
    identity::Identity,
    limits::Limits,
    peer::{self, Peer, Request},
    time::{Time, Wall},
    tracker::{self, Registration, Tracker, change::Verifier},
};
use sha2::{Digest as _, Sha256};

use super::{
    belongings,
    cast::{Cast, LAN_PORT, PEER_PORT, PersonId, PersonPart, Role, TrackerId},
    faults,
    hostile::{self, Hostile},
    marks::Marks,
    model::{Model, Rest, Violation},
    older::{self, Older},
    person::Person,
    plan::{Plan, What},
    relayed,
    workload::{Deed, credentials},
};
use crate::{
    luck::Luck,
    world::{
        NodeId, World,
        fact::{self, Fact},
        net::{Climate, Owner},
        resident::{Kept, Told, Wish},
        verifier_of,
    },
};

/// From peace until everything has to be well.
const CONVERGENCE_MAX: Duration = Duration::from_secs(60);
/// For the answers to the last questions.
const ANSWERS_MAX: Duration = Duration::from_secs(5);
/// Until a person tries again what was refused.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);
/// So many of the last facts are told of a failure.
const LAST_FACTS_MAX: usize = 50;

/// Something that is to be done later.
#[derive(Debug, Clone, Copy)]
pub(super) enum Turn {
    Decision(usize),
    End(usize),
    Revive(Role),
    Kill(Role),
    LogIn(PersonId),
}

/// A tracker over all its processes.
struct Keeper {
    node: Option<NodeId>,
    state: Vec<tracker::Change>,
}

/// What a run came to.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    /// What went wrong first.
    pub(crate) violation: Option<Violation>,
    /// When, in simulated time; the end where nothing did.
    pub(crate) at: Time,
    /// SHA-256 over everything that was seen.
    pub(crate) hash: [u8; 32],
    /// How often each kind of fault began.
    pub(crate) faults: BTreeMap<faults::Kind, u64>,
    /// What was reached.
    pub(crate) marks: Marks,
    /// The last facts, for people to read.
    pub(crate) last: Vec<String>,
}

/// One run.
pub(crate) struct Run {
    pub(crate) world: World,
    pub(crate) climate: Climate,
    pub(super) cast: Cast,
    pub(super) people: Vec<Person>,
    keepers: Vec<Keeper>,
    /// Whose each process is.
    roles: Vec<Role>,
    agenda: BTreeMap<(Time, u64), Turn>,
    planned: u64,
    model: Model,
    crypto: Luck,
    hash: Sha256,
    last: VecDeque<Fact>,
    counts: BTreeMap<faults::Kind, u64>,
    marks: Marks,
    violation: Option<Violation>,
    pub(super) at_peace: bool,
    /// Faults that have begun and not ended, by the number of their decision.
    begun: BTreeSet<usize>,
    core: Vec<PersonId>,
    /// How often a file was changed.
    changed: u64,
    /// How often the first tracker asks older clients whether they are there, where it lets them in.
    ping_interval_ms: Option<u64>,
    /// Relays and their clients, where there are any.
    relayed: Option<relayed::Company>,
}

/// Carries out a plan, with the decisions that are kept.
pub(crate) fn run(plan: &Plan, is_kept: impl Fn(usize) -> bool) -> Outcome {
    let mut run = Run::new(plan);
    for index in (0..plan.decisions.len()).filter(|index| is_kept(*index)) {
        run.plan(plan.decisions[index].at, Turn::Decision(index));
    }
    run.run_until(plan, plan.peace);
    run.make_peace(plan);
    run.run_until(plan, plan.peace + CONVERGENCE_MAX);
    run.ask_the_core();
    run.run_until(plan, plan.peace + CONVERGENCE_MAX + ANSWERS_MAX);
    run.finish()
}

/// As [`run`]; a panic of a machine is a violation, too.
pub(crate) fn run_guarded(plan: &Plan, is_kept: impl Fn(usize) -> bool) -> Outcome {
    panic::catch_unwind(AssertUnwindSafe(|| run(plan, is_kept))).unwrap_or_else(|payload| {
        let told = payload.downcast_ref::<String>().cloned();
        let told = told.or_else(|| payload.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default();
        Outcome {
            violation: Some(Violation { invariant: "no panic", told }),
            at: plan.peace + CONVERGENCE_MAX,
            hash: [0; 32],
            faults: BTreeMap::new(),
            marks: Marks::default(),
            last: Vec::new(),
        }
    })
}

impl Run {
    fn new(plan: &Plan) -> Self {
        let cast = plan.cast.clone();
        let mut world = World::new(&plan.seed, false);
        world.net.climate = plan.climate.clone();
        if let Some([loss, doubling, delay]) = plan.lan {
            world.lan.is_there = true;
            (world.lan.loss, world.lan.doubling, world.lan.delay) = (loss, doubling, delay);
        }
        for tracker in &cast.trackers {
            world.name_host(&tracker.host_name, tracker.ip);
        }
        let keepers = (0..cast.trackers.len()).map(|tracker| Keeper { node: None, state: accounts(&cast, tracker) });
        let keepers = keepers.collect::<Vec<_>>();
        let mut model = Model::new(&cast);
        for (tracker, keeper) in keepers.iter().enumerate() {
            model.note_accounts(tracker, &keeper.state);
        }
        let people = cast.people.iter().map(|part| Person {
            node: None,
            state: peer::State { log: part.log, ..peer::State::default() },
            wants_in: part.tracker.is_some(),
            is_in: false,
            has_account: part.tracker.is_some_and(|of| cast.trackers[of].registration == Registration::Closed),
            is_known: false,
            lost: 0,
            logging_in: None,
            tries_again: false,
        });
        let mut run = Self {
            world,
            climate: plan.climate.clone(),
            people: people.collect(),
            keepers,
            roles: Vec::new(),
            agenda: BTreeMap::new(),
            planned: 0,
            model,
            crypto: Luck::of(&plan.seed, "crypto", 0),
            hash: Sha256::new(),
            last: VecDeque::new(),
            counts: BTreeMap::new(),
            marks: Marks::default(),
            violation: None,
            at_peace: false,
            begun: BTreeSet::new(),
            core: plan.core.clone(),
            changed: 0,
            ping_interval_ms: plan.older.as_ref().map(|company| company.ping_interval_ms),
            relayed: plan.relayed.clone(),
            cast,
        };
        for person in 0..run.people.len() {
            let ip = run.ip(Role::Person(person));
            belongings::endow(&mut run.world.host(ip).files, person);
            run.show_files(person);
        }
        for tracker in 0..run.keepers.len() {
            run.start_tracker(tracker);
        }
        for person in 0..run.people.len() {
            run.start_person(person);
        }
        if let Some(company) = &plan.older {
            run.model.expect_older(plan.peace);
            for (number, start) in company.clients.iter().enumerate() {
                run.roles.push(Role::Older(number));
                run.world.start::<Older>(older::host(number), start.clone(), Limits::DEFAULT.out_bytes_max);
            }
        }
        if run.relayed.is_some() {
            run.model.expect_relays(plan.peace);
            run.relayed_roles().into_iter().for_each(|role| run.start_relayed(role));
        }
        if let Some(start) = &plan.hostile {
            run.roles.push(Role::Hostile);
            run.world.start::<Hostile>(hostile::HOST, start.clone(), Limits::DEFAULT.out_bytes_max);
        }
        run
    }

    // What faults and deeds need to know.

    /// Someone's running process.
    pub(crate) fn node(&self, role: Role) -> Option<NodeId> {
        let node = match role {
            Role::Tracker(tracker) => self.keepers[tracker].node,
            Role::Person(person) => self.people[person].node,
            // Nothing that people do or that breaks by itself is about it.
            Role::Hostile | Role::Older(_) => None,
            Role::TcpRelay | Role::UdpRelay | Role::Talker(_) => {
                self.relayed.as_ref().and_then(|company| company.node(role))
            }
        };
        node.filter(|node| self.world.processes[*node].running)
    }

    /// The address of someone's host.
    pub(crate) fn ip(&self, role: Role) -> IpAddr {
        match role {
            Role::Tracker(tracker) => self.cast.trackers[tracker].ip,
            Role::Person(person) => self.cast.people[person].ip,
            Role::Hostile => hostile::HOST,
            Role::Older(number) => older::host(number),
            Role::TcpRelay | Role::UdpRelay | Role::Talker(_) => {
                self.relayed.as_ref().expect("only they have such roles").ip(role)
            }
        }
    }

    /// Every host.
    pub(crate) fn hosts(&self) -> Vec<IpAddr> {
        let trackers = self.cast.trackers.iter().map(|part| part.ip);
        let relayed = self.relayed_roles().into_iter().map(|role| self.ip(role));
        // Both relays are at one host.
        trackers.chain(self.cast.people.iter().map(|part| part.ip)).chain(relayed.skip(1)).collect()
    }

    /// Relays and their clients.
    fn relayed_roles(&self) -> Vec<Role> {
        self.relayed.as_ref().map(relayed::Company::roles).unwrap_or_default()
    }

    /// Where someone listens now.
    pub(crate) fn listens_at(&self, role: Role) -> Option<SocketAddr> {
        self.world.listens_at(self.node(role)?)
    }

    // What faults and deeds do.

    /// A command to a person's peer, if it runs.
    pub(crate) fn command(&mut self, person: PersonId, command: peer::Command) {
        if let Some(node) = self.node(Role::Person(person)) {
            self.world.command(node, Wish::Peer(command));
        }
    }

    /// A person types something; its token.
    pub(crate) fn ask(&mut self, person: PersonId, request: Request) -> u64 {
        let token = self.world.next_token();
        match &request {
            Request::Logout => self.people[person].wants_in = false,
            Request::Login(_) | Request::Register(_) => {
                self.people[person].wants_in = true;
                self.people[person].logging_in = Some(token);
            }
            _ => {}
        }
        self.command(person, peer::Command::Ask { token, request });
        token
    }

    /// Someone's program is started again, unless it runs.
    pub(crate) fn revive(&mut self, role: Role) {
        if self.node(role).is_some() || !self.world.net.has_power(self.ip(role)) {
            return;
        }
        match role {
            Role::Tracker(tracker) => self.start_tracker(tracker),
            Role::Person(person) => self.start_person(person),
            Role::Hostile | Role::Older(_) => {}
            Role::TcpRelay | Role::UdpRelay | Role::Talker(_) => self.start_relayed(role),
        }
    }

    fn start_relayed(&mut self, role: Role) {
        if let Some(company) = &mut self.relayed {
            self.roles.push(role);
            company.start(&mut self.world, role);
        }
    }

    /// Someone's program is killed, and killed again as soon as it runs, so many times.
    pub(crate) fn loop_in_crashes(&mut self, role: Role, times: usize) {
        let mut at = self.world.now();
        for _ in 0..times {
            self.plan(at, Turn::Kill(role));
            at = at + Duration::from_millis(50);
            self.plan(at, Turn::Revive(role));
            at = at + Duration::from_millis(130);
        }
    }

    fn start_tracker(&mut self, tracker: TrackerId) {
        let part = &self.cast.trackers[tracker];
        let older = self.ping_interval_ms.filter(|_| tracker == 0);
        let (seed, identity) = (self.crypto.next_seed(), part.identity.clone());
        let start = tracker::Start {
            limits: part.limits.clone(),
            registration: part.registration.clone(),
            allow_plaintext: older.is_some(),
            ping_interval_ms: older.unwrap_or(120_000),
            state: tracker::Directory::from_changes(&self.keepers[tracker].state)
                .expect("a tracker keeps what is consistent"),
            ..tracker::Start::new(seed, identity, vec![part.address()], "$stand-in$nobody".to_owned())
        };
        let (ip, out_bytes_max) = (part.ip, part.limits.out_bytes_max);
        self.roles.push(Role::Tracker(tracker));
        self.keepers[tracker].node = Some(self.world.start::<Tracker>(ip, start, out_bytes_max));
    }

    fn start_person(&mut self, who: PersonId) {
        let (part, person) = (&self.cast.people[who], &mut self.people[who]);
        let (seed, listen) = (self.crypto.next_seed(), SocketAddr::new(part.ip, PEER_PORT));
        let start = peer::Start {
            limits: part.limits.clone(),
            any_port: true,
            auto_accept: part.accepts,
            lan: self.world.lan.is_there.then_some(peer::interface::Lan { port: LAN_PORT, hosts_tracker: None }),
            tracker: part.tracker_address.clone(),
            credentials: part.tracker.map(|_| {
                let mut credentials = credentials(&self.cast, who, !person.has_account);
                if person.is_known {
                    credentials.password = None;
                }
                credentials
            }),
            ..peer::Start::new(seed, part.identity.clone(), part.name.clone(), listen, person.state.clone())
        };
        person.wants_in = part.tracker.is_some();
        person.is_in = false;
        person.logging_in = None;
        person.tries_again = false;
        let (ip, out_bytes_max) = (part.ip, part.limits.out_bytes_max);
        self.roles.push(Role::Person(who));
        person.node = Some(self.world.start::<Peer>(ip, start, out_bytes_max));
    }

    /// Somebody changes one of its files.
    pub(crate) fn change_one_file(&mut self, who: PersonId, grade: f64) {
        self.changed += 1;
        let (ip, number) = (self.ip(Role::Person(who)), self.changed);
        belongings::change(&mut self.world.host(ip).files, who, grade, number);
        self.show_files(who);
    }

    /// Shows the model what somebody has.
    fn show_files(&mut self, who: PersonId) {
        let ip = self.ip(Role::Person(who));
        for (name, content) in belongings::sendable(&self.world.host(ip).files) {
            self.model.note_file(&name, &content);
        }
    }

    pub(super) fn plan(&mut self, at: Time, turn: Turn) {
        self.planned += 1;
        self.agenda.insert((at, self.planned), turn);
    }

    fn run_until(&mut self, plan: &Plan, until: Time) {
        while self.violation.is_none() {
            let next = self.agenda.first_key_value().map(|((at, _), _)| *at).filter(|at| *at <= until);
            let target = next.unwrap_or(until).max(self.world.now());
            while self.violation.is_none() && self.world.step(target) {
                self.look();
            }
            if next.is_none() {
                break;
            }
            if let Some((_, turn)) = self.agenda.pop_first() {
                self.take(plan, turn);
                self.look();
            }
        }
    }

    fn take(&mut self, plan: &Plan, turn: Turn) {
        match turn {
            Turn::Decision(index) => match &plan.decisions[index].what {
                What::Deed(deed) => self.do_deed(deed),
                What::Fault(fault) => {
                    *self.counts.entry(fault.kind).or_default() += 1;
                    if fault.begin(self) {
                        self.begun.insert(index);
                        self.plan(self.world.now() + fault.lasts, Turn::End(index));
                    }
                }
            },
            Turn::End(index) => {
                if let What::Fault(fault) = &plan.decisions[index].what
                    && self.begun.remove(&index)
                {
                    // What is not of the core stays as it is when there is peace.
                    if !self.at_peace || fault.concerns(|role| self.is_core(role)) {
                        fault.end(self);
                    }
                }
            }
            Turn::Revive(role) => {
                if !self.at_peace || self.is_core(role) {
                    self.revive(role);
                }
            }
            Turn::Kill(role) => {
                if !self.at_peace
                    && let Some(node) = self.node(role)
                {
                    self.world.kill(node, 0);
                }
            }
            Turn::LogIn(person) => self.log_in_again(person),
        }
    }

    fn do_deed(&mut self, deed: &Deed) {
        match deed {
            Deed::Ask(person, requests) => {
                for request in requests {
                    self.ask(*person, request.clone());
                }
            }
            Deed::Quit(person, away) => {
                self.command(*person, peer::Command::Quit);
                self.plan(self.world.now() + *away, Turn::Revive(Role::Person(*person)));
            }
            Deed::NewDevice(person, away) => self.lose_device(*person, *away),
            Deed::Count(tracker) => self.command_tracker(*tracker, tracker::Command::Count),
            Deed::Shutdown(tracker, away) => {
                self.command_tracker(*tracker, tracker::Command::Shutdown);
                self.plan(self.world.now() + *away, Turn::Revive(Role::Tracker(*tracker)));
            }
        }
    }

    /// A person's device is lost, and everything on it; after a while it has a new one, with a key of its own. Without
    /// a tracker that would be somebody else.
    fn lose_device(&mut self, who: PersonId, away: Duration) {
        if self.cast.people[who].tracker.is_none() {
            return;
        }
        if let Some(node) = self.node(Role::Person(who)) {
            self.world.kill(node, 0);
            self.look();
        }
        let (part, person) = (&mut self.cast.people[who], &mut self.people[who]);
        person.lost += 1;
        person.is_known = false;
        part.identity = Identity::from_secret(&self.crypto.next_seed().0);
        person.state = peer::State { log: part.log + 1_000 * person.lost, ..peer::State::default() };
        self.model.note_new_device(who, part.identity.key());
        self.plan(self.world.now() + away, Turn::Revive(Role::Person(who)));
    }

    fn command_tracker(&mut self, tracker: TrackerId, command: tracker::Command) {
        if let Some(node) = self.node(Role::Tracker(tracker)) {
            self.world.command(node, Wish::Tracker(command));
        }
    }

    fn is_core(&self, role: Role) -> bool {
        match role {
            Role::Tracker(tracker) => tracker == 0,
            Role::Person(person) => self.core.contains(&person),
            Role::Hostile | Role::Older(_) => false,
            Role::TcpRelay | Role::UdpRelay | Role::Talker(_) => true,
        }
    }

    /// Everything that keeps the core from being healthy ends; the rest stays broken.
    fn make_peace(&mut self, plan: &Plan) {
        self.at_peace = true;
        for index in self.begun.clone() {
            self.take(plan, Turn::End(index));
        }
        let core = self.core.clone();
        self.revive(Role::Tracker(0));
        self.relayed_roles().into_iter().for_each(|role| self.revive(role));
        for person in core {
            self.revive(Role::Person(person));
            if !self.people[person].is_in {
                self.plan(self.world.now() + PATIENCE, Turn::LogIn(person));
            }
        }
        self.look();
    }

    /// What the model compares at rest.
    fn ask_the_core(&mut self) {
        for person in self.core.clone() {
            self.ask(person, Request::Peers { prefix: String::new() });
            self.ask(person, Request::Rooms { prefix: String::new() });
            for room in self.cast.rooms.clone() {
                self.ask(person, Request::Users { room: Some(room) });
            }
        }
        self.look();
    }

    fn finish(mut self) -> Outcome {
        if self.violation.is_none() {
            let rest = Rest { core: self.core.clone(), links: self.links() };
            self.model.check_rest(&rest);
            self.violation = self.model.take_violations().into_iter().next();
        }
        for process in &self.world.processes {
            self.marks.add_counters(process.kind(), &process.counters());
        }
        let last = self.last.iter().map(|fact| describe(self.roles[fact.node], fact)).collect();
        Outcome {
            violation: self.violation,
            at: self.world.now(),
            hash: self.hash.finalize().into(),
            faults: self.counts,
            marks: self.marks,
            last,
        }
    }

    fn links(&self) -> Vec<(PersonId, PersonId, usize)> {
        let mut links = Vec::new();
        for (index, &one) in self.core.iter().enumerate() {
            for &other in &self.core[index + 1..] {
                let nodes = (self.node(Role::Person(one)), self.node(Role::Person(other)));
                let count = match nodes {
                    (Some(one), Some(other)) => self.world.net.between(Owner::Node(one), Owner::Node(other)).len(),
                    _ => 0,
                };
                links.push((one, other, count));
            }
        }
        links
    }

    /// Shows everyone who has to know what happened.
    fn look(&mut self) {
        for fact in self.world.take_facts() {
            let role = self.roles[fact.node];
            hash_fact(&mut self.hash, &fact);
            self.model.note(role, &fact);
            if let fact::What::Told(told) = &fact.what {
                self.marks.note(told);
            }
            if let fact::What::Told(Told::Hostile(hostile::Notice::Called { from, bytes })) = &fact.what {
                self.world.call(*from, LAN_PORT, bytes);
            }
            match (role, &fact.what) {
                (Role::Person(person), fact::What::Told(Told::Peer(notice))) => self.on_notice(person, notice),
                (
                    Role::Tracker(tracker),
                    fact::What::Told(Told::Tracker(tracker::Notice::Stopped | tracker::Notice::ListenRefused { .. })),
                ) => {
                    if let Some(node) = self.keepers[tracker].node {
                        self.world.kill(node, usize::MAX);
                    }
                    // It may have been asked to stop while it was suspended, and stop when it was to be back already.
                    self.plan(self.world.now() + PATIENCE, Turn::Revive(role));
                }
                (Role::Person(person), fact::What::Durable(_, changes)) => {
                    let known_max = self.cast.people[person].limits.entries_known_max;
                    for kept in changes {
                        if let Kept::Peer(change) = kept {
                            self.people[person].state.apply(change, known_max);
                        }
                    }
                }
                (Role::Tracker(tracker), fact::What::Durable(_, changes)) => {
                    self.keepers[tracker].state.extend(changes.iter().filter_map(|kept| match kept {
                        Kept::Tracker(change) => Some(change.clone()),
                        Kept::Peer(_) => None,
                    }));
                }
                _ => {}
            }
            if self.last.len() == LAST_FACTS_MAX {
                self.last.pop_front();
            }
            self.last.push_back(fact);
        }
        self.violation = self.violation.take().or_else(|| self.model.take_violations().into_iter().next());
    }
}

/// Where nobody can register, those who are to be there have an account from the beginning.
fn accounts(cast: &Cast, tracker: TrackerId) -> Vec<tracker::Change> {
    let is_closed = cast.trackers[tracker].registration == Registration::Closed;
    let people = cast.people.iter().filter(|person| is_closed && person.tracker == Some(tracker));
    let account = |person: &PersonPart| tracker::Change::AccountAdded {
        name: person.name.clone(),
        verifier: Verifier(verifier_of(&person.password.0)),
        key: None,
        at: Wall(0),
    };
    people.map(account).collect()
}

fn hash_fact(hash: &mut Sha256, fact: &Fact) {
    hash.update(fact.at.since_start().as_nanos().to_be_bytes());
    hash.update((fact.node as u64).to_be_bytes());
    match &fact.what {
        fact::What::Published(name, content) => {
            hash.update(name);
            hash.update(format!("{content:?}"));
        }
        fact::What::Sent(conn, bytes) => {
            hash.update(conn.0.to_be_bytes());
            hash.update((bytes.len() as u64).to_be_bytes());
            hash.update(bytes);
        }
        fact::What::Heard(address, bytes) | fact::What::Called(address, bytes, _) => {
            hash.update(address.port().to_be_bytes());
            hash.update(bytes);
        }
        // What is committed shows in what is said after it.
        fact::What::Committing(seq, changes) | fact::What::Durable(seq, changes) => {
            hash.update(seq.0.to_be_bytes());
            hash.update((changes.len() as u64).to_be_bytes());
        }
        other => hash.update(format!("{other:?}")),
    }
}

/// A fact, for a person to read.
fn describe(role: Role, fact: &Fact) -> String {
    let mut text = format!("{:9.3} s  {role:?} ", fact.at.since_start().as_secs_f64());
    let _ = match &fact.what {
        fact::What::Published(name, content) => write!(text, "published {name:?}, {} entries", content.len()),
        fact::What::Sent(conn, bytes) => write!(text, "sent {} bytes on {conn}", bytes.len()),
        other => write!(text, "{other:?}"),
    };
    if text.len() > 600 {
        text.truncate(text.floor_char_boundary(600));
        text.push('…');
    }
    text
}
