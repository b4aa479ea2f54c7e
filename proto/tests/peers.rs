//! Two and more peers without a tracker: links by hand, labels, messages outside of rooms, and what goes wrong.

mod world;

use std::time::Duration;

use papo_proto::{
    error::Fault,
    limits::Limits,
    machine::Refusal,
    peer::{
        Command, Note, Notice, Problem, Request,
        interface::{PeerEvent, Target},
    },
};
use world::{World, host::user, name};

/// Two peers with a link that the first dialled.
fn linked() -> (World, usize, usize) {
    let mut world = World::default();
    let (ana, bia) = (world.peer(1, "ana"), world.peer(2, "bia"));
    let address = world.listens_at(bia);
    world.done(ana, Request::Connect { address });
    (world, ana, bia)
}

fn events(world: &World, node: usize) -> Vec<(PeerEvent, String)> {
    let told = world.notices(node).iter().filter_map(|notice| match notice {
        Notice::Peer { what, user, .. } => Some((*what, user.to_string())),
        _ => None,
    });
    told.collect()
}

#[test]
fn a_message_is_kept_shown_acknowledged_and_told_as_delivered() {
    let (mut world, ana, bia) = linked();
    world.say(ana, user("bia"), "olá, 日本");
    assert_eq!(world.heard(bia), ["ana: olá, 日本"]);
    assert_eq!(world.delivered(ana), ["bia"]);
    assert!(world.state(ana).unacknowledged.is_empty());
    let (said, shown) = (world.notices(ana), world.notices(bia));
    let said = said.iter().find_map(|notice| if let Notice::Said { id, .. } = notice { Some(id) } else { None });
    let shown = shown.iter().find_map(|notice| if let Notice::Message(one) = notice { Some(&one.id) } else { None });
    assert_eq!(said, shown, "both ends know it by one id");
}

#[test]
fn nothing_is_said_before_it_is_kept_and_nothing_acknowledged_before_it_is_kept_there() {
    let (mut world, ana, bia) = linked();
    world.stall_disk(ana, true);
    world.ask(ana, Request::Say { to: user("bia"), text: "one".to_owned() });
    assert!(world.heard(bia).is_empty(), "sent before it was kept");
    world.stall_disk(bia, true);
    world.stall_disk(ana, false);
    assert!(world.heard(bia).is_empty(), "shown before it was kept");
    assert!(world.delivered(ana).is_empty(), "acknowledged before it was kept");
    world.stall_disk(bia, false);
    assert_eq!((world.heard(bia), world.delivered(ana)), (vec!["ana: one".to_owned()], vec!["bia".to_owned()]));
}

#[test]
fn what_was_said_while_the_link_was_down_arrives_once_and_in_order_when_it_returns() {
    let (mut world, ana, bia) = linked();
    world.say(ana, user("bia"), "1");
    world.unreachable.insert(world.listens_at(bia));
    world.unreachable.insert(world.listens_at(ana));
    world.cut_between(ana, bia);
    for text in ["2", "3", "4"] {
        world.say(ana, user("bia"), text);
    }
    assert_eq!(world.heard(bia), ["ana: 1"]);
    world.pass(Duration::from_secs(60));
    world.unreachable.clear();
    world.pass(Duration::from_millis(Limits::DEFAULT.redial_ms_max));
    assert_eq!(world.heard(bia), ["ana: 1", "ana: 2", "ana: 3", "ana: 4"]);
    assert_eq!(world.delivered(ana).len(), 4);
}

#[test]
fn a_peer_that_is_killed_before_its_acknowledgement_left_shows_nothing_twice() {
    let (mut world, ana, bia) = linked();
    world.stall_disk(ana, true);
    world.say_later(bia, user("ana"), "1");
    world.kill(ana);
    world.start(ana);
    let address = world.listens_at(ana);
    world.done(bia, Request::Connect { address });
    assert_eq!(world.heard(ana), ["bia: 1"], "lost with an unfinished commit, then sent again");
    world.cut_between(ana, bia);
    world.kill(ana);
    world.start(ana);
    let address = world.listens_at(ana);
    world.pass(Duration::from_secs(31));
    world.ask(bia, Request::Connect { address });
    world.say(bia, user("ana"), "2");
    assert_eq!(world.heard(ana), ["bia: 1", "bia: 2"]);
}

