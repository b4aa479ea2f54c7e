//! Everything that crosses the loopback interface, read from a packet socket (Linux, with the right to open one).

use std::{
    collections::BTreeMap,
    io::Read as _,
    net::UdpSocket,
    sync::mpsc::{self, Receiver},
    thread,
    time::{Duration, Instant},
};

use nix::sys::socket::{self, sockopt};
use socket2::{Domain, Protocol, Socket, Type};

use super::{BOUND, unique};

/// Every protocol (`ETH_P_ALL`), in network order.
const EVERYTHING: u16 = 3u16.to_be();
/// More is not kept; the test that captures is short.
const KEPT_BYTES_MAX: usize = 512 * 1024 * 1024;
/// What may wait for the reader.
const BUFFER_BYTES: usize = 128 * 1024 * 1024;
/// The packet that ends a capture is shorter.
const MARK_BYTES_MAX: usize = 256;

/// One direction of one TCP connection: source and destination port, and the how many-th that had these.
pub(crate) type Direction = (u16, u16, usize);

/// A running capture.
#[derive(Debug)]
pub(crate) struct Capture {
    /// The reader ends when it sees this: all that was sent before has been read then.
    end_mark: String,
    packets: Receiver<Vec<Vec<u8>>>,
}

impl Capture {
    /// Starts to listen to every interface; `None` where that is not allowed or not known.
    pub(crate) fn start() -> Option<Self> {
        let socket = Socket::new(Domain::PACKET, Type::RAW, Some(Protocol::from(i32::from(EVERYTHING)))).ok()?;
        // Without it a busy machine loses packets, and the test says so.
        let _ = socket::setsockopt(&socket, sockopt::RcvBufForce, &BUFFER_BYTES);
        let end_mark = unique("end");
        let mark = end_mark.clone();
        let (sender, packets) = mpsc::channel();
        thread::spawn(move || {
            let mut packet = vec![0; 128 * 1024];
            let (mut packets, mut kept) = (Vec::new(), 0);
            while let Ok(count) = (&socket).read(&mut packet) {
                if count < MARK_BYTES_MAX && contains(&packet[..count], mark.as_bytes()) {
                    break;
                }
                if kept < KEPT_BYTES_MAX {
                    kept += count;
                    packets.push(packet[..count].to_vec());
                }
            }
            let _ = sender.send(packets);
        });
        Some(Self { end_mark, packets })
    }

    /// Ends it; every packet in it.
    #[track_caller]
    pub(crate) fn stop(self) -> Packets {
        let until = Instant::now() + BOUND;
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
        let to = socket.local_addr().expect("it has an address");
        while Instant::now() < until {
            // Again, because a busy capture may lose one.
            socket.send_to(self.end_mark.as_bytes(), to).expect("it is sent");
            if let Ok(packets) = self.packets.recv_timeout(Duration::from_millis(500)) {
                return Packets(packets);
            }
        }
        panic!("the capture never saw its end");
    }
}

/// What was captured.
#[derive(Debug)]
pub(crate) struct Packets(Vec<Vec<u8>>);

impl Packets {
    /// The byte streams of all TCP connections that have one of these ports at one end. Segments are put in order, and
    /// what was seen twice (the interface shows each both leaving and arriving) is there once.
    ///
    /// Fails when a piece of one is missing: a capture with holes shows nothing.
    #[track_caller]
    pub(crate) fn streams(&self, ports: &[u16]) -> BTreeMap<Direction, Vec<u8>> {
        let mut starts = BTreeMap::<(u16, u16), Vec<u32>>::new();
        let mut segments = BTreeMap::<Direction, BTreeMap<u32, &[u8]>>::new();
        for Segment { from, to, begins, seq, payload } in self.0.iter().filter_map(|packet| segment(packet)) {
            if !ports.contains(&from) && !ports.contains(&to) {
                continue;
            }
            let starts = starts.entry((from, to)).or_default();
            if begins && !starts.contains(&seq) {
                starts.push(seq);
            }
            if !payload.is_empty() {
                let place = segments.entry((from, to, starts.len())).or_default().entry(seq).or_default();
                if payload.len() > place.len() {
                    *place = payload;
                }
            }
        }
        segments.into_iter().map(|(direction, segments)| (direction, joined(&segments))).collect()
    }

    /// Whether any packet of anyone's has these bytes in it.
    pub(crate) fn contain(&self, needle: &[u8]) -> bool {
        self.0.iter().any(|packet| contains(packet, needle))
    }

    /// How many packets there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

/// Whether `needle` stands somewhere in `haystack`.
pub(crate) fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    memchr::memmem::find(haystack, needle).is_some()
}

/// Segments by sequence number, as one stream.
#[track_caller]
fn joined(segments: &BTreeMap<u32, &[u8]>) -> Vec<u8> {
    let mut stream = Vec::new();
    let mut next = segments.first_key_value().map_or(0, |(&seq, _)| seq);
    for (&seq, payload) in segments {
        // What was sent again overlaps what is there.
        let known = next.wrapping_sub(seq) as usize;
        assert!(known <= stream.len(), "packets were lost by the capture: {seq} follows {next}");
        if let Some(new) = payload.get(known..) {
            stream.extend_from_slice(new);
            next = next.wrapping_add(u32::try_from(new.len()).expect("a segment is short"));
        }
    }
    stream
}

/// A TCP segment over IPv4.
struct Segment<'a> {
    from: u16,
    to: u16,
    /// Whether it begins a connection (SYN).
    begins: bool,
    seq: u32,
    payload: &'a [u8],
}

/// What is in an Ethernet frame.
fn segment(packet: &[u8]) -> Option<Segment<'_>> {
    let (ethernet, ip) = packet.split_at_checked(14)?;
    if ethernet[12..] != [0x08, 0x00] {
        return None;
    }
    let header = usize::from(ip.first()? & 15) * 4;
    let length = usize::from(u16::from_be_bytes([*ip.get(2)?, *ip.get(3)?]));
    if *ip.get(9)? != 6 {
        return None;
    }
    let tcp = ip.get(header..length)?;
    let port = |at: usize| Some(u16::from_be_bytes([*tcp.get(at)?, *tcp.get(at + 1)?]));
    let seq = u32::from_be_bytes(tcp.get(4..8)?.try_into().ok()?);
    let payload = tcp.get(usize::from(tcp.get(12)? >> 4) * 4..)?;
    Some(Segment { from: port(0)?, to: port(2)?, begins: tcp.get(13)? & 2 != 0, seq, payload })
}
