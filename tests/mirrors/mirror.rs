//! A mirror takes only what it verified, goes on after any kill, and never follows another history.

use crate::files;
use crate::forger;
use crate::http;
use std::{
    collections::BTreeMap,
    fs,
    io::Read,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use crate::forger::Forger;
use crate::http::send;
use crate::program::{Program, free_port, run};
use crate::support::*;
use onrecord::{
    ledger::{Ledger, Options as LedgerOptions, Submission},
    log::{Contradiction, Fork, Header, Time},
    mirror::{Keeps, Mirror, MirrorError},
    note::VerifyingKey,
    search::{Filter, Order, Query, Search},
    verify::{FolderSource, HttpSource, Place, Source, SourceError},
    views::{Cache, Name, Views},
};
use serde_json::{Value, json};

fn vkey() -> VerifyingKey {
    key(ORIGIN, 1).verifying_key().clone()
}

/// A ledger with the small story and `statements` statements.
fn ledger(dir: &Path, statements: usize, what: &str) -> (Ledger, Story) {
    init(dir);
    let ledger = open(dir);
    let story = tell(&ledger);
    more(&ledger, &story, statements, what);
    (ledger, story)
}

fn more(ledger: &Ledger, story: &Story, statements: usize, what: &str) {
    let batch = (0..statements).map(|i| statement(story, &format!("{what} {i}")).1).collect();
    record_all(ledger, batch);
    assert!(ledger.wait_published(Duration::from_secs(20)));
}

fn folder(dir: &Path) -> Arc<dyn Source + Send> {
    Arc::new(FolderSource::open(dir).unwrap())
}

fn mirror(from: &Path, to: &Path, keeps: Keeps) -> Mirror {
    Mirror::open(folder(from), vkey(), to, keeps, LedgerOptions::default()).unwrap()
}

fn now() -> Time {
    at(0)
}

/// The time `seconds` from now.
fn at(seconds: i64) -> Time {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Time::from_unix_ms(now.as_millis() as i64 + seconds * 1_000).unwrap()
}

fn go_on(_: u64, _: u64) -> bool {
    true
}

/// Every file under a folder.
fn files_under(dir: &Path) -> Vec<PathBuf> {
    let (mut files, mut left) = (Vec::new(), vec![dir.to_owned()]);
    while let Some(dir) = left.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { left.push(path) } else { files.push(path) }
        }
    }
    files
}

/// The files of a folder's `public/`, by name.
fn public_of(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let root = dir.join("public");
    let name = |path: &Path| path.strip_prefix(&root).unwrap().display().to_string();
    files_under(&root).iter().map(|path| (name(path), fs::read(path).unwrap())).collect()
}

