//! Stories that no script tells, written as the operations of [`super::peer`]: files that go and come, and beacons.
//!
//! A fuzzer that begins with them has an accepted transfer that runs from its first input on, and takes it apart from
//! there. What each of them reaches is told by a test.

use papo_proto::wire::{
    codec::{Text, Wire as _},
    transfer,
};

/// The whole of a story, from its first choices: nobody has a tracker, and everything is answered at once.
struct Story {
    bytes: Vec<u8>,
    /// The number of the stream that was opened last on the present link.
    stream: u8,
}

/// What the fuzzed peer has, by its place among what it can send.
const SMALL: u8 = 0;
const BIG: u8 = 1;
const TREE: u8 = 2;
/// A place among the offsets that others can name: that of a number of bytes.
const AT_0: u8 = 0;
const AT_1: u8 = 2;
/// All that the other has sent.
const AT_END: u8 = 4;
/// The number of the first transfer of all, and of the first stream of a link.
const FIRST: u8 = 1;

impl Story {
    /// Somebody with a link to another, who is number 2, called bia.
    fn of_two() -> Self {
        let mut story = Self { bytes: vec![0, 1, 1, 2, 0], stream: FIRST };
        story.does(&[10, 0, 0, 2, 0, 0]);
        story
    }

    /// Somebody who calls out, on a network where nobody answers yet.
    fn alone() -> Self {
        Self { bytes: vec![0, 0x81, 1, 2, 0], stream: FIRST }
    }

    fn does(&mut self, operation: &[u8]) -> &mut Self {
        self.bytes.extend_from_slice(operation);
        self
    }

    /// The person sends something to the other.
    fn send(&mut self, what: u8) -> &mut Self {
        self.does(&[0, 29, 1, 1, what])
    }

    /// The person asks for something that is said with a number.
    fn ask(&mut self, request: u8, number: u8) -> &mut Self {
        self.does(&[0, request, number])
    }

    /// The person takes the first transfer.
    fn accept(&mut self) -> &mut Self {
        self.ask(31, FIRST)
    }

    /// The person holds the first transfer.
    fn pause(&mut self) -> &mut Self {
        self.ask(34, FIRST)
    }

    /// And lets it go on, in another stream.
    fn resume(&mut self) -> &mut Self {
        self.stream += 1;
        self.ask(35, FIRST)
    }

    /// The other says something about the transfer that was offered to it: of its stream, at that place of the stream.
    fn answers(&mut self, offset: u8, message: &[u8]) -> &mut Self {
        self.does(&[5, 0, 0, 16, 0, 0, 0, FIRST, offset]).does(message)
    }

    /// The other says something about a transfer of its own.
    fn says(&mut self, offset: u8, message: &[u8]) -> &mut Self {
        self.does(&[5, 0, 0, 16, 1, self.stream, offset]).does(message)
    }

    /// The other offers two bytes; as a directory with a manifest of so many.
    fn offers(&mut self, tree: bool) -> &mut Self {
        let tree = u8::from(tree);
        self.says(AT_0, &[0, 0, tree, 0, 1, 0, 2 * tree])
    }

    fn chunk(&mut self, offset: u8, bytes: &[u8]) -> &mut Self {
        self.says(offset, &[4, bytes.len() as u8]).does(bytes)
    }

    /// All was sent.
    fn end(&mut self) -> &mut Self {
        self.says(AT_END, &[7])
    }

    /// The link is cut, and there is another.
    fn cut(&mut self) -> &mut Self {
        self.stream = FIRST;
        self.does(&[16, 1, 0]).does(&[10, 0, 0, 2, 0, 0])
    }

    /// The program is killed, starts again, and is linked anew.
    fn killed(&mut self) -> &mut Self {
        self.stream = FIRST;
        self.does(&[23, 0xf0]).does(&[10, 0, 0, 2, 0, 0])
    }

    /// So much time passes.
    fn waits(&mut self, ms: u16) -> &mut Self {
        let [high, low] = ms.to_be_bytes();
        self.does(&[18, high, low])
    }

    /// Nothing is durable, and the disk does nothing, until that is told.
    fn slowly(&mut self) -> &mut Self {
        self.does(&[23, 1])
    }

    /// What waits longest is durable, and the disk does what it was asked for first, or fails to.
    fn disk(&mut self, outcome: u8) -> &mut Self {
        self.does(&[19, outcome])
    }

