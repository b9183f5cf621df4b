//! A ledger that asks time-stamping authorities, good ones and others: which tokens it keeps, and what exhibits say by them.

use crate::http;
use std::{
    fs,
    net::{SocketAddr, TcpListener},
    path::Path,
    process::{Command, Output},
    sync::Arc,
    time::{Duration, Instant},
};

use crate::authority::{Authority, CA, FOR_STAMPS, Manner, Server};
use crate::exhibit::{changed, policy, witness};
use crate::program::{self, Program, free_port};
use crate::support::*;
use crate::world::{Folder, World};
use onrecord::{
    authority::{Authorities, Schedule, collect},
    check::{Name, Outcome},
    exhibit::{Enclosed, ExhibitReport, ExhibitVerdict, assemble, verify, verify_with_roots},
    ledger::{Ledger, NotStamped, Options},
    log::{Checkpoint, SignedCheckpoint, Time, TlogProof, WitnessKey, cosign},
    ops,
    timestamp::Roots,
};
use sha2::Digest as _;

/// A schedule that waits for nothing.
fn at_once() -> Schedule {
    Schedule {
        every: Duration::from_millis(200),
        settle: Duration::ZERO,
        timeout: Duration::from_millis(1_500),
        pause: Duration::from_millis(50),
        longest: Duration::from_millis(200),
        ..Schedule::default()
    }
}

/// Asks authorities until it is dropped.
struct Asking(Option<tokio::runtime::Runtime>);

impl Asking {
    fn start(ledger: &Ledger, urls: Vec<String>, roots: Option<Roots>, schedule: Schedule) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let authorities = Authorities { urls, roots: roots.map(Arc::new) };
        runtime.spawn(collect(ledger.clone(), authorities, schedule));
        Self(Some(runtime))
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        self.0.take().unwrap().shutdown_timeout(Duration::from_secs(5));
    }
}

fn roots(of: &[&Authority]) -> Roots {
    let mut roots = Roots::default();
    of.iter().for_each(|a| roots.add_pem(&a.read("root.pem")).unwrap());
    roots
}

/// Sizes of the checkpoints that were stamped, each with its number of tokens.
fn stamped(data: &Path) -> Vec<(u64, usize)> {
    let Ok(folders) = fs::read_dir(data.join("timestamps")) else { return Vec::new() };
    let mut out: Vec<(u64, usize)> = folders
        .map(|folder| {
            let folder = folder.unwrap().path();
            let names = fs::read_dir(&folder).unwrap().map(|f| f.unwrap().file_name().into_string().unwrap());
            let size = folder.file_name().unwrap().to_str().unwrap().parse().unwrap();
            (size, names.filter(|n| n.ends_with(".tsr")).count())
        })
        .filter(|(_, tokens)| *tokens > 0)
        .collect();
    out.sort_unstable();
    out
}

fn wait(what: &str, mut until: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !until() {
        assert!(begun.elapsed() < Duration::from_secs(40), "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn wait_stamped(data: &Path, expected: &[(u64, usize)]) {
    wait(&format!("{expected:?}"), || stamped(data) == expected);
}

/// Records a statement, and waits until it is published.
fn publish(ledger: &Ledger, story: &Story, text: &str) {
    record(ledger, statement(story, text));
    assert!(ledger.wait_published(Duration::from_secs(10)));
}

fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}/tsr", listener.local_addr().unwrap())
}

fn imprint(checkpoint: &SignedCheckpoint) -> [u8; 32] {
    sha2::Sha256::digest(checkpoint.note().text()).into()
}

fn now() -> Time {
    (Schedule::default().now)().unwrap()
}

/// A ledger with the small story, which takes cosignatures of these witnesses.
fn world(witnesses: Vec<WitnessKey>) -> World<Story> {
    let w = World::with(Options { witnesses, ..Options::default() }, tell);
    w.published();
    w
}

