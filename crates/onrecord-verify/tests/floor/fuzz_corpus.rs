//! Checks the fuzz targets' properties on their corpora with the stable compiler, so that what a fuzzer once found is found
//! again by each run of the tests.
//!
//! `SEED_CORPUS=1 cargo test -p onrecord-verify --test floor fuzz_corpus` writes the seeds beside what is kept; CONTRIBUTING.md says how to fuzz.

#[path = "../../../../fuzz/src/lib.rs"]
mod properties;

use std::{
    collections::BTreeSet,
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

use onrecord_verify::event::{Digest, EventType};
use properties::{PROPERTIES, seeds::seeds};

/// Targets whose properties stand elsewhere, beside their parsers: `src/store/recovery.rs`,
/// `src/serve/graphql/{tokens,json}.rs`.
const ELSEWHERE: &[&str] = &["document", "journal", "json"];
/// The most files of a corpus, and their bytes.
const MOST: (usize, usize) = (60, 120_000);

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

fn names(dir: &Path) -> BTreeSet<String> {
    let stem = |path: PathBuf| path.file_stem().unwrap().to_str().unwrap().to_owned();
    fs::read_dir(dir).unwrap().map(|entry| stem(entry.unwrap().path())).collect()
}

/// Every file of a corpus.
fn corpus(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let files = fs::read_dir(fuzz().join("corpus").join(target)).unwrap();
    let paths = files.map(|entry| entry.unwrap().path());
    paths.map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

#[test]
fn every_target_has_a_corpus_and_a_property_and_the_other_way_round() {
    let targets = names(&fuzz().join("fuzz_targets"));
    assert_eq!(targets, names(&fuzz().join("corpus")));
    let held: BTreeSet<String> = PROPERTIES
        .iter()
        .map(|(name, _)| *name)
        .chain(ELSEWHERE.iter().copied())
        .map(str::to_owned)
        .collect();
    assert_eq!(targets, held);
    for target in targets {
        let files = corpus(&target);
        let bytes: usize = files.iter().map(|(_, bytes)| bytes.len()).sum();
        assert!(
            !files.is_empty() && files.len() <= MOST.0 && bytes <= MOST.1,
            "{target}: {} files, {bytes}",
            files.len()
        );
    }
}

#[test]
fn the_dictionary_has_a_word_a_line_and_every_event_type() {
    let dictionary = fs::read_to_string(fuzz().join("onrecord.dict")).unwrap();
    let words: BTreeSet<&str> =
        dictionary.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    assert!(words.iter().all(|word| word.len() > 2 && word.starts_with('"') && word.ends_with('"')));
    for event_type in EventType::ALL {
        let word = format!("\"\\x22{event_type}\\x22\"");
        assert!(words.contains(word.as_str()), "{word}");
    }
}

#[test]
fn what_must_hold_of_a_parser_holds_on_its_corpus() {
    for (target, holds) in PROPERTIES.iter().copied() {
        let mut read = 0;
        for (path, bytes) in corpus(target) {
            let held = catch_unwind(AssertUnwindSafe(|| holds(&bytes)));
            read += usize::from(held.unwrap_or_else(|_| panic!("{}", path.display())));
        }
        assert!(read > 0, "nothing in the corpus of {target} is read");
    }
}

#[test]
fn what_must_hold_of_a_parser_holds_on_the_seeds() {
    for (target, bytes) in seeds() {
        if let Some((_, holds)) = PROPERTIES.iter().find(|(name, _)| *name == target) {
            holds(&bytes);
        }
        if std::env::var_os("SEED_CORPUS").is_some() {
            let dir = fuzz().join("corpus").join(target);
            fs::create_dir_all(&dir).unwrap();
            fs::write(dir.join(format!("seed-{:.12}", Digest::blake3(&bytes).to_string())), bytes).unwrap();
        }
    }
}
