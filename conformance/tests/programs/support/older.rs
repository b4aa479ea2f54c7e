//! A client of the older JSON system, as it was: it listens, it asks the tracker, and it takes what one read brings for
//! one object. Two that are glued together, half a one, or half a character would have ended it, and end the test.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::BOUND;

/// As much as it reads at once from its tracker.
const REPLY_BYTES: usize = 4096;
/// As much as it reads at once from another peer.
const PEER_BYTES: usize = 1024;
/// SHA-256 of `segredo`, as every such client makes it.
const PASSWORD: &str = "a36cac71d1a44a1593a22d98403455bd2d6f737e465c4cf3fcead29381a08335";

/// A connection in objects.
#[derive(Debug)]
pub(crate) struct Objects {
    stream: TcpStream,
    bytes_max: usize,
}

impl Objects {
    fn new(stream: TcpStream, bytes_max: usize) -> Self {
        stream.set_read_timeout(Some(BOUND)).expect("a timeout");
        Self { stream, bytes_max }
    }

    /// Says hello to another peer.
    #[track_caller]
    pub(crate) fn dial(address: SocketAddr, username: &str) -> Self {
        let mut objects = Self::new(TcpStream::connect(address).expect("it listens"), PEER_BYTES);
        objects.say(&json!({ "cmd": "HELLO", "username": username }));
        objects
    }

    /// Writes one object.
    #[track_caller]
    pub(crate) fn say(&mut self, object: &Value) {
        self.say_bytes(object.to_string().as_bytes());
    }

    /// Writes bytes.
    #[track_caller]
    pub(crate) fn say_bytes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("it is taken");
    }

    /// What one read brings: one object, or `None` at the end, whichever way it ends.
    #[track_caller]
    pub(crate) fn read(&mut self) -> Option<Value> {
        let mut buffer = vec![0; self.bytes_max];
        let count = match self.stream.read(&mut buffer) {
            Err(error) if error.kind() == ErrorKind::ConnectionReset => 0,
            read => read.expect("something comes in time"),
        };
        if count == 0 {
            return None;
        }
        let text = std::str::from_utf8(&buffer[..count]).expect("an old client dies of half a character");
        Some(serde_json::from_str(text).unwrap_or_else(|why| panic!("an old client dies of {text:?}: {why}")))
    }

    /// The next object.
    #[track_caller]
    pub(crate) fn hear(&mut self) -> Value {
        self.read().expect("the connection stands")
    }

    /// Whether nothing comes for a while.
    pub(crate) fn hears_nothing_for(&self, silence: Duration) -> bool {
        self.stream.set_read_timeout(Some(silence)).expect("a timeout");
        let nothing = self.stream.peek(&mut [0]).is_err();
        self.stream.set_read_timeout(Some(BOUND)).expect("a timeout");
        nothing
    }
}

/// Such a client, with its connection to the tracker.
#[derive(Debug)]
pub(crate) struct Older {
    /// What it is called.
    pub(crate) user: String,
    /// Where it listens.
    pub(crate) listen: SocketAddr,
    /// Its connection to the tracker.
    pub(crate) tracker: Objects,
    accepted: Receiver<TcpStream>,
}

impl Older {
    /// One that listens and is connected, and has said nothing.
    #[track_caller]
    pub(crate) fn connect(user: &str, tracker: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let listen = listener.local_addr().expect("an address");
        let (sender, accepted) = channel();
        // It ends with the first connection that nobody wants any more.
        thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                if sender.send(stream).is_err() {
                    return;
                }
            }
        });
        let tracker = Objects::new(TcpStream::connect(tracker).expect("it listens"), REPLY_BYTES);
        Self { user: user.to_owned(), listen, tracker, accepted }
    }

    /// One that has just made an account.
    #[track_caller]
    pub(crate) fn registered(user: &str, tracker: SocketAddr) -> Self {
        let mut older = Self::connect(user, tracker);
        let reply = older.enter("REGISTER");
        assert_eq!(reply["status"], "OK", "{reply}");
        older
    }

    /// Registers, or logs in.
    #[track_caller]
    pub(crate) fn enter(&mut self, cmd: &str) -> Value {
        let object = json!({
            "cmd": cmd, "username": self.user, "password": PASSWORD,
            "address": self.listen.ip().to_string(), "port": self.listen.port(),
        });
        self.ask(&object)
    }

    /// Asks the tracker, and takes what is read next for the answer.
    #[track_caller]
    pub(crate) fn ask(&mut self, object: &Value) -> Value {
        self.tracker.say(object);
        self.tracker.hear()
    }

    /// Asks again and again until the answer is as wanted: for what changes without being told.
    #[track_caller]
    pub(crate) fn ask_until(&mut self, object: &Value, wanted: impl Fn(&Value) -> bool) -> Value {
        let end = Instant::now() + BOUND;
        loop {
            let found = self.ask(object);
            if wanted(&found) {
                return found;
            }
            assert!(Instant::now() < end, "it was never as wanted: {found}");
        }
    }

    /// Something about a room.
    #[track_caller]
    pub(crate) fn ask_room(&mut self, cmd: &str, room: &str) -> Value {
        let object = json!({ "cmd": cmd, "room": room, "username": self.user });
        self.ask(&object)
    }

    /// The next connection that somebody makes to it.
    #[track_caller]
    pub(crate) fn accept(&self) -> Objects {
        Objects::new(self.accepted.recv_timeout(BOUND).expect("somebody connects in time"), PEER_BYTES)
    }

    /// The next connection, if somebody makes one within a while.
    pub(crate) fn try_accept(&self, within: Duration) -> Option<Objects> {
        self.accepted.recv_timeout(within).ok().map(|stream| Objects::new(stream, PEER_BYTES))
    }

    /// Answers whoever asks whether it is there, from now on; other calls are not taken any more.
    pub(crate) fn answer_pings(&mut self) {
        let calls = std::mem::replace(&mut self.accepted, channel().1);
        thread::spawn(move || {
            for stream in calls {
                let mut call = Objects::new(stream, PEER_BYTES);
                if call.read() == Some(json!({ "cmd": "PING" })) {
                    call.say(&json!({ "cmd": "PONG" }));
                }
            }
        });
    }

    /// Whether nobody connects for a while.
    pub(crate) fn is_left_alone_for(&self, silence: Duration) -> bool {
        self.try_accept(silence).is_none()
    }
}

/// A message, as it stands on the wire.
pub(crate) fn message(room: Option<&str>, username: &str, content: &str) -> Value {
    json!({ "cmd": "MESSAGE", "room": room, "username": username, "content": content })
}
