//! What the disk answers, and what becomes of a transfer when it does not do what it should.

use super::{
    Asked, Run, What,
    manifest::{Manifest, fingerprint},
    outgoing::Sending,
    position::Position,
};
use crate::{
    disk::{Answer, Ask, DiskError, Scan},
    machine::RequestId,
    peer::{
        change::{Arrival, Way},
        interface::{Notice, Problem},
        machine::Peer,
    },
    time::Time,
    wire::{peer::ToPeer, transfer::Reason},
};

impl Peer {
    pub(in crate::peer) fn handle_disk(&mut self, now: Time, request: RequestId, result: Result<Answer, DiskError>) {
        match (self.transfers.asked.remove(&request), result) {
            (Some(Asked::Scan { token, to, path }), Ok(Answer::Scanned(scan))) => {
                self.on_scanned(now, token, &to, path, Ok(scan));
            }
            (Some(Asked::Scan { token, to, path }), other) => {
                self.on_scanned(now, token, &to, path, Err(other.err().unwrap_or(DiskError::Other)));
            }
            (Some(Asked::Space { number, token }), Ok(Answer::Space { free })) => {
                self.on_space(now, number, token, Ok(free));
            }
            (Some(Asked::Space { number, token }), other) => {
                self.on_space(now, number, token, Err(other.err().unwrap_or(DiskError::Other)));
            }
            (Some(Asked::Forget(number)), _) => self.on_forgotten(number),
            (Some(Asked::Run(number, what)), result) => self.on_run_answer(now, number, what, result),
            (Some(Asked::Nothing) | None, _) => {}
        }
    }

    fn on_run_answer(&mut self, now: Time, number: u64, what: What, result: Result<Answer, DiskError>) {
        let Some(live) = self.transfers.all.get_mut(&number) else { return };
        live.asks -= 1;
        live.moved = now;
        if matches!(live.run, Run::Closing) {
            return self.settle_closing(number);
        }
        let answer = match result {
            // A note saves work; it is not needed.
            Err(_) if what == What::Note => return,
            Err(error) => return self.on_disk_failed(number, what, error),
            Ok(answer) => answer,
        };
        match (what, answer) {
            (What::Scan, Answer::Scanned(scan)) => self.on_scanned_again(number, scan),
            (What::Open, Answer::Opened { note }) => self.on_opened(now, number, &note),
            (What::Read, Answer::Read(bytes)) => self.on_read(number, bytes),
            (What::Write, Answer::Written { block }) => self.on_written(now, number, block),
            (What::LastSync, _) => self.on_whole_synced(number),
            (What::Publish, Answer::Published { path }) => self.on_published(number, path),
            (What::Scan | What::Open | What::Read | What::Note | What::Write | What::Sync | What::Publish, _) => {}
        }
    }

    fn on_disk_failed(&mut self, number: u64, what: What, error: DiskError) {
        let Some(live) = self.transfers.all.get(&number) else { return };
        let reason = match (&live.kept.way, error) {
            (Way::Incoming(_), DiskError::Full) => Reason::Full,
            (
                Way::Outgoing { .. },
                DiskError::NotFound | DiskError::Changed | DiskError::NotAFile | DiskError::TooMany,
            ) => Reason::Changed,
            _ => Reason::Failed,
        };
        if reason == Reason::Failed {
            let problem = match &live.kept.way {
                Way::Outgoing { path, .. } => Problem::File { path: path.clone(), error },
                Way::Incoming(_) => Problem::ReceivedFiles { transfer: number, error },
            };
            self.tell(Notice::Failed(problem));
        }
        debug_assert!(what != What::Note, "a note is not needed");
        self.end_transfer(number, reason, true);
    }

    /// What is to be sent was looked at again: it has to be as it was.
    fn on_scanned_again(&mut self, number: u64, scan: Scan) {
        let Some(live) = self.transfers.all.get_mut(&number) else { return };
        let key = live.key();
        let (Run::Scanning(wanted), Way::Outgoing { path, scanned, .. }) = (&live.run, &live.kept.way) else { return };
        let manifest = Manifest::of_scan(&scan, &self.limits).filter(|_| fingerprint(&scan) == *scanned);
        let Some(manifest) = manifest else { return self.end_transfer(number, Reason::Changed, true) };
        let (path, file) = (path.clone(), self.ids.next_file());
        live.run = Run::Opening(*wanted, file, manifest.bytes);
        let ask = Ask::OpenSource { file, path, entries: scan.entries, key };
        self.transfers.ask_for_run(number, What::Open, ask);
    }

    fn on_opened(&mut self, now: Time, number: u64, note: &[u8]) {
        let Some(live) = self.transfers.all.get_mut(&number) else { return };
        match &mut live.run {
            Run::Opening(wanted, file, manifest) => {
                let (wanted, total) = (*wanted, live.kept.offer.stream_bytes());
                match Sending::new(wanted, *file, std::mem::take(manifest), total, note) {
                    Ok(sending) => {
                        let kept = sending.kept();
                        live.run = Run::Sending(Box::new(sending));
                        live.told = None;
                        self.transfers.sending.entry(wanted.conn).or_default().insert(number);
                        self.on_progress(now, number, kept);
                        self.go_on_sending(number);
                    }
                    Err(reason) => self.end_transfer(number, reason, true),
                }
            }
            Run::Receiving(receiving) => {
                let is_whole = matches!(live.kept.way, Way::Incoming(Arrival::Accepted { whole: Some(_), .. }));
                receiving.on_opened(note);
                if !is_whole {
                    let open = receiving.stream.is_some();
                    return if open { self.go_on_receiving(number) } else { self.open_stream(now, number) };
                }
                let (total, data) = (live.kept.offer.stream_bytes(), live.kept.offer.size);
                if data == 0 || Position::decode(note).is_some_and(|position| position.offset() == total) {
                    self.publish(number);
                } else {
                    self.on_disk_failed(number, What::Open, DiskError::Tampered);
                }
            }
            Run::Idle | Run::Scanning(_) | Run::Sending(_) | Run::Closing => {}
        }
    }

    fn on_read(&mut self, number: u64, bytes: Vec<u8>) {
        let Some(sending) = self.transfers.sending_mut(number) else { return };
        let file = sending.file();
        match sending.on_read(bytes) {
            Ok(note) => {
                if let Some(note) = note {
                    self.transfers.ask_for_run(number, What::Note, Ask::Note { file, note });
                }
                self.go_on_sending(number);
            }
            Err(reason) => self.end_transfer(number, reason, true),
        }
    }

    fn on_written(&mut self, now: Time, number: u64, block: Vec<u8>) {
        let Some(receiving) = self.transfers.receiving_mut(number) else { return };
        receiving.on_written(block);
        let sync = receiving.file.filter(|_| receiving.take_unsynced(self.limits.unsynced_bytes_max));
        let (stream, credit, kept) = (receiving.stream, receiving.credit(), receiving.kept());
        if let Some(file) = sync {
            self.transfers.ask_for_run(number, What::Sync, Ask::Sync { file });
        }
        if let Some((conn, stream)) = stream {
            self.say_to_peer(conn, ToPeer::Credit { stream, up_to: credit });
        }
        self.on_progress(now, number, kept);
        self.go_on_receiving(number);
    }

    fn on_published(&mut self, number: u64, path: String) {
        let Some(live) = self.transfers.all.get(&number) else { return };
        let Way::Incoming(Arrival::Accepted { whole: Some(sum), .. }) = live.kept.way else { return };
        let Run::Receiving(receiving) = &live.run else { return };
        let renamed = receiving.renamed;
        self.on_arrived(number, path, sum, renamed);
    }
}
