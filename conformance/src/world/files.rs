//! What machines ask of the disks of their hosts: done in order, one after the other, and by nobody once the process
//! has ended.

use std::time::Duration;

use papo_proto::{
    disk::{Answer, Ask},
    machine::{Event, FileId, RequestId},
};

use super::{Happening, NodeId, World, fact::What};

impl World {
    pub(super) fn ask_disk(&mut self, node: NodeId, request: RequestId, ask: Ask) {
        let ip = self.processes[node].ip;
        let takes = self.host(ip).next_file_latency();
        let at = self.processes[node].files_turn(self.now, takes);
        self.plan(at.since(self.now), Happening::Disk { node, request, ask });
    }

    pub(super) fn close_file(&mut self, node: NodeId, file: FileId) {
        let at = self.processes[node].files_turn(self.now, Duration::ZERO);
        self.plan(at.since(self.now), Happening::CloseFile { node, file });
    }

    pub(super) fn on_disk(&mut self, node: NodeId, request: RequestId, ask: Ask) {
        if !self.processes[node].running {
            return;
        }
        let ip = self.processes[node].ip;
        let files = &mut self.host(ip).files;
        let before = files.received().len();
        let result = files.answer(ask);
        if let Ok(Answer::Published { path }) = &result {
            // Asked once more, it has its name already.
            let is_new = files.received().len() > before;
            let name = path.rsplit('/').next().unwrap_or_default().to_owned();
            let content = files.received_as(&name);
            if is_new {
                self.see(node, What::Published(name, content));
            }
        }
        self.tell(Duration::ZERO, node, Event::Disk { request, result });
    }

    pub(super) fn on_close_file(&mut self, node: NodeId, file: FileId) {
        if self.processes[node].running {
            let ip = self.processes[node].ip;
            self.host(ip).files.close(file);
        }
    }
}
