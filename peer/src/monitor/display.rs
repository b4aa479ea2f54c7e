//! How measurements are shown: a line that is written again and again at a terminal, lines in a pipe, objects for scripts.

use std::io::{self, Write};

use papo_proto::{
    escape,
    monitor::{
        Measurement,
        status::{Status, Thresholds},
    },
};

use papo_runtime_mio::diagnostics;

use super::statistics::{Statistics, Summary};
use crate::frontend::{
    json,
    sentences::{Language, latency},
};

/// So many measurements are drawn, where there is room.
const DRAWN_MAX: usize = 60;
/// A bar for each eighth of what is very slow.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// What is drawn where no answer came.
const LOST: char = '×';

/// How measurements are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Face {
    /// To a person at a terminal.
    Live,
    /// By lines.
    Plain,
    /// By objects.
    Json,
}

/// Writes what a monitor tells.
pub(crate) struct Display<W> {
    output: W,
    face: Face,
    target: String,
    thresholds: Thresholds,
    language: Language,
    statistics: Statistics,
    last: Option<Status>,
    /// The line that stands at the terminal.
    line: String,
}

/// What is told beside the measurements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Aside {
    /// A mail has left.
    MailSent(Status),
    /// A mail has not left; why, in a stranger's words.
    MailFailed(String),
    /// Mails that waited were dropped.
    MailsDropped(u64),
    /// At the end, mails that could not be sent.
    MailsUnsent(usize),
}

impl Aside {
    fn text(&self, language: Language) -> String {
        match self {
            Self::MailSent(status) => latency::mail_sent(language, *status),
            Self::MailFailed(why) => latency::mail_failed(language, &escape::line(why)),
            Self::MailsDropped(count) => latency::mails_dropped(language, *count),
            Self::MailsUnsent(count) => latency::mails_unsent(language, *count),
        }
    }

    const fn code(&self) -> &'static str {
        match self {
            Self::MailSent(_) => "mail_sent",
            Self::MailFailed(_) => "mail_failed",
            Self::MailsDropped(_) => "mails_dropped",
            Self::MailsUnsent(_) => "mails_unsent",
        }
    }

    const fn is_error(&self) -> bool {
        !matches!(self, Self::MailSent(_))
    }
}

impl<W: Write> Display<W> {
    /// Nothing is measured yet.
    pub(crate) fn new(output: W, face: Face, target: &str, thresholds: Thresholds, language: Language) -> Self {
        let target = escape::line(target).into_owned();
        Self {
            output,
            face,
            target,
            thresholds,
            language,
            statistics: Statistics::default(),
            last: None,
            line: String::new(),
        }
    }

    /// Shows a measurement; `time` is that of the clock on the wall, `columns` the width of the terminal.
    ///
    /// # Errors
    /// When it can't be written.
    pub(crate) fn show(&mut self, measurement: &Measurement, time: &str, columns: usize) -> io::Result<()> {
        self.statistics.add(measurement);
        let changed = self.last.replace(measurement.status) != Some(measurement.status);
        match self.face {
            Face::Json => {
                write!(self.output, "{}", json::latency(&self.target, measurement.status, measurement.latency_us))?
            }
            Face::Plain => writeln!(self.output, "{}", latency::measured(self.language, measurement))?,
            Face::Live => {
                // A change stays to be read; the line below it is written anew.
                let told = if changed {
                    format!("{time} {}\n", latency::measured(self.language, measurement))
                } else {
                    String::new()
                };
                let words = latency::live(self.language, measurement, &self.statistics.summary());
                // What is drawn gets the room that is left, and the last column stays free.
                let room = columns.saturating_sub(1 + self.target.chars().count() + 2 + words.chars().count());
                let line = format!("{} {} {words}", self.target, self.drawn(room.min(DRAWN_MAX)));
                self.line = line.chars().take(columns.saturating_sub(1)).collect::<String>();
                write!(self.output, "\r\u{1b}[K{told}{}", self.line)?;
            }
        }
        self.output.flush()
    }

    /// Tells something beside the measurements: above the line at a terminal, and not among the lines of a pipe.
    ///
    /// # Errors
    /// When it can't be written.
    pub(crate) fn tell(&mut self, told: &Aside, time: &str) -> io::Result<()> {
        let text = told.text(self.language);
        match self.face {
            Face::Json => write!(self.output, "{}", json::aside(told.is_error(), told.code(), &text))?,
            Face::Plain => diagnostics::say(&text),
            Face::Live => write!(self.output, "\r\u{1b}[K{time} {text}\n{}", self.line)?,
        }
        self.output.flush()
    }