/// Has an authority stamp the latest checkpoint.
fn add_stamp(w: &World<Story>, authority: &Authority, name: &str) -> Arc<SignedCheckpoint> {
    let checkpoint = w.reader().checkpoint();
    let query = onrecord::timestamp::Query::new(&imprint(&checkpoint), [1; 8]);
    let answer = authority.answer(query.as_bytes());
    w.ledger.add_timestamp(&checkpoint, name, &answer, now()).unwrap();
    checkpoint
}

/// The size of the checkpoint that an exhibit is proved by, and how many tokens it has.
fn leans_on(exhibit: &[u8]) -> (u64, usize) {
    let enclosed = Enclosed::read(exhibit).unwrap();
    let proof = TlogProof::parse(enclosed.proof).unwrap();
    let checkpoint = Checkpoint::parse_text(proof.checkpoint().text()).unwrap();
    (checkpoint.size(), enclosed.timestamps.len())
}

fn said(report: &ExhibitReport) -> (Outcome, String) {
    let check = report.checks.iter().find(|c| c.name == "timestamps").unwrap();
    (check.outcome, check.detail())
}

#[test]
fn good_tokens_are_kept_and_nothing_else_whatever_authorities_do() {
    let w = world(Vec::new());
    let (good, other) =
        (Arc::new(Authority::new("Good", "P-256")), Arc::new(Authority::new("Other", "P-256")));
    let servers: Vec<Server> = [
        (&good, Manner::Good),
        (&good, Manner::Failing),
        (&good, Manner::Silent),
        (&good, Manner::Garbage),
        (&good, Manner::Late),
        (&good, Manner::Refusing),
        (&good, Manner::Endless),
        (&good, Manner::Old),
        (&other, Manner::Good),
    ]
    .into_iter()
    .map(|(authority, manner)| Server::start(authority.clone(), manner))
    .collect();
    let urls = servers.iter().map(Server::url).chain([nobody()]).collect();
    let asking = Asking::start(&w.ledger, urls, Some(roots(&[&good])), at_once());
    wait_stamped(&w.dir, &[(5, 1)]);
    wait("everybody was asked", || servers.iter().all(|s| s.asked() > 0));
    // The log goes on meanwhile, and is stamped again.
    let begun = Instant::now();
    publish(&w.ledger, &w.story, "one more");
    assert!(begun.elapsed() < Duration::from_secs(5));
    wait_stamped(&w.dir, &[(5, 1), (6, 1)]);
    wait("the late one was asked again", || servers[4].asked() > 2);
    drop(asking);
    assert_eq!(stamped(&w.dir), [(5, 1), (6, 1)]);
    let report = verify_with_roots(&w.exhibit(4), Some(&policy()), &roots(&[&good]));
    assert_eq!((report.verdict, report.timestamps.len()), (ExhibitVerdict::Valid, 1), "{report}");

    // Without roots a token is kept though nobody vouches for its authority. One with an old time is not.
    let urls = vec![servers[7].url(), servers[8].url()];
    publish(&w.ledger, &w.story, "and one more");
    let asking = Asking::start(&w.ledger, urls, None, at_once());
    let before = servers[7].asked();
    wait("it is stamped", || stamped(&w.dir).last() == Some(&(7, 1)));
    wait("the old one was asked", || servers[7].asked() > before + 1);
    drop(asking);
    assert_eq!(stamped(&w.dir).last(), Some(&(7, 1)));
}

