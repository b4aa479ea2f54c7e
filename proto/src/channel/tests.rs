//! Both ends of a channel, joined by memory.

use proptest::prelude::*;

use super::{transport::REKEY_AFTER, *};
use crate::{limits::FRAME_BYTES_MAX, rng::Seed};

fn frame_of(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    frame::encode(&mut out, |out| out.extend_from_slice(body));
    out
}

fn identity(number: u8) -> Identity {
    Identity::from_secret(&[number; 32])
}

/// Where one end of a pair starts.
#[derive(Clone)]
struct End {
    preface: Preface,
    identity: u8,
    seed: u8,
}

const ANA: End = End { preface: Preface::Peer, identity: 1, seed: 1 };
const BIA: End = End { preface: Preface::Peer, identity: 2, seed: 2 };

impl End {
    fn statics(&self) -> StaticKey {
        StaticKey::draw(&mut Seed([self.seed; 32]).stream("static", 0))
    }

    fn rng(&self) -> Stream {
        Seed([self.seed; 32]).stream("channel", 1)
    }

    fn dial(&self, out: &mut Vec<u8>) -> Channel {
        Channel::dial(self.preface, identity(self.identity), &self.statics(), self.rng(), out)
    }

    fn accept(&self) -> Channel {
        Channel::accept(self.preface, identity(self.identity), &self.statics(), self.rng())
    }
}

/// Feeds `bytes` in pieces of `size` and takes every step; stops at a fault.
fn feed(channel: &mut Channel, bytes: &[u8], size: usize, out: &mut Vec<u8>) -> Result<Vec<Step>, Fault> {
    let mut steps = Vec::new();
    for piece in bytes.chunks(size) {
        channel.handle_bytes(piece);
        while let Some(step) = channel.next_step(FRAME_BYTES_MAX, out)? {
            steps.push(step);
        }
    }
    Ok(steps)
}

/// What goes over the wire in a handshake, and both ends after it.
struct Pair {
    dialler: Channel,
    acceptor: Channel,
    first: Vec<u8>,
    second: Vec<u8>,
    third: Vec<u8>,
}

impl Pair {
    #[track_caller]
    fn established(dialler: &End, acceptor: &End, size: usize) -> Self {
        let (mut first, mut second, mut third) = (Vec::new(), Vec::new(), Vec::new());
        let (acceptor_key, dialler_key) = (identity(acceptor.identity).key(), identity(dialler.identity).key());
        let mut a = dialler.dial(&mut first);
        let mut b = acceptor.accept();
        assert_eq!(feed(&mut b, &first, size, &mut second), Ok(vec![]));
        assert_eq!(feed(&mut a, &second, size, &mut third), Ok(vec![Step::Identified(acceptor_key)]));
        assert!(third.is_empty() && !a.is_established(), "nothing is said before the key is confirmed");
        a.confirm(&mut third);
        assert_eq!(a.next_step(FRAME_BYTES_MAX, &mut Vec::new()), Ok(Some(Step::Established(acceptor_key))));
        assert_eq!(a.next_step(FRAME_BYTES_MAX, &mut Vec::new()), Ok(None));
        assert_eq!(feed(&mut b, &third, size, &mut Vec::new()), Ok(vec![Step::Established(dialler_key)]));
        assert!(a.is_established() && b.is_established());
        assert_eq!((a.buffered(), b.buffered()), (0, 0));
        Self { dialler: a, acceptor: b, first, second, third }
    }
}

#[track_caller]
fn carries(from: &mut Channel, to: &mut Channel, message: &[u8]) {
    let mut wire = Vec::new();
    from.seal(message, &mut wire);
    assert_eq!(wire.len(), 2 + message.len() + TAG_BYTES);
    assert_eq!(feed(to, &wire, wire.len(), &mut Vec::new()), Ok(vec![Step::Message(message.to_vec())]));
}

