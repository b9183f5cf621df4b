//! Files that go on record with words: who may read them is said before anything is signed.

use std::{
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
};

use crate::{
    cli::{Failure, terminal},
    event::EventType,
};

/// How much of a file is looked at.
const HEAD: u64 = 1 << 16;
/// Names of files that programs for tables write.
const TABLES: &[&str] = &["csv", "tsv", "tab", "xls", "xlsx", "xlsm", "xlsb", "ods", "fods", "numbers"];

/// Says that files will be public. One that may list people needs a flag beside a collection, whose signers are not named.
pub(in crate::cli) fn announce(
    event_type: EventType,
    files: &[PathBuf],
    public_file: bool,
) -> Result<(), Failure> {
    use EventType as T;
    let Some(names) = files.iter().map(|f| f.display().to_string()).reduce(|a, b| format!("{a}, {b}")) else {
        return Ok(());
    };
    if !public_file && matches!(event_type, T::CollectionOpened | T::CollectionCounted | T::CollectionClosed)
    {
        for file in files {
            if is_table(file)? {
                return Err(Failure::Usage(format!(
                    "--file {}: this is a table, and all can read it for ever. If it lists who signed, leave it out; if it does \
                     not, give --public-file",
                    file.display()
                )));
            }
        }
    }
    terminal::note(&format!("These files will be public for ever unless withheld: {names}"));
    Ok(())
}

/// Whether a file is a spreadsheet or a list, by its name or by how it begins.
fn is_table(path: &Path) -> Result<bool, Failure> {
    let extension = path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase());
    if extension.is_some_and(|e| TABLES.contains(&e.as_str())) {
        return Ok(true);
    }
    let failed = |e: std::io::Error| Failure::Usage(format!("--file {}: {e}", path.display()));
    let mut head = Vec::new();
    File::open(path).map_err(failed)?.take(HEAD).read_to_end(&mut head).map_err(failed)?;
    Ok(begins_as_table(&head))
}

/// Whether bytes begin as a workbook or as lines of values.
fn begins_as_table(head: &[u8]) -> bool {
    let holds = |sought: &[u8]| head.windows(sought.len()).any(|w| w == sought);
    if head.starts_with(b"PK\x03\x04") {
        return holds(b"xl/") || holds(b"opendocument.spreadsheet");
    }
    // The container of older office programs, in which names of parts stand as UTF-16.
    if head.starts_with(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1") {
        return holds(b"W\0o\0r\0k\0b\0o\0o\0k\0") || holds(b"B\0o\0o\0k\0");
    }
    let text = String::from_utf8_lossy(head);
    if text.contains("opendocument.spreadsheet")
        || text.contains("urn:schemas-microsoft-com:office:spreadsheet")
    {
        return true;
    }
    // As many of one mark on each of the first lines, which prose does not have.
    let mut lines: Vec<&str> = text.lines().filter(|l| !l.trim().is_empty()).take(21).collect();
    if head.len() as u64 == HEAD {
        // The last one may be cut.
        lines.pop();
    }
    [',', ';', '\t', '|'].into_iter().any(|mark| {
        let mut counts = lines.iter().map(|line| line.matches(mark).count());
        let first = counts.next().unwrap_or_default();
        first > 0 && lines.len() > 1 && counts.all(|n| n == first)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_known_by_how_they_begin() {
        for table in [
            &b"name,mail\nA,a@example.org\nB,b@example.org\n"[..],
            b"name;mail\r\nA;a\r\n",
            b"a\tb\nc\td",
            b"PK\x03\x04....[Content_Types].xml....xl/workbook.xml",
            b"PK\x03\x04....mimetypeapplication/vnd.oasis.opendocument.spreadsheet",
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1....W\0o\0r\0k\0b\0o\0o\0k\0",
        ] {
            assert!(begins_as_table(table), "{}", String::from_utf8_lossy(table));
        }
        for other in [
            &b""[..],
            b"one, line",
            b"Dear Sir, we write,\nas we said, to ask.\nYours",
            b"%PDF-1.7\n%....\n",
            b"PK\x03\x04....word/document.xml",
        ] {
            assert!(!begins_as_table(other), "{}", String::from_utf8_lossy(other));
        }
    }
}
