//! What operators do: check a folder, back it up and restore it, withhold and give back, each as a command too.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::{fs::PermissionsExt as _, process::ExitStatusExt as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use crate::http::Server;
use crate::place::Ran;
use crate::program::{self, without_settings};
use crate::support::*;
use crate::world::World;
use onrecord::{
    event::Digest,
    ledger::{Ledger, Submission},
    ops::{self, Fsck, OpsError},
    verify::{self, FolderSource, Outcome, Verdict},
};
use serde_json::{Value, json};

const FILE: &[u8] = b"isi lampiran yang ditangkap";

fn fsck(dir: &Path, since: Option<u64>) -> Fsck {
    ops::fsck(dir, since, &|_, _| {}).unwrap()
}

fn sound(dir: &Path, since: Option<u64>) -> Fsck {
    let found = fsck(dir, since);
    assert!(found.faults.is_empty(), "{found}");
    assert!(found.checks.iter().all(|c| c.outcome == Outcome::Ok), "{found}");
    found
}

/// A ledger with all kinds of things: two full bundles, files, withheld words and files.
fn rich() -> (tempfile::TempDir, PathBuf) {
    let World { tmp, dir, ledger, story, .. } = World::small();
    let kept = upload(&ledger, "lampiran.txt", FILE);
    record(&ledger, captured(&story, "lampiran", &[kept]));
    let held = upload(&ledger, "sulit.txt", b"isi sulit");
    let (id, _) = record(&ledger, captured(&story, "sulit", &[held]));
    let ids = statements(&ledger, &story, 300);
    record(&ledger, withhold(Some(story.case), ids[3], "court_order", &["content"]));
    statements(&ledger, &story, 250);
    // After entry 512: roles, keys and fates of things that stand below it.
    record(&ledger, withhold(Some(story.case), id, "court_order", &["files/0"]));
    record(&ledger, withhold(Some(story.case), ids[4], "court_order", &["content"]));
    let second = key("newsroom.example/night", 9);
    let party = json!({"party": story.desk});
    let vkey = second.verifying_key().to_string();
    record(
        &ledger,
        say("key.added", None, party.clone(), json!({"key": vkey}), None).sign(&[&desk(), &second]),
    );
    let revoked = json!({"key": desk().verifying_key().to_string(), "reason": "superseded"});
    record(&ledger, say("key.revoked", None, party.clone(), revoked, None).sign(&[&second]));
    for (event_type, role) in [("role.granted", "registrar"), ("role.revoked", "recorder")] {
        record(
            &ledger,
            say(event_type, None, party.clone(), json!({"role": role}), None).sign(&[&operator()]),
        );
    }
    ledger.close();
    (tmp, dir)
}

