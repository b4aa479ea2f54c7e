//! A failure in a file: everything that is needed to see it again.
//!
//! One JSON object: the options of the run, the numbers of the decisions that were kept, and for people what broke, the
//! decisions in words, and the last facts. Only the options and the numbers are read again.

use std::{fs, io, path::Path};

use papo_proto::record;
use serde::{Deserialize, Serialize};

use super::{
    model::Violation,
    plan::{Options, Plan},
    run::{Outcome, run_guarded},
    shrink::Shrunk,
};

/// The format that this version writes and reads.
const FORMAT: u32 = 1;

/// The file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// The version that wrote it: another may decide otherwise.
    papo: String,
    format: u32,
    simulation: Options,
    /// The decisions that are kept, by their number.
    kept: Vec<usize>,
    /// The invariant that broke.
    invariant: String,
    /// What was seen.
    told: String,
    /// The decisions in words.
    decisions: Vec<String>,
    /// The last facts before it broke.
    last: Vec<String>,
}

/// Why a failure could not be seen again.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The file was written by another version, which may decide otherwise.
    #[error("the file was written by papo {0}, format {1}; this is papo {version}, format {FORMAT}", version = record::VERSION)]
    OtherVersion(String, u32),
    /// The run passes.
    #[error("nothing fails any more: {0} does hold now")]
    Passes(String),
    /// Something else breaks.
    #[error("{now} broke instead of {then}: {told}")]
    Another {
        /// The invariant of the file.
        then: String,
        /// The one that broke.
        now: String,
        /// What was seen.
        told: String,
    },
}

impl Failure {
    pub(crate) fn new(options: Options, plan: &Plan, shrunk: &Shrunk, violation: &Violation) -> Self {
        Self {
            papo: record::VERSION.to_owned(),
            format: FORMAT,
            simulation: options,
            kept: shrunk.kept.clone(),
            invariant: violation.invariant.to_owned(),
            told: violation.told.clone(),
            decisions: shrunk.kept.iter().map(|index| plan.decisions[*index].to_string()).collect(),
            last: shrunk.outcome.last.clone(),
        }
    }

    /// The failure in a file's text, if it is one.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// Writes it.
    ///
    /// # Errors
    /// Those of the file.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        fs::write(path, text)
    }

    /// Runs it again: what it told then and tells now, in lines for people.
    ///
    /// # Errors
    /// When it does not fail in the same way.
    pub fn replay(&self) -> Result<Vec<String>, Problem> {
        if (self.papo.as_str(), self.format) != (record::VERSION, FORMAT) {
            return Err(Problem::OtherVersion(self.papo.clone(), self.format));
        }
        let plan = Plan::draw(&self.simulation);
        let Outcome { violation, last, .. } = run_guarded(&plan, |index| self.kept.binary_search(&index).is_ok());
        match violation {
            None => Err(Problem::Passes(self.invariant.clone())),
            Some(Violation { invariant, told }) if invariant != self.invariant => {
                Err(Problem::Another { then: self.invariant.clone(), now: invariant.to_owned(), told })
            }
            Some(Violation { invariant, told }) => {
                let mut lines = vec![format!("seed {}: {invariant} is broken again: {told}", self.simulation.seed)];
                let of = self.kept.iter().filter_map(|index| plan.decisions.get(*index));
                lines.push(format!("decisions ({}):", self.kept.len()));
                lines.extend(of.map(|decision| format!("  {decision}")));
                lines.push("last events:".to_owned());
                lines.extend(last.iter().map(|line| format!("  {line}")));
                Ok(lines)
            }
        }
    }
}