/// The same without partial tiles. Which of these a folder has depends on when it published.
fn whole(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    public_of(dir).into_iter().filter(|(name, _)| !name.contains(".p/")).collect()
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn is_valid(dir: &Path) {
    let (code, text) = run(&["verify", path(dir), "--key", &vkey().to_string()]);
    assert_eq!(code, Some(0), "{text}");
}

/// Records and publishes an exhibit of a letter. Gives the letter.
fn captured(ledger: &Ledger) -> onrecord::event::FileRef {
    let letter = upload(ledger, "surat.txt", b"letter");
    let said = Say {
        files: std::slice::from_ref(&letter),
        ..say(
            "exhibit.captured",
            None,
            Value::Null,
            json!({"method": "upload", "captured": "2023-12-15"}),
            Some(json!({"description": "a letter"})),
        )
    };
    record(ledger, said.sign(&[&desk()]));
    assert!(ledger.wait_published(Duration::from_secs(10)));
    letter
}

#[test]
fn a_mirror_is_the_same_ledger_and_follows_it() {
    let tmp = tempfile::tempdir().unwrap();
    let (one, copy) = (tmp.path().join("one"), tmp.path().join("copy"));
    let (ledger, story) = ledger(&one, 600, "satu");
    captured(&ledger);
    let mut mirror = mirror(&one, &copy, Keeps::default());
    let pass = mirror.pass(now(), &go_on).unwrap();
    assert_eq!((pass.from, pass.size, pass.wanting, pass.files_wanting), (0, 606, 0, 0));
    assert!(mirror.ledger().wait_published(Duration::from_secs(10)));
    assert_eq!(whole(&one), whole(&copy), "byte for byte");
    is_valid(&copy);
    // It follows in steps of any length, across bundles.
    for n in [1, 2, 250, 3] {
        more(&ledger, &story, n, "dua");
        let pass = mirror.pass(now(), &go_on).unwrap();
        assert_eq!(pass.size - pass.from, n as u64);
        assert!(mirror.ledger().wait_published(Duration::from_secs(10)));
        assert_eq!(whole(&one), whole(&copy));
        assert_eq!(
            mirror.ledger().reader().parsed(pass.size - 1).unwrap().unwrap().header().index,
            pass.size - 1
        );
    }
    is_valid(&copy);
    // Nothing can be put on record at a mirror.
    let refusal =
        mirror.ledger().record_blocking(vec![statement(&story, "di sini").1], false).remove(0).unwrap_err();
    assert!(refusal.to_string().contains("this is a mirror"), "{refusal}");
    let size = mirror.ledger().reader().checkpoint().checkpoint().size();
    mirror.ledger().close();
    drop(mirror);
    // `serve` refuses the folder of a mirror, and `mirror` refuses a ledger's folder, another key and another source.
    let (code, text) = run(&["serve", "--data", path(&copy), "--listen", "127.0.0.1:0"]);
    assert!(code == Some(1) && text.contains("is a mirror of"), "{text}");
    let (code, text) =
        run(&["mirror", path(&one), "--key", &vkey().to_string(), "--data", path(&one), "--once"]);
    assert!(code == Some(1) && text.contains("holds a ledger already"), "{text}");
    let other = key(ORIGIN, 9).verifying_key().to_string();
    let (code, text) = run(&["mirror", path(&one), "--key", &other, "--data", path(&copy), "--once"]);
    assert!(code == Some(1) && text.contains("is a mirror of the log"), "{text}");
    let (code, text) =
        run(&["mirror", path(&one), "--key", &vkey().to_string(), "--data", path(&copy), "--once"]);
    assert!(
        code == Some(0) && text.contains(&format!("{size} entries verified and here, 0 of them new")),
        "{text}"
    );
}

#[test]
fn stopped_at_any_bundle_it_goes_on_where_it_was() {
    let tmp = tempfile::tempdir().unwrap();
    let (one, copy) = (tmp.path().join("one"), tmp.path().join("copy"));
    let (ledger, story) = ledger(&one, 1_500, "satu");
    let size = ledger.reader().checkpoint().checkpoint().size();
    let mut last = 0;
    for bundles in 1..=5 {
        let mut mirror = mirror(&one, &copy, Keeps::default());
        let stop = |done: u64, _: u64| done < (bundles * 256).min(size - 1);
        let stopped = mirror.pass(now(), &stop).unwrap_err();
        assert!(matches!(stopped, MirrorError::Stopped), "{stopped}");
        assert!(!mirror.is_whole() || bundles == 0, "what is not under a checkpoint is not shown");
        // It may be stopped at any moment, and goes on from what was published.
        mirror.ledger().close();
        let progress = fs::read_to_string(copy.join("progress")).unwrap();
        let here: u64 = progress.lines().nth(1).unwrap().parse().unwrap();
        assert!(here > last && here <= bundles * 256, "{progress}");
        last = here;
        // The ledger grew while the mirror caught up.
        more(&ledger, &story, 7, "tiga");
    }
    let mut mirror = mirror(&one, &copy, Keeps::default());
    let pass = mirror.pass(now(), &go_on).unwrap();
    assert!(pass.from == last && pass.size == size + 35, "{pass:?}");
    assert!(mirror.is_whole() && mirror.ledger().wait_published(Duration::from_secs(10)));
    assert_eq!(whole(&one), whole(&copy));
    is_valid(&copy);
}

/// `onrecord mirror`, serving.
struct Served {
    program: Program,
    address: SocketAddr,
    log: PathBuf,
}

impl Served {
    fn start(from: &str, to: &Path, flags: &[&str]) -> Self {
        let log = to.with_extension("log");
        let flags = [&["--every", "0"], flags].concat();
        let program = Program::mirror_with(from, &vkey().to_string(), to, &flags, &log);
        Self { address: program.address, program, log }
    }

    fn get(&self, path: &str) -> http::Reply {
        self.program.get(path)
    }

    fn size(&self) -> u64 {
        let checkpoint = String::from_utf8(self.get("/checkpoint").body).unwrap();
        checkpoint.lines().nth(1).unwrap().parse().unwrap()
    }

    fn wait_for(&self, size: u64) {
        let until = Instant::now() + Duration::from_secs(30);
        while self.size() < size {
            assert!(Instant::now() < until, "{}", fs::read_to_string(&self.log).unwrap());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Gives the exit code.
    fn stop(mut self) -> Option<i32> {
        self.program.terminate().code()
    }
}

#[test]
fn killed_while_it_catches_up_it_serves_the_same_ledger() {
    let tmp = tempfile::tempdir().unwrap();
    let (one, copy) = (tmp.path().join("one"), tmp.path().join("copy"));
    let (ledger, _) = ledger(&one, 6_000, "satu");
    let size = ledger.reader().checkpoint().checkpoint().size();
    ledger.close();
    drop(ledger);
    let origin = Program::serve(&one);
    let from = format!("http://{}", origin.address);
    // It is killed three times, each time as soon as more is on disk.
    let mut seen = 0;
    'kills: for _ in 0..3 {
        let vkey = vkey().to_string();
        let mut child = Command::new(env!("CARGO_BIN_EXE_onrecord"))
            .args(["mirror", &from, "--key", &vkey, "--once", "--data", path(&copy)])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let until = Instant::now() + Duration::from_secs(30);
        loop {
            let progress = fs::read_to_string(copy.join("progress")).unwrap_or_default();
            let here = progress.lines().nth(1).and_then(|n| n.parse().ok()).unwrap_or(0u64);
            if here > seen {
                seen = here;
                break;
            }
            let ended = child.try_wait().unwrap().is_some();
            // It may complete the rest before it can be killed again.
            if ended && seen > 0 {
                break 'kills;
            }
            assert!(!ended && Instant::now() < until, "killed too late: {here}");
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert!(seen < size, "killed on the way: {seen}");
    let served = Served::start(&from, &copy, &[]);
    assert_eq!(served.size(), size);
    for path in
        ["/checkpoint", "/tile/entries/000", "/tile/0/x001/000", "/entry/41", "/e/41.txt", "/tile/1/000.p/23"]
    {
        let (theirs, ours) = (send(origin.address, "GET", path, &[], b""), served.get(path));
        assert_eq!(theirs.status, ours.status, "{path}");
        // An error page also says whose mirror it is, so it differs.
        match path {
            "/e/41.txt" => {
                assert!(ours.status == 404 && ours.text().contains("This is a mirror of"), "{path}")
            }
            _ => assert_eq!(theirs.body, ours.body, "{path}"),
        }
    }
    let page = String::from_utf8(served.get("/e/41").body).unwrap();
    assert!(page.contains(&format!("This is a mirror of {from}; all it shows was verified here.")), "{page}");
    assert!(page.contains(&format!("It has all {size} entries")), "{page}");
    assert_eq!(served.get("/readyz").status, 200);
    assert_eq!(served.stop(), Some(0));
    is_valid(&copy);
}

#[test]
fn what_the_origin_withholds_is_removed_and_reported() {
    let tmp = tempfile::tempdir().unwrap();
    let (one, copy) = (tmp.path().join("one"), tmp.path().join("copy"));
    let (ledger, story) = ledger(&one, 300, "awal");
    let (id, secret) = statement(&story, "rahsia yang tersilap");
    let index = ledger.record_blocking(vec![secret.clone()], false).remove(0).unwrap().index;
    assert!(ledger.wait_published(Duration::from_secs(10)));
    let mut mirror = mirror(&one, &copy, Keeps::default());
    mirror.pass(now(), &go_on).unwrap();
    assert!(mirror.ledger().wait_published(Duration::from_secs(10)));
    assert!(holds(&copy, "rahsia yang tersilap"));
    let (_, by) = record(&ledger, withhold(Some(story.case), id, "erasure", &["content"]));
    assert!(ledger.wait_published(Duration::from_secs(10)));
    // A report that can't be written is not lost: the next pass makes it from the log.
    fs::create_dir(copy.join("removed.jsonl")).unwrap();
    assert!(matches!(mirror.pass(now(), &go_on), Err(MirrorError::Disk(_))));
    fs::remove_dir(copy.join("removed.jsonl")).unwrap();
    let pass = mirror.pass(now(), &go_on).unwrap();
    let [removed] = &pass.removed[..] else { panic!("{pass:?}") };
    assert_eq!((removed.entry, removed.by, removed.ground.as_str()), (index, by, "erasure"));
    assert_eq!(removed.signed_by, operator().verifying_key().name().as_str());
    assert!(mirror.ledger().wait_published(Duration::from_secs(10)));
    gone(&copy, "rahsia yang tersilap");
    let lines = fs::read_to_string(copy.join("removed.jsonl")).unwrap();
    let line: Value = serde_json::from_str(lines.trim_end()).unwrap();
    assert_eq!(
        (&line["entry"], &line["by"], &line["blobs"]),
        (&json!(index), &json!(by), &json!(["content"]))
    );
    is_valid(&copy);
    // A mirror that begins later never has the words.
    let late = tmp.path().join("late");
    let mut second = self::mirror(&one, &late, Keeps::default());
    let pass = second.pass(now(), &go_on).unwrap();
    assert_eq!((pass.wanting, pass.removed.len()), (0, 1));
    assert!(second.ledger().wait_published(Duration::from_secs(10)));
    gone(&late, "rahsia yang tersilap");
    is_valid(&late);
    // Once they are given back, the mirrors have them again.
    let release = say(
        "content.released",
        Some(story.case),
        json!({"entry": id}),
        json!({"blobs": ["content"], "ground": "error"}),
        None,
    );
    let mut release = release.sign(&[&operator()]).1;
    release.restored = secret.content.clone();
    ledger.record_blocking(vec![release], false).remove(0).unwrap();
    assert!(ledger.wait_published(Duration::from_secs(10)));
    let last = tmp.path().join("last");
    let mut third = self::mirror(&one, &last, Keeps::default());
    for (mirror, dir) in [(&mut mirror, &copy), (&mut second, &late), (&mut third, &last)] {
        for _ in 0..3 {
            let pass = mirror.pass(now(), &go_on).unwrap();
            assert_eq!(pass.removed, [], "told before, or here again");
            std::thread::sleep(Duration::from_millis(300));
        }
        assert!(holds(dir, "rahsia yang tersilap"));
        is_valid(dir);
    }
}

/// Whether any file of a folder holds a text.
fn holds(dir: &Path, text: &str) -> bool {
    let has = |bytes: Vec<u8>| bytes.windows(text.len()).any(|w| w == text.as_bytes());
    files_under(dir).iter().any(|path| fs::read(path).is_ok_and(has))
}

/// Waits until no file of a folder holds a text any more.
fn gone(dir: &Path, text: &str) {
    let until = Instant::now() + Duration::from_secs(10);
    while holds(dir, text) {
        assert!(Instant::now() < until, "it stays");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn of_an_entry_that_withholds_a_mirror_may_lack_the_words_too() {
    let tmp = tempfile::tempdir().unwrap();
    let (one, copy) = (tmp.path().join("one"), tmp.path().join("copy"));
    let (ledger, story) = ledger(&one, 300, "awal");
    let (of, secret) = statement(&story, "rahsia yang tersilap");
    let words = Some(json!({"authority": "mahkamah"}));
    let facts = json!({"blobs": ["content"], "ground": "erasure"});
    let withhold = say("content.withheld", Some(story.case), json!({"entry": of}), facts, words);
    for submission in [secret, withhold.sign(&[&operator()]).1] {
        ledger.record_blocking(vec![submission], false).remove(0).unwrap();
    }
    assert!(ledger.wait_published(Duration::from_secs(10)));
    let mut facts = mirror(&one, &copy, Keeps { words: false, files: None, ..Keeps::default() });
    let size = facts.pass(now(), &go_on).unwrap().size;
    assert!(facts.ledger().wait_published(Duration::from_secs(10)));
    let width = (size % 256) as u16;
    let path = onrecord::log::TilePath::new(onrecord::log::TileKind::Contents, size / 256, width).unwrap();
    let tile = facts.ledger().reader().tile(&path).unwrap().unwrap();
    let last = onrecord::log::decode_contents(&tile, width).unwrap().pop().unwrap();
    assert_eq!(last, onrecord::log::Words::Withheld, "it commits to words, and they are not here");
}

#[test]
fn words_are_held_back_for_a_while_and_facts_are_not() {
    let tmp = tempfile::tempdir().unwrap();
    let (one, copy) = (tmp.path().join("one"), tmp.path().join("copy"));
    let (ledger, story) = ledger(&one, 300, "awal");
    let (id, mistake) = statement(&story, "tersilap tulis");
    ledger.record_blocking(vec![mistake], false).remove(0).unwrap();
    assert!(ledger.wait_published(Duration::from_secs(10)));
    let keeps = Keeps { hold: Duration::from_secs(86_400), ..Keeps::default() };
    let mut mirror = mirror(&one, &copy, keeps.clone());
    let pass = mirror.pass(now(), &go_on).unwrap();
    assert!(pass.wanting > 300 && pass.size == 306, "{pass:?}");
    assert!(mirror.ledger().wait_published(Duration::from_secs(10)));
    assert!(!holds(&copy, "tersilap tulis") && !holds(&copy, "awal 7"));
    // The mistake is withheld before it was copied. After a restart the mirror still wants the other words.
    record(&ledger, withhold(Some(story.case), id, "error", &["content"]));
    assert!(ledger.wait_published(Duration::from_secs(10)));
    mirror.ledger().close();
    drop(mirror);
    let mut mirror = self::mirror(&one, &copy, keeps);
    let search = Search::start(mirror.ledger().reader());
    let found = |mirror: &Mirror| {
        let query = Query::parse("awal").unwrap();
        let views = Views::new(mirror.ledger().reader());
        search.find(&views, &query, &Filter::default(), Order::Newest, None, 10).unwrap().hits.len()
    };
    let until = Instant::now() + Duration::from_secs(20);
    assert_eq!(mirror.pass(at(86_460), &go_on).unwrap().wanting, 0);
    while !holds(&copy, "awal 7") || !fs::read_to_string(copy.join("wanted")).unwrap().is_empty() {
        assert!(Instant::now() < until);
        std::thread::sleep(Duration::from_millis(100));
        mirror.pass(at(86_460), &go_on).unwrap();
    }
    assert!(holds(&copy, "awal 7") && !holds(&copy, "tersilap tulis"));
    while found(&mirror) < 10 {
        assert!(Instant::now() < until, "what came later is found too");
        std::thread::sleep(Duration::from_millis(20));
    }
    is_valid(&copy);
    assert_eq!(whole(&one), whole(&copy));
}

/// What a server keeps of a party was read when words were missing. It must not outlive that.
#[test]
fn a_name_that_comes_late_is_told_without_a_new_start() {
    let tmp = tempfile::tempdir().unwrap();
    let (one, copy) = (tmp.path().join("one"), tmp.path().join("copy"));
    let (_ledger, story) = ledger(&one, 3, "awal");
    let keeps = Keeps { hold: Duration::from_secs(86_400), ..Keeps::default() };
    let mut mirror = mirror(&one, &copy, keeps);
    assert!(mirror.pass(now(), &go_on).unwrap().wanting > 0);
    let kept = Arc::new(Cache::default());
    let name = |mirror: &Mirror| Views::cached(mirror.ledger().reader(), &kept).name(&story.agency).unwrap();
    assert_eq!(name(&mirror), Name::Unnamed);
    let until = Instant::now() + Duration::from_secs(20);
    while name(&mirror) == Name::Unnamed {
        assert!(Instant::now() < until, "the words are here");
        mirror.pass(at(86_460), &go_on).unwrap();
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(matches!(name(&mirror), Name::Known(_)));
}

#[test]
fn facts_alone_are_a_ledger_too_and_words_may_be_asked_for_later() {
    let tmp = tempfile::tempdir().unwrap();
    let (one, copy) = (tmp.path().join("one"), tmp.path().join("copy"));
    let _ledger = ledger(&one, 300, "awal");
    let mut facts = mirror(&one, &copy, Keeps { words: false, files: None, ..Keeps::default() });
    assert_eq!(facts.pass(now(), &go_on).unwrap().size, 305);
    assert!(facts.ledger().wait_published(Duration::from_secs(10)));
    assert!(!holds(&copy, "awal 7"));
    let (code, text) = run(&["verify", path(&copy), "--key", &vkey().to_string(), "--no-words"]);
    assert_eq!(code, Some(0), "{text}");
    facts.ledger().close();
    drop(facts);
    // Its pages do not call the words missing: that would accuse the ledger.
    let served = Served::start(path(&one), &copy, &["--no-words"]);
    let page = String::from_utf8(served.get("/e/300").body).unwrap();
    assert!(page.contains("not kept here") && !page.contains(">missing<"), "{page}");
    assert_eq!(served.stop(), Some(0));
    let mut all = mirror(&one, &copy, Keeps::default());
    let mut wanting = 0;
    for _ in 0..3 {
        wanting = all.pass(now(), &go_on).unwrap().wanting;
        std::thread::sleep(Duration::from_millis(300));
    }
    assert_eq!(wanting, 0);
    is_valid(&copy);
    assert_eq!(whole(&one), whole(&copy));
}

/// Copies a folder.
fn copy_of(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    // The mode of `keys` matters.
    fs::set_permissions(to, fs::metadata(from).unwrap().permissions()).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() { copy_of(&path, &to) } else { assert!(fs::copy(&path, &to).is_ok()) }
    }
}

/// Changes one byte of a file, at the place of a text.
fn change(file: &Path, text: &str) {
    let mut bytes = fs::read(file).unwrap();
    let at = bytes.windows(text.len()).position(|w| w == text.as_bytes()).unwrap();
    bytes[at] ^= 1;
    fs::write(file, bytes).unwrap();
}

#[test]
fn a_broken_copy_is_refused_by_entry_number_and_nothing_of_it_is_taken() {
    let tmp = tempfile::tempdir().unwrap();
    let one = tmp.path().join("one");
    let (ledger, _) = ledger(&one, 600, "satu");
    ledger.close();
    let try_it = |name: &str, breaks: &dyn Fn(&Path)| {
        let (broken, copy) = (tmp.path().join(format!("{name}-broken")), tmp.path().join(name));
        copy_of(&one.join("public"), &broken);
        breaks(&broken);
        let mut mirror = mirror(&broken, &copy, Keeps::default());
        let error = mirror.pass(now(), &go_on).unwrap_err();
        let MirrorError::Refused(fault) = &error else { panic!("{name}: {error}") };
        let here = mirror.size();
        (fault.place.to_string(), here)
    };
    let entry_300 = |dir: &Path| {
        let file = dir.join("tile/entries/001");
        let mut bytes = fs::read(&file).unwrap();
        let length = |bytes: &[u8], at: usize| usize::from(u16::from_be_bytes([bytes[at], bytes[at + 1]]));
        let at = (256..300).fold(0, |at, _| at + 2 + length(&bytes, at));
        let middle = at + length(&bytes, at) / 2;
        bytes[middle] ^= 1;
        fs::write(&file, bytes).unwrap();
    };
    assert_eq!(try_it("entry", &entry_300), ("entry 300".into(), 256));
    let words = |dir: &Path| change(&dir.join("content/tile/001"), "satu 300\"");
    assert_eq!(try_it("words", &words), ("entry 305, words".into(), 256));
    let cut = |dir: &Path| {
        let file = dir.join("tile/entries/000");
        let bytes = fs::read(&file).unwrap();
        fs::write(&file, &bytes[..bytes.len() - 5]).unwrap();
    };
    assert_eq!(try_it("cut", &cut), ("entry 255".into(), 0));
    let missing = |dir: &Path| fs::remove_file(dir.join("tile/entries/001")).unwrap();
    assert_eq!(try_it("missing", &missing), ("entry 256".into(), 256));
    let upper = |dir: &Path| {
        let file = dir.join("tile/1/000.p/2");
        let mut bytes = fs::read(&file).unwrap();
        bytes[40] ^= 1;
        fs::write(&file, bytes).unwrap();
    };
    let (place, here) = try_it("upper", &upper);
    assert!(place == "tree" && here == 0, "{place} {here}");
    // A mirror that met a bad copy goes on from a good one.
    let copy = tmp.path().join("entry");
    let mut mirror = mirror(&one, &copy, Keeps::default());
    assert_eq!(mirror.pass(now(), &go_on).unwrap().from, 256);
    assert!(mirror.ledger().wait_published(Duration::from_secs(10)));
    assert_eq!(whole(&one), whole(&copy));
}

#[test]
fn a_forked_origin_is_caught_and_the_report_convinces_who_saw_neither() {
    let tmp = tempfile::tempdir().unwrap();
    let (one, two, copy) = (tmp.path().join("one"), tmp.path().join("two"), tmp.path().join("copy"));
    let (first, _) = ledger(&one, 400, "satu");
    let (_second, _) = ledger(&two, 500, "dua");
    first.close();
    // The origin serves one history first, and another later.
    let shown = tmp.path().join("shown");
    std::os::unix::fs::symlink(one.join("public"), &shown).unwrap();
    let served = Served::start(path(&shown), &copy, &["--metrics", "127.0.0.1:0"]);
    assert_eq!(served.size(), 405);
    let aside = tmp.path().join("aside");
    std::os::unix::fs::symlink(two.join("public"), &aside).unwrap();
    fs::rename(&aside, &shown).unwrap();
    // A source that is a folder is resolved at the start alone, so the mirror is restarted.
    assert_eq!(served.stop(), Some(0));
    let served = Served::start(path(&shown), &copy, &[]);
    let until = Instant::now() + Duration::from_secs(20);
    while !copy.join("fork.json").exists() {
        assert!(Instant::now() < until, "{}", fs::read_to_string(&served.log).unwrap());
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(served.size(), 405, "what was verified first is still served, and nothing of the other");
    let page = String::from_utf8(served.get("/").body).unwrap();
    assert!(page.contains("has signed two histories"), "{page}");
    let ready = served.get("/readyz");
    assert!(ready.status == 503 && String::from_utf8_lossy(&ready.body).contains("two histories"));
    assert_eq!(served.stop(), Some(1));
    // In a folder that has seen neither history.
    let alone = tempfile::tempdir().unwrap();
    let report = alone.path().join("fork.json");
    fs::copy(copy.join("fork.json"), &report).unwrap();
    let (code, text) = run(&["verify", path(&report)]);
    assert!(code == Some(0) && text.contains(&format!("FORK  both are signed by {}", vkey())), "{text}");
    assert!(Fork::prove(&fs::read(&report).unwrap()).is_ok());
    // The mirror does not follow the log again after a restart.
    let (code, text) =
        run(&["mirror", path(&one), "--key", &vkey().to_string(), "--data", path(&copy), "--once"]);
    assert!(code == Some(1) && text.contains("two histories"), "{text}");
}

#[test]
fn where_a_copy_has_no_words_the_flag_that_copies_the_rest_is_named() {
    let tmp = tempfile::tempdir().unwrap();
    let (one, tiles) = (tmp.path().join("one"), tmp.path().join("tiles"));
    let (ledger, _) = ledger(&one, 20, "satu");
    assert!(ledger.wait_published(Duration::from_secs(10)));
    copy_of(&one.join("public"), &tiles);
    fs::remove_dir_all(tiles.join("content")).unwrap();
    let key = vkey().to_string();
    let mirrored = |source: &Path, copy: &str, more: &[&str]| {
        let copy = tmp.path().join(copy);
        run(&[&["mirror", path(source), "--key", &key, "--data", path(&copy), "--once"], more].concat())
    };
    let (code, text) = mirrored(&tiles, "none", &[]);
    assert!(
        code == Some(1) && text.contains("no words are here at all; --no-words copies all else"),
        "{text}"
    );
    assert_eq!(mirrored(&tiles, "facts", &["--no-words"]).0, Some(0));
    assert_eq!(mirrored(&one, "whole", &[]).0, Some(0));
}

#[test]
fn a_copy_that_is_on_its_way_is_not_taken_for_a_whole_one() {
    let tmp = tempfile::tempdir().unwrap();
    let (one, old, other, copy) =
        (tmp.path().join("one"), tmp.path().join("old"), tmp.path().join("other"), tmp.path().join("copy"));
    let (ledger, story) = ledger(&one, 300, "satu");
    copy_of(&one.join("public"), &old);
    more(&ledger, &story, 500, "lagi");
    let _other = self::ledger(&other, 600, "lain");
    let first_bundle = |here: u64, _: u64| here < 256;
    let mut on_its_way = mirror(&one, &copy, Keeps::default());
    assert!(matches!(on_its_way.pass(now(), &first_bundle), Err(MirrorError::Stopped)));
    assert!(on_its_way.size() == 256 && !on_its_way.is_whole());
    on_its_way.ledger().close();
    drop(on_its_way);
    // It is shown fewer entries now than it was catching up to: by an older copy, or by another history.
    for shown in [&old, &other] {
        let again = ["mirror", path(shown), "--key", &vkey().to_string(), "--data", path(&copy), "--once"];
        let (code, text) = run(&again);
        assert_eq!(code, Some(3), "{text}");
        assert!(text.contains("256 of 805 are here") && !text.contains("verified and here"), "{text}");
    }
    let mut whole_one = mirror(&one, &copy, Keeps::default());
    assert_eq!(whole_one.pass(now(), &go_on).unwrap().size, 805);
    assert!(whole_one.ledger().wait_published(Duration::from_secs(10)));
    is_valid(&copy);
}

#[test]
fn stopped_on_its_way_it_serves_what_it_had_though_the_ledger_is_gone() {
    let tmp = tempfile::tempdir().unwrap();
    let (one, copy) = (tmp.path().join("one"), tmp.path().join("copy"));
    let (ledger, story) = ledger(&one, 300, "satu");
    let mut first = mirror(&one, &copy, Keeps::default());
    assert_eq!(first.pass(now(), &go_on).unwrap().size, 305);
    assert!(first.ledger().wait_published(Duration::from_secs(10)));
    more(&ledger, &story, 800, "lagi");
    let some = |here: u64, _: u64| here < 512;
    assert!(matches!(first.pass(now(), &some), Err(MirrorError::Stopped)));
    // Wait until the tile is on the disk.
    let until = Instant::now() + Duration::from_secs(10);
    while !copy.join("public/tile/entries/001").exists() {
        assert!(Instant::now() < until);
        std::thread::sleep(Duration::from_millis(20));
    }
    first.ledger().close();
    drop(first);
    // Nobody listens there.
    let served = Served::start("http://127.0.0.1:1", &copy, &["--metrics", "127.0.0.1:0"]);
    assert_eq!((served.size(), served.get("/readyz").status), (305, 200));
    assert_eq!((served.get("/entry/304").status, served.get("/entry/305").status), (200, 404));
    let page = String::from_utf8(served.get("/").body).unwrap();
    assert!(page.contains("The last look failed"), "{page}");
    assert_eq!(served.stop(), Some(0));
    let mut again = mirror(&one, &copy, Keeps::default());
    assert!(again.size() >= 512);
    assert_eq!(again.pass(now(), &go_on).unwrap().size, 1_105);
    assert!(again.ledger().wait_published(Duration::from_secs(10)));
    assert_eq!(whole(&one), whole(&copy));
}

#[test]
fn files_that_are_not_here_are_asked_for_again() {
    let tmp = tempfile::tempdir().unwrap();
    let (one, copy) = (tmp.path().join("one"), tmp.path().join("copy"));
    let (ledger, _) = ledger(&one, 10, "satu");
    let exhibits = [&b"letter"[..], &b"a longer letter, which some have no room for"[..]].map(|bytes| {
        let file = upload(&ledger, "surat.txt", bytes);
        let facts = json!({"method": "upload", "captured": "2023-12-15"});
        let words = Some(json!({"description": "a letter"}));
        let said = Say {
            files: std::slice::from_ref(&file),
            ..say("exhibit.captured", None, Value::Null, facts, words)
        };
        record(&ledger, said.sign(&[&desk()]));
        file
    });
    assert!(ledger.wait_published(Duration::from_secs(10)));
    let wants = |keeps: Keeps, files: u64| {
        let mut mirror = mirror(&one, &copy, keeps);
        for _ in 0..2 {
            assert_eq!(mirror.pass(now(), &go_on).unwrap().files_wanting, files);
            assert!(mirror.ledger().wait_published(Duration::from_secs(10)));
        }
        mirror.ledger().close();
    };
    wants(Keeps { files: None, ..Keeps::default() }, 2);
    wants(Keeps { files: Some(10), ..Keeps::default() }, 1);
    // A file that the ledger can't give for a while.
    let files = one.join("public/file");
    let held = files_under(&files).into_iter().find(|p| p.ends_with(exhibits[1].blake3.to_string())).unwrap();
    let aside = tmp.path().join("aside");
    fs::rename(&held, &aside).unwrap();
    let mut mirror = mirror(&one, &copy, Keeps::default());
    for _ in 0..3 {
        assert_eq!(mirror.pass(now(), &go_on).unwrap().files_wanting, 1);
    }
    fs::rename(&aside, &held).unwrap();
    assert_eq!(mirror.pass(now(), &go_on).unwrap().files_wanting, 0);
    assert!(mirror.ledger().wait_published(Duration::from_secs(10)));
    is_valid(&copy);
    assert_eq!(whole(&one), whole(&copy));
}

#[test]
fn no_status_makes_a_mirror_remove_anything() {
    let tmp = tempfile::tempdir().unwrap();
    let (one, copy) = (tmp.path().join("one"), tmp.path().join("copy"));
    let (ledger, story) = ledger(&one, 30, "awal");
    let letter = captured(&ledger);
    // All requests for words and files are answered with this status, or as they should be if it is 0.
    let status = Arc::new(AtomicUsize::new(0));
    let now_is = status.clone();
    let rule = move |path: &str, bytes: Option<Vec<u8>>, _: &str| {
        let kept_back = path.starts_with("content/") || path.starts_with("file/");
        match (now_is.load(Ordering::SeqCst), bytes) {
            (0, Some(bytes)) => (200, String::new(), bytes),
            (0, None) => (404, String::new(), b"none".to_vec()),
            (_, Some(bytes)) if !kept_back => (200, String::new(), bytes),
            (status, _) if kept_back => (status as u16, String::new(), b"<Error/>".to_vec()),
            _ => (404, String::new(), b"none".to_vec()),
        }
    };
    let address = files::serve(&one.join("public"), Arc::new(rule));
    let source = HttpSource::new(&format!("http://{address}")).unwrap();
    let mut mirror =
        Mirror::open(Arc::new(source), vkey(), &copy, Keeps::default(), LedgerOptions::default()).unwrap();
    assert_eq!(mirror.pass(now(), &go_on).unwrap().size, 36);
    assert!(mirror.ledger().wait_published(Duration::from_secs(10)));
    let file = copy.join("public/file").join(letter.blake3.to_string());
    for (n, of) in (0..).zip([200, 404, 410, 403, 451, 500, 503]) {
        more(&ledger, &story, 1, &format!("status {of}"));
        status.store(of, Ordering::SeqCst);
        let pass = mirror.pass(now(), &go_on);
        match (of, pass) {
            (200, Err(MirrorError::Refused(fault))) => {
                assert!(fault.what.contains("content/tile/"), "{fault:?}")
            }
            (500.., Err(MirrorError::Unreachable(why))) => assert!(why.contains(&of.to_string()), "{why}"),
            (400..500, Ok(pass)) => {
                assert_eq!((pass.size, pass.wanting), (37 + n, 1), "{of}: {pass:?}");
                assert_eq!(pass.answer, (of != 404).then_some(of as u16), "{pass:?}");
                assert_eq!(pass.removed, []);
            }
            (_, other) => panic!("{of}: {other:?}"),
        }
        assert!(mirror.ledger().wait_published(Duration::from_secs(10)));
        assert!(holds(&copy, "awal 7") && file.exists(), "{of}");
        assert!(!copy.join("removed.jsonl").exists(), "{of}");
        // It has what it could not get before, once it can.
        status.store(0, Ordering::SeqCst);
        let until = Instant::now() + Duration::from_secs(20);
        while mirror.pass(now(), &go_on).unwrap().wanting > 0 || !holds(&copy, &format!("status {of} 0")) {
            assert!(Instant::now() < until, "{of}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    assert!(mirror.ledger().wait_published(Duration::from_secs(10)));
    is_valid(&copy);
}

#[test]
fn the_alert_rules_ask_for_numbers_that_a_mirror_has() {
    let tmp = tempfile::tempdir().unwrap();
    let (one, copy) = (tmp.path().join("one"), tmp.path().join("copy"));
    let _ledger = ledger(&one, 10, "satu");
    let port = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let served = Served::start(path(&one), &copy, &["--metrics", &port.to_string()]);
    let numbers = send(port, "GET", "/metrics", &[], b"").text();
    assert_eq!(served.stop(), Some(0));
    let rules = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/alerts.yml")).unwrap();
    let mut asked = 0;
    for name in rules.lines().filter_map(|l| l.trim().strip_prefix("expr: ")).flat_map(|expr| {
        expr.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).filter(|n| n.contains("_mirror_"))
    }) {
        asked += 1;
        assert!(numbers.lines().any(|line| line.starts_with(&format!("{name} "))), "{name}: {numbers}");
    }
    assert!(asked >= 3, "only {asked} are asked for");
}

#[test]
fn an_older_log_is_no_fork_and_another_short_one_is() {
    let tmp = tempfile::tempdir().unwrap();
    let (one, old, other, copy) =
        (tmp.path().join("one"), tmp.path().join("old"), tmp.path().join("other"), tmp.path().join("copy"));
    let (ledger, story) = ledger(&one, 300, "satu");
    copy_of(&one.join("public"), &old);
    more(&ledger, &story, 100, "lagi");
    let _other = self::ledger(&other, 50, "lain");
    let mut mirror = mirror(&one, &copy, Keeps::default());
    assert_eq!(mirror.pass(now(), &go_on).unwrap().size, 405);
    mirror.ledger().close();
    drop(mirror);
    // A ledger that was rolled back shows less than it signed before. The mirror keeps what it has, and says so.
    let mut back = self::mirror(&old, &copy, Keeps::default());
    assert_eq!(back.pass(now(), &go_on).unwrap().size, 405);
    assert!(back.status().now().sentence().contains("shows fewer entries than it did"));
    back.ledger().close();
    drop(back);
    let mut forked = self::mirror(&other, &copy, Keeps::default());
    let error = forked.pass(now(), &go_on).unwrap_err();
    assert!(matches!(error, MirrorError::Forked(_)), "{error}");
    assert!(Fork::prove(&fs::read(copy.join("fork.json")).unwrap()).is_ok());
}

#[test]
fn a_server_of_plain_files_is_as_good_and_it_follows_while_served() {
    let tmp = tempfile::tempdir().unwrap();
    let (one, copy) = (tmp.path().join("one"), tmp.path().join("copy"));
    let (ledger, story) = ledger(&one, 300, "satu");
    ledger.close();
    drop(ledger);
    let origin = Program::serve(&one);
    let served = Served::start(&format!("http://{}", origin.address), &copy, &[]);
    assert_eq!(served.size(), 305);
    for n in 0..3 {
        let answer = submit(origin.address, &statement(&story, &format!("kemudian {n}")).1);
        assert!(answer.contains("\"receipt\":{"), "{answer}");
    }
    served.wait_for(308);
    let entry = served.get("/entry/307");
    assert_eq!(entry.body, send(origin.address, "GET", "/entry/307", &[], b"").body);
    // The mirror answers queries from what it shows. It takes no events.
    let query = json!({"query": "{ events(last: 1) { nodes { index } } }"}).to_string();
    let answer =
        send(served.address, "POST", "/graphql", &[("Content-Type", "application/json")], query.as_bytes());
    assert_eq!(answer.json()["data"]["events"]["nodes"][0]["index"], json!(307));
    // There it says too that it is a mirror. The ledger says that it is none.
    let query =
        json!({"query": "{ ledger { mirror { of behind ledgerSize followed forked } } }"}).to_string();
    let standing = |address| {
        let headers = [("Content-Type", "application/json")];
        send(address, "POST", "/graphql", &headers, query.as_bytes()).json()["data"]["ledger"]["mirror"]
            .clone()
    };
    assert_eq!(standing(origin.address), Value::Null);
    let mirror = standing(served.address);
    assert_eq!(mirror["of"], format!("http://{}", origin.address));
    assert_eq!((&mirror["behind"], &mirror["forked"]), (&json!(0), &json!(false)));
    assert!(mirror["followed"].is_string(), "{mirror}");
    let refused = submit(served.address, &statement(&story, "di sini").1);
    assert!(refused.contains("LEDGER_READ_ONLY") && refused.contains("this is a mirror"), "{refused}");
    drop(origin);
    // The origin is gone; the mirror serves.
    assert_eq!(served.get("/e/307").status, 200);
    let until = Instant::now() + Duration::from_secs(30);
    while !String::from_utf8(served.get("/").body).unwrap().contains("The last look failed") {
        assert!(Instant::now() < until);
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(served.stop(), Some(0));
}

fn submit(address: SocketAddr, s: &onrecord::ledger::Submission) -> String {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let submission = json!({"note": text(&s.note), "content": s.content.as_deref().map(text)});
    let query = "mutation($input: RecordInput!) { record(input: $input) {
        results { receipt { index } userErrors { code message } } userErrors { code } } }";
    let body = json!({"query": query, "variables": {"input": {"submissions": [submission]}}}).to_string();
    let answer = send(address, "POST", "/graphql", &[("Content-Type", "application/json")], body.as_bytes());
    String::from_utf8(answer.body).unwrap()
}

/// A folder, and the bundles that were read from it since they were last taken.
struct Counted {
    folder: FolderSource,
    bundles: Mutex<Vec<String>>,
}

impl Source for Counted {
    fn open(&self, path: &str) -> Result<Option<Box<dyn Read + Send>>, SourceError> {
        if let Some(bundle) = path.strip_prefix("tile/entries/") {
            self.bundles.lock().unwrap().push(bundle.to_owned());
        }
        self.folder.open(path)
    }
    fn describe(&self) -> String {
        "counted".into()
    }
}

/// A ledger of three bundles that ends with a lie, and a mirror of it.
struct Lied {
    source: Arc<Counted>,
    copy: PathBuf,
    entries: Vec<String>,
    _tmp: tempfile::TempDir,
}

impl Lied {
    /// Adds the event that `said` makes, with a header that `change` has changed.
    fn with(said: impl FnOnce(&Story) -> Submission, change: impl FnOnce(&mut Header, &Story)) -> Self {
        let tmp = tempfile::tempdir().unwrap();
        let (one, shown, copy) = (tmp.path().join("one"), tmp.path().join("shown"), tmp.path().join("copy"));
        let (ledger, story) = ledger(&one, 600, "satu");
        let reader = ledger.reader();
        let mut forger = Forger::default();
        for index in 0..reader.checkpoint().checkpoint().size() {
            let raw = reader.entry(index).unwrap().unwrap();
            forger.entries.push(String::from_utf8(raw.to_vec()).unwrap());
            forger.words.push(None);
        }
        let last = forger.entry(forger.size() - 1).header().time;
        forger.add_as(&said(&story), |header| {
            header.time = last;
            change(header, &story);
        });
        forger::write(&forger.files(), &shown);
        let source = Counted { folder: FolderSource::open(&shown).unwrap(), bundles: Mutex::default() };
        Self { source: Arc::new(source), copy, entries: forger.entries, _tmp: tmp }
    }

    /// Its mirror, without words.
    fn mirror(&self) -> Mirror {
        let keeps = Keeps { words: false, files: None, ..Keeps::default() };
        let source: Arc<dyn Source + Send> = self.source.clone();
        Mirror::open(source, vkey(), &self.copy, keeps, LedgerOptions::default()).unwrap()
    }

    /// Runs a pass that must fail. Gives its error, the bundles that it read, and how often it asked `go_on`, which is given that
    /// number each time.
    fn pass(
        &self,
        mirror: &mut Mirror,
        go_on: impl Fn(usize) -> bool + Sync,
    ) -> (MirrorError, Vec<String>, usize) {
        let asked = AtomicUsize::new(0);
        let error = mirror.pass(now(), &|_, _| go_on(asked.fetch_add(1, Ordering::SeqCst) + 1)).unwrap_err();
        let mut bundles = std::mem::take(&mut *self.source.bundles.lock().unwrap());
        bundles.sort();
        (error, bundles, asked.into_inner())
    }
}

/// Holds that the last entry was refused, in words that hold `what`. Gives all the words.
#[track_caller]
fn is_refused(lied: &Lied, error: &MirrorError, what: &str) -> String {
    let MirrorError::Refused(fault) = error else { panic!("{error}") };
    assert_eq!(fault.place, Place::Entry(lied.entries.len() as u64 - 1), "{}", fault.what);
    assert!(fault.what.contains(what), "{}", fault.what);
    fault.what.clone()
}

#[test]
fn what_a_refused_entry_contradicts_is_looked_for_once_and_not_in_the_source() {
    // A key that nobody on record has: the entry is refused, and no other entry contradicts it.
    let stranger = key("newsroom.example/new", 98);
    let facts = statement_facts;
    let said = |story: &Story| {
        let refs = json!({"speaker": story.agency});
        let words = Some(json!({"text": "dari siapa"}));
        say("statement.made", Some(story.case), refs, facts(), words).sign(&[&stranger]).1
    };
    let lied = Lied::with(said, |header, story| header.signers[0] = (story.desk, 1));
    let all = ["000", "001", &format!("002.p/{}", lied.entries.len() - 512)].map(str::to_owned);
    let mut mirror = lied.mirror();
    // It is stopped while it searches for a contradiction, after two bundles were taken.
    let (error, bundles, asked) = lied.pass(&mut mirror, |time| time < 3);
    assert!(matches!(error, MirrorError::Stopped), "{error}");
    assert_eq!((bundles.as_slice(), asked), (&all[..], 3));
    // It searches its own copy, and not the source.
    let (error, bundles, asked) = lied.pass(&mut mirror, |_| true);
    is_refused(&lied, &error, "KEY_UNKNOWN");
    assert_eq!(bundles, all[2..]);
    assert!(asked > 0);
    // It never searches for the same again.
    let (error, bundles, asked) = lied.pass(&mut mirror, |_| false);
    is_refused(&lied, &error, "KEY_UNKNOWN");
    assert_eq!((bundles.as_slice(), asked), (&all[2..], 0));
    mirror.ledger().close();
    drop(mirror);
    let (error, bundles, asked) = lied.pass(&mut lied.mirror(), |_| false);
    is_refused(&lied, &error, "KEY_UNKNOWN");
    assert_eq!((bundles.as_slice(), asked), (&all[2..], 0));
    assert!(!lied.copy.join("contradiction.json").exists());
}

#[test]
fn an_entry_far_before_that_contradicts_a_refused_one_is_found_in_the_copy() {
    // A number that an early entry of the party's thread has.
    let update = |story: &Story| {
        let refs = json!({"party": story.agency});
        let words = Some(json!({"name": "Lain"}));
        say("party.updated", None, refs, json!({}), words).sign(&[&operator()]).1
    };
    let lied = Lied::with(update, |header, _| header.k = 0);
    let mut mirror = lied.mirror();
    let (error, bundles, _) = lied.pass(&mut mirror, |_| true);
    let said = is_refused(&lied, &error, "contradiction.json proves it");
    assert_eq!(bundles.len(), 3, "each is read to be copied, and none again: {bundles:?}");
    let proof = fs::read(lied.copy.join("contradiction.json")).unwrap();
    let entries = Contradiction::prove(&proof).unwrap().entries;
    assert!(entries[0] < 6 && entries[1] == lied.entries.len() as u64 - 1, "{entries:?}");
    // It says so each time, also after a restart.
    let (error, _, asked) = lied.pass(&mut mirror, |_| false);
    assert_eq!((is_refused(&lied, &error, "thread: expected"), asked), (said.clone(), 0));
    mirror.ledger().close();
    drop(mirror);
    let (error, _, asked) = lied.pass(&mut lied.mirror(), |_| false);
    assert_eq!((is_refused(&lied, &error, "thread: expected"), asked), (said, 0));
}
