//! Every decoder, fed with anything.
//!
//! What is refused is refused by a typed error. What is taken has one encoding, and that is what came; where a format
//! allows several ways to write a value, the value is at least the same after another round.

use papo_proto::{
    channel::{Channel, FIRST_BYTES, Preface, StaticKey},
    error::Fault,
    escape, hex,
    identity::{Identity, Key},
    limits::FRAME_BYTES_MAX,
    machine::Machine,
    names::{NAME_BYTES_MAX, NAME_CHARS_MAX, Name},
    peer::Peer,
    record::{self, ReplayError},
    rng::Seed,
    time::Wall,
    tracker::Tracker,
    wire::{
        beacon::{BEACON_BYTES, Beacon},
        codec::{Malformed, Reader, Wire},
        frame::{self, Frames},
        peer::{Have, PrivateMessage, Scope, ToPeer},
        room::{Body, CreationRecord, Entry, EntryId, PARENTS_MAX, Parents, Said, SignedEntry},
        tracker::{
            Claimed, Contact, Failure, FromTracker, Goodbye, PasswordHash, PeerRow, Prefix, Profile, RoomEvent,
            RoomRow, RoomState, Status, StatusText, ToTracker, Token,
        },
        transfer::{Audience, Chunk, Hash, Offer, Reason, TransferId},
    },
};

use super::cursor::Cursor;

/// A stream, cut into frames twice: whole, and in pieces.
pub fn frames(data: &[u8]) {
    let mut choices = Cursor::new(data);
    let max = choices.pick(&[0, 1, 16, 1024, FRAME_BYTES_MAX, 65_535]);
    let piece = choices.below(256) + 1;
    let stream = choices.rest();
    let (whole, whole_end) = cut(&[stream], max);
    let (pieces, pieces_end) = cut(&stream.chunks(piece).collect::<Vec<_>>(), max);
    assert_eq!((&whole, whole_end), (&pieces, pieces_end), "how a stream is cut changes nothing");
    let mut again = Vec::new();
    for body in &whole {
        assert!(body.len() <= max, "a frame past the bound");
        frame::encode(&mut again, |out| out.extend_from_slice(body));
    }
    assert!(stream.starts_with(&again), "frames are what came, in order");
    match whole_end {
        Some(left) => assert_eq!(again.len() + left, stream.len(), "nothing is lost"),
        None => assert!(stream.len() >= again.len() + 2, "a length alone can be too long"),
    }
}

/// The frames of a stream, and how many bytes wait behind them; `None` once a frame is too long.
fn cut(chunks: &[&[u8]], max: usize) -> (Vec<Vec<u8>>, Option<usize>) {
    let (mut frames, mut bodies) = (Frames::default(), Vec::new());
    for chunk in chunks {
        frames.push(chunk);
        loop {
            match frames.next_frame(max) {
                Ok(Some(body)) => bodies.push(body.to_vec()),
                Ok(None) => break,
                Err(error) => {
                    assert!(error.length > max && error.max == max, "an error tells what is wrong");
                    return (bodies, None);
                }
            }
        }
        assert!(frames.buffered() <= max + 1, "no more waits than one unfinished frame");
    }
    (bodies, Some(frames.buffered()))
}

/// The first bytes of a connection, in pieces.
pub fn preface(data: &[u8]) {
    let mut choices = Cursor::new(data);
    let wanted = choices.pick(&Preface::ALL);
    let piece = choices.below(32) + 1;
    let bytes = choices.rest();
    let seed = Seed([9; 32]);
    let statics = StaticKey::draw(&mut seed.stream("static", 0));
    let identity = Identity::from_secret(&[9; 32]);
    let mut channel = Channel::accept(wanted, identity, &statics, seed.stream("channel", 0));
    let mut out = Vec::new();
    let mut result = Ok(None);
    for chunk in bytes.chunks(piece) {
        channel.handle_bytes(chunk);
        result = channel.next_step(FRAME_BYTES_MAX, &mut out);
        if out.is_empty() && result.is_ok() { continue } else { break }
    }
    let spoken = Preface::ALL.into_iter().find(|preface| bytes.starts_with(preface.line()));
    let begun = Preface::ALL.into_iter().any(|preface| preface.line().starts_with(bytes));
    match (spoken, result.clone()) {
        (Some(preface), result) if preface == wanted => {
            let is_typed = matches!(result, Ok(None) | Err(Fault::FrameTooLong | Fault::Handshake));
            assert!(is_typed, "after the preface a handshake begins: {result:?}");
        }
        (Some(_), result) => assert_eq!(result, Err(Fault::WrongPreface)),
        (None, result) => assert_eq!(result, if begun { Ok(None) } else { Err(Fault::NotPapo) }),
    }
    let spoke = spoken.is_some_and(|preface| bytes.len() >= preface.line().len() + 2 + FIRST_BYTES);
    assert!(spoke || out.is_empty(), "a stranger is told nothing");
}

