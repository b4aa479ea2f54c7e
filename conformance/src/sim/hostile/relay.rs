//! A man in the middle: whoever dials this node is handed on to somebody else, and what they say is altered at times.
//!
//! Keys are compared before anything is said, so all that comes of it is a dial that fails: the key is another than
//! expected, it is one's own, or a frame cannot be opened.

use papo_proto::machine::{CloseHow, ConnId};

use super::{
    Habit,
    line::{Beat, Line, Part, Tamper},
    machine::{Hostile, Out},
};

/// How many of those who dial are handed on.
const SHARE: f64 = 0.5;
/// How many of the pieces that are handed on are altered.
const ALTERED: f64 = 0.02;

/// Ends a link, so that somebody dials again.
pub(super) fn relay(node: &mut Hostile, out: &mut Out) {
    if let Some(link) = node.pick_link() {
        node.close(link, CloseHow::Abort, out);
    }
}

impl Hostile {
    /// Hands on whoever has just dialled, if it is to be; whether it is.
    pub(super) fn hand_on(&mut self, near: ConnId, out: &mut Out) -> bool {
        if !self.has(Habit::Relays) || self.start.people.is_empty() || !self.luck.chance(SHARE) {
            return false;
        }
        let to = self.luck.pick(&self.start.people).address;
        let far = self.dial_raw(to, Vec::new(), out);
        let mut line = Line::new(Part::Stranger, Tamper::None, None, Vec::new());
        (line.stands, line.relay) = (true, Some(far));
        self.lines.insert(near, line);
        if let Some(line) = self.lines.get_mut(&far) {
            line.relay = Some(near);
        }
        true
    }

    /// What came on one side goes out on the other.
    pub(super) fn pass_on(&mut self, to: ConnId, bytes: &[u8], out: &mut Out) {
        let mut bytes = bytes.to_vec();
        if self.luck.chance(ALTERED) {
            let at = self.luck.below(bytes.len());
            bytes[at] ^= 1;
        }
        self.add_beats(to, [Beat::Raw(bytes)], out);
    }
}
