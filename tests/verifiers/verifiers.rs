//! Three verifiers that share no code (this one, `web/verifier` in TypeScript, `examples/verify.py` in Python) say the
//! same of the same bytes. `./test` builds the second and installs what the third needs.

use crate::forger;
use crate::http;
use crate::public;
use crate::support;
use crate::zip;
use std::{
    collections::BTreeMap,
    fs,
    io::{Read as _, Write as _},
    os::unix::{fs::symlink, net::UnixListener},
    path::{Path, PathBuf},
    process::Command,
};

use crate::exhibit::*;
use crate::forger::Forger;
use crate::ml_dsa_witness::MlDsaWitness;
use crate::support::*;
use crate::world::World;
use onrecord::{
    event::{Digest, EventId, EventType},
    exhibit::{CaseFile, Enclosed, assemble},
    ledger::{Ledger, Reader, Submission},
    log::{Policy, TlogProof, WitnessKey, cosign},
    note::{KeyId, SignatureLine, SignedNote, SigningKey, base64_encode},
    verify::{self, FolderSource, Options, Place},
};
use serde_json::{Value, json};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// A command that verifies, without its arguments.
fn verifiers() -> [(&'static str, Vec<PathBuf>); 2] {
    let at = |path: &str| Path::new(ROOT).join(path);
    let (program, python) = (at("target/verifier/cli.mjs"), at("target/python/bin/python3"));
    let built = at("target/verifier/dist/cli.js");
    assert!(built.exists() && python.exists(), "./test makes these");
    [("TypeScript", vec!["node".into(), program]), ("Python", vec![python, at("examples/verify.py")])]
}

/// The command of this verifier.
fn ours() -> Vec<PathBuf> {
    [env!("CARGO_BIN_EXE_onrecord"), "verify"].map(PathBuf::from).into()
}

/// Runs a command: its exit code, and all that it prints.
fn run(command: &[PathBuf], args: &[&str]) -> (Option<i32>, String) {
    let (code, text, complaints) = run_apart(command, args);
    (code, text + &complaints)
}

/// Runs a command: its exit code, what it prints on stdout, and what it prints on stderr.
fn run_apart(command: &[PathBuf], args: &[&str]) -> (Option<i32>, String, String) {
    let out = Command::new(&command[0]).args(&command[1..]).args(args).output().unwrap();
    let [text, complaints] = [out.stdout, out.stderr].map(|b| String::from_utf8_lossy(&b).into_owned());
    (out.status.code(), text, complaints)
}

#[test]
fn the_scripts_that_are_served_are_what_their_sources_give() {
    for name in ["verifier.js", "given.js", "page.js", "alone.js"] {
        let kept = fs::read(Path::new(ROOT).join("web/verifier/dist").join(name)).unwrap();
        let built = fs::read(Path::new(ROOT).join("target/verifier/dist").join(name)).unwrap();
        assert!(kept == built, "{name}: npm run build in web/verifier makes it");
    }
    let kept = |name: &str| fs::read_to_string(Path::new(ROOT).join("web/verifier/dist").join(name)).unwrap();
    // A page always loads the first file. It loads the second once it is given something that needs it.
    assert!(kept("verifier.js").len() <= 48_000 && kept("page.js").contains("import(\"./given.js\")"));
    let alone = kept("alone.js");
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
        // The TypeScript one has two back ends, which must agree.
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

/// A file to be verified.
struct Case {
    name: String,
    path: PathBuf,
    /// The policy to check it by.
    policy: Option<PathBuf>,
    /// The exit code of all three, where it is not enough that they agree.
    code: Option<i32>,
    /// What all three must say.
    says: Vec<String>,
    /// The exit code of the TypeScript one, where it can't check what the others can: it has no ML-DSA-44.
    page: Option<i32>,
}

/// Exhibits, good and hostile.
struct Cases {
    dir: tempfile::TempDir,
    all: Vec<Case>,
}

impl Cases {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), all: Vec::new() }
    }

    fn put(&mut self, name: &str, bytes: &[u8], policy: Option<&Policy>) {
        let policy = policy.map(|policy| policy.to_string().into_bytes());
        self.add(name, "some.zip", bytes, policy.as_deref(), None);
    }

    /// Adds a file for which the exit code is known.
    fn add(&mut self, name: &str, file: &str, bytes: &[u8], policy: Option<&[u8]>, code: Option<i32>) {
        let dir = self.dir.path().join(self.all.len().to_string());
        fs::create_dir(&dir).unwrap();
        fs::write(dir.join(file), bytes).unwrap();
        if let Some(policy) = policy {
            fs::write(dir.join("policy"), policy).unwrap();
        }
        self.all.push(Case {
            name: name.to_owned(),
            path: dir.join(file),
            policy: policy.map(|_| dir.join("policy")),
            code,
            says: Vec::new(),
            page: None,
        });
    }

    /// The exit code of the TypeScript one for the case added last, which it reports in words of its own.
    fn on_a_page(&mut self, code: i32) {
        self.all.last_mut().unwrap().page = Some(code);
    }

    /// Holds that all three say the same of each case. Gives how often each exit code came.
    fn hold(&self) -> [usize; 4] {
        let (mut counts, mut differ) = ([0; 4], Vec::new());
        for case in &self.all {
            let mut args = vec![case.path.to_str().unwrap()];
            args.extend(case.policy.iter().flat_map(|p| ["--policy", p.to_str().unwrap()]));
            let (code, report, complaints) = run_apart(&ours(), &args);
            let known = code.and_then(|code| counts.get_mut(usize::try_from(code).ok()?));
            *known.unwrap_or_else(|| panic!("{}: {code:?}\n{report}{complaints}", case.name)) += 1;
            let mut good = case.code.is_none_or(|expected| code == Some(expected));
            let mut said = format!("{}: here {code:?}\n{report}{complaints}", case.name);
            let is_told = |text: &str| case.says.iter().all(|words| text.contains(words));
            good &= is_told(&(report.clone() + &complaints));
            for (which, command) in verifiers() {
                let (its, text, complaints) = run_apart(&command, &args);
                // Where nothing is refused, the TypeScript one, which pages run, says the same word for word.
                let page = case.page.filter(|_| which == "TypeScript");
                let same_words =
                    which != "TypeScript" || page.is_some() || matches!(code, Some(1 | 2)) || text == report;
                good &= its == page.or(code) && same_words && is_told(&(text.clone() + &complaints));
                said += &format!("{which} {its:?}\n{text}{complaints}\n");
            }
            if !good {
                differ.push(said);
            }
        }
        assert!(differ.is_empty(), "{} differ\n{}", differ.len(), differ.join("\n"));
        counts
    }
}

fn cases(reader: &Reader, desk: EventId) -> Cases {
    let mut cases = Cases::new();
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
    // None of the three checks time-stamps unless it is given roots.
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
    // A signature line is removed.
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
    // A bad line of a known witness does not count, and does not spoil the other lines.
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
    let World { tmp: _tmp, ledger, story: ids, .. } = World::whole();
    let cases = cases(ledger.reader(), ids["desk"]);
    let counts = cases.hold();
    assert!(counts[0] >= 19 && counts[1] >= 30 && counts[3] >= 3, "{counts:?}");
}

/// A ledger, an exhibit of which every member but the files is there, and its number.
fn small_exhibit() -> (World<Story>, Vec<u8>, u64) {
    let w = World::small();
    let files = [upload(&w.ledger, "a.txt", b"one"), upload(&w.ledger, "b.txt", b"two")];
    let (_, index) = w.record(captured(&w.story, "two files", &files));
    let exhibit = w.exhibit(index);
    (w, exhibit, index)
}

/// Stands for the exit code 0 with a report that says that the archive was packed anew.
const ANEW: i32 = -1;

#[test]
fn no_container_but_the_one_that_exhibits_have() {
    use zip::{Header, Part, parts, zip};
    let (World { tmp, .. }, good, _) = small_exhibit();
    let trust = policy().to_string();
    let mut cases = Cases::new();
    let mut put = |name: &str, bytes: &[u8], code: i32| {
        cases.add(name, "some.zip", bytes, Some(trust.as_bytes()), Some(code.max(0)));
        if code == ANEW {
            cases.all.last_mut().unwrap().says =
                vec!["packed anew: the checks below are of its members".into()];
        }
    };
    assert_eq!((zip(&parts(&good)), &*parts(&good)[3].name), (good.clone(), "content.json"));
    put("as it was", &good, 0);

    type Change = fn(&mut Header);
    let changes: [(&str, Change); 13] = [
        ("names in UTF-8", |h| h.flags = 0x800),
        ("encrypted", |h| h.flags = 1),
        ("sizes behind the bytes", |h| h.flags = 8),
        ("another date", |h| h.time = 0x5555_5555),
        ("attributes of files", |h| h.external = 0o644 << 16),
        ("attributes of folders", |h| h.external = 0x10),
        ("attributes of text", |h| h.internal = 1),
        ("made on Unix", |h| h.made_by = 0x031e),
        ("another version", |h| h.version = 20),
        ("another method", |h| h.method = 12),
        ("smaller once taken apart", |h| h.size -= 1),
        ("of a size that stands elsewhere", |h| (h.size, h.packed) = (u32::MAX, u32::MAX)),
        ("another checksum", |h| h.crc ^= 1),
    ];
    let with = |change: &dyn Fn(&mut Vec<Part>)| {
        let mut members = parts(&good);
        change(&mut members);
        zip(&members)
    };
    for (name, change) in changes {
        // The member's own header has no such fields, and a change by another program leaves the members as they are.
        let nowhere = ["attributes", "made on"].iter().any(|said| name.starts_with(said));
        let harmless =
            nowhere || ["names in", "another date", "another version"].iter().any(|s| name.starts_with(s));
        let code = if harmless { ANEW } else { 1 };
        // A member that can't be read here is not wrong, unless only one of its headers says so.
        let unread = ["encrypted", "another method", "of a size that stands elsewhere"].contains(&name);
        put(name, &with(&|m| m[3].say(change)), if unread { 3 } else { code });
        let own = with(&|m| change(&mut m[3].own));
        put(&format!("{name}, it says of itself"), &own, if nowhere { 0 } else { code });
        put(&format!("{name}, the directory says"), &with(&|m| change(&mut m[3].listed)), code);
    }

    // 64 MiB of zeros in 64 KiB.
    let zeros = vec![0; 64 << 20];
    let bomb = Part::deflated("content.json", &zeros);
    let with_bomb = |change: &dyn Fn(&mut Part)| {
        with(&|m| {
            let mut part = Part { name: bomb.name.clone(), bytes: bomb.bytes.clone(), ..bomb };
            change(&mut part);
            m[3] = part;
        })
    };
    assert!(bomb.bytes.len() < 100_000);
    put("a bomb", &with_bomb(&|_| ()), 1);
    put("a bomb that says it is small", &with_bomb(&|part| part.say(|h| h.size = 100)), 1);
    put("a bomb that says it is as it lies there", &with_bomb(&|part| part.say(|h| h.size = h.packed)), 1);
    put("a bomb that says it is stored", &with_bomb(&|part| part.say(|h| h.method = 0)), 1);
    let as_stored = Header::stored(&bomb.bytes);
    put("a bomb, stored as it is", &with_bomb(&|p| p.say(|h| *h = as_stored)), 1);
    put("a bomb by the directory only", &with_bomb(&|p| p.own = as_stored), 1);
    for (name, by) in [("larger", 1), ("much larger", 1 << 30), ("smaller", u32::MAX)] {
        let lie = |h: &mut Header| h.size = h.size.wrapping_add(by);
        let lies = |h: &mut Header| {
            lie(h);
            h.packed = h.size;
        };
        put(&format!("a member that says it is {name}"), &with(&|m| m[3].say(lie)), 1);
        put(&format!("a member that says twice it is {name}"), &with(&|m| m[3].say(lies)), 1);
        put(&format!("{name} in its own header"), &with(&|m| lies(&mut m[3].own)), 1);
        put(&format!("{name} in the directory"), &with(&|m| lies(&mut m[3].listed)), 1);
    }
    // A good one, and then more than any exhibit has.
    let long = [&good[..], &vec![0; 256 << 20]].concat();
    put("too long", &long, 1);

    for missing in ["README.txt", "entry", "proof.tlog-proof", "chain/0", "chain/0.tlog-proof"] {
        let code = if missing == "README.txt" { ANEW } else { 1 };
        put(&format!("without {missing}"), &with(&|m| m.retain(|part| part.name != missing)), code);
    }
    let before_policy = |m: &mut Vec<Part>, names: &[&str]| {
        let last = m.len() - 1;
        m.splice(last..last, names.iter().map(|name| Part::stored(name, b"x")));
    };
    for (names, code) in [
        (&["timestamps/0.tsr", "timestamps/1.tsr"][..], 0),
        (&["timestamps/1.tsr"], 1),
        (&["timestamps/0.tsr", "timestamps/2.tsr"], 1),
        (&["timestamps/1.tsr", "timestamps/0.tsr"], ANEW),
        (&["timestamps/00.tsr"], 1),
        (&["timestamps/"], ANEW),
        (&["chain/00", "chain/00.tlog-proof"], 1),
        (&["chain/9"], 1),
        (&["chain/9.tlog-proof"], 1),
        (&["../entry"], 1),
        (&["/tmp/entry"], 1),
        (&["files/../../entry"], 1),
        (&["files\\entry"], ANEW),
        (&["entry"], 1),
        (&["readme.txt"], ANEW),
    ] {
        put(&format!("{names:?}"), &with(&|m| before_policy(m, names)), code);
    }
    // Files are named by their digests, each once. The ending is for people.
    let name = |bytes: &[u8], ext: &str| format!("files/{}.{ext}", Digest::blake3(bytes));
    let (one, two) = (name(b"one", "txt"), name(b"two", "txt"));
    let mut both = [(one.clone(), b"one"), (two, b"two")];
    both.sort();
    let [a, b] = both.map(|(name, bytes)| (name, bytes.as_slice()));
    let files = |files: &[(String, &[u8])]| {
        with(&|m| drop(m.splice(4..4, files.iter().map(|(name, bytes)| Part::stored(name, bytes)))))
    };
    put("two files", &files(&[a.clone(), b.clone()]), 0);
    put("files out of order", &files(&[b.clone(), a.clone()]), ANEW);
    put("a file twice", &files(&[a.clone(), a.clone()]), 1);
    put("a file that no words name", &files(&[(name(b"three", "txt"), b"three")]), 1);
    put("a file of another", &files(&[(one.clone(), b"two")]), 1);
    put("a file in capitals", &files(&[(name(b"one", "TXT"), b"one")]), 0);
    put("a file under two names", &files(&[(name(b"one", "bin"), b"one"), (one.clone(), b"one")]), 1);
    put("a file without what follows its digest", &files(&[(name(b"one", ""), b"one")]), ANEW);
    put("a file of a long kind", &files(&[(name(b"one", "ninechars"), b"one")]), ANEW);
    // As other programs pack it: compressed, in a folder, with files that a system adds.
    let deflated = with(&|m| {
        let mut packed = vec![Part::stored("exhibit 5/", b"")];
        for part in m.drain(..).rev() {
            packed.push(Part::deflated(&format!("exhibit 5/{}", part.name), &part.bytes));
        }
        packed.push(Part::deflated("__MACOSX/exhibit 5/._entry", b"x"));
        packed.push(Part::stored("exhibit 5/.DS_Store", b"x"));
        *m = packed;
    });
    put("compressed, in a folder, backwards", &deflated, ANEW);
    cases.hold();

    let page = || verifiers()[0].1.clone();
    let policy = tmp.path().join("policy");
    fs::write(&policy, &trust).unwrap();
    // Unpacked: the folder, and its files one by one.
    let folder = tmp.path().join("unpacked");
    for Part { name, bytes, .. } in parts(&good) {
        let at = folder.join("exhibit-5").join(name);
        fs::create_dir_all(at.parent().unwrap()).unwrap();
        fs::write(at, bytes).unwrap();
    }
    let of_folder = |trusted: &str| run(&page(), &[folder.to_str().unwrap(), "--policy", trusted]);
    let (code, text) = of_folder(policy.to_str().unwrap());
    assert!(code == Some(0) && text.contains("unpacked: the checks below are of its members"), "{text}");
    let inner = folder.join("exhibit-5");
    let names = ["proof.tlog-proof", "entry", "README.txt"].map(|name| inner.join(name));
    let (code, text) = run(&page(), &names.each_ref().map(|path| path.to_str().unwrap()));
    assert!(code == Some(3) && text.contains("unpacked: the checks"), "{text}");
    // Other words, and a folder that is no exhibit.
    fs::write(inner.join("content.json"), b"{}").unwrap();
    let (code, text) = of_folder(policy.to_str().unwrap());
    assert!(code == Some(1) && text.contains("content.json"), "{text}");
    fs::remove_file(inner.join("proof.tlog-proof")).unwrap();
    let (code, text) = of_folder(policy.to_str().unwrap());
    assert!(code == Some(3) && text.contains("This is no exhibit") && !text.contains("rely"), "{text}");
}