/// A change to a copy of the folder, and what is said of it.
type Damage<'a> = (&'a str, &'a dyn Fn(&Path), Option<u64>, &'a [&'a str]);

#[test]
fn fsck_finds_whatever_is_wrong_and_names_the_place() {
    let (tmp, dir) = rich();
    let found = sound(&dir, None);
    assert_eq!((found.size, found.since), (564, 0), "{found}");
    let later = sound(&dir, Some(520));
    assert_eq!(later.since, 512, "a whole bundle: {later}");
    assert!(later.to_string().contains("Entries 0 to 511 were not checked"), "{later}");

    let file = format!("public/file/{}", Digest::blake3(FILE));
    let flip = |path: PathBuf, sought: &[u8]| {
        let mut bytes = fs::read(&path).unwrap();
        let at = bytes.windows(sought.len()).position(|w| w == sought).unwrap();
        bytes[at + sought.len() / 2] ^= 1;
        fs::write(path, bytes).unwrap();
    };
    let segment = |dir: &Path| -> PathBuf {
        let paths = fs::read_dir(dir.join("journal")).unwrap().map(|e| e.unwrap().path());
        paths.filter(|p| !p.ends_with("acknowledged")).max().unwrap()
    };
    let index = |dir: &Path, change: &dyn Fn(&sled::Tree)| {
        let db = sled::open(dir.join("index")).unwrap();
        change(&db.open_tree("index").unwrap());
        db.flush().unwrap();
    };
    let row = |tree: &sled::Tree, tag: &[u8]| tree.range(tag..).next().unwrap().unwrap();
    let damages: &[Damage<'_>] = &[
        ("an entry", &|d| flip(d.join("public/tile/entries/001"), b"index 300\n"), None, &["entry 300"]),
        (
            "a late entry",
            &|d| flip(d.join("public/tile/entries/002.p/52"), b"index 520\n"),
            Some(512),
            &["entry 520"],
        ),
        ("words", &|d| flip(d.join("public/content/tile/000"), b"kenyataan 7 "), None, &["entry 14, words"]),
        (
            "a hash",
            &|d| flip(d.join("public/tile/1/000.p/2"), &fs::read(d.join("public/tile/1/000.p/2")).unwrap()),
            None,
            &["tile/1/000.p/2"],
        ),
        ("the checkpoint", &|d| flip(d.join("public/checkpoint"), b"564"), None, &["checkpoint"]),
        (
            "no checkpoint",
            &|d| fs::remove_file(d.join("public/checkpoint")).unwrap(),
            None,
            &["checkpoint: missing"],
        ),
        ("a file", &|d| flip(d.join(&file), b"ditangkap"), None, &["entry 5, files/0", "BLAKE3"]),
        ("no file", &|d| fs::remove_file(d.join(&file)).unwrap(), None, &["entry 5, files/0", "missing"]),
        (
            "a stray file",
            &|d| fs::write(d.join("public/notes.txt"), "x").unwrap(),
            Some(256),
            &["public/notes.txt", "not a file of a ledger"],
        ),
        (
            "a file that nothing names",
            &|d| fs::write(d.join(format!("public/file/{}", Digest::blake3(b"x"))), "x").unwrap(),
            None,
            &["no words on the log name it"],
        ),
        (
            "a withheld file",
            &|d| {
                fs::write(d.join(format!("public/file/{}", Digest::blake3(b"isi sulit"))), "isi sulit")
                    .unwrap()
            },
            None,
            &["withheld", "a file that the log withholds"],
        ),
        (
            "a tile beyond",
            &|d| _ = fs::copy(d.join("public/tile/0/000"), d.join("public/tile/0/003")).unwrap(),
            None,
            &["public/tile/0/003", "no log of 564"],
        ),
        (
            "an old partial tile",
            &|d| {
                fs::create_dir_all(d.join("public/content/tile/001.p")).unwrap();
                fs::write(d.join("public/content/tile/001.p/1"), b"\0\0\0\x01x").unwrap();
            },
            None,
            &["public/content/tile/001.p/1", "first 1 items"],
        ),
        (
            "the journal",
            &|d| {
                let path = segment(d);
                let mut bytes = fs::read(&path).unwrap();
                bytes[0] ^= 1;
                fs::write(path, bytes).unwrap();
            },
            None,
            &["journal", "first line"],
        ),
        (
            "a journal that is gone",
            &|d| fs::rename(segment(d), d.join("journal/00000000000000000007")).unwrap(),
            None,
            &["journal", "the batch at entry 7", "564 entries were acknowledged"],
        ),
        (
            "a row changed",
            &|d| {
                index(d, &|t| {
                    let (key, value) = row(t, b"t");
                    let mut value = value.to_vec();
                    *value.last_mut().unwrap() ^= 1;
                    t.insert(key, value).unwrap();
                })
            },
            None,
            &["index: row t", "not as the log makes it", "rebuild"],
        ),
        (
            "a row of an event",
            &|d| flip(d.join("index/rows"), b"statement.made"),
            None,
            &["the row of entry 7 is damaged"],
        ),
        (
            "a head",
            &|d| {
                let path = d.join("index/heads");
                let mut bytes = fs::read(&path).unwrap();
                bytes[64 * 17 + 3] ^= 1;
                fs::write(path, bytes).unwrap();
            },
            None,
            &["index", "the head of entry 17 is damaged"],
        ),
        (
            "a row gone",
            &|d| index(d, &|t| drop(t.remove(row(t, b"k").0).unwrap())),
            None,
            &["index: row k", "missing"],
        ),
        (
            "a row more",
            &|d| index(d, &|t| drop(t.insert([&b"p"[..], &[7; 32]].concat(), row(t, b"p").1).unwrap())),
            None,
            &["index: row p 0707", "no such row"],
        ),
        (
            "a list",
            &|d| index(d, &|t| drop(t.remove(row(t, b"H").0).unwrap())),
            None,
            &["index: entry", "not listed by thread"],
        ),
        (
            "a key that others can read",
            &|d| {
                fs::set_permissions(d.join("keys/checkpoint.key"), fs::Permissions::from_mode(0o640)).unwrap()
            },
            None,
            &["keys/checkpoint.key", "expected mode 600, found 640"],
        ),
        (
            "another key",
            &|d| fs::write(d.join("keys/checkpoint.key"), &*key(ORIGIN, 4).to_secret_text()).unwrap(),
            None,
            &["keys/checkpoint.key", "expected ledger.example.org+"],
        ),
    ];
    for (what, damage, since, said) in damages {
        let place = tmp.path().join("damaged");
        let _ = fs::remove_dir_all(&place);
        copy(&dir, &place);
        fs::set_permissions(place.join("keys/checkpoint.key"), fs::Permissions::from_mode(0o600)).unwrap();
        damage(&place);
        let found = fsck(&place, *since);
        let text = found.to_string();
        assert!(!found.faults.is_empty(), "{what}: {text}");
        for said in *said {
            assert!(text.contains(said), "{what}: {said}: {text}");
        }
    }
    // A check since entry 512 does not look at what is below.
    let place = tmp.path().join("below");
    copy(&dir, &place);
    flip(place.join("public/tile/entries/000"), b"index 100\n");
    assert!(fsck(&place, Some(512)).faults.is_empty());
    assert!(!fsck(&place, None).faults.is_empty());
    // Without the index nothing is known of the entries below. The next start makes it anew.
    fs::remove_dir_all(place.join("index")).unwrap();
    assert!(matches!(ops::fsck(&place, Some(512), &|_, _| {}), Err(OpsError::Unusable(_))));
    let busy = open(&dir);
    assert!(matches!(ops::fsck(&dir, None, &|_, _| {}), Err(OpsError::Ledger(_))), "in use");
    drop(busy);
}

#[test]
fn a_withheld_text_that_was_left_behind_is_found() {
    let World { tmp, dir, ledger, story, .. } = World::small();
    let (id, _) = record(&ledger, statement(&story, "kenyataan sulit"));
    assert!(ledger.wait_published(Duration::from_secs(10)));
    let old = fs::read(dir.join("public/content/tile/000.p/6")).unwrap();
    record(&ledger, withhold(Some(story.case), id, "court_order", &["content"]));
    ledger.close();
    drop(ledger);
    sound(&dir, None);
    fs::write(dir.join("public/content/tile/000.p/6"), old).unwrap();
    let found = fsck(&dir, None);
    assert!(found.to_string().contains("public/content/tile/000.p/6: it does not hold"), "{found}");
    drop(tmp);
}

#[test]
fn a_backup_is_whole_at_any_moment_grows_by_tiles_and_is_restored() {
    let World { tmp, dir, ledger, story, .. } = World::small();
    let file = upload(&ledger, "lampiran.txt", FILE);
    record(&ledger, captured(&story, "lampiran", std::slice::from_ref(&file)));
    let to = tmp.path().join("backup");
    // Words come and go while backups are made. Each backup verifies its copy.
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                let ids = statements(&ledger, &story, 20);
                record(&ledger, withhold(Some(story.case), ids[0], "court_order", &["content"]));
            }
        });
        let mut before = 0;
        for _ in 0..6 {
            let done = ops::backup(&dir, &to, false).unwrap();
            assert!(done.size >= before, "{done:?}");
            before = done.size;
        }
        stop.store(true, Ordering::Relaxed);
    });
    statements(&ledger, &story, 600);
    assert!(ledger.wait_published(Duration::from_secs(10)));
    ops::backup(&dir, &to, false).unwrap();
    let size = ledger.reader().checkpoint().checkpoint().size();
    let again = ops::backup(&dir, &to, false).unwrap();
    assert_eq!((again.size, again.written, again.removed), (size, 0, 0), "{again:?}");
    statements(&ledger, &story, 1);
    assert!(ledger.wait_published(Duration::from_secs(10)));
    let more = ops::backup(&dir, &to, false).unwrap();
    // Four or five partial tiles, never a full one.
    assert!(more.written <= 5 && more.removed <= 5 && more.kept >= 7, "{more:?}");
    assert!(!to.join("keys").exists() && !to.join("journal").exists() && !to.join("tmp").exists());
    ledger.close();
    let last = ledger.reader().entry(size).unwrap().unwrap();
    drop(ledger);

    // Without keys the restored folder is whole, and the result says which key is missing, and where.
    let back = tmp.path().join("back");
    let restored = ops::restore(&to, &back).unwrap();
    assert_eq!(
        (restored.size, restored.missing_key.as_deref()),
        (size + 1, Some(&*back.join("keys/checkpoint.key")))
    );
    assert!(Ledger::open(&back, onrecord::ledger::Options::default()).is_err());
    copy(&dir.join("keys"), &back.join("keys"));
    fs::set_permissions(back.join("keys/checkpoint.key"), fs::Permissions::from_mode(0o600)).unwrap();
    let ledger = open(&back);
    assert_eq!(ledger.reader().entry(size).unwrap().unwrap(), last);
    let (id, index) = record(&ledger, statement(&story, "selepas dipulihkan"));
    assert_eq!(index, size + 1);
    assert!(
        ledger.reader().index_of(&id).unwrap().is_some()
            && ledger.reader().file(&file.blake3).unwrap().is_some()
    );
    ledger.close();
    drop(ledger);
    sound(&back, None);

    // With keys, readable by their owner alone.
    ops::backup(&back, &to, true).unwrap();
    let mode = |p: &str| fs::metadata(to.join(p)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("keys"), mode("keys/checkpoint.key")), (0o700, 0o600));
    let third = tmp.path().join("third");
    assert_eq!(ops::restore(&to, &third).unwrap().missing_key, None);
    drop(open(&third));

    // A backup does not overwrite anything else, is not made inside the ledger, and does not go back to an older state.
    for (from, to) in [(&third, &third), (&third, &third.join("public")), (&third, &tmp.path().to_owned())] {
        assert!(matches!(ops::backup(from, to, false), Err(OpsError::Unusable(_))), "{}", to.display());
    }
    assert!(matches!(ops::restore(&to, &third), Err(OpsError::Unusable(_))));
    let older = ops::backup(&dir, &to, false).unwrap_err().to_string();
    assert!(older.contains(&format!("holds {} entries, the ledger {}", size + 2, size + 1)), "{older}");
    // A longer log of another history, under the same key.
    let (one, two) = (World::empty().close(), World::small().close());
    ops::backup(&one.dir, &tmp.path().join("small"), false).unwrap();
    let forked = ops::backup(&two.dir, &tmp.path().join("small"), false).unwrap_err().to_string();
    assert!(forked.contains("the ledger does not continue the 1 entries in it"), "{forked}");

    // A copy that does not verify is not restored.
    let bundle = to.join("public/tile/entries/000");
    let mut bytes = fs::read(&bundle).unwrap();
    bytes[700] ^= 1;
    fs::write(&bundle, bytes).unwrap();
    let fourth = tmp.path().join("fourth");
    assert!(matches!(ops::restore(&to, &fourth), Err(OpsError::NotValid(_))));
    assert!(!fourth.exists() && !tmp.path().join("fourth.restoring").exists());
    // The next backup mends it.
    ops::backup(&back, &to, false).unwrap();
    ops::restore(&to, &fourth).unwrap();
}

