//! What a ledger does when the power is cut or the disk fails. Each test prints what it counted. Run with more seeds:
//! `ONRECORD_SEEDS=5000 cargo test --release --lib ledger::tests::power_cuts`.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    time::Duration,
};

use super::machine::{Machine, Note, http::Server, report, support::statement};
use crate::{
    event::Code,
    ledger::{Ledger, LedgerError},
    store::{
        disk::Disk as _,
        simulated::{Fault, Random, SimulatedDisk},
    },
};

fn seeds() -> u64 {
    std::env::var("ONRECORD_SEEDS").ok().and_then(|s| s.parse().ok()).unwrap_or(200)
}

#[test]
fn a_power_cut_at_any_moment_loses_nothing_that_was_acknowledged() {
    let mut acknowledged = 0;
    for seed in 0..seeds() {
        let mut random = Random::new(seed);
        let mut machine = Machine::new();
        for cycle in 0..3 {
            let note = format!("seed {seed}, cycle {cycle}");
            let _said = Note(note.clone());
            let before = machine.disk.calls();
            machine.disk.cut_after(random.below(150));
            match machine.open() {
                Ok(ledger) => {
                    machine.work(&ledger, &mut random);
                    ledger.close();
                }
                Err(LedgerError::Io { .. }) => {}
                Err(e) => panic!("{note}: {e}"),
            }
            assert!(machine.disk.calls() > before);
            machine.disk = machine.disk.after_power_cut(&mut random);
            machine.lose_of_index(&mut random);
            let ledger = machine.open().unwrap_or_else(|e| panic!("{note}: {e}"));
            machine.check(&ledger, &note);
            acknowledged += machine.acknowledged.len();
        }
    }
    report(&format!(
        "faults: {} power cuts with {} seeds, {acknowledged} acknowledged events looked for, all there",
        3 * seeds(),
        seeds()
    ));
}

/// Opens a ledger, lets it work, and checks what another process finds. Gives whether the ledger stopped.
fn survives(
    machine: &mut Machine,
    random: &mut Random,
    note: &str,
    live: impl FnOnce(&mut Machine, &Ledger),
) -> bool {
    let stopped = match machine.open() {
        Ok(ledger) => {
            live(machine, &ledger);
            // It can be read whatever happened.
            assert!(ledger.reader().entry(0).unwrap().is_some());
            let fault = ledger.fault();
            // The fault is shown to strangers.
            assert!(!fault.as_ref().is_some_and(|why| why.contains('/')), "{note}: {fault:?}");
            let stopped = fault.is_some();
            ledger.close();
            stopped
        }
        Err(LedgerError::Io { .. }) => true,
        Err(e) => panic!("{note}: {e}"),
    };
    machine.disk =
        if random.chance() { machine.disk.after_kill() } else { machine.disk.after_power_cut(random) };
    let ledger = machine.open().unwrap_or_else(|e| panic!("{note}: {e}"));
    machine.check(&ledger, note);
    stopped
}

const EIO: i32 = 5;
const ENOSPC: i32 = 28;
const FAULTS: [Fault; 4] = [Fault::Error(EIO), Fault::Error(ENOSPC), Fault::Interrupted, Fault::ShortWrite];

#[test]
fn every_call_that_fails_once_or_twice_makes_no_acknowledgement_a_lie() {
    let mut machine = Machine::new();
    let saved = machine.save();
    let mut random = Random::new(7);
    // Run once without a fault, to see which calls are made.
    assert!(!survives(&mut machine, &mut random, "no fault", |machine, ledger| machine.tell_all(ledger)));
    machine.restore(&saved);
    let (mut runs, mut stops) = (0, 0);
    let mut fired: BTreeMap<(&str, Fault), u64> = BTreeMap::new();
    let mut missed = 0;
    let mut at = 0;
    // Go past the end of the run, since the number of calls depends on the timing of threads.
    while missed < 3 * FAULTS.len() {
        let mut writes = true;
        for fault in FAULTS {
            if fault == Fault::ShortWrite && !writes {
                continue;
            }
            for twice in [false, true] {
                let note = format!("call {at}, {fault:?}{}", if twice { " and the next" } else { "" });
                let _said = Note(note.clone());
                machine.restore(&saved);
                machine.disk.fail_after(at, fault);
                if twice {
                    machine.disk.fail_after(at + 1, fault);
                }
                let disk = machine.disk.clone();
                let stopped =
                    survives(&mut machine, &mut random, &note, |machine, ledger| machine.tell_all(ledger));
                runs += 1;
                stops += u64::from(stopped);
                missed = if disk.fired().is_empty() && fault != Fault::ShortWrite { missed + 1 } else { 0 };
                writes = disk.fired().iter().any(|(kind, _)| *kind == "write");
                for fault in disk.fired() {
                    *fired.entry(fault).or_default() += 1;
                }
            }
        }
        at += 1;
    }
    let kinds: BTreeSet<&str> = fired.keys().map(|(kind, _)| *kind).collect();
    report(&format!(
        "faults: {at} calls, each failing 4 ways, once and twice in a row: {runs} runs, {stops} stopped the writer, \
         no acknowledgement was a lie; {} faults in {}",
        fired.values().sum::<u64>(),
        kinds.into_iter().collect::<Vec<_>>().join(", ")
    ));
    for kind in ["open", "write", "fdatasync", "rename", "unlink", "mkdir", "fsync folder"] {
        for fault in [Fault::Error(EIO), Fault::Error(ENOSPC), Fault::Interrupted] {
            assert!(fired.contains_key(&(kind, fault)), "{kind} never failed with {fault:?}");
        }
    }
    assert!(fired.contains_key(&("write", Fault::ShortWrite)) && stops > 0 && stops < runs);
}

