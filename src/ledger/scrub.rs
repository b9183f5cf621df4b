//! The scrub: reads all full tiles and all files in `public/` again and again, slowly, and checks them against the log. Files
//! that nobody asks for would otherwise rot unnoticed, until the copies that could mend them are gone too.
//!
//! ```text
//! scrub   onrecord scrub 1
//!         first <when the first round began>
//!         ended <when the last whole round ended, or 0>
//!         next <the bundle that comes next in this round>
//!         damaged <name> <why>                                for each damaged file
//!         blake3 <BLAKE3 of all lines before>
//! ```
//!
//! Times are in seconds since 1970. A `scrub` file that can't be read counts as missing.

use std::{
    collections::HashSet,
    fmt::Write as _,
    io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use super::{claims::is_closed, error::ReadError, shared::Shared, sound::Name};
use crate::{
    event::{Content, Digest, EventId},
    log::{Rows as _, TILE_ITEMS, TILE_WIDTH, TileKind, TilePath},
    priority::give_way,
    store::disk::{AtHand, Placing},
};

const FIRST_LINE: &str = "onrecord scrub 1";
const LAST_LINE: &str = "blake3 ";
/// The most bytes that are read in a second.
const PACE: u64 = 4 << 20;
/// The longest rest between one bundle and the next, and before the first after a start.
const REST: Duration = Duration::from_secs(60);
/// How often the file `scrub` is written during a round.
const SAVE: Duration = Duration::from_secs(60);
/// How long to wait, at most, before looking again whether a round is due.
const LOOK: Duration = Duration::from_secs(3_600);
/// The number of levels of hash tiles that a log can have.
const LEVELS: u8 = 8;

/// How far the scrub has come, as the module's head lays it out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct State {
    first: u64,
    ended: u64,
    next: u64,
    damaged: Vec<(String, String)>,
}

impl State {
    fn to_text(&self) -> String {
        let Self { first, ended, next, damaged } = self;
        let mut text = format!("{FIRST_LINE}\nfirst {first}\nended {ended}\nnext {next}\n");
        for (name, why) in damaged {
            // Writing to a string does not fail, here and below.
            let _ = writeln!(text, "damaged {name} {}", why.replace('\n', " "));
        }
        let digest = Digest::blake3(text.as_bytes());
        let _ = writeln!(text, "{LAST_LINE}{digest}");
        text
    }