#[test]
fn the_schedule_goes_on_from_what_is_stored() {
    let w = world(Vec::new());
    let authority = Arc::new(Authority::new("Good", "P-256"));
    let servers = [Manner::Good, Manner::Failing].map(|m| Server::start(authority.clone(), m));
    let urls = || servers.iter().map(Server::url).collect::<Vec<_>>();
    let schedule = Schedule { every: Duration::from_secs(12), ..at_once() };
    let asking = Asking::start(&w.ledger, urls(), None, schedule);
    wait_stamped(&w.dir, &[(5, 1)]);
    let began = Instant::now();
    drop(asking);
    // The authority that failed is asked again for the same checkpoint, after a restart too. The one that stamped it is not.
    publish(&w.ledger, &w.story, "one more");
    let Folder { dir: data, story, tmp: _tmp } = w.close();
    let ledger = open(&data);
    servers[1].behave(Manner::Good);
    let asking = Asking::start(&ledger, urls(), None, schedule);
    wait_stamped(&data, &[(5, 2)]);
    assert_eq!(servers[0].asked(), 1);
    assert!(began.elapsed() < Duration::from_secs(10), "too slow to tell: {:?}", began.elapsed());
    // The next stamp is due a full period after the first, though the log grew before.
    wait_stamped(&data, &[(5, 2), (6, 2)]);
    assert!(began.elapsed() > Duration::from_secs(10), "asked too early");
    let asked = servers.each_ref().map(Server::asked);
    // As long as nothing is recorded, nobody is asked.
    std::thread::sleep(Duration::from_secs(13));
    assert_eq!(servers.each_ref().map(Server::asked), asked);
    let before = Instant::now();
    publish(&ledger, &story, "yet one more");
    wait_stamped(&data, &[(5, 2), (6, 2), (7, 2)]);
    assert!(before.elapsed() < Duration::from_secs(11));
    drop(asking);
}

#[test]
fn an_exhibit_leans_on_most_cosignatures_then_on_the_earliest_stamp() {
    let keys = |n: u8| WitnessKey::from(witness(n).verifying_key());
    let w = world(vec![keys(1), keys(2)]);
    let authority = Authority::new("Good", "P-256");
    let cosigned = |checkpoint: &SignedCheckpoint, n: u8| {
        let time = u64::try_from(now().unix_ms() / 1_000).unwrap();
        let line = cosign(checkpoint.checkpoint(), time, &witness(n)).unwrap();
        w.ledger.add_cosignature(checkpoint, &keys(n), &line).unwrap();
    };
    assert_eq!(leans_on(&w.exhibit(4)), (5, 0));
    add_stamp(&w, &authority, "http://a.example");
    publish(&w.ledger, &w.story, "five");
    let six = add_stamp(&w, &authority, "http://a.example");
    assert_eq!(
        (leans_on(&w.exhibit(4)), leans_on(&w.exhibit(5))),
        ((5, 1), (6, 1)),
        "the earliest that covers it"
    );
    publish(&w.ledger, &w.story, "six");
    assert_eq!((leans_on(&w.exhibit(5)), leans_on(&w.exhibit(6))), ((6, 1), (7, 0)));
    // A checkpoint with a cosignature is preferred to any that is only stamped.
    let seven = w.reader().checkpoint();
    cosigned(&seven, 1);
    assert_eq!(leans_on(&w.exhibit(4)), (7, 0));
    add_stamp(&w, &authority, "http://a.example");
    add_stamp(&w, &authority, "http://b.example");
    assert_eq!(leans_on(&w.exhibit(4)), (7, 2));
    cosigned(&six, 1);
    assert_eq!(leans_on(&w.exhibit(4)), (6, 1), "it came after the stamp");
    cosigned(&seven, 2);
    assert_eq!(leans_on(&w.exhibit(4)), (7, 2));
    let exhibit = w.exhibit(4);
    assert_eq!(exhibit, w.exhibit(4), "the same bytes");

    // The same after a restart, a backup and a restore; the tokens are never lost.
    let folder = w.close();
    let at = |name: &str| folder.at(name);
    let witnesses = vec![keys(1), keys(2)];
    let reopened = |data: &Path| {
        let ledger =
            Ledger::open(data, Options { witnesses: witnesses.clone(), ..Options::default() }).unwrap();
        let exhibit = assemble(ledger.reader(), 4).unwrap().unwrap();
        ledger.close();
        exhibit
    };
    assert_eq!(reopened(&at("ledger")), exhibit);
    ops::backup(&at("ledger"), &at("backup"), true).unwrap();
    ops::restore(&at("backup"), &at("restored")).unwrap();
    // A backup holds only those cosignatures that stand on a stamped checkpoint; others can be had again.
    assert_eq!(leans_on(&reopened(&at("restored"))), (7, 2));
    assert_eq!(stamped(&at("restored")), [(5, 1), (6, 1), (7, 2)]);

    // fsck reads all of it.
    let fsck = |data: &str| ops::fsck(&at(data), None, &|_, _| {}).unwrap();
    let found = fsck("ledger");
    let line = found.checks.iter().find(|c| c.name == Name::Timestamps).unwrap();
    assert_eq!(line.outcome, Outcome::Ok, "{found}");
    assert!(line.detail().starts_with("4 tokens over 3 checkpoints of this log"), "{found}");
    let token = |size: u64| {
        let names = fs::read_dir(at("ledger/timestamps").join(size.to_string())).unwrap();
        names.map(|n| n.unwrap().path()).find(|p| p.extension().is_some()).unwrap()
    };
    let kept = fs::read(token(5)).unwrap();
    fs::copy(token(6), token(5)).unwrap();
    let found = fsck("ledger");
    assert!(found.to_string().contains("imprint: expected SHA-256"), "{found}");
    assert!(found.to_string().contains("Not sound, but the log is"), "{found}");
    // The bad token is left out, and the rest is as it was.
    assert_eq!(leans_on(&reopened(&at("ledger"))), (7, 2));
    fs::write(token(5), kept).unwrap();
    fs::write(at("ledger/timestamps/5/other"), "").unwrap();
    assert!(fsck("ledger").to_string().contains("timestamps/5/other: expected <size>/checkpoint or"));
    fs::remove_file(at("ledger/timestamps/5/other")).unwrap();
    fs::rename(at("ledger/timestamps/5"), at("ledger/timestamps/4")).unwrap();
    assert!(fsck("ledger").to_string().contains("expected a checkpoint of the first 4 entries"));
}

