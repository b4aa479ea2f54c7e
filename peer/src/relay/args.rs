//! What `papo relay-chat` is told on its command line.

use papo_proto::relay::chat::Protocol;

use crate::monitor::args::{Target, target};

/// With whom one talks, and how.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub(crate) struct RelayArguments {
    /// What the relay speaks
    #[arg(value_name = "PROTOCOL", value_enum)]
    protocol: Spoken,
    /// The relay
    #[arg(value_name = "HOST[:PORT]", default_value = crate::monitor::args::TARGET, value_parser = target)]
    pub(crate) relay: Target,
}

/// See [`Protocol`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Spoken {
    /// A stream
    Tcp,
    /// Datagrams
    Udp,
}

impl RelayArguments {
    /// What the relay speaks.
    pub(crate) const fn protocol(&self) -> Protocol {
        match self.protocol {
            Spoken::Tcp => Protocol::Tcp,
            Spoken::Udp => Protocol::Udp,
        }
    }
}
