//! The invariants of files: each broken by a few facts, and found.

use papo_proto::{
    disk::memory::Node,
    peer::{
        Change, Notice,
        change::{Arrival, Transfer, Way},
    },
    wire::transfer::{Audience, Hash, Offer, TransferId},
};

use super::{
    files::{FILES_ARRIVE, TOLD_WHEN_WHOLE, WHOLE_FILES},
    stage::Stage,
};
use crate::{sim::cast::PersonId, world::fact::What};

const NAME: &str = "papagaio-a.txt";

fn content(text: &str) -> Vec<(String, Node)> {
    vec![(String::new(), Node::File { bytes: text.as_bytes().to_vec(), executable: false })]
}

/// Three people; the first has a file, and offered it to the second.
fn offered() -> Stage {
    let mut stage = Stage::in_a_room();
    stage.model.note_file(NAME, &content("true"));
    for (person, with) in [(0, 1), (1, 0)] {
        let transfer = transfer(&stage, person, with);
        stage.keeps(person, vec![Change::TransferOffered { transfer }]);
    }
    stage
}

fn transfer(stage: &Stage, person: PersonId, with: PersonId) -> Transfer {
    let way = match person {
        0 => Way::Outgoing { path: format!("/{NAME}"), scanned: Hash([1; 32]), skipped: 0, ended: None },
        _ => Way::Incoming(Arrival::Offered),
    };
    let offer = Offer {
        name: papo_proto::wire::codec::Text::new(NAME.to_owned()).expect("short"),
        tree: false,
        executable: false,
        size: 4,
        files: 1,
        manifest: 0,
        audience: Audience::Private,
    };
    let (with, user) = (stage.key(with), stage.name(with));
    Transfer { number: 1, id: TransferId([7; 16]), with, user, offer, paused: false, way }
}

fn published(stage: &mut Stage, name: &str, text: &str) {
    stage.person(1, What::Published(name.to_owned(), content(text)));
}

fn received(stage: &mut Stage) {
    let path = format!("received_files/{NAME}");
    let from = stage.name(0);
    stage.told(1, Notice::Received { transfer: 1, from, path, sha256: Hash([1; 32]), renamed: 0 });
}

fn sent(stage: &mut Stage) {
    let to = stage.name(1);
    stage.told(0, Notice::Sent { transfer: 1, to, name: NAME.to_owned(), skipped: 0 });
}

#[test]
fn what_gets_a_name_was_accepted_and_is_what_somebody_had() {
    let mut stage = offered();
    published(&mut stage, NAME, "true");
    stage.broken(WHOLE_FILES);
    stage.keeps(1, vec![Change::TransferAccepted { transfer: 1, executable: true }]);
    published(&mut stage, NAME, "true");
    published(&mut stage, "papagaio-a (1).txt", "true");
    stage.broken_nothing();
    published(&mut stage, NAME, "tru");
    stage.broken(WHOLE_FILES);
    published(&mut stage, "papagaio-b.txt", "true");
    stage.broken(WHOLE_FILES);
    // It changed, and both may have been sent.
    stage.model.note_file(NAME, &content("tru"));
    published(&mut stage, NAME, "tru");
    published(&mut stage, NAME, "true");
    stage.broken_nothing();
}

#[test]
fn nobody_is_told_that_something_arrived_before_it_did() {
    let mut stage = offered();
    stage.keeps(1, vec![Change::TransferAccepted { transfer: 1, executable: true }]);
    received(&mut stage);
    stage.broken(TOLD_WHEN_WHOLE);
    sent(&mut stage);
    stage.broken(TOLD_WHEN_WHOLE);
    stage.keeps(1, vec![Change::TransferEnded { transfer: 1, reason: None }]);
    received(&mut stage);
    sent(&mut stage);
    stage.broken_nothing();
}

#[test]
fn at_rest_what_was_accepted_has_come_to_an_end_unless_somebody_holds_it() {
    let mut stage = offered();
    stage.rests(1);
    stage.broken_nothing();
    stage.keeps(1, vec![Change::TransferAccepted { transfer: 1, executable: true }]);
    stage.rests(1);
    stage.broken(FILES_ARRIVE);
    stage.keeps(0, vec![Change::TransferPaused { transfer: 1, paused: true }]);
    stage.rests(1);
    stage.broken_nothing();
    stage.keeps(0, vec![Change::TransferPaused { transfer: 1, paused: false }]);
    stage.rests(1);
    stage.broken(FILES_ARRIVE);
    stage.keeps(1, vec![Change::TransferEnded { transfer: 1, reason: None }]);
    stage.rests(1);
    stage.broken_nothing();
}