#[test]
fn what_is_dated_before_the_last_entry_or_by_another_clock_is_not_kept() {
    let w = world(Vec::new());
    let authority = Authority::new("Good", "P-256");
    let checkpoint = w.reader().checkpoint();
    let digits = |t: Time| t.to_string()[..19].replace(['-', ':', 'T'], "") + "Z";
    let token = |ahead_ms: i64| {
        let then = Time::from_unix_ms(now().unix_ms() + ahead_ms).unwrap();
        authority.at(&imprint(&checkpoint), &digits(then))
    };
    let add = |token: &[u8]| w.ledger.add_timestamp(&checkpoint, "http://a.example", token, now());
    assert!(matches!(add(&token(-120_000)), Err(NotStamped::Behind(_))));
    assert!(matches!(add(&token(3_700_000)), Err(NotStamped::Clock(_))));
    // A token that comes a month after its own time is refused too.
    let later = Time::from_unix_ms(now().unix_ms() + 30 * 86_400_000).unwrap();
    let month_old = w.ledger.add_timestamp(&checkpoint, "http://a.example", &token(0), later);
    assert!(matches!(month_old, Err(NotStamped::Clock(_))));
    assert!(matches!(add(b"no token"), Err(NotStamped::Token(_))));
    assert!(stamped(&w.dir).is_empty());
    let earliest = add(&token(-30_000)).unwrap();
    assert_eq!(add(&token(0)).unwrap(), earliest, "a later token says less");
    assert_eq!(stamped(&w.dir), [(5, 1)]);
}