#[test]
fn what_was_kept_and_not_shown_before_a_kill_is_shown_at_the_next_start() {
    let (mut world, ana, bia) = linked();
    world.stall_disk(bia, true);
    world.say_later(ana, user("bia"), "1");
    world.commit_and_kill(bia);
    assert!(world.heard(bia).is_empty());
    world.start(bia);
    assert_eq!(world.heard(bia), ["ana: 1"]);
}

#[test]
fn what_waits_survives_a_restart_of_its_author() {
    let (mut world, ana, bia) = linked();
    world.kill(bia);
    world.say(ana, user("bia"), "1");
    world.say(ana, user("bia"), "2");
    world.kill(ana);
    world.start(bia);
    world.start(ana);
    let address = world.listens_at(bia);
    world.done(ana, Request::Connect { address });
    assert_eq!(world.heard(bia), ["ana: 1", "ana: 2"]);
    assert_eq!(world.delivered(ana), ["bia", "bia"]);
}

#[test]
fn two_who_dial_each_other_at_once_end_with_one_link_and_lose_nothing() {
    for (first, second) in [(1, 2), (2, 1)] {
        let mut world = World::default();
        let (ana, bia) = (world.peer(first, "ana"), world.peer(second, "bia"));
        let (to_bia, to_ana) = (world.listens_at(bia), world.listens_at(ana));
        world.ask_both((ana, Request::Connect { address: to_bia }), (bia, Request::Connect { address: to_ana }));
        assert_eq!(world.connections_between(ana, bia), 1);
        world.say(ana, user("bia"), "1");
        world.say(bia, user("ana"), "2");
        assert_eq!((world.heard(bia), world.heard(ana)), (vec!["ana: 1".to_owned()], vec!["bia: 2".to_owned()]));
        world.pass(Duration::from_secs(120));
        assert_eq!(world.connections_between(ana, bia), 1);
        let linked = events(&world, ana).iter().filter(|(what, _)| *what == PeerEvent::Linked).count();
        assert_eq!(linked, 1, "{:?}", events(&world, ana));
        assert!(!events(&world, ana).iter().any(|(what, _)| *what == PeerEvent::Lost));
    }
}

#[test]
fn connecting_to_oneself_or_twice_or_to_nobody_is_refused_with_its_own_reason() {
    let (mut world, ana, bia) = linked();
    let (own, linked) = (world.listens_at(ana), world.listens_at(bia));
    assert_eq!(world.problem(ana, Request::Connect { address: own }), Problem::Oneself);
    let already = Problem::AlreadyLinked { user: name("bia") };
    assert_eq!(world.problem(ana, Request::Connect { address: linked }), already);
    // The other end knows the link by another address; the key tells.
    assert_eq!(world.problem(bia, Request::Connect { address: own }), Problem::AlreadyLinked { user: name("ana") });
    let address = "127.0.0.1:9".parse().expect("an address");
    let unreachable = Problem::Unreachable { address, reason: Refusal::Refused };
    assert_eq!(world.problem(ana, Request::Connect { address }), unreachable);
    assert_eq!(world.connections_between(ana, bia), 1);
}

#[test]
fn a_second_of_one_name_is_labelled_and_messages_never_reach_another_key_than_the_pinned_one() {
    let (mut world, ana, bia) = linked();
    let other = world.peer(3, "bia");
    let address = world.listens_at(other);
    world.done(ana, Request::Connect { address });
    world.say(ana, user("bia"), "for the first");
    assert_eq!((world.heard(bia).len(), world.heard(other).len()), (1, 0));
    let label = format!("bia~{}", world.key(other).short());
    world.say(ana, user(&label), "for the second");
    assert_eq!(world.heard(other), ["ana: for the second"]);
}

