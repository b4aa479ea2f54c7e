//! What peers of that system say to each other, and what their tracker asks their listeners.

use serde::Serialize;

use super::{Fields, encode};
use crate::plaintext::READ_BYTES;

/// One object between peers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PeerMessage {
    /// The dialler's first: who it is.
    Hello {
        /// Its account.
        username: String,
    },
    /// Something is said.
    Message {
        /// In which room; `None` for a private message.
        room: Option<String>,
        /// Who says it.
        username: String,
        /// What.
        content: String,
    },
    /// The other end leaves the room, and closes.
    Leave {
        /// Whether it leaves a private chat instead.
        private: bool,
    },
    /// Answer this.
    Ping,
    /// The answer.
    Pong,
}

#[derive(Serialize)]
struct Said<'a> {
    cmd: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    room: Option<Option<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'a str>,
}

impl PeerMessage {
    /// What an object says; `None` where it says nothing that is known, or not all that it should.
    #[must_use]
    pub fn decode(object: &Fields) -> Option<Self> {
        let text = |name| object.text(name).map(str::to_owned);
        match object.text("cmd")? {
            "HELLO" => Some(Self::Hello { username: text("username")? }),
            "MESSAGE" => {
                let room = text("room");
                // A room that is no text is no private message.
                let is_known = room.is_some() || object.is_null("room");
                is_known.then_some(())?;
                Some(Self::Message { room, username: text("username")?, content: text("content").unwrap_or_default() })
            }
            "LEAVE" => Some(Self::Leave { private: object.is_null("room") }),
            "PING" => Some(Self::Ping),
            "PONG" => Some(Self::Pong),
            _ => None,
        }
    }

    /// The object.
    #[must_use]
    pub fn encode(&self) -> String {
        let nothing = |cmd| Said { cmd, room: None, username: None, content: None };
        encode(&match self {
            Self::Hello { username } => Said { username: Some(username), ..nothing("HELLO") },
            Self::Message { room, username, content } => Said {
                room: Some(room.as_deref()),
                username: Some(username),
                content: Some(content),
                ..nothing("MESSAGE")
            },
            Self::Leave { private } => Said { room: private.then_some(None), ..nothing("LEAVE") },
            Self::Ping => nothing("PING"),
            Self::Pong => nothing("PONG"),
        })
    }

    /// A text as messages of which each is read at once; one for a text that is empty.
    ///
    /// # Panics
    /// When the names alone fill a message: no valid ones do.
    #[must_use]
    pub fn messages(room: Option<&str>, username: &str, text: &str) -> Vec<Self> {
        let message = |content: &str| {
            let (room, username) = (room.map(str::to_owned), username.to_owned());
            Self::Message { room, username, content: content.to_owned() }
        };
        let around = message("").encode().len();
        // Six bytes are a character's longest form.
        assert!(around + 6 <= READ_BYTES, "names are bounded");
        let (mut messages, mut begin, mut length) = (Vec::new(), 0, around);
        for (at, character) in text.char_indices() {
            let more = encode(&character).len() - 2;
            if length + more > READ_BYTES {
                messages.push(message(&text[begin..at]));
                (begin, length) = (at, around);
            }
            length += more;
        }
        messages.push(message(&text[begin..]));
        messages
    }
}

#[cfg(test)]
mod tests {
    use super::{super::stream::ObjectStream, *};

    fn decode(text: &str) -> Option<PeerMessage> {
        let mut stream = ObjectStream::default();
        stream.push(text.as_bytes());
        PeerMessage::decode(&stream.next_object(usize::MAX).expect("it is JSON").expect("it is whole"))
    }

    #[test]
    fn each_message_has_these_bytes_and_is_read_from_them() {
        let (username, content) = ("ana".to_owned(), "Olá, \"bia\"".to_owned());
        for (message, bytes) in [
            (PeerMessage::Hello { username: username.clone() }, r#"{"cmd":"HELLO","username":"ana"}"#),
            (
                PeerMessage::Message {
                    room: Some("sala".to_owned()),
                    username: username.clone(),
                    content: content.clone(),
                },
                r#"{"cmd":"MESSAGE","room":"sala","username":"ana","content":"Olá, \"bia\""}"#,
            ),
            (
                PeerMessage::Message { room: None, username, content },
                r#"{"cmd":"MESSAGE","room":null,"username":"ana","content":"Olá, \"bia\""}"#,
            ),
            (PeerMessage::Leave { private: false }, r#"{"cmd":"LEAVE"}"#),
            (PeerMessage::Leave { private: true }, r#"{"cmd":"LEAVE","room":null}"#),
            (PeerMessage::Ping, r#"{"cmd":"PING"}"#),
            (PeerMessage::Pong, r#"{"cmd":"PONG"}"#),
        ] {
            assert_eq!(message.encode(), bytes);
            assert_eq!(decode(bytes), Some(message));
        }
    }

    #[test]
    fn what_is_not_known_or_not_whole_says_nothing() {
        for text in [
            r#"{}"#,
            r#"{"cmd":"FILE"}"#,
            r#"{"cmd":"HELLO"}"#,
            r#"{"cmd":"HELLO","username":7}"#,
            r#"{"cmd":"MESSAGE","room":"sala","content":"x"}"#,
            r#"{"cmd":"MESSAGE","username":"ana","content":"x"}"#,
            r#"{"cmd":"MESSAGE","room":7,"username":"ana","content":"x"}"#,
        ] {
            assert_eq!(decode(text), None, "{text}");
        }
        let empty = decode(r#"{"cmd":"MESSAGE","room":"sala","username":"ana","x":1}"#);
        assert_eq!(empty, PeerMessage::messages(Some("sala"), "ana", "").pop());
    }

    #[test]
    fn a_long_text_is_split_between_characters_into_what_is_read_at_once() {
        let longest = "日".repeat(32);
        for text in ["x".repeat(5_000), "é日🙂\"\n\u{1}a".repeat(700), "\u{1}".repeat(1_000)] {
            let messages = PeerMessage::messages(Some(&longest), &longest, &text);
            let mut said = String::new();
            for message in &messages {
                let bytes = message.encode();
                assert!(bytes.len() <= READ_BYTES);
                let Some(PeerMessage::Message { content, .. }) = decode(&bytes) else { panic!("{bytes}") };
                said += &content;
            }
            assert_eq!(said, text);
            assert!(messages[..messages.len() - 1].iter().all(|message| message.encode().len() > READ_BYTES - 6));
        }
    }

    #[test]
    fn a_text_that_just_fits_is_one_message() {
        let around = PeerMessage::messages(None, "ana", "")[0].encode().len();
        assert_eq!(PeerMessage::messages(None, "ana", &"x".repeat(READ_BYTES - around)).len(), 1);
        assert_eq!(PeerMessage::messages(None, "ana", &"x".repeat(READ_BYTES - around + 1)).len(), 2);
    }
}
