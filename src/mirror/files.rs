//! The files that words name: fetched with their entry, or asked for again.

use std::{
    io::Read as _,
    net::{IpAddr, Ipv4Addr},
};

use rayon::prelude::*;
use sha2::{Digest as _, Sha256};

use super::{
    missing_files::{self, Lacking},
    opening::Mirror,
    pass::MirrorError,
};
use crate::{
    event::{Code, Content, Digest, FileRef},
    ledger::claims::is_closed,
    log::Rows as _,
    verify::{Absent, Fault, Place},
};

/// The outcome of fetching a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fetched {
    Here,
    TooLarge,
    NotThere(Absent),
}

/// A file that the words of an entry name.
pub(super) struct Named {
    pub place: missing_files::Place,
    file: FileRef,
}

/// The files that the words of an entry name.
pub(super) fn named_by(index: u64, words: &[u8]) -> Vec<Named> {
    let files = (0u32..).zip(Content::files_named(words));
    files.map(|(position, file)| Named { place: (index, position), file }).collect()
}

impl Mirror {
    /// Fetches those of `files` that are not stored yet and not larger than this mirror keeps.
    pub(super) fn fetch_files(&mut self, files: Vec<Named>) -> Result<(), MirrorError> {
        let fetch = |named: Named| Ok((self.fetch_file(&named.file)?, named));
        let fetched = files.into_par_iter().map(fetch).collect::<Result<Vec<_>, MirrorError>>()?;
        for (fetched, Named { place, .. }) in fetched {
            if let Fetched::NotThere(absent) = fetched {
                self.absent = absent.or(self.absent);
                self.not_given.insert(place);
            }
            if fetched != Fetched::Here {
                self.lacking.put(place, fetched != Fetched::TooLarge);
            }
        }
        Ok(())
    }

    /// Asks again for files that the source did not give, or that were too large for an earlier limit.
    pub(super) fn ask_files(&mut self) -> Result<(), MirrorError> {
        let shared = self.copier.shared.clone();
        for place in self.lacking.next() {
            let (index, position) = place;
            let failed = |e: &dyn std::fmt::Display| MirrorError::Disk(format!("entry {index}: {e}"));
            let Some(raw) = shared.entry(index).map_err(|e| failed(&e))? else {
                // It was noted while its entry was being copied, and that did not come to its end.
                self.lacking.ask(place);
                continue;
            };
            let entry = shared.parse(index, &raw).map_err(|e| failed(&e))?;
            let event = entry.event();
            if is_closed(&shared.fate(&event.id()), position) {
                self.lacking.remove(place);
                continue;
            }
            let words = shared.stored_words(index).map_err(|e| failed(&e))?;
            // Without the words nothing names the file. When the words come, its fetching comes with them.
            let Some(words) = words.filter(|words| event.content().is_some_and(|c| c.matches(words))) else {
                continue;
            };
            let Some(named) = named_by(index, &words).into_iter().find(|named| named.place == place) else {
                continue;
            };
            match self.fetch_file(&named.file)? {
                Fetched::Here => {
                    self.copier.give(index, &event.id(), words)?;
                    self.lacking.remove(place);
                }
                Fetched::NotThere(absent) => {
                    self.absent = absent.or(self.absent);
                    self.not_given.insert(place);
                    self.lacking.ask(place);
                }
                Fetched::TooLarge => {}
            }
        }
        self.write_lacking()
    }

    /// Fetches one file, unless it is stored already.
    fn fetch_file(&self, file: &FileRef) -> Result<Fetched, MirrorError> {
        if self.folder.file(&file.blake3).exists() || self.folder.upload(&file.blake3).exists() {
            return Ok(Fetched::Here);
        }
        if self.keeps.files.is_none_or(|most| file.size > most) {
            return Ok(Fetched::TooLarge);
        }
        let path = format!("file/{}", file.blake3);
        let reader = match self.source.look(&path)? {
            Ok(reader) => reader,
            Err(absent) => return Ok(Fetched::NotThere(absent)),
        };
        let disk = |e: &dyn std::fmt::Display| MirrorError::Disk(format!("{path}: {e}"));
        let mut upload = self
            .copier
            .shared
            .uploads()
            .begin(file.blake3, IpAddr::V4(Ipv4Addr::LOCALHOST))
            .map_err(|refusal| disk(&refusal.message))?;
        let (mut reader, mut sha256, mut size) = (reader.take(file.size + 1), Sha256::new(), 0);
        let mut buffer = vec![0; 1 << 16];
        loop {
            let n = match reader.read(&mut buffer) {
                Ok(0) => break,
                Ok(n) => n,
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(MirrorError::Unreachable(format!("{path}: {e}"))),
            };
            size += n as u64;
            sha256.update(&buffer[..n]);
            upload.write(&buffer[..n]).map_err(|refusal| disk(&refusal.message))?;
        }
        let wrong = |what: String| MirrorError::Refused(Fault { place: Place::Path(path.clone()), what });
        if size != file.size || Digest(sha256.finalize().into()) != file.sha256 {
            return Err(wrong(format!(
                "expected {} bytes of SHA-256 {}, found others",
                file.size, file.sha256
            )));
        }
        match upload.finish() {
            Ok(()) => Ok(Fetched::Here),
            Err(refusal) if refusal.code == Code::FileDigest => Err(wrong(refusal.message)),
            Err(refusal) => Err(disk(&refusal.message)),
        }
    }

    pub(super) fn write_lacking(&mut self) -> Result<(), MirrorError> {
        let Some(text) = self.lacking.changed() else { return Ok(()) };
        Ok(self.copier.keep(&self.folder.lacking(), text.as_bytes())?)
    }

    /// Reads the list of missing files that an earlier run wrote.
    pub(super) fn read_lacking(&mut self) -> Result<(), MirrorError> {
        let path = self.folder.lacking();
        let disk = |what: &dyn std::fmt::Display| MirrorError::Disk(format!("{}: {what}", path.display()));
        match std::fs::read_to_string(&path) {
            Ok(text) => {
                let expected = "expected an index and a position a line";
                self.lacking = Lacking::read(&text).ok_or_else(|| disk(&expected))?;
                Ok(())
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(e) => Err(disk(&e)),
        }
    }
}
