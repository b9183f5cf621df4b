//! A machine with a ledger on a simulated disk, and what must hold of the ledger at any moment.

#[path = "../../../tests/support/mod.rs"]
pub(super) mod support;

#[path = "../../../tests/support/http.rs"]
pub(super) mod http;

use std::{collections::HashMap, path::Path, sync::Arc, time::Duration};

use crate::{
    event::{Code, Digest, EventId, FileRef, Position},
    ledger::{
        Ledger, LedgerError, Options, StoredWords, Submission,
        clock::SystemTimeSource,
        folder::Folder,
        found::opening_event,
        opening::{Opens, open_with},
    },
    log::{
        Auditor, Checkpoint, Entry, MemoryRows, Rows as _, TileKind, Words, decode_bundle, decode_contents,
        leaf_hash, tiles_of,
    },
    store::{
        disk::Disk as _,
        simulated::{Random, SimulatedDisk},
    },
};
use serde_json::json;
use sha2::Digest as _;
use support::{ORIGIN, Story, desk, key, object, operator, origin, say, statement};

/// A machine with a ledger. The disk is simulated, but settings, key and index lie in a real folder.
pub(super) struct Machine {
    pub dir: tempfile::TempDir,
    pub disk: SimulatedDisk,
    pub story: Option<Story>,
    pub acknowledged: HashMap<EventId, u64>,
    /// Statements that were submitted, and what each says.
    statements: Vec<(EventId, String)>,
    exhibits: Vec<Exhibit>,
}

/// A state of a machine that it can go back to.
pub(super) struct Saved {
    disk: SimulatedDisk,
    acknowledged: HashMap<EventId, u64>,
    statements: Vec<(EventId, String)>,
    exhibits: Vec<Exhibit>,
}

/// An exhibit that was submitted: one file.
#[derive(Clone)]
pub(super) struct Exhibit {
    id: EventId,
    /// The text of its words, which no other words have.
    description: String,
    blob: Vec<u8>,
    file: Vec<u8>,
    /// Whether its file was uploaded a second time, to be given back.
    again: bool,
}

/// Prints where a test was if it fails.
pub(super) struct Note(pub String);

impl Drop for Note {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("in {}", self.0);
        }
    }
}

/// Prints a line of counts, also if the test passes.
pub(super) fn report(line: &str) {
    use std::io::Write as _;
    // stderr itself is not captured by the test harness. It may be closed.
    let _ = writeln!(std::io::stderr(), "{line}");
}