#[test]
fn all_reaches_everyone_who_is_linked_under_one_id() {
    let (mut world, ana, bia) = linked();
    let carl = world.peer(3, "carl");
    let address = world.listens_at(carl);
    world.done(ana, Request::Connect { address });
    world.say(ana, Target::All, "hear");
    world.say(ana, user("carl"), "only you");
    assert_eq!(world.heard(bia), ["ana: hear"]);
    assert_eq!(world.heard(carl), ["ana: hear", "ana: only you"]);
    let mut told = world.delivered(ana);
    told.sort();
    assert_eq!(told, ["bia", "carl", "carl"]);
    let alone = world.peer(4, "dora");
    let nobody = Request::Say { to: Target::All, text: "x".to_owned() };
    assert_eq!(world.problem(alone, nobody), Problem::NobodyLinked);
}

#[test]
fn a_blocked_peer_is_not_heard_and_gets_nothing_until_it_is_unblocked() {
    let (mut world, ana, bia) = linked();
    world.done(ana, Request::Block { user: name("bia") });
    assert_eq!(world.connections_between(ana, bia), 0);
    let say = Request::Say { to: user("bia"), text: "x".to_owned() };
    assert_eq!(world.problem(ana, say), Problem::Blocked { user: name("bia") });
    world.ask(bia, Request::Say { to: user("ana"), text: "let me in".to_owned() });
    world.pass(Duration::from_secs(300));
    assert!(world.heard(ana).is_empty());
    world.kill(ana);
    world.start(ana);
    let address = world.listens_at(ana);
    world.ask(bia, Request::Connect { address });
    assert!(world.heard(ana).is_empty(), "a block outlasts a restart");
    world.done(ana, Request::Unblock { user: name("bia") });
    world.ask(bia, Request::Connect { address });
    assert_eq!(world.heard(ana), ["bia: let me in"]);
}

#[test]
fn a_link_that_was_ended_on_purpose_is_not_dialled_again_until_something_is_said() {
    let (mut world, ana, bia) = linked();
    world.done(ana, Request::Disconnect { user: name("bia") });
    world.pass(Duration::from_secs(120));
    assert_eq!(world.connections_between(ana, bia), 0);
    let lost = |what| (what, "bia".to_owned());
    assert_eq!(events(&world, ana), [lost(PeerEvent::Linked), lost(PeerEvent::Lost)]);
    let cut = |notice: &Notice| matches!(notice, Notice::Note(Note::LinkFault { .. }));
    assert!(!world.notices(bia).iter().any(cut), "a goodbye is no cut");
    world.say(ana, user("bia"), "again");
    world.pass(Duration::from_secs(5));
    assert_eq!(world.heard(bia), ["ana: again"]);
}

#[test]
fn a_half_open_link_is_found_within_45_seconds() {
    let (mut world, ana, bia) = linked();
    world.deafen(bia);
    let cut = |notice: &Notice| matches!(notice, Notice::Note(Note::LinkFault { .. }));
    world.pass(Duration::from_secs(45));
    assert!(world.notices(ana).iter().any(cut));
}

#[test]
fn an_idle_link_stays() {
    let (mut world, ana, bia) = linked();
    world.pass(Duration::from_secs(3600));
    assert_eq!(world.connections_between(ana, bia), 1);
    world.say(bia, user("ana"), "still here");
    assert_eq!(world.heard(ana), ["bia: still here"]);
}

#[test]
fn while_output_is_stopped_nothing_is_read_and_nothing_is_lost() {
    let (mut world, ana, bia) = linked();
    world.command(bia, Command::Output { open: false });
    for number in 0..50 {
        world.ask(ana, Request::Say { to: user("bia"), text: number.to_string() });
    }
    assert!(world.heard(bia).is_empty());
    world.pass(Duration::from_secs(120));
    world.command(bia, Command::Output { open: true });
    world.pass(Duration::from_secs(60));
    assert_eq!(world.heard(bia), (0..50).map(|number| format!("ana: {number}")).collect::<Vec<_>>());
}

