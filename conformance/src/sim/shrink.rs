//! Makes a failure small: which decisions are enough for it.
//!
//! Decisions are left out in halves, quarters and so on, as long as the same invariant breaks without them.

use super::{
    plan::Plan,
    run::{Outcome, run_guarded},
};

/// Runs that are tried at most.
const RUNS_MAX: usize = 250;

/// A failure with nothing in it that it does not need, as far as was tried.
pub(crate) struct Shrunk {
    /// The decisions that were kept, by their number in the plan.
    pub(crate) kept: Vec<usize>,
    /// What comes of them.
    pub(crate) outcome: Outcome,
    /// How many runs it took.
    pub(crate) runs: usize,
}

/// Shrinks a failure.
pub(crate) fn shrink(plan: &Plan, outcome: Outcome) -> Shrunk {
    let at = outcome.at;
    // What was to happen after the failure is no part of it.
    let kept = (0..plan.decisions.len()).filter(|index| plan.decisions[*index].at <= at).collect();
    let mut shrunk = Shrunk { kept, outcome, runs: 0 };
    let mut size = shrunk.kept.len().div_ceil(2);
    while size > 0 && shrunk.runs < RUNS_MAX {
        let mut first = 0;
        let mut progress = false;
        while first < shrunk.kept.len() && shrunk.runs < RUNS_MAX {
            let last = (first + size).min(shrunk.kept.len());
            let without = [&shrunk.kept[..first], &shrunk.kept[last..]].concat();
            shrunk.runs += 1;
            match fails_alike(plan, &without, &shrunk.outcome) {
                Some(outcome) => {
                    (shrunk.kept, shrunk.outcome) = (without, outcome);
                    progress = true;
                }
                None => first = last,
            }
        }
        if !progress || size > 1 {
            size /= 2;
        }
    }
    shrunk
}

fn fails_alike(plan: &Plan, kept: &[usize], than: &Outcome) -> Option<Outcome> {
    let outcome = run_guarded(plan, |index| kept.binary_search(&index).is_ok());
    let invariant = |outcome: &Outcome| outcome.violation.as_ref().map(|violation| violation.invariant);
    (invariant(&outcome) == invariant(than)).then_some(outcome)
}
