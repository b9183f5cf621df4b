//! A folder that is damaged, or of which a part went back to an older state, is made whole again from other copies. A copy that
//! lies is not believed, and what the log withholds does not come back.

use std::{
    collections::BTreeMap,
    fs,
    io::{Read, Write as _},
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::Duration,
};

use crate::program::{Program, run};
use crate::support::*;
use crate::world::{Folder, World};
use onrecord::{
    event::{Digest, EventId},
    ledger::{Ledger, Submission},
    log::{Checkpoint, Fork},
    ops::{self, OpsError, Repair},
    verify::{FolderSource, HttpSource, Source, SourceError},
};
use serde_json::{Value, json};

const FILE: &[u8] = b"isi lampiran yang ditangkap";

fn release(story: &Story, id: EventId, words: Option<Vec<u8>>) -> (EventId, Submission) {
    let facts = json!({"ground": "order_lifted", "blobs": ["content"]});
    let (act, said) =
        say("content.released", Some(story.case), json!({"entry": id}), facts, None).sign(&[&operator()]);
    (act, Submission { restored: words, ..said })
}

/// Every file of `public/` by its name, without partial tiles of smaller sizes.
fn public_of(dir: &Path, size: u64) -> BTreeMap<String, Vec<u8>> {
    let root = dir.join("public");
    let mut found = BTreeMap::new();
    let mut folders = if root.exists() { vec![root.clone()] } else { Vec::new() };
    let tiles: Vec<String> = onrecord::log::tiles_of(size).map(|path| path.to_string()).collect();
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()) {
            let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
            if path.is_dir() {
                folders.push(path);
            } else if !name.contains(".p/") || tiles.contains(&name) {
                found.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    found
}

fn size_of(dir: &Path) -> u64 {
    let bytes = fs::read(dir.join("public/checkpoint")).unwrap();
    Checkpoint::open(&bytes, key(ORIGIN, 1).verifying_key()).unwrap().checkpoint().size()
}

fn folder(dir: &Path) -> Arc<dyn Source + Send> {
    Arc::new(FolderSource::open(dir).unwrap())
}

fn repair(dir: &Path, sources: &[Arc<dyn Source + Send>]) -> Repair {
    ops::repair(dir, sources, &|_, _| {}).unwrap()
}

/// Repairs a folder, holds that it is then as `as_in`, and opens it.
fn mends(dir: &Path, sources: &[Arc<dyn Source + Send>], as_in: &Path, what: &str) -> Repair {
    let done = repair(dir, sources);
    assert!(done.is_sound(), "{what}: {done}");
    let size = size_of(as_in);
    let (found, expected) = (public_of(dir, size), public_of(as_in, size));
    assert!(found.keys().eq(expected.keys()), "{what}: {:?}, not {:?}", found.keys(), expected.keys());
    assert!(found == expected, "{what}");
    let again = repair(dir, sources);
    assert!(again.mended.is_empty() && again.removed.is_empty() && again.is_sound(), "{what}: {again}");
    let ledger = Ledger::open(dir, onrecord::ledger::Options::default());
    let ledger = ledger.unwrap_or_else(|e| panic!("{what}: {e}"));
    assert_eq!(ledger.reader().checkpoint().checkpoint().size(), size, "{what}");
    ledger.close();
    done
}

fn remove(path: &Path) {
    if path.is_dir() { fs::remove_dir_all(path).unwrap() } else { fs::remove_file(path).unwrap() }
}

fn flip(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).unwrap();
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A copy of the folder that `change` has damaged.
fn damaged(whole: &Folder<Story>, change: &dyn Fn(&Path)) -> PathBuf {
    let dir = whole.at("damaged");
    if dir.exists() {
        fs::remove_dir_all(&dir).unwrap();
    }
    copy(&whole.dir, &dir);
    let secret = dir.join("keys/checkpoint.key");
    fs::set_permissions(secret, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    change(&dir);
    dir
}

/// A ledger of 95 entries, a backup from when it had 90, and a mirror with all 95 that is served.
fn went_back() -> (Folder<Story>, Program) {
    let whole = World::small().close();
    whole.with(|ledger| {
        let file = upload(ledger, "lampiran.txt", FILE);
        record(ledger, captured(&whole.story, "lampiran", &[file]));
        statements(ledger, &whole.story, 84);
    });
    ops::backup(&whole.dir, &whole.at("backup"), false).unwrap();
    whole.with(|ledger| {
        let (id, _) = record(ledger, statement(&whole.story, "kenyataan sulit"));
        let old = ledger.reader().parsed(20).unwrap().unwrap().event().id();
        record(ledger, withhold(Some(whole.story.case), id, "court_order", &["content"]));
        record(ledger, withhold(Some(whole.story.case), old, "court_order", &["content"]));
        let file = upload(ledger, "lewat.txt", b"lampiran yang lewat");
        record(ledger, captured(&whole.story, "lewat", &[file]));
        statements(ledger, &whole.story, 1);
    });
    assert_eq!((size_of(&whole.at("backup")), size_of(&whole.dir)), (90, 95));
    let served = mirror_of(&whole);
    (whole, served)
}

/// A mirror with all of the ledger, which is served.
fn mirror_of(whole: &Folder<Story>) -> Program {
    let key = key(ORIGIN, 1).verifying_key().to_string();
    let (from, to) = (whole.dir.join("public"), whole.at("mirror"));
    let (code, said) = run(&["mirror", path(&from), "--key", &key, "--data", path(&to), "--once"]);
    assert_eq!(code, Some(0), "{said}");
    Program::mirror(path(&from), &key, &to, &whole.at("mirror.log"))
}

fn address(served: &Program) -> String {
    format!("http://{}", served.address)
}

fn at(served: &Program) -> Arc<dyn Source + Send> {
    Arc::new(HttpSource::new(&address(served)).unwrap())
}

#[test]
fn a_folder_of_which_a_part_went_back_is_made_whole_from_a_mirror() {
    let (whole, mirror) = went_back();
    let public_of_backup = |dir: &Path| {
        remove(&dir.join("public"));
        copy(&whole.at("backup/public"), &dir.join("public"));
    };
    type Change<'a> = (&'a str, &'a dyn Fn(&Path));
    let changes: &[Change<'_>] = &[
        ("public/ of a backup", &public_of_backup),
        ("no checkpoint", &|dir| remove(&dir.join("public/checkpoint"))),
        ("no public/", &|dir| remove(&dir.join("public"))),
        ("neither public/ nor index", &|dir| {
            remove(&dir.join("public"));
            remove(&dir.join("index"));
        }),
        ("a file that the log withholds since", &|dir| {
            public_of_backup(dir);
            remove(&dir.join("index"));
        }),
    ];
    for (what, change) in changes {
        let dir = damaged(&whole, change);
        assert!(Ledger::open(&dir, onrecord::ledger::Options::default()).is_err(), "{what}");
        let done = mends(&dir, &[at(&mirror)], &whole.dir, what);
        assert!(!done.mended.is_empty() && done.size == 95, "{what}: {done}");
        if what.starts_with("public/ of") {
            let text = done.to_string();
            let line = format!("mended: tile/entries/000.p/95, from {} and this folder", address(&mirror));
            assert!(text.contains(&line), "{text}");
            assert!(text.contains("removed: entry 20's words, which the log withholds"), "{text}");
            assert!(text.ends_with("sound\n"), "{text}");
        }
    }
    // The command does the same, and answers in JSON.
    let dir = damaged(&whole, &public_of_backup);
    let (code, refused) = run(&["fsck", "--data", path(&dir)]);
    assert!(code == Some(1) && refused.contains("onrecord repair --data"), "{refused}");
    let from = address(&mirror);
    let (code, said) = run(&["repair", "--data", path(&dir), "--from", &from, "--json"]);
    let said: Value = serde_json::from_str(&said).unwrap_or_else(|e| panic!("{e}: {said}"));
    assert_eq!((code, said["size"].as_u64()), (Some(0), Some(95)), "{said}");
    assert!(said["mended"].as_array().is_some_and(|mended| !mended.is_empty()), "{said}");
    let (code, said) = run(&["repair", "--data", path(&dir), "--from", path(&whole.at("backup"))]);
    assert!(code == Some(0) && said.starts_with("nothing had to be mended\n"), "{said}");
    // A folder that is being served is left alone.
    let _served = Program::logged(&dir, &[], &whole.at("log"));
    let (code, said) = run(&["repair", "--data", path(&dir), "--from", &from]);
    assert!(code != Some(0) && said.contains("open in another process"), "{said}");
    let (code, said) = run(&["repair", "--data", path(&whole.at("mirror")), "--from", &from]);
    assert!(code == Some(1) && said.contains("is a mirror"), "{said}");
}

#[test]
fn what_no_copy_has_is_named_and_nothing_else_is_lost() {
    let (whole, mirror) = went_back();
    drop(mirror);
    // A backup alone lacks the last acknowledged entries.
    let dir = damaged(&whole, &|dir| remove(&dir.join("public")));
    let done = repair(&dir, &[folder(&whole.at("backup"))]);
    assert!(!done.is_sound());
    let said = "missing: entries 90 to 94, of 95 that were acknowledged: no source has it";
    assert!(done.to_string().contains(said), "{done}");
    assert!(!dir.join("public/checkpoint").exists(), "what is not whole has no checkpoint");
    assert!(Ledger::open(&dir, onrecord::ledger::Options::default()).is_err());
    let done = repair(&dir, &[folder(&whole.at("backup")), folder(&whole.dir)]);
    assert!(done.is_sound(), "{done}");
    // Words and a file that no copy has.
    let dir = damaged(&whole, &|dir| {
        let mut bytes = fs::read(dir.join("public/content/tile/000.p/95")).unwrap();
        let sought = b"kenyataan 7 84";
        let at = bytes.windows(sought.len()).position(|w| w == sought).unwrap();
        bytes[at] ^= 1;
        fs::write(dir.join("public/content/tile/000.p/95"), bytes).unwrap();
        for name in fs::read_dir(dir.join("public/content/tile/000.p")).unwrap() {
            let path = name.unwrap().path();
            if !path.ends_with("95") {
                fs::remove_file(path).unwrap();
            }
        }
        remove(&dir.join(format!("public/file/{}", Digest::blake3(FILE))));
    });
    let poor = whole.at("poor");
    copy(&dir.join("public"), &poor);
    let (code, said) = run(&["repair", "--data", path(&dir), "--from", path(&poor)]);
    let file =
        format!("missing: file {}, which the words of entry 5 name: no source has it", Digest::blake3(FILE));
    assert!(code == Some(1) && said.contains(&file), "{said}");
    assert!(said.contains("missing: entry 13's words: no source has it"), "{said}");
    assert_eq!(said.matches("\nmissing: ").count(), 2, "{said}");
    assert!(!said.contains("mended: "), "what rotted stays as it is: {said}");
    mends(&dir, &[folder(&poor), folder(&whole.dir)], &whole.dir, "from one that has it");
}

/// A ledger with full tiles of every kind and files, words withheld, and words given back since; and a mirror of it.
fn rich() -> (Folder<Story>, Program) {
    let whole = World::small().close();
    whole.with(|ledger| {
        let file = upload(ledger, "lampiran.txt", FILE);
        record(ledger, captured(&whole.story, "lampiran", &[file]));
        let held = upload(ledger, "sulit.txt", b"isi sulit");
        let (id, _) = record(ledger, captured(&whole.story, "sulit", &[held]));
        let given_back = statement(&whole.story, "kenyataan yang dipulangkan");
        let words = given_back.1.content.clone();
        let (back, _) = record(ledger, given_back);
        let (gone, _) = record(ledger, statement(&whole.story, "kenyataan yang ditahan"));
        statements(ledger, &whole.story, 300);
        record(ledger, withhold(Some(whole.story.case), back, "court_order", &["content"]));
        assert!(ledger.wait_published(Duration::from_secs(20)));
        ops::backup(&whole.dir, &whole.at("backup"), false).unwrap();
        record(ledger, withhold(Some(whole.story.case), gone, "court_order", &["content"]));
        record(ledger, withhold(Some(whole.story.case), id, "court_order", &["files/0"]));
        record(ledger, release(&whole.story, back, words));
        statements(ledger, &whole.story, 250);
    });
    let served = mirror_of(&whole);
    (whole, served)
}

#[test]
fn a_bit_that_flipped_in_any_full_tile_or_file_is_mended_from_a_mirror() {
    let (whole, mirror) = rich();
    let file = format!("file/{}", Digest::blake3(FILE));
    for name in ["tile/entries/001", "tile/0/000", "content/tile/000", "tile/1/000.p/2", "checkpoint", &file]
    {
        let dir = damaged(&whole, &|dir| flip(&dir.join("public").join(name)));
        let done = mends(&dir, &[at(&mirror)], &whole.dir, name);
        let names: Vec<&str> = done.mended.iter().map(|mended| mended.name.as_str()).collect();
        assert_eq!(names, [name], "{done}");
    }
    // Damage while the folder is served: a bad file is never given, is reported, and can be mended.
    let dir = damaged(&whole, &|_| {});
    let served = Program::logged(&dir, &[], &whole.at("log"));
    let names = ["tile/entries/001", "tile/0/000", "content/tile/000", &file];
    for name in names {
        flip(&dir.join("public").join(name));
        let answer = http(&served, name);
        assert!(answer.starts_with("HTTP/1.1 500"), "{name}: {answer}");
    }
    let (code, said) = run(&["ready", "--ledger", &address(&served)]);
    assert!(
        code == Some(0) && said.starts_with("ready, but not all is served: ") && said.contains("is damaged"),
        "{said}"
    );
    drop(served);
    let (code, said) = run(&["repair", "--data", path(&dir), "--from", &address(&mirror)]);
    assert_eq!(code, Some(0), "{said}");
    for name in names {
        assert!(said.contains(&format!("mended: {name}, from ")), "{said}");
    }
    mends(&dir, &[at(&mirror)], &whole.dir, "after it");
}

fn http(served: &Program, name: &str) -> String {
    let mut stream = std::net::TcpStream::connect(served.address).unwrap();
    write!(stream, "GET /{name} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn entries_come_one_by_one_from_whoever_has_them() {
    let (whole, mirror) = rich();
    let copies = [whole.at("one"), whole.at("two")];
    let spoil = |file: &Path, sought: &[u8]| {
        let mut bytes = fs::read(file).unwrap();
        let at = bytes.windows(sought.len()).position(|w| w == sought).unwrap();
        bytes[at + 6] ^= 1;
        fs::write(file, bytes).unwrap();
    };
    // Each copy is damaged at another place.
    for (copy_of, at) in copies.iter().zip(["index 300\n", "index 301\n"]) {
        copy(&whole.dir.join("public"), copy_of);
        spoil(&copy_of.join("tile/entries/001"), at.as_bytes());
    }
    let dir = damaged(&whole, &|dir| {
        let bundle = dir.join("public/tile/entries/001");
        for at in [300, 301, 400] {
            spoil(&bundle, format!("index {at}\n").as_bytes());
        }
        // Partial tiles of smaller sizes hold these entries too, so they are removed.
        remove(&dir.join("public/tile/entries/001.p"));
        remove(&dir.join("public/tile/entries/000.p"));
    });
    let before = public_of(&dir, size_of(&whole.dir));
    let done = repair(&dir, &[folder(&copies[0])]);
    assert_eq!(done.missing, ["entry 300"], "{done}");
    assert_eq!(public_of(&dir, size_of(&whole.dir)), before);
    let done = mends(&dir, &[folder(&copies[0]), folder(&copies[1])], &whole.dir, "of two");
    assert_eq!(done.mended.len(), 1, "{done}");
    assert_eq!(done.mended[0].from.len(), 3, "{done}");
    // A whole missing bundle is reported in one line.
    let dir = damaged(&whole, &|dir| {
        remove(&dir.join("public/tile/entries/000"));
        remove(&dir.join("public/tile/entries/000.p"));
    });
    remove(&copies[0].join("tile/entries/000"));
    let done = repair(&dir, &[folder(&copies[0])]);
    assert_eq!(done.missing, ["entries 0 to 255"], "{done}");
    mends(&dir, &[at(&mirror)], &whole.dir, "of the mirror");
}

#[test]
fn what_the_log_withholds_does_not_come_back_and_what_it_gave_back_does() {
    let (whole, mirror) = rich();
    // An older backup has words that were withheld since, and lacks words that were given back.
    let backup = folder(&whole.at("backup"));
    let withheld_file = format!("public/file/{}", Digest::blake3(b"isi sulit"));
    let has = |dir: &Path, words: &str| {
        let tile = fs::read(dir.join("public/content/tile/000")).unwrap();
        tile.windows(words.len()).any(|window| window == words.as_bytes())
    };
    assert!(has(&whole.at("backup"), "kenyataan yang ditahan"));
    assert!(whole.at("backup").join(&withheld_file).exists());
    for sources in [vec![backup.clone(), at(&mirror)], vec![at(&mirror), backup.clone()]] {
        for change in ["content/tile", "no public/", "of the backup"] {
            let dir = damaged(&whole, &|dir| match change {
                "content/tile" => remove(&dir.join("public/content/tile/000")),
                "no public/" => remove(&dir.join("public")),
                _ => {
                    remove(&dir.join("public"));
                    copy(&whole.at("backup/public"), &dir.join("public"));
                }
            });
            let done = mends(&dir, &sources, &whole.dir, change);
            assert!(
                has(&dir, "kenyataan yang dipulangkan") && !has(&dir, "kenyataan yang ditahan"),
                "{done}"
            );
            assert!(!dir.join(&withheld_file).exists(), "{done}");
        }
    }
}

/// A source that gives a folder's files, and lies in the way `how`.
struct Liar {
    of: FolderSource,
    how: &'static str,
}

impl Source for Liar {
    fn open(&self, path: &str) -> Result<Option<Box<dyn Read + Send>>, SourceError> {
        let is_checkpoint = path == "checkpoint";
        let Some(mut bytes) = self.of.get(path, 1 << 26)? else { return Ok(None) };
        match self.how {
            "endless" if !is_checkpoint => return Ok(Some(Box::new(std::io::repeat(7)))),
            "endless from the first" => return Ok(Some(Box::new(std::io::repeat(7)))),
            "flipped" if !is_checkpoint => bytes.iter_mut().for_each(|byte| *byte ^= 1),
            "cut" if !is_checkpoint => bytes.truncate(bytes.len() / 2),
            "fails" if !is_checkpoint => {
                return Err(SourceError::Io { path: path.to_owned(), cause: "no".to_owned() });
            }
            _ => {}
        }
        Ok(Some(Box::new(std::io::Cursor::new(bytes))))
    }
    fn describe(&self) -> String {
        format!("liar: {}", self.how)
    }
}

#[test]
fn a_source_that_lies_changes_nothing_and_is_told() {
    let (whole, mirror) = went_back();
    let liar = |how| -> Arc<dyn Source + Send> {
        Arc::new(Liar { of: FolderSource::open(&whole.dir).unwrap(), how })
    };
    let broken = |dir: &Path| {
        remove(&dir.join("public"));
        copy(&whole.at("backup/public"), &dir.join("public"));
    };
    for how in ["endless", "flipped", "cut", "fails"] {
        // Alone the liar brings nothing. Beside another source it does no harm.
        let dir = damaged(&whole, &broken);
        let before = public_of(&dir, 90);
        let done = repair(&dir, &[liar(how)]);
        assert!(!done.is_sound() && done.to_string().contains("entries 90 to 94"), "{how}: {done}");
        assert_eq!(public_of(&dir, 90), before, "{how}");
        let done = mends(&dir, &[liar(how), at(&mirror)], &whole.dir, how);
        assert!(done.troubles.iter().any(|t| t.source.starts_with("liar")), "{how}: {done}");
    }
    let dir = damaged(&whole, &broken);
    let refused = ops::repair(&dir, &[liar("endless from the first")], &|_, _| {}).unwrap_err();
    assert!(matches!(&refused, OpsError::Unreachable(why) if why.contains("longer than")), "{refused}");
    // A source that has fewer entries than the folder.
    let dir = damaged(&whole, &|dir| flip(&dir.join("public/tile/0/000.p/95")));
    let done = mends(&dir, &[folder(&whole.at("backup"))], &whole.dir, "shorter");
    assert_eq!(done.mended.len(), 1, "made of what lies here: {done}");
    let (code, said) = run(&["repair", "--data", path(&dir), "--from", "http://127.0.0.1:1"]);
    assert_eq!(code, Some(3), "{said}");
}

#[test]
fn another_history_is_refused_with_the_proof_and_nothing_is_changed() {
    let (whole, mirror) = went_back();
    // Other histories that are smaller, equal and larger, all signed by the log's key.
    for n in [50, 90, 120] {
        let other = World::small().close();
        other.with(|ledger| statements(ledger, &other.story, n));
        for change in ["nothing", "no public/", "of the backup"] {
            let dir = damaged(&whole, &|dir| match change {
                "nothing" => {}
                "no public/" => remove(&dir.join("public")),
                _ => {
                    remove(&dir.join("public"));
                    copy(&whole.at("backup/public"), &dir.join("public"));
                }
            });
            let before = public_of(&dir, 95);
            for sources in [vec![folder(&other.dir)], vec![folder(&other.dir), at(&mirror)]] {
                if (n, change, sources.len()) == (50, "no public/", 1) {
                    // Nothing in the folder shows that it is another history. It only knows that entries are missing.
                    let done = repair(&dir, &sources);
                    assert!(
                        done.to_string().contains("entries 55 to 94") && public_of(&dir, 95).is_empty(),
                        "{done}"
                    );
                    continue;
                }
                let refused = ops::repair(&dir, &sources, &|_, _| {}).unwrap_err().to_string();
                assert!(
                    refused.contains("two histories") || refused.contains("another history"),
                    "{refused}"
                );
                assert!(refused.contains("Nothing was changed"), "{refused}");
                assert_eq!(public_of(&dir, 95), before, "{n} {change}");
                assert!(
                    Fork::prove(&fs::read(dir.join("fork.json")).unwrap()).is_ok(),
                    "{n} {change}: {refused}"
                );
                fs::remove_file(dir.join("fork.json")).unwrap();
            }
        }
    }
    // A checkpoint with a signature that is not good.
    let foreign = tempfile::tempdir().unwrap();
    copy(&whole.dir.join("public"), foreign.path());
    let text = fs::read_to_string(foreign.path().join("checkpoint")).unwrap();
    let signed = text.rfind(' ').unwrap();
    let mut forged = text.into_bytes();
    forged[signed + 20] ^= 1;
    fs::write(foreign.path().join("checkpoint"), forged).unwrap();
    let refused = ops::repair(&whole.dir, &[folder(foreign.path())], &|_, _| {}).unwrap_err();
    assert!(matches!(refused, OpsError::Unreachable(_)), "{refused}");
}

#[test]
fn an_entry_under_a_signed_root_that_breaks_a_rule_is_not_taken() {
    let whole = World::small().close();
    let before = whole.at("before");
    copy(&whole.dir, &before);
    whole.with(|ledger| statements(ledger, &whole.story, 1));
    let public = whole.dir.join("public");
    spoil_last(&public, 6);
    let held = public_of(&before, 6);
    let (code, said) = run(&["repair", "--data", path(&before), "--from", path(&public)]);
    assert!(
        code == Some(1) && said.contains("REFUSED  entry 5: ") && said.contains("BAD_SIGNATURE"),
        "{said}"
    );
    assert_eq!(public_of(&before, 6), held);
}

#[test]
fn what_is_in_the_journal_alone_stays() {
    let whole = World::small().close();
    whole.with(|ledger| statements(ledger, &whole.story, 20));
    ops::backup(&whole.dir, &whole.at("backup"), false).unwrap();
    // These are acknowledged and published here. The damaged copy has them in its journal alone.
    let ledger = open(&whole.dir);
    statements(&ledger, &whole.story, 3);
    assert!(ledger.wait_published(Duration::from_secs(20)));
    let dir = damaged(&whole, &|dir| remove(&dir.join("public")));
    ledger.close();
    let done = repair(&dir, &[folder(&whole.at("backup"))]);
    assert!(done.is_sound() && done.to_string().contains("3 of them not published yet"), "{done}");
    assert_eq!((size_of(&dir), done.fsck.size), (25, 28));
    let behind = damaged(&whole, &|dir| {
        remove(&dir.join("public"));
        copy(&whole.at("backup/public"), &dir.join("public"));
        flip(&dir.join("public/tile/0/000.p/25"));
    });
    let done = repair(&behind, &[folder(&whole.at("backup"))]);
    assert!(done.is_sound() && done.mended.len() == 1, "{done}");
    assert_eq!((size_of(&behind), done.fsck.size), (25, 28), "the next start publishes it");
    let ledger = open(&dir);
    assert_eq!(ledger.reader().checkpoint().checkpoint().size(), 28);
    ledger.close();
}

#[test]
fn a_journal_that_rotted_is_begun_anew_once_all_that_was_acknowledged_is_in_tiles() {
    let whole = World::small().close();
    let ledger = open(&whole.dir);
    statements(&ledger, &whole.story, 20);
    assert!(ledger.wait_published(Duration::from_secs(20)));
    let rotten = |dir: &Path| {
        let segment = fs::read_dir(dir.join("journal")).unwrap().map(|e| e.unwrap().path());
        flip(&segment.filter(|path| !path.ends_with("acknowledged")).max().unwrap());
    };
    let dir = damaged(&whole, &rotten);
    ops::backup(&whole.dir, &whole.at("backup"), false).unwrap();
    statements(&ledger, &whole.story, 2);
    assert!(ledger.wait_published(Duration::from_secs(20)));
    assert!(Ledger::open(&dir, onrecord::ledger::Options::default()).is_err());
    let done = repair(&dir, &[folder(&whole.at("backup"))]);
    assert!(done.is_sound() && done.to_string().contains("mended: journal, begun anew"), "{done}");
    open(&dir).close();
    // It is not begun anew if it alone held something.
    let dir = damaged(&whole, &|dir| {
        rotten(dir);
        remove(&dir.join("public"));
    });
    ledger.close();
    let done = repair(&dir, &[folder(&whole.at("backup"))]);
    assert!(!done.is_sound() && done.to_string().contains("entries 25 to 26, of 27"), "{done}");
    let done = repair(&dir, &[folder(&whole.dir)]);
    assert!(done.is_sound() && done.size == 27, "{done}");
    open(&dir).close();
}

#[test]
fn a_repair_killed_at_any_moment_is_completed_by_the_next() {
    let (whole, mirror) = went_back();
    let from = address(&mirror);
    let mut killed = 0;
    for (call, steps) in
        [("rename", 1..), ("fdatasync", 1..), ("write", 2..), ("unlink", 1..), ("fsync", 1..)]
    {
        for n in steps.step_by(3) {
            let dir = damaged(&whole, &|dir| {
                remove(&dir.join("public"));
                copy(&whole.at("backup/public"), &dir.join("public"));
            });
            let mut command = Command::new("strace");
            command.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace=?{call}"), "-e"]);
            command.arg(format!("inject=?{call}:signal=SIGKILL:when={n}"));
            command.arg(env!("CARGO_BIN_EXE_onrecord"));
            let out = command.args(["repair", "--data", path(&dir), "--from", &from]).output().unwrap();
            if out.status.code().is_some() {
                break;
            }
            assert_eq!(out.status.signal(), Some(9));
            mends(&dir, &[at(&mirror)], &whole.dir, &format!("killed at {call} {n}"));
            killed += 1;
        }
    }
    println!("repair: killed {killed} times");
    assert!(killed > 10, "{killed}");
}

/// A ledger that withheld words with a file, words without one, and a file alone. The words that went are given with it.
fn with_marks() -> (Folder<Story>, Vec<(u64, Vec<u8>)>) {
    let whole = World::small().close();
    let kept = whole.with(|ledger| {
        let mut kept = Vec::new();
        let mut keep = |(id, said): (EventId, Submission)| {
            let words = said.content.clone().unwrap();
            kept.push((record(ledger, (id, said)).1, words));
            id
        };
        for name in ["satu", "dua"] {
            let file = upload(ledger, name, format!("isi sulit {name}").as_bytes());
            let id = keep(captured(&whole.story, name, &[file]));
            record(ledger, withhold(Some(whole.story.case), id, "court_order", &["content", "files/0"]));
        }
        let id = keep(statement(&whole.story, "kenyataan sulit"));
        record(ledger, withhold(Some(whole.story.case), id, "court_order", &["content"]));
        let file = upload(ledger, "tiga", b"isi sulit tiga");
        let (id, _) = record(ledger, captured(&whole.story, "tiga", &[file]));
        record(ledger, withhold(Some(whole.story.case), id, "court_order", &["files/0"]));
        kept
    });
    (whole, kept)
}

/// Whether the ledger takes these bytes in an event that names them as a file.
fn is_taken(dir: &Path, story: &Story, bytes: &[u8]) -> bool {
    let ledger = open(dir);
    let file = upload(&ledger, "lagi", bytes);
    let taken = ledger.record_blocking(vec![captured(story, "lagi", &[file]).1], false).remove(0);
    ledger.close();
    match taken {
        Ok(_) => true,
        Err(e) => {
            assert!(e.to_string().contains("BLOB_WITHHELD"), "{e}");
            false
        }
    }
}

#[test]
fn lost_marks_are_put_back_from_a_backup_or_made_of_the_words_or_given_up_if_asked_to() {
    let (whole, kept) = with_marks();
    let older = whole.at("older");
    fs::copy(whole.dir.join("withheld"), &older).unwrap();
    let later = whole.with(|ledger| {
        let file = upload(ledger, "empat", b"isi sulit empat");
        let said = captured(&whole.story, "empat", &[file]);
        let words = said.1.content.clone().unwrap();
        let (id, index) = record(ledger, said);
        record(ledger, withhold(Some(whole.story.case), id, "court_order", &["content", "files/0"]));
        (index, words)
    });
    ops::backup(&whole.dir, &whole.at("backup"), false).unwrap();
    let lost = || damaged(&whole, &|dir| remove(&dir.join("withheld")));
    let sulit = |name: &str| format!("isi sulit {name}").into_bytes();

    // The marks are taken from a backup.
    let dir = lost();
    let refused = Ledger::open(&dir, onrecord::ledger::Options::default()).unwrap_err().to_string();
    assert!(refused.contains("--withheld FILE"), "{refused}");
    let file = whole.at("backup/withheld");
    let (code, said) = run(&["repair", "--data", path(&dir), "--withheld", path(&file)]);
    assert!(
        code == Some(0) && said.starts_with("5 entries of which something was withheld: marks of 5"),
        "{said}"
    );
    assert_eq!(fs::read(dir.join("withheld")).unwrap(), fs::read(whole.dir.join("withheld")).unwrap());
    let mode = fs::metadata(dir.join("withheld")).unwrap().permissions();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&mode) & 0o777, 0o600);
    for name in ["satu", "dua", "tiga", "empat"] {
        assert!(!is_taken(&dir, &whole.story, &sulit(name)), "{name}");
    }

    // Marks that don't cover everything are refused, and the entries are named. Their words make up for it.
    let dir = lost();
    let (code, said) = run(&["repair", "--data", path(&dir), "--withheld", path(&older)]);
    let lacks = format!("no marks of what was withheld of entries {}. Give", later.0);
    assert!(code == Some(1) && said.contains(&lacks), "{said}");
    assert!(!dir.join("withheld").exists(), "nothing was changed");
    let words = whole.at("empat.json");
    fs::write(&words, &later.1).unwrap();
    let args = ["repair", "--data", path(&dir), "--withheld", path(&older), "--words", path(&words)];
    let (code, said) = run(&args);
    assert!(
        code == Some(0) && said.contains(&format!("made anew from their words: entries {}", later.0)),
        "{said}"
    );
    assert!(["satu", "tiga", "empat"].iter().all(|name| !is_taken(&dir, &whole.story, &sulit(name))));

    // They are made from words alone. For the file that was withheld alone, the words are still in the ledger.
    let dir = lost();
    let mut args = vec!["repair".to_owned(), "--data".into(), path(&dir).into()];
    for (index, bytes) in kept.iter().chain([&later]) {
        let file = whole.at(&format!("{index}.json"));
        fs::write(&file, bytes).unwrap();
        args.extend(["--words".into(), path(&file).to_owned()]);
    }
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let (code, said) = run(&args);
    assert_eq!(code, Some(0), "{said}");
    for name in ["satu", "dua", "tiga", "empat"] {
        assert!(!is_taken(&dir, &whole.story, &sulit(name)), "{name}");
    }
    let other = whole.at("other.json");
    fs::write(&other, "{}").unwrap();
    let (code, said) = run(&["repair", "--data", path(&dir), "--words", path(&other)]);
    assert!(code == Some(1) && said.contains("not the words of an entry"), "{said}");

    // They can be given up. The command says what that means, and it can be made good later.
    let dir = lost();
    let (code, said) = run(&["repair", "--data", path(&dir), "--without-marks"]);
    assert!(code == Some(2) && said.contains("--yes"), "{said}");
    let (code, said) = run(&["repair", "--data", path(&dir), "--without-marks", "--yes"]);
    assert!(
        code == Some(0) && said.contains("given up: entries ") && said.contains("are taken if"),
        "{said}"
    );
    let (code, said) = run(&["fsck", "--data", path(&dir)]);
    assert!(code == Some(0) && said.contains("the marks of 4 entries were given up"), "{said}");
    assert!(!is_taken(&dir, &whole.story, &sulit("tiga")), "whose words are here");
    let (code, said) = run(&["repair", "--data", path(&dir), "--withheld", path(&file)]);
    assert_eq!(code, Some(0), "{said}");
    assert!(!is_taken(&dir, &whole.story, &sulit("satu")));
    let dir = lost();
    run(&["repair", "--data", path(&dir), "--without-marks", "--yes"]);
    assert!(is_taken(&dir, &whole.story, &sulit("satu")), "as was said");

    // A file that holds no marks, and flags that don't go together.
    let (code, said) = run(&["repair", "--data", path(&dir), "--withheld", path(&other)]);
    assert!(code == Some(1) && said.contains("not marks as a ledger writes them"), "{said}");
    assert_eq!(run(&["repair", "--data", path(&dir)]).0, Some(2));
    assert_eq!(run(&["repair", "--data", path(&dir), "--from", "x", "--without-marks"]).0, Some(2));
}

#[test]
fn marks_of_an_earlier_version_are_taken_for_good() {
    let (whole, _) = with_marks();
    let dir = damaged(&whole, &|dir| {
        let text = fs::read_to_string(dir.join("withheld")).unwrap();
        let key = text.lines().nth(1).unwrap();
        let marks = text.lines().skip(2).filter(|line| line.split(' ').count() == 3);
        let marks: String = marks.map(|line| format!("{line}\n")).collect();
        fs::write(dir.join("withheld"), format!("onrecord withheld 1\n{key}\n{marks}")).unwrap();
    });
    for time in ["the first", "the second"] {
        let opened = Ledger::open(&dir, onrecord::ledger::Options::default());
        opened.unwrap_or_else(|e| panic!("{time}: {e}")).close();
    }
    assert!(!is_taken(&dir, &whole.story, b"isi sulit satu"));
}
