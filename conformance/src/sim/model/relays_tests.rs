//! What relays may tell whom: what is promised passes, and each thing that is not is found.

use std::net::IpAddr;

use papo_proto::machine::Closed;

use super::*;

/// The processes of the two relays, and of a client.
const TCP: NodeId = 1;
const UDP: NodeId = 2;
const CLIENT: NodeId = 3;

fn at(number: u8) -> SocketAddr {
    SocketAddr::new(IpAddr::from([10, 0, 4, number]), 40_000)
}

const fn conn(number: u8) -> ConnId {
    ConnId(number as u64)
}

/// Relays, clients that are numbered, and what was found.
#[derive(Default)]
struct Stage {
    relays: Relays,
    now: Time,
    found: Found,
}

impl Stage {
    fn happens(&mut self, role: Role, node: NodeId, what: What) {
        self.relays.note(role, &Fact { at: self.now, node, what }, &mut self.found);
    }

    fn told(&mut self, notice: Notice) {
        self.happens(Role::Talker(0), CLIENT, What::Told(Told::Talker(notice)));
    }

    fn joins(&mut self, number: u8) {
        self.told(Notice::Joined(at(number)));
        self.happens(Role::TcpRelay, TCP, What::Opened(conn(number), at(number)));
    }

    fn says(&mut self, number: u8, text: &str) {
        self.told(Notice::Says(at(number), text.to_owned()));
    }

    /// The relay for TCP writes this.
    fn writes(&mut self, to: u8, bytes: &str) {
        self.happens(Role::TcpRelay, TCP, What::Sent(conn(to), bytes.as_bytes().to_vec()));
    }

    /// It tells what someone said.
    fn relays(&mut self, to: u8, from: u8, text: &str) {
        self.writes(to, &line(from, text));
    }

    fn comes(&mut self, from: u8, bytes: &str) {
        self.happens(Role::UdpRelay, UDP, What::Heard(at(from), bytes.as_bytes().to_vec()));
    }

    fn sends(&mut self, to: u8, bytes: &str) {
        self.happens(Role::UdpRelay, UDP, What::Called(at(to), bytes.as_bytes().to_vec(), true));
    }

    fn pass(&mut self, wait: Duration) {
        self.now = self.now + wait;
    }

    #[track_caller]
    fn broken(&mut self, (invariant, _): Invariant) {
        let found = std::mem::take(&mut self.found.0);
        assert!(!found.is_empty(), "nothing was found, not even {invariant}");
        assert!(found.iter().all(|violation| violation.invariant == invariant), "{found:?}");
    }

    #[track_caller]
    fn broken_nothing(&self) {
        assert_eq!(self.found.0, []);
    }
}

fn line(from: u8, text: &str) -> String {
    format!("('10.0.4.{from}', 40000) disse: {text}")
}

/// Three who are connected to the relay for TCP.
fn three() -> Stage {
    let mut stage = Stage::default();
    (1..4).for_each(|number| stage.joins(number));
    stage
}

#[test]
fn what_is_promised_is_fine() {
    let mut stage = three();
    stage.says(1, "olá 1;");
    stage.relays(2, 1, "o");
    stage.relays(3, 1, "olá 1;");
    stage.says(1, "olá 2;");
    stage.relays(2, 1, "lá 1;olá");
    stage.relays(2, 1, " 2;");
    stage.joins(4);
    stage.says(1, "olá 3;");
    stage.told(Notice::Leaves(at(1)));
    stage.relays(4, 1, "olá 3;/sai");
    stage.relays(2, 1, "olá 3;");
    stage.relays(3, 1, "olá 2;olá 3;");

    stage.comes(5, "ping");
    stage.sends(5, "ping");
    stage.comes(6, "\u{1f99c} 1;");
    stage.says(5, "olá 1;");
    stage.comes(5, "olá 1;");
    stage.sends(6, &line(5, "olá 1;"));
    stage.broken_nothing();
}

#[test]
fn what_comes_back_is_found() {
    let mut stage = three();
    stage.says(1, "olá 1;");
    stage.relays(1, 1, "olá 1;");
    stage.broken(NEVER_BACK);

    stage.comes(1, "olá 1;");
    stage.sends(1, &line(1, "olá 1;"));
    stage.broken(NEVER_BACK);
}

