//! Files and directories between peers, in a small world with disks in memory: what people do, and what disks do.

mod world;

use std::time::Duration;

use papo_proto::{
    disk::{BLOCK_BYTES_MAX, DiskError, memory::Node},
    limits::Limits,
    peer::{
        Note, Notice, Problem, Request,
        interface::{Phase, Target},
    },
    wire::{
        peer::Scope,
        transfer::{AHEAD_BYTES_MAX, CHUNK_BYTES_MAX, Hash, Reason},
    },
};
use sha2::{Digest as _, Sha256};
use world::{
    NodeId, World,
    files::{content, file, linked},
    host::{in_a_room, sala, user},
    name,
};

const MIB: usize = 1 << 20;

#[test]
fn a_file_is_offered_accepted_sent_checked_and_given_its_name() {
    let (mut world, ana, bia) = linked();
    world.files(ana).put_file("/home/notas.txt", b"oi", true);
    world.send(ana, user("bia"), "/home/notas.txt");
    assert_eq!((world.phases(ana), world.phases(bia)), (vec![Phase::Offered], vec![Phase::Offered]));
    assert_eq!(world.files(bia).kept().count(), 0, "nothing is created before it is accepted");
    world.accept(bia);
    let run = Node::File { bytes: b"oi".to_vec(), executable: true };
    assert_eq!(world.files(bia).received_as("notas.txt"), [(String::new(), run)]);
    assert_eq!((world.arrived(ana), world.received(bia).len()), (1, 1));
    world.assert_tidy(ana);
    world.assert_tidy(bia);
}

#[test]
fn files_of_every_length_around_the_edges_arrive_whole() {
    let (mut world, ana, bia) = linked();
    let edges = [CHUNK_BYTES_MAX, BLOCK_BYTES_MAX, usize::try_from(AHEAD_BYTES_MAX).expect("small"), 3 * MIB];
    let around = edges.iter().flat_map(|edge| [edge - 1, *edge, edge + 1]);
    for length in [0, 1].into_iter().chain(around) {
        let (bytes, name) = (content(length), format!("file-{length}"));
        world.send_and_accept(ana, bia, &name, &bytes);
        world.settle();
        assert_eq!(world.files(bia).received_as(&name), [(String::new(), file(&bytes))]);
        let told = world.notices(bia).iter().rev().find_map(|notice| match notice {
            Notice::Received { sha256, path, .. } => Some((*sha256, path.ends_with(&name))),
            _ => None,
        });
        assert_eq!(told, Some((Hash(Sha256::digest(&bytes).into()), true)));
    }
    world.assert_tidy(ana);
    world.assert_tidy(bia);
}

/// A directory with something of everything.
fn put_tree(world: &mut World, node: NodeId) {
    let files = world.files(node);
    files.put_directory("/home/fotos");
    files.put_directory("/home/fotos/empty");
    files.put_file("/home/fotos/run.sh", b"#!", true);
    files.put_file("/home/fotos/nothing", b"", false);
    files.put_directory("/home/fotos/.hidden");
    files.put_file("/home/fotos/.hidden/big", &content(2 * MIB + 5), false);
    files.put_other("/home/fotos/link");
    for number in 0..300 {
        files.put_file(&format!("/home/fotos/small-{number}"), &content(number), false);
    }
}