#[test]
fn two_ends_meet_and_talk_both_ways_however_the_stream_is_cut() {
    for size in 1..=SECOND_BYTES + 2 {
        let mut pair = Pair::established(&ANA, &BIA, size);
        carries(&mut pair.dialler, &mut pair.acceptor, b"from the dialler");
        carries(&mut pair.acceptor, &mut pair.dialler, b"from the acceptor");
        let mut wire = Vec::new();
        pair.dialler.seal(b"one", &mut wire);
        pair.dialler.seal(b"two", &mut wire);
        let steps = feed(&mut pair.acceptor, &wire, size, &mut Vec::new());
        assert_eq!(steps, Ok(vec![Step::Message(b"one".to_vec()), Step::Message(b"two".to_vec())]));
    }
}

#[test]
fn message_three_and_the_first_words_may_come_in_one_piece() {
    let (mut first, mut second, mut third) = (Vec::new(), Vec::new(), Vec::new());
    let (mut a, mut b) = (ANA.dial(&mut first), BIA.accept());
    feed(&mut b, &first, 99, &mut second).expect("valid");
    feed(&mut a, &second, 99, &mut third).expect("valid");
    a.confirm(&mut third);
    a.seal(b"hello", &mut third);
    let steps = feed(&mut b, &third, third.len(), &mut Vec::new());
    assert_eq!(steps, Ok(vec![Step::Established(identity(1).key()), Step::Message(b"hello".to_vec())]));
}

#[test]
fn the_same_seeds_say_the_same_bytes_and_others_do_not() {
    let (one, again) = (Pair::established(&ANA, &BIA, 64), Pair::established(&ANA, &BIA, 64));
    assert_eq!((&one.first, &one.second, &one.third), (&again.first, &again.second, &again.third));
    let other = Pair::established(&End { seed: 9, ..ANA }, &BIA, 64);
    assert_ne!(one.first, other.first);
}

#[test]
fn handshake_messages_have_the_lengths_of_the_protocol() {
    let pair = Pair::established(&ANA, &BIA, 64);
    let preface = Preface::Peer.line().len();
    assert_eq!(pair.first.len(), preface + 2 + FIRST_BYTES);
    assert_eq!(pair.second.len(), 2 + SECOND_BYTES);
    assert_eq!(pair.third.len(), 2 + THIRD_BYTES);
    assert_eq!((FIRST_BYTES, SECOND_BYTES, THIRD_BYTES), (32, 192, 160));
}

#[test]
fn a_changed_bit_anywhere_in_the_handshake_ends_it() {
    let sound = Pair::established(&ANA, &BIA, 64);
    for place in 0..sound.first.len() {
        let mut first = sound.first.clone();
        first[place] ^= 0x40;
        let mut second = Vec::new();
        let mut acceptor = BIA.accept();
        // A changed ephemeral key is still a key: then the dialler can't open the answer.
        if feed(&mut acceptor, &first, 999, &mut second).is_ok() && !second.is_empty() {
            let mut dialler = ANA.dial(&mut Vec::new());
            assert_eq!(feed(&mut dialler, &second, 999, &mut Vec::new()), Err(Fault::Handshake), "first, {place}");
        } else {
            assert!(second.is_empty(), "first, {place}");
        }
    }
    for place in 0..sound.second.len() {
        let mut second = sound.second.clone();
        second[place] ^= 1;
        let mut dialler = ANA.dial(&mut Vec::new());
        let result = feed(&mut dialler, &second, 999, &mut Vec::new());
        assert!(matches!(result, Err(Fault::Handshake | Fault::FrameTooLong)), "second, {place}: {result:?}");
    }
    for place in 0..sound.third.len() {
        let mut third = sound.third.clone();
        third[place] ^= 1;
        let mut acceptor = BIA.accept();
        feed(&mut acceptor, &sound.first, 999, &mut Vec::new()).expect("untouched");
        let result = feed(&mut acceptor, &third, 999, &mut Vec::new());
        assert!(matches!(result, Err(Fault::Handshake | Fault::FrameTooLong)), "third, {place}: {result:?}");
    }
}

