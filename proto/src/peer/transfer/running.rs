//! Runs: how they begin, go on and end, and what becomes of a transfer behind its last one.

use super::{
    After, Asked, Live, Question, Run, What,
    incoming::{Finish, Receiving},
    manifest::{Plan, plan},
    paths,
};
use crate::{
    channel::TAG_BYTES,
    disk::Ask,
    machine::{Action, ConnId},
    peer::{
        change::{Arrival, Change, Way},
        interface::Notice,
        machine::{Out, Output, Peer},
    },
    time::Time,
    wire::{
        peer::ToPeer,
        transfer::{ChunkRef, Hash, Reason},
    },
};

impl Peer {
    /// At the start: what is undecided is put again, and what was dropped before is dropped for certain.
    pub(in crate::peer) fn start_transfers(&mut self) {
        let numbers = self.transfers.all.keys().copied().collect::<Vec<_>>();
        for number in numbers {
            let Some(live) = self.transfers.all.get(&number) else { continue };
            if live.is_offer() {
                self.put_offer(number);
            } else if matches!(live.kept.way, Way::Incoming(Arrival::Ended(_))) {
                let key = live.key();
                self.transfers.ask(Asked::Nothing, Ask::Discard { key });
            }
        }
    }

    pub(super) fn begin_sending(&mut self, number: u64) {
        let Some(live) = self.transfers.all.get_mut(&number) else { return };
        let (Some(wanted), Way::Outgoing { path, .. }) = (live.wanted.take(), &live.kept.way) else { return };
        let path = path.clone();
        live.run = Run::Scanning(wanted);
        let ask = self.scan_of(&path);
        self.transfers.ask_for_run(number, What::Scan, ask);
    }

    pub(super) fn begin_receiving(&mut self, now: Time, number: u64) {
        let Some(live) = self.transfers.all.get_mut(&number) else { return };
        let Way::Incoming(Arrival::Accepted { manifest, .. }) = &live.kept.way else { return };
        let offer = &live.kept.offer;
        let receiving = Receiving::new(u64::from(offer.manifest), offer.stream_bytes(), manifest);
        let has_manifest = receiving.has_manifest();
        live.run = Run::Receiving(Box::new(receiving));
        if has_manifest {
            self.open_stage(number);
        } else {
            self.open_stream(now, number);
        }
    }

    /// What a transfer consists of is known: makes the stage.
    fn open_stage(&mut self, number: u64) {
        let Some(live) = self.transfers.all.get_mut(&number) else { return };
        let key = live.key();
        let Way::Incoming(Arrival::Accepted { manifest, executable, .. }) = &live.kept.way else { return };
        let Run::Receiving(receiving) = &mut live.run else { return };
        let Ok(Plan { entries, renamed }) = plan(&live.kept.offer, manifest, *executable, &self.limits) else {
            return self.end_transfer(number, Reason::Invalid, true);
        };
        let file = self.ids.next_file();
        receiving.renamed = renamed;
        receiving.file = Some(file);
        self.transfers.ask_for_run(number, What::Open, Ask::OpenStage { file, key, entries });
    }

    /// Lets the sender begin.
    pub(super) fn open_stream(&mut self, now: Time, number: u64) {
        let Some(live) = self.transfers.all.get_mut(&number) else { return };
        let (Some(conn), Run::Receiving(receiving)) = (live.conn, &mut live.run) else { return };
        let streams = self.transfers.streams.entry(conn).or_default();
        streams.opened += 1;
        let stream = streams.opened;
        streams.open.insert(stream, number);
        receiving.stream = Some((conn, stream));
        let (offset, prefix) = receiving.resumes_at();
        let (transfer, kept) = (live.kept.id, receiving.kept());
        live.told = None;
        self.say_to_peer(conn, ToPeer::Accept { transfer, stream, offset, prefix });
        self.on_progress(now, number, kept);
    }

    /// Something more of a stream can be read, sent or ended.
    pub(super) fn go_on_sending(&mut self, number: u64) {
        let Some(sending) = self.transfers.sending_mut(number) else { return };
        let (file, (conn, stream)) = (sending.file(), sending.stream());
        let mut reads = Vec::new();
        let failed = loop {
            match sending.next_read(self.limits.read_ahead_bytes_max) {
                Ok(Some((offset, bytes))) => reads.push(Ask::Read { file, offset, bytes }),
                Ok(None) => break None,
                Err(reason) => break Some(reason),
            }
        };
        if let Some(reason) = failed {
            return self.end_transfer(number, reason, true);
        }
        let (ready, end) = (sending.next_chunk_bytes() > 0, sending.take_end());
        for read in reads {
            self.transfers.ask_for_run(number, What::Read, read);
        }
        if ready && let Some(link) = self.links.find_mut(conn) {
            link.wants_write = true;
        }
        if let Some(sha256) = end {
            self.say_to_peer(conn, ToPeer::End { stream, sha256 });
        }
    }