#[test]
fn a_directory_arrives_with_all_that_is_in_it_and_names_made_harmless() {
    let (mut world, ana, bia) = linked();
    put_tree(&mut world, ana);
    world.send(ana, user("bia"), "/home/fotos");
    let skipped = world.notices(ana).iter().find_map(|notice| match notice {
        Notice::Note(Note::Skipped { skipped, .. }) => Some((skipped.count, skipped.named.clone())),
        _ => None,
    });
    assert_eq!(skipped, Some((1, vec!["link".to_owned()])));
    world.accept(bia);
    let tree = world.files(bia).received_as("fotos");
    let find = |path: &str| tree.iter().find(|(of, _)| of == path).map(|(_, node)| node);
    assert_eq!(find("empty"), Some(&Node::Directory));
    assert_eq!(find("run.sh"), Some(&Node::File { bytes: b"#!".to_vec(), executable: true }));
    assert_eq!(find("nothing"), Some(&file(b"")));
    assert_eq!(find("_.hidden/big"), Some(&file(&content(2 * MIB + 5))));
    assert_eq!(find("small-299"), Some(&file(&content(299))));
    assert_eq!((find("link"), find(".hidden")), (None, None));
    let renamed = world.notices(bia).iter().find_map(|notice| match notice {
        Notice::Received { renamed, .. } => Some(*renamed),
        _ => None,
    });
    assert_eq!(renamed, Some(1));
    world.assert_tidy(bia);
    // Once more: nothing is replaced.
    world.send(ana, user("bia"), "/home/fotos");
    world.accept(bia);
    assert_eq!(world.files(bia).received_as("fotos (1)").len(), tree.len());
    assert_eq!(world.files(bia).received_as("fotos"), tree);
}

#[test]
fn an_empty_directory_arrives() {
    let (mut world, ana, bia) = linked();
    world.files(ana).put_directory("/home/nada");
    world.send(ana, user("bia"), "/home/nada");
    world.accept(bia);
    assert_eq!((world.received(bia).len(), world.arrived(ana)), (1, 1));
    world.assert_tidy(bia);
}

#[test]
fn to_a_room_goes_one_for_each_member_and_waits_for_who_is_away() {
    let (mut world, _, [ana, bia, caio]) = in_a_room(["ana", "bia", "caio"]);
    world.kill(caio);
    world.files(ana).put_file("/home/x", b"para todos", false);
    world.send(ana, sala(), "/home/x");
    let offered = world.notices(ana).iter().filter_map(|notice| match notice {
        Notice::Offered { to, waiting, .. } => Some((to.to_string(), *waiting)),
        _ => None,
    });
    assert_eq!(offered.collect::<Vec<_>>(), [("bia".to_owned(), false), ("caio".to_owned(), true)]);
    let room = world.notices(bia).iter().find_map(|notice| match notice {
        Notice::Offer { room, .. } => room.clone(),
        _ => None,
    });
    assert_eq!(room, Some(name("sala")));
    world.accept(bia);
    world.restart_by_key(caio);
    world.pass(Duration::from_secs(60));
    world.accept(caio);
    for node in [bia, caio] {
        assert_eq!(world.files(node).received_as("x"), [(String::new(), file(b"para todos"))]);
    }
    assert_eq!(world.arrived(ana), 2);
}

#[test]
fn what_comes_from_someone_who_is_not_in_the_room_is_not_told_as_sent_to_it() {
    let (mut world, _, [ana, bia, caio]) = in_a_room(["ana", "bia", "caio"]);
    world.kill(bia);
    world.files(caio).put_file("/home/x", b"oi", false);
    world.send(caio, sala(), "/home/x");
    world.done(caio, Request::Leave { room: name("sala") });
    world.restart_by_key(bia);
    world.pass(Duration::from_secs(60));
    let told = |world: &World, node| {
        let told = world.notices(node).iter().filter_map(|notice| match notice {
            Notice::Offer { room, scope, .. } => Some((room.clone(), *scope)),
            _ => None,
        });
        told.collect::<Vec<_>>()
    };
    assert_eq!(told(&world, ana), [(Some(name("sala")), None)]);
    assert_eq!(told(&world, bia), [(None, Some(Scope::Private))]);
}

#[test]
fn to_all_goes_one_for_each_who_is_linked() {
    let (mut world, ana, bia) = linked();
    let caio = world.peer(3, "caio");
    let davi = world.peer(4, "davi");
    world.link(ana, caio);
    world.files(ana).put_file("/home/x", b"oi", false);
    world.send(ana, Target::All, "/home/x");
    for node in [bia, caio] {
        world.accept(node);
    }
    assert_eq!((world.arrived(ana), world.received(davi).len()), (2, 0));
    assert_eq!(
        world.problem(davi, Request::Send { to: Target::All, path: "/home/x".to_owned() }),
        Problem::NobodyLinked
    );
}