#[test]
fn an_all_zero_point_is_refused_by_both_ends() {
    let mut first = Preface::Peer.line().to_vec();
    frame::encode(&mut first, |out| out.extend_from_slice(&[0; FIRST_BYTES]));
    let mut out = Vec::new();
    assert_eq!(feed(&mut BIA.accept(), &first, 999, &mut out), Err(Fault::Handshake));
    assert!(out.is_empty(), "nothing is answered");
    let mut second = Vec::new();
    frame::encode(&mut second, |out| out.extend_from_slice(&[0; SECOND_BYTES]));
    assert_eq!(feed(&mut ANA.dial(&mut Vec::new()), &second, 999, &mut Vec::new()), Err(Fault::Handshake));
}

#[test]
fn a_replayed_session_goes_nowhere() {
    let mut recorded = Pair::established(&ANA, &BIA, 64);
    let mut words = Vec::new();
    recorded.dialler.seal(b"pay me", &mut words);
    // To an acceptor in another connection: its ephemeral key is another, so message 3 does not open.
    let mut acceptor = End { seed: 77, ..BIA }.accept();
    let all = [&recorded.first[..], &recorded.third, &words].concat();
    assert_eq!(feed(&mut acceptor, &all, 999, &mut Vec::new()), Err(Fault::Handshake));
    // To a dialler in another connection.
    let mut dialler = End { seed: 78, ..ANA }.dial(&mut Vec::new());
    assert_eq!(feed(&mut dialler, &recorded.second, 999, &mut Vec::new()), Err(Fault::Handshake));
    // Within the session: a frame is heard once.
    feed(&mut recorded.acceptor, &words, 999, &mut Vec::new()).expect("the first time");
    assert_eq!(feed(&mut recorded.acceptor, &words, 999, &mut Vec::new()), Err(Fault::Decrypt));
}

#[test]
fn frames_swapped_dropped_or_reflected_are_not_opened() {
    let mut pair = Pair::established(&ANA, &BIA, 64);
    let (mut one, mut two) = (Vec::new(), Vec::new());
    pair.dialler.seal(b"one", &mut one);
    pair.dialler.seal(b"two", &mut two);
    assert_eq!(feed(&mut pair.acceptor, &two, 99, &mut Vec::new()), Err(Fault::Decrypt));
    assert_eq!(feed(&mut pair.acceptor, &one, 99, &mut Vec::new()), Err(Fault::Decrypt), "a fault is for good");
    assert_eq!(feed(&mut pair.dialler, &one, 99, &mut Vec::new()), Err(Fault::Decrypt), "its own words");
}

/// A stranger who knows the protocol, but signs as it likes.
fn forged_second(first: &[u8], payload: impl FnOnce(&[u8], [u8; 32]) -> Vec<u8>) -> Vec<u8> {
    let mut stranger = Handshake::new(Role::Acceptor, Preface::Peer, identity(3), &BIA.statics(), BIA.rng());
    let (_, message) = first.split_at(Preface::Peer.line().len() + 2);
    stranger.read::<0>(message).expect("a valid first message");
    let payload = payload(stranger.noise.get_handshake_hash(), stranger.statics);
    let mut message = vec![0; SECOND_BYTES + TAG_BYTES];
    let length = stranger.noise.write_message(&payload, &mut message).expect("a valid second message");
    frame_of(&message[..length])
}

#[test]
fn an_identity_that_did_not_sign_this_channel_is_refused() {
    type Payload<'a> = &'a dyn Fn(&[u8], [u8; 32]) -> Vec<u8>;
    let check = |payload: Payload<'_>, expected: Result<Vec<Step>, Fault>| {
        let mut first = Vec::new();
        let mut dialler = ANA.dial(&mut first);
        let second = forged_second(&first, payload);
        assert_eq!(feed(&mut dialler, &second, 999, &mut Vec::new()), expected);
    };
    let bia = identity(2);
    let good = |hash: &[u8], statics: [u8; 32]| binding::encode(&bia, Role::Acceptor, hash, &statics).to_vec();
    check(&good, Ok(vec![Step::Identified(bia.key())]));
    check(
        &|hash, statics| {
            let mut payload = good(hash, statics);
            payload[..32].copy_from_slice(&identity(4).key().0);
            payload
        },
        Err(Fault::BadIdentity),
    );
    check(&|_, statics| good(&[0; 32], statics), Err(Fault::BadIdentity));
    check(&|hash, _| good(hash, [0; 32]), Err(Fault::BadIdentity));
    check(&|hash, statics| binding::encode(&bia, Role::Dialler, hash, &statics).to_vec(), Err(Fault::BadIdentity));
    check(&|_, _| vec![0; BINDING_BYTES], Err(Fault::BadIdentity));
    check(&|_, _| vec![], Err(Fault::Handshake));
    check(&|hash, statics| [&good(hash, statics)[..], b"!"].concat(), Err(Fault::FrameTooLong));
}

