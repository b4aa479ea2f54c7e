//! The real programs on the loopback interface, each scenario as a test of its own.
//!
//! One binary, so that the programs are built once and few run at the same time. See conformance/README.md.

mod support;

mod accounts;
mod conversation;
mod endings;
mod faults;
mod files;
mod forgery;
mod hostile;
mod hosting;
mod lan;
mod language;
mod load;
mod loss;
mod mails;
mod monitor;
mod plaintext;
mod recording;
mod relay_chat;
mod relays;
mod rooms;
mod scripts;
mod secrecy;
mod terminal;