#[test]
fn zips_that_say_two_things_or_unfold_without_end_are_not_read() {
    use zip::{Part, parts, zip};
    let (World { tmp, .. }, good, _) = small_exhibit();
    let page = verifiers()[0].1.clone();
    let path = tmp.path().join("some.zip");
    let packed =
        || -> Vec<Part> { parts(&good).iter().map(|part| Part::deflated(&part.name, &part.bytes)).collect() };
    let with = |change: &dyn Fn(&mut Vec<Part>)| {
        let mut members = packed();
        change(&mut members);
        zip(&members)
    };
    let zeros = vec![0; 64 << 20];
    let bomb = || Part::deflated("content.json", &zeros);
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("a name twice", with(&|m| m.push(Part::deflated("entry", b"x")))),
        ("another name in its own header", {
            let bytes = zip(&packed());
            let at = bytes.windows(5).position(|w| w == b"entry").unwrap();
            [&bytes[..at], b"Entry", &bytes[at + 5..]].concat()
        }),
        ("another sum in its own header", with(&|m| m[1].own.crc ^= 1)),
        ("another sum in both", with(&|m| m[1].say(|h| h.crc ^= 1))),
        (
            "a bomb that says it is small",
            with(&|m| {
                m[3] = bomb();
                m[3].say(|h| h.size = 100);
            }),
        ),
        ("more than 256 MiB of bombs", with(&|m| (0..5).for_each(|_| m.push(bomb())))),
        ("longer than it says", with(&|m| m[3].say(|h| h.size -= 1))),
        ("shorter than it says", with(&|m| m[3].say(|h| h.size += 1))),
        ("a byte before", [b"x", &zip(&packed())[..]].concat()),
        ("a byte behind", [&zip(&packed())[..], b"x"].concat()),
        ("cut", zip(&packed())[..1_000].to_vec()),
        ("encrypted", with(&|m| m[1].say(|h| h.flags |= 1))),
    ];
    for (name, bytes) in cases {
        fs::write(&path, bytes).unwrap();
        let (code, text) = run(&page, &[path.to_str().unwrap()]);
        // An encrypted zip is not wrong. It can't be read here.
        assert_eq!(code, Some(if name == "encrypted" { 3 } else { 1 }), "{name}: {text}");
        assert!(!text.contains("the checks below"), "{name}: {text}");
        assert_eq!(text.contains("unpack it, and give its folder"), name == "encrypted", "{name}: {text}");
    }
}

#[test]
fn policies_are_read_alike() {
    let (World { tmp: _tmp, ledger, .. }, good, _) = small_exhibit();
    let checkpoint = ledger.reader().checkpoint();
    let post_quantum = MlDsaWitness::new("pq.example", 7);
    let mut lines: Vec<_> =
        [1, 2].map(|n| cosign(checkpoint.checkpoint(), 4_000_000_000, &witness(n)).unwrap()).into();
    lines.push(post_quantum.cosign(checkpoint.checkpoint(), 4_000_000_000));
    // A bad line by another witness of that kind.
    let bad_pq = MlDsaWitness::new("bad.example", 8);
    lines.push(SignatureLine::new(&bad_pq.name, bad_pq.id(), &[9; 2_428]));
    // A line by the log's own second key.
    let besides = MlDsaWitness::new(ORIGIN, 9);
    lines.push(besides.cosign(checkpoint.checkpoint(), 0));
    let good = in_checkpoint(&good, checkpoint.with_signatures(&lines).unwrap().note());

    let base = of_three("quorum two\n").to_string();
    let lines: Vec<&str> = base.lines().collect();
    let (log, w3) = (lines[0], lines[3]);
    let vkey = |line: &str| line.split(' ').next_back().unwrap().to_owned();
    let without = |line: &str| base.replace(&format!("{line}\n"), "");
    let more = |lines: &str| format!("{lines}\n{base}");
    let renamed = |name: &str| SigningKey::from_seed(name.parse().unwrap(), &[1; 32]).verifying_key().clone();
    let other_witness = WitnessKey::from(&renamed("other.example"));
    let strange = key(ORIGIN, 9).verifying_key().to_string();
    let pq = post_quantum.vkey();
    let bad_pq = bad_pq.vkey();
    let foreign = any_vkey("Example.com/Log_A~1", 1, &[7; 32]);
    let last_of = |vkey: &str| vkey.splitn(3, '+').last().unwrap().to_owned();
    let texts: Vec<(&str, String, i32)> = vec![
        ("as it is", base.clone(), 0),
        ("no newline at its end", base.trim_end().into(), 0),
        ("comments and empty lines", more("# a\n\n \t\n\t# b"), 0),
        ("tabs", base.replace(' ', "\t"), 0),
        ("spaces around", base.replace('\n', " \t\n  "), 0),
        ("line ends of another system", base.replace('\n', "\r\n"), 2),
        ("a carriage return in a line", base.replacen(' ', "\r", 1), 2),
        ("a vertical tab", base.replace("group two", "group\u{b}two"), 2),
        ("a form feed", base.replace("group two", "group\u{c}two"), 2),
        ("a zero byte", more("# \0"), 2),
        ("a delete", more("# \u{7f}"), 2),
        ("letters that are not ASCII", base.replace("two", "zwö"), 0),
        ("a space that is not ASCII", base.replace("group two", "group\u{a0}two"), 2),
        ("a name with a space that is not ASCII", base.replace("two", "a\u{2003}b"), 0),
        ("a next line that is not ASCII", base.replace("two", "a\u{85}b\u{2028}c"), 0),
        ("a byte order mark", format!("\u{feff}{base}"), 2),
        ("as long as many keys make it", more(&format!("# {}", "x".repeat(200_000))), 0),
        ("too long", more(&format!("# {}", "x".repeat(262_144))), 2),
        ("nothing", String::new(), 2),
        ("no log", without(log), 3),
        ("a log under a name that is none of ours", more(&format!("log {foreign}")), 0),
        ("a log of ML-DSA, another", more(&format!("log {}", any_vkey("other.example", 6, &[7; 1_312]))), 0),
        ("the log's own key of ML-DSA", more(&format!("log {}", besides.vkey())), 0),
        ("another key of ML-DSA of the log", more(&format!("log {}", any_vkey(ORIGIN, 6, &[7; 1_312]))), 1),
        ("a log of ML-DSA alone", base.replace(&vkey(log), &besides.vkey()), 3),
        ("a log with a space in its name", more("log a b+00000000+AA=="), 2),
        ("a log twice", more(log), 2),
        ("a log's key under another name", more(&format!("log {}", renamed("other.example"))), 2),
        ("another key of the log before", more(&format!("log {strange}")), 0),
        ("only another key of the log", base.replace(&vkey(log), &strange), 1),
        (
            "a log with a name that is no origin",
            more(&format!("log {}", key("localhost", 9).verifying_key())),
            0,
        ),
        (
            "another log only",
            base.replace(&vkey(log), &key("other.example", 9).verifying_key().to_string()),
            1,
        ),
        ("a log with an address", base.replace(log, &format!("{log} https://x.example/")), 0),
        ("a log with two", base.replace(log, &format!("{log} https://x.example/ x")), 2),
        ("a log with a witness's key", base.replace(&vkey(log), &vkey(w3)), 2),
        (
            "a log with another id",
            base.replace(&vkey(log), &format!("{ORIGIN}+00000000+{}", last_of(log))),
            2,
        ),
        ("a witness with a log's key", base.replace(&vkey(w3), &vkey(log)), 2),
        (
            "a witness with another id",
            base.replace(&vkey(w3), &format!("w3.example+00000000+{}", last_of(w3))),
            2,
        ),
        ("a witness twice", more(w3), 2),
        ("a witness's key under another name", more(&format!("witness x {}", vkey(w3))), 2),
        (
            "a witness's key in another name",
            {
                let w1 = WitnessKey::from(
                    SigningKey::from_seed("other.example".parse().unwrap(), &[3; 32]).verifying_key(),
                );
                more(&format!("witness x {w1}"))
            },
            2,
        ),
        ("a key that is both", more(&format!("witness x {other_witness}")), 2),
        ("a witness called none", base.replace("w3", "none"), 2),
        ("a witness of ML-DSA", base.replace(&vkey(w3), &pq), 0),
        ("that alone", base.replace(&vkey(w3), &pq).replace("quorum two", "quorum w3"), 0),
        (
            "one of ML-DSA that is not good",
            base.replace(&vkey(w3), &bad_pq).replace("quorum two", "quorum w3"),
            1,
        ),
        ("that twice", more(&format!("witness x {pq}\nwitness y {pq}")), 2),
        (
            "that with another id",
            base.replace(&vkey(w3), &format!("pq.example+00000000+{}", last_of(&pq))),
            2,
        ),
        ("that with a shorter key", base.replace(&vkey(w3), &any_vkey("pq.example", 6, &[7; 1_311])), 2),
        ("a witness of no known type", base.replace(&vkey(w3), &any_vkey("pq.example", 7, &[7; 1_312])), 2),
        (
            "a key id in capitals",
            base.replace(&vkey(w3), &vkey(w3).replacen(|c: char| c.is_ascii_lowercase(), "W", 1)),
            2,
        ),
        ("no quorum", without("quorum two"), 2),
        ("two quorums", format!("{base}quorum two\n"), 2),
        ("a quorum before its group", more("quorum two"), 2),
        ("a group of one that is not there", base.replace("w1 w2 w3", "w1 w2 w4"), 2),
        ("a group with one twice", base.replace("w1 w2 w3", "w1 w1 w3"), 2),
        ("a witness in two groups", format!("{}group more any w1\nquorum two\n", without("quorum two")), 2),
        ("a group in a group", format!("{}group more any two\nquorum more\n", without("quorum two")), 0),
        ("a group of none", base.replace("2 w1 w2 w3", "1"), 2),
        ("any", base.replace("two 2", "two any"), 0),
        ("all", base.replace("two 2", "two all"), 1),
        ("0 of three", base.replace("two 2", "two 0"), 2),
        ("4 of three", base.replace("two 2", "two 4"), 2),
        ("02 of three", base.replace("two 2", "two 02"), 2),
        ("+2 of three", base.replace("two 2", "two +2"), 2),
        ("2 and 2^64 of three", base.replace("two 2", "two 18446744073709551618"), 2),
        ("another word", more("trust me"), 2),
        ("LOG in capitals", base.replace("log ", "LOG "), 2),
    ];
    const ML_DSA: [(&str, i32); 4] = [
        ("the log's own key of ML-DSA", 3),
        ("a witness of ML-DSA", 0),
        ("that alone", 3),
        ("one of ML-DSA that is not good", 3),
    ];
    assert!(ML_DSA.iter().all(|(name, _)| texts.iter().any(|(of, ..)| of == name)));
    let mut cases = Cases::new();
    for (i, (name, text, code)) in texts.iter().enumerate() {
        cases.add(name, "some.zip", &good, Some(text.as_bytes()), Some(*code));
        if let Some((_, code)) = ML_DSA.iter().find(|(of, _)| of == name) {
            cases.on_a_page(*code);
        }
        if i % 3 > 0 {
            continue;
        }
        // The same policy in the exhibit: it is followed if the reader brought none, and never suffices for a verdict.
        let enclosing = changed(&good, |e| e.policy = Some(text.as_bytes()));
        let expected = match code {
            0 => Some(3),
            2 => Some(1),
            // Witnesses are not checked by a policy that came with the exhibit.
            _ => None,
        };
        cases.add(&format!("{name}, enclosed"), "some.zip", &enclosing, None, expected);
    }
    // If the reader brought one, the enclosed one is not read.
    for (name, text, _) in texts.iter().filter(|(.., code)| *code == 2).step_by(5) {
        let enclosing = changed(&good, |e| e.policy = Some(text.as_bytes()));
        cases.add(&format!("{name}, not used"), "some.zip", &enclosing, Some(base.as_bytes()), Some(0));
    }
    let not_utf8 = [base.as_bytes(), b"# \xff\n"].concat();
    cases.add("a comment that is not UTF-8", "some.zip", &good, Some(&not_utf8), Some(0));
    let octets = base.replace("two", "t?o").into_bytes();
    let octets: Vec<u8> = octets.into_iter().map(|octet| if octet == b'?' { 0xff } else { octet }).collect();
    cases.add("names that are not UTF-8", "some.zip", &good, Some(&octets), Some(0));
    let garbage = changed(&good, |e| e.policy = Some(b"\xff\0 quorum"));
    cases.add("garbage, enclosed", "some.zip", &garbage, None, Some(1));
    cases.add("garbage, not used", "some.zip", &garbage, Some(base.as_bytes()), Some(0));
    // A bad line in the log's name beside the good one.
    let bad = SignatureLine::new(ORIGIN, key(ORIGIN, 1).verifying_key().id(), &[7; 64]);
    let with_bad = in_checkpoint(&good, checkpoint.with_signatures(&[bad]).unwrap().note());
    cases.add(
        "a bad line of the log beside its good one",
        "some.zip",
        &with_bad,
        Some(policy().to_string().as_bytes()),
        Some(0),
    );
    // A bad line of a witness does not count, and does not spoil its good line.
    let key = WitnessKey::from(witness(1).verifying_key());
    let lines = [1, 2].map(|n| cosign(checkpoint.checkpoint(), 4_000_000_000, &witness(n)).unwrap());
    let bad = SignatureLine::new(key.name(), key.id(), &[7; 72]);
    let with_bad = [std::slice::from_ref(&bad), &lines[..], std::slice::from_ref(&bad)].concat();
    let with_bad = in_checkpoint(&good, checkpoint.with_signatures(&with_bad).unwrap().note());
    cases.add(
        "bad lines of a witness beside its good one",
        "some.zip",
        &with_bad,
        Some(base.as_bytes()),
        Some(0),
    );
    cases.hold();
}

