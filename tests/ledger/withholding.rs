//! What is withheld stands in no byte of the folder, can't be told from what was never there, and is refused when it comes back.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::http::{Reply, Server};
use crate::support::*;
use crate::world::World;
use onrecord::{
    event::{Code, Digest, EventId, FileRef},
    ledger::{Blob, Ledger, StoredWords, Submission},
    ops,
    verify::{FolderSource, Options, Verdict, verify},
};
use serde_json::{Value, json};

const NAME: &str = "surat-sulit-4471.txt";
const TEXT: &str = "keterangan yang tidak boleh disebarkan 4471";
const FILE: &[u8] = b"isi surat yang tidak boleh disebarkan 4471";

fn exhibit(story: &Story, files: &[FileRef]) -> (EventId, Submission) {
    captured(story, TEXT, files)
}

fn touch(story: &Story, event_type: &str, ground: &str, id: EventId, blobs: Value) -> Submission {
    let facts = json!({"ground": ground, "blobs": blobs});
    // The salted words make each a new event. One that is on record already would change nothing.
    let words = Some(json!({"authority": "Mahkamah"}));
    say(event_type, Some(story.case), json!({"entry": id}), facts, words).sign(&[&operator()]).1
}

fn withhold(story: &Story, id: EventId, blobs: Value) -> Submission {
    touch(story, "content.withheld", "court_order", id, blobs)
}

fn record(ledger: &Ledger, s: Submission) -> Result<u64, Code> {
    ledger.record_blocking(vec![s], false).remove(0).map(|r| r.index).map_err(|r| r.code)
}

fn walk(dir: &Path) -> Vec<PathBuf> {
    let mut out = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => out.extend(walk(&path)),
            false => out.push(path),
        }
    }
    out
}

/// Every trace that would give away what was withheld: text, name, bytes, and digests in every form.
fn traces() -> Vec<Vec<u8>> {
    use sha2::Digest as _;
    let (blake3, sha256) = (Digest::blake3(FILE), Digest(sha2::Sha256::digest(FILE).into()));
    vec![
        TEXT.into(),
        NAME.into(),
        FILE.into(),
        blake3.to_string().into(),
        sha256.to_string().into(),
        blake3.0.to_vec(),
        sha256.0.to_vec(),
    ]
}

/// The files of a folder that hold a trace, in their names too.
fn grep(dir: &Path, traces: &[Vec<u8>]) -> Vec<String> {
    let mut found = Vec::new();
    for path in walk(dir) {
        let Ok(mut bytes) = fs::read(&path) else { continue };
        bytes.extend_from_slice(path.to_str().unwrap().as_bytes());
        for (i, trace) in traces.iter().enumerate() {
            if bytes.windows(trace.len()).any(|w| w == trace) {
                found.push(format!("{}: trace {i}", path.display()));
            }
        }
    }
    found
}