#[test]
fn a_long_backlog_goes_out_in_bulk_turns_and_arrives_whole() {
    let (mut world, ana, bia) = linked();
    world.kill(bia);
    let text = "x".repeat(10_000);
    for _ in 0..200 {
        world.say(ana, user("bia"), &text);
    }
    world.start(bia);
    let address = world.listens_at(bia);
    world.ask(ana, Request::Connect { address });
    world.pass(Duration::from_secs(31));
    assert_eq!(world.heard(bia).len(), 200);
    assert_eq!(world.delivered(ana).len(), 200);
}

#[test]
fn a_text_at_the_bound_is_said_and_past_it_or_empty_is_refused() {
    let (mut world, ana, bia) = linked();
    let max = Limits::DEFAULT.text_bytes_max;
    world.say(ana, user("bia"), &"é".repeat(max / 2));
    assert_eq!(world.heard(bia).len(), 1);
    let long = Request::Say { to: user("bia"), text: "x".repeat(max + 1) };
    assert_eq!(world.problem(ana, long), Problem::TextTooLong { bytes: max + 1, max });
    assert_eq!(world.problem(ana, Request::Say { to: user("bia"), text: String::new() }), Problem::TextEmpty);
}

#[test]
fn what_waits_for_one_receiver_is_bounded() {
    let mut world = World::default();
    let ana = world.peer_with(1, "ana", |start| start.limits.unacknowledged_max = 3);
    let bia = world.peer(2, "bia");
    let address = world.listens_at(bia);
    world.done(ana, Request::Connect { address });
    world.kill(bia);
    for _ in 0..3 {
        world.say(ana, user("bia"), "x");
    }
    let over = Request::Say { to: user("bia"), text: "x".to_owned() };
    assert_eq!(world.problem(ana, over), Problem::TooMuchWaiting { user: name("bia") });
}

#[test]
fn what_is_said_to_all_waits_for_nobody_beyond_the_bound() {
    let mut world = World::default();
    let ana = world.peer_with(1, "ana", |start| start.limits.unacknowledged_max = 2);
    let (bia, carl) = (world.peer(2, "bia"), world.peer(3, "carl"));
    for other in [bia, carl] {
        let address = world.listens_at(other);
        world.done(ana, Request::Connect { address });
    }
    // Bia keeps nothing, so it acknowledges nothing.
    world.stall_disk(bia, true);
    for text in ["1", "2", "3"] {
        world.say(ana, Target::All, text);
    }
    assert_eq!(world.heard(carl), ["ana: 1", "ana: 2", "ana: 3"]);
    let dropped = Notice::Note(Note::Dropped { user: name("bia"), count: 1 });
    assert_eq!(world.notices(ana).iter().filter(|notice| **notice == dropped).count(), 1);
    world.kill(carl);
    let over = Request::Say { to: Target::All, text: "4".to_owned() };
    assert_eq!(world.problem(ana, over), Problem::TooMuchWaiting { user: name("bia") });
    world.stall_disk(bia, false);
    assert_eq!(world.heard(bia), ["ana: 1", "ana: 2"]);
}

#[test]
fn ping_measures_verify_agrees_and_drain_waits() {
    let (mut world, ana, bia) = linked();
    world.done(ana, Request::Ping { user: name("bia") });
    assert!(world.notices(ana).iter().any(|notice| matches!(notice, Notice::Pinged { us: 0, .. })));
    world.done(ana, Request::Verify { user: name("bia") });
    world.done(bia, Request::Verify { user: name("ana") });
    let digits = |node| {
        let told =
            |notice: &Notice| if let Notice::Digits { digits, .. } = notice { Some(digits.clone()) } else { None };
        world.notices(node).iter().find_map(told).expect("digits")
    };
    assert_eq!(digits(ana), digits(bia));
    world.stall_disk(bia, true);
    world.say(ana, user("bia"), "x");
    let drain = world.ask(ana, Request::Drain);
    assert_eq!(world.outcome(ana, drain), None);
    world.stall_disk(bia, false);
    assert_eq!(world.outcome(ana, drain), Some(None));
}

