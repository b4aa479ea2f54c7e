//! A wire that counts what crosses it, and changes nothing.

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

/// A running wire. Its threads end with the connections and with the test.
#[derive(Debug)]
pub(crate) struct Meter {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    to_client: Arc<AtomicU64>,
}

impl Meter {
    /// Passes on to `upstream`, whoever listens there at the time.
    pub(crate) fn start(upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port of the loopback interface");
        let address = listener.local_addr().expect("a listener has an address");
        let to_client = Arc::<AtomicU64>::default();
        let count = Arc::clone(&to_client);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(upstream) else { continue };
                let (Ok(client_too), Ok(server_too)) = (client.try_clone(), server.try_clone()) else { continue };
                let count = Arc::clone(&count);
                thread::spawn(move || pass(client, server, &AtomicU64::new(0)));
                thread::spawn(move || pass(server_too, client_too, &count));
            }
        });
        Self { address, to_client }
    }

    /// How many bytes those who dialled were sent, over all connections.
    pub(crate) fn to_client(&self) -> u64 {
        self.to_client.load(Ordering::Relaxed)
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, count: &AtomicU64) {
    // Little is on its way within, so that whoever is killed has sent hardly more than what arrives.
    let mut chunk = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut chunk) {
        count.fetch_add(read as u64, Ordering::Relaxed);
        if to.write_all(&chunk[..read]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
    let _ = from.shutdown(Shutdown::Read);
}
