//! What a ledger does when the power is cut or the disk says no. Run with more seeds:
//! `ONRECORD_SEEDS=5000 cargo test --release --lib ledger::faults`.

use std::path::{Path, PathBuf};

use super::{LedgerError, world::World};
use crate::store::{
    disk::Disk as _,
    simulated::{Fault, Random, SimulatedDisk},
};

fn seeds() -> u64 {
    std::env::var("ONRECORD_SEEDS").ok().and_then(|s| s.parse().ok()).unwrap_or(200)
}

#[test]
fn a_power_cut_at_any_moment_loses_nothing_that_was_acknowledged() {
    for seed in 0..seeds() {
        let mut random = Random::new(seed);
        let mut world = World::new();
        for cycle in 0..3 {
            let note = format!("seed {seed}, cycle {cycle}");
            let before = world.disk.calls();
            world.disk.cut_after(random.below(150));
            match world.open() {
                Ok(ledger) => {
                    world.work(&ledger, &mut random);
                    ledger.close();
                }
                Err(LedgerError::Io { .. }) => {}
                Err(e) => panic!("{note}: {e}"),
            }
            assert!(world.disk.calls() > before);
            world.disk = world.disk.after_power_cut(&mut random);
            if random.chance() {
                // The index may be ahead of the log, behind it, or gone.
                let _ = std::fs::remove_dir_all(world.path().join("index"));
            }
            let ledger = world.open().unwrap_or_else(|e| panic!("{note}: {e}"));
            world.check(&ledger, &note);
        }
    }
}

#[test]
fn a_call_that_fails_once_or_twice_makes_no_acknowledgement_a_lie() {
    const EIO: i32 = 5;
    const ENOSPC: i32 = 28;
    let faults = [Fault::Error(EIO), Fault::Error(ENOSPC), Fault::Interrupted, Fault::ShortWrite];
    let (mut stopped, mut went_on) = (0, 0);
    for seed in 0..seeds() {
        let mut random = Random::new(seed ^ 0xfa17);
        let mut world = World::new();
        let note = format!("seed {seed}");
        let fault = faults[(seed % 4) as usize];
        let at = random.below(120);
        world.disk.fail_after(at, fault);
        if random.chance() {
            world.disk.fail_after(at + 1, fault);
        }
        match world.open() {
            Ok(ledger) => {
                world.work(&ledger, &mut random);
                match ledger.fault() {
                    Some(why) => {
                        // It is told to strangers.
                        assert!(!why.contains('/'), "{note}: {why}");
                        stopped += 1;
                    }
                    None => went_on += 1,
                }
                // Reading goes on, whatever happened.
                assert!(ledger.reader().entry(0).unwrap().is_some());
                ledger.close();
            }
            Err(LedgerError::Io { .. }) => stopped += 1,
            Err(e) => panic!("{note}: {e}"),
        }
        world.disk =
            if random.chance() { world.disk.after_kill() } else { world.disk.after_power_cut(&mut random) };
        let ledger = world.open().unwrap_or_else(|e| panic!("{note}: {e}"));
        world.check(&ledger, &note);
    }
    assert!(stopped > 0 && went_on > 0, "{stopped} stopped, {went_on} went on");
}

#[test]
fn a_simulated_disk_loses_what_was_not_synced() {
    // The tests above would prove nothing on a disk that keeps everything.
    let (mut kept, mut lost) = (0, 0);
    for seed in 0..50 {
        let disk = SimulatedDisk::default();
        let dir = PathBuf::from("/d");
        disk.create_dir_all(&dir).unwrap();
        disk.sync_dir(Path::new("/")).unwrap();
        let mut file = disk.create(&dir.join("a")).unwrap();
        file.write(b"synced").unwrap();
        file.sync_data().unwrap();
        disk.sync_dir(&dir).unwrap();
        file.write(b" not").unwrap();
        disk.create(&dir.join("b")).unwrap();
        let after = disk.after_power_cut(&mut Random::new(seed));
        let a = after.read(&dir.join("a")).unwrap().unwrap();
        assert!(a.starts_with(b"synced"));
        match (a.len(), after.read(&dir.join("b")).unwrap()) {
            (10, Some(_)) => kept += 1,
            (6, None) => lost += 1,
            _ => {}
        }
    }
    assert!(kept > 0 && lost > 0, "{kept} kept, {lost} lost");
}
