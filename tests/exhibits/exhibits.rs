//! Exhibits: one file that carries its own proof, and what is refused in its place.

use crate::zip;
use std::{collections::HashMap, fs, path::Path, process::Command};

use crate::exhibit::*;
use crate::program::{said, shell};
use crate::support::*;
use crate::world::World;
use onrecord::{
    check::Outcome,
    event::{Content, EventType},
    exhibit::{Enclosed, ExhibitReport, ExhibitVerdict, assemble, extension, verify},
    log::{Entry, Policy, TlogProof, leaf_hash},
    note::SigningKey,
};

fn outcome(report: &ExhibitReport, name: &str) -> Option<Outcome> {
    report.checks.iter().find(|c| c.name == name).map(|c| c.outcome)
}

/// The name of the check that failed, and what it says.
#[track_caller]
fn refused(exhibit: &[u8]) -> (&'static str, String) {
    let report = verify(exhibit, Some(&policy()));
    assert_eq!(report.verdict, ExhibitVerdict::Refused, "{report}");
    let failed: Vec<_> = report.checks.iter().filter(|c| c.outcome == Outcome::Failed).collect();
    assert_eq!(failed.len(), 1, "{report}");
    (failed[0].name.as_str(), failed[0].detail())
}

#[test]
fn every_entry_of_the_story_has_an_exhibit_that_verifies() {
    let w = World::whole();
    let (mut enclosed, mut withheld) = (0, 0);
    for index in 0..w.size() {
        let exhibit = w.exhibit(index);
        assert_eq!(exhibit, w.exhibit(index), "the same bytes each time");
        let report = verify(&exhibit, Some(&policy()));
        assert_eq!(report.verdict, ExhibitVerdict::Valid, "entry {index}: {report}");
        assert_eq!(report.index, Some(index));
        match outcome(&report, "content").unwrap() {
            Outcome::Ok => enclosed += 1,
            Outcome::NotEnclosed => withheld += 1,
            other => panic!("entry {index}: {other}"),
        }
        assert_eq!(outcome(&report, "witnesses"), Some(Outcome::NotChecked));
        let text = report.to_string();
        assert!(text.contains("other readers may have been shown another history"), "{text}");
        assert!(text.contains(&format!("the ledger committed to them at index {index}")), "{text}");
        // A digest is named only where there is one.
        let has_words = w.reader().parsed(index).unwrap().unwrap().event().content().is_some();
        assert_eq!(text.contains("and the digest of these words"), has_words, "{text}");
    }
    assert!(enclosed > 50, "{enclosed} {withheld}");
    assert!(assemble(w.reader(), w.size()).unwrap().is_none());
}

#[test]
fn withheld_words_are_not_enclosed_and_the_entry_that_withholds_them_is() {
    let w = World::whole();
    let index = first(w.reader(), EventType::StatementMade);
    let entry = w.reader().parsed(index).unwrap().unwrap();
    let (_, by) = w.record(withhold(entry.event().case(), entry.event().id(), "court_order", &["content"]));
    let exhibit = w.exhibit(index);
    let report = verify(&exhibit, Some(&policy()));
    assert_eq!(report.verdict, ExhibitVerdict::Valid, "{report}");
    assert_eq!(outcome(&report, "content"), Some(Outcome::NotEnclosed));
    let said = format!("withheld by entry {by}, on the ground court_order");
    assert!(report.to_string().contains(&said), "{report}");
    assert!(report.to_string().contains("these facts and the digest of these words"), "{report}");
    let enclosed = Enclosed::read(&exhibit).unwrap();
    assert!(enclosed.content.is_none() && enclosed.chain.contains_key(&by));
}

