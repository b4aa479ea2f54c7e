//! What the model says to what people without a tracker keep of themselves, and are shown of others.

use papo_proto::{
    peer::{Change, Notice, Request, interface::PeerSeen},
    time::Wall,
    wire::{
        peer::About,
        tracker::{Profile, Status, StatusText},
    },
};

use super::{about::OWN_WORDS, stage::Stage};
use crate::world::fact::What;

/// The second person has no tracker.
fn without_a_tracker() -> Stage {
    let mut stage = Stage::of_cast(|cast| cast.people[1].tracker = None);
    stage.person(1, What::Started(stage.ip(1)));
    stage
}

fn profile(text: &str) -> Profile {
    Profile::new(text).expect("short")
}

#[test]
fn what_is_said_of_oneself_is_kept_before_it_is_told_to_be() {
    let kept = |text: &str| Change::Described { about: About { profile: profile(text), ..About::default() } };
    for (before, since, fine) in [
        (vec![], vec![], false),
        (vec![kept("papagaio 2")], vec![], false),
        (vec![kept("papagaio 1")], vec![], true),
        (vec![], vec![kept("papagaio 1")], true),
        (vec![], vec![kept("papagaio 1"), kept("papagaio 2")], true),
    ] {
        let mut stage = without_a_tracker();
        stage.keeps(1, before);
        let token = stage.asks(1, Request::Profile { text: profile("papagaio 1") });
        stage.keeps(1, since);
        stage.outcome(1, token, None);
        if fine { stage.broken_nothing() } else { stage.broken(OWN_WORDS) }
    }
}

#[test]
fn words_that_somebody_never_said_of_itself_are_found() {
    for (shown, fine) in [("", true), ("papagaio 1", true), ("papagaio 2", false)] {
        let mut stage = without_a_tracker();
        stage.asks(1, Request::Profile { text: profile("papagaio 1") });
        stage.asks(0, Request::Profile { text: profile("papagaio 2") });
        let peer = PeerSeen {
            user: stage.name(1),
            address: None,
            status: Status::Online,
            status_text: StatusText::default(),
            room: None,
            last_seen: Wall(1),
            linked: true,
            blocked: false,
            plaintext: false,
        };
        let (key, profile) = (Some(stage.key(1)), profile(shown));
        stage.told(0, Notice::Whois { peer, key, pinned: None, verified: false, profile, plaintext: false });
        if fine { stage.broken_nothing() } else { stage.broken(OWN_WORDS) }
    }
}
