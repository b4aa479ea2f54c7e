//! The lines of the oldest system: one request a connection, and a list of rows (PROTOCOL.md, "Plaintext").
//!
//! A request has no delimiter: it ends with a line break, with the stream, or when nothing more comes for
//! [`SILENCE`]. `PING` and `LIST` end with themselves, since nothing else begins so.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use super::READ_BYTES;
use crate::names::NAME_BYTES_MAX;

/// A request to which nothing was added for so long is whole.
pub const SILENCE: Duration = Duration::from_millis(100);
/// The answer to a registration.
pub const REGISTERED: &str = "REGISTERED";
/// No request is longer, in bytes.
const REQUEST_BYTES_MAX: usize = 256;

/// What a client asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LineRequest {
    /// List me.
    Register {
        /// Where it listens, as it says.
        at: SocketAddr,
        /// What it is called, as it says: without blanks and controls, and no longer than names are.
        username: String,
    },
    /// Who is there?
    List,
}

/// These bytes are no request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoLine {
    /// They never will be.
    #[error("this is no request of the line dialect")]
    Malformed,
    /// They are too many.
    #[error("a request of the line dialect is too long")]
    TooLong,
}

/// A request that arrives.
#[derive(Debug, Default)]
pub struct LineStream {
    bytes: Vec<u8>,
}

impl LineStream {
    /// Takes bytes, however they are cut. What comes behind a line break is not heard.
    ///
    /// # Errors
    /// When there are too many.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), NoLine> {
        if self.has_ended() {
            return Ok(());
        }
        let line = bytes.split_inclusive(|&byte| byte == b'\n').next().unwrap_or_default();
        if self.bytes.len() + line.len() > REQUEST_BYTES_MAX {
            return Err(NoLine::TooLong);
        }
        self.bytes.extend_from_slice(line);
        Ok(())
    }

    /// How many bytes wait here.
    #[must_use]
    pub const fn buffered(&self) -> usize {
        self.bytes.len()
    }

    /// Whether it is whole, whatever comes.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.bytes.ends_with(b"\n") || matches!(&*self.bytes, b"PING" | b"LIST")
    }

    /// What is asked, now that it is whole.
    ///
    /// # Errors
    /// When it is nothing.
    pub fn request(&self) -> Result<LineRequest, NoLine> {
        let text = str::from_utf8(&self.bytes).map_err(|_| NoLine::Malformed)?;
        let words = text.trim_end_matches(['\r', '\n']).split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>();
        match *words {
            ["PING" | "LIST"] => Ok(LineRequest::List),
            ["REGISTER", ip, port, username] => {
                let ip = ip.parse::<IpAddr>().map_err(|_| NoLine::Malformed)?;
                let port = port.parse::<u16>().ok().filter(|&port| port > 0).ok_or(NoLine::Malformed)?;
                let is_fine = username.len() <= NAME_BYTES_MAX
                    && !username.contains(|character: char| character.is_whitespace() || character.is_control());
                let username = is_fine.then(|| username.to_owned()).ok_or(NoLine::Malformed)?;
                Ok(LineRequest::Register { at: SocketAddr::new(ip, port), username })
            }
            _ => Err(NoLine::Malformed),
        }
    }
}

/// Rows of address and name, as many of the first as one read takes; nothing for nobody.
#[must_use]
pub fn encode_rows<'a>(rows: impl Iterator<Item = (SocketAddr, &'a str)>) -> String {
    let mut list = String::new();
    for (at, username) in rows {
        let row = format!("{} {} {username}", at.ip(), at.port());
        let line_break = usize::from(!list.is_empty());
        if list.len() + line_break + row.len() > READ_BYTES {
            break;
        }
        list.push_str(&"\n"[..line_break]);
        list.push_str(&row);
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    fn request(text: &str) -> Result<LineRequest, NoLine> {
        let mut stream = LineStream::default();
        for byte in text.as_bytes() {
            stream.push(std::slice::from_ref(byte))?;
        }
        stream.request()
    }

    #[test]
    fn each_request_is_told_and_ends_as_it_may() {
        let register =
            |username: &str| Ok(LineRequest::Register { at: at("127.0.0.1:5001"), username: username.to_owned() });
        assert_eq!(request("REGISTER 127.0.0.1 5001 ana"), register("ana"));
        assert_eq!(request("REGISTER 127.0.0.1 5001 ana\r\nPING"), register("ana"), "one request a connection");
        assert_eq!(request("REGISTER 127.0.0.1 5001 @joão"), register("@joão"));
        assert_eq!(request("REGISTER ::1 5001 ana").map(|_| ()), Ok(()));
        for list in ["PING", "LIST", "PING\n", "LIST \r\n"] {
            assert_eq!(request(list), Ok(LineRequest::List), "{list:?}");
        }
        let mut stream = LineStream::default();
        for (bytes, ended) in [(&b"PIN"[..], false), (b"G", true), (b"\nREGISTER", true)] {
            assert_eq!((stream.push(bytes), stream.has_ended()), (Ok(()), ended));
        }
        assert_eq!(stream.buffered(), 4);
    }

    #[test]
    fn what_is_no_request_is_malformed() {
        for text in [
            "REGISTER",
            "REGISTER 127.0.0.1 5001",
            "REGISTER 127.0.0.1 5001 ana maria",
            "REGISTER 127.0.0.1 0 ana",
            "REGISTER 127.0.0.1 65536 ana",
            "REGISTER here 5001 ana",
            "REGISTER 127.0.0.1 5001 a\u{7f}na",
            "REGISTER 127.0.0.1 5001 a\tb",
            "POST / HTTP/1.1",
            "\n",
        ] {
            assert_eq!(request(text), Err(NoLine::Malformed), "{text}");
        }
        let name = |length: usize| format!("REGISTER 127.0.0.1 5001 {}", "x".repeat(length));
        assert!(request(&name(NAME_BYTES_MAX)).is_ok());
        assert_eq!(request(&name(NAME_BYTES_MAX + 1)), Err(NoLine::Malformed));
        assert_eq!(request(&"R".repeat(REQUEST_BYTES_MAX)), Err(NoLine::Malformed));
        assert_eq!(request(&"R".repeat(REQUEST_BYTES_MAX + 1)), Err(NoLine::TooLong));
    }

    #[test]
    fn a_list_has_whole_rows_alone_and_no_line_break_at_its_end() {
        let list = |rows: &[(&str, &str)]| encode_rows(rows.iter().map(|&(addr, name)| (at(addr), name)));
        assert_eq!(list(&[]), "");
        assert_eq!(list(&[("127.0.0.1:5001", "ana")]), "127.0.0.1 5001 ana");
        assert_eq!(list(&[("127.0.0.1:5001", "ana"), ("[::1]:5002", "joão")]), "127.0.0.1 5001 ana\n::1 5002 joão");
        let row = "127.0.0.1 5001 12345678901234567"; // 32 bytes, and a line break
        let many = vec![("127.0.0.1:5001", "12345678901234567"); 40];
        assert_eq!(list(&many), vec![row; READ_BYTES / 33].join("\n"));
        assert!(list(&many).len() + 33 > READ_BYTES);
    }
}