#[test]
fn files_are_held_against_the_words_that_name_them() {
    let w = World::whole();
    let (mut seen, mut files) = (0, Vec::new());
    for index in 0..w.size() {
        let exhibit = w.exhibit(index);
        let enclosed = Enclosed::read(&exhibit).unwrap();
        let Some(words) = enclosed.content.and_then(|c| Content::parse(c).ok()) else { continue };
        for file in words.files() {
            let Some((path, ..)) = w.reader().file(&file.blake3).unwrap() else { continue };
            let bytes = std::fs::read(path).unwrap();
            let with = changed(&exhibit, |e| {
                e.files.insert(file.blake3, (extension(&file.media), &bytes));
            });
            let report = verify(&with, Some(&policy()));
            assert_eq!(report.verdict, ExhibitVerdict::Valid, "{report}");
            let all = words.files().len() == 1;
            let expected = if all { Outcome::Ok } else { Outcome::NotEnclosed };
            assert_eq!(outcome(&report, "files"), Some(expected));
            let mut other = bytes.clone();
            other[0] ^= 1;
            let swapped = changed(&exhibit, |e| {
                e.files.insert(file.blake3, ("txt", &other));
            });
            assert_eq!(refused(&swapped).0, "files");
            files.push((file.blake3, bytes));
            seen += 1;
        }
    }
    assert!(seen >= 2, "{seen}");
    // A file that the words of another entry name.
    let (digest, bytes) = &files[0];
    let foreign = changed(&w.exhibit(first(w.reader(), EventType::CaseOpened)), |e| {
        e.files.insert(*digest, ("txt", bytes));
    });
    let (check, what) = refused(&foreign);
    assert!(check == "files" && what.contains("name no such file"), "{what}");
}

#[test]
fn what_belongs_to_another_entry_is_refused() {
    let w = World::whole();
    let (one, two) =
        (w.exhibit(w.index("case-contoh")), w.exhibit(first(w.reader(), EventType::StatementMade)));
    let other = Enclosed::read(&two).unwrap();
    assert_eq!(refused(&changed(&one, |e| e.content = other.content)).0, "content");
    assert_eq!(refused(&changed(&one, |e| e.proof = other.proof)).0, "entry");
    assert_eq!(refused(&changed(&one, |e| e.entry = other.entry)).0, "entry");
    // The other entry's proof, with this one's index.
    let index = w.index("case-contoh");
    let text = std::str::from_utf8(other.proof).unwrap();
    let from = TlogProof::parse(other.proof).unwrap().index();
    let moved = text.replacen(&format!("index {from}\n"), &format!("index {index}\n"), 1);
    assert_eq!(refused(&changed(&one, |e| e.proof = moved.as_bytes())).0, "inclusion");
}

#[test]
fn no_byte_can_be_changed_but_in_what_nobody_signed() {
    let w = World::whole();
    let exhibit = w.exhibit(first(w.reader(), EventType::StatementMade));
    let enclosed = Enclosed::read(&exhibit).unwrap();
    let members: [(&str, &[u8]); 3] =
        [("entry", enclosed.entry), ("proof", enclosed.proof), ("content", enclosed.content.unwrap())];
    for (name, bytes) in members {
        for at in (0..bytes.len()).step_by(7) {
            let mut other = bytes.to_vec();
            other[at] ^= 1;
            let forged = changed(&exhibit, |e| match name {
                "entry" => e.entry = &other,
                "proof" => e.proof = &other,
                _ => e.content = Some(&other),
            });
            refused(&forged);
        }
    }
}

#[test]
fn a_signature_that_is_taken_away_is_missed() {
    let w = World::whole();
    let index = w.index("case-contoh");
    let exhibit = w.exhibit(index);
    let enclosed = Enclosed::read(&exhibit).unwrap();
    let text = std::str::from_utf8(enclosed.entry).unwrap();
    let at = text.rfind("— ").unwrap();
    let stripped = &text[..at];
    assert_eq!(refused(&changed(&exhibit, |e| e.entry = stripped.as_bytes())).0, "entry");
    // The log's signature is taken from the checkpoint in every proof.
    let unsigned = |proof: &[u8]| {
        let text = std::str::from_utf8(proof).unwrap();
        let other = SigningKey::from_seed(ORIGIN.parse().unwrap(), &[77; 32]);
        let note = TlogProof::parse(proof).unwrap().checkpoint().text().to_owned();
        let signed = onrecord::note::SignedNote::sign(&note, &[&other]).unwrap();
        format!("{}{}", &text[..text.find(&note).unwrap()], signed.as_str())
    };
    let proofs: HashMap<u64, String> = enclosed.chain.iter().map(|(i, l)| (*i, unsigned(l.proof))).collect();
    let own = unsigned(enclosed.proof);
    let forged = changed(&exhibit, |e| {
        e.proof = own.as_bytes();
        for (index, link) in &mut e.chain {
            link.proof = proofs[index].as_bytes();
        }
    });
    assert_eq!(refused(&forged).0, "checkpoint");
    // It is taken from one proof only.
    let mixed = changed(&exhibit, |e| e.proof = own.as_bytes());
    let (check, what) = refused(&mixed);
    assert!(check == "entry" && what.contains("byte for byte"), "{what}");
}

