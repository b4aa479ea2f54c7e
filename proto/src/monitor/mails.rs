//! Which mails are due. One is under way at a time; one that could not be sent is tried again after waits that grow.
//!
//! Invariant: mails leave in the order of their measurements, and so many wait at most; past that the oldest is dropped.

use std::{collections::VecDeque, time::Duration};

use serde::{Deserialize, Serialize};

use super::{Measurement, status::Status};
use crate::time::Time;

/// Of what mails are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MailsWanted {
    /// The first measurement, and each whose status is another than the one before it.
    Changes,
    /// Every measurement.
    Every,
}

/// The first wait before a mail is tried again.
const RETRY_MIN: Duration = Duration::from_secs(1);
/// The longest.
const RETRY_MAX: Duration = Duration::from_secs(60);

/// The mails that are to be sent. See the [module](self).
#[derive(Debug)]
pub struct Mails {
    wanted: Option<MailsWanted>,
    waiting_max: usize,
    waiting: VecDeque<Measurement>,
    last: Option<Status>,
    under_way: bool,
    failures: u32,
    retry_at: Option<Time>,
}

impl Mails {
    /// Of these, with so many that wait at most.
    #[must_use]
    pub const fn new(wanted: Option<MailsWanted>, waiting_max: usize) -> Self {
        Self {
            wanted,
            waiting_max,
            waiting: VecDeque::new(),
            last: None,
            under_way: false,
            failures: 0,
            retry_at: None,
        }
    }

    /// Takes note of a measurement. How many mails were dropped for it.
    pub fn measured(&mut self, measurement: Measurement) -> u64 {
        let changed = self.last.replace(measurement.status) != Some(measurement.status);
        let wanted = match self.wanted {
            None => false,
            Some(MailsWanted::Changes) => changed,
            Some(MailsWanted::Every) => true,
        };
        if wanted {
            self.waiting.push_back(measurement);
        }
        let mut dropped = 0;
        // The first one may be under way.
        while self.waiting.len() > self.waiting_max.max(1) {
            self.waiting.remove(usize::from(self.under_way));
            dropped += 1;
        }
        dropped
    }

    /// The mail that is to be sent now.
    pub fn next_due(&mut self, now: Time) -> Option<Measurement> {
        if self.under_way || self.retry_at.is_some_and(|at| at > now) {
            return None;
        }
        let mail = *self.waiting.front()?;
        self.under_way = true;
        self.retry_at = None;
        Some(mail)
    }

    /// The one under way has left: this one.
    pub fn sent(&mut self) -> Option<Measurement> {
        if !std::mem::take(&mut self.under_way) {
            return None;
        }
        self.failures = 0;
        self.waiting.pop_front()
    }

    /// It could not be sent.
    pub fn failed(&mut self, now: Time) {
        if std::mem::take(&mut self.under_way) {
            let wait = RETRY_MIN.saturating_mul(1 << self.failures.min(16)).min(RETRY_MAX);
            self.failures += 1;
            self.retry_at = Some(now + wait);
        }
    }

    /// At the end nothing waits for better times: what is due is tried once more, at once.
    pub fn hurry(&mut self) {
        self.retry_at = None;
    }

    /// When one is to be tried again.
    #[must_use]
    pub fn deadline(&self) -> Option<Time> {
        self.retry_at.filter(|_| !self.under_way)
    }

    /// How many have not left.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether all have left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measurement(number: u64, status: Status) -> Measurement {
        Measurement { number, status, latency_us: None }
    }

    /// The numbers of the mails that leave, each as soon as it is due.
    fn sent(wanted: Option<MailsWanted>, statuses: &[Status]) -> Vec<u64> {
        let mut mails = Mails::new(wanted, 10);
        let mut numbers = Vec::new();
        for (number, status) in (1..).zip(statuses) {
            assert_eq!(mails.measured(measurement(number, *status)), 0);
            while let Some(mail) = mails.next_due(Time::ZERO) {
                numbers.push(mail.number);
                mails.sent();
            }
        }
        assert!(mails.is_empty());
        numbers
    }

    #[test]
    fn a_change_is_a_mail_and_the_first_measurement_too() {
        use Status::{Inactive, Normal, Slow};
        let statuses = [Normal, Normal, Slow, Inactive, Inactive, Normal];
        assert_eq!(sent(Some(MailsWanted::Changes), &statuses), [1, 3, 4, 6]);
        assert_eq!(sent(Some(MailsWanted::Every), &statuses), [1, 2, 3, 4, 5, 6]);
        assert_eq!(sent(None, &statuses), Vec::<u64>::new());
    }

    #[test]
    fn one_that_fails_is_tried_again_after_waits_that_grow_and_keeps_its_place() {
        let mut mails = Mails::new(Some(MailsWanted::Every), 10);
        let mut now = Time::ZERO;
        mails.measured(measurement(1, Status::Normal));
        mails.measured(measurement(2, Status::Normal));
        let mut waits = Vec::new();
        for _ in 0..8 {
            assert_eq!(mails.next_due(now).map(|mail| mail.number), Some(1));
            assert_eq!(mails.next_due(now), None, "one at a time");
            mails.failed(now);
            let at = mails.deadline().expect("it is tried again");
            waits.push((at - now).as_secs());
            assert_eq!(mails.next_due(now), None);
            now = at;
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert!(mails.next_due(now).is_some());
        mails.sent();
        assert_eq!(mails.next_due(now).map(|mail| mail.number), Some(2));
        mails.failed(now);
        assert_eq!(mails.deadline(), Some(now + RETRY_MIN), "waits begin anew");
        mails.hurry();
        assert_eq!(mails.next_due(now).map(|mail| mail.number), Some(2));
    }

    #[test]
    fn so_many_wait_and_past_that_the_oldest_is_dropped_but_for_the_one_under_way() {
        let mut mails = Mails::new(Some(MailsWanted::Every), 3);
        for number in 1..=3 {
            assert_eq!(mails.measured(measurement(number, Status::Normal)), 0);
        }
        assert_eq!(mails.next_due(Time::ZERO).map(|mail| mail.number), Some(1));
        assert_eq!(mails.measured(measurement(4, Status::Normal)), 1);
        mails.sent();
        assert_eq!(mails.next_due(Time::ZERO).map(|mail| mail.number), Some(3));
        assert_eq!(mails.len(), 2);
    }
}
