//! What was heard elsewhere, said again; handshakes and frames that are almost right.

use papo_proto::wire::peer::ToPeer;

use super::{
    line::{Beat, Part, Tamper},
    machine::{Hostile, Out},
};

/// Pieces of what was heard that are said at once.
const PIECES_MAX: usize = 6;

pub(super) fn replay(node: &mut Hostile, out: &mut Out) {
    let (to, preface) = node.pick_anyone();
    let mut script = Vec::new();
    if node.luck.chance(0.5) {
        script.push(Beat::Raw(preface.line().to_vec()));
    }
    for _ in 0..1 + node.luck.below(PIECES_MAX) {
        let piece = node.next_overheard();
        script.push(Beat::Raw(piece));
    }
    node.dial_raw(to, script, out);
}

pub(super) fn broken_handshakes(node: &mut Hostile, out: &mut Out) {
    let (to, preface) = node.pick_anyone();
    // Of a dialler, those are message 1 and message 3.
    let which = node.luck.below(2);
    let tampers = [Tamper::Flip(which), Tamper::Twice(which), Tamper::Cut(which), Tamper::Hasty(which)];
    let tamper = *node.luck.pick(&tampers);
    node.dial_as_nobody(to, preface, Part::Stranger, tamper, Vec::new(), out);
}

pub(super) fn broken_frames(node: &mut Hostile, out: &mut Out) {
    let (to, preface) = node.pick_anyone();
    let script = match node.luck.below(3) {
        0 => vec![Beat::Raw([&[0, 40][..], &node.next_bytes(40)].concat())],
        // A piece that was sealed in another channel.
        1 => vec![Beat::Raw(node.next_overheard())],
        _ => {
            let nonce = node.luck.next_u64();
            vec![Beat::Sealed(node.encode_peer(&ToPeer::Ping { nonce })), Beat::Raw(vec![0, 5, 1, 2, 3, 4, 5])]
        }
    };
    node.dial_as_nobody(to, preface, Part::Stranger, Tamper::None, script, out);
}