/// A vkey of any type, name and bytes, with the key id that belongs to them.
fn any_vkey(name: &str, of_type: u8, key: &[u8]) -> String {
    let bytes = [&[of_type], key].concat();
    format!("{name}+{}+{}", KeyId::of(name, of_type, key), base64_encode(&bytes))
}

#[test]
fn a_file_that_is_named_as_an_exhibit_holds_that_one() {
    let (World { tmp: _tmp, .. }, good, index) = small_exhibit();
    let trust = policy().to_string();
    let mut cases = Cases::new();
    for name in [
        format!("exhibit-{index}.zip"),
        format!("exhibit-00{index}.zip"),
        "exhibit-7 (1).zip".into(),
        "exhibit-.zip".into(),
        "exhibit-x.zip".into(),
        "exhibit--7.zip".into(),
        "exhibit-+7.zip".into(),
        "exhibit-7.zip.zip".into(),
        "Exhibit-7.zip".into(),
        "my-exhibit-7.zip".into(),
        "exhibit-7".into(),
        "letter.zip".into(),
    ] {
        cases.add(&name, &name, &good, Some(trust.as_bytes()), Some(0));
    }
    for other in ["0", "60", "9007199254740993", "99999999999999999999999999"] {
        let name = format!("exhibit-{other}.zip");
        cases.add(&name, &name, &good, Some(trust.as_bytes()), Some(1));
        cases.all.last_mut().unwrap().says = vec![name.clone(), format!("index {index}")];
        cases.add(&format!("{name}, no policy"), &name, &good, None, Some(1));
    }
    cases.hold();
}

#[test]
fn what_can_not_be_checked_is_called_by_its_name() {
    let (World { tmp, .. }, good, index) = small_exhibit();
    let case = CaseFile { exhibits: [(index, good.as_slice())].into() }.write().unwrap();
    let path = tmp.path().join("some.zip");
    let path = path.to_str().unwrap();
    fs::write(path, case).unwrap();
    let [(_, page), (_, python)] = verifiers();
    // A case does not begin with this entry.
    let (code, text) = run(&python, &[path]);
    assert_eq!((code, run(&ours(), &[path]).0), (Some(1), Some(1)), "{text}");
    assert!(text.contains("case file   ok") && text.contains("thread      FAILED"), "{text}");
    // Without the packages that it needs.
    let bare = [&python[..1], &["-S".into()], &python[1..]].concat();
    let (code, text) = run(&bare, &[path]);
    assert_eq!((code, text.lines().count()), (Some(3), 1), "{text}");
    assert!(text.contains("pip install cryptography blake3"), "{text}");
    for bytes in [b"".as_slice(), b"Please", b"\x89PNG", b"%PDF-1.7", b"Rar!"] {
        fs::write(path, bytes).unwrap();
        let (code, text) = run(&ours(), &[path]);
        assert!(text.contains("an exhibit or a case file") && text.contains("a folder"), "{text}");
        for (name, command) in verifiers() {
            assert_eq!(run(&command, &[path]).0, code, "{name}");
        }
    }
    // The report says by a file's first bytes what it is, and what to give instead.
    for (bytes, what) in [
        (b"%PDF-1.7".as_slice(), "This is a PDF; it proves nothing by itself"),
        (b"\x89PNG\r\n\x1a\n", "This is a picture; it proves nothing by itself"),
        (b"\xff\xd8\xff\xe0", "This is a picture; it proves nothing by itself"),
        (b"\0\0\0\x18ftypheic", "This is a picture; it proves nothing by itself"),
        (b"Please", "neither an exhibit nor a case file nor a receipt"),
    ] {
        fs::write(path, bytes).unwrap();
        let text = run(&page, &[path]).1;
        assert!(text.contains(what) && text.contains(&Digest::blake3(bytes).to_string()), "{text}");
        assert!(!text.contains("rely"), "{text}");
    }
    // A receipt with its entry, in any order. Each alone asks for the other.
    let enclosed = Enclosed::read(&good).unwrap();
    let (entry, proof) = (tmp.path().join("60"), tmp.path().join("60 (1)"));
    fs::write(&entry, enclosed.entry).unwrap();
    fs::write(&proof, enclosed.proof).unwrap();
    let [entry, proof] = [&entry, &proof].map(|path| path.to_str().unwrap());
    for (pair, code) in [([entry, proof], 3), ([proof, entry], 3), ([proof, proof], 2), ([entry, path], 2)] {
        let (found, text) = run(&page, &pair);
        assert_eq!(found, Some(code), "{text}");
        assert_eq!(text.contains("inclusion   ok"), code == 3, "{text}");
    }
    for (alone, asks) in [(entry, "Give its receipt too"), (proof, "Give that entry too")] {
        let (code, text) = run(&page, &[alone]);
        assert!(code == Some(2) && text.contains(asks) && !text.contains("rely"), "{text}");
    }
}

/// Exhibits by the index of their entries.
type Exhibits = BTreeMap<u64, Vec<u8>>;

#[test]
fn case_files_are_checked_alike() {
    let tmp = tempfile::tempdir().unwrap();
    init(tmp.path());
    let ledger = open(tmp.path());
    let story = tell(&ledger);
    let put = |(id, said): (EventId, Submission)| {
        let receipt = ledger.record_blocking(vec![said], false).remove(0).unwrap();
        (id, receipt.index)
    };
    let [one, two, three] = ["satu", "dua", "tiga"].map(|text| put(statement(&story, text)));
    let seen = |of: &str, statement: EventId| {
        let facts = json!({"announced": false, "observed": "2023-12-16"});
        let (refs, words) = (json!({"statement": statement}), Some(json!({"text": "lain", "note": "x"})));
        put(say(of, Some(story.case), refs, facts, words).sign(&[&desk()]))
    };
    let void = |of: EventId| {
        let (refs, facts) = (json!({"corrects": of}), json!({"effect": "void"}));
        let words = Some(json!({"wrong": "x", "right": "y"}));
        put(say("correction.issued", Some(story.case), refs, facts, words).sign(&[&desk()]))
    };
    let changed_at = seen("statement.revised", one.0).1;
    let void_at = void(two.0).1;
    let (gone, _) = seen("statement.withdrawn", three.0);
    let gone_void = void(gone).1;
    let reader = ledger.reader();
    let known = format!(
        "Known at size: {}; among these {} seen changed ({changed_at}), {} declared void ({void_at}), {} declared void \
         ({gone_void}); what other entries did to these stands in the ledger",
        gone_void + 1,
        one.1,
        two.1,
        gone_void - 1
    );
    let exhibits: Exhibits = reader
        .thread(&story.case)
        .unwrap()
        .into_iter()
        .map(|index| (index, assemble(reader, index).unwrap().unwrap()))
        .collect();
    assert!(exhibits.len() >= 4);
    let file = |change: &dyn Fn(&mut Exhibits)| {
        let mut exhibits = exhibits.clone();
        change(&mut exhibits);
        CaseFile { exhibits }.write().unwrap()
    };
    let [first, second, .., last] = *exhibits.keys().copied().collect::<Vec<_>>() else { panic!() };
    let trust = policy();
    let strange = Policy::of_log(key(ORIGIN, 9).verifying_key().clone());
    let without = |bytes: &[u8]| changed(bytes, |e| e.content = None);
    let good = file(&|_| ());
    let mut broken = good.clone();
    let at = broken.windows(4).position(|w| w == b"satu").unwrap();
    broken[at] ^= 1;
    let cases: Vec<(&str, Vec<u8>, Option<&Policy>, i32)> = vec![
        ("whole", good.clone(), Some(&trust), 0),
        ("no policy", good.clone(), None, 3),
        ("a policy that trusts another key", good.clone(), Some(&strange), 1),
        ("without its last", file(&|e| drop(e.remove(&last))), Some(&trust), 0),
        ("without one between", file(&|e| drop(e.remove(&second))), Some(&trust), 1),
        ("without its first", file(&|e| drop(e.remove(&first))), Some(&trust), 1),
        ("one under two numbers", file(&|e| drop(e.insert(last, e[&first].clone()))), Some(&trust), 1),
        ("without words of one", file(&|e| drop(e.insert(second, without(&e[&second])))), Some(&trust), 0),
        (
            "without keys of one",
            file(&|e| drop(e.insert(second, changed(&e[&second].clone(), |e| e.chain.clear())))),
            Some(&trust),
            3,
        ),
        ("a byte changed", broken, Some(&trust), 1),
        ("cut", good[..good.len() - 30].to_vec(), Some(&trust), 1),
    ];
    let (path, trusted) = (tmp.path().join("case.zip"), tmp.path().join("policy"));
    let [(_, page), (_, python)] = verifiers();
    for (name, bytes, policy, expected) in cases {
        fs::write(&path, bytes).unwrap();
        fs::write(&trusted, policy.map(ToString::to_string).unwrap_or_default()).unwrap();
        let mut args = vec![path.to_str().unwrap()];
        args.extend(policy.iter().flat_map(|_| ["--policy", trusted.to_str().unwrap()]));
        let (code, text) = run(&ours(), &args);
        let (its, said) = run(&page, &args);
        assert_eq!((code, its), (Some(expected), Some(expected)), "{name}: {text}{said}");
        assert!(expected == 1 || text == said, "{name}: {text}{said}");
        let (its, told) = run(&python, &args);
        assert_eq!(its, Some(expected), "{name}: {text}{told}");
        if name == "whole" {
            for text in [text, said, told] {
                let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
                assert!(text.contains(&known), "{known}\n{text}");
            }
        }
    }
    // One more exhibit, under a number that no entry can have.
    for number in ["00", "9007199254740992", "9007199254740993", "99999999999999999999"] {
        let mut members = zip::parts(&good);
        members.push(zip::Part::stored(&format!("exhibit-{number}.zip"), &exhibits[&first]));
        fs::write(&path, zip::zip(&members)).unwrap();
        fs::write(&trusted, trust.to_string()).unwrap();
        let args = [path.to_str().unwrap(), "--policy", trusted.to_str().unwrap()];
        all_end(number, &args, 1);
    }
}

#[test]
fn what_a_case_file_calls_an_exhibit_is_one() {
    use zip::{Part, parts, zip};
    let bench = Bench::new();
    let reader = bench.world.ledger.reader();
    let case = reader.parsed(first(reader, EventType::CaseOpened)).unwrap().unwrap().event().id();
    let exhibits: Exhibits = reader
        .thread(&case)
        .unwrap()
        .into_iter()
        .map(|index| (index, assemble(reader, index).unwrap().unwrap()))
        .collect();
    let good = CaseFile { exhibits: exhibits.clone() }.write().unwrap();
    let [(opens, first), .., (last, of_last)] = *exhibits.iter().collect::<Vec<_>>() else { panic!() };
    let deflated = |bytes: &[u8], folder: &str| -> Vec<Part> {
        let name = |part: &Part| format!("{folder}{}", part.name);
        parts(bytes).iter().rev().map(|part| Part::deflated(&name(part), &part.bytes)).collect()
    };
    let anew = |folder: &str| zip(&deflated(of_last, folder));
    let several = zip(&[deflated(of_last, "one/"), deflated(of_last, "two/")]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>());
    let sealed = |method, flags| {
        let mut members = deflated(of_last, "");
        members[0].say(|header| (header.method, header.flags) = (method, flags));
        zip(&members)
    };
    let nested = |method, flags, is_whole: bool| {
        let mut members = deflated(&good, "");
        members.retain(|part| is_whole || part.name != "README.txt");
        members.iter_mut().for_each(|part| part.say(|h| (h.method, h.flags) = (method, flags)));
        zip(&members)
    };
    let mut broken = anew("");
    broken[40] ^= 1;
    let part = |name: &str, bytes: &[u8]| zip(&[Part::deflated(name, bytes)]);
    // A zip that only other programs can read is not refused. Everything else that is no exhibit of this entry is.
    let cases: Vec<(&str, Vec<u8>, i32)> = vec![
        ("an exhibit, packed anew", anew(""), 0),
        ("an exhibit, packed anew in its folder", anew(&format!("exhibit-{last}/")), 0),
        ("an exhibit, packed anew in a folder of any name", anew("letters/deep/"), 0),
        (
            "an exhibit with a letter",
            zip(&[deflated(of_last, ""), vec![Part::stored("a.pdf", b"x")]]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()),
            0,
        ),
        ("an exhibit in the folder of another", anew(&format!("exhibit-{opens}/")), 1),
        ("the exhibit of another entry", first.clone(), 1),
        ("that packed anew", zip(&deflated(first, "")), 1),
        ("another zip", part("photo.jpg", b"x"), 1),
        ("another zip, stored", zip(&[Part::stored("photo.jpg", b"x")]), 1),
        ("a zip of nothing", zip(&[]), 1),
        ("a zip with folders alone", zip(&[Part::stored("exhibit/", b"")]), 1),
        ("a part of an exhibit", part("entry", b"x"), 1),
        ("several exhibits", several, 1),
        ("a case file", good.clone(), 1),
        ("a case file, packed anew", zip(&deflated(&good, "case/")), 1),
        ("a case file of which nothing is read", nested(12, 0, true), 1),
        ("a case file that is encrypted", nested(8, 1, true), 1),
        ("a case file that is encrypted and has no README", nested(8, 1, false), 1),
        ("an exhibit in a zip", part(&format!("exhibit-{last}.zip"), of_last), 1),
        ("what is broken", broken, 1),
        ("a letter", b"%PDF-1.7".to_vec(), 1),
        ("nothing", Vec::new(), 1),
        ("what is encrypted", sealed(8, 1), 3),
        ("what is compressed by another method", sealed(12, 0), 3),
    ];
    let trust = bench.at("policy");
    for (name, bytes, code) in cases {
        let mut members = parts(&good);
        let at = members.iter().position(|part| part.name == format!("exhibit-{last}.zip")).unwrap();
        members[at] = Part::stored(&members[at].name, &bytes);
        let as_made = bench.write("case.zip", &zip(&members));
        let mut paths = vec![as_made];
        if name.starts_with("another zip") {
            paths.push(bench.write("packed.zip", &zip(&deflated(&zip(&members), "case/"))));
            for part in &members {
                bench.write(&format!("{name}/{}", part.name), &part.bytes);
            }
            paths.push(bench.at(name));
        }
        for path in paths {
            for text in all_end(&format!("{name}: {path}"), &[&path, "--policy", &trust], code) {
                let is_named = text.contains(&format!("exhibit-{last}.zip"));
                assert!(code != 1 || is_named && text.contains("exhibits    FAILED"), "{name}: {text}");
                assert_eq!(code == 1, text.contains("REFUSED"), "{name}: {text}");
            }
        }
    }
}