#[test]
fn a_token_in_an_exhibit_is_held_against_roots_and_entries() {
    let w = world(Vec::new());
    let authority = Authority::new("Good", "P-256");
    let ten_years = Some(("20190101000000Z", "20400101000000Z"));
    authority.issue("between", "Good issuing", "root", CA, ten_years);
    authority.issue("tsa", "Good stamps", "between", FOR_STAMPS, ten_years);
    let (five, policy, trusted) =
        (add_stamp(&w, &authority, "http://a.example"), policy(), roots(&[&authority]));
    let other = Authority::new("Other", "P-256");
    let exhibit = w.exhibit(4);
    let check = |exhibit: &[u8], roots: &Roots| verify_with_roots(exhibit, Some(&policy), roots);

    let report = check(&exhibit, &trusted);
    assert_eq!(report.verdict, ExhibitVerdict::Valid, "{report}");
    let stamp = &report.timestamps[0];
    assert_eq!((stamp.authority.as_str(), stamp.accuracy_ms), ("CN=Good stamps,O=Synthetic", Some(1_000)));
    let (outcome, detail) = said(&report);
    assert_eq!(outcome, Outcome::Ok);
    assert_eq!(
        detail,
        format!(
            "the checkpoint existed not later than {} (its clock within 1 s, it says), by the word of CN=Good \
             stamps,O=Synthetic; it says nothing of the time before",
            stamp.not_later_than
        )
    );
    let text = report.to_string();
    let on_word = text.lines().find(|l| l.starts_with("On a time-stamping authority's word: ")).unwrap();
    assert!(
        on_word.contains("existed not later than")
            && on_word.ends_with("It says nothing of the time before.")
    );
    assert!(!text.lines().find(|l| l.starts_with("Proved: ")).unwrap().contains("later than"));

    let without = verify(&exhibit, Some(&policy));
    assert_eq!(
        (without.verdict, said(&without)),
        (ExhibitVerdict::Valid, (Outcome::NotChecked, "1 enclosed".to_owned()))
    );
    // Without a policy nothing says whose log it is, and the token is checked all the same.
    let brought = verify_with_roots(&exhibit, None, &trusted);
    assert_eq!((brought.verdict, said(&brought).0), (ExhibitVerdict::NotDecided, Outcome::Ok));

    // Each of these is refused, and the report says why.
    let refused = |exhibit: &[u8], roots: &Roots, why: &str| {
        let report = check(exhibit, roots);
        assert_eq!((report.verdict, said(&report).0), (ExhibitVerdict::Refused, Outcome::Failed), "{report}");
        assert!(said(&report).1.starts_with("timestamps/") && said(&report).1.contains(why), "{report}");
        assert!(report.timestamps.is_empty() || why.contains("timestamps/1"));
        assert!(!report.to_string().contains("not later than"), "{report}");
    };
    refused(&exhibit, &roots(&[&other]), "leads to none of the roots");
    let with = |tokens: &[&[u8]]| {
        let mut enclosed = Enclosed::read(&exhibit).unwrap();
        enclosed.timestamps = tokens.to_vec();
        enclosed.write().unwrap()
    };
    let own = Enclosed::read(&exhibit).unwrap().timestamps[0];
    publish(&w.ledger, &w.story, "one more");
    add_stamp(&w, &authority, "http://a.example");
    let later = w.exhibit(5);
    let of_six = Enclosed::read(&later).unwrap().timestamps[0];
    refused(&with(&[of_six]), &trusted, "timestamps/0.tsr: imprint: expected SHA-256");
    refused(&with(&[own, of_six]), &trusted, "timestamps/1.tsr: imprint");
    refused(&with(&[b"junk"]), &trusted, "expected a TimeStampResp of RFC 3161");
    // A token dated before the entry that it covers: the token or the entry lies.
    let old = authority.at(&imprint(&five), "20230101000000Z");
    refused(
        &with(&[&old]),
        &trusted,
        "time: expected at most 60 s after 2023-01-01T00:00:00.000Z, when CN=Good stamps,O=Synthetic stamped a tree",
    );
    // A token that only others trust is passed over beside one that the reader trusts.
    let foreign = other.answer(onrecord::timestamp::Query::new(&imprint(&five), [1; 8]).as_bytes());
    let both = with(&[&foreign, own]);
    let report = check(&both, &trusted);
    assert_eq!((report.verdict, report.timestamps.len()), (ExhibitVerdict::Valid, 1), "{report}");
    assert!(
        said(&report).1.contains("\npassed over: timestamps/0.tsr: certificate: CN=Other stamps"),
        "{report}"
    );
    let report = check(&both, &roots(&[&authority, &other]));
    assert_eq!(report.timestamps.len(), 2);
    assert!(report.timestamps[0].not_later_than <= report.timestamps[1].not_later_than);
    let report = check(&with(&[own; 65]), &trusted);
    assert_eq!(report.verdict, ExhibitVerdict::Refused);
    assert_eq!(said(&report), (Outcome::Failed, "expected at most 64 tokens, found 65".to_owned()));
    // That no token is enclosed is said, and nothing is refused.
    let none = changed(&exhibit, |e| e.timestamps.clear());
    let report = check(&none, &trusted);
    assert_eq!((report.verdict, said(&report).0), (ExhibitVerdict::Valid, Outcome::NotEnclosed));
    assert!(!verify(&none, Some(&policy)).checks.iter().any(|c| c.name == "timestamps"));
}

