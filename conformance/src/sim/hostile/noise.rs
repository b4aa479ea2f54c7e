//! What strangers say who speak no papo, or hardly.

use std::time::Duration;

use papo_proto::{channel::Preface, machine::CloseHow};

use super::{
    line::{Beat, Part, Tamper},
    machine::{Hostile, Out},
};

/// How many connections a flood has.
const FLOOD: usize = 80;
/// What other protocols say first.
const OTHERS: [&[u8]; 5] = [
    b"GET / HTTP/1.1\r\nHost: papo\r\n\r\n",
    &[0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03, 0x5a, 0x5a, 0x5a],
    b"SSH-2.0-OpenSSH_9.6\r\n",
    b"{\"type\":\"login\",\"user\":\"ana\"}\n",
    b"\r\n\r\n",
];

pub(super) fn garbage(node: &mut Hostile, out: &mut Out) {
    let (to, _) = node.pick_anyone();
    let bytes = node.next_bytes(2_000);
    node.dial_raw(to, vec![Beat::Raw(bytes)], out);
}

pub(super) fn other_protocols(node: &mut Hostile, out: &mut Out) {
    let (to, _) = node.pick_anyone();
    let bytes = node.luck.pick(&OTHERS).to_vec();
    node.dial_raw(to, vec![Beat::Raw(bytes)], out);
}

pub(super) fn prefaces(node: &mut Hostile, out: &mut Out) {
    let (to, preface) = node.pick_anyone();
    let line = preface.line();
    let said = match node.luck.below(4) {
        0 => line[..1 + node.luck.below(line.len() - 1)].to_vec(),
        1 => Preface::ALL.into_iter().find(|other| *other != preface).unwrap_or(preface).line().to_vec(),
        2 => b"papo/2 tracker\n".to_vec(),
        _ => [line, line].concat(),
    };
    node.dial_raw(to, vec![Beat::Raw(said)], out);
}

pub(super) fn frames(node: &mut Hostile, out: &mut Out) {
    let (to, preface) = node.pick_anyone();
    let frame = match node.luck.below(4) {
        0 => vec![0xff, 0xff],
        1 => vec![0, 0],
        2 => [&[0, 31][..], &node.next_bytes(31)].concat(),
        _ => [&[0, 32][..], &node.next_bytes(16)[..8]].concat(),
    };
    node.dial_raw(to, vec![Beat::Raw([preface.line(), &frame].concat())], out);
}

pub(super) fn zero_points(node: &mut Hostile, out: &mut Out) {
    let (to, preface) = node.pick_anyone();
    node.dial_raw(to, vec![Beat::Raw([preface.line(), &[0, 32], &[0; 32]].concat())], out);
}

pub(super) fn dribble(node: &mut Hostile, out: &mut Out) {
    let (to, preface) = node.pick_anyone();
    let wait = node.luck.duration(Duration::from_millis(20), Duration::from_secs(2));
    let point = node.next_bytes(32);
    let bytes = [preface.line(), &[0, 32], &point].concat();
    let script = bytes.into_iter().flat_map(|byte| [Beat::Raw(vec![byte]), Beat::Wait(wait)]);
    node.dial_raw(to, script.collect(), out);
}

pub(super) fn silence(node: &mut Hostile, out: &mut Out) {
    let (to, _) = node.pick_anyone();
    node.dial_raw(to, Vec::new(), out);
}

pub(super) fn flood(node: &mut Hostile, out: &mut Out) {
    let (to, preface) = node.pick_anyone();
    let speaks = node.luck.chance(0.5);
    for _ in 0..FLOOD {
        let script = if speaks { vec![Beat::Raw(preface.line().to_vec())] } else { Vec::new() };
        node.dial_raw(to, script, out);
    }
}

pub(super) fn fickle_handshakes(node: &mut Hostile, out: &mut Out) {
    let (to, preface) = node.pick_anyone();
    let how = *node.luck.pick(&[CloseHow::Flush, CloseHow::Abort]);
    if node.luck.chance(0.5) {
        // After message 1.
        let (point, wait) = (node.next_bytes(32), node.luck.duration(Duration::from_millis(1), Duration::from_secs(1)));
        let first = [preface.line(), &[0, 32], &point].concat();
        node.dial_raw(to, vec![Beat::Raw(first), Beat::Wait(wait), Beat::Close(how)], out);
    } else {
        // After message 3.
        node.dial_as_nobody(to, preface, Part::Stranger, Tamper::None, vec![Beat::Close(how)], out);
    }
}