#[test]
fn what_is_rejected_ends_at_both_ends_and_is_not_offered_again() {
    let (mut world, ana, bia) = linked();
    world.files(ana).put_file("/home/x", b"oi", false);
    world.send(ana, user("bia"), "/home/x");
    let transfer = world.offer(bia);
    world.done(bia, Request::Reject { transfer });
    assert_eq!((world.ended(ana), world.ended(bia)), (vec![(Reason::Rejected, false)], vec![(Reason::Rejected, true)]));
    assert_eq!(world.problem(bia, Request::Accept { transfer }), Problem::UnknownTransfer { transfer });
    world.assert_tidy(ana);
    world.assert_tidy(bia);
    assert!(world.state(ana).transfers.is_empty());
}

/// Ana sends Bia four MiB, of which some are on their way.
fn running() -> (World, NodeId, NodeId, u64) {
    let (mut world, ana, bia) = linked();
    world.send_and_accept(ana, bia, "big", &content(4 * MIB));
    world.settle_some(150);
    let transfer = world.offer(bia);
    assert!(world.received(bia).is_empty() && world.files(bia).open() == 1, "it runs");
    (world, ana, bia, transfer)
}

fn whole(world: &mut World, bia: NodeId) {
    assert_eq!(world.files(bia).received_as("big"), [(String::new(), file(&content(4 * MIB)))]);
}

#[test]
fn either_end_cancels_while_it_runs_and_nothing_is_left() {
    for by_receiver in [true, false] {
        let (mut world, ana, bia, transfer) = running();
        let node = if by_receiver { bia } else { ana };
        world.done(node, Request::Cancel { transfer });
        world.settle();
        let ended = |by_us| vec![(Reason::Cancelled, by_us)];
        assert_eq!((world.ended(ana), world.ended(bia)), (ended(!by_receiver), ended(by_receiver)));
        world.assert_tidy(ana);
        world.assert_tidy(bia);
        assert!(world.state(ana).transfers.is_empty());
        assert!(world.files(bia).received().is_empty());
        assert_eq!(world.problem(node, Request::Cancel { transfer }), Problem::UnknownTransfer { transfer });
    }
}

#[test]
fn whoever_was_away_when_it_ended_hears_of_it_on_the_next_link() {
    for by_receiver in [true, false] {
        let (mut world, ana, bia, transfer) = running();
        let (node, other) = if by_receiver { (bia, ana) } else { (ana, bia) };
        let address = world.listens_at(other);
        world.kill(other);
        world.done(node, Request::Cancel { transfer });
        // Whoever cancels is killed, too.
        world.kill(node);
        world.start(node);
        world.start_at(other, address);
        assert!(world.ended(other).is_empty());
        world.link(node, other);
        assert_eq!(world.ended(other), [(Reason::Cancelled, false)]);
        world.assert_tidy(ana);
        world.assert_tidy(bia);
        assert!(world.state(ana).transfers.is_empty());
    }
}

#[test]
fn either_end_holds_it_and_lets_it_go_on_over_links_and_restarts() {
    for by_receiver in [true, false] {
        let (mut world, ana, bia, transfer) = running();
        let node = if by_receiver { bia } else { ana };
        world.done(node, Request::Pause { transfer });
        world.settle();
        let paused = |here| vec![Phase::Paused { here, there: !here }];
        assert_eq!((world.phases(ana), world.phases(bia)), (paused(!by_receiver), paused(by_receiver)));
        assert_eq!((world.files(ana).open(), world.files(bia).open()), (0, 0), "who waits holds nothing open");
        for node in [ana, bia] {
            world.kill(node);
            world.start(node);
        }
        world.link(ana, bia);
        assert_eq!((world.phases(ana), world.phases(bia)), (paused(!by_receiver), paused(by_receiver)));
        let sent = world.sent(ana);
        world.done(node, Request::Resume { transfer });
        whole(&mut world, bia);
        assert!(world.sent(ana) - sent < 4 * MIB as u64, "it goes on where it was");
        world.assert_tidy(ana);
        world.assert_tidy(bia);
    }
}