#[test]
fn what_is_refused_of_a_case_file_is_refused_whatever_is_not_read() {
    use zip::{Part, parts, zip};
    let bench = Bench::new();
    let reader = bench.world.ledger.reader();
    let opened = reader.parsed(first(reader, EventType::CaseOpened)).unwrap().unwrap();
    let (case, agency) = (opened.event().id(), opened.event().role("respondent").unwrap());
    let story = Story { desk: agency, agency, case };
    for text in ["satu", "dua", "tiga"] {
        record(&bench.world.ledger, statement(&story, text));
    }
    let thread = reader.thread(&case).unwrap();
    assert!(thread.len() > 3);
    let exhibits: Exhibits =
        thread.iter().map(|index| (*index, assemble(reader, *index).unwrap().unwrap())).collect();
    let good = CaseFile { exhibits: exhibits.clone() }.write().unwrap();
    let sealed = |bytes: &[u8]| {
        let mut members = parts(bytes);
        members[1].say(|header| header.flags = 1);
        zip(&members)
    };
    let forged = |bytes: &[u8]| changed(bytes, |e| e.content = Some(b"{}"));
    type Change<'a> = &'a dyn Fn(&[u8]) -> Vec<u8>;
    let with = |changes: &[(usize, Change<'_>)]| {
        let mut members = parts(&good);
        for (at, change) in changes {
            let bytes = change(&members[*at].bytes);
            members[*at] = Part::stored(&members[*at].name, &bytes);
        }
        zip(&members)
    };
    let last = thread.len() - 1;
    let without = |at: usize, bytes: Vec<u8>| {
        let mut members = parts(&bytes);
        members.remove(at);
        zip(&members)
    };
    let cases: [(&str, Vec<u8>, i32); 7] = [
        ("the first", with(&[(0, &sealed)]), 3),
        ("the last", with(&[(last, &sealed)]), 3),
        ("all", with(&(0..=last).map(|at| (at, &sealed as _)).collect::<Vec<_>>()), 3),
        ("the first, and another forged", with(&[(0, &sealed), (last, &forged)]), 1),
        ("the last, and another forged", with(&[(0, &forged), (last, &sealed)]), 1),
        ("the first, and another missing", without(1, with(&[(0, &sealed)])), 1),
        ("the last, and another missing", without(1, with(&[(last, &sealed)])), 1),
    ];
    for (name, bytes, code) in cases {
        bench.ends(&bench.write(&format!("{name}.zip"), &bytes), code, &[]);
    }
    // Exhibits that were packed anew have a common limit on their unpacked size.
    let large = vec![0; 130 << 20];
    let padded = |bytes: &[u8]| {
        let mut members = parts(bytes);
        members[0] = Part::deflated("README.txt", &large);
        zip(&members)
    };
    bench.ends(&bench.write("one is large.zip", &with(&[(last, &padded)])), 0, &[]);
    let path = bench.write("two are large.zip", &with(&[(0, &padded), (last, &padded)]));
    bench.ends(&path, 1, &[&format!("exhibit-{}.zip", thread[last])]);
}

#[test]
fn what_is_broken_in_an_archive_refuses_it_whatever_is_not_read() {
    use zip::{Part, parts, zip};
    let bench = Bench::new();
    let sealed = |part: &mut Part| part.say(|header| header.flags = 1);
    let broken = |part: &mut Part| part.say(|header| header.crc ^= 1);
    let named = |members: &mut Vec<Part>, name: &str, change: &dyn Fn(&mut Part)| {
        change(members.iter_mut().find(|part| part.name == name).unwrap());
    };
    type Change<'a> = &'a dyn Fn(&mut Vec<Part>);
    let cases: [(&str, Change<'_>, i32); 8] = [
        ("one is not read", &|m| named(m, "entry", &sealed), 3),
        ("none is read", &|m| m.iter_mut().for_each(sealed), 3),
        (
            "the entry is not read, and another broken",
            &|m| {
                named(m, "entry", &sealed);
                named(m, "chain/0", &broken);
            },
            1,
        ),
        (
            "the entry is broken, and another not read",
            &|m| {
                named(m, "entry", &broken);
                named(m, "chain/0", &sealed);
            },
            1,
        ),
        (
            "a number that no entry has",
            &|m| {
                named(m, "entry", &sealed);
                m.push(Part::stored("chain/00", b"x"));
            },
            1,
        ),
        (
            "the proof of nothing",
            &|m| {
                named(m, "entry", &sealed);
                m.retain(|part| part.name != "chain/0");
            },
            1,
        ),
        (
            "a token with none before it",
            &|m| {
                named(m, "entry", &sealed);
                m.push(Part::stored("timestamps/1.tsr", b"x"));
            },
            1,
        ),
        (
            "no proof",
            &|m| {
                named(m, "entry", &sealed);
                m.retain(|part| part.name != "proof.tlog-proof");
            },
            1,
        ),
    ];
    for (name, change, code) in cases {
        let mut members = parts(&bench.good);
        change(&mut members);
        for order in ["as it was", "reversed"] {
            bench.ends(&bench.write(&format!("{name}, {order}.zip"), &zip(&members)), code, &[]);
            members.reverse();
        }
    }
    // The same of a folder.
    let folder = bench.unpacked("folder");
    fs::remove_file(bench.at("folder/entry")).unwrap();
    symlink("nowhere", bench.at("folder/entry")).unwrap();
    bench.ends(&folder, 3, &["not a plain file"]);
    bench.write("folder/chain/00", b"x");
    bench.ends(&folder, 1, &["chain/00"]);
}

#[test]
fn a_checkpoint_beside_what_was_unpacked_makes_no_ledger_of_it() {
    let bench = Bench::new();
    let saved = bench.world.ledger.reader().checkpoint().note().as_bytes().to_vec();
    let case = CaseFile { exhibits: [(bench.index, bench.good.as_slice())].into() }.write().unwrap();
    for part in zip::parts(&bench.good) {
        bench.write(&format!("around/exhibit-{}/{}", bench.index, part.name), &part.bytes);
        bench
            .write(&format!("recipe/exhibit-{}\\{}", bench.index, part.name.replace('/', "\\")), &part.bytes);
    }
    for part in zip::parts(&case) {
        bench.write(&format!("case/{}", part.name), &part.bytes);
    }
    bench.unpacked("exhibit");
    for (folder, code) in [("exhibit", 0), ("around", 0), ("recipe", 0), ("case", 1)] {
        let path = bench.at(folder);
        bench.ends(&path, code, &["unpacked"]);
        bench.write(&format!("{folder}/checkpoint"), &saved);
        bench.ends(&path, code, &["unpacked"]);
        bench.write(&format!("{folder}/public/letter"), b"x");
        bench.write(&format!("{folder}/tile"), b"x");
        bench.ends(&path, code, &["unpacked"]);
    }
    let enclosed = Enclosed::read(&bench.good).unwrap();
    for (name, bytes) in [("60", enclosed.entry), ("proof", enclosed.proof), ("checkpoint", &saved)] {
        bench.write(&format!("receipt/{name}"), bytes);
    }
    bench.ends(&bench.at("receipt"), 0, &["valid"]);
    // With its tiles it is a ledger.
    let copy = bench.world.at("copy");
    support::copy(&bench.world.public(), &copy);
    bench.world.published();
    for part in zip::parts(&bench.good) {
        bench.write(&format!("copy/exhibit-{}/{}", bench.index, part.name), &part.bytes);
    }
    ledger_ends("a ledger with an exhibit in it", copy.to_str().unwrap(), &[], 0);
    fs::remove_dir_all(copy.join("tile")).unwrap();
    bench.ends(&bench.at("copy"), 0, &["unpacked"]);
    fs::remove_dir_all(copy.join(format!("exhibit-{}", bench.index))).unwrap();
    ledger_ends("a ledger without tiles", copy.to_str().unwrap(), &[], 1);
}

#[test]
fn names_that_are_not_utf_8_are_names() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt as _};
    use zip::{Part, parts, zip};
    let bench = Bench::new();
    // As programs unpack archives with names in an old encoding, with a folder or without.
    let unpack = |outer: &str, folder: &[u8], slash: &str| {
        for part in parts(&bench.good) {
            let name = part.name.replace('/', slash);
            let path = [folder, slash.as_bytes(), name.as_bytes()].concat();
            let path = bench.world.at(outer).join(OsStr::from_bytes(&path));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, part.bytes).unwrap();
        }
    };
    for (outer, slash) in [("folders", "/"), ("backslashes", "\\")] {
        unpack(outer, b"bukti \xff", slash);
        bench.ends(&bench.at(outer), 0, &["unpacked"]);
        unpack(outer, b"bukti \xfe", slash);
        bench.ends(&bench.at(outer), 3, &["several exhibits"]);
    }
    let folder = bench.unpacked("beside");
    for octets in [&b"surat \xff"[..], b"surat \xfe", b"chain/\xff", b"chain/\xfe"] {
        fs::write(Path::new(&folder).join(OsStr::from_bytes(octets)), b"x").unwrap();
    }
    bench.ends(&folder, 0, &["not looked at"]);
    // The path of an archive, for verifiers that take arguments as bytes.
    let path = bench.world.tmp.path().join(OsStr::from_bytes(b"\xff.zip"));
    fs::write(&path, &bench.good).unwrap();
    for command in [ours(), verifiers()[1].1.clone()] {
        let (code, text) =
            run(&[&command[..], std::slice::from_ref(&path)].concat(), &["--policy", &bench.at("policy")]);
        assert_eq!(code, Some(0), "{text}");
    }
    // The same names within an archive.
    let anew = |folder: &str, more: &[&str]| {
        let mut members = parts(&bench.good);
        members.iter_mut().for_each(|part| part.name = format!("{folder}{}", part.name));
        members.extend(more.iter().map(|name| Part::stored(name, b"x")));
        let mut bytes = zip(&members);
        for (text, octets) in [(b"QZ1Q", b"\xff\xfe1\x81"), (b"QZ2Q", b"\xff\xfe2\x81")] {
            for at in 0..bytes.len() - text.len() {
                if bytes[at..].starts_with(text) {
                    bytes[at..at + text.len()].copy_from_slice(octets);
                }
            }
        }
        bytes
    };
    for (name, bytes, code) in [
        ("in a folder.zip", anew("QZ1Q/", &[]), 0),
        ("with letters.zip", anew("", &["QZ1Q", "QZ2Q", "QZ1Q/x", "QZ2Q/x"]), 0),
        ("with one twice.zip", anew("", &["QZ1Q", "QZ1Q"]), 1),
        ("of several.zip", anew("QZ1Q/", &["QZ2Q/entry", "QZ2Q/proof.tlog-proof"]), 3),
    ] {
        bench.ends(&bench.write(name, &bytes), code, &[]);
    }
}

#[test]
fn a_policy_is_octets_to_a_page() {
    let (World { tmp, ledger, .. }, good, _) = small_exhibit();
    let checkpoint = ledger.reader().checkpoint();
    let lines = [1, 2].map(|n| cosign(checkpoint.checkpoint(), 4_000_000_000, &witness(n)).unwrap());
    let good = in_checkpoint(&good, checkpoint.with_signatures(&lines).unwrap().note());
    let base = of_three("quorum two\n").to_string();
    let called = |from: &str, to: &[u8]| {
        let mut out = Vec::new();
        for (i, piece) in base.split(from).enumerate() {
            out.extend_from_slice(if i == 0 { b"" } else { to });
            out.extend_from_slice(piece.as_bytes());
        }
        out
    };
    let and = |line: &[u8]| [line, b"\n", base.as_bytes()].concat();
    let log = |name: &str, of_type: u8, length: usize| {
        format!("log {}", any_vkey(name, of_type, &vec![5; length])).into_bytes()
    };
    let own = policy().only_log().unwrap().clone();
    let renamed = any_vkey("Another/Name", 1, own.as_bytes());
    let cases: Vec<(&str, Vec<u8>, i32)> = vec![
        ("a comment that is not UTF-8", and(b"# caf\xe9"), 0),
        ("an address that is not UTF-8", and(&[&log("x.example", 1, 32)[..], b" \xff"].concat()), 0),
        ("a name that is not UTF-8", called("two", b"\xe9"), 0),
        (
            "names that differ in such octets alone",
            {
                let other = and(b"")
                    .into_iter()
                    .chain(*b"group \xff any two\ngroup \xfe any \xff\n")
                    .collect::<Vec<_>>();
                let at = other.windows(7).position(|w| w == b"quorum ").unwrap();
                [&other[..at], &other[at + 11..], b"quorum \xfe\n"].concat()
            },
            0,
        ),
        (
            "K is not the sign of Kelvin",
            base.replace("two 2", "K 2").replace("m two", "m \u{212a}").into_bytes(),
            2,
        ),
        ("nor is it another K", base.replace("two", "K").into_bytes(), 0),
        ("the sign of Kelvin, both times", called("two", "\u{212a}".as_bytes()), 0),
        ("a key name that is not UTF-8", and(b"log caf\xe9+00000000+AQ=="), 2),
        ("a log of any name", and(&log("Example.com/Log_A~1", 1, 32)), 0),
        ("a log of a name in other letters", and(&log("журнал.example", 1, 32)), 0),
        ("a log of ML-DSA-44 elsewhere", and(&log("x.example/pq", 6, 1_312)), 0),
        ("a shorter key of ML-DSA-44", and(&log("x.example/pq", 6, 1_311)), 2),
        ("a log with a key of cosignatures", and(&log("x.example", 4, 32)), 2),
        ("the log's key under another name", and(format!("log {renamed}").as_bytes()), 2),
        ("one key of two logs", and(&[log("a.example", 1, 32), log("b.example", 1, 32)].join(&b'\n')), 2),
        ("a control character", and(b"# \x1b"), 2),
        ("a delete", and(b"# \x7f"), 2),
        ("what is a control character elsewhere", and(b"# \xc2\x85\x85"), 0),
    ];
    let page = verifiers()[0].1.clone();
    let (path, trusted) = (tmp.path().join("some.zip"), tmp.path().join("policy"));
    fs::write(&path, good).unwrap();
    for (name, policy, expected) in cases {
        fs::write(&trusted, &policy).unwrap();
        let (code, text) = run(&page, &[path.to_str().unwrap(), "--policy", trusted.to_str().unwrap()]);
        assert_eq!(code, Some(expected), "{name}: {}\n{text}", String::from_utf8_lossy(&policy));
    }
}

