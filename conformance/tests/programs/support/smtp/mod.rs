//! A mail server as one submits mail to: STARTTLS, then a login, then mails. It says what was told before TLS, so that a
//! test sees that nothing secret was.
//!
//! Its certificate and that of the authority which signed it stand beside this file, and what made them.

use std::{
    io::{self, BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    sync::{Arc, Mutex},
    thread,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};

use super::{BOUND, feed::Feed};

/// Who may send mails.
pub(crate) const USER: &str = "ana";
/// And by what password.
pub(crate) const PASSWORD: &str = "a senha do correio";

/// How a server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Habit {
    /// As it should be.
    Proper,
    /// It knows no TLS, and would take passwords without.
    Open,
    /// It takes connections, and never says a word.
    Silent,
    /// It closes them at once.
    Away,
}

/// A mail that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mail {
    /// The envelope: from whom, to whom.
    pub(crate) envelope: (String, String),
    pub(crate) subject: String,
    pub(crate) body: String,
}

/// A server that runs until the tests end.
#[derive(Debug)]
pub(crate) struct MailServer {
    pub(crate) address: SocketAddr,
    /// The mails that came.
    pub(crate) mails: Arc<Feed<Mail>>,
    /// Every line that came without TLS.
    pub(crate) bare: Arc<Feed<String>>,
    habit: Arc<Mutex<Habit>>,
}

/// The certificate of the authority that this server's is signed by.
pub(crate) fn authority() -> PathBuf {
    file("authority.pem")
}

fn file(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests/programs/support/smtp", name].iter().collect()
}

impl MailServer {
    /// Starts one.
    pub(crate) fn start(habit: Habit) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let habit = Arc::new(Mutex::new(habit));
        let server = Self { address, mails: Arc::default(), bare: Arc::default(), habit };
        let (mails, bare, habit) = (Arc::clone(&server.mails), Arc::clone(&server.bare), Arc::clone(&server.habit));
        let tls = tls();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let habit = *habit.lock().expect("nobody fails who holds it");
                let visit = Visit { habit, mails: Arc::clone(&mails), bare: Arc::clone(&bare), tls: Arc::clone(&tls) };
                // Whoever goes away in the middle is no fault of the server's.
                thread::spawn(move || drop(visit.serve(stream)));
            }
        });
        server
    }

    /// From the next connection on it is another.
    pub(crate) fn set(&self, habit: Habit) {
        *self.habit.lock().expect("nobody fails who holds it") = habit;
    }
}

fn tls() -> Arc<ServerConfig> {
    let certificates = CertificateDer::pem_file_iter(file("server.pem")).expect("it is there");
    let certificates = certificates.collect::<Result<Vec<_>, _>>().expect("certificates");
    let key = PrivateKeyDer::from_pem_file(file("server.key")).expect("a key");
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring knows them")
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .expect("they belong together");
    Arc::new(config)
}

/// One connection.
struct Visit {
    habit: Habit,
    mails: Arc<Feed<Mail>>,
    bare: Arc<Feed<String>>,
    tls: Arc<ServerConfig>,
}

impl Visit {
    fn serve(&self, stream: TcpStream) -> io::Result<()> {
        stream.set_read_timeout(Some(BOUND))?;
        let mut plain = BufReader::new(stream);
        match self.habit {
            Habit::Away => return Ok(()),
            Habit::Silent => return self.next_line(&mut plain, true).map(drop),
            Habit::Proper | Habit::Open => {}
        }
        plain.get_mut().write_all(b"220 correio.example ESMTP\r\n")?;
        if !self.converse(&mut plain, true)? {
            return Ok(());
        }
        let tls = ServerConnection::new(Arc::clone(&self.tls)).map_err(io::Error::other)?;
        self.converse(&mut BufReader::new(StreamOwned::new(tls, plain.into_inner())), false).map(drop)
    }

    fn next_line(&self, stream: &mut impl BufRead, bare: bool) -> io::Result<String> {
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let line = line.trim_end_matches(['\r', '\n']).to_owned();
        if bare {
            self.bare.push(line.clone());
        }
        Ok(line)
    }

