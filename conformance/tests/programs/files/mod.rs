//! Files and directories between two people: whole, once, under their names, and nothing else.
//!
//! - here: what is offered and how it ends; [`killing`]: either side killed in the middle; [`shell`]: `papo send` and
//!   `papo receive`; [`screen`]: the row of progress at a terminal.

mod killing;
mod screen;
mod shell;

use std::{
    collections::BTreeMap,
    fs::{self, Permissions},
    io::{BufReader, BufWriter, Read, Write as _},
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use papo_proto::rng::Seed;
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    faults::{by_form, p99_and_median, tell},
    support::{
        disk::SmallDisk,
        meter::Meter,
        papo::{Options, Papo, is, text},
        tracker::Tracker,
    },
};

const MB: u64 = 1_000_000;

/// Makes a file of so many bytes, no two blocks of which are the same; they follow from its name.
fn make(directory: &Path, name: &str, bytes: u64) -> PathBuf {
    let path = directory.join(name);
    let mut file = BufWriter::new(fs::File::create(&path).expect("a file"));
    let mut stream = Seed([name.bytes().fold(0, u8::wrapping_add); 32]).stream("content", 0);
    let mut block = (0..1024).flat_map(|_| stream.next_u64().to_be_bytes()).collect::<Vec<_>>();
    for at in (0..bytes).step_by(block.len()) {
        block[..8].copy_from_slice(&at.to_be_bytes());
        let length = block.len().min(usize::try_from(bytes - at).expect("it fits"));
        file.write_all(&block[..length]).expect("there is room");
    }
    file.flush().expect("there is room");
    path
}

#[track_caller]
fn assert_same(one: &Path, other: &Path) {
    let open = |path: &Path| BufReader::with_capacity(1 << 20, fs::File::open(path).expect("it is there"));
    let (mut one, mut other) = (open(one), open(other));
    let (mut left, mut right) = (vec![0; 1 << 20], vec![0; 1 << 20]);
    let mut at = 0;
    loop {
        let read = [(&mut one, &mut left), (&mut other, &mut right)].map(|(file, buffer)| {
            let mut filled = 0;
            while let Ok(count @ 1..) = file.read(&mut buffer[filled..]) {
                filled += count;
            }
            filled
        });
        assert!(read[0] == read[1] && left[..read[0]] == right[..read[1]], "they differ after {at} bytes");
        if read[0] == 0 {
            return;
        }
        at += read[0];
    }
}

/// The number of a transfer in an event.
fn number(event: &Value) -> u64 {
    event["transfer"].as_u64().expect("it has a number")
}

/// Two who are linked, without a tracker, and a place for what is sent.
struct Two {
    ana: Papo,
    bia: Papo,
    /// Where Ana listens.
    address: String,
    place: TempDir,
}

impl Two {
    fn new() -> Self {
        Self::with(Options::new("bia"))
    }

    /// By a wire that counts, and can be made slow.
    fn metered(bia: Options) -> (Self, Meter) {
        let mut two = Self::unlinked(bia);
        let meter = Meter::start(two.address.parse().expect("an address"));
        two.address = meter.address.to_string();
        (two.linked(), meter)
    }

    fn with(bia: Options) -> Self {
        Self::unlinked(bia).linked()
    }

    fn unlinked(bia: Options) -> Self {
        let ana = Options::new("ana").start();
        let address = text(&ana.wait_for("ready", |_| true), "listen").to_owned();
        Self { ana, bia: bia.start(), address, place: tempfile::tempdir().expect("a directory") }
    }

    fn linked(self) -> Self {
        let mut two = self;
        two.link();
        two.ana.wait_linked("bia");
        two
    }

    /// Bia dials Ana.
    #[track_caller]
    fn link(&mut self) {
        self.bia.line(&format!("/connect {}", self.address));
        self.bia.wait_linked("ana");
    }

    /// Ana makes a file and offers it: its path, and its number at either end.
    #[track_caller]
    fn offer(&mut self, name: &str, bytes: u64) -> (PathBuf, u64, u64) {
        let path = make(self.place.path(), name, bytes);
        let (here, there) = self.offer_path(&path);
        (path, here, there)
    }

