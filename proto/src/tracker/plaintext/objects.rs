//! What a connection keeps that speaks JSON objects.

use std::collections::VecDeque;

use crate::{
    plaintext::{
        json::{
            request::Request,
            stream::{NoObject, ObjectStream},
        },
        spaced::{Asked, Spaced, Write},
    },
    time::Time,
    wire::room::RoomId,
};

/// One such connection.
///
/// Invariant: each question is answered once, in the order of asking.
#[derive(Debug, Default)]
pub struct Objects {
    stream: ObjectStream,
    /// When the first byte of what is in the stream came.
    begun: Asked,
    /// The questions that have no answer yet.
    asked: VecDeque<Asked>,
    spaced: Spaced<RoomId>,
    /// Whether a password of it is queued, or under way.
    pub is_checking: bool,
    /// Whether it is closed behind what waits to be written.
    pub is_last: bool,
    /// Whether its client did not answer when it was dialled last.
    pub is_lost: bool,
}

impl Objects {
    /// Takes bytes of the connection.
    pub fn handle_bytes(&mut self, bytes: &[u8]) {
        if self.stream.buffered() == 0 {
            self.begun = self.spaced.asked();
        }
        self.stream.push(bytes);
    }

    /// How many bytes wait here.
    #[must_use]
    pub const fn buffered(&self) -> usize {
        self.stream.buffered()
    }

    /// The next request, if it is whole.
    ///
    /// # Errors
    /// When what came is none.
    pub fn next_request(&mut self, bytes_max: usize) -> Result<Option<Request>, NoObject> {
        let object = self.stream.next_object(bytes_max)?;
        if object.is_some() {
            self.asked.push_back(self.begun);
        }
        Ok(object.as_ref().map(Request::decode))
    }

    /// Adds what is to be said: a push about a room, of which there may wait so many, or else an answer.
    pub fn say(&mut self, object: String, about: Option<RoomId>, pushes_max: usize) {
        if let Some(room) = about {
            if self.spaced.waiting() >= pushes_max {
                self.spaced.leave_out(|about| *about == room);
            }
            self.spaced.push(object, room);
        } else {
            let asked = self.asked.pop_front().unwrap_or_else(|| self.spaced.asked());
            self.spaced.reply(object, asked);
        }
    }

    /// What is to be written now.
    pub fn next_write(&mut self, now: Time) -> Option<Write> {
        self.spaced.next_write(now)
    }

    /// When more may be written, if something waits.
    #[must_use]
    pub fn deadline(&self) -> Option<Time> {
        self.spaced.deadline()
    }

    /// Whether something waits.
    #[must_use]
    pub fn has_more(&self) -> bool {
        self.spaced.waiting() > 0
    }
}