#[test]
fn a_check_since_takes_nothing_from_a_damaged_index() {
    let (_tmp, dir) = rich();
    sound(&dir, Some(512));
    let rows = dir.join("index/rows");
    let good = fs::read(&rows).unwrap();
    for at in (0..good.len()).step_by(good.len() / 20) {
        let mut bad = good.clone();
        bad[at] ^= 0x10;
        fs::write(&rows, &bad).unwrap();
        match ops::fsck(&dir, Some(512), &|_, _| {}) {
            Err(OpsError::Unusable(why)) => {
                assert!(why.contains("damaged") && why.contains("onrecord rebuild"), "byte {at}: {why}");
            }
            other => panic!("byte {at}: {other:?}"),
        }
        assert_eq!(fs::read(&rows).unwrap(), bad, "it mends nothing");
        assert!(dir.join("index/heads").exists());
    }
}

#[test]
fn no_backup_takes_what_a_withholding_cut_short_left_behind() {
    use onrecord::log::{Words, decode_contents, encode_contents};
    let World { tmp, dir, ledger, story, .. } = World::small();
    let (secret, bytes) = ("kenyataan yang sulit", b"lampiran yang sulit");
    let said = statement(&story, secret);
    let words = said.1.content.clone().unwrap();
    let (said, _) = record(&ledger, said);
    let file = upload(&ledger, "sulit.txt", bytes);
    let kept = upload(&ledger, "lampiran.txt", FILE);
    let (id, _) = record(&ledger, captured(&story, "surat", std::slice::from_ref(&file)));
    record(&ledger, captured(&story, "lain", std::slice::from_ref(&kept)));
    record(&ledger, withhold(Some(story.case), said, "court_order", &["content"]));
    record(&ledger, withhold(Some(story.case), id, "court_order", &["files/0"]));
    ledger.close();
    drop(ledger);
    // The state between the checkpoint that covers a withholding and the removal of what it withholds.
    let tile = dir.join("public/content/tile/000.p/10");
    let clean = fs::read(&tile).unwrap();
    let mut contents = decode_contents(&clean, 10).unwrap();
    assert_eq!(contents[5], Words::Withheld);
    contents[5] = Words::Present(&words);
    fs::write(&tile, encode_contents(&contents).unwrap()).unwrap();
    let placed = dir.join("public/file").join(file.blake3.to_string());
    fs::write(&placed, bytes).unwrap();
    assert!(fsck(&dir, None).to_string().contains("the log withholds"));

    let holds = |place: &Path| {
        let mut found = Vec::new();
        let mut folders = vec![place.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let read = fs::read(&path).unwrap();
                let has = |sought: &[u8]| read.windows(sought.len()).any(|w| w == sought);
                if has(secret.as_bytes()) || has(bytes) {
                    found.push(path);
                }
            }
        }
        found
    };
    assert_eq!(holds(&dir.join("public")).len(), 2);
    let to = tmp.path().join("copy");
    for _ in 0..2 {
        let done = ops::backup(&dir, &to, false).unwrap();
        assert!(done.removed >= 2, "{done:?}");
        assert_eq!(holds(&to), Vec::<PathBuf>::new());
    }
    assert_eq!(fs::read(to.join("public/content/tile/000.p/10")).unwrap(), clean);
    assert_eq!(fs::read(to.join("public/file").join(kept.blake3.to_string())).unwrap(), FILE);
    // A plain copy takes the words along. A restore from it leaves them out.
    let plain = tmp.path().join("plain");
    copy(&dir.join("public"), &plain.join("public"));
    fs::copy(dir.join("ledger.toml"), plain.join("ledger.toml")).unwrap();
    let back = tmp.path().join("back");
    ops::restore(&plain, &back).unwrap();
    assert_eq!(holds(&back), Vec::<PathBuf>::new());
}

