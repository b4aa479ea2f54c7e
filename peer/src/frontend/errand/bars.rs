//! How far things are, at a terminal: a bar for each transfer that moves, below what is said.

use std::collections::BTreeMap;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use papo_proto::escape::Line;

use crate::frontend::{
    progress::Moving,
    sentences::{Language, files},
};

/// As many hundredths as a bar has.
const WHOLE: u64 = 100;

/// The bars, where there is a terminal to draw them on.
pub(super) struct Bars {
    all: MultiProgress,
    bars: BTreeMap<u64, ProgressBar>,
    language: Language,
}

impl Bars {
    /// None are there yet.
    pub(super) fn new(language: Language) -> Self {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        Self { all, bars: BTreeMap::new(), language }
    }

    /// Shows what moves now, and nothing else.
    pub(super) fn show(&mut self, moving: &[Moving]) {
        self.bars.retain(|transfer, bar| {
            let moves = moving.iter().any(|one| one.transfer == *transfer);
            if !moves {
                bar.finish_and_clear();
                self.all.remove(bar);
            }
            moves
        });
        for one in moving {
            let all = &self.all;
            let bar = self.bars.entry(one.transfer).or_insert_with(|| {
                let style = ProgressStyle::with_template("{bar:20} {wide_msg}").expect("the template is one");
                all.add(ProgressBar::new(WHOLE).with_style(style))
            });
            bar.set_position(one.percent());
            bar.set_message(Line::from(files::progress(self.language, one)).to_string());
        }
    }

    /// Says something above them.
    pub(super) fn above(&self, say: impl FnOnce()) {
        self.all.suspend(say);
    }
}