#[test]
fn what_a_page_can_not_check_of_ml_dsa_it_does_not_refuse() {
    let (World { tmp, ledger, .. }, good, _) = small_exhibit();
    let checkpoint = ledger.reader().checkpoint();
    let (witness_key, log_key) = (MlDsaWitness::new("pq.example", 7), MlDsaWitness::new(ORIGIN, 8));
    let mut lines: Vec<_> =
        [1, 2].map(|n| cosign(checkpoint.checkpoint(), 4_000_000_000, &witness(n)).unwrap()).into();
    let unsigned = in_checkpoint(&good, checkpoint.with_signatures(&lines).unwrap().note());
    for key in [&witness_key, &log_key] {
        lines.push(key.cosign(checkpoint.checkpoint(), 4_000_000_000));
    }
    let signed = in_checkpoint(&good, checkpoint.with_signatures(&lines).unwrap().note());
    let asking = |quorum: &str| {
        let group =
            format!("witness pq {}\ngroup both all w1 pq\ngroup three 3 w2 w3 both\n", witness_key.vkey());
        of_three("quorum none\n")
            .to_string()
            .replace("quorum none\n", "")
            .replace("group two 2 w1 w2 w3\n", "")
            + &format!("{group}quorum {quorum}\n")
    };
    let log = format!("log {}\n{}", log_key.vkey(), of_three("quorum w1\n"));
    let only = log.lines().filter(|line| !line.contains(&policy().only_log().unwrap().to_string()));
    let only = only.collect::<Vec<_>>().join("\n");
    let none = of_three("quorum w1\n").to_string();
    let none: String = none.lines().skip(1).map(|line| format!("{line}\n")).collect();
    let elsewhere =
        format!("log {}\n{}", MlDsaWitness::new("other.example/log", 8).vkey(), of_three("quorum w1\n"));
    const CANT: &str = "can't be checked here";
    let page = verifiers()[0].1.clone();
    let (path, trusted) = (tmp.path().join("some.zip"), tmp.path().join("policy"));
    for (exhibit, policy, expected, says) in [
        (&signed, asking("w1"), 0, "the quorum of the policy: w1, w2"),
        (&signed, asking("pq"), 3, "those by pq are of ML-DSA-44, which can't be checked here"),
        (&signed, asking("both"), 3, CANT),
        // The quorum is not met, whether that line is good or not.
        (&signed, asking("three"), 1, "expected the quorum of the policy"),
        (&unsigned, asking("pq"), 1, "expected the quorum of the policy"),
        (&signed, log.clone(), 3, CANT),
        (&signed, only, 3, "the log's Ed25519 key (type 0x01) is missing"),
        (&unsigned, log, 1, "expected a good signature by"),
        (&signed, elsewhere, 0, "which the policy trusts"),
        (&signed, none, 3, "the policy names no log, so it trusts no key for this one"),
    ] {
        fs::write(&path, exhibit).unwrap();
        fs::write(&trusted, &policy).unwrap();
        let (code, text) = run(&page, &[path.to_str().unwrap(), "--policy", trusted.to_str().unwrap()]);
        assert_eq!(code, Some(expected), "{policy}{text}");
        assert!(text.contains(says) && (expected == 1) == text.contains("rely"), "{policy}{text}");
    }
    // A line that would not count even with a good signature leaves nothing open.
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let trust = trusted.to_str().unwrap();
    for (times, age, ends) in [
        (&[0][..], "", 1),
        (&[1 << 63], "", 1),
        (&[u64::MAX], "", 1),
        (&[0, now], "", 3),
        (&[now - 7_200], "--max-age=1h", 1),
        (&[now - 7_200, now], "--max-age=1h", 3),
        (&[now], "--max-age=1h", 3),
    ] {
        let lines: Vec<_> =
            times.iter().map(|time| witness_key.cosign(checkpoint.checkpoint(), *time)).collect();
        let note = checkpoint.with_signatures(&lines).unwrap();
        fs::write(&path, in_checkpoint(&good, note.note())).unwrap();
        fs::write(trust, asking("pq")).unwrap();
        let mut args = vec![path.to_str().unwrap(), "--policy", trust];
        args.extend((!age.is_empty()).then_some(age));
        let [(_, page), (_, python)] = verifiers();
        for (command, ends) in [(page, ends), (python, ends % 3), (ours(), ends % 3)] {
            let (code, text) = run(&command, &args);
            assert_eq!(code, Some(ends), "{times:?} {age}: {text}");
            let is_told = text.contains("old") || text.contains(" s ago");
            assert!(ends != 1 || age.is_empty() || is_told, "{times:?} {age}: {text}");
        }
    }
    // An entry is compared with all good cosignatures. So one that is too early, and may be good, leaves the verdict open though
    // the quorum is met.
    let early = 1_000_000_000;
    let by = |n, time| cosign(checkpoint.checkpoint(), time, &witness(n)).unwrap();
    let by_pq = |time| witness_key.cosign(checkpoint.checkpoint(), time);
    for (what, quorum, lines, age, [of_page, of_others]) in [
        ("all in time", "w1", [by(1, now), by_pq(now)], "", [0, 0]),
        ("one that can't be checked is too early", "w1", [by(1, now), by_pq(early)], "", [3, 1]),
        ("one that can be is", "pq", [by(2, early), by_pq(now)], "", [1, 1]),
        ("a clock a little ahead", "w1", [by(1, now + 30), by_pq(now)], "--max-age=1h", [0, 0]),
        ("a clock far ahead", "w1", [by(1, now + 7_200), by_pq(now)], "--max-age=1h", [1, 1]),
        ("without an age that is no matter", "w1", [by(1, now + 7_200), by_pq(now)], "", [0, 0]),
        ("so is one that can't be checked", "pq", [by(1, now), by_pq(now + 7_200)], "--max-age=1h", [1, 1]),
    ] {
        let note = checkpoint.with_signatures(&lines).unwrap();
        fs::write(&path, in_checkpoint(&good, note.note())).unwrap();
        fs::write(trust, asking(quorum)).unwrap();
        let mut args = vec![path.to_str().unwrap(), "--policy", trust];
        args.extend((!age.is_empty()).then_some(age));
        let [(_, page), (_, python)] = verifiers();
        for (command, ends) in [(page, of_page), (python, of_others), (ours(), of_others)] {
            let (code, text) = run(&command, &args);
            assert_eq!(code, Some(ends), "{what}: {text}");
        }
    }
}

