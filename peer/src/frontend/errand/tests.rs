//! What is decided, told in steps: what the peer says, and what is asked, shown and decided then.

use papo_proto::{peer::interface::TransferSeen, wire::transfer::Hash};

use super::*;
use crate::frontend::session::{EXIT_FAILURE, EXIT_FINE, EXIT_REFUSED, EXIT_UNREACHABLE};

fn name(text: &str) -> Name {
    Name::new(text).expect("valid")
}

fn item(text: &str) -> Item {
    Item { path: format!("/x/{text}"), name: text.to_owned(), tree: false, size: 9 }
}

fn peer(what: PeerEvent, user: &str) -> Notice {
    Notice::Peer { what, user: name(user), address: None, plaintext: false }
}

fn offered(transfer: u64) -> Notice {
    let (to, name) = (name("bia"), String::new());
    Notice::Offered { transfer, to, name, tree: false, size: 9, files: 1, waiting: false }
}

fn sent(transfer: u64) -> Notice {
    Notice::Sent { transfer, to: name("bia"), name: String::new(), skipped: 0 }
}

fn ended(transfer: u64, incoming: bool, reason: Reason) -> Notice {
    let (user, name) = (name("bia"), String::new());
    Notice::TransferEnded { transfer, incoming, user, name, reason, by_us: false }
}

fn row(transfer: u64, incoming: bool, name_of: &str, phase: Phase) -> TransferSeen {
    let (user, name) = (name("bia"), name_of.to_owned());
    TransferSeen { transfer, incoming, user, name, tree: false, total: 9, done: 0, phase }
}

fn offer(transfer: u64, from: &str) -> Notice {
    Notice::Offer {
        transfer,
        from: name(from),
        room: None,
        scope: None,
        name: "film.mkv".to_owned(),
        tree: false,
        size: 9,
        files: 1,
        accepted: false,
    }
}

fn received(transfer: u64) -> Notice {
    Notice::Received { transfer, from: name("bia"), path: "/r".to_owned(), sha256: Hash([0; 32]), renamed: 0 }
}

struct Played {
    doing: Doing,
    start: Instant,
    at: Duration,
    asked: u64,
}

impl Played {
    fn new(errand: Errand) -> Self {
        Self { doing: Doing::new(errand), start: Instant::now(), at: Duration::ZERO, asked: TOKENS }
    }

    fn send(items: &[&str], tracker: bool) -> Self {
        let items = items.iter().map(|text| item(text)).collect();
        let mut played = Self::new(Errand::Send { items, to: name("bia"), wait: Duration::from_secs(60), tracker });
        assert_eq!(played.begin(), ["info", "ask Transfers"]);
        played
    }

    fn receive(once: bool, from: Option<&str>) -> Self {
        let mut played = Self::new(Errand::Receive { once, from: from.map(name) });
        assert_eq!(played.begin(), ["info", "ask Transfers"]);
        played
    }

    fn now(&self) -> Instant {
        self.start + self.at
    }

    fn begin(&mut self) -> Vec<String> {
        let effects = self.doing.begin(self.now());
        self.words(effects)
    }

    fn hear(&mut self, notice: Notice) -> Vec<String> {
        let effects = self.doing.handle(self.now(), &notice);
        self.words(effects)
    }

    /// What was asked last is done.
    fn done(&mut self, problem: Option<Problem>) -> Vec<String> {
        let token = self.asked;
        self.hear(Notice::Outcome { token, problem })
    }

    /// So many seconds pass; what is due is done.
    fn pass(&mut self, seconds: u64) -> Vec<String> {
        let end = self.at + Duration::from_secs(seconds);
        let mut words = Vec::new();
        while let Some(deadline) = self.doing.deadline().filter(|&deadline| deadline <= self.start + end) {
            self.at = deadline.duration_since(self.start).max(self.at);
            let effects = self.doing.due(self.now());
            words.extend(self.words(effects));
        }
        self.at = end;
        words
    }

    fn words(&mut self, effects: Vec<Effect>) -> Vec<String> {
        let word = |effect: Effect| match effect {
            Effect::Ask(token, request) => {
                self.asked = self.asked.max(token);
                let request = format!("{request:?}");
                format!("ask {}", request.replace("to: User(\"bia\"), path: ", ""))
            }
            Effect::Show(Event::Problem(problem)) => format!("error {}", problem.code()),
            Effect::Show(Event::Trouble(trouble)) => format!("error {}", trouble.code()),
            Effect::Show(_) => "info".to_owned(),
            Effect::Leave(code) => format!("leave {code}"),
        };
        effects.into_iter().map(word).collect()
    }
}

