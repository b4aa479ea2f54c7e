//! A bad wire: a proxy that, once it is told to, delays, cuts what it passes on into pieces of one byte and more, and resets connections in
//! the midst of a frame. What it does follows from a seed.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::{IpAddr, SocketAddr, TcpListener, TcpStream},
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use papo_proto::rng::{Seed, Stream};
use socket2::SockRef;

use super::raw;

/// After so many bytes at least and at most a link is reset.
const RESET_BYTES: Range<u64> = 800..40_000;
/// Most pieces are delayed for so long at most.
const DELAY_US: u64 = 3_000;
/// How soon one direction hears that the other has reset the connection.
const LOOK: Duration = Duration::from_millis(50);

/// What a wire has done.
#[derive(Debug, Default)]
struct Counts {
    connections: AtomicU64,
    resets: AtomicU64,
    bytes: AtomicU64,
}

/// A running proxy. Its threads end with the connections and with the test.
#[derive(Debug)]
pub(crate) struct BadWire {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    bad: Arc<AtomicBool>,
    counts: Arc<Counts>,
}

/// One connection over it.
#[derive(Debug)]
struct Flow {
    client: TcpStream,
    server: TcpStream,
    reset: AtomicBool,
    /// Bytes of both directions until it is reset.
    left: AtomicU64,
}

impl BadWire {
    /// Passes on from `listener` to `upstream`, as `from` where that is given.
    pub(crate) fn start(listener: TcpListener, upstream: SocketAddr, from: Option<IpAddr>, seed: u64) -> Self {
        Self::start_resetting(listener, upstream, from, seed, RESET_BYTES)
    }

    /// The same with connections that are reset after other numbers of bytes.
    pub(crate) fn start_resetting(
        listener: TcpListener,
        upstream: SocketAddr,
        from: Option<IpAddr>,
        seed: u64,
        resets: Range<u64>,
    ) -> Self {
        let address = listener.local_addr().expect("a listener has an address");
        let (bad, counts) = (Arc::new(AtomicBool::new(false)), Arc::new(Counts::default()));
        let wire = Self { address, bad: Arc::clone(&bad), counts: Arc::clone(&counts) };
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = raw::connect(upstream, from) else { continue };
                let number = counts.connections.fetch_add(1, Ordering::Relaxed);
                let stream = |direction: u64| seeded(seed).stream("wire", number << 2 | direction);
                let left = AtomicU64::new(resets.start + stream(2).next_u64() % (resets.end - resets.start));
                let flow = Arc::new(Flow { client, server, reset: AtomicBool::new(false), left });
                for (up, direction) in [(true, 0), (false, 1)] {
                    let (flow, bad, counts) = (Arc::clone(&flow), Arc::clone(&bad), Arc::clone(&counts));
                    let dice = stream(direction);
                    thread::spawn(move || flow.pass(up, dice, &bad, &counts));
                }
            }
        });
        wire
    }

    /// Until now it was a good wire; from here on it is a bad one.
    pub(crate) fn spoil(&self) {
        self.bad.store(true, Ordering::Relaxed);
    }

    /// Connections, resets, bytes.
    pub(crate) fn counts(&self) -> (u64, u64, u64) {
        let Counts { connections, resets, bytes } = &*self.counts;
        (connections.load(Ordering::Relaxed), resets.load(Ordering::Relaxed), bytes.load(Ordering::Relaxed))
    }
}

fn seeded(seed: u64) -> Seed {
    let mut bytes = [0x3b; 32];
    bytes[..8].copy_from_slice(&seed.to_be_bytes());
    Seed(bytes)
}

impl Flow {
    /// Passes one direction on until either end is done, or it is reset.
    fn pass(&self, up: bool, mut dice: Stream, bad: &AtomicBool, counts: &Counts) {
        let (mut from, mut to) = if up { (&self.client, &self.server) } else { (&self.server, &self.client) };
        let set = from.set_read_timeout(Some(LOOK)).and_then(|()| to.set_nodelay(true));
        if set.is_err() {
            return self.cut();
        }
        // A third of the directions are cut into single bytes, the others into pieces of any length.
        let single = dice.next_u64().is_multiple_of(3);
        let mut chunk = [0; 2_048];
        while !self.reset.load(Ordering::Relaxed) {
            let mut rest = match from.read(&mut chunk) {
                Ok(0) => {
                    // The other direction goes on by itself.
                    let _ = to.shutdown(std::net::Shutdown::Write);
                    return;
                }
                Ok(count) => &chunk[..count],
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => continue,
                Err(_) => return self.cut(),
            };
            while !rest.is_empty() {
                let bad = bad.load(Ordering::Relaxed);
                let wished = if single { 1 } else { 1 + dice.next_u64() % 500 };
                let length = if bad { rest.len().min(wished as usize) } else { rest.len() };
                if bad && (!single || dice.next_u64().is_multiple_of(50)) {
                    thread::sleep(Duration::from_micros(dice.next_u64() % DELAY_US));
                }
                if to.write_all(&rest[..length]).is_err() {
                    return self.cut();
                }
                rest = &rest[length..];
                counts.bytes.fetch_add(length as u64, Ordering::Relaxed);
                let spent = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                    Some(left.saturating_sub(length as u64))
                });
                if spent.is_ok_and(|left| left <= length as u64) && bad {
                    counts.resets.fetch_add(u64::from(!self.reset.load(Ordering::Relaxed)), Ordering::Relaxed);
                    return self.cut();
                }
            }
        }
    }

    /// Both ends see a reset once both directions have let go of it.
    fn cut(&self) {
        for end in [&self.client, &self.server] {
            let _ = SockRef::from(end).set_linger(Some(Duration::ZERO));
        }
        self.reset.store(true, Ordering::Relaxed);
    }
}