#[test]
fn keys_that_are_not_enclosed_are_not_checked() {
    let w = World::whole();
    let exhibit = w.exhibit(first(w.reader(), EventType::StatementMade));
    let signer = *Enclosed::read(&exhibit).unwrap().chain.keys().last().unwrap();
    let without = changed(&exhibit, |e| {
        e.chain.remove(&signer);
    });
    let report = verify(&without, Some(&policy()));
    assert_eq!(report.verdict, ExhibitVerdict::NotDecided, "{report}");
    assert_eq!(outcome(&report, "event"), Some(Outcome::NotChecked));
    assert!(!report.to_string().contains("the holders of these keys"), "{report}");
    let without = changed(&exhibit, |e| e.chain.clear());
    assert_eq!(verify(&without, Some(&policy())).verdict, ExhibitVerdict::NotDecided);
}

#[test]
fn trust_that_the_exhibit_brings_decides_nothing() {
    let w = World::whole();
    let exhibit = w.exhibit(5);
    let report = verify(&exhibit, None);
    assert_eq!(report.verdict, ExhibitVerdict::NotDecided, "{report}");
    // Programs read codes: the words may be improved one day.
    let told = serde_json::to_value(&report).unwrap();
    let codes = told["checks"].as_array().unwrap().iter();
    let codes = codes.map(|c| ["name", "outcome", "code"].map(|member| c[member].as_str().unwrap()));
    let expected = [
        ["exhibit", "ok", "as_written"],
        ["entry", "ok", "entry_of"],
        ["event", "ok", "signed_by"],
        ["content", "ok", "words"],
        ["files", "ok", "no_files"],
        ["inclusion", "ok", "included"],
        ["checkpoint", "not_checked", "brought"],
        ["witnesses", "not_checked", "no_witnesses"],
    ];
    assert_eq!(codes.collect::<Vec<_>>(), expected);
    let detail = |name: &str| report.checks.iter().find(|c| c.name == name).unwrap().detail();
    assert_eq!(detail("checkpoint"), "trust brought by the exhibit");
    assert!(!report.to_string().contains("committed to them"), "{report}");
    let other = Policy::of_log(key(ORIGIN, 9).verifying_key().clone()).to_string();
    let forged = changed(&exhibit, |e| e.policy = Some(other.as_bytes()));
    assert_eq!(verify(&forged, None).verdict, ExhibitVerdict::Refused);
    let none = changed(&exhibit, |e| e.policy = None);
    assert_eq!(verify(&none, None).verdict, ExhibitVerdict::NotDecided);
    // The reader's own policy is followed, whatever is enclosed.
    assert_eq!(verify(&forged, Some(&policy())).verdict, ExhibitVerdict::Valid);
    let elsewhere = Policy::of_log(key("other.example", 1).verifying_key().clone());
    assert_eq!(verify(&exhibit, Some(&elsewhere)).verdict, ExhibitVerdict::Refused);
}

#[test]
fn witnesses_tell_when_they_saw_the_tree() {
    let w = World::whole();
    let raw = raw_entries(w.reader());
    let exhibit = exhibit_of(&raw, 0, &[], &[(&witness(1), 4_000_000_000), (&witness(2), 4_000_000_060)]);
    let report = verify(&exhibit, Some(&of_three("quorum two\n")));
    assert_eq!(report.verdict, ExhibitVerdict::Valid, "{report}");
    assert_eq!(report.witnessed_by, Some(4_000_000_060));
    assert!(report.to_string().contains("saw that tree by 2096-10-02T07:07:40.000Z"), "{report}");
    assert!(!report.to_string().contains("another history"), "{report}");
    assert_eq!(verify(&exhibit, Some(&of_three("quorum w3\n"))).verdict, ExhibitVerdict::Refused);
    let report = verify(&exhibit, Some(&of_three("quorum none\n")));
    assert_eq!((report.verdict, report.witnessed_by), (ExhibitVerdict::Valid, None));
}

