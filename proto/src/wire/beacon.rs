//! What a peer calls out on its own network so that others find it (PROTOCOL.md, "Beacons").
//!
//! A beacon is one datagram. It says where its sender can be dialled, and neither name nor key: who it is comes from the
//! link. Whoever hears one believes nothing of it but that its source may be dialled at that port.

use super::codec::{Malformed, Reader, Wire};

/// What a beacon begins with.
const MAGIC: [u8; 4] = *b"papo";
/// The version of what follows.
const VERSION: u8 = 1;
/// How long a beacon is. Another length is another version's, or nobody's.
pub const BEACON_BYTES: usize = 4 + 1 + 2 + 8 + 2;

/// A peer is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Beacon {
    /// Where it listens for links; never 0.
    pub port: u16,
    /// A number that is new with each start and on each network; never 0.
    pub instance: u64,
    /// Where a tracker listens that it hosts, if it does; never 0.
    pub tracker: Option<u16>,
}

impl Wire for Beacon {
    fn encode(&self, out: &mut Vec<u8>) {
        MAGIC.encode(out);
        VERSION.encode(out);
        self.port.encode(out);
        self.instance.encode(out);
        self.tracker.unwrap_or(0).encode(out);
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let magic = <[u8; 4]>::decode(reader)?;
        if magic != MAGIC {
            return Err(Malformed::Kind(magic[0]));
        }
        let version = u8::decode(reader)?;
        if version != VERSION {
            return Err(Malformed::Kind(version));
        }
        let (port, instance, tracker) = (u16::decode(reader)?, u64::decode(reader)?, u16::decode(reader)?);
        if port == 0 || instance == 0 {
            return Err(Malformed::Kind(0));
        }
        Ok(Self { port, instance, tracker: (tracker != 0).then_some(tracker) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beacon_has_one_encoding_and_one_length() {
        let beacon = Beacon { port: 6061, instance: 0x0102_0304_0506_0708, tracker: Some(6060) };
        let bytes = beacon.to_bytes();
        assert_eq!(crate::hex::encode(&bytes), "7061706f0117ad010203040506070817ac");
        assert_eq!((bytes.len(), Beacon::from_bytes(&bytes)), (BEACON_BYTES, Ok(beacon)));
        for cut in 0..bytes.len() {
            assert_eq!(Beacon::from_bytes(&bytes[..cut]), Err(Malformed::Short), "cut at {cut}");
        }
        assert_eq!(Beacon::from_bytes(&[&bytes[..], &[0]].concat()), Err(Malformed::Trailing));
        let without = Beacon { tracker: None, ..beacon };
        assert_eq!(Beacon::from_bytes(&without.to_bytes()), Ok(without));
    }

    #[test]
    fn another_version_another_program_and_a_port_or_instance_of_zero_are_no_beacons() {
        let bytes = Beacon { port: 1, instance: 1, tracker: None }.to_bytes();
        for (at, byte, why) in [(0, b'P', b'P'), (3, 0, b'p'), (4, 0, 0), (4, 2, 2), (6, 0, 0), (14, 0, 0)] {
            let mut other = bytes.clone();
            other[at] = byte;
            assert_eq!(Beacon::from_bytes(&other), Err(Malformed::Kind(why)), "byte {at} as {byte}");
        }
    }
}
