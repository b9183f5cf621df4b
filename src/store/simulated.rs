//! A disk in memory that loses what was not synced, and fails when told to.
//!
//! A power cut does more harm than a kill: each unsynced change has its own fate, whatever came before or after it.
//! A write may be lost, kept, cut short, kept in some of its sectors, or become zeros. A file that was emptied may
//! be empty or as before. A name that was created, renamed or removed may be there or not, and after a rename
//! there may be both names. What a failed sync left unsynced is not made durable by a later one, as on
//! Linux, where its pages then count as clean.

use std::{
    collections::{BTreeMap, HashMap},
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use super::disk::{Disk, DiskFile};

/// A small generator of random numbers that are the same for the same seed (xorshift64*).
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }
    pub fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % n.max(1)
    }
    pub fn chance(&mut self) -> bool {
        self.below(2) == 0
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Name {
    Dir,
    File(u64),
}

/// At a power cut, a write is kept or lost in pieces of this many bytes.
const SECTOR: usize = 512;

#[derive(Debug, Clone)]
enum Change {
    Empty,
    Write(usize, Vec<u8>),
}

/// Whether a change was synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Synced {
    NotYet,
    Failed,
    Durable,
}

#[derive(Debug, Default, Clone)]
struct Inode {
    visible: Vec<u8>,
    /// The bytes that are on the disk for sure, before these changes.
    durable: Vec<u8>,
    changes: Vec<(Change, Synced)>,
}

fn write_at(bytes: &mut Vec<u8>, at: usize, write: &[u8]) {
    bytes.resize(bytes.len().max(at + write.len()), 0);
    bytes[at..at + write.len()].copy_from_slice(write);
}

impl Inode {
    fn change(&mut self, change: Change) {
        match &change {
            Change::Empty => self.visible.clear(),
            Change::Write(at, bytes) => write_at(&mut self.visible, *at, bytes),
        }
        self.changes.push((change, Synced::NotYet));
    }

    fn sync(&mut self) {
        if self.changes.iter().all(|(_, synced)| *synced != Synced::Failed) {
            self.durable = self.visible.clone();
            self.changes.clear();
        }
        self.mark(Synced::Durable);
    }

    fn mark(&mut self, as_: Synced) {
        for (_, synced) in self.changes.iter_mut().filter(|(_, s)| *s == Synced::NotYet) {
            *synced = as_;
        }
    }

    fn after_power_cut(&self, random: &mut Random) -> Vec<u8> {
        let mut out = self.durable.clone();
        for (change, synced) in &self.changes {
            let fate = if *synced == Synced::Durable { 1 } else { random.below(5) };
            match (change, fate) {
                (_, 0) => {}
                (Change::Empty, _) => out.clear(),
                (Change::Write(at, bytes), 1) => write_at(&mut out, *at, bytes),
                (Change::Write(at, bytes), 2) => {
                    let kept = random.below(bytes.len() as u64 + 1) as usize;
                    write_at(&mut out, *at, &bytes[..kept]);
                }
                (Change::Write(at, bytes), 3) => write_at(&mut out, *at, &vec![0; bytes.len()]),
                (Change::Write(at, bytes), _) => {
                    let mut from = 0;
                    while from < bytes.len() {
                        let to = bytes.len().min(from + SECTOR - (at + from) % SECTOR);
                        if random.chance() {
                            write_at(&mut out, at + from, &bytes[from..to]);
                        }
                        from = to;
                    }
                }
            }
        }
        out
    }
}

#[derive(Debug, Clone)]
enum NameOp {
    Add(PathBuf, Name),
    Remove(PathBuf),
    Rename(PathBuf, PathBuf, Name),
}

