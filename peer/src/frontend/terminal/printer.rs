//! Prints above the line that is being typed.
//!
//! The line editor's printer can wait long (a search in the history holds it), so it has a thread of its own behind a
//! bounded queue. When that is full, the frontend waits, its inbox fills, and the links are no longer read: nothing is
//! lost.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
    time::Instant,
};

use rustyline::ExternalPrinter;

use super::screen::Screen;

/// Pages that wait to be printed.
const PAGES_MAX: usize = 64;

/// Some whole lines.
#[derive(Debug)]
pub(crate) struct Page {
    /// They; the last ends with a line break too.
    pub(crate) text: String,
    /// The number of the last message in them.
    pub(crate) number: Option<u64>,
}

/// The thread.
#[derive(Debug)]
pub(crate) struct Printer {
    pages: Option<SyncSender<Page>>,
    thread: JoinHandle<()>,
    printed: Arc<Mutex<Option<Instant>>>,
    /// A page without anything to read waits.
    refreshing: Arc<AtomicBool>,
}

/// Up and down again: the editor writes its line anew, and nothing else happens. (Without a line break at the end it
/// would add one.)
const REFRESH: &str = "\x1b[A\n";

impl Printer {
    /// Starts it. `note` is told the number of each message that was shown.
    pub(crate) fn start(
        to: impl ExternalPrinter + Send + 'static,
        note: impl FnMut(u64) + Send + 'static,
        screen: Arc<Screen>,
    ) -> Self {
        let (pages, queue) = sync_channel(PAGES_MAX);
        let printed = Arc::new(Mutex::new(None));
        let last = Arc::clone(&printed);
        let refreshing = Arc::<AtomicBool>::default();
        let refreshed = Arc::clone(&refreshing);
        Self {
            pages: Some(pages),
            thread: thread::spawn(move || print_pages(to, note, &screen, &queue, &last, &refreshed)),
            printed,
            refreshing,
        }
    }

    /// Has the editor write its line and what stands below it anew, unless something that waits does so.
    pub(crate) fn refresh(&self) {
        if let Some(pages) = &self.pages
            && !self.refreshing.swap(true, Ordering::Relaxed)
            && pages.try_send(Page { text: REFRESH.to_owned(), number: None }).is_err()
        {
            self.refreshing.store(false, Ordering::Relaxed);
        }
    }

    /// Queues a page; waits while too many wait.
    pub(crate) fn print(&self, page: Page) {
        if let Some(pages) = &self.pages
            && pages.send(page).is_err()
        {
            log::error!("the printer has ended");
        }
    }

    /// Nothing more will come.
    pub(crate) fn close(&mut self) {
        self.pages = None;
    }

    /// Whether everything was printed.
    pub(crate) fn is_done(&self) -> bool {
        self.thread.is_finished()
    }

    /// When something was printed last.
    pub(crate) fn last_printed(&self) -> Option<Instant> {
        *self.printed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn print_pages(
    mut to: impl ExternalPrinter,
    mut note: impl FnMut(u64),
    screen: &Screen,
    pages: &Receiver<Page>,
    last: &Mutex<Option<Instant>>,
    refreshing: &AtomicBool,
) {
    for page in pages {
        let refresh = page.text == REFRESH;
        screen.may_print();
        // Between two lines there is nothing to write anew.
        if refresh && !screen.is_reading() {
            screen.printed();
            refreshing.store(false, Ordering::Relaxed);
            continue;
        }
        let printed = to.print(page.text);
        screen.printed();
        if refresh {
            refreshing.store(false, Ordering::Relaxed);
        }
        if let Err(error) = printed {
            // The messages stay unshown, and come at the next start.
            log::error!("the terminal can't be written: {error}");
            continue;
        }
        *last.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        if let Some(number) = page.number {
            note(number);
        }
    }
}