#[test]
fn a_second_backup_writes_what_is_new_and_touches_no_full_tile() {
    use std::os::unix::fs::MetadataExt as _;
    let World { tmp, dir, ledger, story, .. } = World::small();
    statements(&ledger, &story, 700);
    assert!(ledger.wait_published(Duration::from_secs(10)));
    let to = tmp.path().join("copy");
    ops::backup(&dir, &to, false).unwrap();
    let files = || {
        let mut found = std::collections::BTreeMap::new();
        let mut folders = vec![to.join("public")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                match path.is_dir() {
                    true => folders.push(path),
                    false => drop(found.insert(path.clone(), fs::metadata(&path).unwrap())),
                }
            }
        }
        found
    };
    let before = files();
    statements(&ledger, &story, 100);
    assert!(ledger.wait_published(Duration::from_secs(10)));
    let done = ops::backup(&dir, &to, false).unwrap();
    let after = files();
    let new: Vec<_> =
        after.iter().filter(|(p, m)| before.get(*p).is_none_or(|b| b.ino() != m.ino())).collect();
    // 805 entries: the third tile is full now, the fourth has begun. The checkpoint is new too.
    let names: Vec<String> =
        new.iter().map(|(p, _)| p.strip_prefix(to.join("public")).unwrap().display().to_string()).collect();
    let expected = [
        "checkpoint",
        "content/tile/002",
        "content/tile/003.p/37",
        "tile/0/002",
        "tile/0/003.p/37",
        "tile/1/000.p/3",
        "tile/entries/002",
        "tile/entries/003.p/37",
    ];
    assert_eq!(names, expected);
    assert_eq!(done.written, 7, "all but the checkpoint: {done:?}");
    let bytes = |files: &[(&PathBuf, &fs::Metadata)]| files.iter().map(|(_, m)| m.len()).sum::<u64>();
    let all: Vec<_> = after.iter().collect();
    assert!(bytes(&new) * 2 < bytes(&all), "{} of {} bytes", bytes(&new), bytes(&all));
    // Partial tiles of the smaller size left the copy.
    assert_eq!(before.keys().filter(|p| !after.contains_key(*p)).count(), 4, "{done:?}");
}