impl Machine {
    pub fn new() -> Self {
        // Settings and index are real files that are made thousands of times: in memory if possible.
        let memory = Path::new("/dev/shm");
        let dir = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
        let log_key = key(ORIGIN, 1);
        Folder::new(dir.path()).make(&origin(), &log_key).unwrap();
        let disk = SimulatedDisk::default();
        for sub in ["journal", "tmp", "public", "upload"] {
            disk.create_dir_all(&dir.path().join(sub)).unwrap();
        }
        for d in dir.path().ancestors() {
            disk.sync_dir(d).unwrap();
        }
        let mut machine = Self {
            dir,
            disk,
            story: None,
            acknowledged: HashMap::new(),
            statements: Vec::new(),
            exhibits: Vec::new(),
        };
        let ledger = machine.open_as(true).unwrap();
        let words = object(serde_json::json!({}));
        let (opened, content) = opening_event(&origin(), &log_key, &operator(), words).unwrap();
        let opened = Submission::new(opened.note().as_bytes().to_vec(), content);
        ledger.record_blocking(vec![opened], false).remove(0).unwrap();
        machine.story = Some(support::tell(&ledger));
        ledger.close();
        machine
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    pub fn open(&self) -> Result<Ledger, LedgerError> {
        self.open_as(false)
    }

    fn open_as(&self, founding: bool) -> Result<Ledger, LedgerError> {
        let options = Options { publish_every: Duration::from_micros(200), ..Options::default() };
        let disk = Arc::new(self.disk.clone());
        open_with(disk, SystemTimeSource::new(), self.path(), options, Opens { founding, ..Opens::default() })
    }

    /// Records until the ledger refuses or 20 batches are done. Remembers what was acknowledged.
    pub fn work(&mut self, ledger: &Ledger, random: &mut Random) {
        let story = self.story.unwrap();
        let mut said: Vec<EventId> = Vec::new();
        for i in 0..20 {
            let mut batch: Vec<Submission> = Vec::new();
            for j in 0..=random.below(4) {
                let text = format!("said {i} {j} {}.", random.below(1 << 40));
                let (id, s) = statement(&story, &text);
                said.push(id);
                self.statements.push((id, text));
                batch.push(s);
            }
            if random.below(4) == 0 {
                let target = said[random.below(said.len() as u64) as usize];
                let facts = json!({"ground": "erasure", "blobs": ["content"]});
                let refs = json!({"entry": target});
                batch.push(
                    say("content.withheld", Some(story.case), refs, facts, None).sign(&[&operator()]).1,
                );
            }
            let embargo = self.exhibit(ledger, random, &mut batch);
            if !self.record(ledger, batch, embargo || random.chance()) {
                return;
            }
        }
    }

    /// Records a batch and remembers what was acknowledged. Gives whether the ledger takes more.
    fn record(&mut self, ledger: &Ledger, batch: Vec<Submission>, atomic: bool) -> bool {
        for answer in ledger.record_blocking(batch, atomic) {
            match answer {
                Ok(receipt) => drop(self.acknowledged.insert(receipt.id, receipt.index)),
                Err(r) if matches!(r.code, Code::LedgerReadOnly | Code::Unavailable) => {}
                // It withholds a second time, or names a statement that was not recorded.
                Err(r) if matches!(r.code, Code::CheckFailed | Code::RefUnknown) => {}
                // The upload failed, or was lost at a start.
                Err(r) if matches!(r.code, Code::FileMissing) => {}
                Err(r) => panic!("{r}"),
            }
        }
        ledger.fault().is_none()
    }

    /// Records the same each time: events of all kinds, one after the other, each published before the next.
    pub fn tell_all(&mut self, ledger: &Ledger) {
        let story = self.story.unwrap();
        let both = json!(["content", "files/0"]);
        for step in 0..6 {
            let mut batch = Vec::new();
            match step {
                0 => {
                    let text = "said once.".to_owned();
                    let (id, said) = statement(&story, &text);
                    self.statements.push((id, text));
                    batch.push(said);
                }
                1 => _ = self.capture(ledger, 1, &mut batch),
                // Withheld after it was published; then in the batch that records it.
                2 => batch.push(self.touch("content.withheld", self.statements[0].0, &json!(["content"]))),
                3 => {
                    let id = self.capture(ledger, 2, &mut batch);
                    batch.push(self.touch("content.withheld", id, &both));
                }
                4 => batch.push(self.touch("content.withheld", self.exhibits[0].id, &both)),
                _ => self.release(ledger, 0, &both, &mut batch),
            }
            if !self.record(ledger, batch, true) || !ledger.wait_published(Duration::from_secs(60)) {
                return;
            }
        }
    }

    /// Uploads a file. If that fails, the event that names the file is refused.
    fn upload(ledger: &Ledger, bytes: &[u8]) {
        let upload = || {
            let mut upload = ledger.upload(Digest::blake3(bytes), [127, 0, 0, 1].into())?;
            upload.write(bytes)?;
            upload.finish()
        };
        let _: Result<(), crate::event::Refusal> = upload();
    }

    /// An event that withholds blobs of another, or gives them back.
    fn touch(&self, event_type: &str, id: EventId, blobs: &serde_json::Value) -> Submission {
        let ground = if event_type == "content.released" { "embargo_ended" } else { "erasure" };
        let facts = json!({"ground": ground, "blobs": blobs});
        // The salted words make each a new event. One that is on record already would change nothing.
        let words = Some(json!({"authority": "court"}));
        say(event_type, Some(self.story.unwrap().case), json!({"entry": id}), facts, words)
            .sign(&[&operator()])
            .1
    }

    /// An exhibit with a file of its own.
    fn capture(&mut self, ledger: &Ledger, n: u64, batch: &mut Vec<Submission>) -> EventId {
        let (description, file) = (format!("words {n}."), format!("bytes {n}.").into_bytes());
        Self::upload(ledger, &file);
        let files = [FileRef {
            name: format!("name {n}.txt"),
            blake3: Digest::blake3(&file),
            sha256: Digest(sha2::Sha256::digest(&file).into()),
            size: file.len() as u64,
            media: "text/plain".into(),
        }];
        let facts = json!({"method": "scan", "captured": "2023-12-15"});
        let words = Some(json!({"description": description}));
        let mut said = say("exhibit.captured", Some(self.story.unwrap().case), json!(null), facts, words);
        said.files = &files;
        let (id, s) = said.sign(&[&desk()]);
        let blob = s.content.clone().unwrap();
        batch.push(s);
        self.exhibits.push(Exhibit { id, description, blob, file, again: false });
        id
    }

    /// Adds an event to the batch that gives back parts of an exhibit.
    fn release(
        &mut self,
        ledger: &Ledger,
        at: usize,
        blobs: &serde_json::Value,
        batch: &mut Vec<Submission>,
    ) {
        Self::upload(ledger, &self.exhibits[at].file);
        self.exhibits[at].again = true;
        let mut release = self.touch("content.released", self.exhibits[at].id, blobs);
        if *blobs != json!(["files/0"]) {
            release.restored = Some(self.exhibits[at].blob.clone());
        }
        batch.push(release);
    }

    /// Puts an exhibit into a batch, or an event that withholds or gives back an earlier exhibit. Gives whether the batch must be
    /// recorded as a whole or not at all.
    fn exhibit(&mut self, ledger: &Ledger, random: &mut Random, batch: &mut Vec<Submission>) -> bool {
        let blobs = [json!(["content"]), json!(["files/0"]), json!(["content", "files/0"])];
        let blobs = &blobs[random.below(3) as usize];
        match random.below(6) {
            choice @ 0..=1 => {
                let id = self.capture(ledger, random.below(1 << 40), batch);
                if choice == 1 {
                    batch.push(self.touch("content.withheld", id, blobs));
                    return true;
                }
            }
            2..=3 if !self.exhibits.is_empty() => {
                let at = random.below(self.exhibits.len() as u64) as usize;
                batch.push(self.touch("content.withheld", self.exhibits[at].id, blobs));
            }
            4 if !self.exhibits.is_empty() => {
                let at = random.below(self.exhibits.len() as u64) as usize;
                self.release(ledger, at, blobs, batch);
            }
            _ => {}
        }
        false
    }

    /// Holds that what is withheld stands in no byte of the folder, and that everything else can be read.
    pub fn check_withheld(&self, note: &str, rows: &MemoryRows) {
        let files = self.disk.files();
        let text = |inside: bool| {
            let chosen = files.iter().filter(|(p, _)| p.starts_with(self.path().join("upload")) == inside);
            String::from_utf8_lossy(
                &chosen.flat_map(|(_, b)| b.iter().copied().chain(*b"\n")).collect::<Vec<_>>(),
            )
            .into_owned()
        };
        let (uploads, rest) = (text(true), text(false));
        for (id, said) in &self.statements {
            let held = rows.fate(id).withheld_by(Position::Content).is_some();
            let there = rows.event(id).is_some();
            assert_eq!(rest.contains(said), there && !held, "{note}: {said} {there} {held}");
        }
        for e in &self.exhibits {
            let (fate, there) = (rows.fate(&e.id), rows.event(&e.id).is_some());
            let held = fate.withheld_by(Position::Content).is_some();
            assert_eq!(
                rest.contains(&e.description),
                there && !held,
                "{note}: {} {there} {held}",
                e.description
            );
            let gone = held || fate.withheld_by(Position::File(0)).is_some();
            let file = std::str::from_utf8(&e.file).unwrap();
            assert_eq!(rest.contains(file), there && !gone, "{note}: {file} {there} {gone}");
            let placed = self.disk.read(&Folder::new(self.path()).file(&Digest::blake3(&e.file))).unwrap();
            assert_eq!(placed.as_deref(), (there && !gone).then_some(&e.file[..]), "{note}: {file}");
            // A file that was uploaded for a release that failed waits in `upload/` for an hour.
            assert!(!gone || e.again || !uploads.contains(file), "{note}: {file} is withheld");
        }
    }

    /// Damages the index as a power cut would; it lies in a real folder. It is then ahead of the log, behind it or gone, or its
    /// rows lack bytes.
    pub fn lose_of_index(&self, random: &mut Random) {
        let dir = self.path().join("index");
        let choice = random.below(4);
        if choice == 0 {
            // There may be no index.
            let _ = std::fs::remove_dir_all(&dir);
        }
        for name in ["heads", "rows"] {
            let path = dir.join(name);
            let Ok(mut bytes) = std::fs::read(&path) else { continue };
            let at = random.below(bytes.len() as u64 + 1) as usize;
            match random.below(4) {
                _ if choice < 2 => continue,
                0 => bytes.truncate(at),
                1 => bytes[at..].fill(0),
                2 => {
                    std::fs::remove_file(&path).unwrap();
                    continue;
                }
                _ => continue,
            }
            std::fs::write(&path, bytes).unwrap();
        }
    }

    /// The present state, to be continued in another way: on a disk of its own, in the same folder.
    pub fn save(&self) -> Saved {
        Saved {
            disk: self.disk.after_kill(),
            acknowledged: self.acknowledged.clone(),
            statements: self.statements.clone(),
            exhibits: self.exhibits.clone(),
        }
    }

    /// Goes back to what was saved. The index is made anew.
    pub fn restore(&mut self, saved: &Saved) {
        self.disk = saved.disk.after_kill();
        self.acknowledged.clone_from(&saved.acknowledged);
        self.statements.clone_from(&saved.statements);
        self.exhibits.clone_from(&saved.exhibits);
        // There may be no index.
        let _ = std::fs::remove_dir_all(self.path().join("index"));
    }

    /// Holds that everything acknowledged is there, and that all of it verifies: what is served, and what lies in `public/`.
    pub fn check(&self, ledger: &Ledger, note: &str) {
        let reader = ledger.reader();
        let checkpoint = reader.checkpoint();
        let mut auditor = Auditor::new(origin(), MemoryRows::default());
        let mut there = HashMap::new();
        for index in 0..checkpoint.checkpoint().size() {
            let bytes = reader.entry(index).unwrap().unwrap();
            let entry = Entry::parse(&bytes, &origin()).unwrap().verify().unwrap();
            auditor.push(&entry, leaf_hash(&bytes)).unwrap_or_else(|e| panic!("{note}, entry {index}: {e}"));
            there.insert(entry.event().id(), index);
            let words = reader.words(index).unwrap();
            assert_ne!(words, StoredWords::Missing, "{note}, words of {index}");
            let tile_path = crate::log::TilePath::new(TileKind::Contents, index / 256, 1).unwrap();
            assert!(reader.tile(&tile_path).unwrap().is_some());
        }
        assert_eq!(auditor.root(), checkpoint.checkpoint().root(), "{note}");
        for (id, index) in &self.acknowledged {
            assert_eq!(there.get(id), Some(index), "{note}: an acknowledged event is gone");
        }
        ledger.close();
        check_public(&self.disk, self.path(), note, checkpoint.checkpoint().size());
        self.check_withheld(note, auditor.rows());
    }
}

/// Holds that a plain copy of `public/` is a whole ledger, with its words.
fn check_public(disk: &SimulatedDisk, dir: &Path, note: &str, at_least: u64) {
    let public = dir.join("public");
    let Some(bytes) = disk.read(&public.join("checkpoint")).unwrap() else {
        assert_eq!(at_least, 0, "{note}: nothing is published");
        return;
    };
    let checkpoint = Checkpoint::open(&bytes, key(ORIGIN, 1).verifying_key()).unwrap();
    let size = checkpoint.checkpoint().size();
    assert!(size >= at_least, "{note}: {size} of {at_least} published");
    let read = |path: crate::log::TilePath| -> Vec<u8> {
        let at = |p: crate::log::TilePath| disk.read(&public.join(p.to_string())).unwrap();
        at(path).or_else(|| at(path.full())).unwrap_or_else(|| panic!("{note}: {path} is missing"))
    };
    let mut auditor = Auditor::new(origin(), MemoryRows::default());
    let mut withheld = Vec::new();
    for path in tiles_of(size) {
        let bytes = read(path);
        match path.kind() {
            TileKind::Entries => {
                for bytes in decode_bundle(&bytes, path.width()).unwrap() {
                    let entry = Entry::parse(bytes, &origin()).unwrap().verify().unwrap();
                    auditor.push(&entry, leaf_hash(bytes)).unwrap();
                }
            }
            TileKind::Contents => {
                let words = decode_contents(&bytes, path.width()).unwrap();
                let first = path.index() * 256;
                let held = words.iter().enumerate().filter(|(_, w)| **w == Words::Withheld);
                withheld.extend(held.map(|(i, _)| first + i as u64));
            }
            TileKind::Hashes { .. } => {}
        }
    }
    assert_eq!(auditor.root(), checkpoint.checkpoint().root(), "{note}");
    let mut expected: Vec<u64> = auditor
        .rows()
        .iter()
        .filter_map(|(_, row)| match row {
            crate::log::Row::Blob(entries) => Some(entries.clone()),
            _ => None,
        })
        .flatten()
        .filter_map(|id| crate::log::Rows::event(auditor.rows(), &id).map(|e| e.index))
        .collect();
    expected.sort_unstable();
    assert_eq!(withheld, expected, "{note}: what is withheld on disk is what the log says");
}
