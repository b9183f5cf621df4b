//! The latest time that a server knew to be right, kept for its next start. The log's last entry may be weeks old, and then
//! tells little about the time.
//!
//! ```text
//! clock    "onrecord clock 1\n", the time, " ", BLAKE3 of all before in hex, "\n"
//! ```

use std::sync::Arc;

use super::{
    clock::{MAX_AHEAD_MS, TimeSource},
    folder::Folder,
};
use crate::{
    log::Time,
    store::{
        Doing as _, StoreError,
        disk::{Disk, Placing},
    },
};

const NAME: &str = "onrecord clock 1\n";
/// How often the file is written.
pub(super) const EVERY_MS: i64 = 3_600_000;

fn text(time: Time) -> String {
    let text = format!("{NAME}{time} ");
    let digest = blake3::hash(text.as_bytes()).to_hex();
    format!("{text}{digest}\n")
}

/// The time that is kept in a folder. `None` if there is no such file, or it is damaged.
pub(super) fn read(disk: &dyn Disk, folder: &Folder) -> Result<Option<Time>, StoreError> {
    let path = folder.clock();
    let bytes = disk.read(&path).doing(|| format!("read {}", path.display()))?;
    let time = bytes.as_deref().and_then(|bytes| {
        let time = Time::parse(std::str::from_utf8(bytes).ok()?.strip_prefix(NAME)?.get(..24)?)?;
        (text(time).as_bytes() == bytes).then_some(time)
    });
    if bytes.is_some() && time.is_none() {
        tracing::warn!(path = %path.display(), "not as a server writes it; it is ignored and written anew");
    }
    Ok(time)
}

/// Keeps the time while the wall clock and the monotonic clock, which nobody can set, agree. The time that is kept never goes
/// further than the monotonic clock did since the start, when the wall clock was checked.
pub(super) struct Seen {
    source: Arc<dyn TimeSource>,
    /// Wall clock and monotonic clock at the start, in milliseconds.
    start: (i64, i64),
    /// The time in the file.
    kept: Option<Time>,
    /// The monotonic clock when [`due`](Self::due) last looked at the wall clock, in milliseconds.
    looked: i64,
}

impl Seen {
    pub fn new(source: Arc<dyn TimeSource>, start: (i64, i64), kept: Option<Time>) -> Self {
        Self { source, start, kept, looked: start.1 }
    }

    /// The time that is to be written now, at most once in an hour.
    fn due(&mut self) -> Option<Time> {
        let monotonic = self.source.monotonic_ms();
        if monotonic.saturating_sub(self.looked) < EVERY_MS {
            return None;
        }
        self.looked = monotonic;
        let wall = self.source.wall_ms();
        let expected = self.start.0.saturating_add(monotonic.saturating_sub(self.start.1));
        if wall.saturating_sub(expected).saturating_abs() > MAX_AHEAD_MS {
            return None;
        }
        Time::from_unix_ms(wall.min(expected)).filter(|time| self.kept.is_none_or(|kept| kept < *time))
    }

    /// Writes the time, if it is due. If the disk refuses, the time is not kept, but the writer goes on.
    pub fn keep(&mut self, disk: &dyn Disk, folder: &Folder) {
        let Some(time) = self.due() else { return };
        let mut placing = Placing::named(disk, folder.tmp(), "clock");
        let placed = placing.place(&folder.clock(), text(time).as_bytes()).and_then(|()| placing.sync());
        match placed {
            Ok(()) => self.kept = Some(time),
            Err(error) => tracing::warn!(%error, "the time was not kept for the next start"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{ledger::clock::tests::Set, store::simulated::SimulatedDisk};

    const NOW: i64 = 1_800_000_000_000;

    #[test]
    fn the_time_kept_goes_no_further_than_the_clock_that_is_never_set() {
        let disk = SimulatedDisk::default();
        let folder = Folder::new(Path::new("/d"));
        disk.create_dir_all(&folder.tmp()).unwrap();
        disk.sync_dir(Path::new("/")).unwrap();
        let source = Arc::new(Set::default());
        source.set(NOW, 0);
        let mut seen = Seen::new(source.clone(), (NOW, 0), None);
        let mut kept = |wall: i64, monotonic: i64| {
            source.set(NOW + wall, monotonic);
            seen.keep(&disk, &folder);
            read(&disk, &folder).unwrap().map(|time| time.unix_ms() - NOW)
        };
        const HOUR: i64 = EVERY_MS;
        assert_eq!(kept(HOUR - 1, HOUR - 1), None, "not an hour yet");
        assert_eq!(kept(HOUR, HOUR), Some(HOUR));
        assert_eq!(kept(2 * HOUR + 5_000, 2 * HOUR), Some(2 * HOUR), "a little ahead");
        assert_eq!(kept(3 * HOUR - 5_000, 3 * HOUR), Some(3 * HOUR - 5_000), "a little behind");
        assert_eq!(kept(5 * HOUR + 1, 4 * HOUR), Some(3 * HOUR - 5_000), "it was set ahead");
        assert_eq!(kept(3 * HOUR, 5 * HOUR), Some(3 * HOUR - 5_000), "it was set back");
        assert_eq!(kept(6 * HOUR, 6 * HOUR), Some(6 * HOUR), "it is right again");
    }

    #[test]
    fn a_file_that_is_not_as_it_was_written_says_nothing() {
        let disk = SimulatedDisk::default();
        let folder = Folder::new(Path::new("/d"));
        disk.create_dir_all(folder.root()).unwrap();
        let whole = text(Time::from_unix_ms(NOW).unwrap());
        let says = |bytes: &[u8]| {
            let mut file = disk.create(&folder.clock()).unwrap();
            crate::store::disk::write_all(&mut *file, bytes).unwrap();
            read(&disk, &folder).unwrap()
        };
        assert_eq!(read(&disk, &folder).unwrap(), None);
        assert_eq!(says(whole.as_bytes()), Time::from_unix_ms(NOW));
        for at in 0..whole.len() {
            let mut flipped = whole.clone().into_bytes();
            flipped[at] ^= 1;
            assert_eq!(says(&flipped), None, "byte {at}");
            assert_eq!(says(&whole.as_bytes()[..at]), None, "byte {at}");
        }
    }
}
