//! A few threads that work off many lanes: the work of one lane in order, that of several side by side.
//!
//! ```text
//!   idle ──push──▶ ready ──a thread takes its first work──▶ under way ──▶ ready, idle, or gone
//! ```
//!
//! A lane has its turn for one piece of work and then waits behind the others that are ready, so a long queue of one
//! keeps nobody else waiting. What it has open stays with it, and it is gone when it has neither work nor that.
//!
//! Invariant: a lane is in the line exactly while it has work and no thread is at it.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    io,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{Builder, JoinHandle},
};

use papo_proto::machine::FileId;

/// What a lane has open.
pub(super) type Files<F> = BTreeMap<FileId, F>;
/// Must not panic.
type Work<F> = Box<dyn FnOnce(&mut Files<F>) + Send>;

/// The threads, and what waits for them.
pub(super) struct Lanes<F> {
    shared: Arc<Shared<F>>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared<F> {
    queue: Mutex<Queue<F>>,
    changed: Condvar,
}

struct Queue<F> {
    lanes: HashMap<Arc<str>, Lane<F>>,
    ready: VecDeque<Arc<str>>,
    ended: bool,
}

struct Lane<F> {
    work: VecDeque<Work<F>>,
    /// Not here while a thread is at it.
    files: Option<Files<F>>,
}

impl<F: Send + 'static> Lanes<F> {
    /// Starts so many threads.
    pub(super) fn start(name: &str, threads: usize) -> io::Result<Self> {
        let queue = Queue { lanes: HashMap::new(), ready: VecDeque::new(), ended: false };
        let shared = Arc::new(Shared { queue: Mutex::new(queue), changed: Condvar::new() });
        let start = |_| {
            let shared = Arc::clone(&shared);
            Builder::new().name(format!("papo {name}")).spawn(move || shared.work())
        };
        let threads = (0..threads).map(start).collect::<Result<_, _>>()?;
        Ok(Self { shared, threads })
    }

    /// Queues work in a lane.
    pub(super) fn push(&self, lane: &Arc<str>, work: Work<F>) {
        let mut queue = self.shared.lock();
        let empty = || Lane { work: VecDeque::new(), files: Some(Files::new()) };
        let entry = queue.lanes.entry(Arc::clone(lane)).or_insert_with(empty);
        entry.work.push_back(work);
        if entry.work.len() == 1 && entry.files.is_some() {
            queue.ready.push_back(Arc::clone(lane));
            self.shared.changed.notify_one();
        }
    }

    /// Waits until everything is worked off.
    pub(super) fn finish(&mut self) {
        self.shared.end();
        for thread in self.threads.drain(..) {
            thread.join().expect("work does not panic");
        }
    }
}

impl<F> Drop for Lanes<F> {
    fn drop(&mut self) {
        self.shared.end();
    }
}

impl<F> Shared<F> {
    fn lock(&self) -> MutexGuard<'_, Queue<F>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self) {
        self.lock().ended = true;
        self.changed.notify_all();
    }

    /// What a thread does.
    fn work(&self) {
        let mut queue = self.lock();
        loop {
            let Some(name) = queue.ready.pop_front() else {
                // A thread that is at a lane comes back to it.
                if queue.ended {
                    return;
                }
                queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let (work, mut files) = queue.take(&name);
            drop(queue);
            work(&mut files);
            queue = self.lock();
            queue.give_back(name, files);
        }
    }
}

impl<F> Queue<F> {
    fn take(&mut self, name: &str) -> (Work<F>, Files<F>) {
        let lane = self.lanes.get_mut(name).expect("what is ready is a lane");
        let work = lane.work.pop_front().expect("what is ready has work");
        (work, lane.files.take().expect("nobody is at what is ready"))
    }

    fn give_back(&mut self, name: Arc<str>, files: Files<F>) {
        let lane = self.lanes.get_mut(&name).expect("a lane stays while a thread is at it");
        if lane.work.is_empty() && files.is_empty() {
            self.lanes.remove(&name);
            return;
        }
        lane.files = Some(files);
        if !lane.work.is_empty() {
            self.ready.push_back(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        sync::{Barrier, mpsc},
        time::Duration,
    };

    const PATIENCE: Duration = Duration::from_secs(20);

    fn name(text: &str) -> Arc<str> {
        Arc::from(text)
    }

    #[test]
    fn the_work_of_a_lane_is_done_in_order_and_keeps_what_is_open() {
        let mut lanes = Lanes::<u64>::start("test", 4).expect("threads");
        let (sender, seen) = mpsc::channel();
        for number in 0..1000_u64 {
            for lane in 0..3_u64 {
                let sender = sender.clone();
                lanes.push(
                    &name(&lane.to_string()),
                    Box::new(move |files| {
                        let count = files.entry(FileId(lane)).or_default();
                        assert_eq!((*count, files.len()), (number, 1));
                        *files.get_mut(&FileId(lane)).expect("it is there") += 1;
                        sender.send((lane, number)).expect("the test waits");
                    }),
                );
            }
        }
        lanes.finish();
        let mut all = seen.try_iter().collect::<Vec<_>>();
        all.sort_by_key(|(lane, _)| *lane);
        assert_eq!(all, (0..3).flat_map(|lane| (0..1000).map(move |number| (lane, number))).collect::<Vec<_>>());
    }

    #[test]
    fn lanes_are_worked_off_side_by_side_and_a_long_queue_keeps_nobody_waiting() {
        let mut lanes = Lanes::<()>::start("test", 2).expect("threads");
        // Both are under way at once, or this never ends.
        let barrier = Arc::new(Barrier::new(2));
        for lane in ["a", "b"] {
            let barrier = Arc::clone(&barrier);
            lanes.push(&name(lane), Box::new(move |_| _ = barrier.wait()));
        }
        // One thread waits; the other has to leave a lane of much work for one of little.
        let (gate, held) = mpsc::channel::<()>();
        lanes.push(&name("held"), Box::new(move |_| _ = held.recv_timeout(PATIENCE)));
        let (sender, seen) = mpsc::channel();
        let (go, began) = mpsc::channel::<()>();
        lanes.push(&name("long"), Box::new(move |_| _ = began.recv_timeout(PATIENCE)));
        for number in 0..100 {
            let sender = sender.clone();
            lanes.push(&name("long"), Box::new(move |_| sender.send(number).expect("the test waits")));
        }
        lanes.push(&name("short"), Box::new(move |_| sender.send(1000).expect("the test waits")));
        go.send(()).expect("it waits");
        let first = [(); 2].map(|()| seen.recv_timeout(PATIENCE).expect("it is done"));
        assert!(first.contains(&1000), "{first:?}");
        gate.send(()).expect("it waits");
        lanes.finish();
        assert_eq!(seen.try_iter().count(), 99);
    }

    #[test]
    fn a_lane_with_nothing_open_and_nothing_to_do_is_gone() {
        let mut lanes = Lanes::<()>::start("test", 1).expect("threads");
        lanes.push(&name("open"), Box::new(|files| _ = files.insert(FileId(1), ())));
        lanes.push(&name("gone"), Box::new(|_| {}));
        lanes.finish();
        let queue = lanes.shared.lock();
        assert_eq!(queue.lanes.keys().map(|name| &**name).collect::<Vec<_>>(), ["open"]);
    }
}