#[test]
fn a_whole_ledger_over_http() {
    let World { tmp, ledger, story: small, dir, .. } = World::small();
    for part in 0..3 {
        let batch = (0..100).map(|i| statement(&small, &format!("kenyataan {part} {i}")).1).collect();
        record_all(&ledger, batch);
    }
    let server = http::Server::start(ledger.clone());
    let key = key(ORIGIN, 1).verifying_key().to_string();
    let [_, (_, python)] = verifiers();
    let (code, text) = run(&python, &[&format!("http://{}", server.address), "--key", &key]);
    assert_eq!(code, Some(0), "{text}");
    // A copy with one changed byte is refused, and the entry is named.
    assert!(ledger.wait_published(std::time::Duration::from_secs(10)));
    let copy = tmp.path().join("copy");
    let copied = Command::new("cp").arg("-r").arg(dir.join("public")).arg(&copy).status().unwrap();
    assert!(copied.success());
    // Cosigned in 2023, before its entries can have existed, and cosigned later.
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
        let ours = verify::verify(&source, Some(log.verifying_key()), &options, &|_, _| {});
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

/// Holds that all three exit with this code, given these arguments. Gives what each says.
#[track_caller]
fn all_end(name: &str, args: &[&str], code: i32) -> [String; 3] {
    let [(_, page), (_, python)] = verifiers();
    let said = [ours(), page, python].map(|command| run(&command, args));
    let codes = said.each_ref().map(|(code, _)| *code);
    assert_eq!(
        codes,
        [Some(code); 3],
        "{name}: {}",
        said.each_ref().map(|(_, text)| &**text).join("\n----\n")
    );
    said.map(|(_, text)| text)
}

/// The same, and holds that all three say these words.
#[track_caller]
fn all_say(name: &str, args: &[&str], code: i32, words: &[&str]) {
    for text in all_end(name, args, code) {
        assert!(words.iter().all(|said| text.contains(said)), "{name}: {words:?}: {text}");
    }
}

/// An exhibit, a policy that trusts its log, and a folder for the files of a test.
struct Bench {
    world: World<Story>,
    good: Vec<u8>,
    index: u64,
}

impl Bench {
    fn new() -> Self {
        let (world, good, index) = small_exhibit();
        let bench = Self { world, good, index };
        bench.write("policy", policy().to_string().as_bytes());
        bench
    }

    fn at(&self, name: &str) -> String {
        self.world.at(name).to_str().unwrap().to_owned()
    }

    /// Writes a file, in folders that need not be there.
    fn write(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.world.at(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        self.at(name)
    }

    /// Unpacks the exhibit.
    fn unpacked(&self, name: &str) -> String {
        for part in zip::parts(&self.good) {
            self.write(&format!("{name}/{}", part.name), &part.bytes);
        }
        self.at(name)
    }

    /// Holds that all three exit with this code for a file or folder, by the policy that trusts the log, and say these words.
    #[track_caller]
    fn ends(&self, path: &str, code: i32, words: &[&str]) {
        all_say(path, &[path, "--policy", &self.at("policy")], code, words);
    }
}

#[test]
fn what_no_exhibit_has_is_passed_over_and_named() {
    use zip::{Part, parts, zip};
    let bench = Bench::new();
    let index = bench.index;
    let pack = |change: &dyn Fn(&mut Vec<Part>)| {
        let mut members = parts(&bench.good);
        change(&mut members);
        zip(&members)
    };
    let strays = |m: &mut Vec<Part>| {
        m.extend(["letter.pdf", "files/notahash", "chain/sub/x"].map(|name| Part::stored(name, b"x")));
    };
    let named = ["letter.pdf", "files/notahash", "chain/sub"];
    bench.ends(&bench.write("a/some.zip", &pack(&strays)), 0, &named);
    // A stray member that can't be read is not opened, and neither is one that is too large.
    let unread = |m: &mut Vec<Part>| {
        let mut part = Part::stored("letter.pdf", b"x");
        part.say(|header| (header.method, header.flags) = (14, 1));
        m.push(part);
    };
    bench.ends(&bench.write("b/some.zip", &pack(&unread)), 0, &["letter.pdf"]);
    let large = vec![0; 300 << 20];
    let left = |m: &mut Vec<Part>| m.push(Part::deflated("__MACOSX/._film", &large));
    bench.ends(&bench.write("c/some.zip", &pack(&left)), 0, &["packed anew"]);
    let beside = |m: &mut Vec<Part>| {
        m.iter_mut().for_each(|part| part.name.insert_str(0, "exhibit/"));
        m.push(Part::stored("exhibit-9.zip", b"x"));
    };
    bench.ends(&bench.write("d/some.zip", &pack(&beside)), 0, &["exhibit-9.zip"]);
    for name in ["../x", "a/../x", "/x", "C:x", "./../x", "..\\x", "a/.."] {
        let climbing = |m: &mut Vec<Part>| m.push(Part::stored(name, b"x"));
        let path = bench.write("e/some.zip", &pack(&climbing));
        bench.ends(&path, 1, &["climbs out of the folder"]);
    }
    bench.ends(&bench.write("f/some.zip", &zip(&[Part::stored("photo.jpg", b"x")])), 3, &["no exhibit"]);
    let twice: Vec<Part> = ["one/", "two/"]
        .into_iter()
        .flat_map(|folder| {
            parts(&bench.good)
                .into_iter()
                .map(move |part| Part { name: folder.to_owned() + &part.name, ..part })
        })
        .collect();
    bench.ends(&bench.write("g/some.zip", &zip(&twice)), 3, &["several exhibits"]);

    // A folder with many other files. If anything but the members were opened, the read would never end.
    let folder = bench.unpacked("h");
    for (name, bytes) in [("letter.pdf", "x"), ("files/notahash", "x"), ("chain/sub/x", "x"), ("sub/y", "y")]
    {
        bench.write(&format!("h/{name}"), bytes.as_bytes());
    }
    bench.write(&format!("h/exhibit-{index}.zip"), &bench.good);
    let pipe = |path: &str| assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
    pipe(&format!("{folder}/pipe"));
    pipe(&format!("{folder}/chain/pipe"));
    symlink("nowhere", format!("{folder}/dangling")).unwrap();
    let _socket = UnixListener::bind(format!("{folder}/socket")).unwrap();
    bench.ends(&folder, 0, &["unpacked", "chain/pipe", "chain/sub", "files/notahash", "dangling", "more"]);
    fs::File::create(format!("{folder}/film")).unwrap().set_len(400 << 20).unwrap();
    bench.ends(&folder, 0, &[]);
    // A file that ledgers have does not make it a ledger.
    bench.write("h/checkpoint", b"");
    bench.ends(&folder, 0, &["checkpoint"]);
    // A pipe in the place of a member.
    let folder = bench.unpacked("i");
    fs::remove_file(format!("{folder}/entry")).unwrap();
    pipe(&format!("{folder}/entry"));
    bench.ends(&folder, 3, &["not a plain file"]);
    let folder = bench.unpacked("j");
    fs::create_dir_all(format!("{folder}/files")).unwrap();
    symlink("nowhere", format!("{folder}/files/{}.txt", "a".repeat(64))).unwrap();
    bench.ends(&folder, 3, &["not a plain file"]);
    // The archive beside its own unpacked folder, and several folders.
    bench.unpacked(&format!("k/exhibit-{index}"));
    let archive = format!("exhibit-{index}.zip");
    bench.write(&format!("k/{archive}"), &bench.good);
    bench.ends(&bench.at("k"), 0, &[&archive]);
    bench.unpacked("k/other");
    bench.ends(&bench.at("k"), 3, &["several exhibits"]);

    // The same holds of a case file.
    let case = CaseFile { exhibits: [(index, bench.good.as_slice())].into() }.write().unwrap();
    for part in parts(&case) {
        bench.write(&format!("l/{}", part.name), &part.bytes);
    }
    pipe(&bench.at("l/pipe"));
    // It is refused since its case begins with another entry.
    bench.ends(&bench.at("l"), 1, &["unpacked", "pipe"]);
    symlink("nowhere", bench.at("l/exhibit-3.zip")).unwrap();
    bench.ends(&bench.at("l"), 3, &["not a plain file"]);
}

#[test]
fn a_folder_that_is_named_as_an_exhibit_holds_that_one() {
    let bench = Bench::new();
    let index = bench.index;
    for (name, code) in [
        (format!("exhibit-{index}"), 0),
        (format!("exhibit-{index} (1)"), 0),
        (format!("exhibit-0{index}"), 0),
        ("exhibit-61".into(), 1),
        ("exhibit-61 (1)".into(), 0),
        ("exhibit-61-2".into(), 0),
        ("exhibit-99999999999999999999".into(), 1),
        ("letters".into(), 0),
    ] {
        let folder = bench.unpacked(&format!("{name} in/{name}"));
        let words = [format!("{name}.zip: expected index"), format!("found index {index}")];
        for path in ["", "/", "/.", "/chain/.."].map(|end| format!("{folder}{end}")) {
            bench.ends(&path, code, &[]);
            for text in all_end(&path, &[&path, "--policy", &bench.at("policy")], code) {
                let text = text.replace('\'', "");
                let names = words[0].replace("expected index", "");
                assert_eq!(code == 1, text.contains(&names) && text.contains(&words[1]), "{path}: {text}");
            }
        }
        // The name of the folder around it does not count.
        bench.ends(&bench.at(&format!("{name} in")), code, &[]);
    }
    let outer = bench.unpacked("exhibit-61 out/exhibit-61/mine");
    bench.ends(outer.strip_suffix("/mine").unwrap(), 1, &["exhibit-61.zip"]);

    // The same holds of a folder in an archive.
    for (name, code) in [
        (format!("exhibit-{index}"), 0),
        (format!("copies/exhibit-{index}"), 0),
        ("exhibit-61 (1)".into(), 0),
        ("letters".into(), 0),
        ("exhibit-61".into(), 1),
        ("copies/exhibit-61".into(), 1),
        ("exhibit-99999999999999999999".into(), 1),
    ] {
        let mut members = zip::parts(&bench.good);
        members.iter_mut().for_each(|part| part.name.insert_str(0, &format!("{name}/")));
        let words = format!("found index {index}");
        let words: &[&str] = if code == 1 { &[&words] } else { &["packed anew"] };
        bench.ends(&bench.write("packed/some.zip", &zip::zip(&members)), code, words);
    }
}

#[test]
fn a_name_with_a_number_has_that_of_an_entry() {
    use zip::{Part, parts, zip};
    let bench = Bench::new();
    let numbers =
        ["00", "01", "9007199254740991", "9007199254740992", "9007199254740993", "9999999999999999"];
    for number in numbers.into_iter().chain(["99999999999999999", "99999999999999999999"]) {
        for (i, name) in ["chain/#", "chain/#.tlog-proof", "timestamps/#.tsr"].iter().enumerate() {
            let name = name.replace('#', number);
            // At the place where exhibits have such members.
            let mut members = parts(&bench.good);
            let at = members.iter().position(|member| member.name == "trust.policy");
            members.insert(at.unwrap_or(members.len()), Part::stored(&name, b"x"));
            bench.ends(&bench.write("a/some.zip", &zip(&members)), 1, &[]);
            // At the place where other programs put them.
            members.reverse();
            bench.ends(&bench.write("b/some.zip", &zip(&members)), 1, &[]);
            let folder = bench.unpacked(&format!("{number} {i}"));
            bench.write(&format!("{number} {i}/{name}"), b"x");
            bench.ends(&folder, 1, &[]);
        }
    }
}

#[test]
fn names_in_a_folder_are_read_as_those_of_an_archive() {
    let bench = Bench::new();
    for part in zip::parts(&bench.good) {
        bench.write(&format!("flat/{}", part.name.replace('/', "\\")), &part.bytes);
    }
    bench.write("flat/back\\slash", b"x");
    bench.ends(&bench.at("flat"), 0, &["unpacked", "slash"]);
    let entry = fs::read(bench.at("flat/chain\\0")).unwrap();
    bench.write("flat/.\\chain\\0", &entry);
    bench.ends(&bench.at("flat"), 1, &[]);
    // With a folder around the members, and with files that systems add to archives.
    let index = bench.index;
    for (within, folder, code) in [
        ("whole", format!("exhibit-{index}"), 0),
        ("any", "letters".into(), 0),
        ("deeper", format!("letters\\exhibit-{index}"), 0),
        ("another", "exhibit-61".into(), 1),
        ("deep another", "letters\\exhibit-61".into(), 1),
        ("around/in", format!("exhibit-{index}"), 0),
        ("climbing", "..".into(), 0),
    ] {
        for part in zip::parts(&bench.good) {
            bench.write(&format!("{within}/{folder}\\{}", part.name.replace('/', "\\")), &part.bytes);
        }
        for name in ["._entry", ".DS_Store"] {
            bench.write(&format!("{within}/__MACOSX\\{folder}\\{name}"), b"x");
        }
        for name in [format!("{folder}\\"), format!("{folder}\\photo.jpg"), "letter.pdf".into()] {
            bench.write(&format!("{within}/{name}"), b"");
        }
        let words: &[&str] = if code == 0 { &["unpacked", "photo.jpg", "letter.pdf"] } else { &["61"] };
        let outer = within.split('/').next().unwrap();
        for text in all_end(within, &[&bench.at(outer), "--policy", &bench.at("policy")], code) {
            assert!(words.iter().all(|said| text.contains(said)) && !text.contains("MACOSX"), "{text}");
        }
    }
    // Some of the members lie in real folders, and one file exists under both names.
    let chain = fs::read(bench.at(&format!("whole/exhibit-{index}\\chain\\0"))).unwrap();
    fs::remove_file(bench.at(&format!("whole/exhibit-{index}\\chain\\0"))).unwrap();
    bench.write(&format!("whole/exhibit-{index}\\chain/0"), &chain);
    bench.ends(&bench.at("whole"), 0, &[]);
    bench.write("any/letters/photo.jpg", b"x");
    bench.ends(&bench.at("any"), 0, &[]);
    bench.write("any/letters/entry", &chain);
    bench.ends(&bench.at("any"), 1, &["entry"]);
    // Two exhibits, and a case file.
    for part in zip::parts(&bench.good) {
        bench
            .write(&format!("deeper/photos\\exhibit-{index}\\{}", part.name.replace('/', "\\")), &part.bytes);
    }
    bench.ends(&bench.at("deeper"), 3, &["several exhibits"]);
    let case = CaseFile { exhibits: [(index, bench.good.as_slice())].into() }.write().unwrap();
    for part in zip::parts(&case) {
        bench.write(&format!("case/case-1\\{}", part.name), &part.bytes);
    }
    // It is refused since its case begins with another entry.
    bench.ends(&bench.at("case"), 1, &["case file", "unpacked", "thread"]);
    let folder = bench.unpacked("deep");
    bench.ends(&folder, 0, &[]);
    for bytes in [&entry[..], b"x"] {
        bench.write("deep/chain\\0", bytes);
        bench.ends(&folder, 1, &[]);
    }
}

#[test]
fn a_zip_that_is_not_read_here_is_not_refused() {
    use zip::{Header, Part, parts, zip};
    let bench = Bench::new();
    let with = |change: &dyn Fn(&mut Vec<Part>)| {
        let mut members: Vec<Part> =
            parts(&bench.good).iter().map(|m| Part::deflated(&m.name, &m.bytes)).collect();
        change(&mut members);
        zip(&members)
    };
    type Change = fn(&mut Header);
    let unread: [(&str, Change); 6] = [
        ("compressed by a method", |h| h.method = 9),
        ("compressed by a method", |h| h.method = 12),
        ("compressed by a method", |h| h.method = 14),
        ("compressed by a method", |h| h.method = 93),
        ("encrypted", |h| h.flags = 1),
        ("a zip64", |h| (h.packed, h.size) = (u32::MAX, u32::MAX)),
    ];
    for (what, change) in unread {
        let path = bench.write("some.zip", &with(&|m| m[3].say(change)));
        let words = [what, "unpack it, and give its folder"];
        bench.ends(&path, 3, &words);
        for text in all_end(what, &[&path], 3) {
            assert!(!text.contains("rely"), "{text}");
        }
        // No program writes two headers that differ in this.
        bench.ends(&bench.write("some.zip", &with(&|m| change(&mut m[3].own))), 1, &[]);
        bench.ends(&bench.write("some.zip", &with(&|m| change(&mut m[3].listed))), 1, &[]);
    }
    // Numbers that make it a zip64: of members, or of the directory's place.
    let good = with(&|_| ());
    let end = good.len() - 22;
    for (at, bytes) in [(8, &[0xff; 4][..]), (16, &[0xff; 4])] {
        let mut zip64 = good.clone();
        zip64[end + at..end + at + 4].copy_from_slice(bytes);
        bench.ends(&bench.write("some.zip", &zip64), 3, &["a zip64"]);
    }
    // The last part and the first part of several, and an archive that was begun as several.
    for (disk, directory_on) in [(1, 0), (1, 1), (0, 1)] {
        let mut last = good.clone();
        (last[end + 4], last[end + 6]) = (disk, directory_on);
        bench.ends(&bench.write("some.zip", &last), 3, &["a part of several", "give its folder"]);
    }
    for marker in [b"PK\x07\x08", b"PK00"] {
        for parts in [&good[..], &good[..good.len() / 2]] {
            let first = [&marker[..], parts].concat();
            bench.ends(&bench.write("some.zip", &first), 3, &["a part of several", "give its folder"]);
        }
    }
    // Fewer members on this disk than there are.
    let mut fewer = good.clone();
    fewer[end + 8] -= 1;
    bench.ends(&bench.write("some.zip", &fewer), 1, &[]);
    // Damage stays damage.
    for at in [40, good.len() / 2, end - 30, end + 12] {
        let mut broken = good.clone();
        broken[at] ^= 1;
        bench.ends(&bench.write("some.zip", &broken), 1, &[]);
    }
    bench.ends(&bench.write("some.zip", &good[..end]), 1, &[]);
    bench.ends(&bench.write("some.zip", &[b"x", &good[..]].concat()), 1, &[]);
}

#[test]
fn what_stands_behind_a_member_says_what_the_directory_says() {
    use zip::{Part, parts, zip};
    let bench = Bench::new();
    const MARK: &[u8] = b"PK\x07\x08";
    /// A data descriptor: a checksum, and two sizes of `width` bytes each.
    fn descriptor(mark: &[u8], part: &Part, width: usize) -> Vec<u8> {
        let sizes = [part.listed.packed, part.listed.size].map(|n| u64::from(n).to_le_bytes());
        [mark, &part.listed.crc.to_le_bytes(), &sizes[0][..width], &sizes[1][..width]].concat()
    }
    let with = |which: usize, change: &dyn Fn(&Part) -> Vec<u8>| {
        let mut members: Vec<Part> =
            parts(&bench.good).iter().map(|m| Part::deflated(&m.name, &m.bytes)).collect();
        let behind = change(&members[which]);
        members[which].bytes.extend(behind);
        members[which].say(|header| header.flags = 8);
        (members[which].own.crc, members[which].own.packed, members[which].own.size) = (0, 0, 0);
        zip(&members)
    };
    let last = parts(&bench.good).len() - 1;
    for which in [0, 3, last] {
        for (mark, width) in [(b"".as_slice(), 4), (MARK, 4), (b"", 8), (MARK, 8)] {
            let good = with(which, &|part| descriptor(mark, part, width));
            bench.ends(&bench.write("some.zip", &good), 0, &["packed anew"]);
            // Each byte of it counts.
            let length = mark.len() + 4 + 2 * width;
            for at in (0..length).step_by(if which == 3 { 3 } else { 7 }) {
                let changed = |part: &Part| {
                    let mut behind = descriptor(mark, part, width);
                    behind[at] ^= 1;
                    behind
                };
                bench.ends(&bench.write("some.zip", &with(which, &changed)), 1, &[]);
            }
            let longer = |part: &Part| [descriptor(mark, part, width), vec![0]].concat();
            bench.ends(&bench.write("some.zip", &with(which, &longer)), 1, &[]);
            let shorter = |part: &Part| descriptor(mark, part, width)[1..].to_vec();
            bench.ends(&bench.write("some.zip", &with(which, &shorter)), 1, &[]);
        }
    }
    bench.ends(&bench.write("some.zip", &with(3, &|_| Vec::new())), 1, &[]);
}

#[test]
fn a_member_is_all_of_its_bytes_and_its_name_all_of_its_octets() {
    use zip::{Part, parts, zip};
    let bench = Bench::new();
    let ends = |change: &dyn Fn(&mut Vec<Part>), code| {
        let mut members: Vec<Part> =
            parts(&bench.good).iter().map(|m| Part::deflated(&m.name, &m.bytes)).collect();
        change(&mut members);
        bench.ends(&bench.write("some.zip", &zip(&members)), code, &[]);
    };
    ends(&|_| (), 0);
    // Further bytes behind the end of the deflate stream: one, many, and another stream.
    for more in [b"x".to_vec(), b"\0".to_vec(), vec![7; 80_000], Part::deflated("", b"other").bytes] {
        for which in 0..3 {
            let longer = |m: &mut Vec<Part>| {
                m[which].bytes.extend(&more);
                m[which].say(|header| header.packed += more.len() as u32);
            };
            ends(&longer, 1);
        }
    }
    // A name with a byte-order mark is another name.
    const MARK: char = '\u{feff}';
    ends(&|m| m.iter_mut().for_each(|part| part.name.insert(0, MARK)), 3);
    ends(&|m| m.iter_mut().find(|part| part.name == "entry").unwrap().name.insert(0, MARK), 1);
    for name in ["entry", "../x"] {
        ends(&|m| m.push(Part::stored(&format!("{MARK}{name}"), b"x")), 0);
    }
    // So is a name with another byte where neither is UTF-8.
    let mut members = parts(&bench.good);
    members.push(Part::stored("a~~b", b"x"));
    let good = zip(&members);
    let names: Vec<usize> = (0..good.len()).filter(|&at| good[at..].starts_with(b"a~~b")).collect();
    assert_eq!(names.len(), 2);
    for (octets, code) in [([0xff, 0xff], 0), ([0xff, 0xfe], 1)] {
        let mut bytes = good.clone();
        (bytes[names[0] + 1], bytes[names[1] + 1]) = (octets[0], octets[1]);
        bench.ends(&bench.write("some.zip", &bytes), code, &[]);
    }
}

#[test]
fn a_receipt_has_a_verdict_of_its_own() {
    let bench = Bench::new();
    let enclosed = Enclosed::read(&bench.good).unwrap();
    let (entry, proof) = (bench.write("60", enclosed.entry), bench.write("60 (1)", enclosed.proof));
    let (trust, pdf) = (bench.at("policy"), bench.write("letter.pdf", b"%PDF-1.7"));
    let key = policy().only_log().unwrap().to_string();
    let lines = ["entry       ok", "event       ok", "inclusion   ok", "checkpoint  ok", "valid"];
    let lines = [&lines[..], &["; whose keys they were then an exhibit shows"]].concat();
    all_say("by a policy", &[&proof, "--entry", &entry, "--policy", &trust], 0, &lines);
    all_say("by a key", &[&proof, "--entry", &entry, "--key", &key], 0, &lines);
    all_say("swapped", &[&entry, "--entry", &proof, "--policy", &trust], 0, &lines);
    all_say("without trust", &[&proof, "--entry", &entry], 3, &lines[..3]);
    let strange = self::key(ORIGIN, 9).verifying_key().to_string();
    all_say("by another key", &[&proof, "--entry", &entry, "--key", &strange], 1, &["REFUSED"]);
    all_say("alone", &[&proof, "--policy", &trust], 2, &["his is a receipt", "entry too"]);
    all_say("its entry alone", &[&entry, "--policy", &trust], 2, &["his is an entry", "its receipt too"]);
    for pair in [[&proof, &proof], [&entry, &entry], [&entry, &pdf]] {
        all_end("no pair", &[pair[0], "--entry", pair[1], "--policy", &trust], 2);
    }
    all_end("with something else", &[&proof, "--entry", &pdf, "--policy", &trust], 1);
    let zip = bench.write("some.zip", &bench.good);
    all_end("an exhibit with an entry", &[&zip, "--entry", &entry, "--policy", &trust], 2);
    let unpacked = bench.unpacked("unpacked");
    all_end("a folder as an entry", &[&proof, "--entry", &unpacked, "--policy", &trust], 3);
    all_end("a folder with an entry", &[&unpacked, "--entry", &entry, "--policy", &trust], 2);
    all_end("no entry", &[&proof, "--entry", &bench.at("nothere"), "--policy", &trust], 3);
    // With line ends as some programs save them.
    let returned = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace('\n', "\r\n").into_bytes();
    let (entry_of, proof_of) = (returned(enclosed.entry), returned(enclosed.proof));
    let (other_entry, other_proof) = (bench.write("crlf/60", &entry_of), bench.write("crlf/p", &proof_of));
    for pair in [[&proof, &other_entry], [&other_proof, &entry], [&other_entry, &other_proof]] {
        let args = [pair[0], "--entry", pair[1], "--policy", &trust];
        all_say("CR LF", &args, 2, &["its lines end in CR LF"]);
    }
    all_say("CR LF, in a folder", &[&bench.at("crlf"), "--policy", &trust], 2, &["its lines end in CR LF"]);
    all_say("CR LF, alone", &[&other_proof], 2, &["his is a receipt"]);
    all_say("CR LF, alone", &[&other_entry], 2, &["his is an entry"]);
    // Both in a folder, by any names, and nothing else there.
    let folder = bench.at("receipt");
    bench.write("receipt/x", enclosed.proof);
    bench.ends(&folder, 3, &[]);
    bench.write("receipt/y", enclosed.entry);
    bench.write("receipt/.DS_Store", b"x");
    bench.ends(&folder, 0, &lines);
    bench.write("receipt/z", b"x");
    bench.ends(&folder, 3, &[]);
    // Another entry, and one that was changed.
    let of_other = assemble(bench.world.ledger.reader(), 0).unwrap().unwrap();
    let other = bench.write("0", Enclosed::read(&of_other).unwrap().entry);
    all_end("another entry", &[&proof, "--entry", &other, "--policy", &trust], 1);
    let mut changed = enclosed.entry.to_vec();
    let at = changed.windows(5).position(|w| w == b"facts").unwrap();
    changed[at + 9] ^= 1;
    let changed = bench.write("changed", &changed);
    all_end("a changed entry", &[&proof, "--entry", &changed, "--policy", &trust], 1);
}

#[test]
fn what_proves_nothing_is_not_refused() {
    let bench = Bench::new();
    for (name, bytes, what) in [
        ("letter.pdf", b"%PDF-1.7".as_slice(), "a PDF; it proves nothing by itself"),
        ("photo.png", b"\x89PNG\r\n\x1a\n", "a picture; it proves nothing by itself"),
        ("photo.jpg", b"\xff\xd8\xff\xe0", "a picture; it proves nothing by itself"),
        ("photo.heic", b"\0\0\0\x18ftypheic", "a picture; it proves nothing by itself"),
        ("note.txt", b"Please", ""),
        ("nothing", b"", "empty"),
    ] {
        let path = bench.write(name, bytes);
        for text in all_end(name, &[&path], 3) {
            assert!(text.contains(what) && !text.contains("rely"), "{text}");
        }
    }
    all_end("what is not there", &[&bench.at("nothere.zip")], 3);
}

#[test]
fn a_key_and_a_policy_are_of_one_log() {
    let bench = Bench::new();
    let exhibit = bench.write("some.zip", &bench.good);
    let own = policy().only_log().unwrap().to_string();
    let other = |name: &str, seed| key(name, seed).verifying_key().to_string();
    let (second, elsewhere) = (other(ORIGIN, 9), other("other.example", 8));
    let besides = any_vkey("other.example", 6, &[7; 1_312]);
    let logs =
        |logs: &[&str]| logs.iter().map(|log| format!("log {log}\n")).collect::<String>() + "quorum none\n";
    for (policy, code) in [
        (logs(&[]), 0),
        (logs(&[&own]), 0),
        (logs(&[&elsewhere, &own]), 0),
        (logs(&[&second, &own]), 0),
        (logs(&[&elsewhere]), 2),
        (logs(&[&besides]), 2),
        (logs(&[&second]), 2),
        (logs(&[&second, &elsewhere]), 2),
    ] {
        let trust = bench.write("trust", policy.as_bytes());
        for text in all_end(&policy, &[&exhibit, "--key", &own, "--policy", &trust], code) {
            let tells = text.contains("the policy trusts other logs, not") || text.contains("another key");
            assert_eq!(tells, code == 2, "{policy}{text}");
        }
    }
    let trust = bench.at("policy");
    all_end("two keys", &[&exhibit, "--key", &second, "--key", &own], 2);
    all_end("one key twice", &[&exhibit, "--key", &own, "--key", &own], 2);
    all_end("one policy twice", &[&exhibit, "--policy", &trust, "--policy", &trust], 2);
    let beside = bench.write("other.zip", &bench.good);
    all_end("two exhibits", &[&exhibit, &beside, "--policy", &trust], 2);
    // How a policy must be encoded, and how long it may be.
    let base = policy().to_string();
    for (text, code, words) in [
        (format!("\u{feff}{base}").into_bytes(), 2, "save it without a byte-order mark"),
        (base.replace('\n', "\r\n").into_bytes(), 2, "its lines end in CR LF: save it with LF"),
        ([b"log caf\xe9.example+00000000+AQ==\n", base.as_bytes()].concat(), 2, ""),
        (format!("# {}\n{base}", "x".repeat(250_000)).into_bytes(), 0, ""),
        (format!("# {}\n{base}", "x".repeat(262_144)).into_bytes(), 2, ""),
    ] {
        let trust = bench.write("trust", &text);
        all_say("a policy", &[&exhibit, "--policy", &trust], code, &[words]);
    }
}

#[test]
fn a_log_that_changes_its_second_key_signs_by_one_of_them() {
    let bench = Bench::new();
    let checkpoint = bench.world.ledger.reader().checkpoint();
    let (old, new) = (MlDsaWitness::new(ORIGIN, 8), MlDsaWitness::new(ORIGIN, 9));
    let signed = |lines: &[SignatureLine]| {
        in_checkpoint(&bench.good, checkpoint.with_signatures(lines).unwrap().note())
    };
    let line = |key: &MlDsaWitness| key.cosign(checkpoint.checkpoint(), 0);
    let bad = |key: &MlDsaWitness, length| SignatureLine::new(&key.name, key.id(), &vec![9; length]);
    let own = policy().only_log().unwrap().to_string();
    let logs =
        |logs: &[&str]| logs.iter().map(|log| format!("log {log}\n")).collect::<String>() + "quorum none\n";
    let both = logs(&[&own, &old.vkey(), &new.vkey()]);
    let [(_, page), (_, python)] = verifiers();
    // The last field is the exit code of the page, which can't check such lines.
    for (name, exhibit, trust, code, of_page) in [
        ("by the old one", signed(&[line(&old)]), &both, 0, 3),
        ("by the new one", signed(&[line(&new)]), &both, 0, 3),
        ("by neither", signed(&[]), &both, 1, 1),
        ("by one, and badly by the other", signed(&[line(&new), bad(&old, 2_428)]), &both, 1, 3),
        ("by one, and by no signature of the other", signed(&[line(&new), bad(&old, 70)]), &both, 1, 1),
        ("by one that is not named", signed(&[line(&old)]), &logs(&[&own]), 0, 0),
    ] {
        let (path, trust) = (bench.write("some.zip", &exhibit), bench.write("trust", trust.as_bytes()));
        for (command, code) in [(&ours(), code), (&python, code), (&page, of_page)] {
            let (found, text) = run(command, &[&path, "--policy", &trust]);
            assert_eq!(found, Some(code), "{name}: {text}");
        }
    }
    let trust = bench.write("trust", logs(&[&old.vkey()]).as_bytes());
    let path = bench.write("some.zip", &signed(&[line(&old)]));
    for command in [&ours(), &page, &python] {
        let (_, text) = run(command, &[&path, "--policy", &trust]);
        assert!(text.contains("Ed25519 key") && !text.contains("trusts no log"), "{text}");
    }
    // Here the policy lacks a key, and the exhibit lacks nothing, whether it has a line by that key or not.
    for lines in [vec![], vec![line(&old)], vec![line(&new)]] {
        let exhibit = signed(&lines);
        let enclosed = Enclosed::read(&exhibit).unwrap();
        let (entry, proof) = (bench.write("entry", enclosed.entry), bench.write("proof", enclosed.proof));
        let path = bench.write("some.zip", &exhibit);
        for args in [&[&*path][..], &[&proof, "--entry", &entry]] {
            // A key that is given besides is the one that the policy lacks.
            let given = [args, &["--policy", &trust, "--key", &own]].concat();
            let is_signed = lines == [line(&old)];
            for (command, code) in [(&ours(), 0), (&python, 0), (&page, 3)] {
                let (found, text) = run(command, &given);
                assert_eq!(found, Some(if is_signed { code } else { 1 }), "{text}");
            }
            for text in all_end("no Ed25519 key", &[args, &["--policy", &trust]].concat(), 3) {
                let is_told = text.contains("checkpoint  not checked") && text.contains("Ed25519 key");
                assert!(is_told && !text.contains("rely"), "{text}");
            }
        }
    }
    bench.world.published();
    ledger_ends("no Ed25519 key", &bench.at("ledger/public"), &["--policy", &trust], 2);
}

#[test]
fn an_age_is_read_alike() {
    let bench = Bench::new();
    let checkpoint = bench.world.ledger.reader().checkpoint();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let lines = [1, 2].map(|n| cosign(checkpoint.checkpoint(), now - 50, &witness(n)).unwrap());
    let seen = in_checkpoint(&bench.good, checkpoint.with_signatures(&lines).unwrap().note());
    let (path, trust) = (
        bench.write("some.zip", &seen),
        bench.write("trust", of_three("quorum two\n").to_string().as_bytes()),
    );
    for (age, code) in [
        ("0", 1),
        ("30", 1),
        ("30s", 1),
        ("0d", 1),
        ("60m", 0),
        ("1h", 0),
        ("3600", 0),
        ("+3600", 0),
        ("2d", 0),
        ("213503982334601d", 0),
        ("", 2),
        ("h", 2),
        ("1w", 2),
        ("-1", 2),
        ("1.5h", 2),
        ("1 h", 2),
        ("1e3", 2),
        ("é", 2),
        ("18446744073709551615h", 2),
        ("99999999999999999999", 2),
    ] {
        all_end(age, &[&path, "--policy", &trust, &format!("--max-age={age}")], code);
    }
    all_end("no policy", &[&path, "--max-age=1h"], 2);
    all_end("nobody asked", &[&path, "--policy", &bench.at("policy"), "--max-age=1h"], 2);
}

#[test]
fn types_of_events_are_judged_in_exhibits() {
    let bench = Bench::new();
    let story = tell_more(&bench.world.ledger);
    let reader = bench.world.ledger.reader();
    let at = reader.checkpoint().checkpoint().size() as usize - 1;
    let honest = assemble(reader, at as u64).unwrap().unwrap();
    let chain: Vec<usize> = Enclosed::read(&honest).unwrap().chain.keys().map(|i| *i as usize).collect();
    let raw = raw_entries(reader);
    let forged = |from: &str, to: &str| {
        let mut raw = raw.clone();
        let (header, note) = raw[at].split_once("\n\n").unwrap();
        let (text, _) = note.rsplit_once("\n\n").unwrap();
        assert!(text.contains(from), "{from}: {text}");
        let text = text.replacen(from, to, 1) + "\n";
        let note = SignedNote::sign(&text, &[&desk()]).unwrap();
        raw[at] = format!("{header}\n\n{}", note.as_str());
        exhibit_of(&raw, at, &chain, &[])
    };
    let speaker = format!("\"speaker\":\"{story}\"");
    for (name, from, to, code) in [
        ("as it is", "\"ms\"", "\"en\"", 0),
        ("a type that is none", "statement.made", "statement.mode", 1),
        ("a fact too many", "\"language\":", "\"count\":1,\"language\":", 1),
        ("a fact too few", "\"language\":\"ms\",", "", 1),
        ("no language", "\"ms\"", "\"m\"", 1),
        ("a language in letters too many", "\"ms\"", &format!("\"ms-{}\"", "x".repeat(40)), 1),
        ("another word than the type has", "\"official\"", "\"officious\"", 1),
        ("a number for a word", "\"official\"", "1", 1),
        ("a day that is none", "\"standing\":", "\"published\":\"2023-02-30\",\"standing\":", 1),
        ("a day", "\"standing\":", "\"published\":\"2023-02-28\",\"standing\":", 0),
        ("a role that is none", "\"speaker\":", "\"spoken\":", 1),
        ("an id for ids", &speaker, &format!("\"about\":\"{story}\",{speaker}"), 1),
        ("ids for an id", &speaker, &format!("\"speaker\":[\"{story}\"]"), 1),
        ("no words", ",\"content\":{", ",\"contents\":{", 1),
    ] {
        let path = bench.write("some.zip", &forged(from, to));
        bench.ends(&path, code, &[]);
        // A receipt of the forged entry is not good either.
        let bytes = fs::read(&path).unwrap();
        let enclosed = Enclosed::read(&bytes).unwrap();
        let (entry, proof) = (bench.write("entry", enclosed.entry), bench.write("proof", enclosed.proof));
        all_end(name, &[&proof, "--entry", &entry, "--policy", &bench.at("policy")], code);
    }
}

/// Records one more statement, by an agency. Gives its id.
fn tell_more(ledger: &Ledger) -> EventId {
    let reader = ledger.reader();
    let parsed = |index| reader.parsed(index).unwrap().unwrap();
    let case = parsed(first(reader, EventType::CaseOpened));
    let agency = case.event().role("respondent").unwrap();
    let story = Story { desk: agency, agency, case: case.event().id() };
    record(ledger, statement(&story, "satu"));
    agency
}

/// Holds that all three exit with this code for a copy of a ledger's public files, by the log's key.
#[track_caller]
fn ledger_ends(name: &str, folder: &str, more: &[&str], code: i32) -> [String; 3] {
    let key = key(ORIGIN, 1).verifying_key().to_string();
    let more = if more.is_empty() { vec!["--key", &key] } else { more.to_vec() };
    let [(_, page), (_, python)] = verifiers();
    let at_folder = [&[folder], &more[..]].concat();
    let said =
        [(ours(), at_folder.clone()), (page, [&["--ledger"], &at_folder[..]].concat()), (python, at_folder)]
            .map(|(command, args)| run(&command, &args));
    let codes = said.each_ref().map(|(code, _)| *code);
    assert_eq!(
        codes,
        [Some(code); 3],
        "{name}: {}",
        said.each_ref().map(|(_, text)| &**text).join("\n----\n")
    );
    said.map(|(_, text)| text)
}

#[test]
fn whole_ledgers_are_read_alike() {
    let (mut forger, story) = Forger::begun();
    for text in ["satu", "dua", "tiga"] {
        forger.add(&statement(&story, text).1);
    }
    let honest = forger.files();
    let tmp = tempfile::tempdir().unwrap();
    let public = tmp.path().join("public");
    let folder = public.to_str().unwrap();
    let ends = |name: &str, change: &dyn Fn(&mut public::Files), code| {
        let mut files = honest.clone();
        change(&mut files);
        forger::write(&files, tmp.path());
        ledger_ends(name, folder, &[], code)
    };
    ends("honest", &|_| (), 0);
    let path_of = |prefix: &str| honest.keys().find(|path| path.starts_with(prefix)).unwrap().clone();
    for prefix in ["tile/entries/", "content/tile/", "tile/0/"] {
        let path = path_of(prefix);
        ends("a byte behind the last item", &|files| files.get_mut(&path).unwrap().push(b'x'), 1);
        ends("an item behind the last", &|files| files.get_mut(&path).unwrap().extend([0; 32]), 1);
        ends("cut short", &|files| files.get_mut(&path).unwrap().truncate(3), 1);
        // A full tile may stand in the place of a partial one. Its further items belong to a longer log.
        let full = path.split(".p/").next().unwrap().to_owned();
        ends(
            "more in a full tile",
            &|files| {
                let mut bytes = files.remove(&path).unwrap();
                bytes.extend([0; 32]);
                files.insert(full.clone(), bytes);
            },
            0,
        );
    }
    let words = path_of("content/tile/");
    let bytes = &honest[&words];
    // An entry without words has an empty item in the content tile. The first entry has none.
    assert_eq!(&bytes[..4], &[0; 4]);
    let absent = |files: &mut public::Files| files.get_mut(&words).unwrap()[..4].fill(0xff);
    ends("absent words of an entry that has none", &absent, 1);
    for text in ends("no words at all", &|files| files.retain(|path, _| !path.starts_with("content/")), 1) {
        assert!(text.contains("--no-words"), "{text}");
    }
    ends("no checkpoint", &|files| drop(files.remove("checkpoint")), 3);

    // A second key of the log must have signed where the policy names it, and only there.
    let second = MlDsaWitness::new(ORIGIN, 9);
    let checkpoint = forger.checkpoint();
    let line = second.cosign(checkpoint.checkpoint(), 0);
    let own = key(ORIGIN, 1).verifying_key().to_string();
    let besides = format!("log {own}\nlog {}\nquorum none\n", second.vkey());
    let trust = tmp.path().join("policy");
    let (signed, unsigned) = (checkpoint.with_signatures(&[line]).unwrap(), checkpoint.clone());
    for (name, note, policy, code, of_page) in [
        ("unsigned", &unsigned, &besides, 1, 1),
        ("signed", &signed, &besides, 0, 3),
        ("not asked for", &signed, &policy().to_string(), 0, 0),
    ] {
        let mut files = honest.clone();
        files.insert("checkpoint".into(), note.note().as_bytes().to_vec());
        forger::write(&files, tmp.path());
        fs::write(&trust, policy).unwrap();
        let [(_, page), (_, python)] = verifiers();
        let args = [folder, "--policy", trust.to_str().unwrap()];
        let of_ledger = [&["--ledger"], &args[..]].concat();
        for (command, args, code) in
            [(ours(), &args[..], code), (python, &args[..], code), (page, &of_ledger[..], of_page)]
        {
            let (found, text) = run(&command, args);
            assert_eq!(found, Some(code), "{name}: {text}");
            assert_eq!(code == 3, text.contains("not checked here"), "{name}: {text}");
        }
    }
    let (code, text) = run(&verifiers()[0].1, &["--ledger", "http://127.0.0.1:1/"]);
    assert!(code == Some(3) && text.contains("http://127.0.0.1:1/checkpoint: "), "{text}");
    let (code, text) = run(&verifiers()[0].1, &["--ledger", "ftp://127.0.0.1/"]);
    assert!(code == Some(2) && text.contains("http:// or https://"), "{text}");
}

#[test]
fn files_that_words_name_are_looked_at() {
    let bench = Bench::new();
    bench.world.published();
    let copy = bench.world.at("copy");
    support::copy(&bench.world.public(), &copy);
    let folder = copy.to_str().unwrap();
    ledger_ends("as it is", folder, &[], 0);
    ledger_ends("where the ledger keeps it", &bench.at("ledger"), &[], 0);
    let file = copy.join("file").join(Digest::blake3(b"one").to_string());
    for bytes in [b"onE".as_slice(), b"on", b"ones", b""] {
        fs::write(&file, bytes).unwrap();
        ledger_ends("another file", folder, &[], 1);
    }
    fs::remove_file(&file).unwrap();
    ledger_ends("no file", folder, &[], 1);
    fs::remove_dir_all(copy.join("file")).unwrap();
    for text in ledger_ends("no files at all", folder, &[], 1) {
        assert!(text.contains("no files are here at all") && text.contains("--no-files"), "{text}");
    }
}

#[test]
fn only_what_is_known_to_be_missing_is_called_so() {
    let bench = Bench::new();
    bench.world.published();
    let public = bench.world.public();
    let copied = |name: &str| {
        let copy = bench.world.at(name);
        support::copy(&public, &copy);
        copy
    };
    let tiles = fs::read_dir(public.join("tile/entries/000.p")).unwrap();
    let names = tiles.map(|found| found.unwrap().file_name().into_string().unwrap());
    let width = names.filter_map(|name| name.parse::<u32>().ok()).max().unwrap();
    let places = [
        "checkpoint".to_owned(),
        format!("tile/entries/000.p/{width}"),
        format!("tile/0/000.p/{width}"),
        format!("content/tile/000.p/{width}"),
        format!("file/{}", Digest::blake3(b"one")),
    ];
    for (i, place) in places.iter().enumerate() {
        let copy = copied(&format!("pipe-{i}"));
        fs::remove_file(copy.join(place)).unwrap();
        assert!(Command::new("mkfifo").arg(copy.join(place)).status().unwrap().success());
        ledger_ends(&format!("a pipe as {place}"), copy.to_str().unwrap(), &[], 3);
        // A file that can't be opened is not known to be missing.
        let copy = copied(&format!("loop-{i}"));
        let link = copy.join(place);
        fs::remove_file(&link).unwrap();
        symlink(link.file_name().unwrap(), &link).unwrap();
        ledger_ends(&format!("a link to itself as {place}"), copy.to_str().unwrap(), &[], 3);
        // A link may lead to a file within the folder, and to no other.
        let copy = copied(&format!("link-{i}"));
        let (link, beside) = (copy.join(place), copy.join(place).with_extension("beside"));
        fs::rename(&link, &beside).unwrap();
        symlink(&beside, &link).unwrap();
        ledger_ends(&format!("a link as {place}"), copy.to_str().unwrap(), &[], 0);
        for outside in [public.join(place), "/dev/zero".into()] {
            fs::remove_file(&link).unwrap();
            symlink(&outside, &link).unwrap();
            let name = format!("{} as {place}", outside.display());
            for text in ledger_ends(&name, copy.to_str().unwrap(), &[], 3) {
                assert!(text.contains("a link that leads out of the folder"), "{text}");
            }
        }
    }
    // Whatever is named `checkpoint` is taken as the ledger's checkpoint.
    let data = copied("data");
    support::copy(&public, &data.join("public"));
    let checkpoint = data.join("public/checkpoint");
    ledger_ends("a ledger in a ledger", data.to_str().unwrap(), &[], 0);
    fs::remove_file(&checkpoint).unwrap();
    assert!(Command::new("mkfifo").arg(&checkpoint).status().unwrap().success());
    ledger_ends("a pipe as its checkpoint", data.to_str().unwrap(), &[], 3);
    fs::remove_file(&checkpoint).unwrap();
    symlink("nowhere", &checkpoint).unwrap();
    ledger_ends("a link to nowhere as its checkpoint", data.to_str().unwrap(), &[], 3);
    for folder in ["file", "content"] {
        let copy = copied(&format!("plain-{folder}"));
        fs::remove_dir_all(copy.join(folder)).unwrap();
        fs::write(copy.join(folder), "x").unwrap();
        ledger_ends(&format!("a file as {folder}"), copy.to_str().unwrap(), &[], 1);
    }
}

/// Serves the files of a folder: `answer` makes the answer for a path, given the file there if there is one.
fn serve(folder: PathBuf, answer: impl Fn(&str, Option<Vec<u8>>) -> Vec<u8> + Send + 'static) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let (mut stream, mut request) = (stream, Vec::new());
            let mut byte = [0];
            while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|n| n == 1) {
                request.push(byte[0]);
            }
            let request = String::from_utf8_lossy(&request).into_owned();
            let asked = request.split(' ').nth(1).unwrap_or_default().trim_start_matches('/').to_owned();
            let _ = stream.write_all(&answer(&asked, fs::read(folder.join(&asked)).ok()));
            // Close only once the client has all of it or has gone. Otherwise the rest may be lost on its way.
            let _ = stream.shutdown(std::net::Shutdown::Write);
            let _ = stream.set_read_timeout(Some(std::time::Duration::from_secs(5)));
            while stream.read(&mut byte).is_ok_and(|n| n > 0) {}
        }
    });
    format!("http://{address}")
}

