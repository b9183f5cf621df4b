//! What the origin withheld, as the mirror reports it: one line of JSON each, in the order of the log.

use std::{
    io::{Read as _, Write as _},
    path::Path,
};

use serde::{Deserialize, Serialize};

/// What the origin withheld, and what was removed here for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removed {
    /// The entry whose words or files are withheld.
    pub entry: u64,
    /// What is withheld of it: `content`, or files by number.
    pub blobs: Vec<String>,
    /// The entry that withholds them.
    pub by: u64,
    /// The name of the key that signed it.
    pub signed_by: String,
    /// On what ground.
    pub ground: String,
    /// When the withholding was recorded.
    pub recorded: String,
}

/// The withholding entry of a report's last line; `None` if there is no line. A line that was cut short is removed.
///
/// # Errors
/// If the report can't be read or shortened, or its last line is not one of a report.
pub(super) fn last(report: &Path) -> std::io::Result<Option<u64>> {
    let mut file = match std::fs::OpenOptions::new().read(true).write(true).open(report) {
        Ok(file) => file,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e),
    };
    let mut text = Vec::new();
    file.read_to_end(&mut text)?;
    let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    file.set_len(whole as u64)?;
    let mut lines = text[..whole].split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let read = |line| serde_json::from_slice::<Removed>(line).map_err(std::io::Error::from);
    Ok(lines.next_back().map(read).transpose()?.map(|removed| removed.by))
}

/// Adds lines to a report.
///
/// # Errors
/// If the report can't be written. Some of the lines may have been added then, the last of them cut short.
pub(super) fn append(report: &Path, removed: &[Removed]) -> std::io::Result<()> {
    let mut text = Vec::new();
    for one in removed {
        serde_json::to_writer(&mut text, one)?;
        text.push(b'\n');
    }
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(report)?;
    file.write_all(&text)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_was_cut_short_is_written_again() {
        let dir = tempfile::tempdir().unwrap();
        let report = dir.path().join("removed.jsonl");
        let one = |by| Removed {
            entry: by - 1,
            blobs: vec!["content".into()],
            by,
            signed_by: "log.example/operator".into(),
            ground: "court_order".into(),
            recorded: "2026-01-01T00:00:00.000Z".into(),
        };
        assert_eq!(last(&report).unwrap(), None);
        append(&report, &[one(7), one(9)]).unwrap();
        assert_eq!(last(&report).unwrap(), Some(9));
        let whole = std::fs::read(&report).unwrap();
        std::fs::write(&report, &whole[..whole.len() - 5]).unwrap();
        assert_eq!(last(&report).unwrap(), Some(7));
        append(&report, &[one(9)]).unwrap();
        assert_eq!(std::fs::read(&report).unwrap(), whole);
        std::fs::write(&report, "{}\n").unwrap();
        assert!(last(&report).is_err());
    }
}
