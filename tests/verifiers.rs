//! Three verifiers that share no code (this one, `web/verifier` in TypeScript, `examples/verify.py` in Python) say the
//! same of the same bytes. `./test` builds the one and installs what the other needs.

#[path = "support/exhibit.rs"]
mod exhibit;
#[path = "support/http.rs"]
mod http;
#[path = "support/story.rs"]
mod story;
mod support;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use exhibit::*;
use onrecord::{
    event::{EventId, EventType},
    exhibit::{Enclosed, assemble, verify},
    ledger::Reader,
    log::{Policy, TlogProof, WitnessKey, cosign},
    mirror::{self, FolderSource, Options, Place},
    note::SignatureLine,
};
use serde_json::Value;
use support::*;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// A command that verifies, without its arguments.
fn verifiers() -> [(&'static str, Vec<PathBuf>); 2] {
    let at = |path: &str| Path::new(ROOT).join(path);
    let (program, python) = (at("target/verifier/cli.mjs"), at("target/python/bin/python3"));
    let built = at("target/verifier/dist/cli.js");
    assert!(built.exists() && python.exists(), "./test makes these");
    [("TypeScript", vec!["node".into(), program]), ("Python", vec![python, at("examples/verify.py")])]
}

/// Its exit code and what it prints.
fn run(command: &[PathBuf], args: &[&str]) -> (Option<i32>, String) {
    let out = Command::new(&command[0]).args(&command[1..]).args(args).output().unwrap();
    let text = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
    (out.status.code(), text)
}

#[test]
fn the_scripts_that_are_served_are_what_their_sources_give() {
    for name in ["verifier.js", "page.js", "alone.js"] {
        let kept = fs::read(Path::new(ROOT).join("web/verifier/dist").join(name)).unwrap();
        let built = fs::read(Path::new(ROOT).join("target/verifier/dist").join(name)).unwrap();
        assert!(kept == built, "{name}: npm run build in web/verifier makes it");
    }
    let alone = fs::read_to_string(Path::new(ROOT).join("web/verifier/dist/alone.js")).unwrap();
    assert!(!alone.contains("</script") && !alone.contains("<!--"), "it stands in a page as it is");
    assert!(alone.starts_with("/*! ") && alone.contains("MIT License"), "noble's notice");
}

#[test]
fn the_vectors_and_the_edges_of_ed25519() {
    let path = |name: &str| format!("{ROOT}/tests/vectors/{name}");
    let (vectors, speccheck) = (path("v1.json"), path("ed25519-speccheck.json"));
    let events = format!("{ROOT}/schema/events.json");
    let cases: Value = serde_json::from_str(&fs::read_to_string(&speccheck).unwrap()).unwrap();
    let cases = cases["cases"].as_array().unwrap();
    for (name, command) in verifiers() {
        let mut args = vec!["--vectors", &vectors];
        if name == "TypeScript" {
            args.extend(["--events", &events]);
        }
        let (code, text) = run(&command, &args);
        assert_eq!(code, Some(0), "{name}: {text}");
        let verdicts: Vec<Value> = text.lines().filter_map(|l| serde_json::from_str(l).ok()).collect();
        assert!(verdicts.len() > 220, "{name}: {}", verdicts.len());
        let (_, text) = run(&command, &["--speccheck", &speccheck]);
        // A list of verdicts, or of objects that hold one.
        if name == "TypeScript" {
            let (_, by_noble) = run(&command, &["--speccheck", &speccheck, "--back-end", "noble"]);
            assert_eq!(text, by_noble);
        }
        let said: Vec<Value> = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{name}: {e}: {text}"));
        assert_eq!(said.len(), cases.len(), "{name}");
        for (case, said) in cases.iter().zip(&said) {
            let bytes = |field: &str| -> Vec<u8> {
                let hex = case[field].as_str().unwrap();
                (0..hex.len() / 2).map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap()).collect()
            };
            let (key, signature) = (bytes("pub_key"), bytes("signature"));
            let (key, signature) = (key.try_into().unwrap(), signature.try_into().unwrap());
            let ours = match onrecord::note::verify_strict(&key, &bytes("message"), &signature) {
                true => "accepted",
                false => "refused",
            };
            assert_eq!(said.as_str().or(said["strict"].as_str()), Some(ours), "{name}: {case}");
        }
    }
}