    #[track_caller]
    fn offer_path(&mut self, path: &Path) -> (u64, u64) {
        self.ana.mark();
        self.bia.mark();
        self.ana.line(&format!("/send bia {}", path.display()));
        let offered = self.ana.wait_for("offered", |_| true);
        let offer = self.bia.wait_for("offer", |_| true);
        assert_eq!(text(&offer, "from"), "ana");
        (number(&offered), number(&offer))
    }

    /// Bia accepts, and it arrives: where.
    #[track_caller]
    fn accept(&mut self, here: u64, there: u64) -> PathBuf {
        self.bia.line(&format!("/accept {there}"));
        self.wait_arrived(here, there)
    }

    #[track_caller]
    fn wait_arrived(&self, here: u64, there: u64) -> PathBuf {
        let received = self.bia.wait_for("received", |event| number(event) == there);
        self.ana.wait_for("sent", |event| number(event) == here && text(event, "to") == "bia");
        PathBuf::from(text(&received, "path"))
    }

    /// Both are told how it ended.
    #[track_caller]
    fn wait_ended(&self, here: u64, there: u64, reason: &str) {
        for (papo, transfer) in [(&self.ana, here), (&self.bia, there)] {
            let ended = papo.wait_for("transfer_ended", |event| number(event) == transfer);
            assert_eq!(text(&ended, "reason"), reason, "{ended}");
        }
    }

    /// What Bia has received, once both have said goodbye: names.
    #[track_caller]
    fn received_at_the_end(mut self) -> Vec<String> {
        assert_eq!((self.ana.quit(), self.bia.quit()), (0, 0));
        names(&self.bia.received())
    }
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten();
    let mut names = entries
        .map(|entry| entry.expect("it can be read").file_name().to_string_lossy().into_owned())
        .collect::<Vec<_>>();
    names.sort();
    names
}

#[test]
fn files_of_every_size_arrive_whole_under_their_names_and_nothing_else_does() {
    let mut two = Two::new();
    // What fits a message, a block of the disk and the window, and one byte less and more.
    let edges = [16 * 1024 - 33, 16 * 1024, 256 * 1024, 1024 * 1024].map(|edge| [edge - 1, edge, edge + 1]);
    let sizes = [0, 1].into_iter().chain(edges.into_iter().flatten()).chain([5 * MB]).collect::<Vec<_>>();
    let mut expected = Vec::new();
    for size in sizes {
        let name = format!("ficheiro de {size} bytes ç.bin");
        let (path, here, there) = two.offer(&name, size);
        let offer = two.bia.wait_for("offer", |event| number(event) == there);
        assert_eq!((text(&offer, "name"), &offer["size"], &offer["files"]), (&*name, &size.into(), &1.into()));
        let arrived = two.accept(here, there);
        assert_eq!(arrived, two.bia.received().join(&name));
        assert_same(&path, &arrived);
        let sha256 = papo_proto::hex::encode(&sha256(&path));
        let received = two.bia.wait_for("received", |event| number(event) == there);
        assert_eq!(text(&received, "sha256"), sha256);
        for (papo, transfer) in [(&two.ana, here), (&two.bia, there)] {
            let last = papo.wait("its progress", |events| {
                let mut progress = events.iter().filter(|event| is(event, "progress") && number(event) == transfer);
                progress.next_back().cloned()
            });
            assert_eq!((&last["done"], &last["total"]), (&size.into(), &size.into()), "{last}");
        }
        expected.push(name);
    }
    expected.sort();
    assert_eq!(two.received_at_the_end(), expected);
}

fn sha256(path: &Path) -> [u8; 32] {
    use sha2::Digest as _;
    sha2::Sha256::digest(fs::read(path).expect("it is there")).into()
}

#[test]
fn a_second_file_of_the_same_name_replaces_nothing() {
    let mut two = Two::new();
    let (first, here, there) = two.offer("nota.txt", 10);
    let arrived = two.accept(here, there);
    let kept = two.place.path().join("kept");
    fs::rename(&first, &kept).expect("renamed");
    let (second, here, there) = two.offer("nota.txt", 20);
    let again = two.accept(here, there);
    assert_eq!(again, two.bia.received().join("nota (1).txt"));
    assert_same(&kept, &arrived);
    assert_same(&second, &again);
}