/// An answer with this head, still without its blank line, and this body.
fn answer(head: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    [format!("{head}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n").as_bytes(), body].concat()
}

/// Serves the files of a folder, but gives another answer for paths that begin with `path`.
fn serve_but(folder: PathBuf, path: &'static str, instead: &'static [u8]) -> String {
    serve(folder, move |asked, file| match file {
        _ if asked.starts_with(path) => instead.to_vec(),
        Some(bytes) => answer("HTTP/1.1 200 OK", &bytes),
        None => answer("HTTP/1.1 404 Not Found", b""),
    })
}

/// Holds that all three exit with this code for a ledger at an address, by the log's key, and say these words.
#[track_caller]
fn address_ends(name: &str, address: &str, code: i32, words: &[&str]) {
    for text in ledger_ends(name, address, &[], code) {
        assert!(words.iter().all(|said| text.contains(said)), "{name}: {words:?}: {text}");
    }
}

#[test]
fn what_comes_gzipped_is_unfolded_and_another_coding_decides_nothing() {
    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }
    let bench = Bench::new();
    bench.world.published();
    type Code = fn(&[u8]) -> Vec<u8>;
    let halves: Code = |bytes| {
        let (one, two) = bytes.split_at(bytes.len() / 2);
        [gzip(one), gzip(b""), gzip(two)].concat()
    };
    let cut: Code = |bytes| {
        let zipped = gzip(bytes);
        zipped[..zipped.len() - 3].to_vec()
    };
    let cases: [(&str, Code, i32, &str); 16] = [
        ("gzip", gzip, 0, ""),
        ("GZIP", gzip, 0, ""),
        ("x-gzip", gzip, 0, ""),
        ("identity", <[u8]>::to_vec, 0, ""),
        ("identity, gzip", gzip, 0, ""),
        ("gzip\r\nContent-Encoding: identity", gzip, 0, ""),
        ("gzip", halves, 0, ""),
        ("gzip", cut, 3, ""),
        ("gzip", |bytes| [gzip(bytes), b"x".to_vec()].concat(), 3, ""),
        ("gzip", |bytes| [gzip(bytes), vec![0; 20]].concat(), 3, ""),
        ("gzip", <[u8]>::to_vec, 3, ""),
        ("br", <[u8]>::to_vec, 3, "expected gzip or none"),
        ("deflate", gzip, 3, "expected gzip or none"),
        ("zstd", <[u8]>::to_vec, 3, "expected gzip or none"),
        ("gzip, gzip", |bytes| gzip(&gzip(bytes)), 3, "expected gzip or none"),
        ("gzip", |_| gzip(&vec![0; 64 << 20]), 1, ""),
    ];
    for (coding, code, ends, words) in cases {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Encoding: {coding}");
        let address = serve(bench.world.public(), move |_, file| match file {
            Some(bytes) => answer(&head, &code(&bytes)),
            None => answer("HTTP/1.1 404 Not Found", b""),
        });
        address_ends(coding, &address, ends, &[words]);
    }
    // Another status than 404 for a missing file is told.
    for (path, ends) in
        [("nothing", 0), ("checkpoint", 3), ("tile/entries/", 1), ("content/", 1), ("file/", 1)]
    {
        let address = serve_but(
            bench.world.public(),
            path,
            b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        );
        let words: &[&str] = if ends == 0 { &[] } else { &["(the server answered 403)"] };
        address_ends(path, &address, ends, words);
    }
}

