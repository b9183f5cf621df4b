//! The ledger's metrics.

use std::sync::atomic::Ordering;

use super::{Ledger, error::ReadError};
use crate::metrics::{Exposition, Kind};

impl Ledger {
    /// Writes the ledger's metrics.
    ///
    /// # Errors
    /// [`ReadError`] if the last entry or the state of the disk can't be read.
    pub(crate) fn expose(&self, to: &mut Exposition) -> Result<(), ReadError> {
        let (signals, shared) = (&self.0.signals, &self.0.shared);
        // Read before the size that they lag behind, so that neither can seem to be ahead of it.
        let published = signals.published.load(Ordering::Acquire);
        let behind = shared.overlay().listed().next().map(|l| l.index);
        let checkpoint = self.reader().checkpoint();
        let size = checkpoint.checkpoint().size();

        to.gauge("onrecord_checkpoint_size", "Entries that the latest checkpoint covers.", size);
        if let Some(last) = size.checked_sub(1)
            && let Some(entry) = self.reader().parsed(last)?
        {
            let help = "When the last entry was recorded, by the ledger's clock.";
            let seconds = entry.header().time.unix_ms() as f64 / 1e3;
            to.gauge("onrecord_checkpoint_timestamp_seconds", help, seconds);
        }
        let help = "Entries that the checkpoint in public/ covers.";
        to.gauge("onrecord_published_size", help, published);
        let help = "Entries that are in the index on disk.";
        to.gauge("onrecord_indexed_size", help, behind.unwrap_or(size).min(size));
        let stopped = u8::from(self.fault().is_some());
        to.gauge("onrecord_writer_stopped", "1 if the writer takes no events any more.", stopped);

        let help = "1 if a witness or a peer knows more of this log than is here, or another history.";
        let contradicted = u8::from(signals.contradicted.load(Ordering::Acquire));
        to.gauge("onrecord_history_contradicted", help, contradicted);

        let witnesses = self.reader().witnessed();
        to.gauge("onrecord_witnesses", "Witnesses that are asked for cosignatures.", witnesses.len());
        let help = "Witnesses that have not cosigned what was published a minute ago.";
        to.gauge("onrecord_witnesses_behind", help, shared.cosigned().behind());
        let name = "onrecord_witness_answers_total";
        to.family(name, Kind::Counter, "What came of asking witnesses for cosignatures.");
        for (outcome, count) in shared.cosigned().outcomes() {
            to.sample(name, &[("outcome", outcome)], count);
        }

        let stamped = shared.timestamped().latest();
        let help = "Entries that the latest checkpoint covers that a time-stamping authority has stamped.";
        to.gauge("onrecord_timestamped_size", help, stamped.map_or(0, |(size, _)| size));
        if let Some((_, time)) = stamped {
            let help = "When that checkpoint was stamped, by the authority's clock.";
            to.gauge("onrecord_timestamped_timestamp_seconds", help, time.unix_ms() as f64 / 1e3);
        }
        let name = "onrecord_timestamp_answers_total";
        to.family(name, Kind::Counter, "What came of asking time-stamping authorities for tokens.");
        for (outcome, count) in shared.timestamped().outcomes() {
            to.sample(name, &[("outcome", outcome)], count);
        }

        let help = "Entries, words, rows and lists that readers asked the store for.";
        to.family("onrecord_store_reads_total", Kind::Counter, help);
        to.sample("onrecord_store_reads_total", &[], shared.reads());

        let help = "Files in public/ that were found damaged or missing, and are not served.";
        to.gauge("onrecord_damaged_files", help, shared.sound_files().damaged().len());
        let name = "onrecord_scrub_files_total";
        to.family(
            name,
            Kind::Counter,
            "Full tiles and files that were read and checked against the log without a request for them.",
        );
        to.sample(name, &[], shared.scrubbed().files.load(Ordering::Relaxed));
        let since = shared.scrubbed().since.load(Ordering::Relaxed);
        if since > 0 {
            let help = "When the last round over all of them ended; during the first round, when it began.";
            to.gauge("onrecord_scrubbed_timestamp_seconds", help, since);
        }

        let (waiting, many) = self.waiting();
        to.gauge("onrecord_queue_calls", "Calls that wait for the sequencer.", waiting);
        to.gauge("onrecord_queue_calls_max", "Waiting calls above which the sequencer can't keep up.", many);

        to.family("onrecord_batch_entries", Kind::Histogram, "Entries in each batch.");
        to.histogram("onrecord_batch_entries", &[], &signals.metrics.batches);
        let help = "Time to write each batch to the journal and to sync it.";
        to.family("onrecord_journal_sync_seconds", Kind::Histogram, help);
        to.histogram("onrecord_journal_sync_seconds", &[], &signals.metrics.syncs);

        let root = shared.folder().root();
        let disk = rustix::fs::statvfs(root)
            .map_err(|e| ReadError::Fault(format!("ask for the room left in {}: {e}", root.display())))?;
        let help = "Bytes left for the server on the disk of the ledger's folder.";
        to.gauge("onrecord_disk_free_bytes", help, disk.f_bavail.saturating_mul(disk.f_frsize));
        let help = "Size of that disk, in bytes.";
        to.gauge("onrecord_disk_size_bytes", help, disk.f_blocks.saturating_mul(disk.f_frsize));
        // File systems without a fixed number of inodes say 0 of 0.
        to.gauge("onrecord_disk_free_inodes", "Files that the disk still has room for.", disk.f_favail);
        to.gauge("onrecord_disk_inodes", "Files that the disk has room for.", disk.f_files);
        Ok(())
    }
}