#[test]
fn who_holds_it_at_both_ends_is_waited_for() {
    let (mut world, ana, bia, transfer) = running();
    world.done(ana, Request::Pause { transfer });
    world.done(bia, Request::Pause { transfer });
    world.done(ana, Request::Resume { transfer });
    assert_eq!(world.phases(ana), [Phase::Paused { here: false, there: true }]);
    assert_eq!(world.phases(bia), [Phase::Paused { here: true, there: false }]);
    world.done(bia, Request::Resume { transfer });
    whole(&mut world, bia);
    let notes = world.notices(ana).iter().filter(|notice| matches!(notice, Notice::Note(Note::TransferPaused { .. })));
    assert_eq!(notes.count(), 2);
}

#[test]
fn what_is_held_before_it_is_taken_goes_on_when_it_is_let_go() {
    for relink in [false, true] {
        let (mut world, ana, bia) = linked();
        world.files(ana).put_file("/home/x", b"oi", false);
        world.send(ana, user("bia"), "/home/x");
        world.done(ana, Request::Pause { transfer: 1 });
        assert_eq!(world.phases(bia), [Phase::Offered]);
        world.accept(bia);
        assert_eq!(world.phases(bia), [Phase::Paused { here: false, there: true }]);
        assert_eq!(world.files(bia).kept().count(), 0);
        if relink {
            world.cut_between(ana, bia);
            world.settle();
            world.link(ana, bia);
        }
        world.done(ana, Request::Resume { transfer: 1 });
        assert_eq!((world.arrived(ana), world.received(bia).len()), (1, 1));
    }
}

#[test]
fn what_can_not_be_done_to_a_transfer_is_told() {
    let (mut world, ana, bia) = linked();
    let of = |world: &mut World, node, request| world.problem(node, request);
    for request in [
        Request::Accept { transfer: 7 },
        Request::Reject { transfer: 7 },
        Request::Pause { transfer: 7 },
        Request::Resume { transfer: 7 },
        Request::Cancel { transfer: 7 },
    ] {
        assert_eq!(of(&mut world, ana, request), Problem::UnknownTransfer { transfer: 7 });
    }
    world.files(ana).put_file("/home/x", b"oi", false);
    world.send(ana, user("bia"), "/home/x");
    assert_eq!(of(&mut world, ana, Request::Accept { transfer: 1 }), Problem::NotAnOffer { transfer: 1 });
    assert_eq!(of(&mut world, ana, Request::Reject { transfer: 1 }), Problem::NotAnOffer { transfer: 1 });
    assert_eq!(of(&mut world, bia, Request::Pause { transfer: 1 }), Problem::NotAccepted { transfer: 1 });
    let send = |path: &str, to: Target| Request::Send { to, path: path.to_owned() };
    let missing = Problem::File { path: "/home/y".to_owned(), error: DiskError::NotFound };
    assert_eq!(of(&mut world, ana, send("/home/y", user("bia"))), missing);
    assert_eq!(of(&mut world, ana, send("/home/x", user("ana"))), Problem::Oneself);
    assert_eq!(of(&mut world, ana, send("/home/x", sala())), Problem::NotInRoom { room: name("sala") });
    world.done(ana, Request::Block { user: name("bia") });
    assert_eq!(of(&mut world, ana, send("/home/x", user("bia"))), Problem::Blocked { user: name("bia") });
    assert_eq!(world.ended(ana), [(Reason::Cancelled, true)], "whoever is blocked gets nothing more");
}

