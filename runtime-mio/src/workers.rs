//! The threads that may block: commits, Argon2, name lookup. They answer through a channel and a waker.
//!
//! Invariant: every question is answered, also when its work panics, so that nothing waits for ever.

use std::{
    any::Any,
    io,
    net::ToSocketAddrs as _,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, Receiver, Sender, TryRecvError},
    },
    thread::{Builder, JoinHandle},
};

use mio::Waker;
use papo_proto::{
    disk::{self, DiskError},
    machine::{PasswordCheck, PasswordOutcome, RequestId, Seq},
};

use crate::node::{PasswordWork, Store, StoreError};

/// Threads for Argon2.
const PASSWORD_THREADS: usize = 2;
/// No more commits than this go into one transaction.
const GROUP_MAX: usize = 1024;

/// What a worker has to say.
pub(crate) enum Answer {
    Committed(Seq),
    CommitFailed(StoreError),
    PasswordChecked { request: RequestId, outcome: PasswordOutcome },
    Resolved { request: RequestId, addresses: Vec<std::net::SocketAddr> },
    Disk { request: RequestId, result: Result<disk::Answer, DiskError> },
}

/// How a worker answers: to the node of this number.
#[derive(Clone)]
pub(crate) struct Replies {
    answers: Sender<(usize, Answer)>,
    waker: Arc<Waker>,
}

impl Replies {
    pub(crate) fn send(&self, node: usize, answer: Answer) {
        // A reactor that has ended hears nothing more.
        if self.answers.send((node, answer)).is_ok() {
            let _ = self.waker.wake();
        }
    }
}

type Job = Box<dyn FnOnce(&Replies) + Send>;

/// The workers that all nodes share.
pub(crate) struct Workers {
    replies: Replies,
    answers: Receiver<(usize, Answer)>,
    passwords: Option<Sender<Job>>,
    resolver: Option<Sender<Job>>,
}

impl Workers {
    pub(crate) fn new(waker: Arc<Waker>) -> Self {
        let (sender, answers) = mpsc::channel();
        Self { replies: Replies { answers: sender, waker }, answers, passwords: None, resolver: None }
    }

    /// Starts the threads.
    pub(crate) fn start(&mut self) -> io::Result<()> {
        self.passwords = Some(pool("password", PASSWORD_THREADS, &self.replies)?);
        self.resolver = Some(pool("resolver", 1, &self.replies)?);
        Ok(())
    }

    pub(crate) const fn replies(&self) -> &Replies {
        &self.replies
    }

    /// The next answer that has come.
    pub(crate) fn next_answer(&self) -> Option<(usize, Answer)> {
        self.answers.try_recv().ok()
    }

    /// Checks or makes a verifier. Without `work`, and when it panics, no password matches.
    pub(crate) fn check_password(
        &self,
        node: usize,
        request: RequestId,
        check: PasswordCheck,
        work: Option<&Arc<PasswordWork>>,
    ) {
        let work = work.cloned();
        let job = move |replies: &Replies| {
            let outcome = match &work {
                Some(work) => catch_unwind(AssertUnwindSafe(|| work(&check))).unwrap_or_else(|panic| {
                    log::error!("a password could not be checked: {}", panic_text(&*panic));
                    PasswordOutcome::Mismatched
                }),
                None => PasswordOutcome::Mismatched,
            };
            replies.send(node, Answer::PasswordChecked { request, outcome });
        };
        queue(self.passwords.as_ref(), Box::new(job));
    }

    /// A node without a disk.
    pub(crate) fn deny(&self, node: usize, request: RequestId) {
        self.replies.send(node, Answer::Disk { request, result: Err(DiskError::Denied) });
    }