#[test]
fn a_revoked_key_and_one_that_was_never_added_are_refused() {
    let w = World::whole();
    for (name, exhibit, expected) in forged(w.reader(), w.story["desk"]) {
        let Some(expected) = expected else {
            let report = verify(&exhibit, Some(&policy()));
            assert_eq!(outcome(&report, "event"), Some(Outcome::Ok), "{name}: {report}");
            continue;
        };
        let (check, what) = refused(&exhibit);
        assert!(check == "event" && what.contains(&expected), "{name}: {what}");
    }
}

#[test]
fn what_the_readme_in_it_says_can_be_done_by_hand() {
    let w = World::whole();
    let index = first(w.reader(), EventType::StatementMade);
    let exhibit = w.exhibit(index);
    let enclosed = Enclosed::read(&exhibit).unwrap();
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("entry"), enclosed.entry).unwrap();
    std::fs::write(dir.path().join("content.json"), enclosed.content.unwrap()).unwrap();
    let readme = std::str::from_utf8(enclosed.readme).unwrap();
    let commands: Vec<&str> = readme
        .lines()
        .filter_map(|l| l.strip_prefix("    "))
        .filter(|l| ["sed ", "b3sum ", "(printf "].iter().any(|c| l.starts_with(c)))
        .collect();
    let run = |command: &str| {
        let out = Command::new("sh").arg("-c").arg(command).current_dir(dir.path()).output().unwrap();
        assert!(out.status.success(), "{command}: {out:?}");
        String::from_utf8(out.stdout).unwrap().split_whitespace().next().unwrap_or_default().to_owned()
    };
    let said: Vec<String> = commands.iter().map(|c| run(c.split("   ").next().unwrap())).collect();
    let entry = Entry::parse(enclosed.entry, &origin()).unwrap();
    let leaf: String = leaf_hash(enclosed.entry).to_hex();
    let committed = entry.event().content().unwrap().blake3.to_string();
    assert_eq!(said, [committed.clone(), committed, entry.event().id().to_string(), leaf]);
}

const ANEW: &str = "packed anew: the checks below are of its members";

/// The exit codes of `onrecord verify` and of the verifier in Python by the policy of the tests, and what they say.
#[track_caller]
fn both(path: &Path) -> [(Option<i32>, String); 2] {
    let tmp = tempfile::tempdir().unwrap();
    let trust = tmp.path().join("policy");
    fs::write(&trust, policy().to_string()).unwrap();
    [
        [env!("CARGO_BIN_EXE_onrecord"), "verify"],
        [concat!(env!("CARGO_MANIFEST_DIR"), "/target/python/bin/python3"), "examples/verify.py"],
    ]
    .map(|[program, command]| {
        let mut run = Command::new(program);
        run.arg(command).arg(path).arg("--policy").arg(&trust).current_dir(env!("CARGO_MANIFEST_DIR"));
        said(run.output().unwrap())
    })
}

#[track_caller]
fn both_say(path: &Path, code: i32, words: &str) {
    for (ended, said) in both(path) {
        assert!(ended == Some(code) && said.contains(words), "{}: {ended:?} {said}", path.display());
        assert!(code != 0 || !said.contains("do not rely"), "{said}");
    }
}

#[test]
fn an_exhibit_that_was_unpacked_is_checked_as_a_folder() {
    let w = World::whole();
    let at = |name: &str| w.at(name);
    let index = first(w.reader(), EventType::StatementMade);
    fs::write(at("e.zip"), w.exhibit(index)).unwrap();
    let folder = format!("exhibit-{index}");
    shell(w.tmp.path(), &format!("unzip -q e.zip -d {folder} && mkdir in && cp -r {folder} in/"));
    both_say(&at(&folder), 0, "unpacked: the checks below are of its members\n");
    // The folder within another, as some archives are unpacked.
    both_say(&at("in"), 0, "unpacked: the checks below are of its members\n");
    // Other files are not looked at, and the report says so.
    shell(&at(&folder), "touch .DS_Store chain/._0 checkpoint notes.txt && mkdir __MACOSX");
    both_say(&at(&folder), 0, "not looked at: ");
    for (_, said) in both(&at(&folder)) {
        assert!(
            said.contains("checkpoint") && said.contains("notes.txt") && !said.contains("DS_Store"),
            "{said}"
        );
    }
    // A folder named for another entry, other words, pipes and links, and more than any exhibit holds.
    shell(w.tmp.path(), &format!("cp -r {folder} exhibit-999"));
    both_say(&at("exhibit-999"), 1, "exhibit-999.zip");
    let broken = |name: &str, command: &str| {
        shell(w.tmp.path(), &format!("cp -r {folder} {name}"));
        shell(&at(name), command);
        at(name)
    };
    both_say(&broken("other-words", "printf x >> content.json"), 1, "content.json");
    both_say(&broken("no-readme", "rm README.txt"), 0, "valid");
    both_say(&broken("a-member-more", "cp entry chain/x"), 0, "chain/x");
    for (code, said) in both(&broken("a-pipe", "mkfifo chain/7 && touch chain/7.tlog-proof")) {
        assert!(matches!(code, Some(1 | 3)) && said.contains("plain file"), "{said}");
    }
    for (code, said) in both(&broken("endless", "ln -s /dev/zero chain/7 && touch chain/7.tlog-proof")) {
        assert!(matches!(code, Some(1 | 3)) && said.contains("plain file"), "{said}");
    }
    both_say(&broken("a-pipe-without-its-proof", "mkfifo chain/7"), 1, "chain/");
    let large = format!("mkdir -p files && truncate -s 300M files/{}.bin", "0".repeat(64));
    both_say(&broken("too-large", &large), 1, "more than");
}