fn onrecord(place: &Path, args: &[&str]) -> Ran {
    Ran::of(program::onrecord().args(args).current_dir(place).stdin(Stdio::null()).output().unwrap())
}

#[test]
fn the_commands_withhold_and_give_back_and_list_what_has_to_do_with_it() {
    let World { tmp, ledger, story, .. } = World::small();
    let place = tmp.path();
    fs::write(place.join("operator.key"), &*operator().to_secret_text()).unwrap();
    fs::set_permissions(place.join("operator.key"), fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(place.join("letter.txt"), FILE).unwrap();
    let text = "sistem telah diserang pada 2 Disember";
    let said = statement(&story, text);
    let quoted = said.1.content.clone().unwrap();
    let (said, _) = record(&ledger, said);
    record(&ledger, statement(&story, &format!("Beliau berkata \"{text}\".")));
    record(&ledger, statement(&story, "tiada kaitan dengannya"));
    let refs = json!({"corrects": said});
    let words = Some(json!({"wrong": "tarikh", "right": "3 Disember"}));
    record(
        &ledger,
        say("correction.issued", Some(story.case), refs, json!({"effect": "annotate"}), words)
            .sign(&[&desk()]),
    );
    let letter = upload(&ledger, "letter.txt", FILE);
    let exhibit = captured(&story, "surat", std::slice::from_ref(&letter));
    let exhibited = exhibit.1.content.clone().unwrap();
    record(&ledger, exhibit);
    let server = Server::start(ledger);
    let url = format!("http://{}", server.address);
    let run = |args: &[&str]| {
        let mut all = args.to_vec();
        if !args.contains(&"--ledger") {
            all.extend(["--ledger", &url, "--key", "operator.key"]);
        }
        onrecord(place, &all)
    };

    let unasked = run(&["withhold", "5", "--ground", "court_order"]);
    assert!(unasked.code == 2 && unasked.err.contains("--yes"), "{}", unasked.err);
    let none = run(&["withhold", "2", "--ground", "court_order", "--yes"]);
    assert!(none.code == 2 && none.err.contains("carries no words"), "{}", none.err);
    let done = run(&[
        "withhold",
        "5",
        "--ground",
        "court_order",
        "--authority",
        "High Court",
        "--redacted",
        "[...]",
        "--yes",
    ])
    .good();
    assert_eq!(done.out, format!("{url}/e/10\n"));
    let line = |n: u64| done.err.lines().find(|l| l.contains(&format!("/e/{n} "))).map(str::to_owned);
    assert!(line(6).unwrap().ends_with("(repeats its words)"), "{}", done.err);
    assert!(line(8).unwrap().ends_with("(points at it)"), "{}", done.err);
    assert!(line(7).is_none() && line(9).is_none(), "{}", done.err);
    let content = format!("/content/{}", Digest::blake3(&quoted));
    assert_eq!((server.get(&content).status, server.get(&content).text()), (410, "withheld 10\n".into()));
    assert!(
        server.get("/content/tile/000.p/11").body.windows(5).any(|w| w == b"[...]"),
        "the redacted text stands"
    );
    let twice = run(&["withhold", "@5", "--ground", "court_order", "--yes"]);
    let refused = "ENTRY: content is withheld already (CHECK_FAILED)";
    assert!(twice.code == 1 && twice.err.lines().last() == Some(refused), "{}", twice.err);

    fs::write(place.join("words.blob"), &quoted).unwrap();
    fs::write(place.join("wrong.blob"), &exhibited).unwrap();
    let wrong = run(&["release", "5", "--ground", "order_lifted", "--content-from", "wrong.blob", "--yes"]);
    assert!(wrong.code == 2 && wrong.err.contains("--content-from"), "{}", wrong.err);
    let what = run(&["release", "5", "--ground", "order_lifted", "--yes"]);
    assert!(what.code == 2 && what.err.contains("entry 5: the words"), "{}", what.err);
    let back = run(&[
        "release",
        &said.to_string(),
        "--ground",
        "order_lifted",
        "--content-from",
        "words.blob",
        "--yes",
    ])
    .good();
    assert_eq!(back.out, format!("{url}/e/11\n"));
    assert_eq!(server.get(&content).body, quoted);
    // Withholding again on the same day is another event.
    let again = run(&[
        "withhold",
        &format!("{url}/e/5"),
        "--ground",
        "court_order",
        "--authority",
        "High Court",
        "--yes",
    ])
    .good();
    assert_eq!(again.out, format!("{url}/e/12\n"));
    assert_eq!(server.get(&content).text(), "withheld 12\n");

    // A file is withheld, and the words with it.
    let held = format!("/file/{}", letter.blake3);
    assert_eq!(server.get(&held).status, 200);
    run(&["withhold", "9", "--ground", "erasure", "--file", "1", "--content", "--yes"]).good();
    assert_eq!(server.get(&held).status, 404);
    fs::write(place.join("exhibit.blob"), &exhibited).unwrap();
    let release = ["release", "9", "--ground", "error", "--yes", "--content-from", "exhibit.blob"];
    let back = run(&[&release[..], &["--file", "1=words.blob"]].concat());
    assert!(back.code == 2 && back.err.contains("not file 1 of those that the words name"), "{}", back.err);
    run(&[&release[..], &["--file", "1=letter.txt"]].concat()).good();
    assert_eq!(server.get(&held).body, FILE);

    // An event can be under embargo from the first moment.
    fs::write(place.join("desk.key"), &*desk().to_secret_text()).unwrap();
    fs::set_permissions(place.join("desk.key"), fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(place.join("secret.json"), r#"{"description":"belum boleh diumumkan"}"#).unwrap();
    fs::write(place.join("secret.txt"), "lampiran yang belum boleh diumumkan").unwrap();
    let by = desk().verifying_key().to_string();
    let note = onrecord(
        place,
        &[
            "event",
            "new",
            "--type",
            "exhibit.captured",
            "--origin",
            ORIGIN,
            "--by",
            &by,
            "--at",
            "2023-12-15",
            "--case",
            &story.case.to_string(),
            "--fact",
            "method=scan",
            "--fact",
            "captured=2023-12-15",
            "--words",
            "secret.json",
            "--file",
            "secret.txt",
            "--content-out",
            "secret.blob",
        ],
    )
    .good();
    fs::write(place.join("secret.draft"), note.out).unwrap();
    let signed = onrecord(place, &["event", "sign", "--key", "desk.key", "--yes", "secret.draft"]).good();
    fs::write(place.join("secret.note"), signed.out).unwrap();
    let submit =
        ["event", "submit", "secret.note", "--content", "secret.blob", "--file", "secret.txt", "--embargo"];
    let unasked = run(&submit);
    assert!(unasked.code == 2 && unasked.err.contains("--yes"), "{}", unasked.err);
    let submit = [&submit[..], &["--yes"]].concat();
    let lone = onrecord(place, &[&submit[..], &["--ledger", &url]].concat());
    assert!(lone.code == 2 && lone.err.contains("--key"), "{}", lone.err);
    let stranger = onrecord(place, &[&submit[..], &["--ledger", &url, "--key", "desk.key"]].concat());
    assert!(stranger.code == 1 && stranger.err.contains("NOT_ALLOWED: by[0]"), "{}", stranger.err);
    assert!(server.ledger.reader().entry(15).unwrap().is_none(), "all or none");
    let landed = run(&submit).good();
    assert_eq!(landed.out, format!("{url}/e/15\n"));
    let blob = fs::read(place.join("secret.blob")).unwrap();
    assert_eq!(server.get(&format!("/content/{}", Digest::blake3(&blob))).text(), "withheld 16\n");
    assert_eq!(
        server.get(&format!("/file/{}", Digest::blake3(b"lampiran yang belum boleh diumumkan"))).status,
        404
    );
    let files = ["--content-from", "secret.blob", "--file", "1=secret.txt"];
    run(&[&["release", "15", "--ground", "embargo_ended", "--yes"][..], &files].concat()).good();
    assert_eq!(server.get(&format!("/content/{}", Digest::blake3(&blob))).body, blob);

    // A file that another entry names is served until it is withheld there too. The command says so.
    let (_, other) = record(&server.ledger, captured(&story, "surat yang sama", &[letter]));
    let done = run(&["withhold", "9", "--ground", "erasure", "--file", "letter.txt", "--yes"]).good();
    let line = done.err.lines().find(|l| l.contains(&format!("/e/{other} "))).unwrap_or_default();
    assert!(line.ends_with("(names the same file, letter.txt)"), "{}", done.err);
    assert!(done.err.contains("served until each of them withholds it too"), "{}", done.err);
    assert_eq!(server.get(&held).status, 200);
}

#[test]
fn the_commands_check_back_up_and_restore() {
    let (tmp, dir) = rich();
    let place = tmp.path();
    drop(dir);
    let checked = onrecord(place, &["fsck", "--data", "ledger"]).good();
    assert!(checked.out.trim_end().ends_with("sound"), "{}", checked.out);
    for name in ["entries", "tree", "files", "journal", "index", "withheld", "stray", "keys"] {
        assert!(
            checked.out.lines().any(|l| l.starts_with(name) && l.contains(" ok ")),
            "{name}: {}",
            checked.out
        );
    }
    let done = onrecord(place, &["backup", "--data", "ledger", "--to", "copy", "--with-keys"]).good();
    assert!(done.out.starts_with("copy: 564 entries, root "), "{}", done.out);
    let json = onrecord(place, &["backup", "--data", "ledger", "--to", "copy", "--json"]).good();
    let json: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!((json["size"].as_u64(), json["written"].as_u64()), (Some(564), Some(0)));
    onrecord(place, &["restore", "--from", "copy", "--data", "back"]).good();
    let checked = onrecord(place, &["fsck", "--data", "back", "--json"]).good();
    let checked: Value = serde_json::from_str(&checked.out).unwrap();
    assert_eq!((checked["size"].as_u64(), checked["faults"].as_array().map(Vec::len)), (Some(564), Some(0)));
    fs::write(place.join("back/public/stray"), "x").unwrap();
    let bad = onrecord(place, &["fsck", "--data", "back"]);
    assert!(bad.code == 1 && bad.out.contains("REFUSED  public/stray: "), "{}", bad.out);
    let absent = onrecord(place, &["fsck", "--data", "nowhere"]);
    assert_eq!(absent.code, 2, "{}", absent.err);
}

/// System calls that change the disk. A process is killed before it makes one, so each kill shows what the calls before it left.
/// An empty file that was just created shows at the kill before the write to it.
const CHANGES: [&str; 16] = [
    "write",
    "pwrite64",
    "rename",
    "renameat",
    "renameat2",
    "unlink",
    "unlinkat",
    "rmdir",
    "mkdir",
    "mkdirat",
    "fsync",
    "fdatasync",
    "ftruncate",
    "fchmod",
    "chmod",
    "copy_file_range",
];

/// Kills a command before each of its calls that change something. `begin` makes the folder it runs in. `check` is given the
/// folder as the kill left it.
///
/// All calls are tried; `ONRECORD_KILL_STEP=3` tries every third of a kind.
fn kill_at_each_change(args: &[&str], begin: impl Fn() -> tempfile::TempDir, check: impl Fn(&Path, &str)) {
    let step = std::env::var("ONRECORD_KILL_STEP").ok().and_then(|step| step.parse().ok()).unwrap_or(1);
    let (mut killed, mut kinds) = (0, 0);
    for (first, call) in (0..).zip(CHANGES) {
        let before = killed;
        // Calls of different kinds alternate, so each kind begins at another number.
        for n in (1 + first % step..).step_by(step) {
            let place = begin();
            let mut command = Command::new("strace");
            // `?`: not every machine has all of them.
            command.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace=?{call}"), "-e"]);
            command.arg(format!("inject=?{call}:signal=SIGKILL:when={n}"));
            command.arg(env!("CARGO_BIN_EXE_onrecord")).args(args).current_dir(place.path());
            without_settings(&mut command);
            let output = command.stdin(Stdio::null()).output().unwrap();
            if output.status.success() {
                break;
            }
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.signal(), Some(9), "{call} {n}: {said}");
            check(place.path(), &format!("killed at {call} {n}"));
            killed += 1;
        }
        kinds += usize::from(killed > before);
    }
    println!("{}: killed {killed} times, at {kinds} kinds of calls", args[0]);
    assert!(killed * step > 60 && kinds > 3, "{killed} kills at {kinds} kinds of calls");
}

/// All files under a folder.
fn tree(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => {
                    drop(found.insert(path.strip_prefix(dir).unwrap().to_owned(), fs::read(&path).unwrap()))
                }
            }
        }
    }
    found
}

