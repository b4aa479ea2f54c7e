//! Nothing that people say, and nothing that they log in with, crosses the wire in the clear.

use std::{
    collections::BTreeMap,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
};

use sha2::{Digest as _, Sha256};

use crate::support::{
    capture::{Capture, contains},
    papo::{Options, Papo, text},
    programs,
    proxy::Proxy,
    tracker::Tracker,
    unique,
};

/// What nobody but the two may see.
struct Secrets {
    ana: String,
    bia: String,
    room: String,
    password: String,
    said: String,
    whispered: String,
}

impl Secrets {
    fn new() -> Self {
        let [room, password, said, whispered] = ["sala", "password", "said", "whispered"].map(unique);
        // Names have a length of their own; their ends are what is unique.
        let [ana, bia] = ["ana", "bia"].map(|name| unique(name).chars().take(32).collect());
        Self { ana, bia, room: room.chars().take(32).collect(), password, said, whispered }
    }

    /// Every form in which one of them could be seen.
    fn needles(&self) -> Vec<(&'static str, Vec<u8>)> {
        let hash = Sha256::digest(self.password.as_bytes()).to_vec();
        let hex = papo_proto::hex::encode(&hash);
        vec![
            ("a name", self.ana.clone().into()),
            ("a name", self.bia.clone().into()),
            ("a room", self.room.clone().into()),
            ("the password", self.password.clone().into()),
            ("the hash of the password", hash),
            ("the hash of the password in hexadecimal", hex.to_uppercase().into()),
            ("the hash of the password in hexadecimal", hex.into()),
            ("what was said in the room", self.said.clone().into()),
            ("what was said in private", self.whispered.clone().into()),
        ]
    }

    /// Both register through `spec`, make a room, and talk.
    fn live(&self, spec: &str) -> [Papo; 2] {
        let [mut ana, mut bia] =
            [&self.ana, &self.bia].map(|name| Options::new(name).tracker(spec).register(&self.password).log_in());
        ana.create(&self.room);
        bia.join(&self.room);
        bia.line(&format!("/chat #{}", self.room));
        bia.line(&self.said);
        ana.wait_message(&self.said);
        ana.line(&format!("/msg {} {}", self.bia, self.whispered));
        bia.wait_message(&self.whispered);
        bia.line("/peers");
        bia.wait_for("peers", |_| true);
        [ana, bia]
    }
}

/// Sends a marker in the clear over loopback: whatever looks for secrets must find this.
fn send_in_the_clear(marker: &str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("it has an address");
    let mut client = TcpStream::connect(address).expect("it listens");
    let (mut server, _) = listener.accept().expect("it was dialled");
    // In two segments, so that only a stream that is put together has it whole.
    client.set_nodelay(true).expect("a socket option");
    let (first, second) = marker.split_at(marker.len() / 2);
    let mut received = vec![0; first.len()];
    client.write_all(first.as_bytes()).expect("it is sent");
    server.read_exact(&mut received).expect("it arrives");
    client.write_all(second.as_bytes()).expect("it is sent");
    drop(client);
    server.read_to_end(&mut received).expect("it arrives");
    address
}

fn listens(papo: &Papo) -> SocketAddr {
    text(&papo.wait_for("ready", |_| true), "listen").parse().expect("an address")
}

#[test]
fn a_capture_of_loopback_finds_what_is_sent_in_the_clear() {
    let Some(capture) = Capture::start() else { return };
    let (marker, other) = (unique("marker"), unique("marker"));
    let address = send_in_the_clear(&marker);
    let packets = capture.stop();
    let streams = packets.streams(&[address.port()]);
    assert!(streams.values().any(|bytes| bytes == marker.as_bytes()), "{} packets", packets.len());
    assert!(!packets.contain(marker.as_bytes()), "it went in two segments");
    assert!(packets.contain(marker.split_at(marker.len() / 2).0.as_bytes()));
    assert!(!streams.values().any(|bytes| contains(bytes, other.as_bytes())));
}

#[test]
fn a_capture_of_loopback_holds_no_name_room_password_hash_or_text() {
    // Built first: while cargo works, others use the same ports.
    programs::tracker();
    let Some(capture) = Capture::start() else {
        eprintln!("no packet socket may be opened here: the tapping proxy alone shows the secrecy of the wire");
        return;
    };
    eprintln!("captured by a packet socket on all interfaces");
    let (marker, secrets) = (unique("marker"), Secrets::new());
    let marked = send_in_the_clear(&marker);
    let tracker = Tracker::start();
    let mut people = secrets.live(&tracker.spec());
    let mut ports = vec![marked.port(), tracker.address.port()];
    ports.extend(people.iter().map(|papo| listens(papo).port()));
    for papo in &mut people {
        assert_eq!(papo.quit(), 0);
    }
    let packets = capture.stop();
    let streams = packets.streams(&ports);

    // The capture can fail: it has the marker, and the preface of every kind of connection that there was.
    assert!(streams.values().any(|bytes| contains(bytes, marker.as_bytes())), "{} packets", packets.len());
    let to = |port: u16, preface: &[u8]| {
        streams.iter().filter(|((_, to, _), bytes)| *to == port && bytes.starts_with(preface)).count()
    };
    assert!(to(tracker.address.port(), b"papo/1 tracker\n") >= 2, "both sessions are in the capture");
    assert!(ports[2..].iter().any(|&port| to(port, b"papo/1 peer\n") >= 1), "their link is in the capture");

    for (what, needle) in secrets.needles() {
        assert!(!packets.contain(&needle), "{what} is in a packet");
        let seen = streams.iter().filter(|(_, bytes)| contains(bytes, &needle)).collect::<BTreeMap<_, _>>();
        assert!(seen.is_empty(), "{what} is on the wire: {:?}", seen.keys());
    }
}

#[test]
fn a_tapped_wire_holds_no_name_room_password_hash_or_text() {
    let (marker, secrets) = (unique("marker"), Secrets::new());
    let tracker = Tracker::start();
    let tap = Proxy::start(tracker.address);
    let people = secrets.live(&format!("{}#{}", tap.address, tracker.fingerprint));
    let mut flows = tap.flows();
    assert!(flows.len() >= 2, "both sessions went through the tap");

    // A link through a tap: two without a tracker, of whom one dials the proxy.
    let [mut left, right] = [&secrets.ana, &secrets.bia].map(|name| Options::new(name).start());
    let tap = Proxy::start(listens(&right));
    left.line(&format!("/connect {}", tap.address));
    left.wait_for("peer", |event| text(event, "what") == "linked");
    left.line(&format!("/all {}", secrets.said));
    right.wait_message(&secrets.said);
    let link = tap.flows();
    assert!(link.iter().any(|flow| flow.up.len() > 200 && flow.down.len() > 200), "the link went through the tap");
    flows.extend(link);

    // The tap can fail: what goes through it in the clear is found in it.
    let open = TcpListener::bind("127.0.0.1:0").expect("a port");
    let tap = Proxy::start(open.local_addr().expect("it has an address"));
    let mut client = TcpStream::connect(tap.address).expect("it listens");
    client.write_all(marker.as_bytes()).expect("it is sent");
    let mut received = vec![0; marker.len()];
    open.accept().expect("it was dialled").0.read_exact(&mut received).expect("it arrives");
    assert!(tap.flows().iter().any(|flow| contains(&flow.up, marker.as_bytes())));

    for (what, needle) in secrets.needles() {
        assert!(!flows.iter().any(|flow| contains(&flow.up, &needle) || contains(&flow.down, &needle)), "{what}");
    }
    drop(people);
}
