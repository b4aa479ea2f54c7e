//! Mails about the connection, by SMTP with STARTTLS. To send one takes as long as the network likes, so a thread of its
//! own does it; which one is due is the machine's affair.

use std::{path::PathBuf, sync::mpsc::Receiver, thread, time::Duration};

use lettre::{
    Message, SmtpTransport, Transport as _,
    message::{Mailbox, header::ContentType},
    transport::smtp::{
        authentication::Credentials,
        client::{Certificate, Tls, TlsParameters},
    },
};
use papo_proto::monitor::{Command, Measurement, mails::MailsWanted};
use papo_runtime_mio::Handle;
use papo_tracker::settings::read_secret;

use super::args::{Target, host_and_port};
use crate::{
    args::BadAddress,
    frontend::sentences::{
        Language,
        latency::{self, NoMails},
    },
};

/// The password, where no file is named.
const PASSWORD_VARIABLE: &str = "PAPO_SMTP_PASSWORD";
/// The port where mail is submitted (RFC 6409).
const PORT: u16 = 587;
/// No answer of the server takes longer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// So much of what a server gives as its reason is told.
const REASON_CHARS_MAX: usize = 500;

/// Where mails go, and by which server.
#[derive(Debug, Clone, PartialEq, clap::Args)]
#[command(next_help_heading = "Mails")]
pub(crate) struct MailArguments {
    /// Send a mail by this server whenever the status changes; STARTTLS is required
    #[arg(long, value_name = "HOST[:PORT]", value_parser = server, requires_all = ["mail_from", "mail_to"])]
    smtp: Option<Target>,
    /// Log in there as this user
    #[arg(long, value_name = "USER", requires = "smtp")]
    smtp_user: Option<String>,
    /// The password stands here [otherwise: in PAPO_SMTP_PASSWORD]
    #[arg(long, value_name = "FILE", requires = "smtp_user")]
    smtp_password_file: Option<PathBuf>,
    /// Trust servers with a certificate of this authority, in PEM
    #[arg(long, value_name = "FILE", requires = "smtp")]
    smtp_ca: Option<PathBuf>,
    /// The sender of the mails
    #[arg(long, value_name = "ADDRESS", requires = "smtp")]
    mail_from: Option<Mailbox>,
    /// Their receiver
    #[arg(long, value_name = "ADDRESS", requires = "smtp")]
    mail_to: Option<Mailbox>,
    /// Send a mail for every measurement
    #[arg(long, requires = "smtp")]
    mail_every: bool,
    /// The language of the mails [default: that of the program]
    #[arg(long, value_enum)]
    text: Option<Language>,
}

fn server(text: &str) -> Result<Target, BadAddress> {
    host_and_port(text, PORT)
}

impl MailArguments {
    /// Of what mails are sent.
    pub(crate) fn wanted(&self) -> Option<MailsWanted> {
        self.smtp.as_ref().map(|_| if self.mail_every { MailsWanted::Every } else { MailsWanted::Changes })
    }

    /// What sends them, if any are wanted.
    ///
    /// # Errors
    /// A sentence, when something is missing or can't be read.
    pub(crate) fn mailer(&self, target: &str, language: Language) -> Result<Option<Mailer>, String> {
        let (Some(smtp), Some(from), Some(to)) = (&self.smtp, &self.mail_from, &self.mail_to) else { return Ok(None) };
        let mut tls = TlsParameters::builder(smtp.host.clone());
        if let Some(path) = &self.smtp_ca {
            let wrong = |why| latency::no_mails(language, &NoMails::Certificate(path, why));
            let pem = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
            // Otherwise it would be taken for a file with no certificates in it.
            if memchr::memmem::find(&pem, b"-----BEGIN CERTIFICATE-----").is_none() {
                return Err(latency::no_mails(language, &NoMails::NotPem(path)));
            }
            tls = tls.add_root_certificate(Certificate::from_pem(&pem).map_err(|error| wrong(error.to_string()))?);
        }
        let tls = tls.build().map_err(|error| latency::no_mails(language, &NoMails::NoTls(error.to_string())))?;
        let mut transport = SmtpTransport::builder_dangerous(smtp.host.clone())
            .port(smtp.port)
            .tls(Tls::Required(tls))
            .timeout(Some(TIMEOUT));
        if let Some(user) = &self.smtp_user {
            transport = transport.credentials(Credentials::new(user.clone(), self.password(language)?));
        }
        let (from, to, target) = (from.clone(), to.clone(), target.to_owned());
        Ok(Some(Mailer { transport: transport.build(), from, to, target, language: self.text.unwrap_or(language) }))
    }

    fn password(&self, language: Language) -> Result<String, String> {
        match &self.smtp_password_file {
            Some(path) => read_secret(path).map_err(|error| error.to_string()),
            None => std::env::var(PASSWORD_VARIABLE)
                .map_err(|_| latency::no_mails(language, &NoMails::NoPassword { variable: PASSWORD_VARIABLE })),
        }
    }
}

/// Sends mails.
pub(crate) struct Mailer {
    transport: SmtpTransport,
    from: Mailbox,
    to: Mailbox,
    target: String,
    language: Language,
}

impl Mailer {
    /// Sends what it is given, one after another, on a thread of its own, and tells the monitor how each went. Nobody
    /// waits for it at the end: a mail that is under way then is lost, and counted as one that was not sent.
    pub(super) fn start(self, mails: Receiver<Measurement>, monitor: Handle<Command>) {
        thread::spawn(move || {
            for measurement in mails {
                let command = match self.send(&measurement) {
                    Ok(()) => Command::MailSent,
                    Err(why) => Command::MailFailed(why.chars().take(REASON_CHARS_MAX).collect()),
                };
                if monitor.send(command).is_err() {
                    return;
                }
            }
        });
    }

    fn send(&self, measurement: &Measurement) -> Result<(), String> {
        let (subject, body) = latency::mail(self.language, &self.target, measurement);
        let mail = Message::builder()
            .from(self.from.clone())
            .to(self.to.clone())
            .subject(subject)
            .message_id(None)
            .header(ContentType::TEXT_PLAIN)
            .body(body)
            .map_err(|error| error.to_string())?;
        self.transport.send(&mail).map(drop).map_err(|error| error.to_string())
    }
}