/// The number of entries in a folder's public files, which must verify.
fn valid(dir: &Path, what: &str) -> u64 {
    let source = FolderSource::open(&dir.join("public")).unwrap();
    let report = verify::verify(
        &source,
        Some(key(ORIGIN, 1).verifying_key()),
        &verify::Options::default(),
        &|_, _| {},
    );
    assert_eq!(report.verdict, Verdict::Valid, "{what}: {report}");
    report.size.unwrap()
}

/// A folder with a ledger, `ledger`, and an earlier backup of it, `good`. Since then the ledger grew past its partial tiles,
/// words in a full tile were withheld, others were given back, and a file was withheld. `whole` is a backup of its last state.
fn grown() -> tempfile::TempDir {
    let World { tmp, dir, ledger, story, .. } = World::small();
    let kept = upload(&ledger, "lampiran.txt", FILE);
    record(&ledger, captured(&story, "lampiran", &[kept]));
    let held = upload(&ledger, "sulit.txt", b"isi sulit");
    let (id, _) = record(&ledger, captured(&story, "sulit", &[held]));
    let given_back = statement(&story, "kenyataan yang dipulangkan");
    let words = given_back.1.content.clone();
    let (back, _) = record(&ledger, given_back);
    let ids = statements(&ledger, &story, 300);
    record(&ledger, withhold(Some(story.case), back, "court_order", &["content"]));
    record(&ledger, withhold(Some(story.case), ids[9], "court_order", &["content"]));
    assert!(ledger.wait_published(Duration::from_secs(10)));
    ops::backup(&dir, &tmp.path().join("good"), true).unwrap();

    record(&ledger, withhold(Some(story.case), ids[3], "court_order", &["content"]));
    record(&ledger, withhold(Some(story.case), id, "court_order", &["files/0"]));
    let facts = json!({"ground": "order_lifted", "blobs": ["content"]});
    let (id, released) =
        say("content.released", Some(story.case), json!({"entry": back}), facts, None).sign(&[&operator()]);
    record(&ledger, (id, Submission { restored: words, ..released }));
    let late = upload(&ledger, "lewat.txt", b"lampiran yang lewat");
    record(&ledger, captured(&story, "lewat", &[late]));
    statements(&ledger, &story, 250);
    ledger.close();
    let whole = tmp.path().join("whole");
    ops::backup(&dir, &whole, true).unwrap();
    valid(&whole, "whole");
    let (ours, copied) = (tree(&dir.join("public")), tree(&whole.join("public")));
    assert!(copied.iter().all(|(path, bytes)| ours.get(path) == Some(bytes)), "as in the ledger");
    let narrow = |path: &Path| path.parent().is_some_and(|dir| dir.extension().is_some_and(|e| e == "p"));
    assert!(ours.keys().all(|path| copied.contains_key(path) || narrow(path)), "all but older partial tiles");
    tmp
}