    /// The last words: what all came to. Scripts make their own.
    ///
    /// # Errors
    /// When they can't be written.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        let Summary { measured, .. } = self.statistics.summary();
        if self.face == Face::Live && measured > 0 {
            let summary = latency::summary(self.language, &self.statistics.summary());
            writeln!(self.output, "\r\u{1b}[K{}: {summary}", self.target)?;
        }
        self.output.flush()
    }

    /// Whether any answer came.
    pub(crate) fn was_answered(&self) -> bool {
        self.statistics.summary().latencies.is_some()
    }

    /// The last measurements, a character each: the higher, the slower.
    fn drawn(&self, count: usize) -> String {
        let full = self.thresholds.slow_ms.saturating_mul(1000).max(1);
        let bar = |us: u64| BARS[usize::try_from(us.saturating_mul(8) / full).unwrap_or(usize::MAX).min(7)];
        self.statistics.last(count).map(|one| one.map_or(LOST, bar)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(face: Face, latencies_ms: &[Option<u64>], columns: usize) -> String {
        let mut output = Vec::new();
        let mut display = Display::new(&mut output, face, "relay.example:12345", Thresholds::DEFAULT, Language::En);
        for (number, latency_ms) in (1..).zip(latencies_ms) {
            let latency_us = latency_ms.map(|ms| ms * 1000);
            let status = Thresholds::DEFAULT.status_of(latency_us);
            display.show(&Measurement { number, status, latency_us }, "10:00:00", columns).expect("written");
        }
        display.finish().expect("written");
        String::from_utf8(output).expect("text")
    }

    #[test]
    fn in_a_pipe_each_measurement_is_a_line() {
        let lines = shown(Face::Plain, &[Some(8), Some(150), Some(350), None], 80);
        let expected = "connection normal, latency 8.00 ms\nconnection slow, latency 150 ms\n\
                        connection very slow, latency 350 ms\nconnection inactive\n";
        assert_eq!(lines, expected);
    }

    #[test]
    fn a_script_is_told_by_objects() {
        let lines = shown(Face::Json, &[Some(8), None], 80);
        let expected = [("normal", "8.0"), ("inactive", "null")].map(|(status, ms)| {
            format!(r#"{{"event":"latency","ms":{ms},"status":"{status}","target":"relay.example:12345"}}"#)
        });
        assert_eq!(lines.lines().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn at_a_terminal_a_change_stays_and_the_line_below_is_written_anew() {
        let whole = shown(Face::Live, &[Some(8), Some(9), Some(150), None], 200);
        let rows = whole.split('\n').collect::<Vec<_>>();
        assert_eq!(rows[0], "\r\u{1b}[K10:00:00 connection normal, latency 8.00 ms");
        assert!(rows[1].contains("\r\u{1b}[K10:00:00 connection slow, latency 150 ms"), "{rows:?}");
        assert!(rows[2].starts_with("relay.example:12345 ▁▁▅ 150 ms  min 8.00"), "{rows:?}");
        assert!(rows[2].ends_with("\r\u{1b}[K10:00:00 connection inactive"), "{rows:?}");
        let last = "min 8.00, median 9.00, p99 150, lost 1/4";
        assert!(rows[3].contains(&format!("relay.example:12345 ▁▁▅× no answer  {last}")), "{rows:?}");
        assert!(rows[3].ends_with(&format!("\r\u{1b}[Krelay.example:12345: {last}")), "{rows:?}");
    }

    #[test]
    fn a_line_never_fills_the_terminal() {
        let whole = shown(Face::Live, &[Some(8); 99], 80);
        let line = whole.split('\n').nth(1).and_then(|row| row.split("\r\u{1b}[K").nth(98)).expect("a line");
        let drawn = line.chars().filter(|one| BARS.contains(one)).count();
        assert_eq!((line.chars().count(), drawn > 5, line.contains("lost 0/99")), (79, true, true), "{line}");
        let narrow = shown(Face::Live, &[Some(8)], 30);
        let line = narrow.split('\n').nth(1).and_then(|row| row.split('\r').next()).expect("a line");
        assert_eq!(line.chars().count(), 29, "{narrow:?}");
    }

    #[test]
    fn a_target_cannot_steer_the_terminal() {
        let mut output = Vec::new();
        let mut display = Display::new(&mut output, Face::Live, "\u{1b}[2Jx", Thresholds::DEFAULT, Language::En);
        let measurement = Measurement { number: 1, status: Status::Inactive, latency_us: None };
        display.show(&measurement, "10:00:00", 200).expect("written");
        assert!(!String::from_utf8(output).expect("text").contains("\u{1b}[2J"));
    }
}
