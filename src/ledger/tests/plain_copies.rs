//! A plain copy of `public/` is a whole ledger, at every moment, and also if it is made file by file while files change.

use std::{
    collections::BTreeMap,
    io::{Cursor, Read},
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use super::machine::{
    Machine,
    support::{ORIGIN, key, statement},
};
use crate::{
    ledger::{
        Options,
        clock::SystemTimeSource,
        opening::{Opens, open_with},
    },
    log::TilePath,
    store::simulated::Random,
    verify::{Name, Outcome, Place, Report, Source, SourceError, Verdict, verify},
};

/// The files of a copy, by their path in `public/`.
type Copy = BTreeMap<PathBuf, Arc<[u8]>>;

struct Files<'a>(&'a Copy);

impl Source for Files<'_> {
    fn open(&self, path: &str) -> Result<Option<Box<dyn Read + Send>>, SourceError> {
        let bytes = self.0.get(Path::new(path)).cloned();
        Ok(bytes.map(|b| Box::new(Cursor::new(b)) as Box<dyn Read + Send>))
    }
    fn describe(&self) -> String {
        "a copy".into()
    }
}

fn judge(copy: &Copy) -> Report {
    verify(&Files(copy), Some(key(ORIGIN, 1).verifying_key()), &crate::verify::Options::default(), &|_, _| {})
}

/// `public/` as it was after each call that changed it.
fn moments(machine: &Machine) -> Vec<Copy> {
    let public = machine.path().join("public");
    let moments = machine.disk.moments(&public);
    let relative = |copy: BTreeMap<PathBuf, Arc<[u8]>>| -> Copy {
        copy.into_iter().map(|(p, b)| (p.strip_prefix(&public).unwrap().to_owned(), b)).collect()
    };
    moments.into_iter().map(relative).filter(|copy| copy.contains_key(Path::new("checkpoint"))).collect()
}

/// The moments of a ledger that worked for a while, with words and files withheld and given back all the time.
fn lived(seed: u64) -> Vec<Copy> {
    let mut random = Random::new(seed);
    let mut machine = Machine::new();
    machine.disk.remember();
    for _ in 0..2 {
        let ledger = machine.open().unwrap();
        machine.work(&ledger, &mut random);
        ledger.close();
    }
    moments(&machine)
}

#[test]
fn at_every_moment_public_is_a_whole_ledger() {
    let mut withheld = 0;
    for seed in 0..6 {
        let moments = lived(seed);
        assert!(moments.len() > 30, "{}", moments.len());
        for (at, copy) in moments.iter().enumerate() {
            let report = judge(copy);
            assert_eq!(report.verdict, Verdict::Valid, "seed {seed}, moment {at}: {report}");
        }
        let marked = |c: &crate::verify::Check| c.detail().contains("kept here");
        withheld += moments.iter().filter(|copy| judge(copy).checks.iter().any(marked)).count();
    }
    assert!(withheld > 0, "no moment between a checkpoint and what it takes away: nothing was tried");
}

/// Copies file by file, each at a later moment than the one before. The checkpoint is read first; in each folder, the
/// names are read before the files. Gives the copy, and the moment when it was done.
fn copied(moments: &[Copy], from: usize, random: &mut Random, over: Copy) -> (Copy, usize) {
    let mut now = from;
    let mut later = |now: &mut usize| {
        *now = (*now + random.below(4) as usize).min(moments.len() - 1);
        *now
    };
    let mut copy = over;
    let checkpoint = PathBuf::from("checkpoint");
    copy.insert(checkpoint.clone(), moments[from][&checkpoint].clone());
    // Like rsync, it reads all names first. Files that vanished meanwhile are left out, and removed from an older copy.
    let names: Vec<PathBuf> = moments[later(&mut now)].keys().cloned().collect();
    copy.retain(|name, _| names.contains(name));
    let mut order: Vec<PathBuf> = names.into_iter().filter(|n| *n != checkpoint).collect();
    while !order.is_empty() {
        let name = order.swap_remove((now * 7 + order.len() * 3) % order.len());
        match moments[later(&mut now)].get(&name) {
            Some(bytes) => drop(copy.insert(name, bytes.clone())),
            None => drop(copy.remove(&name)),
        }
    }
    (copy, now)
}

#[test]
fn a_copy_made_file_by_file_is_whole_or_lacks_what_was_withheld_meanwhile_until_it_is_made_again() {
    let (mut whole, mut again) = (0, 0);
    for seed in 0..6 {
        let moments = lived(seed ^ 0xc09);
        let mut random = Random::new(seed);
        for _ in 0..40 {
            let from = random.below(moments.len() as u64) as usize;
            let (copy, done) = copied(&moments, from, &mut random, Copy::new());
            let report = judge(&copy);
            if report.verdict == Verdict::Valid {
                whole += 1;
                continue;
            }
            // Only words and files that went while the copy was made can be missing.
            for fault in &report.faults {
                assert!(matches!(fault.place, Place::Words(_) | Place::File(..)), "{report}");
                assert!(fault.what.starts_with("missing: "), "{report}");
            }
            let ok = |c: &crate::verify::Check| {
                c.outcome != Outcome::Failed || matches!(c.name, Name::Words | Name::Files)
            };
            assert!(report.checks.iter().all(ok), "{report}");
            // Nothing is withheld any more, so a second pass over the same copy makes it whole.
            let (copy, _) = copied(&moments[done..], moments.len() - 1 - done, &mut random, copy);
            let report = judge(&copy);
            assert_eq!(report.verdict, Verdict::Valid, "{report}");
            again += 1;
        }
    }
    assert!(whole > 50 && again > 10, "{whole} whole, {again} made again");
}