const NOTHING: [&str; 0] = [];

#[test]
fn all_that_is_sent_is_asked_for_one_after_the_other_and_waited_for() {
    let mut play = Played::send(&["a", "b"], true);
    assert_eq!(play.hear(Notice::Transfers { rows: vec![] }), NOTHING);
    assert_eq!(play.done(None), ["ask Send { \"/x/a\" }"]);
    assert_eq!(play.hear(offered(1)), NOTHING);
    assert_eq!(play.done(None), ["ask Send { \"/x/b\" }"]);
    play.hear(offered(2));
    assert_eq!(play.done(None), NOTHING);
    play.hear(peer(PeerEvent::Linked, "bia"));
    assert_eq!(play.pass(1000), NOTHING, "whoever is linked may take its time");
    assert_eq!(play.hear(sent(2)), NOTHING);
    assert_eq!(play.hear(sent(99)), NOTHING, "another one's");
    assert_eq!(play.hear(sent(1)), [format!("leave {EXIT_FINE}")]);
    assert_eq!(play.hear(sent(1)), NOTHING);
}

#[test]
fn one_that_fails_or_is_refused_does_not_keep_the_others_and_is_a_failure() {
    let mut play = Played::send(&["a", "b"], true);
    play.done(None);
    let problem = Problem::File { path: "/x/a".to_owned(), error: papo_proto::disk::DiskError::Denied };
    assert_eq!(play.done(Some(problem)), ["error file_denied", "ask Send { \"/x/b\" }"]);
    play.hear(offered(2));
    play.done(None);
    assert_eq!(play.hear(sent(2)), [format!("leave {EXIT_FAILURE}")]);

    let mut play = Played::send(&["a"], true);
    play.done(None);
    play.hear(offered(1));
    play.done(None);
    assert_eq!(play.hear(ended(1, false, Reason::Rejected)), [format!("leave {EXIT_FAILURE}")]);
}

#[test]
fn whoever_is_not_there_in_time_is_given_up_and_what_had_not_begun_is_taken_back() {
    let mut play = Played::send(&["a", "b"], true);
    play.done(None);
    play.hear(offered(1));
    play.done(None);
    play.hear(offered(2));
    play.done(None);
    play.pass(30);
    play.hear(peer(PeerEvent::Linked, "bia"));
    play.hear(Notice::Progress { transfer: 1, done: 3, total: 9 });
    play.hear(peer(PeerEvent::Lost, "bia"));
    assert_eq!(play.pass(59), NOTHING, "it is waited for anew");
    assert!(play.doing.is_under_way());
    let given_up = play.pass(1);
    assert_eq!(given_up, ["error not_reached", "ask Cancel { transfer: 2 }", &format!("leave {EXIT_UNREACHABLE}")]);
}

#[test]
fn without_a_tracker_a_name_that_nobody_has_yet_is_asked_for_again() {
    let unknown = || Some(Problem::UnknownUser { user: name("bia") });
    let mut play = Played::send(&["a"], false);
    assert_eq!(play.done(None), ["ask Send { \"/x/a\" }"]);
    assert_eq!(play.done(unknown()), NOTHING);
    assert_eq!(play.pass(1), ["ask Send { \"/x/a\" }"]);
    assert_eq!(play.done(unknown()), NOTHING);
    assert_eq!(play.hear(peer(PeerEvent::Linked, "caio")), NOTHING);
    assert_eq!(play.hear(peer(PeerEvent::Linked, "bia")), ["ask Send { \"/x/a\" }"]);
    play.hear(offered(1));
    assert_eq!(play.done(None), NOTHING);

    let mut play = Played::send(&["a"], false);
    play.done(None);
    play.done(unknown());
    let mut end = Vec::new();
    for _ in 0..60 {
        end = play.pass(1);
        if end == ["ask Send { \"/x/a\" }"] {
            play.done(unknown());
        }
    }
    assert_eq!(end, ["error not_reached".to_owned(), format!("leave {EXIT_UNREACHABLE}")]);
}

#[test]
fn a_tracker_that_is_away_for_a_moment_is_asked_again() {
    let mut play = Played::send(&["a"], true);
    play.done(None);
    for problem in [Problem::TrackerAway, Problem::TrackerSilent, Problem::TimedOut] {
        assert_eq!(play.done(Some(problem)), NOTHING);
        assert_eq!(play.pass(1), ["ask Send { \"/x/a\" }"]);
    }
    play.hear(offered(1));
    play.done(None);
    assert_eq!(play.hear(sent(1)), [format!("leave {EXIT_FINE}")]);
}