/// Runs the next backup, and compares its copy with `whole`, which was made without a kill.
fn completes(world: &Path, copy: &Path, what: &str) {
    ops::backup(&world.join("ledger"), copy, true).unwrap_or_else(|e| panic!("{what}: {e}"));
    let (found, expected) = (tree(copy), tree(&world.join("whole")));
    assert!(found.keys().eq(expected.keys()), "{what}: {:?}, not {:?}", found.keys(), expected.keys());
    assert!(found == expected, "{what}");
    assert!(!copy.join("tmp").exists(), "{what}");
}

#[test]
fn a_first_backup_killed_at_any_moment_is_completed_by_the_next() {
    let world = grown();
    let ledger = world.path().join("ledger");
    let args = ["backup", "--with-keys", "--to", "copy", "--data", ledger.to_str().unwrap()];
    kill_at_each_change(
        &args,
        || tempfile::tempdir().unwrap(),
        |place, what| {
            let copy = place.join("copy");
            if copy.join("public/checkpoint").exists() {
                valid(&copy, what);
            }
            completes(world.path(), &copy, what);
        },
    );
    // Two backups to one place don't run at once.
    let copy = world.path().join("copy");
    fs::create_dir(&copy).unwrap();
    let busy = fs::File::open(&copy).unwrap();
    busy.lock().unwrap();
    let refused = ops::backup(&ledger, &copy, false).unwrap_err().to_string();
    assert!(refused.ends_with("another backup is being made there"), "{refused}");
    drop(busy);
    ops::backup(&ledger, &copy, false).unwrap();
    // A folder with other files is not touched.
    for name in ["tmp/letter.txt", "letter.txt", "public/letter.txt"] {
        let other = tempfile::tempdir().unwrap();
        let letter = other.path().join(name);
        fs::create_dir_all(letter.parent().unwrap()).unwrap();
        fs::write(&letter, "x").unwrap();
        let refused = ops::backup(&ledger, other.path(), false).unwrap_err().to_string();
        assert!(refused.ends_with("not empty, and no backup of a ledger"), "{refused}");
        assert!(letter.exists());
    }
}