#[test]
fn a_copy_made_file_by_file_under_load_is_whole_where_nothing_is_withheld() {
    let mut grown = 0;
    for seed in 0..4 {
        let machine = Machine::new();
        machine.disk.remember();
        let ledger = machine.open().unwrap();
        let story = machine.story.unwrap();
        for i in 0..12 {
            let batch = (0..31).map(|j| statement(&story, &format!("{i} {j}")).1).collect();
            ledger.record_blocking(batch, true).into_iter().for_each(|a| drop(a.unwrap()));
            assert!(ledger.wait_published(Duration::from_secs(60)));
        }
        ledger.close();
        let moments = moments(&machine);
        let mut random = Random::new(seed);
        for _ in 0..30 {
            let from = random.below(moments.len() as u64) as usize;
            let (copy, done) = copied(&moments, from, &mut random, Copy::new());
            let report = judge(&copy);
            assert_eq!(report.verdict, Verdict::Valid, "moments {from} to {done}: {report}");
            let full = |c: &Copy| c.keys().filter(|p| p.ends_with("tile/entries/000")).count();
            grown += usize::from(full(&moments[from]) < full(&moments[done]));
        }
    }
    assert!(grown > 5, "a tile came to be full under {grown} copies");
}

#[test]
fn partial_tiles_go_once_the_full_ones_stood_for_a_while() {
    let machine = Machine::new();
    let open = |keep| {
        let options = Options { publish_every: Duration::ZERO, partials_for: keep, ..Options::default() };
        open_with(
            Arc::new(machine.disk.clone()),
            SystemTimeSource::new(),
            machine.path(),
            options,
            Opens::default(),
        )
        .unwrap()
    };
    let story = machine.story.unwrap();
    let partials = || -> Vec<TilePath> {
        let public = machine.path().join("public");
        let name = |(p, _): (PathBuf, _)| p.strip_prefix(&public).ok()?.to_str()?.parse::<TilePath>().ok();
        machine.disk.files().into_iter().filter_map(name).filter(|t| !t.is_full()).collect()
    };
    let ledger = open(Duration::from_secs(3_600));
    for i in 0..9 {
        let batch = (0..31).map(|j| statement(&story, &format!("{i} {j}")).1).collect();
        ledger.record_blocking(batch, true).into_iter().for_each(|a| drop(a.unwrap()));
        assert!(ledger.wait_published(Duration::from_secs(60)));
    }
    ledger.close();
    drop(ledger);
    assert!(partials().iter().filter(|t| t.index() == 0).count() > 20, "{:?}", partials());
    // Partial tiles that an earlier process left go too. Those of the tile that is not full stay.
    let ledger = open(Duration::ZERO);
    assert_eq!(partials().iter().filter(|t| t.index() == 0 && t.width() != 1).count(), 0, "{:?}", partials());
    assert!(partials().iter().any(|t| t.index() == 1));
    ledger.close();
}

#[test]
fn writers_wait_for_a_disk_that_can_not_keep_up() {
    const BACKLOG: u64 = 24;
    const BATCH: u64 = 4;
    let machine = Machine::new();
    // Publication syncs folders, the journal does not.
    machine.disk.slow(Duration::from_millis(1));
    let options = Options {
        max_batch: BATCH as usize,
        max_backlog: BACKLOG,
        publish_every: Duration::ZERO,
        ..Options::default()
    };
    let disk = Arc::new(machine.disk.clone());
    let ledger = open_with(disk, SystemTimeSource::new(), machine.path(), options, Opens::default()).unwrap();
    let story = machine.story.unwrap();
    let most = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..8)
            .map(|writer| {
                let (ledger, story) = (&ledger, &story);
                scope.spawn(move || {
                    let mut most = 0;
                    for i in 0..60 {
                        let (_, said) = statement(story, &format!("{writer} {i}"));
                        // The call is never refused: the writer waits.
                        ledger.record_blocking(vec![said], false).remove(0).unwrap();
                        // Read in this order, so that the difference is never too large.
                        let size = ledger.reader().checkpoint().checkpoint().size();
                        let published = ledger.0.signals.published.load(Ordering::Acquire);
                        most = most.max(size.saturating_sub(published));
                    }
                    most
                })
            })
            .collect();
        writers.into_iter().map(|w| w.join().unwrap()).max().unwrap()
    });
    assert!(most >= BACKLOG / 2, "the disk kept up: {most}");
    assert!(most < BACKLOG + BATCH, "{most} entries were not published");
    ledger.close();
}