    /// Looks a name up.
    pub(crate) fn resolve(&self, node: usize, request: RequestId, host: String, port: u16) {
        let job = move |replies: &Replies| {
            let addresses = match (host.as_str(), port).to_socket_addrs() {
                Ok(addresses) => addresses.collect(),
                Err(error) => {
                    log::debug!("a name was not found: {error}");
                    Vec::new()
                }
            };
            replies.send(node, Answer::Resolved { request, addresses });
        };
        queue(self.resolver.as_ref(), Box::new(job));
    }
}

fn queue(pool: Option<&Sender<Job>>, job: Job) {
    let pool = pool.expect("workers are started before any machine is");
    assert!(pool.send(job).is_ok(), "the threads of a pool live as long as its sender");
}

/// Threads that work off one queue until its sender is gone. They are not joined: a lookup may take minutes.
fn pool(name: &str, threads: usize, replies: &Replies) -> io::Result<Sender<Job>> {
    let (sender, jobs) = mpsc::channel::<Job>();
    let jobs = Arc::new(Mutex::new(jobs));
    for _ in 0..threads {
        let (jobs, replies) = (Arc::clone(&jobs), replies.clone());
        Builder::new().name(format!("papo {name}")).spawn(move || {
            loop {
                // The lock is held while waiting and not while working, so one waits for a job and one for the lock.
                let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
                let Ok(job) = job else { return };
                job(&replies);
            }
        })?;
    }
    Ok(sender)
}

/// One node's way to its store.
pub(crate) struct Commits<C> {
    sender: Option<Sender<(Seq, Vec<C>)>>,
    thread: Option<JoinHandle<()>>,
    sent: Seq,
    done: Seq,
}

impl<C: Send + 'static> Commits<C> {
    /// Starts the thread that owns `store`.
    pub(crate) fn start(node: usize, store: Box<dyn Store<C>>, replies: Replies) -> io::Result<Self> {
        let (sender, commits) = mpsc::channel();
        let thread =
            Builder::new().name("papo commits".to_owned()).spawn(move || work(node, store, &commits, &replies))?;
        Ok(Self { sender: Some(sender), thread: Some(thread), sent: Seq::NONE, done: Seq::NONE })
    }

    /// Queues one commit.
    ///
    /// # Panics
    /// When its number is not the next one: then the machine broke the contract.
    pub(crate) fn send(&mut self, seq: Seq, changes: Vec<C>) {
        assert_eq!(seq, self.sent.next(), "commits are numbered without a gap");
        self.sent = seq;
        if let Some(sender) = &self.sender {
            // A thread that is gone has failed; its last answer, which is on its way, ends the reactor.
            let _ = sender.send((seq, changes));
        }
    }

    pub(crate) fn handle_committed(&mut self, seq: Seq) {
        self.done = seq;
    }

    /// Whether everything that was sent is durable.
    pub(crate) fn is_done(&self) -> bool {
        self.done == self.sent
    }

    /// Waits until the store is closed. Quick once everything is done.
    pub(crate) fn finish(&mut self) {
        self.sender = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the store was reported as a failed commit; one in its drop concerns no commit.
            let _ = thread.join();
        }
    }
}

/// Applies what waits, all of it in one transaction, until there are no more senders. It stops at the first failure.
fn work<C: 'static>(node: usize, mut store: Box<dyn Store<C>>, commits: &Receiver<(Seq, Vec<C>)>, replies: &Replies) {
    while let Ok((mut last, mut changes)) = commits.recv() {
        for _ in 1..GROUP_MAX {
            match commits.try_recv() {
                Ok((seq, more)) => {
                    last = seq;
                    changes.extend(more);
                }
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
            }
        }
        let result = catch_unwind(AssertUnwindSafe(|| store.apply(&changes)))
            .unwrap_or_else(|panic| Err(format!("the store panicked: {}", panic_text(&*panic)).into()));
        match result {
            Ok(()) => replies.send(node, Answer::Committed(last)),
            Err(error) => {
                // After a failed sync nothing is known about the disk: never tried again.
                replies.send(node, Answer::CommitFailed(error));
                return;
            }
        }
    }
}

pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no reason was given")
}
