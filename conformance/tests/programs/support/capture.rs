//! Everything that crosses the loopback interface, read from a packet socket (Linux, with the right to open one).

use std::{
    collections::BTreeMap,
    io::Read as _,
    net::UdpSocket,
    sync::mpsc::{self, Receiver},
    thread,
    time::{Duration, Instant},
};

use socket2::{Domain, Protocol, Socket, Type};

use super::{BOUND, unique};

/// Every protocol (`ETH_P_ALL`), in network order.
const EVERYTHING: u16 = 3u16.to_be();
/// More is not kept; the test that captures is short.
const KEPT_BYTES_MAX: usize = 512 * 1024 * 1024;

/// One direction of one TCP connection: source and destination port.
pub(crate) type Direction = (u16, u16);

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
        let _ = socket.set_recv_buffer_size(64 * 1024 * 1024);
        let end_mark = unique("end");
        let mark = end_mark.clone();
        let (sender, packets) = mpsc::channel();
        thread::spawn(move || {
            let mut packet = vec![0; 128 * 1024];
            let (mut packets, mut kept) = (Vec::new(), 0);
            while let Ok(count) = (&socket).read(&mut packet) {
                if contains(&packet[..count], mark.as_bytes()) {
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
    pub(crate) fn streams(&self, ports: &[u16]) -> BTreeMap<Direction, Vec<u8>> {
        let mut segments = BTreeMap::<Direction, BTreeMap<u32, &[u8]>>::new();
        for (direction, seq, payload) in self.0.iter().filter_map(|packet| segment(packet)) {
            if ports.contains(&direction.0) || ports.contains(&direction.1) {
                let place = segments.entry(direction).or_default().entry(seq).or_default();
                if payload.len() > place.len() {
                    *place = payload;
                }
            }
        }
        segments
            .into_iter()
            .map(|(direction, segments)| (direction, segments.into_values().flatten().copied().collect()))
            .collect()
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
    haystack.windows(needle.len()).any(|window| window == needle)
}

/// Direction, sequence number and payload of an Ethernet frame with TCP over IPv4 in it.
fn segment(packet: &[u8]) -> Option<(Direction, u32, &[u8])> {
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
    if payload.is_empty() { None } else { Some(((port(0)?, port(2)?), seq, payload)) }
}