    /// The network takes what was sent, and wants more.
    fn drains(&mut self) -> &mut Self {
        self.does(&[22, 0, 0xff, 0xff])
    }

    /// Somebody answers the dial that was just made: who is there.
    fn opens(&mut self) -> &mut Self {
        self.does(&[0])
    }

    /// The other says who it is.
    fn greets(&mut self) -> &mut Self {
        self.does(&[5, 0, 0, 2, 0, 2, 0, 0])
    }

    /// Someone there calls out, and says that it listens where peers do.
    fn called(&mut self, host: u8, instance: u8, tracker: bool) -> &mut Self {
        self.does(&[20, 3, host, 0, instance, u8::from(tracker), 0])
    }
}

/// Whose calls come from where.
const BIA: u8 = 0;
const ACCEPT: u8 = 2;
const WHOLE: [u8; 2] = [8, 0];
const PAUSE: [u8; 2] = [9, 1];
const GO_ON: [u8; 2] = [9, 0];

/// Each story, by what happens in it.
pub(super) fn all() -> Vec<(&'static str, Vec<u8>)> {
    let mut stories = Vec::new();
    let mut tell = |name, story: &mut Story| stories.push((name, std::mem::take(&mut story.bytes)));
    let two = Story::of_two;
    for (name, what) in [("sent, and the other is silent", SMALL), ("sent, a big one", BIG), ("sent, a tree", TREE)] {
        let mut story = two();
        story.send(what).answers(AT_0, &[ACCEPT]);
        for _ in 0..10 {
            story.drains();
        }
        tell(name, &mut story);
    }
    let sent = || {
        let mut story = two();
        story.send(SMALL).answers(AT_0, &[ACCEPT]);
        story
    };
    tell("sent", sent().answers(AT_0, &WHOLE));
    tell("sent to one who has something else", two().send(SMALL).answers(AT_1, &[ACCEPT]));
    tell(
        "sent, held and let go on",
        sent()
            .pause()
            .answers(AT_0, &PAUSE)
            .resume()
            .answers(AT_0, &GO_ON)
            .answers(AT_1, &[ACCEPT])
            .answers(AT_0, &WHOLE),
    );
    tell("sent, cut and gone on with", sent().cut().answers(AT_1, &[ACCEPT]).answers(AT_0, &WHOLE));
    tell("sent, killed and gone on with", sent().killed().answers(AT_1, &[ACCEPT]).answers(AT_0, &WHOLE));
    let mut failing = two();
    failing.slowly().send(BIG).disk(0).disk(0).answers(AT_0, &[ACCEPT]).disk(0).disk(0);
    tell("sent from a disk that fails", failing.disk(4));
    tell("sent and refused", two().send(TREE).answers(AT_0, &[8, 1, 0]));
    tell("sent and cancelled", sent().ask(36, FIRST));

    let offered = |tree| {
        let mut story = two();
        story.offers(tree);
        story
    };
    tell("received", offered(false).accept().chunk(AT_0, b"oi").end());
    let tree = [&[1, 0, 1, b'a', 0, 0, 0, 0, 0, 0, 0, 2][..], b"oi"].concat();
    tell("received, a tree", offered(true).accept().chunk(AT_0, &tree).end());
    tell("offered and rejected", offered(false).ask(33, FIRST));
    tell("offered and withdrawn", offered(false).says(AT_0, &[8, 2, 1]));
    let begun = || {
        let mut story = offered(false);
        story.accept().chunk(AT_0, b"o");
        story
    };
    tell("received after a pause", begun().pause().resume().chunk(AT_1, b"i").end());
    tell("received after a cut", begun().cut().offers(false).chunk(AT_1, b"i").end());
    tell("received after a kill", begun().killed().offers(false).chunk(AT_0, b"oi").end());
    tell("received with another hash", begun().chunk(AT_1, b"i").says(AT_1, &[7]));

    tell("found by a beacon", Story::alone().called(BIA, 1, false).waits(3_000).opens().greets());
    let mut found = Story::alone();
    found.called(BIA, 1, false).waits(3_000).opens().greets().does(&[16, 2, 0]);
    tell("found by its beacons, and lost", found.called(BIA, 2, false).waits(60_000));
    tell("offered a tracker", Story::alone().called(BIA, 1, true));
    let mut crowd = Story::alone();
    for instance in 0..100 {
        crowd.called(instance % 5, instance, instance % 2 == 0);
    }
    tell("called by a crowd", crowd.waits(30_000));
    stories
}

