//! Where fuzzing of the relays and their client begins: what was said by them in the recordings of the scripts.

use papo_proto::{
    machine::{ConnId, Event, Machine as _},
    record,
    relay::{TcpRelay, UdpRelay, chat::Chat},
};
use serde::Deserialize;
use serde_json::Value;

use crate::scripts::Recording;

/// As much as a story's operation says of something that was said.
const SAID_MAX: usize = 255;

/// A line of a recording, as far as it is an event.
#[derive(Deserialize)]
struct Line {
    event: Option<Event<'static, Value>>,
}

/// The seeds that a recording of theirs gives, each with its target; none for another machine's.
pub(super) fn of(recording: &Recording) -> Vec<(&'static str, Vec<u8>)> {
    let text = String::from_utf8_lossy(&recording.bytes);
    let mut lines = text.lines();
    let machine = lines.next().and_then(|first| record::machine_of(first).ok()).unwrap_or_default();
    let target = match machine.as_str() {
        kind if kind == TcpRelay::KIND => "tcp_relay",
        kind if kind == UdpRelay::KIND => "udp_relay",
        kind if kind == Chat::KIND => "relay_chat",
        _ => return Vec::new(),
    };
    let events = lines.filter_map(|line| serde_json::from_str::<Line>(line).ok()?.event).collect::<Vec<_>>();
    let is_datagrams = events.iter().any(|event| matches!(event, Event::Bound { .. }));
    // The usual limits; a client's story goes on with what it speaks.
    let mut story = if target == "relay_chat" { vec![0, u8::from(is_datagrams)] } else { vec![0] };
    let (mut seeds, mut conns, mut clients) = (Vec::new(), Vec::<ConnId>::new(), Vec::new());
    for event in &events {
        if let Event::Received { bytes, .. } | Event::Datagram { bytes, .. } = event {
            seeds.push(("text_stream", [&[6, 28], &bytes[..]].concat()));
        }
        match (target, event) {
            ("tcp_relay", Event::Opened { conn, .. }) => {
                conns.push(*conn);
                story.push(0);
            }
            ("tcp_relay", Event::Received { conn, bytes }) => {
                story.push(1);
                story.extend(said(bytes));
                story.push(conns.iter().position(|known| known == conn).unwrap_or_default() as u8);
            }
            ("udp_relay", Event::Datagram { from, bytes, .. }) => {
                let number = clients.iter().position(|known| known == from).unwrap_or_else(|| {
                    clients.push(*from);
                    clients.len() - 1
                });
                story.extend([0, number as u8]);
                story.extend(said(bytes));
            }
            ("relay_chat", Event::Resolved { .. }) => story.extend([0, 1]),
            ("relay_chat", Event::Opened { .. } | Event::Bound { .. }) => story.push(2),
            ("relay_chat", Event::Received { bytes, .. } | Event::Datagram { bytes, .. }) => {
                story.extend([8, 0]);
                story.extend(said(bytes));
                // On the only connection, where there is one; from the relay.
                story.extend(if is_datagrams { &[0][..] } else { &[0, 0] });
            }
            ("relay_chat", Event::Command(command)) => {
                if let Some(text) = command.get("say").and_then(Value::as_str) {
                    story.push(5);
                    story.extend(said(text.as_bytes()));
                }
            }
            _ => {}
        }
    }
    seeds.push((target, story));
    seeds
}

/// Something that was said, as it stands in a story.
fn said(bytes: &[u8]) -> Vec<u8> {
    let bytes = &bytes[..bytes.len().min(SAID_MAX)];
    [&[0, bytes.len() as u8], bytes].concat()
}