#[test]
fn what_is_rejected_leaves_no_trace_and_both_are_told() {
    let mut two = Two::new();
    let (_, here, there) = two.offer("spam", MB);
    two.bia.line(&format!("/reject {there}"));
    two.wait_ended(here, there, "rejected");
    two.bia.line(&format!("/accept {there}"));
    two.bia.wait_error("unknown_transfer");
    assert!(two.received_at_the_end().is_empty());
}

/// What there is below a directory: contents and whether it may be executed; none for directories.
fn tree(top: &Path) -> BTreeMap<String, Option<(Vec<u8>, bool)>> {
    fn look(top: &Path, below: &Path, found: &mut BTreeMap<String, Option<(Vec<u8>, bool)>>) {
        for name in names(&top.join(below)) {
            let path = below.join(name);
            let metadata = fs::symlink_metadata(top.join(&path)).expect("it is there");
            let key = path.to_string_lossy().into_owned();
            if metadata.is_dir() {
                found.insert(key, None);
                look(top, &path, found);
            } else {
                assert!(metadata.is_file(), "{key} is neither");
                let executable = metadata.permissions().mode() & 0o100 != 0;
                found.insert(key, Some((fs::read(top.join(&path)).expect("it can be read"), executable)));
            }
        }
    }
    let mut found = BTreeMap::new();
    look(top, Path::new(""), &mut found);
    found
}

#[test]
fn a_directory_arrives_with_all_that_is_in_it_but_links_which_are_named() {
    let mut two = Two::new();
    let top = two.place.path().join("projeto novo");
    for directory in ["empty", "a/b/c/empty too", "ação"] {
        fs::create_dir_all(top.join(directory)).expect("made");
    }
    for (name, bytes) in [("read me.txt", 100), ("a/zero", 0), ("a/b/large", 3 * MB), ("ação/日本", 17), ("run", 9)]
    {
        make(&top, name, bytes);
    }
    for number in 0..200 {
        make(&top.join("a/b/c"), &format!("small {number}"), number);
    }
    fs::set_permissions(top.join("run"), Permissions::from_mode(0o755)).expect("set");
    let sent = tree(&top);
    symlink("/etc/passwd", top.join("a/link")).expect("made");
    symlink("nowhere", top.join("dangling")).expect("made");

    let (here, there) = two.offer_path(&top);
    let offer = two.bia.wait_for("offer", |_| true);
    assert_eq!(
        (text(&offer, "name"), &offer["directory"], &offer["files"]),
        ("projeto novo", &true.into(), &205.into())
    );
    let left_out = two.ana.wait_for("notice", |event| text(event, "code") == "skipped");
    for name in ["a/link", "dangling"] {
        assert!(text(&left_out, "text").contains(name), "{left_out}");
    }
    let arrived = two.accept(here, there);
    assert_eq!(arrived, two.bia.received().join("projeto novo"));
    assert_eq!(tree(&arrived), sent);

    let (here, there) = two.offer_path(&top);
    assert_eq!(two.accept(here, there), two.bia.received().join("projeto novo (1)"), "always under a new name");
    assert_eq!(tree(&arrived), sent);
    assert_eq!(two.received_at_the_end(), ["projeto novo", "projeto novo (1)"]);
}

#[test]
fn a_tree_of_five_thousand_files_arrives() {
    let mut two = Two::new();
    let top = two.place.path().join("many");
    for number in 0..5_000 {
        let directory = top.join(format!("{}/{}", number / 1_000, number / 100));
        fs::create_dir_all(&directory).expect("made");
        fs::write(directory.join(format!("{number}.txt")), format!("{number:0$}", number % 300)).expect("written");
    }
    let (here, there) = two.offer_path(&top);
    let arrived = two.accept(here, there);
    assert_eq!(tree(&arrived), tree(&top));
    assert_eq!(two.received_at_the_end(), ["many"]);
}

#[test]
fn a_large_file_needs_no_more_memory_than_a_small_one() {
    let mut two = Two::new();
    let (path, here, there) = two.offer("large.bin", by_form(64, 1_024) << 20);
    let arrived = two.accept(here, there);
    assert_same(&path, &arrived);
    for papo in [&two.ana, &two.bia] {
        if let Some(peak) = papo.process.memory_peak() {
            tell(format_args!("{} had {} KiB at most", papo.user(), peak / 1024));
            assert!(peak < 32 << 20, "{} had {peak} bytes", papo.user());
        }
    }
}

