//! What is accepted by itself, and what an end that is killed meanwhile makes of it.

mod world;

use papo_proto::{
    disk::memory::Node,
    peer::{Note, Notice, Problem, Request, change::Realm},
};
use world::{
    NodeId, World,
    files::{content, file},
    host::user,
    name,
};

/// Ana sends, and Bia accepts what she sends by itself.
fn verified() -> (World, NodeId, NodeId) {
    let mut world = World::default();
    let ana = world.peer(1, "ana");
    let verified = world.key(ana);
    let bia = world.peer_with(2, "bia", |start| {
        start.auto_accept = true;
        start.state.pins = vec![(Realm::Lan, name("ana"), verified)];
        start.state.verified = vec![verified];
    });
    world.link(ana, bia);
    (world, ana, bia)
}

/// Whether each offer was accepted by itself, as it was told.
fn accepted(world: &World, node: NodeId) -> Vec<bool> {
    let told = world.notices(node).iter().filter_map(|notice| match notice {
        Notice::Offer { accepted, .. } => Some(*accepted),
        _ => None,
    });
    told.collect()
}

#[test]
fn what_verified_people_send_is_accepted_by_itself_and_may_not_be_executed() {
    let (mut world, ana, bia) = verified();
    let caio = world.peer(3, "caio");
    world.link(caio, bia);
    for (from, path) in [(ana, "/home/a"), (caio, "/home/c")] {
        world.files(from).put_file(path, b"#!", true);
        world.send(from, user("bia"), path);
    }
    assert_eq!(world.files(bia).received_as("a"), [(String::new(), file(b"#!"))]);
    assert_eq!(world.received(bia).len(), 1, "whoever is not verified is decided upon");
    assert_eq!(accepted(&world, bia), [true, false]);
    // Without room it is left to the person.
    world.files(bia).set_free(1);
    world.send(ana, user("bia"), "/home/a");
    assert!(matches!(
        world.notices(bia),
        [.., Notice::Offer { accepted: false, .. }, Notice::Failed(Problem::NoSpace { .. })]
    ));
}

#[test]
fn nothing_in_a_directory_that_is_accepted_by_itself_may_be_executed_over_a_restart_too() {
    for by_itself in [true, false] {
        let (mut world, ana, bia) = verified();
        let caio = world.peer(3, "caio");
        world.link(caio, bia);
        let from = if by_itself { ana } else { caio };
        world.files(from).put_directory("/home/d");
        world.files(from).put_file("/home/d/run", &content(3 << 20), true);
        world.files(from).put_file("/home/d/text", b"oi", false);
        let before = world.sent(from);
        world.ask_unsettled(from, Request::Send { to: user("bia"), path: "/home/d".to_owned() });
        if !by_itself {
            world.settle();
            let transfer = world.offer(bia);
            world.ask_unsettled(bia, Request::Accept { transfer });
        }
        world.pass_steps(|world| world.sent(from) - before > 1 << 20);
        world.kill(bia);
        world.start(bia);
        world.link(from, bia);
        let run = Node::File { bytes: content(3 << 20), executable: !by_itself };
        let tree = world.files(bia).received_as("d");
        assert!(tree.contains(&("run".to_owned(), run)) && tree.contains(&("text".to_owned(), file(b"oi"))));
    }
}

#[test]
fn what_was_about_to_be_accepted_by_itself_is_so_at_the_next_start() {
    let (mut world, ana, bia) = verified();
    world.files(ana).put_file("/home/a", b"#!", true);
    world.stall_files(bia, true);
    world.send(ana, user("bia"), "/home/a");
    assert!(accepted(&world, bia).is_empty(), "whether there is room is not known yet");
    world.kill(bia);
    world.start(bia);
    assert_eq!(accepted(&world, bia), [true], "nobody else is needed for it");
    world.link(ana, bia);
    assert_eq!(world.files(bia).received_as("a"), [(String::new(), file(b"#!"))]);
    assert_eq!(accepted(&world, bia), [true], "once");
}

#[test]
fn what_there_was_no_room_for_is_tried_again_at_the_next_start_and_told() {
    let (mut world, ana, bia) = verified();
    world.files(ana).put_file("/home/a", b"oi", false);
    world.files(bia).set_free(1);
    world.send(ana, user("bia"), "/home/a");
    let failed = |world: &World| {
        world.notices(bia).iter().filter(|told| matches!(told, Notice::Failed(Problem::NoSpace { .. }))).count()
    };
    assert_eq!((accepted(&world, bia), failed(&world)), (vec![false], 1));
    world.kill(bia);
    world.start(bia);
    assert_eq!((accepted(&world, bia), failed(&world)), (vec![false, false], 2));
    world.kill(bia);
    world.files(bia).set_free(1 << 20);
    world.start(bia);
    assert_eq!((accepted(&world, bia), failed(&world)), (vec![false, false, true], 2));
    world.link(ana, bia);
    assert_eq!(world.received(bia).len(), 1);
}

#[test]
fn how_much_was_left_out_is_told_at_the_end_after_a_restart_too() {
    for restart in [false, true] {
        let mut world = World::default();
        let ana = world.peer(1, "ana");
        let bia = world.peer(2, "bia");
        world.link(ana, bia);
        world.files(ana).put_directory("/home/fotos");
        world.files(ana).put_file("/home/fotos/a", b"oi", false);
        for link in ["x", "y", "z"] {
            world.files(ana).put_other(&format!("/home/fotos/{link}"));
        }
        world.send(ana, user("bia"), "/home/fotos");
        assert!(matches!(
            world.notices(ana).iter().find(|told| matches!(told, Notice::Note(Note::Skipped { .. }))),
            Some(Notice::Note(Note::Skipped { skipped, .. })) if skipped.count == 3
        ));
        if restart {
            world.kill(ana);
            world.start(ana);
            world.link(ana, bia);
        }
        world.accept(bia);
        assert!(matches!(world.notices(ana).last(), Some(Notice::Sent { skipped: 3, .. })));
    }
}
