//! Nobody sets anything up: those who run papo on one network find each other and talk.

use crate::support::{
    lan::LanPort,
    papo::{Options, Papo, row, text},
};

/// Someone who listens on the loopback interface and calls out there.
fn neighbour(user: &str, lan: &LanPort) -> Papo {
    Options::new(user).lan(lan.port()).start()
}

#[test]
fn two_on_one_network_find_each_other_and_talk_without_any_set_up() {
    let lan = LanPort::choose();
    let (mut ana, mut bia) = (neighbour("ana", &lan), neighbour("bia", &lan));
    ana.wait_for("peer", |event| text(event, "what") == "found" && text(event, "user") == "bia");
    ana.wait_linked("bia");
    bia.wait_linked("ana");
    ana.line("olá, 日本");
    let heard = bia.wait_message("olá, 日本");
    assert_eq!((text(&heard, "from"), text(&heard, "scope")), ("ana", "all"));
    bia.line("oi");
    ana.wait_message("oi");
    let peers = ana.ask("/peers", "peers");
    let bia_there = row(&peers, "peers", "user", "bia").expect("bia is listed");
    let listens = bia.wait_for("ready", |_| true);
    assert_eq!(text(bia_there, "address"), text(&listens, "listen"), "where she can be dialled");
    ana.mark();
    assert_eq!(bia.quit(), 0);
    ana.wait_for("peer", |event| text(event, "what") == "lost" && text(event, "user") == "bia");
    let peers = ana.ask("/peers", "peers");
    assert!(row(&peers, "peers", "user", "bia").is_none(), "who has left is not listed: {peers}");
}