#[test]
fn the_caller_sees_who_answers_before_it_has_said_who_it_is() {
    let (mut first, mut second) = (Vec::new(), Vec::new());
    let mut dialler = ANA.dial(&mut first);
    feed(&mut BIA.accept(), &first, 99, &mut second).expect("valid");
    let mut out = Vec::new();
    assert_eq!(feed(&mut dialler, &second, 99, &mut out), Ok(vec![Step::Identified(identity(2).key())]));
    assert!(out.is_empty());
    // An acceptor that goes on talking does not wait for its turn.
    assert_eq!(feed(&mut dialler, &[0], 1, &mut out), Err(Fault::Unexpected));
    assert!(out.is_empty());
}

#[test]
#[should_panic(expected = "confirmed once")]
fn confirming_nobody_is_a_broken_caller() {
    BIA.accept().confirm(&mut Vec::new());
}

#[test]
#[should_panic(expected = "before a channel is established")]
fn sealing_too_early_is_a_broken_caller() {
    ANA.dial(&mut Vec::new()).seal(b"early", &mut Vec::new());
}

#[test]
fn an_end_that_is_oneself_is_refused_by_both() {
    let double = End { seed: 3, ..ANA };
    let (mut first, mut second) = (Vec::new(), Vec::new());
    let mut dialler = ANA.dial(&mut first);
    feed(&mut double.accept(), &first, 99, &mut second).expect("valid");
    assert_eq!(feed(&mut dialler, &second, 99, &mut Vec::new()), Err(Fault::Oneself));
    // A dialler that goes on all the same meets the same refusal.
    let pair = Pair::established(&ANA, &BIA, 99);
    let mut acceptor = Channel::accept(Preface::Peer, identity(1), &BIA.statics(), BIA.rng());
    let mut second = Vec::new();
    feed(&mut acceptor, &pair.first, 99, &mut second).expect("valid");
    let mut handshake = Handshake::new(Role::Dialler, Preface::Peer, identity(1), &ANA.statics(), ANA.rng());
    handshake.write(&[], FIRST_BYTES, &mut Vec::new()).expect("valid");
    handshake.read::<BINDING_BYTES>(&second[2..]).expect("valid");
    let mut third = Vec::new();
    let payload = handshake.binding(Role::Dialler);
    handshake.write(&payload, THIRD_BYTES, &mut third).expect("valid");
    assert_eq!(feed(&mut acceptor, &third, 99, &mut Vec::new()), Err(Fault::Oneself));
}

#[test]
fn another_preface_is_refused_before_anything_is_said() {
    let mut out = Vec::new();
    let mut tracker = End { preface: Preface::Tracker, ..BIA }.accept();
    let mut first = Vec::new();
    ANA.dial(&mut first);
    assert_eq!(feed(&mut tracker, &first, 1, &mut out), Err(Fault::WrongPreface));
    let http = b"GET / HTTP/1.1\r\n\r\n";
    assert_eq!(feed(&mut BIA.accept(), http, 99, &mut out), Err(Fault::NotPapo));
    assert!(out.is_empty());
}

