//! Real files against the disk in memory, which tests and simulators take for them: both answer the same.

use std::fs;

use papo_proto::{
    disk::{
        Answer, Ask, DiskError,
        memory::{MemoryDisk, Node},
    },
    machine::FileId,
    rng::{Seed, Stream},
    wire::transfer::Entry,
};

use super::{
    beneath::Means,
    fixture::{Fixture, directory, executable, file, places},
};

/// Questions for each seed.
const QUESTIONS: usize = 150;
const NAMES: [&str; 6] = ["x", "a.txt", "a.txt", "..", "a/b", ""];

/// The two, and what is known of the one stage that is asked about.
struct Both {
    real: Fixture,
    memory: MemoryDisk,
    random: Stream,
    entries: Vec<Entry>,
    name: &'static str,
    total: u64,
    ids: u64,
    file: FileId,
    /// How far it is written, and how far it ever was: after a loss of power real files may have more than is needed.
    written: u64,
    ever: u64,
}

impl Both {
    fn new(seed: u8, means: Means) -> Self {
        let mut both = Self {
            real: Fixture::new(means),
            memory: MemoryDisk::default(),
            random: Seed([seed; 32]).stream("disk", 0),
            entries: vec![],
            name: "",
            total: 0,
            ids: 1,
            file: FileId(1),
            written: 0,
            ever: 0,
        };
        both.choose_entries();
        both
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.random.next_u64() % bound
    }

    fn choose_entries(&mut self) {
        let sizes = [(); 3].map(|()| [0, 1, 10][self.below(3) as usize]);
        let [a, b, c] = sizes;
        (self.entries, self.total) = match self.below(4) {
            0 => (vec![executable("", a)], a),
            1 => (vec![], 0),
            2 => (vec![directory("d"), file("d/a", a), executable("d/b", b), directory("e"), file("z", c)], a + b + c),
            _ => (vec![file("a", a), file("b", b)], a + b),
        };
        self.name = NAMES[self.below(NAMES.len() as u64) as usize];
        (self.written, self.ever) = (0, 0);
    }

    /// Asks both, and returns whether it was done.
    #[track_caller]
    fn ask(&mut self, ask: &Ask) -> bool {
        let (real, memory) = (self.real.ask(ask.clone()), self.memory.answer(ask.clone()));
        let name = |answer: Result<Answer, DiskError>| {
            answer.map(|answer| match answer {
                Answer::Published { path } => path.rsplit('/').next().map(str::to_owned),
                other => Some(format!("{other:?}")),
            })
        };
        let done = real.is_ok();
        assert_eq!(name(real), name(memory), "{ask:?}, {} of {} bytes of {:?}", self.written, self.total, self.entries);
        done
    }

    fn step(&mut self) {
        let file = self.file;
        match self.below(20) {
            0..4 => {
                self.ids += 1;
                let opened = FileId(self.ids);
                let ask = Ask::OpenStage { file: opened, key: "in1".to_owned(), entries: self.entries.clone() };
                if self.ask(&ask) {
                    self.file = opened;
                }
            }
            4..14 => self.write(),
            14 => _ = self.ask(&Ask::Sync { file }),
            15 | 16 if self.written == self.ever || self.ever < self.total => {
                self.ask(&Ask::Publish { file, name: self.name.to_owned() });
            }
            17 => {
                self.ask(&Ask::Discard { key: "in1".to_owned() });
                self.choose_entries();
            }
            18 => {
                self.real.restart();
                self.memory.restart();
            }
            19 => {
                self.real.lose_power();
                self.memory.lose_power();
                // Nothing is known but what the note says.
                self.ids += 1;
                self.file = FileId(self.ids);
                let ask = Ask::OpenStage { file: self.file, key: "in1".to_owned(), entries: self.entries.clone() };
                let Ok(Answer::Opened { note }) = self.memory.answer(ask.clone()) else { panic!("it can be opened") };
                assert_eq!(self.real.ask(ask), Ok(Answer::Opened { note: note.clone() }));
                self.written = note.first().copied().unwrap_or_default().into();
            }
            _ => {}
        }
    }

    fn write(&mut self) {
        let offset = match self.below(6) {
            0 => 0,
            1 => self.written.saturating_sub(1),
            // A gap, or beyond the end.
            2 => self.ever + 1,
            _ => self.written,
        };
        let bytes = vec![self.below(256) as u8; self.below(8) as usize];
        let end = offset + bytes.len() as u64;
        let note = vec![end.max(self.written) as u8];
        if self.ask(&Ask::Write { file: self.file, offset, bytes, note }) {
            self.written = self.written.max(end);
            self.ever = self.ever.max(end);
        }
    }

    /// What was received, file by file.
    fn compare(&self) {
        let received = self.real.path("received");
        let mut count = 0;
        for (path, node) in self.memory.received() {
            count += 1;
            let path = received.join(path);
            match node {
                Node::Directory => assert!(path.is_dir(), "{path:?}"),
                Node::File { bytes, executable } => {
                    use std::os::unix::fs::PermissionsExt as _;
                    let mode = fs::metadata(&path).expect("it is there").permissions().mode();
                    assert_eq!((&fs::read(&path).expect("it is there"), mode & 0o100 > 0), (bytes, *executable));
                }
                Node::Other => panic!("no link is ever received"),
            }
        }
        let names = |dir| fs::read_dir(dir).map_or(0, |names| names.flatten().count());
        let tops = self.memory.received().keys().filter(|path| !path.contains('/')).count();
        assert_eq!(names(&received) - self.real.names("received/.papo-in1").len().min(1), tops, "of {count}");
    }
}

#[test]
fn real_files_answer_as_the_disk_in_memory_does() {
    for seed in 0..10 {
        for means in [Means::Best, Means::Portable] {
            let mut both = Both::new(seed, means);
            both.real.places = places(both.real.temp.path(), means);
            for _ in 0..QUESTIONS {
                both.step();
            }
            both.compare();
        }
    }
}