/// How far a transfer is, as `/transfers` says.
#[track_caller]
fn state(papo: &mut Papo, transfer: u64) -> String {
    let list = papo.ask("/transfers", "transfers");
    let row = list["transfers"].as_array().expect("rows").iter().find(|row| number(row) == transfer);
    text(row.expect("it has not ended"), "state").to_owned()
}

#[test]
fn either_end_holds_a_transfer_and_lets_it_go_on() {
    let (mut two, meter) = Two::metered(Options::new("bia"));
    let (path, here, there) = two.offer("film.mkv", 30 * MB);
    meter.limit(2 * MB);
    two.bia.line(&format!("/accept {there}"));
    two.bia.line(&format!("/pause {there}"));
    two.ana.wait_for("notice", |event| text(event, "code") == "paused");
    assert_eq!((state(&mut two.bia, there), state(&mut two.ana, here)), ("paused".into(), "paused there".into()));
    two.ana.line(&format!("/pause {here}"));
    two.bia.wait_for("notice", |event| text(event, "code") == "paused");
    two.bia.line(&format!("/resume {there}"));
    two.ana.wait_for("notice", |event| text(event, "code") == "resumed");
    assert_eq!(state(&mut two.ana, here), "paused", "one of two still holds it");
    assert!(!two.bia.events().iter().any(|event| is(event, "received")));
    meter.unlimit();
    two.ana.line(&format!("/resume {here}"));
    let arrived = two.wait_arrived(here, there);
    assert_same(&path, &arrived);
}

#[test]
fn either_end_cancels_a_transfer_and_nothing_of_it_stays() {
    let (mut two, meter) = Two::metered(Options::new("bia"));
    meter.limit(2 * MB);
    for from_the_sender in [true, false] {
        let (_, here, there) = two.offer("film.mkv", 30 * MB);
        two.bia.line(&format!("/accept {there}"));
        two.bia.line(&format!("/pause {there}"));
        two.ana.wait_for("notice", |event| text(event, "code") == "paused");
        if from_the_sender {
            two.ana.line(&format!("/cancel {here}"));
        } else {
            two.bia.line(&format!("/cancel {there}"));
        }
        two.wait_ended(here, there, "cancelled");
    }
    assert!(two.received_at_the_end().is_empty());
}

#[test]
fn a_disk_that_fills_up_ends_the_one_transfer_at_both_ends_and_nothing_else() {
    const DISK: usize = 64 << 20;
    SmallDisk::with(DISK, |disk| {
        let bia = Options::new("bia").receiving(&disk.dir.path().join("received"));
        let (mut two, meter) = Two::metered(bia);
        let (_, _, there) = two.offer("too large", 2 * DISK as u64);
        two.bia.line(&format!("/accept {there}"));
        two.bia.wait_error("no_space");
        two.bia.line(&format!("/reject {there}"));

        let (_, here, there) = two.offer("film.mkv", 48 << 20);
        meter.limit(2 * MB);
        two.bia.line(&format!("/accept {there}"));
        two.bia.line(&format!("/pause {there}"));
        two.ana.wait_for("notice", |event| text(event, "code") == "paused");
        disk.fill();
        meter.unlimit();
        two.bia.line(&format!("/resume {there}"));
        two.wait_ended(here, there, "full");

        two.ana.line("/msg bia still here");
        two.bia.wait_message("still here");
        disk.make_room();
        let (path, here, there) = two.offer("nota.txt", 100_000);
        let arrived = two.accept(here, there);
        assert_same(&path, &arrived);
        assert_eq!(two.received_at_the_end(), ["nota.txt"]);
    });
}