    fn parse(text: &str) -> Option<Self> {
        let (all, digest) = text.strip_suffix('\n')?.rsplit_once(LAST_LINE)?;
        if digest.parse() != Ok(Digest::blake3(all.as_bytes())) {
            return None;
        }
        let mut lines = all.lines();
        if lines.next()? != FIRST_LINE {
            return None;
        }
        let mut number = |name: &str| lines.next()?.strip_prefix(name)?.strip_prefix(' ')?.parse().ok();
        let (first, ended, next) = (number("first")?, number("ended")?, number("next")?);
        let damaged = lines.map(|line| {
            let (name, why) = line.strip_prefix("damaged ")?.split_once(' ')?;
            Some((name.to_owned(), why.to_owned()))
        });
        Some(Self { first, ended, next, damaged: damaged.collect::<Option<_>>()? })
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// The thread that reads.
pub(super) struct Scrub {
    stopping: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Scrub {
    /// Begins to scrub: one round in each `every`.
    pub fn begin(shared: Arc<Shared>, every: Duration) -> io::Result<Self> {
        let stopping = Arc::new(AtomicBool::new(false));
        let scrubber = Scrubber { shared, every, stopping: stopping.clone(), saved: Instant::now() };
        let run = move || {
            give_way("scrub");
            scrubber.run();
        };
        let thread = std::thread::Builder::new().name("scrub".into()).spawn(run)?;
        Ok(Self { stopping, thread })
    }

    /// Ends the scrub, after the file that it is reading.
    pub fn stop(self) {
        self.stopping.store(true, Ordering::Release);
        self.thread.thread().unpark();
        if self.thread.join().is_err() {
            tracing::error!("scrub ended in a panic");
        }
    }
}

struct Scrubber {
    shared: Arc<Shared>,
    every: Duration,
    stopping: Arc<AtomicBool>,
    saved: Instant,
}

/// A file that words name: the event of the words, the file's position there, and its digest.
type Named = (EventId, u32, Digest);

impl Scrubber {
    fn run(mut self) {
        let read = self.shared.disk().read(&self.path()).ok().flatten();
        let state = read.and_then(|bytes| State::parse(std::str::from_utf8(&bytes).ok()?));
        let mut state = state.unwrap_or_default();
        if state.first == 0 {
            state.first = now();
        }
        self.tell(&state);
        // Files that were damaged are looked at again, so that those mended since are not called damaged any more.
        for (name, _) in std::mem::take(&mut state.damaged) {
            if let Ok(path) = name.parse() {
                self.tile(path);
            } else if let Some(Ok(digest)) = name.strip_prefix("file/").map(str::parse) {
                self.file(&digest, || true);
            }
        }
        self.save(&mut state);
        self.rest(REST.min(self.every / 10));
        while !self.is_stopping() {
            if state.next == 0 && !self.is_due(&state) {
                self.rest(LOOK.min(self.every / 10));
                continue;
            }
            let bundles = self.shared.recent().start / TILE_ITEMS;
            if state.next < bundles {
                let began = Instant::now();
                self.bundle(state.next);
                state.next += 1;
                if self.saved.elapsed() >= SAVE {
                    self.save(&mut state);
                }
                // The bundles of a round are spread over half of the time that it has.
                let share = self.every / 2 / u32::try_from(bundles).unwrap_or(u32::MAX);
                self.rest(share.min(REST).saturating_sub(began.elapsed()));
                continue;
            }
            let size = self.shared.recent().size();
            self.files(bundles * TILE_ITEMS..size);
            if self.is_stopping() {
                break;
            }
            (state.next, state.ended) = (0, now());
            self.tell(&state);
            self.save(&mut state);
            let damaged = state.damaged.len();
            tracing::info!(size, damaged, "all full tiles and files were read and checked against the log");
        }
        self.save(&mut state);
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    fn is_due(&self, state: &State) -> bool {
        let now = now();
        // If the last round seems to end in the future, the clock was ahead then: the next round does not wait for that time.
        state.ended == 0 || state.ended > now || now - state.ended >= self.every.as_secs()
    }

    /// Waits for `time`, or until it must stop.
    fn rest(&self, time: Duration) {
        let until = Instant::now() + time;
        while !self.is_stopping() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            std::thread::park_timeout(left);
        }
    }

    fn path(&self) -> PathBuf {
        self.shared.folder().scrub()
    }

    fn tell(&self, state: &State) {
        let since = if state.ended == 0 { state.first } else { state.ended };
        self.shared.scrubbed().since.store(since, Ordering::Relaxed);
    }

    fn save(&mut self, state: &mut State) {
        state.damaged = self.shared.sound_files().damaged();
        self.saved = Instant::now();
        let mut placing = Placing::named(self.shared.disk(), self.shared.folder().tmp(), "scrub");
        let saved = placing.place(&self.path(), state.to_text().as_bytes()).and_then(|()| placing.sync());
        if let Err(error) = saved {
            tracing::warn!(%error, "the progress of the scrub was not written: after the next start it begins at an earlier place");
        }
    }

    /// Checks the full tiles that end with a bundle, and the files that its words name.
    fn bundle(&self, bundle: u64) {
        for level in 0..LEVELS {
            let below = 1u64 << (8 * level);
            if (bundle + 1).is_multiple_of(below) {
                self.full(TileKind::Hashes { level }, bundle / below);
            }
        }
        self.full(TileKind::Entries, bundle);
        self.full(TileKind::Contents, bundle);
        self.files(bundle * TILE_ITEMS..(bundle + 1) * TILE_ITEMS);
    }

    fn full(&self, kind: TileKind, index: u64) {
        if let Ok(path) = TilePath::new(kind, index, TILE_WIDTH) {
            self.tile(path);
        }
    }

    fn tile(&self, path: TilePath) {
        self.check(Name::Tile(path), || true);
    }

    /// Checks the files that the words of these entries name.
    fn files(&self, entries: std::ops::Range<u64>) {
        let shared = &self.shared;
        let mut named: Vec<Named> = Vec::new();
        let read = shared.each_stored(entries, |index, raw, words| {
            let entry = shared.parse(index, raw)?;
            let (Some(words), Some(committed)) = (words, entry.event().content()) else { return Ok(()) };
            if committed.matches(words) {
                let files = (0u32..).zip(Content::files_named(words));
                named.extend(files.map(|(position, file)| (entry.event().id(), position, file.blake3)));
            }
            Ok(())
        });
        // Damage needs no second message: it was told when the tile was read.
        if let Err(ReadError::Fault(why)) = read {
            tracing::warn!(why, "scrub can't read which files words name");
        }
        let mut seen = HashSet::new();
        for (id, position, digest) in named {
            let is_open = || !is_closed(&shared.fate(&id), position);
            if is_open() && seen.insert(digest) {
                self.file(&digest, is_open);
            }
        }
    }

    fn file(&self, digest: &Digest, is_open: impl Fn() -> bool) {
        let shared = &self.shared;
        // A mirror may keep no files. A file that was named only just now still lies in `upload/`.
        let must_be_here = || !shared.lacks_words() && is_open() && !shared.folder().upload(digest).exists();
        self.check(Name::File(*digest), must_be_here);
    }

    /// Checks a file against the log. A missing file counts as damaged if it must be here.
    fn check(&self, name: Name, must_be_here: impl Fn() -> bool) {
        if self.is_stopping() {
            return;
        }
        let (shared, sound) = (&self.shared, self.shared.sound_files());
        let path = match name {
            Name::Tile(path) => shared.folder().tile(&path),
            Name::File(digest) => shared.folder().file(&digest),
        };
        let is_gone = |e: &io::Error| e.kind() == io::ErrorKind::NotFound;
        let file = match AtHand::open(&path) {
            // It may have been moved here from `upload/` between the two looks.
            Err(e) if is_gone(&e) && must_be_here() => AtHand::open(&path),
            opened => opened,
        };
        let file = match file {
            Ok(file) => file,
            Err(e) if is_gone(&e) && !must_be_here() => return,
            Err(_) => return sound.report_damaged(&name.to_string(), "missing, or can't be read"),
        };
        // So that the disk is read, and not the system's cache.
        file.forget();
        let pace = |bytes: usize| {
            if !self.is_stopping() {
                std::thread::sleep(Duration::from_micros(bytes as u64 * 1_000_000 / PACE));
            }
        };
        shared.scrubbed().files.fetch_add(1, Ordering::Relaxed);
        match shared.blocks_of(name, &file, &pace) {
            Ok(_) => sound.mended(&name.to_string()),
            // Damage was reported already.
            Err(ReadError::Damaged(_) | ReadError::Spent) => {}
            Err(ReadError::Fault(why)) => match file.digest() {
                Ok(_) => tracing::warn!(%name, why, "scrub can't check a file against the log"),
                Err(e) => sound.report_damaged(&name.to_string(), &format!("it can't be read: {e}")),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_far_it_is_is_read_back_and_no_byte_of_it_is_changed_unnoticed() {
        let damaged = vec![
            ("file/ab".to_owned(), "other bytes than its name says".to_owned()),
            ("tile/0/000".to_owned(), "missing".to_owned()),
        ];
        let state = State { first: 1, ended: 20, next: 300, damaged };
        let text = state.to_text();
        assert_eq!(State::parse(&text), Some(state));
        for at in 0..text.len() {
            let mut flipped = text.clone().into_bytes();
            flipped[at] ^= 1;
            assert_eq!(State::parse(&String::from_utf8(flipped).unwrap()), None, "byte {at}");
            assert_eq!(State::parse(&text[..at]), None, "cut at {at}");
        }
        let none = State::default();
        assert_eq!(State::parse(&none.to_text()), Some(none));
    }
}
