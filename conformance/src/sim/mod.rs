//! The simulator: whole lives of trackers and peers in virtual time, under every fault, held to every promise.
//!
//! One run follows from its seed alone:
//! - `plan`: what the seed decides beforehand: who takes part (`cast`), within which limits, what they do
//!   (`workload`), the files that they have (`belongings`) and what breaks (`faults`).
//! - `run`: carries it out in a `crate::world`, with people (`person`) who answer what their programs ask.
//! - `hostile`: somebody with an account and no manners; `older`: clients of the older system, in plain text.
//! - `relayed`: relays, and who talks by them.
//! - `model`: what must hold, checked on every fact; `marks`: what was reached.
//! - `shrink`, `failure`: a failure made small, in a file that can be replayed.
//!
//! # Where a new capability joins
//! 1. What people can do: a row and an arm in `workload`.
//! 2. What can break: a row and two arms in `faults`.
//! 3. What must hold: an invariant in `model`, from the facts of the world.
//! 4. A new kind of machine, or a new kind of event or action: `crate::world::resident`, `crate::world::driven`.

pub(crate) mod belongings;
pub(crate) mod cast;
pub mod failure;
pub(crate) mod faults;
pub(crate) mod hostile;
pub(crate) mod marks;
pub(crate) mod model;
pub(crate) mod older;
pub(crate) mod person;
pub(crate) mod plan;
pub(crate) mod relayed;
pub(crate) mod run;
pub(crate) mod shrink;
pub(crate) mod workload;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use sha2::{Digest as _, Sha256};

pub use failure::Failure;
pub use plan::{NODES_MAX, NODES_MIN, Options};

use marks::Marks;
use model::Violation;
use plan::Plan;
use run::{Outcome, run_guarded};

/// Every so many seeds, one runs twice.
const TWICE_EVERY: u64 = 50;

/// Which runs.
#[derive(Debug, Clone)]
pub struct Simulation {
    /// The first seed, and what all have in common.
    pub first: Options,
    /// How many seeds.
    pub seeds: u64,
    /// Where failures are written.
    pub failures: PathBuf,
}

/// What a simulation came to.
#[derive(Debug)]
pub struct Report {
    /// Runs in which everything held.
    pub passed: u64,
    /// Runs in which something did not.
    pub failed: u64,
    /// In lines for people; the last says how many passed.
    pub lines: Vec<String>,
}

/// The sum of several runs.
#[derive(Default)]
struct Sum {
    hashes: BTreeMap<u64, [u8; 32]>,
    failed: Vec<(Options, Outcome)>,
    faults: BTreeMap<faults::Kind, u64>,
    marks: Marks,
    simulated: Duration,
}

/// Runs them on every core. `progress` is given a line now and then; it may be called from any thread.
#[must_use]
pub fn simulate(simulation: &Simulation, progress: &(dyn Fn(&str) + Sync)) -> Report {
    let began = Instant::now();
    let (next, sum) = (AtomicU64::new(0), Mutex::new(Sum::default()));
    let told = AtomicBool::new(false);
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= simulation.seeds {
                        break;
                    }
                    let seed = simulation.first.seed.wrapping_add(number);
                    let options = Options { seed, ..simulation.first };
                    let outcome = run_seed(&options);
                    let mut sum = sum.lock().expect("no thread panics while it holds the sum");
                    sum.add(number, options, outcome);
                    let done = sum.hashes.len() as u64;
                    if done.is_multiple_of(10.max(simulation.seeds / 20)) {
                        told.store(true, Ordering::Relaxed);
                        progress(&sum.progress(done, simulation.seeds));
                    }
                }
            });
        }
    });
    let sum = sum.into_inner().expect("no thread panics while it holds the sum");
    if !told.load(Ordering::Relaxed) {
        progress(&sum.progress(simulation.seeds, simulation.seeds));
    }
    report(simulation, &sum, began.elapsed())
}

/// One seed; some run twice, to see that nothing depends on anything else.
fn run_seed(options: &Options) -> Outcome {
    let plan = Plan::draw(options);
    let mut outcome = run_guarded(&plan, |_| true);
    if options.seed.is_multiple_of(TWICE_EVERY) && outcome.violation.is_none() {
        let again = run_guarded(&Plan::draw(options), |_| true);
        if again.hash != outcome.hash {
            let told = "the same seed ran another way the second time".to_owned();
            outcome.violation = Some(Violation { invariant: "deterministic", told });
        }
    }
    outcome
}

impl Sum {
    fn add(&mut self, number: u64, options: Options, outcome: Outcome) {
        self.hashes.insert(number, outcome.hash);
        self.marks.add(&outcome.marks);
        self.simulated += outcome.at.since_start();
        for (kind, count) in &outcome.faults {
            *self.faults.entry(*kind).or_default() += count;
        }
        if outcome.violation.is_some() {
            self.failed.push((options, outcome));
        }
    }

