//! The thread that reads lines with the line editor.

use std::sync::Arc;

use rustyline::{
    Behavior, ColorMode, CompletionType, Config, Editor,
    config::BellStyle,
    error::ReadlineError,
    history::{History as _, MemHistory},
};

use super::{
    completion::LineHelper,
    history::{HistoryFile, LINES_MAX},
    screen::Screen,
};
use crate::frontend::{
    event::Trouble,
    inbox::Inbox,
    sentences,
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
pub(crate) fn read(mut editor: LineEditor, history: &HistoryFile, screen: &Arc<Screen>, inbox: &Arc<Inbox>) {
    while let Some((prompt, (draft, at))) = screen.begin() {
        let (left, right) = draft.split_at_checked(at).unwrap_or((draft.as_str(), ""));
        let read = editor.readline_with_initial(&prompt_text(&prompt), (left, right));
        let woken = screen.returned();
        match read {
            Ok(line) => {
                if matches!(prompt, Prompt::Chat(_)) {
                    screen.clear_draft();
                    remember(&mut editor, history, &line);
                }
                inbox.push(Input::Line { text: line, prompt: Some(prompt) });
            }
            // It goes on under another prompt, or ends.
            Err(ReadlineError::Interrupted) if woken => continue,
            Err(ReadlineError::Interrupted) => match prompt {
                Prompt::Chat(_) if screen.clear_draft() => inbox.push(Input::Interrupt),
                Prompt::Chat(_) => continue,
                // No answer is an answer.
                Prompt::Password { .. } => inbox.push(Input::Line { text: String::new(), prompt: Some(prompt) }),
                Prompt::Confirm { .. } => inbox.push(Input::Interrupt),
            },
            Err(ReadlineError::Eof) => inbox.push(Input::End),
            Err(ReadlineError::Io(error)) if error.kind() == std::io::ErrorKind::InvalidData => {
                inbox.push(Input::BadLine(Trouble::NotUtf8));
            }
            Err(error) => {
                log::error!("the terminal can't be read: {error}");
                inbox.push(Input::End);
                return;
            }
        }
        screen.wait_turn();
    }
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

fn prompt_text(prompt: &Prompt) -> String {
    match prompt {
        Prompt::Chat(target) => format!("{}> ", sentences::target(target)),
        Prompt::Password { user, register, again } => sentences::password_prompt(user, *register, *again),
        Prompt::Confirm { .. } => sentences::YES_OR_NO_PROMPT.to_owned(),
    }
}
