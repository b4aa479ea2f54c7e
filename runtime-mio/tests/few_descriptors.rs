//! What the disk does where few files can be open: a test of its own, for a process has one limit of them.

mod puppet;

use std::fs;

use papo_proto::{
    disk::{Answer, Ask},
    machine::FileId,
    wire::transfer::{Entry, EntryKind},
};
use papo_runtime_mio::Disk;
use puppet::{Habits, Kept, OPTIONS, Order, finish, node, run_nodes};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

const DESCRIPTORS: u64 = 64;
const DEPTH: usize = 200;
const KEY: &str = "in1";

#[test]
fn a_deep_tree_is_made_and_dropped() {
    let temp = tempfile::tempdir().expect("a temporary directory");
    let received = temp.path().join("received");
    let disk = Disk { received: received.clone(), notes: temp.path().join("notes") };
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: Some(DESCRIPTORS), maximum }).expect("it is lowered");
    let (running, [puppet]) = run_nodes(
        OPTIONS,
        [move || {
            let (mut node, told) = node(Habits::default(), Kept::default());
            node.disk = Some(disk);
            (node, told)
        }],
    );
    let entry = |path: String, kind| Entry { path, kind };
    let deep = |depth: usize| vec!["d"; depth].join("/");
    let mut entries = (1..=DEPTH).map(|depth| entry(deep(depth), EntryKind::Directory)).collect::<Vec<_>>();
    let file = EntryKind::File { size: 1, executable: false };
    entries.extend([
        entry(deep(DEPTH) + "/f", file),
        entry("e".to_owned(), EntryKind::Directory),
        entry("e/f".to_owned(), file),
    ]);
    puppet.order(Order::Disk(Ask::OpenStage { file: FileId(0), key: KEY.to_owned(), entries }));
    let stage = FileId(puppet.minted());
    assert!(matches!(puppet.answer(), Ok(Answer::Opened { .. })));
    let write = Ask::Write { file: stage, offset: 0, bytes: b"de".to_vec(), note: vec![1] };
    puppet.ask(write).expect("there is room");
    puppet.ask(Ask::Sync { file: stage }).expect("it can be");
    // What an attempt that was cut short may have left.
    fs::create_dir_all(received.join(format!(".papo-{KEY}/.papo-up-1/d"))).expect("it is made");
    assert_eq!(puppet.ask(Ask::Discard { key: KEY.to_owned() }), Ok(Answer::Done));
    assert_eq!(fs::read_dir(&received).expect("it is there").count(), 0);
    puppet.stop();
    finish(running);
}