    /// Answers commands until the client leaves, or until TLS begins: whether it does.
    fn converse<S: io::Read + Write>(&self, stream: &mut BufReader<S>, bare: bool) -> io::Result<bool> {
        let (mut known, mut envelope) = (false, (String::new(), String::new()));
        loop {
            let line = self.next_line(stream, bare)?;
            let (command, rest) = line.split_once(' ').unwrap_or((&line, ""));
            let answer = match (command.to_ascii_uppercase().as_str(), bare && self.habit == Habit::Proper) {
                ("EHLO", true) => "250-correio.example\r\n250 STARTTLS",
                ("EHLO", false) => "250-correio.example\r\n250-8BITMIME\r\n250 AUTH PLAIN LOGIN",
                ("STARTTLS", true) => "220 go ahead",
                ("QUIT", _) => "221 bye",
                (_, true) => "530 5.7.0 STARTTLS first",
                ("AUTH", _) => {
                    let wanted = BASE64_STANDARD.encode(format!("\0{USER}\0{PASSWORD}"));
                    known = rest == format!("PLAIN {wanted}");
                    if known { "235 2.7.0 welcome" } else { "535 5.7.8 senha errada\u{1b}[31m" }
                }
                ("MAIL", _) if known => {
                    envelope.0 = bracketed(rest);
                    "250 ok"
                }
                ("RCPT", _) if known => {
                    envelope.1 = bracketed(rest);
                    "250 ok"
                }
                ("DATA", _) if known => {
                    stream.get_mut().write_all(b"354 go ahead\r\n")?;
                    let mut text = String::new();
                    loop {
                        let line = self.next_line(stream, bare)?;
                        if line == "." {
                            break;
                        }
                        text += line.strip_prefix('.').unwrap_or(&line);
                        text += "\r\n";
                    }
                    self.mails.push(mail(envelope.clone(), &text));
                    "250 taken"
                }
                _ => "503 5.5.1 not now",
            };
            stream.get_mut().write_all(format!("{answer}\r\n").as_bytes())?;
            stream.get_mut().flush()?;
            match answer {
                "220 go ahead" => return Ok(true),
                "221 bye" => return Ok(false),
                _ => {}
            }
        }
    }
}

fn bracketed(text: &str) -> String {
    text.split(['<', '>']).nth(1).unwrap_or_default().to_owned()
}

/// A mail as a reader of mails shows it.
fn mail(envelope: (String, String), text: &str) -> Mail {
    let (headers, body) = text.split_once("\r\n\r\n").expect("headers, and a body");
    let headers = headers.replace("\r\n ", " ");
    let header = |name: &str| {
        headers.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).unwrap_or_default().to_owned()
    };
    for needed in ["From", "To", "Date", "Message-ID"] {
        assert_ne!(header(needed), "", "{needed} is missing: {headers}");
    }
    let body = body.strip_suffix("\r\n").unwrap_or(body);
    let body = match header("Content-Transfer-Encoding").as_str() {
        "base64" => BASE64_STANDARD.decode(body.replace("\r\n", "")).expect("base64"),
        "quoted-printable" => quoted_printable::decode(body, quoted_printable::ParseMode::Strict).expect("it is"),
        _ => body.as_bytes().to_vec(),
    };
    let body = String::from_utf8(body).expect("UTF-8").replace("\r\n", "\n");
    Mail { envelope, subject: decoded(&header("Subject")), body }
}

/// A header's text, where words of it may be encoded (RFC 2047).
fn decoded(header: &str) -> String {
    let mut text = String::new();
    let mut rest = header;
    while let Some((before, encoded)) = rest.split_once("=?utf-8?b?") {
        let (word, after) = encoded.split_once("?=").expect("its end");
        // White space between two encoded words is none.
        text += if before.trim().is_empty() { "" } else { before };
        text += &String::from_utf8(BASE64_STANDARD.decode(word).expect("base64")).expect("UTF-8");
        rest = after;
    }
    text + rest
}