    /// A bulk turn of a link: chunks of its transfers, one of each in turn.
    pub(in crate::peer) fn send_chunks(&mut self, now: Time, conn: ConnId, mut bytes_left: usize, out: &mut Out) {
        let Some(numbers) = self.transfers.sending.get(&conn) else { return };
        let Some(channel) = self.links.find_mut(conn).and_then(|link| link.channel.as_mut()) else { return };
        let served = self.transfers.streams.get(&conn).map_or(0, |streams| streams.served);
        let turns = numbers.range(served + 1..).chain(numbers.range(..=served)).copied().collect::<Vec<_>>();
        let (all, message) = (&mut self.transfers.all, &mut self.transfers.message);
        let last = out.send_with(conn, |bytes| {
            let mut last = served;
            loop {
                let mut sent = false;
                for number in &turns {
                    let Some(live) = all.get_mut(number) else { continue };
                    let Run::Sending(sending) = &mut live.run else { continue };
                    let length = sending.next_chunk_bytes();
                    let frame = 2 + ChunkRef::START_BYTES + length + TAG_BYTES;
                    if length == 0 {
                        continue;
                    }
                    if frame > bytes_left {
                        return last;
                    }
                    bytes_left -= frame;
                    message.clear();
                    sending.take_chunk(message);
                    live.moved = now;
                    channel.seal(message, bytes);
                    (last, sent) = (*number, true);
                }
                if !sent {
                    return last;
                }
            }
        });
        self.transfers.streams.entry(conn).or_default().served = last;
        for number in turns {
            self.go_on_sending(number);
        }
    }

    /// Something came, was opened or was written.
    pub(super) fn go_on_receiving(&mut self, number: u64) {
        let Some(live) = self.transfers.all.get_mut(&number) else { return };
        let Run::Receiving(receiving) = &mut live.run else { return };
        if let Some(bytes) = receiving.take_head() {
            if let Way::Incoming(Arrival::Accepted { manifest, .. }) = &mut live.kept.way {
                manifest.extend_from_slice(&bytes);
            }
            let credit = receiving.stream.map(|(conn, stream)| (conn, stream, receiving.credit()));
            let open = receiving.has_manifest();
            self.changes.push(Change::TransferManifest { transfer: number, bytes });
            if let Some((conn, stream, up_to)) = credit {
                self.say_to_peer(conn, ToPeer::Credit { stream, up_to });
            }
            if open {
                self.open_stage(number);
            }
        }
        let Some(receiving) = self.transfers.receiving_mut(number) else { return };
        let Some(file) = receiving.file else { return };
        let mut writes = Vec::new();
        while let Some(block) = receiving.next_block() {
            writes.push(Ask::Write { file, offset: block.offset, bytes: block.bytes, note: block.note });
        }
        let whole = receiving.finish == Finish::Not && receiving.whole().is_some();
        if whole {
            receiving.finish = Finish::Syncing;
        }
        for write in writes {
            self.transfers.ask_for_run(number, What::Write, write);
        }
        if whole {
            self.transfers.ask_for_run(number, What::LastSync, Ask::Sync { file });
        }
    }

    /// All of it is durable, and was compared: once that is kept, it is given its name.
    pub(super) fn on_whole_synced(&mut self, number: u64) {
        let Some(live) = self.transfers.all.get_mut(&number) else { return };
        let Run::Receiving(receiving) = &mut live.run else { return };
        let Some(sha256) = receiving.whole() else { return };
        receiving.finish = Finish::Keeping;
        if let Way::Incoming(Arrival::Accepted { whole, .. }) = &mut live.kept.way {
            *whole = Some(sha256);
        }
        self.changes.push(Change::TransferWhole { transfer: number, sha256 });
        self.said.push(Output::Kept(number));
    }

    /// The store knows what was last changed of a transfer: what had to wait for that.
    pub(in crate::peer) fn on_transfer_kept(&mut self, number: u64) {
        if self.transfers.receiving_mut(number).is_some_and(|receiving| receiving.finish == Finish::Keeping) {
            return self.publish(number);
        }
        if let Some(live) = self.transfers.all.get_mut(&number) {
            live.keeping = false;
            self.settle_closing(number);
        }
    }

    /// Gives it its name.
    pub(super) fn publish(&mut self, number: u64) {
        let Some(live) = self.transfers.all.get_mut(&number) else { return };
        let Run::Receiving(receiving) = &mut live.run else { return };
        // Whatever becomes of it, its id is closed.
        let Some(file) = receiving.file.take() else { return };
        receiving.finish = Finish::Publishing;
        let name = paths::harmless(live.kept.offer.name.as_str()).expect("it was fair");
        self.transfers.ask_for_run(number, What::Publish, Ask::Publish { file, name });
    }