fn gone(dir: &Path, traces: &[Vec<u8>]) {
    let mut left = Vec::new();
    for _ in 0..100 {
        left = grep(dir, traces);
        if left.is_empty() {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("left: {left:#?}");
}

fn valid(dir: &Path) {
    let source = FolderSource::open(dir).unwrap();
    let report = verify(&source, Some(key(ORIGIN, 1).verifying_key()), &Options::default(), &|_, _| {});
    assert_eq!(report.verdict, Verdict::Valid, "{report}");
}

fn sound(dir: &Path) {
    let found = ops::fsck(dir, None, &|_, _| {}).unwrap();
    assert!(found.faults.is_empty(), "{found}");
}

#[test]
fn withheld_words_and_files_stand_in_no_byte_of_the_folder_nor_of_a_backup() {
    let World { tmp, ledger, story, dir, .. } = World::small();
    let file = upload(&ledger, NAME, FILE);
    let (id, s) = exhibit(&story, std::slice::from_ref(&file));
    record(&ledger, s.clone()).unwrap();
    // Enough entries that the words stand in a full tile, and that partial tiles of many widths were written.
    for i in 0..30 {
        let batch = (0..10).map(|j| statement(&story, &format!("biasa {i} {j}")).1).collect();
        record_all(&ledger, batch);
        ledger.wait_published(Duration::from_secs(10));
    }
    assert!(ledger.wait_published(Duration::from_secs(10)));
    let copy = tmp.path().join("copy");
    let first = ops::backup(&dir, &copy, false).unwrap();
    assert!(first.written > 5 && first.kept == 0, "{first:?}");
    let seen = grep(&dir, &traces());
    assert!(seen.len() > 2 && !grep(&copy, &traces()).is_empty(), "the search finds what is there: {seen:?}");
    assert!(!seen.iter().any(|s| s.contains("/index/")), "the index never held any of it: {seen:?}");

    let by = record(&ledger, withhold(&story, id, json!(["content", "files/0"]))).unwrap();
    gone(&dir, &traces());
    let reader = ledger.reader();
    assert_eq!(reader.content(&Digest::blake3(s.content.as_ref().unwrap())).unwrap(), Blob::Withheld(by));
    assert!(ledger.wait_published(Duration::from_secs(10)));
    valid(&dir);

    // A backup that held it loses it at its next run; a new one never has it.
    let second = ops::backup(&dir, &copy, false).unwrap();
    assert!(second.kept >= 3 && second.removed >= 1, "{second:?}");
    let anew = tmp.path().join("anew");
    ops::backup(&dir, &anew, false).unwrap();
    for copy in [&copy, &anew] {
        assert_eq!(grep(copy, &traces()), Vec::<String>::new());
        valid(copy);
    }

    // The bytes are refused in another event, and submitting the first event again does not restore them.
    assert_eq!(record(&ledger, s.clone()).unwrap(), 5, "its entry");
    let again = upload(&ledger, "lain.txt", FILE);
    let facts = json!({"method": "scan", "captured": "2023-12-15"});
    let with = |files: &[FileRef]| {
        let words = Some(json!({"description": "lain"}));
        let mut said = say("exhibit.captured", Some(story.case), Value::Null, facts.clone(), words);
        said.files = files;
        said.sign(&[&desk()]).1
    };
    assert_eq!(record(&ledger, with(std::slice::from_ref(&again))), Err(Code::BlobWithheld));
    ledger.close();
    drop(ledger);
    // The mark outlives a restart and the loss of the index.
    fs::remove_dir_all(dir.join("index")).unwrap();
    let ledger = open(&dir);
    upload(&ledger, "lain.txt", FILE);
    assert_eq!(record(&ledger, with(std::slice::from_ref(&again))), Err(Code::BlobWithheld));
    ledger.close();
    drop(ledger);
    let ledger = open(&dir);
    assert_eq!(grep(&dir.join("upload"), &traces()), Vec::<String>::new(), "not even as an upload");
    assert_eq!(record(&ledger, with(&[again])), Err(Code::FileMissing));
    ledger.close();
    drop(ledger);
    sound(&dir);

    let back = tmp.path().join("back");
    ops::backup(&dir, &copy, true).unwrap();
    ops::restore(&copy, &back).unwrap();
    let ledger = open(&back);
    let other = upload(&ledger, "lain.txt", FILE);
    assert_eq!(record(&ledger, with(&[other])), Err(Code::BlobWithheld));
}

#[test]
fn a_file_that_is_not_there_is_not_withheld() {
    let World { tmp: _tmp, ledger, story, dir, .. } = World::small();
    let (without, s) = statement(&story, "Tiada lampiran.");
    record(&ledger, s).unwrap();
    let file = upload(&ledger, NAME, FILE);
    let (id, s) = exhibit(&story, std::slice::from_ref(&file));
    record(&ledger, s).unwrap();
    for (id, blobs) in [
        (id, json!(["files/1"])),
        (id, json!(["content", "files/0", "files/7"])),
        (without, json!(["files/0"])),
    ] {
        let refused = ledger.record_blocking(vec![withhold(&story, id, blobs)], false).remove(0).unwrap_err();
        assert_eq!((refused.code, refused.place.as_str()), (Code::CheckFailed, "withholding.file"));
        assert!(refused.message.contains("there is no files/"), "{refused}");
    }
    assert!(ledger.reader().file(&file.blake3).unwrap().is_some(), "it is public still");
    // In one batch with the entry that it withholds from, whose words nobody could read yet.
    let (other, s) = statement(&story, "Sebuah lagi.");
    let outcome = ledger.record_blocking(vec![s, withhold(&story, other, json!(["files/0"]))], true);
    assert!(outcome.iter().all(Result::is_err), "{outcome:?}");
    record(&ledger, withhold(&story, id, json!(["files/0"]))).unwrap();
    // Nobody knows which files withheld words name, so any may be withheld.
    record(&ledger, withhold(&story, id, json!(["content"]))).unwrap();
    record(&ledger, withhold(&story, id, json!(["files/3"]))).unwrap();
    ledger.close();
    valid(&dir);
}

/// A file that another entry names without withholding it is served, and no page calls it gone.
#[test]
fn a_file_that_another_entry_names_is_served_until_that_withholds_it_too() {
    let World { tmp: _tmp, ledger, story, .. } = World::small();
    let file = upload(&ledger, NAME, FILE);
    let (first, submission) = exhibit(&story, std::slice::from_ref(&file));
    let one = record(&ledger, submission).unwrap();
    let (second, submission) = exhibit(&story, std::slice::from_ref(&file));
    let two = record(&ledger, submission).unwrap();
    let server = Server::start(ledger.clone());
    let path = format!("/file/{}", file.blake3);
    let named = || {
        let query = "query($file: Hash!) { fileNamedBy(blake3: $file) }";
        server.data(query, json!({"file": file.blake3.to_string()}))["fileNamedBy"].clone()
    };
    assert_eq!(named(), json!([one, two]));
    record(&ledger, withhold(&story, first, json!(["files/0"]))).unwrap();
    assert_eq!((named(), server.get(&path).status), (json!([two]), 200));
    let page = |index: u64| server.get(&format!("/e/{index}")).text();
    let served = format!("The bytes of file 1 are still served here: entry {two} names them too");
    assert!(page(one).contains(&served) && !page(one).contains("are gone"), "{}", page(one));
    record(&ledger, withhold(&story, second, json!(["files/0"]))).unwrap();
    assert_eq!((named(), server.get(&path).status), (json!([]), 404));
    for index in [one, two] {
        let page = page(index);
        assert!(
            page.contains("The bytes are gone from this ledger.") && !page.contains("still served"),
            "{page}"
        );
    }
    // Where the words are withheld too, nobody can tell which files they named.
    record(&ledger, withhold(&story, first, json!(["content"]))).unwrap();
    assert!(page(one).contains("so is each file that only they named"), "{}", page(one));
}

#[test]
fn what_is_given_back_is_there_again_and_its_files_must_be() {
    let World { tmp: _tmp, ledger, story, dir, .. } = World::small();
    let file = upload(&ledger, NAME, FILE);
    let (id, s) = exhibit(&story, std::slice::from_ref(&file));
    let index = record(&ledger, s.clone()).unwrap();
    let blob = s.content.clone().unwrap();
    // The file alone is withheld: the words still name it.
    record(&ledger, withhold(&story, id, json!(["files/0"]))).unwrap();
    gone(&dir, &[FILE.to_vec()]);
    assert!(ledger.reader().file(&file.blake3).unwrap().is_none());
    let give = |blobs: Value, words: Option<&[u8]>| {
        let mut s = touch(&story, "content.released", "order_lifted", id, blobs);
        s.restored = words.map(<[u8]>::to_vec);
        s
    };
    assert_eq!(record(&ledger, give(json!(["files/0"]), None)), Err(Code::FileMissing));
    upload(&ledger, NAME, FILE);
    record(&ledger, give(json!(["files/0"]), None)).unwrap();
    assert!(ledger.reader().file(&file.blake3).unwrap().is_some());
    // The words are withheld: the file goes and comes back with them, though it is not withheld by name.
    record(&ledger, withhold(&story, id, json!(["content"]))).unwrap();
    gone(&dir, &traces());
    assert_eq!(record(&ledger, give(json!(["content"]), Some(&blob))), Err(Code::FileMissing));
    upload(&ledger, NAME, FILE);
    record(&ledger, give(json!(["content"]), Some(&blob))).unwrap();
    // Both are withheld, and given back one after the other.
    record(&ledger, withhold(&story, id, json!(["content", "files/0"]))).unwrap();
    gone(&dir, &traces());
    record(&ledger, give(json!(["content"]), Some(&blob))).unwrap();
    assert!(ledger.reader().file(&file.blake3).unwrap().is_none(), "the file is withheld still");
    upload(&ledger, NAME, FILE);
    record(&ledger, give(json!(["files/0"]), None)).unwrap();
    let mut first = Some(ledger);
    for round in 0..3 {
        let ledger = first.take().unwrap_or_else(|| open(&dir));
        let reader = ledger.reader();
        assert_eq!(reader.words(index).unwrap(), StoredWords::Present(blob.clone().into()), "{round}");
        let (_, size, media) = reader.file(&file.blake3).unwrap().unwrap();
        assert_eq!((size, media.as_str()), (FILE.len() as u64, "text/plain"), "{round}");
        assert!(ledger.wait_published(Duration::from_secs(10)));
        assert_eq!(fs::read(dir.join("public/file").join(file.blake3.to_string())).unwrap(), FILE, "{round}");
        ledger.close();
        drop(ledger);
        if round == 1 {
            fs::remove_dir_all(dir.join("index")).unwrap();
        }
    }
    valid(&dir);
}

#[test]
fn what_is_handed_in_again_stays_though_the_withheld_file_is_only_then_removed() {
    let World { tmp: _tmp, ledger, story, dir, .. } = World::small();
    let file = upload(&ledger, NAME, FILE);
    let (id, s) = exhibit(&story, std::slice::from_ref(&file));
    record(&ledger, s).unwrap();
    for _ in 0..5 {
        assert!(ledger.wait_published(Duration::from_secs(10)));
        record(&ledger, withhold(&story, id, json!(["files/0"]))).unwrap();
        // The upload comes before the publisher has looked, which sleeps for a while after each look.
        upload(&ledger, NAME, FILE);
        assert!(ledger.wait_published(Duration::from_secs(10)));
        assert!(!dir.join("public/file").join(file.blake3.to_string()).exists());
        record(&ledger, touch(&story, "content.released", "order_lifted", id, json!(["files/0"]))).unwrap();
    }
}

#[test]
fn under_embargo_words_and_files_are_never_public_nor_written() {
    let World { tmp: _tmp, ledger, story, dir, .. } = World::small();
    let file = upload(&ledger, NAME, FILE);
    let (id, s) = exhibit(&story, std::slice::from_ref(&file));
    let words = [TEXT.as_bytes().to_vec(), NAME.as_bytes().to_vec()];
    let embargo = touch(&story, "content.withheld", "embargo", id, json!(["content", "files/0"]));
    // A thread looks at every byte while the batch lands.
    std::thread::scope(|scope| {
        let (done, watch) = std::sync::mpsc::channel::<()>();
        let watcher = scope.spawn({
            let dir = &dir;
            let words = &words;
            move || {
                while watch.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) {
                    for path in walk(dir).into_iter().filter(|p| !p.starts_with(dir.join("index"))) {
                        // A file may be gone by now.
                        let bytes = fs::read(&path).unwrap_or_default();
                        let holds = |t: &Vec<u8>| bytes.windows(t.len()).any(|w| w == t);
                        assert!(!words.iter().any(holds), "{}", path.display());
                        assert!(!path.starts_with(dir.join("public/file")), "{}", path.display());
                    }
                }
            }
        });
        let answers = ledger.record_blocking(vec![s, embargo], true);
        let indexes: Vec<u64> = answers.into_iter().map(|a| a.unwrap().index).collect();
        assert_eq!(indexes, [5, 6]);
        assert!(ledger.reader().file(&file.blake3).unwrap().is_none());
        assert_eq!(ledger.reader().words(5).unwrap(), StoredWords::Withheld(6));
        gone(&dir, &traces());
        drop(done);
        watcher.join().unwrap();
    });
    ledger.close();
    drop(ledger);
    assert_eq!(grep(&dir, &traces()), Vec::<String>::new());
    valid(&dir);
    sound(&dir);
}

/// An answer without its date.
fn undated(reply: &Reply) -> (u16, Vec<(String, String)>, Vec<u8>) {
    let headers = reply.headers.iter().filter(|(name, _)| name != "date").cloned().collect();
    (reply.status, headers, reply.body.clone())
}

#[test]
fn a_withheld_file_is_answered_byte_for_byte_as_one_that_never_was() {
    let World { tmp: _tmp, ledger, story, .. } = World::small();
    let file = upload(&ledger, NAME, FILE);
    let (id, s) = exhibit(&story, std::slice::from_ref(&file));
    let content = Digest::blake3(s.content.as_ref().unwrap());
    record(&ledger, s).unwrap();
    let by = record(&ledger, withhold(&story, id, json!(["content", "files/0"]))).unwrap();
    let server = Server::start(ledger);
    let gone = server.get(&format!("/content/{content}"));
    assert_eq!((gone.status, gone.text()), (410, format!("withheld {by}\n")));
    let other = b"isi surat yang tidak pernah disampaikan 44";
    assert_eq!(other.len(), FILE.len());
    let (held, never) = (format!("/file/{}", file.blake3), format!("/file/{}", Digest::blake3(other)));
    for headers in [&[][..], &[("If-None-Match", "*")], &[("Range", "bytes=0-3")], &[("Accept", "text/html")]]
    {
        for method in ["GET", "HEAD", "DELETE"] {
            let [a, b] = [&held, &never].map(|path| undated(&server.send(method, path, headers, b"")));
            assert_eq!(a, b, "{method} {headers:?}");
        }
    }
    assert_eq!(server.get(&held).status, 404);
    for (held_body, never_body) in [(&b"wrong"[..], &b"wrong"[..]), (FILE, &other[..]), (FILE, &other[..])] {
        let a = undated(&server.send("PUT", &held, &[], held_body));
        let b = undated(&server.send("PUT", &never, &[], never_body));
        // A refusal names the digest in the path.
        let text = |(status, headers, body): (u16, Vec<_>, Vec<u8>), digest: &str| {
            (status, headers, String::from_utf8(body).unwrap().replace(digest, "DIGEST"))
        };
        assert_eq!(text(a, &held[6..]), text(b, &never[6..]));
    }
    assert_eq!(undated(&server.get(&held)), undated(&server.get(&never)), "uploaded, and served as little");
}

/// Requests for a withheld file take as long as for one that never was. A thousand are timed in turn: the medians differ by no
/// more than those of two files that never were, give or take a fifth.
#[test]
fn a_withheld_file_is_answered_in_the_time_of_one_that_never_was() {
    let World { tmp: _tmp, ledger, story, .. } = World::small();
    let file = upload(&ledger, NAME, FILE);
    let (id, s) = exhibit(&story, std::slice::from_ref(&file));
    record(&ledger, s).unwrap();
    record(&ledger, withhold(&story, id, json!(["content", "files/0"]))).unwrap();
    // Once all is published, nothing more happens to the file.
    assert!(ledger.wait_published(Duration::from_secs(60)));
    let server = Server::start(ledger);
    let never = |text: &[u8]| format!("/file/{}", Digest::blake3(text));
    let paths = [format!("/file/{}", file.blake3), never(b"never"), never(b"nor this")];
    let mut times = [(); 3].map(|()| Vec::new());
    for round in 0..1_000 {
        // The order changes, so that being first does not count.
        for at in (0..3).map(|i| (i + round) % 3) {
            let began = std::time::Instant::now();
            assert_eq!(server.get(&paths[at]).status, 404);
            times[at].push(began.elapsed().as_nanos());
        }
    }
    let [held, never, other] = times.map(|mut times| {
        times.sort_unstable();
        times[times.len() / 2]
    });
    println!("medians: withheld {held} ns, never there {never} and {other} ns");
    let (least, most) = (never.min(other) * 4 / 5, never.max(other) * 6 / 5);
    assert!((least..=most).contains(&held), "withheld {held} ns, never there {never} and {other} ns");
}