#[test]
fn without_room_nothing_is_accepted_and_a_disk_that_fills_up_ends_the_one_transfer() {
    let (mut world, ana, bia) = linked();
    world.files(ana).put_file("/home/x", &content(MIB), false);
    world.files(bia).set_free(MIB as u64 - 1);
    world.send(ana, user("bia"), "/home/x");
    let transfer = world.offer(bia);
    let (needed, free) = (MIB as u64, MIB as u64 - 1);
    assert_eq!(world.problem(bia, Request::Accept { transfer }), Problem::NoSpace { transfer, needed, free });
    world.files(bia).set_free(2 * MIB as u64);
    world.ask_unsettled(bia, Request::Accept { transfer });
    world.pass_steps(|world| world.sent(ana) > MIB as u64 / 2);
    world.files(bia).set_free(0);
    world.settle();
    assert_eq!((world.ended(ana), world.ended(bia)), (vec![(Reason::Full, false)], vec![(Reason::Full, true)]));
    world.assert_tidy(ana);
    world.assert_tidy(bia);
}

#[test]
fn a_disk_that_fails_at_any_point_ends_it_at_both_ends_and_leaves_nothing() {
    for receiver in [true, false] {
        for error in [DiskError::Other, DiskError::Full, DiskError::Changed] {
            for steps in 0..50 {
                let (mut world, ana, bia) = linked();
                world.send_and_accept(ana, bia, "big", &content(3 * BLOCK_BYTES_MAX));
                world.settle_some(steps);
                world.files(if receiver { bia } else { ana }).fail_next(error);
                world.settle();
                let (ended, arrived) = (world.ended(bia).len(), world.received(bia).len());
                assert!(ended + arrived <= 1, "at {steps}: {ended} ended, {arrived} arrived");
                assert_eq!((world.ended(ana).len(), world.arrived(ana)), (ended, arrived), "at {steps}");
                if ended + arrived == 0 {
                    // It was the question whether there is room.
                    assert_eq!(world.phases(bia), [Phase::Offered], "at {steps}");
                }
            }
        }
    }
}

#[test]
fn a_source_that_changed_is_noticed_before_and_while_it_is_sent() {
    for steps in [0, 150] {
        let (mut world, ana, bia) = linked();
        world.send_and_accept(ana, bia, "big", &content(4 * MIB));
        world.settle_some(steps);
        world.files(ana).put_file("/home/big", &content(4 * MIB), false);
        world.settle();
        assert_eq!(
            (world.ended(ana), world.ended(bia)),
            (vec![(Reason::Changed, true)], vec![(Reason::Changed, false)])
        );
        world.assert_tidy(ana);
        world.assert_tidy(bia);
    }
    let (mut world, ana, bia) = linked();
    world.files(ana).put_file("/home/x", b"oi", false);
    world.send(ana, user("bia"), "/home/x");
    world.files(ana).remove("/home/x");
    world.accept(bia);
    assert_eq!(world.ended(bia), [(Reason::Changed, false)]);
}

#[test]
fn a_slow_disk_holds_back_the_sender_and_not_what_is_said() {
    let (mut world, ana, bia) = linked();
    world.send_and_accept(ana, bia, "big", &content(4 * MIB));
    world.settle_some(60);
    let before = world.sent(ana);
    world.stall_files(bia, true);
    let sent = world.sent(ana) - before;
    assert!(sent < AHEAD_BYTES_MAX + 16 * 1024, "{sent} bytes for a disk that does not take them");
    world.say(ana, user("bia"), "oi");
    assert_eq!(world.heard(bia), ["ana: oi"]);
    assert!(world.received(bia).is_empty());
    world.stall_files(bia, false);
    whole(&mut world, bia);
}

#[test]
fn what_is_said_goes_before_what_is_sent_of_files() {
    let (mut world, ana, bia, _) = running();
    let before = world.sent(ana);
    world.ask_unsettled(ana, Request::Say { to: user("bia"), text: "oi".to_owned() });
    while world.heard(bia).is_empty() {
        assert!(world.settle_some(1), "it is heard");
    }
    let between = world.sent(ana) - before;
    // As much as this world carries at once.
    assert!(between <= 5 * 64 * 1024, "{between} bytes of files went before it");
    world.settle();
    whole(&mut world, bia);
}