    /// It has arrived, and is there.
    pub(super) fn on_arrived(&mut self, number: u64, path: String, sha256: Hash, renamed: u64) {
        let Some(live) = self.transfers.all.get_mut(&number) else { return };
        live.kept.way = Way::Incoming(Arrival::Ended(None));
        let (conn, transfer, total) = (live.conn, live.kept.id, live.kept.offer.size);
        let from = live.kept.user.clone();
        let renamed = renamed
            + u64::from(paths::harmless(live.kept.offer.name.as_str()).as_deref() != Ok(live.kept.offer.name.as_str()));
        self.changes.push(Change::TransferEnded { transfer: number, reason: None });
        if let Some(conn) = conn {
            self.say_to_peer(conn, ToPeer::Whole { transfer });
        }
        self.tell(Notice::Progress { transfer: number, done: total, total });
        self.tell(Notice::Received { transfer: number, from, path, sha256, renamed });
        self.force_stop(number);
        self.drop_when_closed(number, After::Drop);
    }

    /// Who holds a transfer has changed.
    pub(super) fn on_pause_changed(&mut self, number: u64) {
        self.transfers.stirred = true;
        let paused = self.transfers.all.get(&number).is_some_and(|live| live.kept.paused || live.paused_there);
        if paused {
            if let Some(live) = self.transfers.all.get_mut(&number) {
                live.wanted = None;
            }
            self.stop_run(number);
        }
    }

    /// Its run ends, unless it needs nobody any more; what has come is written.
    pub(super) fn stop_run(&mut self, number: u64) {
        let Some(live) = self.transfers.all.get_mut(&number) else { return };
        if let Run::Receiving(receiving) = &mut live.run {
            if let Some((conn, stream)) = receiving.stream.take()
                && let Some(streams) = self.transfers.streams.get_mut(&conn)
            {
                streams.open.remove(&stream);
            }
            if receiving.finish != Finish::Not {
                return;
            }
            receiving.flush();
            self.go_on_receiving(number);
        }
        self.force_stop(number);
    }

    /// Its run ends, and what it has open is closed.
    fn force_stop(&mut self, number: u64) {
        let Some(live) = self.transfers.all.get_mut(&number) else { return };
        let (file, stage) = match &mut live.run {
            Run::Closing => return,
            Run::Idle | Run::Scanning(_) => (None, false),
            Run::Opening(_, file, _) => (Some(*file), false),
            Run::Sending(sending) => {
                let (conn, _) = sending.stream();
                if let Some(numbers) = self.transfers.sending.get_mut(&conn) {
                    numbers.remove(&number);
                    if numbers.is_empty() {
                        self.transfers.sending.remove(&conn);
                    }
                }
                (Some(sending.file()), false)
            }
            Run::Receiving(receiving) => {
                if let Some((conn, stream)) = receiving.stream.take()
                    && let Some(streams) = self.transfers.streams.get_mut(&conn)
                {
                    streams.open.remove(&stream);
                }
                (receiving.file, true)
            }
        };
        live.run = Run::Closing;
        if let Some(file) = file {
            if stage && self.stopping {
                self.transfers.ask_for_run(number, What::Sync, Ask::Sync { file });
            }
            self.transfers.questions.push(Question::Close(file));
        }
        self.settle_closing(number);
    }

    /// When a run that ends waits for no answer any more, it has ended.
    pub(super) fn settle_closing(&mut self, number: u64) {
        let Some(live) = self.transfers.all.get_mut(&number) else { return };
        if live.asks > 0 || !matches!(live.run, Run::Closing | Run::Idle) {
            return;
        }
        live.run = Run::Idle;
        self.transfers.stirred = true;
        if live.keeping {
            return;
        }
        let (key, after) = (live.key(), live.after);
        match after {
            None => {}
            Some(After::Drop) => {
                live.after = None;
                self.transfers.ask(Asked::Nothing, Ask::Discard { key });
                self.forget_oldest_ended();
            }
            Some(After::Forget) => self.transfers.ask(Asked::Forget(number), Ask::Discard { key }),
        }
    }

    /// What is kept of a transfer on the disk goes, when the store knows that it has ended, and nothing of it is open.
    pub(super) fn drop_when_closed(&mut self, number: u64, after: After) {
        if let Some(live) = self.transfers.all.get_mut(&number) {
            live.after = Some(after);
            live.keeping = true;
            self.said.push(Output::Kept(number));
        }
    }

