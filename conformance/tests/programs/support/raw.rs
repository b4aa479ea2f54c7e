//! A client of a tracker, or a peer, that says what it likes, when it likes: what a stranger could write from
//! PROTOCOL.md.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Read as _, Write as _},
    net::{IpAddr, SocketAddr, TcpStream},
    time::Duration,
};

use papo_proto::{
    channel::{Channel, Preface, StaticKey, Step},
    identity::Identity,
    limits::FRAME_BYTES_MAX,
    names::Name,
    rng::Seed,
    wire::{
        codec::Wire as _,
        tracker::{Claimed, FromTracker, PasswordHash, Prefix, ToTracker},
    },
};
use socket2::{Domain, SockAddr, Socket, Type};

use super::BOUND;

/// A connection whose handshake is done.
#[derive(Debug)]
pub(crate) struct Raw {
    pub(crate) stream: TcpStream,
    channel: Channel,
    request: u32,
}

/// The secret of the identity of this number.
pub(crate) fn secret(identity: u32) -> [u8; 32] {
    let mut secret = [9; 32];
    secret[..4].copy_from_slice(&identity.to_be_bytes());
    secret
}

/// Connects, from another address of this host if one is named.
pub(crate) fn connect(to: SocketAddr, from: Option<IpAddr>) -> io::Result<TcpStream> {
    let stream: TcpStream = match from {
        None => TcpStream::connect(to)?,
        Some(from) => {
            let socket = Socket::new(Domain::for_address(to), Type::STREAM, None)?;
            socket.bind(&SockAddr::from(SocketAddr::new(from, 0)))?;
            socket.connect(&SockAddr::from(to))?;
            socket.into()
        }
    };
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(BOUND))?;
    stream.set_write_timeout(Some(BOUND))?;
    Ok(stream)
}

impl Raw {
    /// A handshake with a tracker as anyone can make it, with the identity of this number.
    pub(crate) fn connect(to: SocketAddr, identity: u32) -> io::Result<Self> {
        Self::connect_from(to, None, identity)
    }

    /// The same from another address of this host.
    pub(crate) fn connect_from(to: SocketAddr, from: Option<IpAddr>, identity: u32) -> io::Result<Self> {
        Self::shake_hands(connect(to, from)?, Preface::Tracker, identity)
    }

    /// A handshake with a peer.
    pub(crate) fn link(to: SocketAddr, identity: u32) -> io::Result<Self> {
        Self::shake_hands(connect(to, None)?, Preface::Peer, identity)
    }

    fn shake_hands(mut stream: TcpStream, preface: Preface, identity: u32) -> io::Result<Self> {
        let secret = secret(identity);
        let seed = Seed(secret);
        let statics = StaticKey::draw(&mut seed.stream("static", 0));
        let mut out = Vec::new();
        let identity = Identity::from_secret(&secret);
        let mut channel = Channel::dial(preface, identity, &statics, seed.stream("channel", 0), &mut out);
        let mut chunk = [0; 4096];
        loop {
            stream.write_all(&out)?;
            out.clear();
            match channel.next_step(FRAME_BYTES_MAX, &mut out).map_err(io::Error::other)? {
                Some(Step::Identified(_)) => channel.confirm(&mut out),
                Some(Step::Established(_)) => return Ok(Self { stream, channel, request: 0 }),
                Some(Step::Message(_)) => return Err(io::Error::other("the tracker speaks before login")),
                None => match stream.read(&mut chunk)? {
                    0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                    count => channel.handle_bytes(&chunk[..count]),
                },
            }
        }
    }

    /// The number of the next request.
    pub(crate) fn next_request(&mut self) -> u32 {
        self.request += 1;
        self.request
    }

    /// Seals something, which need be no message, without sending it.
    pub(crate) fn seal(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        self.channel.seal(bytes, &mut out);
        out
    }

