//! What a latency means.

use serde::{Deserialize, Serialize};

/// How well someone is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Quickly.
    Normal,
    /// Slowly.
    Slow,
    /// In time, no more.
    VerySlow,
    /// Not at all.
    Inactive,
}

impl Status {
    /// The word for it in scripts.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Slow => "slow",
            Self::VerySlow => "very_slow",
            Self::Inactive => "inactive",
        }
    }
}

/// What counts as slow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thresholds {
    /// Below so many milliseconds it is normal.
    pub normal_ms: u64,
    /// Below so many it is slow; above, very slow.
    pub slow_ms: u64,
}

impl Thresholds {
    /// Those of the older systems.
    pub const DEFAULT: Self = Self { normal_ms: 100, slow_ms: 300 };

    /// What a measurement means: the time there and back in microseconds, where there was an answer.
    #[must_use]
    pub const fn status_of(self, latency_us: Option<u64>) -> Status {
        match latency_us {
            None => Status::Inactive,
            Some(us) if us < self.normal_ms.saturating_mul(1000) => Status::Normal,
            Some(us) if us < self.slow_ms.saturating_mul(1000) => Status::Slow,
            Some(_) => Status::VerySlow,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_threshold_belongs_to_what_is_above_it() {
        let word = |us| Thresholds::DEFAULT.status_of(us).word();
        let words = [0, 99_999, 100_000, 299_999, 300_000, u64::MAX].map(|us| word(Some(us)));
        assert_eq!(words, ["normal", "normal", "slow", "slow", "very_slow", "very_slow"]);
        assert_eq!(word(None), "inactive");
        let same = Thresholds { normal_ms: 0, slow_ms: 0 };
        assert_eq!(same.status_of(Some(0)), Status::VerySlow);
    }
}