fn onrecord(args: &[&str]) -> Output {
    program::onrecord().args(args).output().unwrap()
}

#[test]
fn from_the_settings_to_a_verdict_by_commands_alone() {
    let Folder { dir: data, tmp, .. } = World::small().close();
    let at = |name: &str| tmp.path().join(name).to_str().unwrap().to_owned();
    let authority = Arc::new(Authority::new("Acme Time", "rsa:2048"));
    let other = Authority::new("Other", "P-256");
    fs::write(at("roots.pem"), authority.read("root.pem")).unwrap();
    fs::write(at("others.pem"), other.read("root.pem")).unwrap();
    let (good, dead) = (Server::start(authority.clone(), Manner::Good), nobody());
    // Paths in the file are relative to the file.
    fs::write(
        at("onrecord.toml"),
        format!(
            "timestamp_authorities = [\"{}\", \"{dead}\"]\ntimestamp_roots = [\"roots.pem\"]\n[limits]\ntimestamp_every_s = 60\n",
            good.url()
        ),
    )
    .unwrap();
    let metrics = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let flags = ["--config", &at("onrecord.toml"), "--metrics", &metrics.to_string()];
    let served = Program::logged(&data, &flags, &tmp.path().join("log"));
    wait_stamped(&data, &[(5, 1)]);
    let counted = || http::send(metrics, "GET", "/metrics", &[], b"").text();
    wait("both outcomes are counted", || {
        let text = counted();
        ["stamped", "unreachable"]
            .iter()
            .all(|o| text.contains(&format!("onrecord_timestamp_answers_total{{outcome=\"{o}\"}} 1\n")))
    });
    let text = counted();
    assert!(text.contains("\nonrecord_timestamped_size 5\n"), "{text}");
    assert!(text.contains("\nonrecord_timestamped_timestamp_seconds 1"), "{text}");

    let url = format!("http://{}", served.address);
    let written = onrecord(&["exhibit", "@4", "--ledger", &url, "-o", &at("exhibit.zip")]);
    assert!(written.status.success(), "{written:?}");
    let over_http = http::send(served.address, "GET", "/exhibit/4.zip", &[], b"").body;
    assert_eq!(fs::read(at("exhibit.zip")).unwrap(), over_http);

    let key = key(ORIGIN, 1).verifying_key().to_string();
    let verify = |more: &[&str]| {
        let exhibit = at("exhibit.zip");
        let out = onrecord(&[&["verify", &exhibit, "--key", &key], more].concat());
        (out.status.code(), String::from_utf8(out.stdout).unwrap() + &String::from_utf8(out.stderr).unwrap())
    };
    let (code, text) = verify(&["--timestamp-roots", &at("roots.pem")]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("timestamps  ok           the checkpoint existed not later than 20"), "{text}");
    assert!(
        text.contains(", by the word of CN=Acme Time stamps,O=Synthetic; it says nothing of the time before")
    );
    let (_, text) =
        verify(&["--timestamp-roots", &at("others.pem"), "--timestamp-roots", &at("roots.pem"), "--json"]);
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["timestamps"][0]["authority"], "CN=Acme Time stamps,O=Synthetic");
    assert_eq!(json["timestamps"][0]["accuracy_ms"], 1_000);
    assert!(Time::parse(json["timestamps"][0]["not_later_than"].as_str().unwrap()).is_some());
    let (code, text) = verify(&["--timestamp-roots", &at("others.pem")]);
    assert_eq!(code, Some(1), "{text}");
    assert!(
        text.contains(
            "REFUSED  timestamps/0.tsr: certificate: CN=Acme Time stamps,O=Synthetic leads to none"
        )
    );
    let (code, text) = verify(&[]);
    assert_eq!(code, Some(0));
    assert!(text.contains("timestamps  not checked  1 enclosed\n"), "{text}");
    assert!(text.contains("time-stamps are checked with --timestamp-roots FILE"), "{text}");
    let (code, text) = verify(&["--timestamp-roots", &at("onrecord.toml")]);
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("onrecord.toml: expected a certificate in PEM, found none"), "{text}");

    // The exhibits in a case file have tokens as well.
    let exported = onrecord(&["case", "export", "@4", "--ledger", &url, "-o", &at("case.zip")]);
    assert!(exported.status.success(), "{exported:?}");
    for (roots, code, expected) in [
        ("roots.pem", 0, "that the ledger's tree, and so these entries, existed not later than 20"),
        ("others.pem", 1, "REFUSED  exhibit-4.zip: timestamps: timestamps/0.tsr: certificate: CN=Acme Time"),
    ] {
        let out = onrecord(&["verify", &at("case.zip"), "--key", &key, "--timestamp-roots", &at(roots)]);
        let text = String::from_utf8(out.stdout).unwrap();
        assert!(out.status.code() == Some(code) && text.contains(expected), "{text}");
    }

    // Check the token by hand, as docs/exhibits.md says.
    let exhibit = fs::read(at("exhibit.zip")).unwrap();
    let enclosed = Enclosed::read(&exhibit).unwrap();
    fs::write(at("proof.tlog-proof"), enclosed.proof).unwrap();
    fs::write(at("0.tsr"), enclosed.timestamps[0]).unwrap();
    let page = include_str!("../../docs/exhibits.md");
    let by_hand = page
        .lines()
        .filter_map(|l| l.strip_prefix("    "))
        .filter(|l| l.starts_with("(sed '1,/^$/d' proof.tlog-proof") || l.starts_with("openssl ts -verify"));
    let script: Vec<&str> = by_hand.collect();
    assert_eq!(script.len(), 2);
    let readme = std::str::from_utf8(enclosed.readme).unwrap();
    assert!(script.iter().all(|line| readme.contains(line)));
    let script = script.join("\n").replace("timestamps/0.tsr", "0.tsr");
    let run =
        |script: &str| Command::new("sh").args(["-ec", script]).current_dir(tmp.path()).output().unwrap();
    let out = run(&script);
    assert!(String::from_utf8_lossy(&out.stdout).contains("Verification: OK"), "{out:?}");
    assert!(!run(&script.replace("roots.pem", "others.pem")).status.success());

    // Settings that make no sense.
    let serve = |args: &[&str]| {
        let out = onrecord(&[&["serve", "--data", &at("ledger"), "--listen", "127.0.0.1:0"], args].concat());
        (out.status.code(), String::from_utf8(out.stderr).unwrap())
    };
    let url = "http://tsa.example/tsr";
    for (args, why) in [
        (&["--timestamp-authority", "ftp://tsa.example"][..], "expected an address that starts with http"),
        (&["--timestamp-authority", "http://a:b@tsa.example"], "without user name and password"),
        (&["--timestamp-authority", url, "--timestamp-authority", url], "it was given before"),
        (&["--timestamp-authority", url, "--timestamp-every-s", "59"], "59 is not in 60.."),
        (&["--timestamp-authority", url, "--timestamp-roots", "nowhere.pem"], "nowhere.pem"),
    ] {
        let (code, text) = serve(args);
        assert!(matches!(code, Some(2 | 3)) && text.contains(why), "{args:?}: {text}");
    }
}