/// What peers say to trackers.
pub fn to_tracker(data: &[u8]) {
    check::<ToTracker>(data);
}

/// What trackers say to peers.
pub fn from_tracker(data: &[u8]) {
    check::<FromTracker>(data);
}

/// What peers say to each other.
pub fn to_peer(data: &[u8]) {
    check::<ToPeer>(data);
}

/// What peers call out on their networks.
pub fn beacon(data: &[u8]) {
    if let Some(beacon) = check::<Beacon>(data) {
        assert_eq!(data.len(), BEACON_BYTES, "a beacon has one length");
        assert!(beacon.port != 0 && beacon.instance != 0 && beacon.tracker != Some(0), "nothing is said by a zero");
    }
}

/// Entries, signed and not, and what makes a room.
pub fn entries(data: &[u8]) {
    check::<Entry>(data);
    check::<Body>(data);
    if let Some(parents) = check::<Parents>(data) {
        assert!(parents.len() <= PARENTS_MAX && parents.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(Parents::new(parents.iter().rev().copied().collect()), parents, "order is not a choice");
    }
    if let Some(signed) = check::<SignedEntry>(data)
        && signed.verify()
    {
        let mut other = signed;
        other.entry.seq ^= 1;
        assert!(!other.verify(), "a signature is of one entry");
    }
    if let Some(record) = check::<CreationRecord>(data) {
        let other = CreationRecord { flags: record.flags ^ 1, ..record.clone() };
        assert_ne!(record.id(), other.id(), "an id is of one record");
    }
}

/// Everything smaller that messages are made of.
pub fn fields(data: &[u8]) {
    check::<u8>(data);
    check::<u16>(data);
    check::<u32>(data);
    check::<u64>(data);
    check::<bool>(data);
    check::<[u8; 16]>(data);
    check::<Key>(data);
    check::<Option<Key>>(data);
    check::<Option<Name>>(data);
    check::<Wall>(data);
    check::<std::net::SocketAddr>(data);
    check::<Claimed>(data);
    check::<Status>(data);
    check::<RoomEvent>(data);
    check::<Failure>(data);
    check::<Goodbye>(data);
    check::<Scope>(data);
    check::<Have>(data);
    check::<EntryId>(data);
    check::<PasswordHash>(data);
    check::<Prefix>(data);
    check::<StatusText>(data);
    check::<Profile>(data);
    check::<Token>(data);
    check::<Said>(data);
    check::<PrivateMessage>(data);
    check::<Contact>(data);
    check::<PeerRow>(data);
    check::<RoomRow>(data);
    check::<RoomState>(data);
    check::<Audience>(data);
    check::<Offer>(data);
    check::<Reason>(data);
    check::<TransferId>(data);
    check::<Hash>(data);
    check::<Chunk>(data);
}

/// Names, as typed and as received.
pub fn names(data: &[u8]) {
    check::<Name>(data);
    let text = String::from_utf8_lossy(data);
    let Ok(name) = Name::new(&text) else { return };
    assert!(!name.as_str().is_empty() && name.as_str().len() <= NAME_BYTES_MAX);
    assert!(name.as_str().chars().count() <= NAME_CHARS_MAX);
    assert!(!name.as_str().chars().any(|one| escape::is_hostile(one) || one.is_whitespace()), "a name can be shown");
    assert!(!name.as_str().contains(['@', '#', '/']), "a name can be typed as part of a command");
    let again = Name::new(name.as_str()).expect("a name is one");
    assert_eq!(again.as_str(), name.as_str(), "one normal form");
    assert_eq!(again.folded(), name.folded());
    let folded = Name::new(name.folded());
    if let Ok(folded) = folded {
        assert_eq!(folded, name, "folding twice is folding once");
        assert_eq!(folded.skeleton(), name.skeleton(), "the same name looks the same");
    }
    assert_eq!(Name::from_bytes(&name.to_bytes()).map(|name| name.as_str().to_owned()), Ok(name.as_str().to_owned()));
    let _ = name.looks_like_label();
}

/// Hexadecimal, and the keys that are written in it.
pub fn hexadecimal(data: &[u8]) {
    assert_eq!(hex::decode(&hex::encode(data)).as_deref(), Some(data));
    let text = String::from_utf8_lossy(data);
    let decoded = hex::decode(&text);
    let is_hexadecimal = text.len().is_multiple_of(2) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    assert_eq!(decoded.is_some(), is_hexadecimal);
    if let Some(bytes) = &decoded {
        assert_eq!(hex::encode(bytes), text.to_ascii_lowercase());
    }
    let key = Key::from_fingerprint(&text);
    assert_eq!(key.is_some(), decoded.is_some_and(|bytes| bytes.len() == 32));
    if let Some(key) = key {
        assert_eq!(key.to_string(), text.to_ascii_lowercase());
    }
}

/// The one function through which a stranger's text is shown.
pub fn escaping(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let line = escape::line(&text);
    assert!(!line.chars().any(steers), "something steers a terminal");
    assert_eq!(escape::line(&line), line, "what was escaped is plain");
    let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    assert!(!is_plain || line == text, "what is plain stays as it is");
    assert!(line != text || !text.chars().any(escape::is_hostile), "what is hostile does not");
    let lines = escape::lines(&text).collect::<Vec<_>>();
    assert!(!lines.is_empty() && lines.len() <= text.matches('\n').count() + 1);
    assert!(lines.iter().all(|line| !line.chars().any(steers)), "something steers a terminal");
}

/// What must never reach a terminal, said apart from the function under test: controls, line and paragraph
/// separators, and what turns the direction of writing.
fn steers(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{61c}'
            | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Recordings of a tracker.
pub fn tracker_recording(data: &[u8]) {
    recording::<Tracker>(data);
}

/// Recordings of a peer.
pub fn peer_recording(data: &[u8]) {
    recording::<Peer>(data);
}

/// A recording ends well, or with an error that can be shown; and twice in the same way.
fn recording<M: Machine>(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let count = text.lines().count();
    let result = record::replay::<M>(text.lines());
    match &result {
        Ok(summary) => assert!(summary.events + summary.actions < count.max(1), "each line counts once"),
        Err(error) => {
            assert!(error.to_string().lines().all(|line| !line.chars().any(steers)), "an error can be shown");
            if let ReplayError::Damaged { line, .. } = error {
                assert!((1..=count).contains(line), "an error names a line that is there");
            }
        }
    }
    assert_eq!(record::replay::<M>(text.lines()), result, "a replay can be repeated");
}

/// Decodes; what is taken has the encoding that came. As the value of a longer message it is the same, too.
fn check<T: Wire>(data: &[u8]) -> Option<T> {
    let decoded = T::from_bytes(data);
    let mut reader = Reader::new(data);
    if let Ok(first) = T::decode(&mut reader) {
        let bytes = first.to_bytes();
        assert!(data.starts_with(&bytes), "one value, one encoding");
        assert_eq!(decoded.is_ok(), bytes.len() == data.len());
        if decoded.is_err() {
            assert_eq!(reader.finish(), Err(Malformed::Trailing));
            assert_eq!(T::from_bytes(&bytes).map(|again| again.to_bytes()).as_deref(), Ok(&bytes[..]));
        }
    }
    decoded.ok()
}