#[test]
fn several_transfers_share_a_link() {
    let (mut world, ana, bia) = linked();
    world.send_several(ana, bia, 4, &content(3 * MIB));
    let rows = |world: &World| {
        world.notices(bia).iter().find_map(|notice| match notice {
            Notice::Transfers { rows } => Some(rows.iter().map(|row| row.done).collect::<Vec<_>>()),
            _ => None,
        })
    };
    world.pass_steps(|world| world.sent(ana) > 6 * MIB as u64);
    world.ask_unsettled(bia, Request::Transfers);
    world.pass_steps(|world| rows(world).is_some());
    let done = rows(&world).expect("the list");
    let (least, most) = (done.iter().min().expect("four"), done.iter().max().expect("four"));
    assert!(done.len() == 4 && most - least <= 2 * BLOCK_BYTES_MAX as u64, "{done:?}");
    world.settle();
    assert_eq!(world.received(bia).len(), 4);
}

#[test]
fn no_more_run_at_once_than_the_limit_and_the_others_follow() {
    let mut world = World::default();
    let limits = Limits { transfers_running_max: 2, ..Limits::DEFAULT };
    let ana = world.peer_with(1, "ana", |start| start.limits = limits.clone());
    let bia = world.peer_with(2, "bia", |start| start.limits = limits);
    world.link(ana, bia);
    world.send_several(ana, bia, 5, &content(MIB));
    let mut most = 0;
    while world.settle_some(1) {
        most = most.max(world.files(ana).open()).max(world.files(bia).open());
    }
    assert_eq!((most, world.received(bia).len()), (2, 5));
}

#[test]
fn there_are_no_more_transfers_than_the_limit() {
    let mut world = World::default();
    let ana = world.peer_with(1, "ana", |start| {
        start.limits = Limits { transfers_max: 2, ..Limits::DEFAULT };
    });
    let bia = world.peer(2, "bia");
    world.link(ana, bia);
    world.files(ana).put_file("/home/x", b"oi", false);
    world.send(ana, user("bia"), "/home/x");
    world.send(ana, user("bia"), "/home/x");
    let problem = world.problem(ana, Request::Send { to: user("bia"), path: "/home/x".to_owned() });
    assert_eq!(problem, Problem::TooManyTransfers { max: 2 });
    world.done(ana, Request::Cancel { transfer: 1 });
    world.send(ana, user("bia"), "/home/x");
}

#[test]
fn those_that_ended_are_remembered_up_to_the_limit() {
    let mut world = World::default();
    let ana = world.peer(1, "ana");
    let bia = world.peer_with(2, "bia", |start| {
        start.limits = Limits { transfers_ended_max: 2, ..Limits::DEFAULT };
    });
    world.link(ana, bia);
    for number in 0..4 {
        world.send_and_accept(ana, bia, &format!("{number}"), b"oi");
        world.settle();
    }
    let kept = world.state(bia).transfers.iter().map(|kept| kept.number).collect::<Vec<_>>();
    assert_eq!(kept, [3, 4]);
}

#[test]
fn progress_is_told_at_the_start_now_and_then_and_at_the_end() {
    let (mut world, _ana, bia, _) = running();
    world.settle();
    let done = world.notices(bia).iter().filter_map(|notice| match notice {
        Notice::Progress { done, total, .. } => Some((*done, *total)),
        _ => None,
    });
    let total = 4 * MIB as u64;
    // No time passes in this world while it runs.
    assert_eq!(done.collect::<Vec<_>>(), [(0, total), (total, total)]);
}

#[test]
fn numbers_are_never_given_twice() {
    let (mut world, ana, bia) = linked();
    for _ in 0..2 {
        world.files(ana).put_file("/home/x", b"oi", false);
        world.send(ana, user("bia"), "/home/x");
        world.accept(bia);
        for node in [ana, bia] {
            world.kill(node);
            world.start(node);
        }
        world.link(ana, bia);
    }
    assert_eq!((world.offer(bia), world.state(bia).transfers_numbered), (2, 2));
}

