//! Words that a mirror has not got yet: too young when their entry came, or not to be had.

use std::sync::Arc;

use super::{
    files::named_by,
    opening::Mirror,
    pass::{MirrorError, Pass},
};
use crate::{
    event::Position,
    log::{Rows as _, TILE_ITEMS, Time},
    verify::bundle::{word_of, words_tile},
};

impl Mirror {
    /// The latest time that an entry may bear for its words to be fetched now.
    pub(super) fn old_enough(&self, now: Time) -> Time {
        let hold = i64::try_from(self.keeps.hold.as_millis()).unwrap_or(i64::MAX);
        Time::from_unix_ms(now.unix_ms().saturating_sub(hold)).unwrap_or(now)
    }

    /// Asks again for words that were too young, missing or withheld.
    pub(super) fn ask_again(&mut self, now: Time, pass: &mut Pass) -> Result<(), MirrorError> {
        let old_enough = self.old_enough(now);
        let (shared, size) =
            (self.copier.shared.clone(), self.ledger.reader().checkpoint().checkpoint().size());
        let mut tile: Option<(u64, Option<Vec<u8>>)> = None;
        let (mut done, mut given, mut without) = (Vec::new(), 0, 0);
        for index in self.wanted.range(..size).copied().collect::<Vec<_>>() {
            let failed = |e: &dyn std::fmt::Display| MirrorError::Disk(format!("entry {index}: {e}"));
            let Some(raw) = shared.entry(index).map_err(|e| failed(&e))? else { continue };
            let entry = shared.parse(index, &raw).map_err(|e| failed(&e))?;
            let event = entry.event();
            let committed = event.content().copied();
            let withheld = shared.fate(&event.id()).withheld_by(Position::Content).is_some();
            let Some(committed) = committed.filter(|_| !withheld) else {
                without += 1;
                done.push(index);
                continue;
            };
            // Entries come in the order of the log, so all that follow are younger.
            if entry.header().time > old_enough {
                break;
            }
            let here = shared.stored_words(index).map_err(|e| failed(&e))?.filter(|w| committed.matches(w));
            if here.is_some() && shared.recent().pending.contains_key(&index) {
                // On its way to the disk.
                given += 1;
                continue;
            }
            let bundle = index / TILE_ITEMS;
            if here.is_none() && tile.as_ref().is_none_or(|(known, _)| *known != bundle) {
                let found = words_tile(&*self.source, bundle, size)?;
                self.absent = found.as_ref().err().copied().unwrap_or_default().or(self.absent);
                tile = Some((bundle, found.ok()));
            }
            let words = here.clone().or_else(|| {
                let bytes = tile.as_ref().and_then(|(_, bytes)| bytes.as_deref())?;
                let words = word_of(bytes, index % TILE_ITEMS)?;
                committed.matches(words).then(|| Arc::from(words))
            });
            let Some(words) = words else {
                pass.missing += 1;
                continue;
            };
            self.fetch_files(named_by(index, &words))?;
            self.copier.give(index, &event.id(), words)?;
            given += 1;
            if here.is_some() {
                done.push(index);
            }
        }
        // Words that were handed over stay in the list until they are seen on the disk.
        pass.wanting = self.wanted.len() as u64 - given - without;
        if !done.is_empty() {
            for index in done {
                self.wanted.remove(&index);
            }
            self.write_wanted()?;
        }
        Ok(())
    }

    pub(super) fn write_wanted(&self) -> Result<(), MirrorError> {
        let text: String = self.wanted.iter().map(|index| format!("{index}\n")).collect();
        Ok(self.copier.keep(&self.folder.wanted(), text.as_bytes())?)
    }

    /// Reads the list of entries whose words are asked for again. If this mirror kept no words before, the list is made by
    /// looking at every entry.
    pub(super) fn read_wanted(&mut self) -> Result<(), MirrorError> {
        let path = self.folder.wanted();
        if !self.keeps.words {
            // A later run that keeps words finds no list then, and looks at every entry.
            return match std::fs::remove_file(&path) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                    Err(MirrorError::Disk(format!("{}: {e}", path.display())))
                }
                _ => Ok(()),
            };
        }
        match std::fs::read_to_string(&path) {
            Ok(text) => {
                let broken = || MirrorError::Disk(format!("{}: expected an index a line", path.display()));
                let indexes = text.lines().map(|line| line.parse().map_err(|_| broken()));
                self.wanted = indexes.collect::<Result<_, _>>()?;
                Ok(())
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                let size = self.copier.frontier().size();
                for from in (0..size).step_by(TILE_ITEMS as usize) {
                    let absent = &mut self.wanted;
                    let each = self.copier.shared.each_stored(
                        from..size.min(from + TILE_ITEMS),
                        |index, _, words| {
                            if words.is_none() {
                                absent.insert(index);
                            }
                            Ok(())
                        },
                    );
                    each.map_err(|e| MirrorError::Disk(e.to_string()))?;
                }
                self.write_wanted()
            }
            Err(e) => Err(MirrorError::Disk(format!("{}: {e}", path.display()))),
        }
    }
}