/// Exhibits, good and hostile, each with the policy to check it by.
struct Cases {
    dir: tempfile::TempDir,
    all: Vec<(String, PathBuf, Option<PathBuf>)>,
}

impl Cases {
    fn put(&mut self, name: &str, bytes: &[u8], policy: Option<&Policy>) {
        let path = self.dir.path().join(format!("{}.zip", self.all.len()));
        fs::write(&path, bytes).unwrap();
        let policy = policy.map(|policy| {
            let path = self.dir.path().join(format!("{}.policy", self.all.len()));
            fs::write(&path, policy.to_string()).unwrap();
            path
        });
        self.all.push((name.to_owned(), path, policy));
    }
}

fn cases(reader: &Reader, desk: EventId) -> Cases {
    let mut cases = Cases { dir: tempfile::tempdir().unwrap(), all: Vec::new() };
    let log = policy();
    let exhibit = |index: u64| assemble(reader, index).unwrap().unwrap();
    for index in (0..reader.checkpoint().checkpoint().size()).step_by(5) {
        cases.put(&format!("entry {index}"), &exhibit(index), Some(&log));
    }
    let good = exhibit(first(reader, EventType::StatementMade));
    let other = exhibit(first(reader, EventType::DemandIssued));
    let (of_good, of_other) = (Enclosed::read(&good).unwrap(), Enclosed::read(&other).unwrap());
    cases.put("no policy", &good, None);
    let strange = Policy::of_log(key(ORIGIN, 9).verifying_key().clone());
    cases.put("a policy that trusts another key", &good, Some(&strange));
    let elsewhere = Policy::of_log(key("other.example", 1).verifying_key().clone());
    cases.put("a policy for another log", &good, Some(&elsewhere));
    cases.put("words of another", &changed(&good, |e| e.content = of_other.content), Some(&log));
    cases.put("a proof of another", &changed(&good, |e| e.proof = of_other.proof), Some(&log));
    cases.put("the entry of another", &changed(&good, |e| e.entry = of_other.entry), Some(&log));
    cases.put("no words", &changed(&good, |e| e.content = None), Some(&log));
    // None of the three looks into tokens unless it is given roots.
    cases.put("with tokens", &changed(&good, |e| e.timestamps = vec![b"a", b"b"]), Some(&log));
    cases.put("no keys", &changed(&good, |e| e.chain.clear()), Some(&log));
    let last = *of_good.chain.keys().last().unwrap();
    let short = changed(&good, |e| {
        e.chain.remove(&last);
    });
    cases.put("a thread that is not whole", &short, Some(&log));
    for at in (0..of_good.entry.len()).step_by(97) {
        let mut bytes = of_good.entry.to_vec();
        bytes[at] ^= 1;
        cases.put(&format!("entry, byte {at}"), &changed(&good, |e| e.entry = &bytes), Some(&log));
    }
    for at in (0..of_good.proof.len()).step_by(61) {
        let mut bytes = of_good.proof.to_vec();
        bytes[at] ^= 1;
        cases.put(&format!("proof, byte {at}"), &changed(&good, |e| e.proof = &bytes), Some(&log));
    }
    for cut in [0, 1, 30, good.len() / 2, good.len() - 22, good.len() - 1] {
        cases.put(&format!("cut at {cut}"), &good[..cut], Some(&log));
    }
    cases.put("a byte more", &[&good[..], b"x"].concat(), Some(&log));
    cases.put("a byte before", &[b"x", &good[..]].concat(), Some(&log));
    let replaced = |from: &[u8], to: &[u8]| {
        let mut bytes = good.clone();
        let places: Vec<usize> =
            (0..bytes.len() - from.len()).filter(|i| &good[*i..i + from.len()] == from).collect();
        assert!(!places.is_empty());
        for at in places {
            bytes[at..at + to.len()].copy_from_slice(to);
        }
        bytes
    };
    cases.put("a name that climbs", &replaced(b"content.json", b"../../../etc"), Some(&log));
    cases.put("a name that is absolute", &replaced(b"content.json", b"/etc/passwd1"), Some(&log));
    cases.put("a name that no exhibit has", &replaced(b"content.json", b"letters.json"), Some(&log));
    cases.put(
        "compressed",
        &replaced(b"PK\x03\x04\x0a\0\0\0\0\0", b"PK\x03\x04\x0a\0\0\0\x08\0"),
        Some(&log),
    );
    cases.put("encrypted", &replaced(b"PK\x03\x04\x0a\0\0\0", b"PK\x03\x04\x0a\0\x01\0"), Some(&log));
    cases.put("another size inside", &replaced(b"PK\x05\x06\0\0\0\0", b"PK\x05\x06\x01\0\0\0"), Some(&log));
    // A signature line taken away.
    let text = std::str::from_utf8(of_good.entry).unwrap();
    let stripped = &text[..text.rfind("— ").unwrap()];
    cases.put("no signature", &changed(&good, |e| e.entry = stripped.as_bytes()), Some(&log));
    // Cosigned by two of three.
    let checkpoint = reader.checkpoint();
    let lines: Vec<_> = [(1, 4_000_000_000), (2, 4_000_000_060)]
        .map(|(n, time)| cosign(checkpoint.checkpoint(), time, &witness(n)).unwrap())
        .into();
    let note = checkpoint.with_signatures(&lines).unwrap().note().clone();
    let seen = in_checkpoint(&good, &note);
    let own = TlogProof::parse(of_good.proof).unwrap();
    let own = TlogProof::new(own.index(), own.path().to_vec(), note).unwrap().to_string();
    // A line of a known witness that is not good counts for nothing, and takes nothing from the others.
    let bad = SignatureLine::new("w3.example", WitnessKey::from(witness(3).verifying_key()).id(), &[7; 72]);
    let with_bad = checkpoint.with_signatures(&[&lines[..], &[bad]].concat()).unwrap().note().clone();
    let third_bad = in_checkpoint(&good, &with_bad);
    cases.put("seen by two of three, and a bad line", &third_bad, Some(&of_three("quorum two\n")));
    cases.put("a bad line only where one is needed", &third_bad, Some(&of_three("quorum w3\n")));
    cases.put("seen by two of three", &seen, Some(&of_three("quorum two\n")));
    // Cosigned in 2023, when none of its entries can have been there.
    let early = [1, 2].map(|n| cosign(checkpoint.checkpoint(), 1_700_000_000, &witness(n)).unwrap());
    let early = in_checkpoint(&good, checkpoint.with_signatures(&early).unwrap().note());
    cases.put("dated after it was cosigned", &early, Some(&of_three("quorum two\n")));
    cases.put("dated after it was cosigned, by nobody asked", &early, Some(&of_three("quorum none\n")));
    let both = [(1, 1_700_000_000), (2, 4_000_000_000)]
        .map(|(n, time)| cosign(checkpoint.checkpoint(), time, &witness(n)).unwrap());
    let both = in_checkpoint(&good, checkpoint.with_signatures(&both).unwrap().note());
    cases.put("dated after one that is not needed", &both, Some(&of_three("quorum w2\n")));
    cases.put("not seen by the third", &seen, Some(&of_three("quorum w3\n")));
    cases.put("seen by nobody", &good, Some(&of_three("quorum two\n")));
    cases.put("seen in one proof only", &changed(&good, |e| e.proof = own.as_bytes()), Some(&log));
    for (name, exhibit, _) in forged(reader, desk) {
        cases.put(name, &exhibit, Some(&log));
    }
    cases
}