#[test]
fn a_drain_ends_after_its_time_when_a_receiver_does_not_answer() {
    let (mut world, ana, bia) = linked();
    world.deafen(bia);
    world.say(ana, user("bia"), "x");
    let drain = world.ask(ana, Request::Drain);
    world.pass(Duration::from_millis(Limits::DEFAULT.drain_ms_max - 1));
    assert_eq!(world.outcome(ana, drain), None);
    world.pass(Duration::from_millis(1));
    assert_eq!(world.outcome(ana, drain), Some(None));
}

#[test]
fn quitting_says_goodbye_flushes_and_tells_what_still_waits() {
    let (mut world, ana, bia) = linked();
    world.say(ana, user("bia"), "last");
    world.command(ana, Command::Quit);
    assert_eq!(world.notices(ana).last(), Some(&Notice::Stopped { unacknowledged: 0 }));
    assert_eq!(world.heard(bia), ["ana: last"]);
    assert!(!world.notices(bia).iter().any(|notice| matches!(notice, Notice::Note(Note::LinkFault { .. }))));
    assert_eq!(world.deadline(ana), None, "nothing is left to wait for");
}

#[test]
fn after_a_suspend_a_dead_link_is_back_within_10_seconds() {
    let (mut world, ana, bia) = linked();
    world.pass(Duration::from_secs(100));
    world.lose_silently(ana, bia);
    world.jump_wall(ana);
    world.pass(Duration::from_secs(10));
    world.say(ana, user("bia"), "back");
    assert_eq!(world.heard(bia), ["ana: back"]);
}

#[test]
fn strangers_are_counted_and_told_of_now_and_then() {
    let (mut world, ana, _) = linked();
    for _ in 0..500 {
        world.garbage(ana, b"GET / HTTP/1.1\r\n\r\n");
    }
    world.pass(Duration::from_secs(25));
    let told = world.notices(ana).iter().filter_map(|notice| match notice {
        Notice::Note(Note::Strangers { count, fault: Fault::NotPapo, .. }) => Some(*count),
        _ => None,
    });
    assert_eq!(told.collect::<Vec<_>>(), [1, 499]);
}

#[test]
fn those_who_say_nothing_are_gone_within_10_seconds_and_at_the_bound_the_next_is_refused() {
    let (mut world, ana, bia) = linked();
    for _ in 0..=Limits::DEFAULT.links_unknown_max {
        world.garbage(ana, b"papo/1 peer");
    }
    let refused = |notice: &Notice| {
        matches!(notice, Notice::Note(Note::Strangers { fault: Fault::TooManyConnections, count: 1, .. }))
    };
    assert_eq!(world.notices(ana).iter().filter(|notice| refused(notice)).count(), 1);
    world.say(bia, user("ana"), "meanwhile");
    assert_eq!(world.heard(ana), ["bia: meanwhile"]);
    world.pass(Duration::from_secs(10));
    assert_eq!(world.open_ends(ana), 1, "the link alone is left");
}

#[test]
fn however_many_connections_one_address_holds_others_are_let_in() {
    let mut world = World::default();
    let (ana, bia) = (world.peer(1, "ana"), world.peer(2, "bia"));
    for _ in 0..=Limits::DEFAULT.links_unknown_max {
        world.garbage(ana, b"papo/1 peer");
    }
    assert_eq!(world.open_ends(ana), Limits::DEFAULT.links_unknown_max);
    let address = world.listens_at(ana);
    world.done(bia, Request::Connect { address });
    world.say(bia, user("ana"), "all the same");
    assert_eq!(world.heard(ana), ["bia: all the same"]);
    assert_eq!(world.open_ends(ana), Limits::DEFAULT.links_unknown_max, "one gave way");
}
