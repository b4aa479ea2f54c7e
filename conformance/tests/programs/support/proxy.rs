//! A proxy that passes everything on and keeps a copy: a tap on one wire, for systems where none can be put on all.

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

/// What went over one connection.
#[derive(Debug, Default, Clone)]
pub(crate) struct Flow {
    /// From the one that dialled.
    pub(crate) up: Vec<u8>,
    /// To it.
    pub(crate) down: Vec<u8>,
}

/// A running proxy. Its threads end with the connections and with the test.
#[derive(Debug)]
pub(crate) struct Proxy {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    flows: Arc<Mutex<Vec<Flow>>>,
}

impl Proxy {
    /// Passes on to `upstream`.
    pub(crate) fn start(upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port of the loopback interface");
        let address = listener.local_addr().expect("a listener has an address");
        let flows = Arc::<Mutex<Vec<Flow>>>::default();
        let kept = Arc::clone(&flows);
        thread::spawn(move || {
            for client in listener.incoming() {
                let (Ok(client), Ok(server)) = (client, TcpStream::connect(upstream)) else { continue };
                let index = {
                    let mut flows = lock(&kept);
                    flows.push(Flow::default());
                    flows.len() - 1
                };
                pass(&client, &server, Arc::clone(&kept), move |flows, bytes| {
                    flows[index].up.extend_from_slice(bytes);
                });
                pass(&server, &client, Arc::clone(&kept), move |flows, bytes| {
                    flows[index].down.extend_from_slice(bytes);
                });
            }
        });
        Self { address, flows }
    }

    /// What went over each connection so far.
    pub(crate) fn flows(&self) -> Vec<Flow> {
        lock(&self.flows).clone()
    }
}

fn lock(flows: &Mutex<Vec<Flow>>) -> std::sync::MutexGuard<'_, Vec<Flow>> {
    flows.lock().unwrap_or_else(PoisonError::into_inner)
}

fn pass(
    from: &TcpStream,
    to: &TcpStream,
    flows: Arc<Mutex<Vec<Flow>>>,
    keep: impl Fn(&mut Vec<Flow>, &[u8]) + Send + 'static,
) {
    let (Ok(mut from), Ok(mut to)) = (from.try_clone(), to.try_clone()) else { return };
    thread::spawn(move || {
        let mut chunk = vec![0; 64 * 1024];
        while let Ok(count @ 1..) = from.read(&mut chunk) {
            keep(&mut lock(&flows), &chunk[..count]);
            if to.write_all(&chunk[..count]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Write);
    });
}
