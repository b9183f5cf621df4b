//! Files that go on record with words. Before anything is signed, the author is told that they will be public.

use std::{
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
};

use crate::{
    cli::{Failure, client::Client, refuse_secret_in, terminal},
    event::{Body, EventId, EventType},
};

/// How many bytes at the beginning of a file are looked at.
const HEAD: u64 = 1 << 16;
/// Extensions of files that spreadsheet programs write.
const TABLES: &[&str] = &["csv", "tsv", "tab", "xls", "xlsx", "xlsm", "xlsb", "ods", "fods", "numbers"];
/// How names of packed files end.
const PACKED: &[&str] = &[".gz", ".zip", ".bz2", ".xz", ".zst", ".7z"];

/// Whether an event stands beside signatures: it is about a collection, about a demand that carries one, or about a notice of
/// such a demand. `refs` are the events that it points at.
pub(in crate::cli) fn is_beside_signatures(
    client: &Client,
    event_type: EventType,
    refs: impl IntoIterator<Item = EventId>,
) -> Result<bool, Failure> {
    if of_collection(event_type) {
        return Ok(true);
    }
    // From a notice to its demand to the collection, and no further.
    let mut sought: Vec<(EventId, u8)> = refs.into_iter().map(|id| (id, 2)).collect();
    while let Some((id, left)) = sought.pop() {
        // An event that is not on record is refused elsewhere, with its flag.
        let Some(index) = client.index_of(&id)? else { continue };
        let event = client.event(index)?;
        if of_collection(event.event_type()) {
            return Ok(true);
        }
        let next = match event.body() {
            Body::DemandIssued(b) => b.collection,
            Body::NoticeDispatched(b) => b.demand,
            _ => None,
        };
        sought.extend(next.zip(left.checked_sub(1)));
    }
    Ok(false)
}

fn of_collection(event_type: EventType) -> bool {
    use EventType as T;
    matches!(event_type, T::CollectionOpened | T::CollectionCounted | T::CollectionClosed)
}

/// Says that files will be public. Beside signatures a table is refused without `public_file`: it may list who signed, and
/// signers are not named.
pub(in crate::cli) fn announce(
    beside_signatures: bool,
    files: &[PathBuf],
    public_file: bool,
) -> Result<(), Failure> {
    let Some(names) = files.iter().map(|f| f.display().to_string()).reduce(|a, b| format!("{a}, {b}")) else {
        return Ok(());
    };
    let may_list_signers = beside_signatures && !public_file;
    for file in files {
        let (shown, head) = (format!("--file {}", file.display()), head_of(file)?);
        if may_list_signers && is_table(file, &head) {
            return Err(Failure::Usage(format!(
                "{shown}: this is a table, and all can read it for ever. If it lists who signed, leave it out; if it does not, \
                 give --public-file"
            )));
        }
        refuse_secret_in(&shown, &head)?;
    }
    terminal::note(&format!("These files will be public for ever unless withheld: {names}"));
    Ok(())
}

/// Whether a file is a spreadsheet or a list, by its name or by how it begins; also one that was packed.
fn is_table(path: &Path, head: &[u8]) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    if is_named_as_table(&name) || begins_as_table(head) {
        return true;
    }
    if head.starts_with(b"\x1f\x8b") {
        let mut unpacked = Vec::new();
        // The head may end in the middle of the packed data, which is an error; what was unpacked before it is enough.
        let _ = flate2::read::MultiGzDecoder::new(head).take(HEAD).read_to_end(&mut unpacked);
        return begins_as_table(&unpacked);
    }
    members(head).any(|name| is_named_as_table(&name))
}

/// Whether a name is that of a table. Blanks and dots at its end, and an ending of packed files, are ignored.
fn is_named_as_table(name: &str) -> bool {
    let name = name.trim_end_matches(|c: char| c == '.' || c.is_whitespace()).to_ascii_lowercase();
    let name = PACKED.iter().find_map(|e| name.strip_suffix(e)).unwrap_or(&name);
    name.trim_end().rsplit_once('.').is_some_and(|(_, extension)| TABLES.contains(&extension))
}

/// The names of those members of a zip file that begin within `head`.
fn members(head: &[u8]) -> impl Iterator<Item = String> {
    let is_zip = head.starts_with(b"PK\x03\x04");
    let starts = head.windows(4).enumerate().filter(move |(_, w)| is_zip && *w == b"PK\x03\x04");
    starts.filter_map(|(at, _)| {
        let length = head.get(at + 26..at + 28)?;
        let length = u16::from_le_bytes([length[0], length[1]]);
        let name = head.get(at + 30..at + 30 + usize::from(length))?;
        Some(String::from_utf8_lossy(name).into_owned())
    })
}

/// The first [`HEAD`] bytes of a file.
fn head_of(path: &Path) -> Result<Vec<u8>, Failure> {
    let failed = |e: std::io::Error| Failure::Usage(format!("--file {}: {e}", path.display()));
    let mut head = Vec::new();
    File::open(path).map_err(failed)?.take(HEAD).read_to_end(&mut head).map_err(failed)?;
    Ok(head)
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
    // In a table each of the first lines has the same number of one separator; in prose they don't.
    let mut lines: Vec<&str> = text.lines().filter(|l| !l.trim().is_empty()).take(21).collect();
    if head.len() as u64 == HEAD {
        // The last one may be cut.
        lines.pop();
    }
    // A list of mail addresses has no separators.
    if lines.len() > 1 && lines.iter().all(|line| line.contains('@') && !line.trim().contains(' ')) {
        return true;
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
    fn a_table_is_known_by_its_name_however_it_is_packed() {
        for name in
            ["w.csv", "W.CSV ", "w.csv.", "w.csv.gz", "w.xlsx.zip", "w.tsv\u{a0}", "w.csv .gz", "a.b.ods"]
        {
            assert!(is_table(Path::new(name), b""), "{name}");
        }
        for name in ["csv", "w.txt", "w.csv.pdf", "w.gz", "letter.zip"] {
            assert!(!is_table(Path::new(name), b""), "{name}");
        }
        let gzip = |text: &[u8]| {
            let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            std::io::Write::write_all(&mut packed, text).unwrap();
            packed.finish().unwrap()
        };
        let packed = gzip(b"name,mail\nA,a@example.org\nB,b@example.org\n");
        assert!(is_table(Path::new("w"), &packed));
        assert!(is_table(Path::new("w"), &packed[..packed.len() - 8]), "cut");
        assert!(!is_table(Path::new("w"), &gzip(b"Dear Sir,\nwe ask.")));
        let zip = |name: &str| {
            let mut zip = b"PK\x03\x04".to_vec();
            zip.extend([0; 22]);
            zip.extend((name.len() as u16).to_le_bytes());
            zip.extend([0; 2]);
            zip.extend(name.bytes());
            zip
        };
        assert!(is_table(Path::new("w"), &[zip("a.pdf"), zip("lists/w.csv")].concat()));
        assert!(!is_table(Path::new("w"), &zip("a.pdf")));
        assert!(!is_table(Path::new("w"), &zip("w.csv")[..33]), "cut");
    }

    #[test]
    fn tables_are_known_by_how_they_begin() {
        for table in [
            &b"name,mail\nA,a@example.org\nB,b@example.org\n"[..],
            b"name;mail\r\nA;a\r\n",
            b"a\tb\nc\td",
            b"a@example.org\nb@example.org\n",
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