#[test]
fn an_exhibit_that_was_packed_anew_is_checked_by_its_members() {
    use zip::{Part, parts, zip};
    let w = World::whole();
    let at = |name: &str| w.at(name);
    let index = first(w.reader(), EventType::StatementMade);
    let good = w.exhibit(index);
    fs::write(at("e.zip"), &good).unwrap();
    shell(w.tmp.path(), &format!("unzip -q e.zip -d exhibit-{index}"));
    // As other programs pack it: deflated, with extra fields, dates and attributes, with a folder around it, as a stream.
    shell(&at(&format!("exhibit-{index}")), "zip -q -r ../deflated.zip .");
    shell(w.tmp.path(), &format!("zip -q -r folder.zip exhibit-{index}"));
    shell(&at(&format!("exhibit-{index}")), "zip -q -r - . | cat > ../streamed.zip");
    shell(
        &at(&format!("exhibit-{index}")),
        "zip -q -r -0 -X ../stored.zip . && zip -q -z ../stored.zip < README.txt",
    );
    shell(w.tmp.path(), &format!("python3 -m zipfile -c python.zip exhibit-{index}/"));
    let python =
        "import sys,zipfile;z=zipfile.ZipFile(sys.stdout.buffer,'w',8);[z.write(p,p) for p in sys.argv[1:]]";
    shell(
        &at(&format!("exhibit-{index}")),
        &format!("python3 -c \"{python}\" $(find . -type f | sort -r) | cat > ../reversed.zip"),
    );
    for name in ["deflated", "folder", "streamed", "stored", "python", "reversed"] {
        both_say(&at(&format!("{name}.zip")), 0, ANEW);
    }
    // With the files that an operating system adds.
    shell(
        w.tmp.path(),
        &format!(
            "mkdir -p __MACOSX/exhibit-{index} && cp e.zip __MACOSX/exhibit-{index}/._entry && touch exhibit-{index}/.DS_Store \
                  && zip -q -r mac.zip exhibit-{index} __MACOSX"
        ),
    );
    both_say(&at("mac.zip"), 0, ANEW);
    // The library says the same.
    let report = verify(&fs::read(at("mac.zip")).unwrap(), Some(&policy()));
    assert_eq!(report.verdict, ExhibitVerdict::Valid, "{report}");
    assert_eq!(report.checks[0].detail(), ANEW);
    // The archive that was not packed anew is reported as before.
    both_say(&at("e.zip"), 0, "valid");
    // A flag that can't be obeyed here is refused.
    let against = Command::new(env!("CARGO_BIN_EXE_onrecord"))
        .args(["verify", "--against", "nothing"])
        .arg(at("e.zip"))
        .output()
        .unwrap();
    assert_eq!(against.status.code(), Some(2), "{against:?}");
    assert_ne!(verify(&good, Some(&policy())).checks[0].detail(), ANEW);

    // Headers of a member that contradict each other, and bytes that belong to no member.
    let put = |name: &str, bytes: &[u8]| {
        fs::write(at("some.zip"), bytes).unwrap();
        for (code, said) in both(&at("some.zip")) {
            let is_refused = said.contains("REFUSED") || said.contains("expected an exhibit or a case file");
            assert!(code == Some(1) && is_refused, "{name}: {code:?} {said}");
        }
    };
    let with = |change: &dyn Fn(&mut Vec<Part>)| {
        let mut members = parts(&good);
        members.reverse();
        change(&mut members);
        zip(&members)
    };
    fs::write(at("turned.zip"), with(&|_| ())).unwrap();
    both_say(&at("turned.zip"), 0, ANEW);
    // Members that no exhibit has are passed over and named, up to three of them.
    for (names, told) in [
        (&["letter.txt"][..], "passed over: \"letter.txt\""),
        (&["entry.txt", "./x\\y"], "\"entry.txt\", \"x/y\""),
        (&["a", "b", "c", "d", "e"], "\"a\", \"b\", \"c\" and 2 more"),
    ] {
        let more = with(&|m| m.extend(names.iter().map(|name| Part::stored(name, b"x"))));
        fs::write(at("more.zip"), more).unwrap();
        both_say(&at("more.zip"), 0, told);
    }
    put("a name twice", &with(&|m| m.push(Part::stored("entry", b"x"))));
    put("another checksum", &with(&|m| m[0].say(|h| h.crc ^= 1)));
    put("another size in its own header", &with(&|m| m[0].own.size += 1));
    put("another size in the directory", &with(&|m| m[0].listed.size += 1));
    put("a byte before", &[b"x", &with(&|_| ())[..]].concat());
    put("a byte behind", &[&with(&|_| ())[..], b"x"].concat());
    put("cut short", &with(&|_| ())[..good.len() / 2]);
    // A member that only a reader of streams would see.
    let turned = with(&|_| ());
    let hidden = zip(&[Part::stored("content.json", b"other words")]);
    let hidden = &hidden[..30 + 12 + 11];
    let directory = turned.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
    let mut both_seen = [&turned[..directory], hidden, &turned[directory..]].concat();
    let end = both_seen.len() - 6;
    let moved = (directory + hidden.len()) as u32;
    both_seen[end..end + 4].copy_from_slice(&moved.to_le_bytes());
    put("a member that the directory leaves out", &both_seen);
    // Three members of 128 MiB of zeros, packed in 128 KiB each; and the same with a false small size.
    let zeros = vec![0; 128 << 20];
    let bomb = Part::deflated("content.json", &zeros);
    let bombs = |say: u32| {
        with(&|m| {
            for n in 0..3 {
                let mut part =
                    Part { name: format!("files/{n:064x}.bin"), bytes: bomb.bytes.clone(), ..bomb };
                part.say(|h| h.size = say);
                m.push(part);
            }
        })
    };
    put("bombs", &bombs(128 << 20));
    put("bombs that say they are small", &bombs(100));
    // A wrong member stays wrong, however it is packed.
    let text = String::from_utf8_lossy(Enclosed::read(&good).unwrap().content.unwrap()).into_owned();
    let other = text.replacen('a', "b", 1);
    let forged = with(&|m| {
        let at = m.iter().position(|part| part.name == "content.json").unwrap();
        m[at] = Part::deflated("content.json", other.as_bytes());
    });
    fs::write(at("forged.zip"), forged).unwrap();
    both_say(&at("forged.zip"), 1, ANEW);
}

