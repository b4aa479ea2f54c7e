//! A recording that the reactor wrote replays to the same actions.

mod puppet;

use std::{io::Write as _, path::Path};

use papo_proto::{
    machine::CloseHow,
    record::{self, ReplayError, Summary},
};
use papo_runtime_mio::Recorder;
use puppet::{Habits, Kept, Marionette, OPTIONS, Order, client, finish, heard, node, run_nodes};

fn replay(path: &Path) -> Result<Summary, ReplayError> {
    record::replay::<Marionette>(std::fs::read_to_string(path).expect("a recording").lines())
}

#[test]
fn a_life_on_real_sockets_replays_to_the_same_actions() {
    let temp = tempfile::tempdir().expect("a temporary directory");
    let path = temp.path().join("recording");
    let file = path.clone();
    let (running, [puppet]) = run_nodes(
        OPTIONS,
        [move || {
            let habits = Habits { echo: true, tick_ms: Some(20), ..Habits::default() };
            let (mut node, told) = node(habits.clone(), Kept::default());
            let header = record::header::<Marionette>(&habits);
            node.recorder = Some(Recorder::create(&file, &header).expect("a new file"));
            (node, told)
        }],
    );
    let (_, address) = puppet.listen();
    for round in 0..20_u8 {
        let mut client = client(address);
        client.write_all(&[round; 1000]).expect("it reads");
        assert_eq!(heard(&mut client, 1000), [round; 1000]);
        let conn = puppet.opened();
        puppet.order(Order::All(vec![Order::Commit(vec![round.into()]), Order::Close(conn.0, CloseHow::Flush)]));
    }
    puppet.ping();
    let so_far = replay(&path).expect("it is good as far as it goes");
    puppet.stop();
    finish(running);
    let whole = replay(&path).expect("it does the same");
    assert!(!whole.cut);
    assert!(whole.events > so_far.events && so_far.events > 60, "{so_far:?} {whole:?}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        let mode = std::fs::metadata(&path).expect("it is there").mode();
        assert_eq!(mode & 0o777, 0o600, "it holds keys and texts");
    }
    let again = Recorder::create(&path, &record::header::<Marionette>(&Habits::default()));
    assert_eq!(again.expect_err("it is never written over").kind(), std::io::ErrorKind::AlreadyExists);
    assert_eq!(replay(&path), Ok(whole));
}