#[test]
fn exhibits_good_and_hostile() {
    let tmp = tempfile::tempdir().unwrap();
    let dir = tmp.path().join("ledger");
    init(&dir);
    let ledger = open(&dir);
    let ids = story::tell(&ledger);
    let cases = cases(ledger.reader(), ids["desk"]);
    let (mut counts, mut differ) = ([0; 4], Vec::new());
    for (name, path, policy) in &cases.all {
        let trusted: Option<Policy> =
            policy.as_ref().map(|path| fs::read_to_string(path).unwrap().parse().unwrap());
        let report = verify(&fs::read(path).unwrap(), trusted.as_ref());
        let ours = report.verdict.exit_code();
        counts[usize::from(ours)] += 1;
        let path = path.to_str().unwrap();
        let mut args = vec![path];
        args.extend(policy.iter().flat_map(|p| ["--policy", p.to_str().unwrap()]));
        for (which, command) in verifiers() {
            let (code, text) = run(&command, &args);
            // Of what is not refused the TypeScript one, which pages run, says the same word for word.
            let same_words = which != "TypeScript" || ours == 1 || text == report.to_string();
            if code != Some(i32::from(ours)) || !same_words {
                differ.push(format!("{name}: here {ours}, {which} {code:?}\n{report}\n{text}"));
            }
        }
    }
    assert!(differ.is_empty(), "{} differ\n{}", differ.len(), differ.join("\n"));
    assert!(counts[0] >= 19 && counts[1] >= 30 && counts[3] >= 3, "{counts:?}");
}

