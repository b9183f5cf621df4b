//! Bytes that are kept for as long as a verification runs: in memory while they are few, then in a file that no
//! longer has a name, so that nothing is left of it however the program ends.

use std::{
    fs::File,
    io,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

/// Bytes that grow, and can be read and overwritten anywhere.
#[derive(Debug)]
pub(super) struct Scratch {
    dir: PathBuf,
    /// The most that is kept in memory.
    limit: usize,
    medium: Medium,
}

#[derive(Debug)]
enum Medium {
    Memory(Vec<u8>),
    File { file: File, len: u64 },
}

impl Scratch {
    /// No bytes yet. If they become more than `limit`, a file for them is made in `dir`.
    pub fn new(dir: &Path, limit: usize) -> Self {
        Self { dir: dir.to_owned(), limit, medium: Medium::Memory(Vec::new()) }
    }

    /// `len` zeros.
    pub fn zeros(dir: &Path, limit: usize, len: u64) -> io::Result<Self> {
        let medium = match usize::try_from(len) {
            Ok(small) if small <= limit => Medium::Memory(vec![0; small]),
            _ => {
                let file = nameless(dir)?;
                file.set_len(len)?;
                Medium::File { file, len }
            }
        };
        Ok(Self { dir: dir.to_owned(), limit, medium })
    }

    pub fn len(&self) -> u64 {
        match &self.medium {
            Medium::Memory(bytes) => bytes.len() as u64,
            Medium::File { len, .. } => *len,
        }
    }

    /// Reads the bytes from `at` on, as far as there are any. Gives how many were read.
    pub fn read(&self, at: u64, buffer: &mut [u8]) -> io::Result<usize> {
        match &self.medium {
            Medium::Memory(bytes) => {
                let rest = usize::try_from(at).ok().and_then(|at| bytes.get(at..)).unwrap_or_default();
                let n = rest.len().min(buffer.len());
                buffer[..n].copy_from_slice(&rest[..n]);
                Ok(n)
            }
            Medium::File { file, .. } => {
                let mut n = 0;
                while n < buffer.len() {
                    match file.read_at(&mut buffer[n..], at + n as u64) {
                        Ok(0) => break,
                        Ok(more) => n += more,
                        Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                        Err(e) => return Err(e),
                    }
                }
                Ok(n)
            }
        }
    }

    /// Writes over the bytes at `at`, which is at most the end.
    pub fn write(&mut self, at: u64, new: &[u8]) -> io::Result<()> {
        let end = at + new.len() as u64;
        if let Medium::Memory(bytes) = &mut self.medium {
            // Bytes in memory are not more than `limit`, so both fit a `usize`.
            let (from, to) = (at as usize, end as usize);
            if to <= self.limit {
                if bytes.len() < to {
                    bytes.resize(to, 0);
                }
                bytes[from..to].copy_from_slice(new);
                return Ok(());
            }
            let file = nameless(&self.dir)?;
            file.write_all_at(bytes, 0)?;
            self.medium = Medium::File { file, len: bytes.len() as u64 };
        }
        if let Medium::File { file, len } = &mut self.medium {
            file.write_all_at(new, at)?;
            *len = end.max(*len);
        }
        Ok(())
    }

    /// Writes at the end. Gives the offset of what was written.
    pub fn append(&mut self, new: &[u8]) -> io::Result<u64> {
        let at = self.len();
        self.write(at, new)?;
        Ok(at)
    }
}

/// A file in a folder, readable by its owner alone, whose name is taken away at once.
fn nameless(dir: &Path) -> io::Result<File> {
    let whole = |e: io::Error| io::Error::new(e.kind(), format!("scratch file in {}: {e}", dir.display()));
    let (file, path) =
        tempfile::Builder::new().prefix(".onrecord-").tempfile_in(dir).map_err(whole)?.into_parts();
    path.close().map_err(whole)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_in_memory_and_on_disk() {
        let dir = tempfile::tempdir().unwrap();
        for limit in [0, 10, 1_000] {
            let mut scratch = Scratch::new(dir.path(), limit);
            let mut expected = Vec::new();
            for i in 0u8..40 {
                assert_eq!(scratch.append(&[i; 5]).unwrap(), expected.len() as u64);
                expected.extend([i; 5]);
            }
            scratch.write(7, b"seven").unwrap();
            expected[7..12].copy_from_slice(b"seven");
            let mut all = vec![0; 300];
            assert_eq!(scratch.read(0, &mut all).unwrap(), 200);
            assert_eq!(all[..200], expected);
            assert_eq!(scratch.read(198, &mut all).unwrap(), 2);
            assert_eq!(scratch.read(500, &mut all).unwrap(), 0);
            assert_eq!(matches!(scratch.medium, Medium::File { .. }), limit < 200);
            assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "no file has a name");
        }
        let zeros = Scratch::zeros(dir.path(), 10, 64).unwrap();
        let mut all = vec![7; 64];
        assert_eq!((zeros.read(0, &mut all).unwrap(), all), (64, vec![0; 64]));
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let error = Scratch::new("/nowhere/at/all".as_ref(), 0).append(b"x").unwrap_err();
        assert!(error.to_string().contains("/nowhere/at/all"), "{error}");
    }
}
