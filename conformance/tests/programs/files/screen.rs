//! The row of progress at a terminal: below the line that is typed, and never in its way.

use std::path::Path;

use super::{MB, assert_same, make, number};
use crate::support::{
    grid::Grid,
    meter::Meter,
    papo::{Options, text},
    terminal::Terminal,
};

/// What stands in the row of progress.
const PROGRESS: &str = " % of ";

#[test]
fn a_row_below_the_line_tells_how_far_a_file_is_while_one_types() {
    let place = tempfile::tempdir().expect("a directory");
    let path = make(place.path(), "film.mkv", 100 * MB);
    let mut bia = Options::new("bia").start();
    let address = text(&bia.wait_for("ready", |_| true), "listen").to_owned();
    let options = Options::new("ana").plain();
    let mut ana = Terminal::start(options.clone());
    let meter = Meter::start(address.parse().expect("an address"));
    ana.press(&format!("/connect {}\r", meter.address));
    bia.wait_linked("ana");
    meter.limit(2 * MB);
    bia.line(&format!("/send ana {}", path.display()));
    ana.wait_shown(0, "bia offers “film.mkv” (100 MB): /accept 1 or /reject 1");
    // The number is completed.
    ana.press("/accept \t\r");
    ana.wait_until(0, "a row of progress", |shown| shown.contains(PROGRESS));

    // Text is typed in pieces while the row below changes.
    let mut rows = std::collections::BTreeSet::new();
    let typed = "o jantar está pronto, 日本語";
    for (index, key) in typed.char_indices() {
        ana.press(&key.to_string());
        let so_far = format!("everyone> {}{key}", &typed[..index]);
        let grid = ana.wait_grid("what was typed, and below it one row of progress", |grid| {
            let at = grid.row_with(&so_far);
            at.is_some_and(|at| {
                let below = grid.row(at + 1).contains(PROGRESS) && grid.rows_with(PROGRESS) == 1;
                grid.row(at) == so_far.trim_end() && below && grid.cursor().0 == at
            })
        });
        let at = grid.row_with(PROGRESS).expect("it is there");
        rows.insert(grid.row(at));
    }
    // And also while nothing is typed.
    ana.wait_grid("other progress", |grid| {
        grid.rows_with(PROGRESS) == 1 && grid.row_with(PROGRESS).is_some_and(|at| !rows.contains(&grid.row(at)))
    });
    assert!(rows.iter().all(|row| row.starts_with("“film.mkv” from bia: ")), "{rows:?}");
    ana.press("\r");
    bia.wait_message(typed);
    // A line that is cleared takes its row along.
    ana.press("never said");
    ana.wait_grid("the draft", |grid| grid.row_with("everyone> never said").is_some());
    ana.press("\u{3}");
    ana.wait_grid("an empty line with its row", |grid| {
        let at = grid.row_with(PROGRESS);
        grid.rows_with(PROGRESS) == 1 && at.is_some_and(|at| at > 0 && grid.row(at - 1) == "everyone>")
    });
    // While a command is typed there is room for what it may become.
    ana.press("/tr");
    ana.wait_grid("the command alone", |grid| {
        grid.row_with("everyone> /tr").is_some() && grid.rows_with(PROGRESS) == 0
    });
    ana.press("ansfers\r");
    ana.wait_grid("the list", |grid| grid.row_with("from bia  ").is_some());

    meter.unlimit();
    // All of it in one wait: a sentence may come in several reads. Where its rows break depends on the path, and whether
    // it tells how long it took, on whether that was a second.
    ana.wait_until(0, "what was received", |shown| {
        let words = shown.split_whitespace().collect::<Vec<_>>().join(" ");
        words.contains("received “") && words.contains("film.mkv” from bia (100 MB")
    });
    ana.wait_grid("no progress", |grid| grid.rows_with(PROGRESS) == 0);
    assert_same(&path, &options.received().join("film.mkv"));
    let sent = bia.wait_for("sent", |_| true);
    assert_eq!((number(&sent), text(&sent, "to")), (1, "ana"));
    ana.press("/quit\r");
    assert_eq!(ana.wait_code(), 0);
}

#[test]
fn a_path_with_spaces_is_completed_and_sent() {
    let place = tempfile::tempdir().expect("a directory");
    let path = make(place.path(), "duas palavras.txt", 1000);
    let mut bia = Options::new("bia").start();
    let address = text(&bia.wait_for("ready", |_| true), "listen").to_owned();
    let mut ana = Terminal::start(Options::new("ana").plain());
    ana.press(&format!("/connect {address}\r"));
    bia.wait_linked("ana");
    ana.wait_shown(0, "linked to bia");
    ana.press(&format!("/send bi\t{}/du\t\r", place.path().display()));
    let offer = bia.wait_for("offer", |event| text(event, "name") == "duas palavras.txt");
    bia.line(&format!("/accept {}", number(&offer)));
    let received = bia.wait_for("received", |_| true);
    assert_same(&path, Path::new(text(&received, "path")));
    ana.wait_shown(0, "bia has “duas palavras.txt” (1.0 kB");
}

#[test]
fn the_grid_is_what_a_terminal_shows() {
    let mut grid = Grid::new(4, 10);
    grid.feed("one\r\n日本x\r\n\x1b[1A\x1b[K12345678901\x1b[5D!".as_bytes());
    assert_eq!((0..4).map(|row| grid.row(row)).collect::<Vec<_>>(), ["one", "1234567890", "!", ""]);
    grid.feed(b"\x1b[2;3H\x1b[J\r\n\n\n\nlast");
    assert_eq!((0..4).map(|row| grid.row(row)).collect::<Vec<_>>(), ["", "", "", "last"]);
    assert_eq!(grid.cursor(), (3, 4));
}
