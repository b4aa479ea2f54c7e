//! The files of each node: what is asked of them is done in order, at once unless they stall.

use papo_proto::{
    disk::{Ask, memory::MemoryDisk},
    machine::{Event, FileId, RequestId},
};

use super::{NodeId, Step, World};

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

    /// How many bytes a node has sent.
    pub fn sent(&self, node: NodeId) -> u64 {
        self.nodes[node].sent
    }
}