#[test]
fn a_good_copy_stays_whole_wherever_a_backup_over_it_is_killed() {
    let world = grown();
    let ledger = world.path().join("ledger");
    let args = ["backup", "--with-keys", "--to", "copy", "--data", ledger.to_str().unwrap()];
    let sizes = ["good", "whole"].map(|name| valid(&world.path().join(name), name));
    let begin = || {
        let place = tempfile::tempdir().unwrap();
        copy(&world.path().join("good"), &place.path().join("copy"));
        place
    };
    kill_at_each_change(&args, begin, |place, what| {
        let copy = place.join("copy");
        let size = valid(&copy, what);
        assert!(sizes.contains(&size), "{what}: {size} entries");
        // The copy can be restored as it is.
        let back = place.join("back");
        assert_eq!(ops::restore(&copy, &back).unwrap().size, size, "{what}");
        let found = fsck(&back, None);
        assert!(found.faults.is_empty(), "{what}: {found}");
        completes(world.path(), &copy, what);
    });
}

#[test]
fn a_ledger_that_rotted_takes_nothing_from_a_good_copy() {
    let world = grown();
    let (ledger, good) = (world.path().join("ledger"), world.path().join("good"));
    let before = tree(&good);
    let file = format!("file/{}", Digest::blake3(FILE));
    // A file that the copy has already and that never changes is not read. All others are.
    for (name, refuses) in [
        ("tile/entries/000", false),
        ("tile/0/000", false),
        (&file, false),
        ("tile/entries/001", true),
        ("tile/0/002.p/52", true),
        ("content/tile/000", true),
        ("content/tile/001", true),
    ] {
        let path = ledger.join("public").join(name);
        let whole = fs::read(&path).unwrap();
        let mut rotten = whole.clone();
        let words = rotten.windows(9).position(|w| w == b"kenyataan").unwrap_or(rotten.len() - 3);
        rotten[words] ^= 1;
        fs::write(&path, rotten).unwrap();
        let copied = tempfile::tempdir().unwrap();
        copy(&good, copied.path());
        let done = ops::backup(&ledger, copied.path(), true);
        fs::write(&path, whole).unwrap();
        if refuses {
            assert!(matches!(done, Err(OpsError::NotValid(_))), "{name}: {done:?}");
            assert_eq!(valid(copied.path(), name), 310);
            let after = tree(copied.path());
            assert!(before.iter().all(|(path, bytes)| after.get(path) == Some(bytes)), "{name}");
        } else {
            done.unwrap();
        }
        completes(world.path(), copied.path(), name);
    }
    // Damaged marks do not replace the good ones in the copy.
    let marks = fs::read(ledger.join("withheld")).unwrap();
    fs::write(ledger.join("withheld"), &marks[1..]).unwrap();
    assert_eq!(ops::backup(&ledger, &good, false).unwrap().size, 564);
    assert_eq!(fs::read(good.join("withheld")).unwrap(), before[Path::new("withheld")]);
}

#[test]
fn a_restore_killed_at_any_moment_makes_a_whole_folder_or_none() {
    let world = grown();
    let whole = world.path().join("whole");
    let model = world.path().join("model");
    ops::restore(&whole, &model).unwrap();
    let files = tree(&model);
    let found = fsck(&model, None);
    assert!(found.faults.is_empty(), "{found}");
    let args = ["restore", "--data", "back", "--from", whole.to_str().unwrap()];
    kill_at_each_change(
        &args,
        || tempfile::tempdir().unwrap(),
        |place, what| {
            let back = place.join("back");
            if !back.exists() {
                ops::restore(&whole, &back).unwrap();
            }
            assert!(tree(&back) == files, "{what}: {:?}", tree(&back).keys());
            assert!(!place.join("back.restoring").exists());
        },
    );
    // An empty folder by a name that ends in a slash.
    let back = world.path().join("empty/");
    fs::create_dir(&back).unwrap();
    ops::restore(&whole, &back).unwrap();
    assert!(tree(&back) == files);
}