#[test]
fn where_nothing_can_succeed_it_ends_at_once_with_the_code_for_it() {
    let bia = || name("bia");
    for (problem, code) in [
        (Problem::UnknownUser { user: bia() }, EXIT_UNREACHABLE),
        (Problem::Tracker { failure: Failure::UnknownUser }, EXIT_UNREACHABLE),
        (Problem::KeyChanged { user: bia() }, EXIT_REFUSED),
        (Problem::Blocked { user: bia() }, EXIT_FAILURE),
        (Problem::Oneself, EXIT_FAILURE),
    ] {
        let mut play = Played::send(&["a", "b"], true);
        play.done(None);
        assert_eq!(play.done(Some(problem)).last(), Some(&format!("leave {code}")));
        assert_eq!(play.pass(100), NOTHING);
    }
}

#[test]
fn what_a_former_run_has_begun_is_gone_on_with_and_sent_anew_only_if_it_has_changed() {
    let held = Phase::Paused { here: true, there: false };
    let rows = vec![
        row(3, false, "b", held),
        row(4, true, "a", Phase::Running),
        TransferSeen { total: 8, ..row(5, false, "a", Phase::Waiting) },
        TransferSeen { user: name("caio"), ..row(6, false, "a", Phase::Waiting) },
    ];
    let mut play = Played::send(&["a", "b", "b"], true);
    assert_eq!(play.hear(Notice::Transfers { rows }), ["ask Resume { transfer: 3 }"]);
    assert_eq!(play.done(None), ["ask Send { \"/x/a\" }"]);
    play.hear(offered(7));
    assert_eq!(play.done(None), ["ask Send { \"/x/b\" }"], "each is gone on with once");
    play.hear(offered(8));
    play.done(None);
    assert_eq!(play.hear(ended(3, false, Reason::Changed)), ["ask Send { \"/x/b\" }"]);
    play.hear(offered(9));
    play.done(None);
    for transfer in [7, 8] {
        assert_eq!(play.hear(sent(transfer)), NOTHING);
    }
    assert_eq!(play.hear(ended(9, false, Reason::Changed)), [format!("leave {EXIT_FAILURE}")]);
}

#[test]
fn every_offer_is_accepted_or_that_of_one_person_alone() {
    let mut play = Played::receive(false, None);
    assert_eq!(play.hear(offer(1, "bia")), ["ask Accept { transfer: 1 }"]);
    assert_eq!(play.done(None), NOTHING);
    assert_eq!(play.hear(offer(2, "caio")), ["ask Accept { transfer: 2 }"]);
    assert_eq!(play.hear(received(1)), NOTHING);
    assert_eq!(play.hear(ended(2, true, Reason::Full)), NOTHING);
    assert!(!play.doing.is_under_way());

    let mut play = Played::receive(true, Some("bia"));
    assert_eq!(play.hear(offer(1, "caio")), ["info"]);
    assert_eq!(play.hear(received(1)), NOTHING);
    assert_eq!(play.hear(offer(2, "Bia")), ["ask Accept { transfer: 2 }"]);
    assert_eq!(play.hear(received(2)), [format!("leave {EXIT_FINE}")]);
}

#[test]
fn a_person_is_told_of_offers_that_are_taken_and_of_no_others() {
    let told = |play: &Played, from: &str| match play.doing.as_told(Event::Notice(offer(1, from))) {
        Some(Event::Notice(Notice::Offer { accepted, .. })) => Some(accepted),
        _ => None,
    };
    let receiving = Played::receive(false, Some("bia"));
    assert_eq!((told(&receiving, "bia"), told(&receiving, "caio")), (Some(true), None));
    assert_eq!(told(&Played::send(&["a"], true), "bia"), None);
}

#[test]
fn once_ends_with_the_first_also_with_one_that_was_under_way_before() {
    for (notice, code) in [(received(5), EXIT_FINE), (ended(5, true, Reason::Mismatch), EXIT_FAILURE)] {
        let mut play = Played::receive(true, None);
        let rows = vec![row(4, false, "a", Phase::Running), row(5, true, "a", Phase::Waiting)];
        play.hear(Notice::Transfers { rows });
        assert_eq!(play.hear(ended(4, false, Reason::Rejected)), NOTHING);
        assert_eq!(play.hear(notice), [format!("leave {code}")]);
    }
    let mut play = Played::receive(true, None);
    play.hear(offer(1, "bia"));
    let no_space = Problem::NoSpace { transfer: 1, needed: 9, free: 1 };
    assert_eq!(play.done(Some(no_space)), ["error no_space".to_owned(), format!("leave {EXIT_FAILURE}")]);
}
