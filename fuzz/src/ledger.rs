//! The public files of a whole ledger, as `verify` and a mirror read them from whoever serves it.

use std::{
    collections::BTreeMap,
    io::{Cursor, Read},
    sync::LazyLock,
};

use onrecord_verify::{
    event::{Body, Digest, Position},
    log::{
        Checkpoint, Contradiction, Entry, Header, MemoryTree, SignedEntry, Words, decode_contents,
        encode_bundle, leaf_hash,
    },
    verify::{Options, Source, SourceError, Verdict, verify},
};

use super::{
    exhibit::signed,
    honest::{CHECKPOINTS, ENTRIES, LOG, ORIGIN},
    is_short, resigned,
};

/// The first byte says what is made good. The next two are the length of the entry bundle, which follows; the rest is the
/// content tile.
///
/// A ledger that is found valid holds entries that are each signed, numbered and chained, none dated before the one before,
/// under a root that the log's key signed; and its words are those that the entries commit to. The same is checked with the
/// checkpoint made anew from the bundle, which reaches the entries, and with each entry signed and chained anew, which
/// reaches the rules.
pub fn holds(bytes: &[u8]) -> bool {
    let Some((&[how, high, low], rest)) = bytes.split_first_chunk() else { return false };
    let (bundle, words) = rest.split_at(usize::from(u16::from_be_bytes([high, low])).min(rest.len()));
    let mut entries: Vec<Vec<u8>> = split(bundle).into_iter().map(<[u8]>::to_vec).collect();
    if how & 2 == 2 {
        chained_anew(&mut entries);
    }
    let tree: MemoryTree = entries.iter().map(|entry| leaf_hash(entry)).collect();
    let width = entries.len().min(255);
    let checkpoint = match how & 3 {
        0 => CHECKPOINTS[width.min(ENTRIES.len())].note().as_bytes().to_vec(),
        _ => signed(&ORIGIN, &tree).note().as_bytes().to_vec(),
    };
    let bundle = if how & 2 == 2 { encode_bundle(&entries).unwrap_or_default() } else { bundle.to_vec() };
    let hashes = entries.iter().flat_map(|entry| leaf_hash(entry).0).collect();
    let files = BTreeMap::from([
        ("checkpoint".to_owned(), checkpoint.clone()),
        (format!("tile/entries/000.p/{width}"), bundle),
        (format!("tile/0/000.p/{width}"), hashes),
        (format!("content/tile/000.p/{width}"), words.to_vec()),
    ]);
    let report = verify(&Files(files), Some(LOG.verifying_key()), &OPTIONS, &|_, _| ());
    report.faults.iter().for_each(|fault| is_short(&fault.what));
    if let Some(found) = &report.contradiction {
        Contradiction::prove(&serde_json::to_vec(found).unwrap()).unwrap();
    }
    if report.verdict == Verdict::Valid {
        let checkpoint = Checkpoint::open(&checkpoint, LOG.verifying_key()).unwrap();
        assert_eq!(
            (checkpoint.checkpoint().size(), checkpoint.checkpoint().root()),
            (tree.size(), tree.root())
        );
        is_true(&entries, words);
    }
    report.verdict == Verdict::Valid
}

static OPTIONS: LazyLock<Options> = LazyLock::new(|| Options { files: false, ..Options::default() });

/// The entries of a bundle, as far as its bytes make sense.
fn split(mut bundle: &[u8]) -> Vec<&[u8]> {
    let mut entries = Vec::new();
    while let Some((length, rest)) = bundle.split_first_chunk()
        && let Some((entry, rest)) = rest.split_at_checked(u16::from_be_bytes(*length).into())
    {
        entries.push(entry);
        bundle = rest;
    }
    entries
}

/// Signs each entry's event anew and names the entry before it, where that can be done.
fn chained_anew(entries: &mut [Vec<u8>]) {
    let mut prev = Digest([0; 32]);
    for (index, raw) in (0..).zip(entries) {
        if let Ok(entry) = Entry::parse(raw, &ORIGIN)
            && let Some(event) = resigned::event(entry.event(), &ORIGIN)
        {
            let header = Header { index, prev, ..entry.header().clone() };
            *raw = header.entry(&event).into_bytes();
        }
        prev = Digest::blake3(raw);
    }
}

/// Checks by its parts what must be true of a ledger that was found valid.
fn is_true(entries: &[Vec<u8>], words: &[u8]) {
    let parsed: Vec<SignedEntry> =
        entries.iter().map(|raw| Entry::parse(raw, &ORIGIN).unwrap().verify().unwrap()).collect();
    let mut threads: BTreeMap<_, u64> = BTreeMap::new();
    for (index, entry) in parsed.iter().enumerate() {
        let header = entry.header();
        let before = index.checked_sub(1).map(|i| &parsed[i]);
        assert_eq!(header.index, index as u64);
        assert_eq!(header.prev, before.map_or(Digest([0; 32]), |before| before.hash()));
        assert!(before.is_none_or(|before| before.header().time <= header.time));
        let next = threads.entry(header.thread).or_default();
        assert_eq!(header.k, *next, "threads are numbered without a gap");
        *next += 1;
    }
    if entries.is_empty() {
        // A ledger without entries may be valid, and has no tiles.
        return;
    }
    let words = decode_contents(words, entries.len() as u16).unwrap();
    for (entry, words) in parsed.iter().zip(words) {
        match (entry.event().content(), words) {
            (None, words) => assert_eq!(words, Words::None),
            (Some(content), Words::Present(words)) => assert!(content.matches(words)),
            (Some(_), Words::Withheld) => {
                let id = entry.event().id();
                let withholds = |other: &SignedEntry| match other.event().body() {
                    Body::ContentWithheld(b) => b.entry == id && b.blobs.contains(&Position::Content),
                    _ => false,
                };
                assert!(parsed.iter().any(withholds), "withheld by nobody");
            }
            (Some(_), Words::None) => panic!("words that are missing"),
        }
    }
}

struct Files(BTreeMap<String, Vec<u8>>);

impl Source for Files {
    fn open(&self, path: &str) -> Result<Option<Box<dyn Read + Send>>, SourceError> {
        Ok(self.0.get(path).map(|bytes| -> Box<dyn Read + Send> { Box::new(Cursor::new(bytes.clone())) }))
    }
    fn describe(&self) -> String {
        "fuzz".into()
    }
}
