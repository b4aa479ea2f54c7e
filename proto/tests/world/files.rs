//! The files of each node: what is asked of them is done in order, at once unless they stall.

use papo_proto::{
    disk::{
        Ask,
        memory::{MemoryDisk, Node},
    },
    machine::{Event, FileId, RequestId},
    peer::{
        Command, Notice, Request,
        interface::{Phase, Target},
    },
    wire::transfer::Reason,
};

use super::{Kind, NodeId, Step, World, host::user};

/// Two who are linked, Ana and Bia.
pub fn linked() -> (World, NodeId, NodeId) {
    let mut world = World::default();
    let ana = world.peer(1, "ana");
    let bia = world.peer(2, "bia");
    world.link(ana, bia);
    (world, ana, bia)
}

/// Bytes that are not alike anywhere.
pub fn content(length: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(length + 8);
    let mut state = 1_u64;
    while bytes.len() < length {
        // Xorshift: no test depends on which bytes these are.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_be_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// A file as it is received.
pub fn file(bytes: &[u8]) -> Node {
    Node::File { bytes: bytes.to_vec(), executable: false }
}

/// What waits for the files of a node.
pub(super) enum Filed {
    /// A question.
    Ask(RequestId, Ask),
    /// Something is not needed any more.
    Close(FileId),
}

impl World {
    /// Something is asked of the files of a node.
    pub(super) fn file(&mut self, node: NodeId, filed: Filed) {
        let this = &mut self.nodes[node];
        if this.files_stall {
            return this.waiting_asks.push_back(filed);
        }
        match filed {
            Filed::Ask(request, ask) => {
                this.asked.push(format!("{ask:?}"));
                let result = this.files.answer(ask);
                self.queue.push_back(Step::Event(node, this.epoch, Event::Disk { request, result }));
            }
            Filed::Close(file) => this.files.close(file),
        }
    }

    /// Keeps what is asked of the files of a node waiting, or lets it through.
    pub fn stall_files(&mut self, node: NodeId, stalls: bool) {
        self.nodes[node].files_stall = stalls;
        if !stalls {
            for filed in std::mem::take(&mut self.nodes[node].waiting_asks) {
                self.file(node, filed);
            }
        }
        self.settle();
    }

    /// The files of a node.
    pub fn files(&mut self, node: NodeId) -> &mut MemoryDisk {
        &mut self.nodes[node].files
    }

    /// How often something was asked of the files of a node, by what it is called.
    pub fn asked(&self, node: NodeId, what: &str) -> usize {
        self.nodes[node].asked.iter().filter(|asked| asked.starts_with(what)).count()
    }

    /// Kills a node: what its files had not synced is lost, too.
    pub fn lose_power(&mut self, node: NodeId) {
        self.kill(node);
        self.nodes[node].files.lose_power();
    }

    /// Ends a node in order.
    pub fn quit(&mut self, node: NodeId) {
        self.command(node, Command::Quit);
        assert!(matches!(self.notices(node).last(), Some(Notice::Stopped { .. })), "it has ended");
        self.kill(node);
    }

    /// How many bytes a node has sent.
    pub fn sent(&self, node: NodeId) -> u64 {
        self.nodes[node].sent
    }

    /// One dials another.
    pub fn link(&mut self, from: NodeId, to: NodeId) {
        let address = self.listens_at(to);
        self.ask(from, Request::Connect { address });
    }

    /// Offers what someone has.
    pub fn send(&mut self, from: NodeId, to: Target, path: &str) {
        self.done(from, Request::Send { to, path: path.to_owned() });
    }

    /// Puts a file at Ana's, and offers it to Bia, who takes it as soon as the world comes to rest.
    pub fn send_and_accept(&mut self, ana: NodeId, bia: NodeId, name: &str, bytes: &[u8]) {
        let Kind::Peer { start, .. } = &self.nodes[bia].kind else { panic!("not a peer") };
        let to = Target::User(start.name.clone());
        let path = format!("/home/{name}");
        self.files(ana).put_file(&path, bytes, false);
        self.send(ana, to, &path);
        let transfer = self.offer(bia);
        self.ask_unsettled(bia, Request::Accept { transfer });
    }

    /// Puts several files at Ana's and offers them to Bia, who takes them as soon as the world comes to rest.
    pub fn send_several(&mut self, ana: NodeId, bia: NodeId, count: u64, bytes: &[u8]) {
        for number in 0..count {
            self.files(ana).put_file(&format!("/home/{number}"), bytes, false);
            self.send(ana, user("bia"), &format!("/home/{number}"));
        }
        let last = self.offer(bia);
        for transfer in last + 1 - count..=last {
            self.ask_unsettled(bia, Request::Accept { transfer });
        }
    }

    /// The number of the last offer that someone was told of.
    pub fn offer(&self, node: NodeId) -> u64 {
        let last = self.notices(node).iter().rev().find_map(|notice| match notice {
            Notice::Offer { transfer, .. } => Some(*transfer),
            _ => None,
        });
        last.expect("an offer")
    }

    /// Takes the last offer.
    pub fn accept(&mut self, node: NodeId) {
        let transfer = self.offer(node);
        self.done(node, Request::Accept { transfer });
    }

    /// Takes an offer, whatever comes of it.
    pub fn accept_number(&mut self, node: NodeId, transfer: u64) {
        self.done(node, Request::Accept { transfer });
    }

    /// Goes on step by step until something holds.
    pub fn pass_steps(&mut self, until: impl Fn(&Self) -> bool) {
        while !until(self) {
            assert!(self.settle_some(1), "it comes to hold");
        }
    }

    /// How many transfers have arrived somewhere else.
    pub fn arrived(&self, node: NodeId) -> usize {
        self.notices(node).iter().filter(|notice| matches!(notice, Notice::Sent { .. })).count()
    }

    /// Where what was received lies.
    pub fn received(&self, node: NodeId) -> Vec<String> {
        let told = self.notices(node).iter().filter_map(|notice| match notice {
            Notice::Received { path, .. } => Some(path.clone()),
            _ => None,
        });
        told.collect()
    }

    /// Why transfers ended here, and whether this end said so.
    pub fn ended(&self, node: NodeId) -> Vec<(Reason, bool)> {
        let told = self.notices(node).iter().filter_map(|notice| match notice {
            Notice::TransferEnded { reason, by_us, .. } => Some((*reason, *by_us)),
            _ => None,
        });
        told.collect()
    }

    /// How far the transfers of someone have come.
    pub fn phases(&mut self, node: NodeId) -> Vec<Phase> {
        self.done(node, Request::Transfers);
        let rows = self.notices(node).iter().rev().find_map(|notice| match notice {
            Notice::Transfers { rows } => Some(rows.iter().map(|row| row.phase).collect()),
            _ => None,
        });
        rows.expect("the list")
    }

    /// Nothing is open or left over, and nothing is listed.
    #[track_caller]
    pub fn assert_tidy(&mut self, node: NodeId) {
        assert_eq!((self.files(node).open(), self.files(node).kept().count()), (0, 0), "open, kept");
        assert_eq!(self.phases(node), []);
    }
}