#[test]
fn what_nobody_said_or_somebody_else_and_another_shape_are_found() {
    let lines = [
        line(1, "olá 2;"),
        line(3, "olá 1;"),
        line(1, ""),
        "olá 1;".to_owned(),
        line(1, "olá 1;").replace("disse:", "diz:"),
        line(1, "olá 1;").replace("40000", "040000"),
        line(1, "olá 1;").replace("10.0.4.1", "::ffff:10.0.4.1"),
    ];
    for wrong in lines {
        let mut stage = three();
        stage.says(1, "olá 1;");
        stage.writes(2, &wrong);
        stage.broken(AS_SAID);

        stage.comes(2, "aqui");
        stage.sends(2, &wrong);
        stage.broken(AS_SAID);
    }
    // A datagram is a text; a stream has none.
    let mut stage = three();
    stage.says(1, "olá 1;");
    stage.comes(2, "aqui");
    stage.sends(2, &line(1, "olá"));
    stage.broken(AS_SAID);
}

#[test]
fn what_is_told_twice_in_another_order_or_not_at_all_is_found() {
    for wrong in ["olá 1;", "olá 3;"] {
        let mut stage = three();
        for text in ["olá 1;", "olá 2;", "olá 3;"] {
            stage.says(1, text);
        }
        stage.relays(2, 1, "olá 1;");
        stage.relays(2, 1, wrong);
        stage.broken(RELAYED_IN_ORDER);
    }
}

#[test]
fn what_is_told_before_joining_after_leaving_or_from_beyond_is_found() {
    let mut stage = three();
    stage.says(1, "olá 1;");
    stage.relays(2, 1, "olá 1;");
    stage.joins(4);
    stage.relays(4, 1, "olá 1;");
    stage.broken(WHO_IS_THERE);
    stage.relays(5, 1, "olá 1;");
    stage.broken(WHO_IS_THERE);

    stage.happens(Role::TcpRelay, TCP, What::Closed(conn(3), Closed::End));
    stage.relays(3, 1, "olá 1;");
    stage.broken(WHO_IS_THERE);

    let mut stage = three();
    stage.says(1, "olá 1;");
    stage.happens(Role::TcpRelay, TCP, What::Ended);
    stage.relays(2, 1, "olá 1;");
    stage.broken(WHO_IS_THERE);
}

#[test]
fn more_bytes_to_whoever_has_not_joined_than_from_him_are_found() {
    let mut stage = Stage::default();
    stage.comes(1, "ping");
    stage.sends(1, "ping");
    stage.broken_nothing();
    stage.sends(1, "ping");
    stage.broken(NO_AMPLIFIER);

    let mut stage = Stage::default();
    stage.says(2, "olá 1;");
    stage.comes(1, "aqui");
    stage.sends(1, &line(2, "olá 1;"));
    stage.broken_nothing();
    stage.comes(1, LEAVE);
    stage.sends(1, &line(2, "olá 1;"));
    stage.broken(NO_AMPLIFIER);
}

#[test]
fn what_does_not_reach_everyone_who_is_connected_is_found() {
    let life = |change: &dyn Fn(&mut Stage)| {
        let mut stage = three();
        stage.relays.expect(Time::ZERO);
        stage.pass(RECOVERY_MAX);
        stage.says(1, "olá 1;");
        stage.told(Notice::Hears(at(2), (line(1, "olá") + &line(1, " 1;") + "('10").into_bytes()));
        change(&mut stage);
        stage.pass(ARRIVAL_MAX);
        stage.joins(4);
        stage.relays.check_rest(&mut stage.found);
        stage
    };
    let heard = |stage: &mut Stage| stage.told(Notice::Hears(at(3), line(1, "olá 1;").into_bytes()));
    life(&heard).broken_nothing();
    life(&|stage| stage.told(Notice::Over(at(3)))).broken_nothing();
    life(&|stage| stage.happens(Role::TcpRelay, TCP, What::Hung(conn(3)))).broken_nothing();
    life(&|_| {}).broken(REACHES_ALL);
    life(&|stage| stage.told(Notice::Hears(at(3), line(2, "olá 1;").into_bytes()))).broken(REACHES_ALL);
}