    /// Sends what need be no message.
    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        let sealed = self.seal(bytes);
        self.stream.write_all(&sealed)
    }

    /// Sends a message.
    pub(crate) fn send(&mut self, message: &ToTracker) -> io::Result<()> {
        self.send_bytes(&message.to_bytes())
    }

    /// The next message of a tracker, within the socket's timeout.
    pub(crate) fn receive(&mut self) -> io::Result<FromTracker> {
        FromTracker::from_bytes(&self.receive_any()?).map_err(io::Error::other)
    }

    /// The next message, as it was sealed.
    pub(crate) fn receive_any(&mut self) -> io::Result<Vec<u8>> {
        let mut chunk = [0; 16 * 1024];
        loop {
            match self.channel.next_step(FRAME_BYTES_MAX, &mut Vec::new()).map_err(io::Error::other)? {
                Some(Step::Message(bytes)) => return Ok(bytes),
                Some(Step::Identified(_) | Step::Established(_)) => {}
                None => match self.stream.read(&mut chunk)? {
                    0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                    count => self.channel.handle_bytes(&chunk[..count]),
                },
            }
        }
    }

    /// Sends a request, and reads until it is answered.
    pub(crate) fn ask(&mut self, message: &ToTracker) -> io::Result<FromTracker> {
        self.send(message)?;
        self.answer(self.request)
    }

    /// Reads until the request of this number is answered; pings are answered meanwhile.
    pub(crate) fn answer(&mut self, wanted: u32) -> io::Result<FromTracker> {
        loop {
            let message = self.receive()?;
            match &message {
                FromTracker::Ping { nonce } => self.send(&ToTracker::Pong { nonce: *nonce })?,
                FromTracker::Welcome { request, .. }
                | FromTracker::Done { request }
                | FromTracker::Failed { request, .. }
                | FromTracker::Peers { request, .. }
                | FromTracker::Rooms { request, .. }
                | FromTracker::Whois { request, .. }
                    if *request == wanted =>
                {
                    return Ok(message);
                }
                FromTracker::Bye { .. } => return Err(io::ErrorKind::UnexpectedEof.into()),
                _ => {}
            }
        }
    }

    /// Makes an account and is logged in.
    pub(crate) fn register(&mut self, name: &str, password: &str) -> io::Result<FromTracker> {
        let (request, password) = (self.next_request(), PasswordHash::of(password));
        self.ask(&ToTracker::Register { request, name: named(name), password, token: None, claimed: nowhere() })
    }

    /// Logs in by password.
    pub(crate) fn log_in(&mut self, name: &str, password: &str) -> io::Result<FromTracker> {
        let (request, password) = (self.next_request(), PasswordHash::of(password));
        self.ask(&ToTracker::LoginPassword { request, name: named(name), password, claimed: nowhere() })
    }

    /// Logs in by key.
    pub(crate) fn log_in_by_key(&mut self, name: &str) -> io::Result<FromTracker> {
        let request = self.next_request();
        self.ask(&ToTracker::LoginKey { request, name: named(name), claimed: nowhere() })
    }

    /// Makes a room.
    pub(crate) fn create(&mut self, name: &str) -> io::Result<FromTracker> {
        let request = self.next_request();
        self.ask(&ToTracker::Create { request, name: named(name), capacity: 256, nonce: [7; 16], flags: 0 })
    }

    /// Joins one.
    pub(crate) fn join(&mut self, name: &str) -> io::Result<FromTracker> {
        let request = self.next_request();
        self.ask(&ToTracker::Join { request, name: named(name), plaintext: false })
    }

    /// Leaves one.
    pub(crate) fn leave(&mut self, name: &str) -> io::Result<FromTracker> {
        let request = self.next_request();
        self.ask(&ToTracker::Leave { request, name: named(name) })
    }

    /// Deletes one.
    pub(crate) fn delete(&mut self, name: &str) -> io::Result<FromTracker> {
        let request = self.next_request();
        self.ask(&ToTracker::Delete { request, name: named(name) })
    }

    /// Asks who someone is.
    pub(crate) fn whois(&mut self, name: &str) -> io::Result<FromTracker> {
        let request = self.next_request();
        self.ask(&ToTracker::WhoisName { request, name: named(name) })
    }

    /// Every room: its owner and its members.
    pub(crate) fn rooms(&mut self) -> io::Result<BTreeMap<String, (String, BTreeSet<String>)>> {
        let (mut rooms, mut after) = (BTreeMap::new(), None);
        loop {
            let request = self.next_request();
            let answer = self.ask(&ToTracker::ListRooms { request, prefix: Prefix::default(), after })?;
            let FromTracker::Rooms { rows, more, .. } = answer else {
                return Err(io::Error::other(format!("no list: {answer:?}")));
            };
            after = rows.last().map(|row| row.name.clone());
            for row in rows.iter() {
                let members = row.members.iter().map(ToString::to_string).collect();
                rooms.insert(row.name.to_string(), (row.owner.to_string(), members));
            }
            if !more {
                return Ok(rooms);
            }
        }
    }

    /// Waits for so long at most in each [`Self::receive`].
    pub(crate) fn set_patience(&self, patience: Duration) {
        self.stream.set_read_timeout(Some(patience)).expect("a socket option");
    }
}

/// A valid name.
pub(crate) fn named(name: &str) -> Name {
    Name::new(name).expect("a valid name")
}

/// Nowhere to be dialled.
fn nowhere() -> Claimed {
    Claimed::truncated(Vec::new())
}
