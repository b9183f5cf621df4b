//! Many readers beside one writer. It leaves other tests little of the processor.

use std::time::Duration;

use crate::support::*;
use crate::world::World;
use onrecord::{
    event::EventId,
    ledger::{StoredWords, Submission},
};

/// Words that are withheld between two reads are withheld, not missing. There are many more readers than cores, so that one of
/// them may be stopped between any two instructions.
#[test]
fn words_are_read_by_many_while_others_are_recorded_and_withheld() {
    let World { tmp: _tmp, ledger, story, .. } = World::small();
    let ledger = std::sync::Arc::new(ledger);
    let told: Vec<(EventId, Submission)> =
        (0..600).map(|i| statement(&story, &format!("kenyataan {i}"))).collect();
    let submissions: Vec<Submission> = told.iter().map(|(_, s)| s.clone()).collect();
    let first = ledger.record_blocking(submissions, false).remove(0).unwrap().index;
    assert!(ledger.wait_published(Duration::from_secs(10)));
    let (done, all) = std::sync::mpsc::channel();
    let writing = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
    let writer = {
        let (ledger, done, writing) = (ledger.clone(), done.clone(), writing.clone());
        move || {
            for (i, (id, _)) in told.iter().enumerate().take(100) {
                let (_, withhold) = withhold(Some(story.case), *id, "court_order", &["content"]);
                let (_, other) = statement(&story, &format!("lain {i}"));
                for receipt in ledger.record_blocking(vec![withhold, other], false) {
                    receipt.unwrap();
                }
            }
            writing.store(false, std::sync::atomic::Ordering::Relaxed);
            done.send(0).unwrap();
        }
    };
    std::thread::spawn(writer);
    const READERS: usize = 64;
    for _ in 0..READERS {
        let (reader, done, writing) = (ledger.reader().clone(), done.clone(), writing.clone());
        std::thread::spawn(move || {
            let mut withheld = 0;
            while writing.load(std::sync::atomic::Ordering::Relaxed) {
                for index in first..first + 256 {
                    match reader.words(index).unwrap() {
                        StoredWords::Withheld(_) => withheld += 1,
                        words => assert!(matches!(words, StoredWords::Present(_)), "{index}: {words:?}"),
                    }
                }
            }
            done.send(withheld).unwrap();
        });
    }
    // Without this sender, a reader that panicked can be told from one that waits.
    drop(done);
    let ended: Vec<u64> =
        (0..=READERS).map(|_| all.recv_timeout(Duration::from_secs(60)).expect("all end well")).collect();
    assert_eq!(ended.iter().filter(|n| **n > 0).count(), READERS, "{ended:?}");
}