#[test]
fn a_preface_changed_on_the_way_spoils_the_handshake() {
    let mut first = Vec::new();
    let mut dialler = ANA.dial(&mut first);
    let changed = [Preface::Tracker.line(), &first[Preface::Peer.line().len()..]].concat();
    let mut second = Vec::new();
    feed(&mut End { preface: Preface::Tracker, ..BIA }.accept(), &changed, 99, &mut second).expect("looks valid");
    assert_eq!(feed(&mut dialler, &second, 99, &mut Vec::new()), Err(Fault::Handshake));
}

#[test]
fn lengths_are_refused_before_the_bytes_arrive() {
    let first = |length: u16| [Preface::Peer.line(), &length.to_be_bytes()].concat();
    assert_eq!(feed(&mut BIA.accept(), &first(32), 99, &mut Vec::new()), Ok(vec![]));
    assert_eq!(feed(&mut BIA.accept(), &first(33), 99, &mut Vec::new()), Err(Fault::FrameTooLong));
    assert_eq!(feed(&mut BIA.accept(), &first(65_535), 99, &mut Vec::new()), Err(Fault::FrameTooLong));
    assert_eq!(feed(&mut BIA.accept(), &first(0), 99, &mut Vec::new()), Err(Fault::Handshake));
    let mut pair = Pair::established(&ANA, &BIA, 99);
    let mut wire = Vec::new();
    pair.dialler.seal(&[7; 100], &mut wire);
    pair.acceptor.handle_bytes(&wire);
    assert_eq!(pair.acceptor.buffered(), 2 + 100 + TAG_BYTES);
    assert!(pair.acceptor.next_step(100 + TAG_BYTES, &mut Vec::new()).is_ok_and(|step| step.is_some()), "at the bound");
    wire.clear();
    pair.dialler.seal(&[7; 101], &mut wire);
    pair.acceptor.handle_bytes(&wire[..2]);
    assert_eq!(pair.acceptor.next_step(100 + TAG_BYTES, &mut Vec::new()), Err(Fault::FrameTooLong));
    assert_eq!(pair.acceptor.buffered(), 0, "what is refused is not kept");
}

#[test]
fn a_frame_without_a_message_is_malformed_and_one_without_a_tag_cannot_be_opened() {
    let mut pair = Pair::established(&ANA, &BIA, 99);
    let mut wire = Vec::new();
    let State::Transport(transport, _) = &mut pair.dialler.state else { panic!("established") };
    transport.seal_any(&[], &mut wire);
    assert_eq!(feed(&mut pair.acceptor, &wire, 99, &mut Vec::new()), Err(Fault::Malformed));
    for length in 0..TAG_BYTES {
        let mut pair = Pair::established(&ANA, &BIA, 99);
        let wire = frame_of(&vec![0; length]);
        assert_eq!(feed(&mut pair.acceptor, &wire, 99, &mut Vec::new()), Err(Fault::Decrypt), "{length}");
    }
}

/// Sets when both ends replace their keys.
fn rekey_after(pair: &mut Pair, messages: u64) {
    for channel in [&mut pair.dialler, &mut pair.acceptor] {
        let State::Transport(transport, _) = &mut channel.state else { panic!("established") };
        transport.rekey_after = messages;
    }
}

#[test]
fn both_ends_replace_each_direction_s_key_after_the_same_message() {
    let mut pair = Pair::established(&ANA, &BIA, 99);
    rekey_after(&mut pair, 3);
    for number in 0..20u8 {
        carries(&mut pair.dialler, &mut pair.acceptor, &[number, 1]);
        if number % 4 == 0 {
            carries(&mut pair.acceptor, &mut pair.dialler, &[number, 2]);
        }
    }
    // It is the key that changed: an end that does not replace its own can't go on.
    let mut pair = Pair::established(&ANA, &BIA, 99);
    rekey_after(&mut pair, 3);
    let State::Transport(transport, _) = &mut pair.acceptor.state else { panic!("established") };
    transport.rekey_after = 1_000;
    for number in 0..3u8 {
        carries(&mut pair.dialler, &mut pair.acceptor, &[number]);
    }
    let mut wire = Vec::new();
    pair.dialler.seal(b"fourth", &mut wire);
    assert_eq!(feed(&mut pair.acceptor, &wire, 99, &mut Vec::new()), Err(Fault::Decrypt));
}