/// Manifests, in the form of [`super::manifest`]: honest and not.
pub(super) fn manifests() -> Vec<Vec<u8>> {
    let trees: [&[&str]; 9] = [
        &["a"],
        &["b/", "b/a", "b/c/", "b/c/a"],
        &["../x"],
        &["/x", "x"],
        &["CON", "nul.txt", "C:\\x"],
        &["x", "X", "x (1)", "x.a", "X.A"],
        &[".x", "-rf", "x.", "x "],
        &["a\u{202e}b", "\u{1b}[2J", "\n"],
        &["b/a", "b/"],
    ];
    let of_tree = |paths: &[&str]| {
        let mut bytes = vec![0, 1];
        for (number, path) in paths.iter().enumerate() {
            let directory = path.strip_suffix('/');
            bytes.push(if directory.is_some() { 0 } else { 1 + (number % 2) as u8 });
            Text::<{ transfer::PATH_BYTES_MAX }>::new(directory.unwrap_or(path)).expect("short").encode(&mut bytes);
            if directory.is_none() {
                (number as u64).encode(&mut bytes);
            }
        }
        bytes
    };
    trees.map(of_tree).to_vec()
}

#[cfg(test)]
mod tests {
    use papo_proto::{
        peer::{Notice, interface::PeerEvent},
        wire::{peer::ToPeer, transfer::Reason},
    };

    use super::*;
    use crate::fuzz::peer::{Told, tell};

    /// Whether something of a story's end can be seen in it.
    fn is_reached(name: &str, told: &Told) -> bool {
        let said = |fits: fn(&ToPeer) -> bool| told.to_peers.iter().filter(|message| fits(message)).count();
        let notice = |fits: fn(&Notice) -> bool| told.notices.iter().any(fits);
        let begun = said(|message| matches!(message, ToPeer::Chunk { .. })) > 0;
        let ended = said(|message| matches!(message, ToPeer::End { .. })) > 0;
        let sent = notice(|notice| matches!(notice, Notice::Sent { .. }));
        let accepted = said(|message| matches!(message, ToPeer::Accept { .. }));
        let received = notice(|notice| matches!(notice, Notice::Received { .. }));
        let over = |reason: Reason| {
            told.notices
                .iter()
                .any(|notice| matches!(notice, Notice::TransferEnded { reason: of, .. } if *of == reason))
        };
        match name {
            "sent, and the other is silent" | "sent, a big one" | "sent, a tree" => begun && ended && !sent,
            "sent" | "sent, held and let go on" => begun && ended && sent,
            "sent, cut and gone on with" | "sent, killed and gone on with" => {
                begun && said(|message| matches!(message, ToPeer::Offer { .. })) == 2 && sent
            }
            "sent from a disk that fails" => over(Reason::Failed),
            "sent to one who has something else" => !begun && over(Reason::Changed),
            "sent and refused" => over(Reason::Rejected),
            "sent and cancelled" => begun && over(Reason::Cancelled),
            "received" | "received, a tree" => accepted == 1 && received,
            "received after a pause" | "received after a cut" | "received after a kill" => accepted == 2 && received,
            "received with another hash" => accepted == 1 && over(Reason::Mismatch),
            "offered and rejected" => over(Reason::Rejected),
            "offered and withdrawn" => over(Reason::Cancelled),
            "found by a beacon" | "found by its beacons, and lost" => {
                notice(|notice| matches!(notice, Notice::Peer { what: PeerEvent::Linked, .. }))
            }
            "offered a tracker" => {
                notice(|notice| matches!(notice, Notice::Note(papo_proto::peer::Note::TrackerOffered { .. })))
            }
            "called by a crowd" => told.beacons.len() > 1,
            other => panic!("what is to be seen of {other:?}?"),
        }
    }

    #[test]
    fn each_story_reaches_what_it_is_named_after() {
        let missed = all().into_iter().filter(|(name, story)| !is_reached(name, &tell(story))).collect::<Vec<_>>();
        assert!(missed.is_empty(), "{missed:?}");
    }
}