#[test]
fn a_file_is_an_answer_of_200_and_whole() {
    let bench = Bench::new();
    bench.world.published();
    let public = bench.world.public();
    const NONE: &[u8] = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
    const PART: &[u8] = b"HTTP/1.1 206 Partial Content\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx";
    const OTHER: &[u8] = b"HTTP/1.1 203 Changed\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx";
    const MOVED: &[u8] =
        b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    const SAME: &[u8] = b"HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n";
    const CUT: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\nConnection: close\r\n\r\nx";
    for (path, answer, code, word) in [
        ("nothing", NONE, 0, ""),
        ("content/", NONE, 3, "204"),
        ("content/", PART, 3, "206"),
        ("content/", OTHER, 3, "203"),
        ("content/", CUT, 3, ""),
        ("content/", MOVED, 3, "a redirect"),
        ("checkpoint", MOVED, 3, "a redirect"),
        ("checkpoint", SAME, 3, "not modified, though nothing was asked for of that kind"),
        ("file/", NONE, 3, "204"),
        ("file/", CUT, 3, ""),
        ("checkpoint", NONE, 3, "204"),
        ("checkpoint", CUT, 3, ""),
        ("tile/0/", CUT, 3, ""),
        ("tile/entries/", CUT, 3, ""),
    ] {
        let name = format!("{path}, {}", String::from_utf8_lossy(&answer[..12]));
        address_ends(&name, &serve_but(public.clone(), path, answer), code, &[word]);
    }
}

#[test]
fn heads_of_answers_are_read_alike() {
    let bench = Bench::new();
    bench.world.published();
    let public = bench.world.public();
    let early = "HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n";
    let fields = |count: usize| (0..count).fold(String::new(), |all, i| format!("{all}X-{i}: x\r\n"));
    let long = |bytes: usize| format!("X-Long: {}\r\n", "x".repeat(bytes));
    // The head has two further fields besides these.
    let cases: [(&str, String, String, i32); 16] = [
        ("an early hint", early.into(), String::new(), 0),
        ("two early hints", early.repeat(2), String::new(), 0),
        ("100 before the answer", "HTTP/1.1 100 Continue\r\n\r\n".into(), String::new(), 0),
        ("97 fields", String::new(), fields(97), 0),
        ("98 fields", String::new(), fields(98), 3),
        ("150 fields", String::new(), fields(150), 3),
        ("a long field", String::new(), long(60_000), 0),
        ("a field that is too long", String::new(), long(70_000), 3),
        ("fields that are too long", String::new(), long(20_000).repeat(4), 3),
        ("a coding in odd space", String::new(), "Content-Encoding: \u{a0}identity\r\n".into(), 3),
        ("a coding in space", String::new(), "Content-Encoding: \t identity \t\r\n".into(), 0),
        ("a length that is signed", String::new(), "LENGTH: +".into(), 3),
        ("a length with leading zeros", String::new(), "LENGTH: 00".into(), 0),
        ("two lengths", String::new(), "TWICE".into(), 3),
        ("a length and pieces", String::new(), "Transfer-Encoding: chunked\r\n".into(), 3),
        ("a coding of the way", String::new(), "NONE: Transfer-Encoding: gzip\r\n".into(), 3),
    ];
    for (name, before, more, code) in cases {
        let address = serve(public.clone(), move |_, file| {
            let (status, body) = file.map_or(("404 Not Found", Vec::new()), |bytes| ("200 OK", bytes));
            let length = body.len();
            let more = match more.split_once(": ") {
                Some(("LENGTH", sign)) => format!("Content-Length: {sign}{length}\r\n"),
                Some(("NONE", more)) => more.to_owned(),
                _ if more == "TWICE" => format!("Content-Length: {length}\r\n").repeat(2),
                _ => format!("Content-Length: {length}\r\n{more}"),
            };
            let head = format!("{before}HTTP/1.1 {status}\r\nConnection: close\r\n{more}\r\n");
            let head: Vec<u8> = head.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
            [head, body].concat()
        });
        address_ends(name, &address, code, &[]);
    }
}