impl NameOp {
    fn touches(&self, dir: &Path) -> bool {
        match self {
            Self::Add(p, _) | Self::Remove(p) => p.parent() == Some(dir),
            Self::Rename(a, b, _) => a.parent() == Some(dir) || b.parent() == Some(dir),
        }
    }
    fn apply(&self, names: &mut BTreeMap<PathBuf, Name>) {
        self.arrive(names);
        match self {
            Self::Add(..) => {}
            Self::Remove(p) | Self::Rename(p, ..) => drop(names.remove(p)),
        }
    }
    /// The part that comes first: the new name. So a renamed file always has a name.
    fn arrive(&self, names: &mut BTreeMap<PathBuf, Name>) {
        match self {
            Self::Add(p, name) | Self::Rename(_, p, name) => drop(names.insert(p.clone(), *name)),
            Self::Remove(_) => {}
        }
    }
    /// What is still not durable after the folder `dir` is synced: of a rename out of another folder, the removal there.
    fn synced(self, dir: &Path, durable: &mut BTreeMap<PathBuf, Name>) -> Option<Self> {
        match self {
            op if !op.touches(dir) => Some(op),
            Self::Rename(from, to, name) if from.parent() != Some(dir) => {
                durable.insert(to, name);
                Some(Self::Remove(from))
            }
            op => {
                op.apply(durable);
                None
            }
        }
    }
}

/// What a call does instead of what it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    Error(i32),
    Interrupted,
    ShortWrite,
}

/// Whether a call is to write only half of its bytes.
struct Shortened(bool);

