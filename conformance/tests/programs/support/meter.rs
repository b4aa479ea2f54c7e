//! A wire that counts what crosses it, and is slow where a test needs time to look.

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

/// A running wire. Its threads end with the connections and with the test.
#[derive(Debug)]
pub(crate) struct Meter {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    way: Arc<Way>,
}

/// What goes to those who dialled.
#[derive(Debug, Default)]
struct Way {
    bytes: AtomicU64,
    /// How long each piece takes, in microseconds.
    pause_us: AtomicU64,
}

/// As much as is passed on at once.
const PIECE_BYTES: usize = 16 * 1024;

impl Meter {
    /// Passes on to `upstream`, whoever listens there at the time.
    pub(crate) fn start(upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port of the loopback interface");
        let address = listener.local_addr().expect("a listener has an address");
        let way = Arc::<Way>::default();
        let passed = Arc::clone(&way);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(upstream) else { continue };
                let (Ok(client_too), Ok(server_too)) = (client.try_clone(), server.try_clone()) else { continue };
                let way = Arc::clone(&passed);
                thread::spawn(move || pass(client, server, &Way::default()));
                thread::spawn(move || pass(server_too, client_too, &way));
            }
        });
        Self { address, way }
    }

    /// From now on those who dialled are sent so many bytes a second at most.
    pub(crate) fn limit(&self, bytes_a_second: u64) {
        self.way.pause_us.store(PIECE_BYTES as u64 * 1_000_000 / bytes_a_second, Ordering::Relaxed);
    }

    /// As many as there are.
    pub(crate) fn unlimit(&self) {
        self.way.pause_us.store(0, Ordering::Relaxed);
    }

    /// How many bytes those who dialled were sent, over all connections.
    pub(crate) fn to_client(&self) -> u64 {
        self.way.bytes.load(Ordering::Relaxed)
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, way: &Way) {
    // Little is on its way within, so that whoever is killed has sent hardly more than what arrives.
    let mut chunk = vec![0; PIECE_BYTES];
    while let Ok(read @ 1..) = from.read(&mut chunk) {
        way.bytes.fetch_add(read as u64, Ordering::Relaxed);
        thread::sleep(Duration::from_micros(way.pause_us.load(Ordering::Relaxed)));
        if to.write_all(&chunk[..read]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
    let _ = from.shutdown(Shutdown::Read);
}