#[test]
fn a_call_that_fails_at_any_time_makes_no_acknowledgement_a_lie() {
    let (mut stopped, mut went_on) = (0, 0);
    for seed in 0..seeds() {
        let mut random = Random::new(seed ^ 0xfa17);
        let mut machine = Machine::new();
        let note = format!("seed {seed}");
        let _said = Note(note.clone());
        let fault = FAULTS[(seed % 4) as usize];
        let at = random.below(120);
        machine.disk.fail_after(at, fault);
        if random.chance() {
            machine.disk.fail_after(at + 1, fault);
        }
        let mut choices = Random::new(random.below(1 << 40));
        match survives(&mut machine, &mut random, &note, |machine, ledger| machine.work(ledger, &mut choices))
        {
            true => stopped += 1,
            false => went_on += 1,
        }
    }
    report(&format!(
        "faults: {} seeds of a failing call, {stopped} stopped the writer, nothing lost",
        seeds()
    ));
    assert!(stopped > 0 && went_on > 0, "{stopped} stopped, {went_on} went on");
}

#[test]
fn a_sync_that_fails_stops_the_writer_for_good_and_whoever_asks_is_told() {
    let mut machine = Machine::new();
    let story = machine.story.unwrap();
    let said = |text: &str| vec![statement(&story, text).1];
    let server = Server::start(machine.open().unwrap());
    let ledger = server.ledger.clone();
    let kept = ledger.record_blocking(said("kept"), false).remove(0).unwrap();
    assert!(ledger.wait_published(Duration::from_secs(60)));
    assert_eq!(server.get("/readyz").status, 200);
    // Let the journal's next sync fail. The write before it succeeds.
    machine.disk.fail_after(1, Fault::Error(EIO));
    let lost = ledger.record_blocking(said("not acknowledged"), false).remove(0).unwrap_err();
    assert_eq!(machine.disk.fired(), [("fdatasync", Fault::Error(EIO))]);
    assert_eq!(lost.code, Code::Unavailable);
    let calls = machine.disk.calls();
    for _ in 0..3 {
        let again = ledger.record_blocking(said("again"), false).remove(0).unwrap_err();
        assert_eq!(again.code, Code::LedgerReadOnly);
        let ready = server.get("/readyz");
        assert_eq!(ready.status, 503);
        assert!(ready.text().contains("the writer stopped"), "{}", ready.text());
        let entry = server.get(&format!("/entry/{}", kept.index));
        assert_eq!((entry.status, &entry.body[..]), (200, &*kept.entry));
        assert_eq!(server.get(&format!("/entry/{}", kept.index + 1)).status, 404);
        let size = |text: String| text.lines().nth(1).map(str::to_owned);
        assert_eq!(size(server.get("/checkpoint").text()), Some((kept.index + 1).to_string()));
    }
    assert_eq!(machine.disk.calls(), calls, "nothing is tried again");
    drop(server);
    ledger.close();
    drop(ledger);
    // After a restart on the same machine the batch can be read, whatever is on the disk. It is on record then, and stays so
    // though the power is cut.
    machine.acknowledged.insert(kept.id, kept.index);
    machine.disk = machine.disk.after_kill();
    let ledger = machine.open().unwrap();
    let size = ledger.reader().checkpoint().checkpoint().size();
    assert_eq!(size, kept.index + 2);
    for seed in 0..20 {
        let after = machine.disk.after_power_cut(&mut Random::new(seed));
        let mut bytes = after.read(&machine.path().join("public/checkpoint")).unwrap().unwrap();
        bytes.truncate(200);
        let published = String::from_utf8_lossy(&bytes).lines().nth(1).and_then(|n| n.parse::<u64>().ok());
        assert_eq!(published, Some(size), "seed {seed}: what was shown is durable");
    }
    ledger.close();
    machine.check(&ledger, "after a failed sync");
}

#[test]
fn what_a_start_writes_leans_on_no_batch_that_may_be_lost() {
    let (mut lost, mut refused) = (0, 0);
    for at in 0..60 {
        for seed in 0..4 {
            let mut machine = Machine::new();
            let story = machine.story.unwrap();
            let ledger = machine.open().unwrap();
            // Its sync fails: the batch can be read, but is not durable.
            machine.disk.fail_after(1, Fault::Error(EIO));
            let said = vec![statement(&story, "not acknowledged").1];
            ledger.record_blocking(said, false).remove(0).unwrap_err();
            ledger.close();
            drop(ledger);
            machine.disk = machine.disk.after_kill();
            // The next start fails somewhere, and then the power is cut.
            machine.disk.cut_after(at);
            let cut = machine.open().map(|ledger| ledger.close());
            refused += usize::from(cut.is_err());
            machine.disk = machine.disk.after_power_cut(&mut Random::new(seed));
            let note = format!("call {at}, seed {seed}");
            let ledger = machine.open().unwrap_or_else(|e| panic!("{note}: {e}"));
            lost += usize::from(ledger.reader().checkpoint().checkpoint().size() == 5);
            machine.check(&ledger, &note);
        }
    }
    assert!(lost > 0 && refused > 0, "{lost} lost, {refused} refused");
}

#[test]
fn a_simulated_disk_loses_what_was_not_synced() {
    // On a disk that keeps everything, the tests above would prove nothing.
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