#[derive(Debug, Default)]
struct State {
    visible: BTreeMap<PathBuf, Name>,
    durable: BTreeMap<PathBuf, Name>,
    pending: Vec<NameOp>,
    inodes: HashMap<u64, Inode>,
    next: u64,
    /// The number of calls that change something.
    calls: u64,
    faults: Vec<(u64, Fault)>,
    /// The faults that came to pass, each with the kind of call.
    fired: Vec<(&'static str, Fault)>,
    /// From this call on, the power is gone.
    cut_at: Option<u64>,
    /// Every state of the names, if it is remembered.
    history: Option<Vec<BTreeMap<PathBuf, Name>>>,
    /// How long a folder takes to sync.
    slow: Duration,
}

/// The disk. Clones are the same disk.
#[derive(Debug, Clone, Default)]
pub(crate) struct SimulatedDisk(Arc<Mutex<State>>);

fn gone() -> io::Error {
    io::Error::other("the power is gone")
}

impl State {
    /// Counts a call, and says what becomes of it.
    fn call(&mut self, kind: &'static str) -> io::Result<Shortened> {
        let n = self.calls;
        self.calls += 1;
        if let Some((_, fault)) =
            self.faults.iter().find(|(at, f)| *at == n && (*f != Fault::ShortWrite || kind == "write"))
        {
            self.fired.push((kind, *fault));
        }
        if self.cut_at.is_some_and(|at| n >= at) {
            return Err(gone());
        }
        match self.faults.iter().find(|(at, _)| *at == n) {
            Some((_, Fault::Error(code))) => Err(io::Error::from_raw_os_error(*code)),
            Some((_, Fault::Interrupted)) => Err(io::ErrorKind::Interrupted.into()),
            Some((_, Fault::ShortWrite)) => Ok(Shortened(true)),
            None => Ok(Shortened(false)),
        }
    }
    fn op(&mut self, op: NameOp) {
        op.apply(&mut self.visible);
        self.pending.push(op);
        if let Some(history) = &mut self.history {
            history.push(self.visible.clone());
        }
    }
}

impl SimulatedDisk {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
    /// After this many more calls, the power is gone.
    pub fn cut_after(&self, calls: u64) {
        let mut state = self.lock();
        state.cut_at = Some(state.calls + calls);
    }
    /// After this many more calls, the next one fails.
    pub fn fail_after(&self, calls: u64, fault: Fault) {
        let mut state = self.lock();
        let at = state.calls + calls;
        state.faults.push((at, fault));
    }
    /// Every file, with its bytes.
    pub fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let state = self.lock();
        let bytes = |id| state.inodes.get(id).map(|i| i.visible.clone()).unwrap_or_default();
        let files = state.visible.iter().filter_map(|(path, name)| match name {
            Name::File(id) => Some((path.clone(), bytes(id))),
            Name::Dir => None,
        });
        files.collect()
    }
    /// The faults that came to pass, each with the kind of call.
    pub fn fired(&self) -> Vec<(&'static str, Fault)> {
        self.lock().fired.clone()
    }
    pub fn calls(&self) -> u64 {
        self.lock().calls
    }
    /// From now on, remembers every state of the names.
    pub fn remember(&self) {
        self.lock().history = Some(Vec::new());
    }
    /// The files under a folder after each call that changed their names. Their bytes are those of now: files that have a name
    /// there must never be written to.
    pub fn moments(&self, dir: &Path) -> Vec<BTreeMap<PathBuf, Arc<[u8]>>> {
        let state = self.lock();
        let mut bytes: HashMap<u64, Arc<[u8]>> = HashMap::new();
        let mut moments: Vec<BTreeMap<PathBuf, u64>> = Vec::new();
        for names in state.history.iter().flatten() {
            let files =
                names.iter().filter(|(path, _)| path.starts_with(dir)).filter_map(
                    |(path, name)| match name {
                        Name::File(id) => Some((path.clone(), *id)),
                        Name::Dir => None,
                    },
                );
            let files = files.collect();
            if moments.last() != Some(&files) {
                moments.push(files);
            }
        }
        let read = |(path, id)| {
            let found = bytes.entry(id).or_insert_with(|| Arc::from(state.inodes[&id].visible.as_slice()));
            (path, found.clone())
        };
        let mut read = read;
        moments.into_iter().map(|m| m.into_iter().map(&mut read).collect()).collect()
    }
    /// From now on, syncing a folder takes this long.
    pub fn slow(&self, by: Duration) {
        self.lock().slow = by;
    }
    /// The disk as another process finds it after this one was killed: nothing is lost.
    pub fn after_kill(&self) -> Self {
        let state = self.lock();
        let inodes = state.inodes.clone();
        Self(Arc::new(Mutex::new(State {
            visible: state.visible.clone(),
            durable: state.durable.clone(),
            pending: state.pending.clone(),
            inodes,
            next: state.next,
            ..State::default()
        })))
    }
    /// The disk after a power cut: any part of the changes that were not synced is lost.
    pub fn after_power_cut(&self, random: &mut Random) -> Self {
        let state = self.lock();
        let mut names = state.durable.clone();
        for op in &state.pending {
            match random.below(3) {
                0 => {}
                1 => op.arrive(&mut names),
                _ => op.apply(&mut names),
            }
        }
        let mut inodes = HashMap::new();
        for (id, inode) in &state.inodes {
            let bytes = inode.after_power_cut(random);
            inodes.insert(*id, Inode { visible: bytes.clone(), durable: bytes, changes: Vec::new() });
        }
        // If a folder is lost, the names in it are lost too.
        let is_there = |names: &BTreeMap<PathBuf, Name>, p: &Path| {
            p.ancestors().skip(1).all(|a| a.parent().is_none() || names.get(a) == Some(&Name::Dir))
        };
        let kept = names.iter().filter(|(p, _)| is_there(&names, p)).map(|(p, n)| (p.clone(), *n)).collect();
        let next = state.next;
        let visible: BTreeMap<PathBuf, Name> = kept;
        Self(Arc::new(Mutex::new(State {
            durable: visible.clone(),
            visible,
            inodes,
            next,
            ..State::default()
        })))
    }
}

struct SimulatedFile {
    disk: SimulatedDisk,
    inode: u64,
}

