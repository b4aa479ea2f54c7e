//! The thread that reads lines with the line editor.

use std::{
    io::{self, Write as _},
    sync::Arc,
};

use rustyline::{
    Behavior, ColorMode, CompletionType, Config, Editor,
    config::BellStyle,
    error::ReadlineError,
    hint::Hint as _,
    history::{History as _, MemHistory},
};

use unicode_width::UnicodeWidthChar as _;

use super::{
    completion::{LineHelper, suggestion},
    echo,
    history::{HistoryFile, LINES_MAX},
    screen::Screen,
};
use crate::frontend::{
    commands::Verb,
    event::Trouble,
    inbox::{Inbox, Waiting},
    sentences::{self, Language},
    session::{Input, Prompt},
};

/// The line editor with its helper.
pub(crate) type LineEditor = Editor<LineHelper, MemHistory>;

/// Makes the editor, with what was typed in earlier runs.
///
/// # Errors
/// When the terminal refuses.
pub(crate) fn editor(helper: LineHelper, history: &HistoryFile) -> rustyline::Result<LineEditor> {
    let config = Config::builder()
        .behavior(Behavior::Stdio)
        // Without colours the editor would not ask the helper, which hides passwords; the helper paints by the theme.
        .color_mode(ColorMode::Forced)
        .completion_type(CompletionType::List)
        .bell_style(BellStyle::None)
        .auto_add_history(false)
        .max_history_size(LINES_MAX)?
        .history_ignore_dups(true)?
        .build();
    let history_of_lines = MemHistory::with_config(&config);
    let mut editor = Editor::with_history(config, history_of_lines)?;
    for line in history.load() {
        editor.history_mut().add(&line)?;
    }
    editor.set_helper(Some(helper));
    Ok(editor)
}

/// Reads until it is stopped, or the terminal is gone.
pub(crate) fn read<N: Waiting>(
    mut editor: LineEditor,
    history: &HistoryFile,
    screen: &Arc<Screen>,
    inbox: &Arc<Inbox<N>>,
) {
    let (language, verbs) = editor.helper().map_or((Language::En, Verb::ALL), |helper| (helper.language, helper.verbs));
    while let Some((prompt, (draft, at))) = screen.begin() {
        echo::turn_off();
        let (left, right) = draft.split_at_checked(at).unwrap_or((draft.as_str(), ""));
        let text = prompt_text(language, &prompt);
        let read = editor.readline_with_initial(&text, (left, right));
        let progress = screen.leave_progress();
        let returned = screen.returned(matches!(read, Err(ReadlineError::Interrupted)));
        let input = match read {
            Ok(line) => {
                if matches!(prompt, Prompt::Chat(_)) {
                    screen.clear_draft();
                    remember(&mut editor, history, &line);
                }
                Input::Line { text: line, prompt: Some(prompt) }
            }
            Err(ReadlineError::Interrupted) if returned.woken => {
                if let (Some((draft, at)), Some((columns, _))) = (returned.wipe, editor.dimensions()) {
                    let typed = matches!(prompt, Prompt::Chat(_));
                    let written = if typed { with_hint(language, verbs, &draft, at) } else { String::new() };
                    wipe(&text, &written, usize::from(columns), usize::from(progress));
                }
                continue;
            }
            Err(ReadlineError::Interrupted) => {
                if progress {
                    write_out("\x1b[A\r\x1b[J");
                }
                match prompt {
                    // No answer is an answer.
                    Prompt::Password { .. } => Input::Line { text: String::new(), prompt: Some(prompt) },
                    Prompt::Chat(_) if !screen.clear_draft() => continue,
                    Prompt::Chat(_) | Prompt::Confirm { .. } => {
                        inbox.push(Input::Interrupt);
                        continue;
                    }
                }
            }
            Err(ReadlineError::Io(error)) if error.kind() == io::ErrorKind::InvalidData => {
                Input::BadLine(Trouble::NotUtf8)
            }
            Err(error) => {
                if !matches!(error, ReadlineError::Eof) {
                    log::error!("the terminal can't be read: {error}");
                }
                inbox.push(Input::End);
                return;
            }
        };
        screen.note_line();
        inbox.push(input);
        screen.wait_turn();
    }
}

/// Takes away the prompt, what was `written` behind it, and so many rows `below` that; the cursor is on the line after
/// all of it. Nothing else has been written since.
fn wipe(prompt: &str, written: &str, columns: usize, below: usize) {
    if let Some(rows) = rows_above(prompt, written, columns) {
        write_out(&format!("\x1b[{}A\r\x1b[J", rows + below + 1));
    }
}

/// What the editor has written of a draft.
fn with_hint(language: Language, verbs: &[Verb], draft: &str, at: usize) -> String {
    let hint = suggestion(language, verbs, draft, at);
    draft.to_owned() + hint.as_ref().map_or("", |hint| hint.display())
}

fn write_out(controls: &str) {
    let mut out = io::stdout().lock();
    if let Err(error) = out.write_all(controls.as_bytes()).and_then(|()| out.flush()) {
        log::debug!("the terminal can't be wiped: {error}");
    }
}

/// How many rows of the terminal are above the one with the cursor, where `text` was written behind `prompt`; `None`
/// where that can't be known.
fn rows_above(prompt: &str, text: &str, columns: usize) -> Option<usize> {
    let (mut row, mut column) = (0, 0);
    for character in prompt.chars().chain(text.chars()) {
        let width = match character {
            '\n' => {
                (row, column) = (row + 1, 0);
                continue;
            }
            other => other.width()?,
        };
        if column + width > columns {
            (row, column) = (row + 1, 0);
        }
        column += width;
    }
    // At the very edge the editor has gone on to the next row.
    Some(if column >= columns { row + 1 } else { row })
}

fn remember(editor: &mut LineEditor, history: &HistoryFile, line: &str) {
    if line.trim().is_empty() {
        return;
    }
    if let Err(error) = editor.add_history_entry(line) {
        log::warn!("the line is not remembered: {error}");
    }
    history.add(line);
}

fn prompt_text(language: Language, prompt: &Prompt) -> String {
    match prompt {
        Prompt::Chat(target) => format!("{}> ", sentences::target(language, target)),
        Prompt::Password { user, register, again } => sentences::password_prompt(language, user, *register, *again),
        Prompt::Confirm { .. } => sentences::yes_or_no_prompt(language).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_counted_with_wide_letters_and_line_breaks() {
        for (text, rows) in [
            ("", Some(0)),
            ("12345", Some(0)),
            ("123456", Some(1)),
            ("1234567", Some(1)),
            ("日本語", Some(1)),
            ("12345日", Some(1)),
            ("a\nb\n", Some(2)),
            ("a\tb", None),
        ] {
            assert_eq!(rows_above("a> ", text, 9), rows, "{text}");
        }
    }
}
