//! What a terminal shows after what was written to it: as much of a terminal as papo needs.

use std::fmt;

use unicode_width::UnicodeWidthChar as _;

/// Rows of characters, and where the next one goes. The second half of a wide one is `None`.
#[derive(Debug, Clone)]
pub(crate) struct Grid {
    cells: Vec<Vec<Option<char>>>,
    columns: usize,
    row: usize,
    column: usize,
    /// Bytes that are no whole character or sequence yet.
    begun: Vec<u8>,
}

impl Grid {
    /// An empty one.
    pub(crate) fn new(rows: usize, columns: usize) -> Self {
        Self { cells: vec![vec![Some(' '); columns]; rows], columns, row: 0, column: 0, begun: Vec::new() }
    }

    /// What stands in a row, without white space at its end.
    pub(crate) fn row(&self, row: usize) -> String {
        let cells = self.cells.get(row).map(Vec::as_slice).unwrap_or_default();
        cells.iter().flatten().collect::<String>().trim_end().to_owned()
    }

    /// The last row that has this in it.
    pub(crate) fn row_with(&self, text: &str) -> Option<usize> {
        (0..self.cells.len()).rev().find(|&row| self.cells[row].iter().flatten().collect::<String>().contains(text))
    }

    /// How many have it.
    pub(crate) fn rows_with(&self, text: &str) -> usize {
        (0..self.cells.len()).filter(|&row| self.row(row).contains(text)).count()
    }

    /// Row and column.
    pub(crate) const fn cursor(&self) -> (usize, usize) {
        (self.row, self.column)
    }

    /// Writes.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        self.begun.extend_from_slice(bytes);
        let whole = match std::str::from_utf8(&self.begun) {
            Ok(text) => text.len(),
            Err(error) => error.valid_up_to(),
        };
        let rest = self.begun.split_off(whole);
        let text = String::from_utf8(std::mem::replace(&mut self.begun, rest)).expect("it was looked at");
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            match character {
                '\u{1b}' => {
                    let from = characters.as_str();
                    if !self.sequence(&mut characters) {
                        // The rest of it comes with the next bytes.
                        self.begun.splice(0..0, format!("\u{1b}{from}").into_bytes());
                        return;
                    }
                }
                '\r' => self.column = 0,
                '\n' => self.line_feed(),
                '\u{8}' => self.column = self.column.saturating_sub(1),
                other if other.is_control() => {}
                other => self.put(other),
            }
        }
    }

    fn put(&mut self, character: char) {
        let width = character.width().unwrap_or(0);
        if width == 0 {
            return;
        }
        if self.column + width > self.columns {
            self.column = 0;
            self.line_feed();
        }
        self.cells[self.row][self.column] = Some(character);
        for further in 1..width {
            self.cells[self.row][self.column + further] = None;
        }
        self.column += width;
    }

    fn line_feed(&mut self) {
        if self.row + 1 < self.cells.len() {
            self.row += 1;
        } else {
            self.cells.remove(0);
            self.cells.push(vec![Some(' '); self.columns]);
        }
    }

    /// One control sequence, behind its escape; whether all of it is there.
    fn sequence(&mut self, characters: &mut std::str::Chars<'_>) -> bool {
        match characters.next() {
            None => return false,
            Some('[') => {}
            Some(']') => return characters.any(|end| end == '\u{7}'),
            Some(_) => return true,
        }
        let mut parameters = String::new();
        let end = loop {
            match characters.next() {
                None => return false,
                Some(end @ '@'..='~') => break end,
                Some(parameter) => parameters.push(parameter),
            }
        };
        let numbers = parameters.split(';').map(|number| number.parse::<usize>().ok()).collect::<Vec<_>>();
        let count = numbers.first().copied().flatten();
        let by = count.unwrap_or(1).max(1);
        match end {
            'A' => self.row = self.row.saturating_sub(by),
            'B' => self.row = (self.row + by).min(self.cells.len() - 1),
            'C' => self.column = (self.column + by).min(self.columns - 1),
            'D' => self.column = self.column.min(self.columns - 1).saturating_sub(by),
            'G' => self.column = by - 1,
            'H' => {
                let column = numbers.get(1).copied().flatten().unwrap_or(1);
                (self.row, self.column) =
                    ((by - 1).min(self.cells.len() - 1), (column.max(1) - 1).min(self.columns - 1));
            }
            'K' | 'J' => {
                let whole = count == Some(2);
                let from = if whole { 0 } else { self.column };
                self.cells[self.row].iter_mut().skip(from).for_each(|cell| *cell = Some(' '));
                if end == 'J' {
                    let first = if whole { 0 } else { self.row + 1 };
                    self.cells.iter_mut().skip(first).for_each(|row| row.fill(Some(' ')));
                }
            }
            _ => {}
        }
        true
    }
}

impl fmt::Display for Grid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (0..self.cells.len()).try_for_each(|row| writeln!(f, "|{}", self.row(row)))
    }
}