impl DiskFile for SimulatedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.disk.lock();
        let n = if state.call("write")?.0 { bytes.len().div_ceil(2) } else { bytes.len() };
        let Some(inode) = state.inodes.get_mut(&self.inode) else { return Err(gone()) };
        inode.change(Change::Write(inode.visible.len(), bytes[..n].to_vec()));
        Ok(n)
    }
    fn overwrite(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        // The standard library goes on after interrupted and short writes, so they are no errors here.
        let mut state = self.disk.lock();
        let halves = match state.call("write") {
            Ok(Shortened(true)) => vec![0..bytes.len() / 2, bytes.len() / 2..bytes.len()],
            Err(e) if e.kind() != io::ErrorKind::Interrupted => return Err(e),
            _ => vec![0..bytes.len(); 1],
        };
        let Some(inode) = state.inodes.get_mut(&self.inode) else { return Err(gone()) };
        for half in halves {
            inode.change(Change::Write(at as usize + half.start, bytes[half].to_vec()));
        }
        Ok(())
    }
    fn sync_data(&mut self) -> io::Result<()> {
        let mut state = self.disk.lock();
        let called = state.call("fdatasync");
        let Some(inode) = state.inodes.get_mut(&self.inode) else { return Err(gone()) };
        match called {
            Ok(_) => inode.sync(),
            Err(_) => inode.mark(Synced::Failed),
        }
        called.map(drop)
    }
}

impl Disk for SimulatedDisk {
    fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        let state = self.lock();
        Ok(match state.visible.get(path) {
            Some(Name::File(id)) => state.inodes.get(id).map(|i| i.visible.clone()),
            _ => None,
        })
    }
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.lock();
        state.call("open")?;
        let in_dir = path.parent().is_some_and(|d| state.visible.get(d) == Some(&Name::Dir));
        if !in_dir {
            return Err(io::ErrorKind::NotFound.into());
        }
        // As the system does: an existing file is emptied, not replaced.
        if let Some(Name::File(inode)) = state.visible.get(path).copied() {
            if let Some(old) = state.inodes.get_mut(&inode) {
                old.change(Change::Empty);
            }
            return Ok(Box::new(SimulatedFile { disk: self.clone(), inode }));
        }
        let inode = state.next;
        state.next += 1;
        state.inodes.insert(inode, Inode::default());
        state.op(NameOp::Add(path.to_owned(), Name::File(inode)));
        Ok(Box::new(SimulatedFile { disk: self.clone(), inode }))
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.lock();
        state.call("rename")?;
        let Some(name) = state.visible.get(from).copied() else { return Err(io::ErrorKind::NotFound.into()) };
        state.op(NameOp::Rename(from.to_owned(), to.to_owned(), name));
        Ok(())
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.lock();
        state.call("unlink")?;
        if state.visible.contains_key(path) {
            state.op(NameOp::Remove(path.to_owned()));
        }
        Ok(())
    }
    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        let mut state = self.lock();
        state.call("mkdir")?;
        let mut missing: Vec<PathBuf> = path.ancestors().map(Path::to_owned).collect();
        missing.reverse();
        for dir in missing {
            if dir.parent().is_some() && !state.visible.contains_key(&dir) {
                state.op(NameOp::Add(dir, Name::Dir));
            }
        }
        Ok(())
    }
    fn exists(&self, path: &Path) -> bool {
        self.lock().visible.contains_key(path)
    }
    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        let state = self.lock();
        let names = state.visible.keys().filter(|p| p.parent() == Some(path));
        Ok(names.filter_map(|p| p.file_name()?.to_str().map(str::to_owned)).collect())
    }
    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let slow = self.lock().slow;
        if !slow.is_zero() {
            std::thread::sleep(slow);
        }
        let mut state = self.lock();
        state.call("fsync folder")?;
        let pending = std::mem::take(&mut state.pending);
        let state = &mut *state;
        let left = pending.into_iter().filter_map(|op| op.synced(path, &mut state.durable));
        state.pending = left.collect();
        Ok(())
    }
}