    fn progress(&self, done: u64, of: u64) -> String {
        format!("{done} of {of} seeds, {} failed, {:.1} h simulated", self.failed.len(), hours(self.simulated))
    }
}

fn hours(of: Duration) -> f64 {
    of.as_secs_f64() / 3600.0
}

fn report(simulation: &Simulation, sum: &Sum, took: Duration) -> Report {
    let mut lines = vec!["faults:".to_owned()];
    for kind in faults::Kind::ALL {
        lines.push(format!("  {:8}  {}", sum.faults.get(kind).copied().unwrap_or(0), kind.name()));
    }
    lines.push("marks:".to_owned());
    lines.extend(sum.marks.reached().into_iter().map(|(mark, count)| format!("  {count:8}  {mark}")));
    lines.push("never reached:".to_owned());
    lines.extend(sum.marks.unreached().into_iter().map(|mark| format!("            {mark}")));
    let mut failed = sum.failed.iter().collect::<Vec<_>>();
    failed.sort_by_key(|(options, _)| options.seed);
    for (number, (options, outcome)) in failed.into_iter().enumerate() {
        // Shrinking takes time; the first failures are enough to work on.
        if number < 3 {
            lines.extend(tell_failure(simulation, options, outcome));
        } else if let Some(violation) = &outcome.violation {
            lines.push(format!("seed {} failed: {}: {}", options.seed, violation.invariant, violation.told));
        }
    }
    lines.push(format!("{:.2} simulated hours", hours(sum.simulated)));
    lines.push(format!("{:.0} seeds/minute", simulation.seeds as f64 / took.as_secs_f64().max(1e-9) * 60.0));
    let mut hash = Sha256::new();
    sum.hashes.values().for_each(|of| hash.update(of));
    lines.push(format!("trace hash {}", papo_proto::hex::encode(&hash.finalize()[..16])));
    let failed = sum.failed.len() as u64;
    let passed = simulation.seeds - failed;
    lines.push(format!("{passed} passed, {failed} failed"));
    Report { passed, failed, lines }
}

/// A failure: what broke, the last events, and how to see it again.
fn tell_failure(simulation: &Simulation, options: &Options, outcome: &Outcome) -> Vec<String> {
    let Some(violation) = &outcome.violation else { return Vec::new() };
    let plan = Plan::draw(options);
    let mut lines = vec![
        String::new(),
        format!(
            "seed {} failed after {:.3} s: {}",
            options.seed,
            outcome.at.since_start().as_secs_f64(),
            violation.invariant
        ),
        format!("  it must hold that {}", violation.sentence()),
        format!("  {}", violation.told),
        format!("options:{}", shown(options)),
        format!("the last {} events:", outcome.last.len()),
    ];
    lines.extend(outcome.last.iter().map(|line| format!("  {line}")));
    let shrunk = shrink::shrink(&plan, outcome.clone());
    let small = shrunk.outcome.violation.clone().unwrap_or_else(|| violation.clone());
    let failure = Failure::new(*options, &plan, &shrunk, &small);
    let path = simulation.failures.join(format!("sim-{}.json", options.seed));
    lines.push(format!(
        "{} of {} decisions are enough ({} runs):",
        shrunk.kept.len(),
        plan.decisions.len(),
        shrunk.runs
    ));
    lines.extend(shrunk.kept.iter().map(|index| format!("  {}", plan.decisions[*index])));
    lines.push(match failure.write(&path) {
        Ok(()) => format!("see it again: {REPEAT} replay {}", path.display()),
        Err(error) => {
            format!("{} cannot be written: {error}; see it again: {REPEAT} sim{}", path.display(), shown(options))
        }
    });
    lines
}

/// How the command is called from a checkout.
const REPEAT: &str = "cargo run --release -p papo-conformance --";

fn shown(Options { seed, nodes, hours }: &Options) -> String {
    let nodes = nodes.map_or_else(String::new, |nodes| format!(" --nodes {nodes}"));
    let hours = hours.map_or_else(String::new, |hours| format!(" --hours {hours}"));
    format!(" --seed {seed}{nodes}{hours}")
}

/// Reads a failure, if the file's beginning looks like one.
///
/// # Errors
/// Those of the file.
pub fn read_failure(path: &Path) -> std::io::Result<Option<Failure>> {
    use std::io::Read as _;
    let mut file = std::fs::File::open(path)?;
    let mut text = String::new();
    // A recording may be long, and begins with its header on one line.
    let mut beginning = [0; 2];
    if file.read(&mut beginning)? < 2 || &beginning != b"{\n" {
        return Ok(None);
    }
    file.take(64 * 1024 * 1024).read_to_string(&mut text)?;
    Ok(Failure::from_text(&format!("{{\n{text}")))
}