#[test]
fn a_message_does_not_wait_for_a_file_and_progress_is_told_ten_times_a_second_at_most() {
    let mut two = Two::new();
    let (path, here, there) = two.offer("film.mkv", by_form(60, 1000) * MB);
    let accepted = Instant::now();
    two.bia.line(&format!("/accept {there}"));
    two.ana.wait_for("progress", |event| number(event) == here);
    let mut delays = Vec::new();
    let mut runs = true;
    while runs {
        runs = !two.ana.events().iter().any(|event| is(event, "sent"));
        let said = format!("said {}", delays.len());
        let at = Instant::now();
        two.ana.line(&format!("/msg bia {said}"));
        two.bia.wait_message(&said);
        delays.push(at.elapsed());
    }
    let arrived = two.wait_arrived(here, there);
    let took = accepted.elapsed();
    assert_same(&path, &arrived);
    let told = two.bia.events().iter().filter(|event| is(event, "progress") && number(event) == there).count();
    assert!(told as u128 <= took.as_millis() / 100 + 2, "{told} times in {took:?}");
    let (worst, median) = p99_and_median(&mut delays);
    let count = delays.len();
    tell(format_args!("{count} messages while a file ran for {took:?}: median {median:?}, 99th percentile {worst:?}"));
    assert!(worst < by_form(Duration::from_secs(5), Duration::from_millis(250)), "{worst:?}");
}

#[test]
fn what_a_verified_person_sends_is_accepted_at_once_where_that_is_wished_and_may_not_be_executed() {
    let mut two = Two::with(Options::new("bia").with(&["--auto-accept", "verified"]));
    let path = make(two.place.path(), "run", 1000);
    fs::set_permissions(&path, Permissions::from_mode(0o755)).expect("set");
    let executable = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o111 != 0;

    let (here, there) = two.offer_path(&path);
    let asked = two.bia.wait_for("offer", |_| true);
    assert_eq!(asked["accepted"], false, "nobody has compared anything");
    assert!(executable(&two.accept(here, there)), "whoever accepts it by hand wants it as it is");

    two.bia.line("/trust ana");
    two.bia.wait_for("notice", |event| text(event, "code") == "trusted");
    let (here, there) = two.offer_path(&path);
    let offer = two.bia.wait_for("offer", |_| true);
    assert_eq!(offer["accepted"], true);
    let arrived = two.wait_arrived(here, there);
    assert_same(&path, &arrived);
    assert!(!executable(&arrived));
}

#[test]
fn what_is_sent_to_a_room_goes_to_each_of_its_members() {
    let tracker = Tracker::start();
    let place = tempfile::tempdir().expect("a directory");
    let path = make(place.path(), "plano.pdf", MB);
    let mut ana = Papo::registered("ana", &tracker);
    ana.create("sala");
    let others = ["bia", "caio"].map(|user| {
        let mut papo = Papo::registered(user, &tracker);
        papo.join("sala");
        ana.wait_linked(user);
        papo
    });
    ana.line(&format!("/send #sala {}", path.display()));
    for mut papo in others {
        let offer = papo.wait_for("offer", |_| true);
        assert_eq!((text(&offer, "room"), text(&offer, "scope"), text(&offer, "from")), ("sala", "room", "ana"));
        papo.line(&format!("/accept {}", number(&offer)));
        let received = papo.wait_for("received", |_| true);
        assert_same(&path, Path::new(text(&received, "path")));
        let user = papo.user();
        ana.wait_for("sent", |event| text(event, "to") == user);
        assert_eq!(ana.events().iter().filter(|event| is(event, "offered") && text(event, "to") == user).count(), 1);
    }
}

#[test]
fn what_is_sent_to_all_or_to_someone_who_is_away_is_one_transfer_each_and_waits() {
    let mut two = Two::new();
    let path = make(two.place.path(), "nota.txt", 1000);
    assert_eq!(two.bia.quit(), 0);
    two.ana.wait_for("peer", |event| text(event, "what") == "lost");
    two.ana.line(&format!("/send bia {}", path.display()));
    let offered = two.ana.wait_for("offered", |_| true);
    assert_eq!(offered["waiting"], true);
    two.ana.line(&format!("/send all {}", path.display()));
    two.ana.wait_error("nobody_linked");

    two.bia = two.bia.options().start();
    two.link();
    let offer = two.bia.wait_for("offer", |_| true);
    let arrived = two.accept(number(&offered), number(&offer));
    assert_same(&path, &arrived);

    two.ana.mark();
    two.bia.mark();
    two.ana.line(&format!("/send all {}", path.display()));
    let offered = two.ana.wait_for("offered", |event| text(event, "to") == "bia");
    let offer = two.bia.wait_for("offer", |event| text(event, "scope") == "all");
    two.accept(number(&offered), number(&offer));
}
