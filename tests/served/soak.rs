//! Days of use in a short time: people read, record and listen, and a mirror follows. What the programs hold may grow only by
//! what goes on record. It takes `ONRECORD_SOAK_SECONDS`, or 10 seconds if that is not set; `./test soak` takes longer.

use std::{
    fs,
    net::SocketAddr,
    process::Command,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use crate::http::send;
use crate::program::Program;
use crate::socket::Socket;
use crate::support::*;
use crate::world::World;
use serde_json::{Value, json};

/// What a program takes of the machine.
#[derive(Debug, Clone, Copy)]
struct Held {
    /// Memory, in KiB.
    memory: u64,
    /// Files and connections that are open.
    open: usize,
    threads: usize,
}

impl Held {
    fn of(served: &Program) -> Self {
        let memory = served.at_rest();
        let count = |what: &str| fs::read_dir(format!("/proc/{}/{what}", served.pid())).unwrap().count();
        Self { memory, open: count("fd"), threads: count("task") }
    }

    /// Compares what is held now with what was held before; `recorded` entries came in between.
    fn judge(self, before: Self, recorded: u64, who: &str) {
        // Each entry takes rows and an index for search, and the allocator keeps memory after bursts.
        let most = before.memory + (48 << 10) + recorded * 8;
        assert!(self.memory <= most, "{who}: {self:?} after {before:?} and {recorded} entries");
        assert!(self.open <= before.open + 16, "{who}: {self:?} after {before:?}");
        assert!(self.threads <= before.threads + 8, "{who}: {self:?} after {before:?}");
    }
}

/// Reads each page in turn, each as a new visitor, until `over` is set. Counts the pages that were read.
fn read(address: SocketAddr, pages: &[String], over: &AtomicBool, read: &AtomicU64) {
    for path in pages.iter().cycle() {
        if over.load(Ordering::Relaxed) {
            return;
        }
        let reply = send(address, "GET", path, &[("Accept", "text/html")], b"");
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        read.fetch_add(1, Ordering::Relaxed);
        // People pause too. Without a pause two cores would do nothing else.
        thread::sleep(Duration::from_millis(20));
    }
}

/// Subscribes from the first entry on, hangs up after 30 and comes back for the next ones, until `over` is set.
fn listen(address: SocketAddr, recorded: &AtomicU64, over: &AtomicBool) {
    let mut next = 0_u64;
    while !over.load(Ordering::Relaxed) {
        let mut socket = Socket::open(address);
        let variables = json!({"after": next.checked_sub(1)});
        socket.subscribe("1", "subscription($after: Index) { events(after: $after) { index } }", &variables);
        for _ in 0..30 {
            if next >= recorded.load(Ordering::Relaxed) {
                break;
            }
            let heard: Value = socket.next("1");
            let index = &heard["data"]["events"]["index"];
            assert_eq!(index.to_string().trim_matches('"'), next.to_string(), "each once, in order: {heard}");
            next += 1;
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// Waits until a mirror has `size` entries.
fn follows(mirror: &Program, size: u64) {
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        let checkpoint = send(mirror.address, "GET", "/checkpoint", &[], b"").text();
        let has = checkpoint.lines().nth(1).and_then(|line| line.parse::<u64>().ok());
        if has.is_some_and(|has| has >= size) {
            return;
        }
        assert!(Instant::now() < until, "the mirror has not {size} entries: {checkpoint}");
        thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn what_is_held_does_not_grow_with_use() {
    let seconds = std::env::var("ONRECORD_SOAK_SECONDS").map_or(10, |s| s.parse().unwrap());
    let lasts = Duration::from_secs(seconds);
    let w = World::small();
    let (story, key, first) = (w.story, w.vkey(), w.size());
    let folder = w.close();
    let served = folder.serve(&[]);
    let to = served.address;
    let (copy, log) = (folder.at("mirror"), folder.at("mirror-log"));
    let mirror = Program::mirror(&format!("http://{to}"), &key, &copy, &log);
    follows(&mirror, first);
    let pages: Vec<String> = ["/", "/entries", "/e/1", "/search?q=kenyataan", "/transparency", "/verify"]
        .into_iter()
        .map(str::to_owned)
        .chain([format!("/case/{}", story.case), format!("/party/{}", story.agency)])
        .chain(["/checkpoint".into(), "/exhibit/2.zip".into()])
        .collect();

    let (over, recorded, count) = (AtomicBool::new(false), AtomicU64::new(first), AtomicU64::new(0));
    let began = Instant::now();
    let (warm, before) = thread::scope(|scope| {
        for address in [to, to, mirror.address] {
            let (pages, over, count) = (&pages, &over, &count);
            scope.spawn(move || read(address, pages, over, count));
        }
        scope.spawn(|| listen(to, &recorded, &over));
        let mut writer = Socket::open(to);
        let mut warm = None;
        while began.elapsed() < lasts {
            let n = recorded.load(Ordering::Relaxed);
            let (_, said) = statement(&story, &format!("Kenyataan nombor {n}, yang panjangnya biasa."));
            let receipts = writer.record(&[said]).expect("it goes on");
            assert_eq!(receipts[0].1, n);
            recorded.store(n + 1, Ordering::Relaxed);
            if warm.is_none() && began.elapsed() > lasts / 4 {
                warm = Some((n, [Held::of(&served), Held::of(&mirror)]));
            }
            thread::sleep(Duration::from_millis(150));
        }
        over.store(true, Ordering::Relaxed);
        warm.expect("a quarter of the time has passed")
    });
    let size = recorded.into_inner();
    for (who, before, now) in [("the ledger", before[0], &served), ("the mirror", before[1], &mirror)] {
        let now = Held::of(now);
        now.judge(before, size - warm, who);
        println!("{who}: {before:?} at entry {warm}, {now:?} at entry {size}");
    }
    println!("{} answers read in {seconds} s", count.into_inner());
    // The mirror has all entries, and both are as they should be.
    follows(&mirror, size);
    for address in [to, mirror.address] {
        let mut verify = Command::new(env!("CARGO_BIN_EXE_onrecord"));
        let out = verify.args(["verify", &format!("http://{address}"), "--key", &key]).output().unwrap();
        let said = String::from_utf8_lossy(&out.stdout).into_owned();
        assert!(out.status.success() && said.contains(&size.to_string()), "{said}{out:?}");
    }
}