#[test]
fn an_undecided_offer_is_told_again_at_the_next_start_and_can_be_taken_then() {
    let (mut world, ana, bia) = linked();
    world.files(ana).put_file("/home/x", b"oi", false);
    world.send(ana, user("bia"), "/home/x");
    world.kill(bia);
    world.start(bia);
    let offers = world.notices(bia).iter().filter(|notice| matches!(notice, Notice::Offer { .. })).count();
    assert_eq!(offers, 2);
    // The sender is away, and comes back.
    world.accept(bia);
    world.link(ana, bia);
    assert_eq!(world.received(bia).len(), 1);
    let offers = world.notices(bia).iter().filter(|notice| matches!(notice, Notice::Offer { .. })).count();
    assert_eq!(offers, 2, "on another link it is not told again");
}

#[test]
fn nothing_is_said_of_a_transfer_before_it_is_kept() {
    let (mut world, ana, bia) = linked();
    world.files(ana).put_file("/home/x", b"oi", false);
    world.stall_disk(ana, true);
    let token = world.ask(ana, Request::Send { to: user("bia"), path: "/home/x".to_owned() });
    assert_eq!(world.outcome(ana, token), None);
    assert!(!world.notices(bia).iter().any(|notice| matches!(notice, Notice::Offer { .. })));
    world.stall_disk(ana, false);
    world.stall_disk(bia, true);
    let transfer = world.offer(bia);
    world.ask(bia, Request::Accept { transfer });
    assert_eq!(world.arrived(ana), 0, "it is whole, and has no name before that is kept");
    assert!(world.files(bia).received().is_empty());
    world.stall_disk(bia, false);
    assert_eq!(world.arrived(ana), 1);
    assert!(matches!(world.state(bia).transfers[..], [_]));
}

#[test]
fn small_files_cost_no_round_trip_each() {
    let said = |count: usize| {
        let (mut world, ana, bia) = linked();
        world.files(ana).put_directory("/home/many");
        for number in 0..count {
            world.files(ana).put_file(&format!("/home/many/{number}"), b"x", false);
        }
        world.send(ana, user("bia"), "/home/many");
        let before = world.sent(bia);
        world.accept(bia);
        assert_eq!(world.files(bia).received_as("many").len(), count + 1);
        world.sent(bia) - before
    };
    let (one, many) = (said(1), said(3_000));
    assert!(many < one + 200, "the receiver says {one} bytes for one file, and {many} for 3000");
}

#[test]
fn manifests_that_are_received_at_once_are_no_longer_together_than_the_limit() {
    let most = |manifests_bytes_max: usize| {
        let mut world = World::default();
        let ana = world.peer(1, "ana");
        let limits = Limits { manifests_bytes_max, manifest_bytes_max: 1_000, ..Limits::DEFAULT };
        let bia = world.peer_with(2, "bia", |start| start.limits = limits);
        world.link(ana, bia);
        for number in 0..3 {
            world.files(ana).put_directory(&format!("/home/{number}"));
            // An entry of 3 bytes, its path and its size: 12 bytes.
            world.files(ana).put_file(&format!("/home/{number}/x"), &content(MIB), false);
            world.send(ana, user("bia"), &format!("/home/{number}"));
        }
        for transfer in 1..=3 {
            world.ask_unsettled(bia, Request::Accept { transfer });
        }
        let mut most = 0;
        while world.settle_some(1) {
            most = most.max(world.files(bia).open());
        }
        assert_eq!(world.received(bia).len(), 3);
        most
    };
    assert_eq!([most(11), most(23), most(24), most(35), most(36)], [1, 1, 2, 2, 3]);
}

#[test]
fn no_more_is_looked_at_at_once_than_the_limit() {
    let (mut world, ana, _) = linked();
    world.files(ana).put_file("/home/x", b"oi", false);
    world.stall_files(ana, true);
    let send = || Request::Send { to: user("bia"), path: "/home/x".to_owned() };
    let max = Limits::DEFAULT.transfers_running_max;
    let asked = (0..max).map(|_| world.ask(ana, send())).collect::<Vec<_>>();
    assert_eq!(world.problem(ana, send()), Problem::TooManyRequests);
    world.stall_files(ana, false);
    assert!(asked.iter().all(|token| world.outcome(ana, *token) == Some(None)));
    world.send(ana, user("bia"), "/home/x");
}
