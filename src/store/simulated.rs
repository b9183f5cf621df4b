//! A disk in memory that loses what was not synced, and fails when told to.
//!
//! Stronger than a kill: at a power cut every unsynced write may be lost, kept or torn, each for itself, and
//! so may every name that was created, renamed or removed without its folder being synced.

use std::{
    collections::{BTreeMap, HashMap},
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use super::disk::{Disk, DiskFile};

/// A small generator of numbers that repeat with their seed (xorshift64*).
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

#[derive(Debug, Default, Clone)]
struct Inode {
    visible: Vec<u8>,
    durable: Vec<u8>,
    /// Unsynced: offset and bytes.
    writes: Vec<(usize, Vec<u8>)>,
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
        match self {
            Self::Add(p, name) => drop(names.insert(p.clone(), *name)),
            Self::Remove(p) => drop(names.remove(p)),
            Self::Rename(a, b, name) => {
                names.remove(a);
                names.insert(b.clone(), *name);
            }
        }
    }
}

/// What a call does instead of what it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Error(i32),
    Interrupted,
    ShortWrite,
}

#[derive(Debug, Default)]
struct State {
    visible: BTreeMap<PathBuf, Name>,
    durable: BTreeMap<PathBuf, Name>,
    pending: Vec<NameOp>,
    inodes: HashMap<u64, Inode>,
    next: u64,
    /// Calls that change something, counted.
    calls: u64,
    faults: Vec<(u64, Fault)>,
    /// From this call on, the power is gone.
    cut_at: Option<u64>,
}

/// The disk. Clones are the same disk.
#[derive(Debug, Clone, Default)]
pub(crate) struct SimulatedDisk(Arc<Mutex<State>>);

fn gone() -> io::Error {
    io::Error::other("the power is gone")
}

impl State {
    /// Counts a call; what becomes of it.
    fn call(&mut self) -> io::Result<Option<Fault>> {
        let n = self.calls;
        self.calls += 1;
        if self.cut_at.is_some_and(|at| n >= at) {
            return Err(gone());
        }
        match self.faults.iter().find(|(at, _)| *at == n) {
            Some((_, Fault::Error(code))) => Err(io::Error::from_raw_os_error(*code)),
            Some((_, fault)) => Ok(Some(*fault)),
            None => Ok(None),
        }
    }
    fn op(&mut self, op: NameOp) {
        op.apply(&mut self.visible);
        self.pending.push(op);
    }
}

impl SimulatedDisk {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
    /// From this many calls on, the power is gone.
    pub fn cut_after(&self, calls: u64) {
        let mut state = self.lock();
        state.cut_at = Some(state.calls + calls);
    }
    /// The call that many from now fails.
    pub fn fail_after(&self, calls: u64, fault: Fault) {
        let mut state = self.lock();
        let at = state.calls + calls;
        state.faults.push((at, fault));
    }
    /// Every file with what it holds.
    pub fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let state = self.lock();
        let bytes = |id| state.inodes.get(id).map(|i| i.visible.clone()).unwrap_or_default();
        let files = state.visible.iter().filter_map(|(path, name)| match name {
            Name::File(id) => Some((path.clone(), bytes(id))),
            Name::Dir => None,
        });
        files.collect()
    }
    pub fn calls(&self) -> u64 {
        self.lock().calls
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
    /// The disk after a power cut: of what was not synced, any subset.
    pub fn after_power_cut(&self, random: &mut Random) -> Self {
        let state = self.lock();
        let mut names = state.durable.clone();
        for op in &state.pending {
            if random.chance() {
                op.apply(&mut names);
            }
        }
        let mut inodes = HashMap::new();
        for (id, inode) in &state.inodes {
            let mut bytes = inode.durable.clone();
            for (at, write) in &inode.writes {
                let keep = match random.below(3) {
                    0 => 0,
                    1 => random.below(write.len() as u64 + 1) as usize,
                    _ => write.len(),
                };
                if keep > 0 {
                    bytes.resize(bytes.len().max(at + keep), 0);
                    bytes[*at..at + keep].copy_from_slice(&write[..keep]);
                }
            }
            inodes.insert(*id, Inode { visible: bytes.clone(), durable: bytes, writes: Vec::new() });
        }
        // A name in a folder that was lost is lost with it.
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
        let fault = state.call()?;
        if fault == Some(Fault::Interrupted) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let n = if fault == Some(Fault::ShortWrite) { bytes.len().div_ceil(2) } else { bytes.len() };
        let Some(inode) = state.inodes.get_mut(&self.inode) else { return Err(gone()) };
        inode.writes.push((inode.visible.len(), bytes[..n].to_vec()));
        inode.visible.extend_from_slice(&bytes[..n]);
        Ok(n)
    }
    fn sync_data(&mut self) -> io::Result<()> {
        let mut state = self.disk.lock();
        state.call()?;
        let Some(inode) = state.inodes.get_mut(&self.inode) else { return Err(gone()) };
        inode.durable = inode.visible.clone();
        inode.writes.clear();
        Ok(())
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
        state.call()?;
        let in_dir = path.parent().is_some_and(|d| state.visible.get(d) == Some(&Name::Dir));
        if !in_dir {
            return Err(io::ErrorKind::NotFound.into());
        }
        let inode = state.next;
        state.next += 1;
        state.inodes.insert(inode, Inode::default());
        state.op(NameOp::Add(path.to_owned(), Name::File(inode)));
        Ok(Box::new(SimulatedFile { disk: self.clone(), inode }))
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.lock();
        state.call()?;
        let Some(name) = state.visible.get(from).copied() else { return Err(io::ErrorKind::NotFound.into()) };
        state.op(NameOp::Rename(from.to_owned(), to.to_owned(), name));
        Ok(())
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.lock();
        state.call()?;
        if state.visible.contains_key(path) {
            state.op(NameOp::Remove(path.to_owned()));
        }
        Ok(())
    }
    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        let mut state = self.lock();
        state.call()?;
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
        let mut state = self.lock();
        state.call()?;
        let pending = std::mem::take(&mut state.pending);
        for op in pending {
            if op.touches(path) {
                op.apply(&mut state.durable);
            } else {
                state.pending.push(op);
            }
        }
        Ok(())
    }
}