#[test]
fn a_whole_ledger_over_http() {
    let tmp = tempfile::tempdir().unwrap();
    let dir = tmp.path().join("ledger");
    init(&dir);
    let ledger = open(&dir);
    let small = tell(&ledger);
    for part in 0..3 {
        let batch = (0..100).map(|i| statement(&small, &format!("kenyataan {part} {i}")).1).collect();
        ledger.record_blocking(batch, false).into_iter().for_each(|r| drop(r.unwrap()));
    }
    let server = http::Server::start(ledger.clone());
    let key = key(ORIGIN, 1).verifying_key().to_string();
    let [_, (_, python)] = verifiers();
    let (code, text) = run(&python, &[&format!("http://{}", server.address), "--key", &key]);
    assert_eq!(code, Some(0), "{text}");
    // A copy with one byte of one entry changed, refused by the number of the entry.
    assert!(ledger.wait_published(std::time::Duration::from_secs(10)));
    let copy = tmp.path().join("copy");
    let copied = Command::new("cp").arg("-r").arg(dir.join("public")).arg(&copy).status().unwrap();
    assert!(copied.success());
    // Cosigned in 2023, when none of its entries can have been there; and later.
    let (log, trusted) = (support::key(ORIGIN, 1), tmp.path().join("policy"));
    fs::write(&trusted, of_three("quorum two\n").to_string()).unwrap();
    let checkpoint = ledger.reader().checkpoint();
    for (time, expected) in [(1_700_000_000, 1), (4_000_000_000, 0)] {
        let lines = [1, 2].map(|n| cosign(checkpoint.checkpoint(), time, &witness(n)).unwrap());
        let note = checkpoint.with_signatures(&lines).unwrap();
        fs::write(copy.join("checkpoint"), note.note().as_bytes()).unwrap();
        let (code, text) = run(&python, &[copy.to_str().unwrap(), "--policy", trusted.to_str().unwrap()]);
        let source = FolderSource::open(&copy).unwrap();
        let options = Options { policy: Some(of_three("quorum two\n")), ..Options::default() };
        let ours = mirror::verify(&source, Some(log.verifying_key()), &options, &|_, _| {});
        assert_eq!((code, i32::from(ours.verdict.exit_code())), (Some(expected), expected), "{text}{ours}");
        assert_eq!(text.contains("REFUSED  entry 0"), expected == 1, "{text}");
        assert_eq!(ours.faults.first().map(|f| &f.place), (expected == 1).then_some(&Place::Entry(0)));
    }
    let bundle = copy.join("tile/entries/000");
    let mut bytes = fs::read(&bundle).unwrap();
    let at = bytes.windows(10).position(|w| w == b"\nindex 77\n").unwrap();
    bytes[at + 30] ^= 1;
    fs::write(&bundle, &bytes).unwrap();
    let (code, text) = run(&python, &[copy.to_str().unwrap(), "--key", &key]);
    assert!(code == Some(1) && text.contains("REFUSED  entry 77"), "{text}");
}