#[test]
fn a_case_file_that_was_unpacked_or_packed_anew_is_one() {
    let w = World::whole();
    let at = |name: &str| w.at(name);
    let case = w.reader().parsed(w.index("case-contoh")).unwrap().unwrap().event().id();
    let file = case_file(w.reader(), &case);
    fs::write(at("case.zip"), file).unwrap();
    shell(w.tmp.path(), "unzip -q case.zip -d case && zip -q -r folder.zip case && touch case/notes.txt");
    for (path, words) in [
        ("case", "unpacked: the checks below are of its members; not looked at: notes.txt"),
        ("folder.zip", ANEW),
    ] {
        let [(code, said), (its, of_python)] = both(&at(path));
        assert!(code == Some(0) && said.contains(words), "{path}: {said}");
        assert!(its == Some(0) && of_python.contains("case file   not checked"), "{path}: {of_python}");
    }
    shell(
        w.tmp.path(),
        "rm case/exhibit-$(ls case | sed -n 's/exhibit-\\([0-9]*\\).zip/\\1/p' | sort -n | sed -n 2p).zip",
    );
    let [(code, said), _] = both(&at("case"));
    assert!(code == Some(1) && said.contains("are missing before it"), "{said}");
}

#[test]
fn a_receipt_is_checked_with_its_entry() {
    let w = World::whole();
    let at = |name: &str| w.at(name);
    let index = first(w.reader(), EventType::StatementMade);
    let reader = w.reader();
    let checkpoint = reader.checkpoint();
    let proof = reader.proof(index, &checkpoint).unwrap().unwrap().to_string();
    let entry = reader.entry(index).unwrap().unwrap().to_vec();
    let lines: Vec<_> = [(1, 4_000_000_000), (2, 4_000_000_060)]
        .map(|(n, time)| onrecord::log::cosign(checkpoint.checkpoint(), time, &witness(n)).unwrap())
        .into();
    let note = checkpoint.with_signatures(&lines).unwrap().note().clone();
    let own = TlogProof::parse(proof.as_bytes()).unwrap();
    let seen = TlogProof::new(index, own.path().to_vec(), note).unwrap().to_string();
    fs::write(at("proof"), &proof).unwrap();
    fs::write(at("seen"), &seen).unwrap();
    fs::write(at("entry.txt"), &entry).unwrap();
    fs::write(at("other.txt"), &*reader.entry(index + 1).unwrap().unwrap()).unwrap();
    fs::write(at("policy"), of_three("quorum two\n").to_string()).unwrap();
    fs::write(at("e.zip"), w.exhibit(index)).unwrap();
    let vkey = key(ORIGIN, 1).verifying_key().to_string();
    let run = |args: &[&str]| w.run(&[&["verify"], args].concat());
    let (code, said) = run(&["proof", "--entry", "entry.txt", "--key", &vkey]);
    assert!(code == Some(0) && said.contains(&format!("committed to them at index {index}")), "{said}");
    assert!(said.contains("witnesses   not checked") && said.contains("an exhibit shows"), "{said}");
    let (code, said) = run(&["seen", "--entry", "entry.txt", "--policy", "policy"]);
    assert!(code == Some(0) && said.contains("saw that tree by 2096-10-02T07:07:40.000Z"), "{said}");
    let (code, said) = run(&["proof", "--entry", "entry.txt", "--policy", "policy"]);
    assert!(code == Some(1) && said.contains("witnesses   FAILED"), "{said}");
    // Only the reader can say whose log it is.
    let (code, said) = run(&["proof", "--entry", "entry.txt"]);
    assert!(code == Some(3) && said.contains("NOT DECIDED") && !said.contains("committed to them"), "{said}");
    let other = key(ORIGIN, 9).verifying_key().to_string();
    let (code, said) = run(&["proof", "--entry", "entry.txt", "--key", &other]);
    assert!(code == Some(1) && said.contains("checkpoint  FAILED"), "{said}");
    let (code, said) = run(&["proof", "--entry", "other.txt", "--key", &vkey]);
    assert!(code == Some(1) && said.contains(&format!("the proof is of entry {index}")), "{said}");
    let (code, said) = run(&["proof", "--key", &vkey]);
    assert!(code == Some(2) && said.contains("--entry FILE"), "{said}");
    for args in [
        &["e.zip", "--entry", "entry.txt"][..],
        &["proof", "--entry", "entry.txt", "--timestamp-roots", "entry.txt"],
    ] {
        assert_eq!(run(args).0, Some(2), "{args:?}");
    }
    let (code, said) = run(&["proof", "--entry", "entry.txt", "--key", &vkey, "--json"]);
    let report: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert!(code == Some(0) && report["verdict"] == "valid" && report["index"] == index, "{said}");
    // No byte of the entry or of the proof can be changed.
    for at_byte in (0..entry.len()).step_by(7) {
        let mut changed = entry.clone();
        changed[at_byte] ^= 1;
        let report = onrecord::exhibit::verify_receipt(proof.as_bytes(), &changed, Some(&policy()));
        assert_eq!(report.verdict, ExhibitVerdict::Refused, "entry, byte {at_byte}: {report}");
    }
    for at_byte in (0..proof.len()).step_by(3) {
        let mut changed = proof.clone().into_bytes();
        changed[at_byte] ^= 1;
        let report = onrecord::exhibit::verify_receipt(&changed, &entry, Some(&policy()));
        assert_eq!(report.verdict, ExhibitVerdict::Refused, "proof, byte {at_byte}: {report}");
    }
}