    /// A transfer ends before it has arrived.
    pub(super) fn end_transfer(&mut self, number: u64, reason: Reason, by_us: bool) {
        let Some(live) = self.transfers.all.get_mut(&number) else { return };
        let (transfer, conn, offer) = (live.kept.id, live.conn, live.is_offer());
        let incoming = live.is_incoming();
        let ended = live.ended(reason, by_us);
        if let (true, Some(conn)) = (by_us, conn) {
            let refuse = ToPeer::Refuse { transfer, reason };
            self.say_to_peer(conn, if incoming { refuse } else { ToPeer::Withdraw { transfer, reason } });
        }
        self.tell(ended);
        if offer && !by_us {
            self.changes.push(Change::TransferForgotten { transfer: number });
            return self.transfers.remove(number);
        }
        self.force_stop(number);
        let Some(live) = self.transfers.all.get_mut(&number) else { return };
        match &mut live.kept.way {
            Way::Outgoing { ended, .. } => *ended = Some(reason),
            Way::Incoming(arrival) => *arrival = Arrival::Ended(Some(reason)),
        }
        self.changes.push(Change::TransferEnded { transfer: number, reason: Some(reason) });
        if incoming && !offer {
            self.drop_when_closed(number, if by_us { After::Drop } else { After::Forget });
        }
        self.forget_oldest_ended();
    }

    /// A transfer is nobody's business any more. What is on the disk goes first, so that nothing is left over; should
    /// the program end in between, it is offered once more and answered as it was now.
    pub(super) fn forget_transfer(&mut self, number: u64, last_words: Vec<Notice>) {
        self.force_stop(number);
        if let Some(live) = self.transfers.all.get_mut(&number) {
            live.last_words = last_words;
            live.after = Some(After::Forget);
            self.settle_closing(number);
        }
    }

    /// What is on the disk of a forgotten transfer is gone.
    pub(super) fn on_forgotten(&mut self, number: u64) {
        let Some(live) = self.transfers.all.get_mut(&number) else { return };
        let last_words = std::mem::take(&mut live.last_words);
        self.changes.push(Change::TransferForgotten { transfer: number });
        self.transfers.remove(number);
        for notice in last_words {
            self.tell(notice);
        }
    }

    /// No more of those that have ended are remembered than the bound.
    fn forget_oldest_ended(&mut self) {
        let ended = |live: &&Live| !live.is_live() && live.after.is_none();
        while self.transfers.all.values().filter(ended).count() > self.limits.transfers_ended_max {
            let idle = |live: &&Live| ended(live) && matches!(live.run, Run::Idle);
            let Some(live) = self.transfers.all.values().find(idle) else { return };
            let (number, key) = (live.kept.number, live.key());
            // What came was dropped before.
            if !live.is_incoming() {
                self.transfers.ask(Asked::Nothing, Ask::Discard { key });
            }
            self.changes.push(Change::TransferForgotten { transfer: number });
            self.transfers.remove(number);
        }
    }

    /// Tells how far a transfer has come, if that is due.
    pub(super) fn on_progress(&mut self, now: Time, number: u64, kept: u64) {
        let Some(live) = self.transfers.all.get_mut(&number) else { return };
        let (total, manifest) = (live.kept.offer.size, u64::from(live.kept.offer.manifest));
        let done = kept.saturating_sub(manifest).min(total);
        live.done = done;
        let wait = crate::limits::ms(self.limits.progress_told_ms);
        // Its end is told of when it has its name, or the receiver says so.
        if live.told.is_none_or(|at| now - at >= wait && done < total) {
            live.told = Some(now);
            self.tell(Notice::Progress { transfer: number, done, total });
        }
    }

    /// Hands over what is to be asked of the disk.
    pub(in crate::peer) fn ask_disk(&mut self, out: &mut Out) {
        for question in std::mem::take(&mut self.transfers.questions) {
            match question {
                Question::Ask(asked, ask) => {
                    let request = self.ids.next_request();
                    self.transfers.asked.insert(request, asked);
                    out.push(Action::Disk { request, ask });
                }
                Question::Close(file) => out.push(Action::CloseFile(file)),
            }
        }
    }
}

impl Live {
    /// It has ended early.
    pub(super) fn ended(&self, reason: Reason, by_us: bool) -> Notice {
        Notice::TransferEnded {
            transfer: self.kept.number,
            incoming: self.is_incoming(),
            user: self.kept.user.clone(),
            name: self.kept.offer.name.as_str().to_owned(),
            reason,
            by_us,
        }
    }

    /// Whether a run may begin, if there is room for it.
    pub(super) fn may_run(&self) -> bool {
        if !matches!(self.run, Run::Idle) || !self.is_live() {
            return false;
        }
        let held = self.kept.paused || self.paused_there;
        match &self.kept.way {
            Way::Outgoing { .. } => self.wanted.is_some() && !held,
            Way::Incoming(Arrival::Accepted { whole: Some(_), .. }) => true,
            Way::Incoming(Arrival::Accepted { whole: None, .. }) => self.conn.is_some() && !held,
            Way::Incoming(Arrival::Offered | Arrival::Ended(_)) => false,
        }
    }
}
