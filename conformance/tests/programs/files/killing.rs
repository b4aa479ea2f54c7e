//! Either side killed in the middle of a file, again and again: it arrives whole, and little of it is sent twice.

use std::path::Path;

use super::{MB, Two, assert_same, number};
use crate::{
    faults::{Dice, by_form, tell},
    support::{
        meter::Meter,
        papo::{Options, Papo, text},
    },
};

/// What may be on its way and not noted when a side is killed.
const UNNOTED: u64 = 1024 * 1024;
/// Frames, credits and handshakes: a share of the file, and something for each link.
const OVERHEAD: u64 = 200;
const LINK: u64 = 64 * 1024;

/// Waits until so much of a transfer has arrived.
#[track_caller]
fn wait_done(papo: &Papo, transfer: u64, bytes: u64) {
    papo.wait_for("progress", |event| {
        number(event) == transfer && event["done"].as_u64().is_some_and(|done| done >= bytes)
    });
}

/// Kills one of them whenever so much has arrived, and starts it again.
fn kill_at(
    two: &mut Two,
    listen: &str,
    (here, there): (u64, u64),
    points: &[u64],
    mut kills_sender: impl FnMut() -> bool,
) {
    for &point in points {
        wait_done(&two.bia, there, point);
        let sender = kills_sender();
        let killed = if sender { &mut two.ana } else { &mut two.bia };
        killed.process.kill();
        // The other one has heard of it before the next link comes.
        let options = killed.options().listen(if sender { listen } else { "127.0.0.1:0" });
        let (gone, left) = if sender { ("ana", &mut two.bia) } else { ("bia", &mut two.ana) };
        left.wait_for("peer", |event| text(event, "what") == "lost" && text(event, "user") == gone);
        left.mark();
        let again = options.start();
        again.wait_for("ready", |_| true);
        *(if sender { &mut two.ana } else { &mut two.bia }) = again;
        two.link();
        let began = two.bia.wait_for("progress", |event| number(event) == there);
        let (began, before) = (began["done"].as_u64().expect("a number"), point.saturating_sub(UNNOTED));
        assert!(began >= before, "after a kill at {point} it goes on at {began}");
        two.ana.wait_for("progress", |event| number(event) == here);
    }
}

#[test]
fn a_file_whose_ends_are_killed_arrives_whole_and_a_megabyte_at_most_is_sent_twice_for_each_kill() {
    let size = by_form(40, 200) * MB;
    let kills = by_form(2, 20);
    let mut dice = Dice::new();
    let mut two = Two::unlinked(Options::new("bia"));
    let listen = two.address.clone();
    let meter = Meter::start(listen.parse().expect("an address"));
    two.address = meter.address.to_string();
    // So that the last kill, too, comes before the end: a quarter of the file is left then.
    meter.limit(by_form(8, 20) * MB);
    let mut two = two.linked();

    let (path, here, there) = two.offer("film.mkv", size);
    let mut points = (0..kills).map(|_| dice.below(size * 3 / 4)).collect::<Vec<_>>();
    points.sort_unstable();
    two.bia.line(&format!("/accept {there}"));
    let mut turn = dice.below(2) == 0;
    kill_at(&mut two, &listen, (here, there), &points, || {
        turn = !turn;
        turn
    });
    let arrived = two.wait_arrived(here, there);
    assert_same(&path, &arrived);
    let carried = meter.to_client();
    let twice = carried.saturating_sub(size + size / OVERHEAD + (kills as u64 + 1) * LINK);
    tell(format_args!("{kills} kills in {size} bytes: {carried} bytes were sent"));
    assert!(twice <= kills as u64 * UNNOTED, "{twice} bytes too many after kills at {points:?}");
    assert_one_file(&two.bia.received(), "film.mkv");
}

#[track_caller]
fn assert_one_file(received: &Path, name: &str) {
    let visible = super::names(received).into_iter().filter(|name| !name.starts_with('.')).collect::<Vec<_>>();
    assert_eq!(visible, [name]);
}

#[test]
fn a_script_that_is_told_goodbye_in_the_middle_goes_on_with_the_next_start() {
    let (mut two, meter) = Two::metered(Options::new("bia"));
    meter.limit(20 * MB);
    let (path, here, there) = two.offer("film.mkv", 40 * MB);
    two.bia.line(&format!("/accept {there}"));
    wait_done(&two.bia, there, 4 * MB);
    assert_eq!(two.bia.quit(), 0);
    two.bia = two.bia.options().start();
    two.link();
    let began = two.bia.wait_for("progress", |event| number(event) == there);
    assert!(began["done"].as_u64().is_some_and(|done| done >= 3 * MB), "{began}");
    let arrived = two.wait_arrived(here, there);
    assert_same(&path, &arrived);
}
