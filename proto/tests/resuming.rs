//! Transfers that are cut, killed and powered off at every point, and go on where the receiver's disk is.

mod world;

use papo_proto::{disk::BLOCK_BYTES_MAX, limits::Limits, wire::transfer::AHEAD_BYTES_MAX};
use world::{
    NodeId, World,
    files::{content, file, linked},
};

/// What is sent besides the bytes of the files: handshakes, offers, what surrounds each chunk.
const AROUND_BYTES: u64 = 16 * 1024;
const LENGTH: usize = 5 * BLOCK_BYTES_MAX + 777;

/// A transfer of which so many steps were made; none, where it takes fewer.
fn begun(steps: usize) -> Option<(World, NodeId, NodeId)> {
    let (mut world, ana, bia) = linked();
    world.send_and_accept(ana, bia, "big", &content(LENGTH));
    world.settle_some(steps).then_some((world, ana, bia))
}

/// It has arrived, once, and of all that was sent no more than 1 MiB was sent twice.
#[track_caller]
fn assert_whole(world: &mut World, ana: NodeId, bia: NodeId, steps: usize) {
    assert_whole_with(world, ana, bia, AHEAD_BYTES_MAX, steps);
}

/// It has arrived, once, and of all that was sent no more than that was sent twice.
#[track_caller]
fn assert_whole_with(world: &mut World, ana: NodeId, bia: NodeId, twice_max: u64, steps: usize) {
    assert_eq!(world.files(bia).received_as("big"), [(String::new(), file(&content(LENGTH)))], "at {steps}");
    assert_eq!(world.files(bia).received().len(), 1, "once, at {steps}");
    let twice = world.sent(ana).saturating_sub(LENGTH as u64);
    assert!(twice <= twice_max + AROUND_BYTES, "{twice} bytes were sent twice, at {steps}");
    world.assert_tidy(ana);
    world.assert_tidy(bia);
    assert!(world.state(ana).transfers.is_empty(), "at {steps}");
}

#[test]
fn after_a_cut_at_every_point_it_goes_on_with_no_more_than_a_mebibyte_sent_twice() {
    for steps in 0.. {
        let Some((mut world, ana, bia)) = begun(steps) else {
            assert!(steps > 40, "it takes its steps");
            break;
        };
        world.cut_between(ana, bia);
        world.settle();
        world.link(ana, bia);
        assert_whole(&mut world, ana, bia, steps);
        assert_eq!((world.arrived(ana), world.received(bia).len()), (1, 1), "at {steps}");
    }
}

#[test]
fn after_the_end_of_either_program_at_every_point_it_goes_on_with_no_more_than_a_mebibyte_sent_twice() {
    for receiver in [true, false] {
        for steps in 0.. {
            let Some((mut world, ana, bia)) = begun(steps) else { break };
            let node = if receiver { bia } else { ana };
            world.kill(node);
            world.start(node);
            world.link(ana, bia);
            if world.received(bia).is_empty() && world.files(bia).received().is_empty() {
                // It was killed before it had kept that it takes it.
                world.accept(bia);
            }
            assert_whole(&mut world, ana, bia, steps);
        }
    }
}

/// Who syncs that often what it receives.
fn linked_with(unsynced_bytes_max: usize) -> (World, NodeId, NodeId) {
    let mut world = World::default();
    let ana = world.peer(1, "ana");
    let bia = world.peer_with(2, "bia", |start| start.limits = Limits { unsynced_bytes_max, ..Limits::DEFAULT });
    world.link(ana, bia);
    (world, ana, bia)
}

#[test]
fn after_a_loss_of_power_at_any_point_it_goes_on_where_it_was_synced() {
    let unsynced = 2 * BLOCK_BYTES_MAX;
    let mut costs = Vec::new();
    for receiver in [true, false] {
        for steps in (0..).step_by(3) {
            let (mut world, ana, bia) = linked_with(unsynced);
            world.send_and_accept(ana, bia, "big", &content(LENGTH));
            if !world.settle_some(steps) {
                break;
            }
            world.lose_power(if receiver { bia } else { ana });
            world.start(if receiver { bia } else { ana });
            world.link(ana, bia);
            if world.received(bia).is_empty() && world.files(bia).received().is_empty() {
                world.accept(bia);
            }
            costs.push(world.sent(ana).saturating_sub(LENGTH as u64));
            let twice_max = if receiver { AHEAD_BYTES_MAX + unsynced as u64 } else { AHEAD_BYTES_MAX };
            assert_whole_with(&mut world, ana, bia, twice_max, steps);
        }
    }
    assert!(costs.iter().any(|cost| *cost > unsynced as u64), "something was lost: {costs:?}");
}

#[test]
fn what_is_received_is_synced_at_the_limit_and_at_its_end() {
    let blocks = 4;
    let limit = blocks * BLOCK_BYTES_MAX;
    for (length, syncs) in [(limit - 1, 1), (limit, 2), (2 * limit - 1, 2), (2 * limit, 3)] {
        let (mut world, ana, bia) = linked_with(limit);
        world.send_and_accept(ana, bia, "big", &content(length));
        world.settle();
        assert_eq!((world.received(bia).len(), world.asked(bia, "Sync")), (1, syncs), "of {length}");
    }
}

#[test]
fn whoever_ends_in_order_goes_on_at_the_next_start_and_a_loss_of_power_then_costs_nothing() {
    for receiver in [true, false] {
        for power in [true, false] {
            for steps in (0..).step_by(7) {
                let Some((mut world, ana, bia)) = begun(steps) else {
                    assert!(steps > 40, "it takes its steps");
                    break;
                };
                let node = if receiver { bia } else { ana };
                world.quit(node);
                if power {
                    world.lose_power(node);
                }
                world.start(node);
                world.link(ana, bia);
                if world.received(bia).is_empty() && world.files(bia).received().is_empty() {
                    world.accept(bia);
                }
                assert_whole(&mut world, ana, bia, steps);
            }
        }
    }
}