#[test]
fn a_long_conversation_crosses_the_real_rekeying() {
    let mut pair = Pair::established(&ANA, &BIA, 99);
    let (mut wire, mut heard) = (Vec::new(), 0u64);
    for _ in 0..REKEY_AFTER + 2 {
        wire.clear();
        pair.dialler.seal(b"x", &mut wire);
        pair.acceptor.handle_bytes(&wire);
        while let Some(step) = pair.acceptor.next_step(FRAME_BYTES_MAX, &mut Vec::new()).expect("in step") {
            assert_eq!(step, Step::Message(b"x".to_vec()));
            heard += 1;
        }
    }
    assert_eq!(heard, REKEY_AFTER + 2);
}

#[test]
fn nothing_secret_is_shown_in_debug() {
    let mut pair = Pair::established(&ANA, &BIA, 99);
    let mut wire = Vec::new();
    pair.dialler.seal(b"hush", &mut wire);
    let steps = feed(&mut pair.acceptor, &wire, 99, &mut Vec::new()).expect("valid");
    assert_eq!(format!("{:?}", steps), "[Message(4 bytes)]");
    assert_eq!(format!("{:?} {:?}", pair.dialler, BIA.accept()), "Channel(transport) Channel(await preface)");
    assert_eq!(format!("{:?}", ANA.dial(&mut Vec::new())), "Channel(await second)");
}

#[test]
fn garbage_of_every_length_is_a_fault_or_a_wait_and_never_an_answer() {
    let mut noise = Seed([5; 32]).stream("garbage", 0);
    for length in 0..600usize {
        let mut garbage = vec![0; length];
        noise.fill(&mut garbage);
        for bytes in [
            garbage.clone(),
            [Preface::Peer.line(), &garbage].concat(),
            [Preface::Peer.line(), &frame_of(&garbage)].concat(),
        ] {
            let mut out = Vec::new();
            let result = feed(&mut BIA.accept(), &bytes, 999, &mut out);
            // 32 bytes of garbage are a public key: it is answered once, and that is all.
            assert!(result.is_err() || result == Ok(vec![]), "{length}");
            assert!(out.is_empty() || length >= FIRST_BYTES, "{length}");
        }
        for bytes in [garbage.clone(), frame_of(&garbage)] {
            let result = feed(&mut ANA.dial(&mut Vec::new()), &bytes, 999, &mut Vec::new());
            assert!(result.is_err() || result == Ok(vec![]), "{length}");
        }
        let mut pair = Pair::established(&ANA, &BIA, 999);
        let result = feed(&mut pair.acceptor, &frame_of(&garbage), 999, &mut Vec::new());
        assert_eq!(result, Err(Fault::Decrypt), "{length}");
    }
}

proptest! {
    #[test]
    fn any_bytes_in_any_pieces_at_any_point_never_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..700),
        size in 1usize..300,
        sound in 0usize..3,
    ) {
        let pair = Pair::established(&ANA, &BIA, 999);
        let mut acceptor = BIA.accept();
        let mut out = Vec::new();
        for message in [&pair.first, &pair.third].into_iter().take(sound) {
            feed(&mut acceptor, message, 999, &mut out).expect("valid");
        }
        let _ = feed(&mut acceptor, &bytes, size, &mut out);
        prop_assert!(acceptor.buffered() <= 2 + FRAME_BYTES_MAX);
        let _ = feed(&mut ANA.dial(&mut Vec::new()), &bytes, size, &mut out);
    }

    #[test]
    fn any_message_arrives_as_it_was(message in proptest::collection::vec(any::<u8>(), 1..2000), size in 1usize..300) {
        let mut pair = Pair::established(&ANA, &BIA, 999);
        let mut wire = Vec::new();
        pair.acceptor.seal(&message, &mut wire);
        let steps = feed(&mut pair.dialler, &wire, size, &mut Vec::new());
        prop_assert_eq!(steps, Ok(vec![Step::Message(message)]));
    }
}
