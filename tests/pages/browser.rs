//! The pages that verify, in a browser: Chromium, driven by Playwright (`tests/browser.mjs`). `./test` installs both.

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use crate::exhibit::*;
use crate::http::Server;
use crate::support::*;
use crate::world::World;
use crate::zip::{Part, parts, zip};
use onrecord::{
    check::Check,
    event::EventType,
    exhibit::{
        CaseFile, Enclosed, ExhibitReport, ExhibitVerdict, assemble, verify, verify_case, verify_receipt,
    },
    log::{Policy, cosign},
};
use serde_json::{Value, json};

/// What a page must say of an exhibit: the lines of the command, or the check that failed and the place.
fn wanted(report: &ExhibitReport, place: &str) -> Value {
    said_of(&report.to_string(), &report.checks, place)
}

fn said_of(text: &str, checks: &[Check], place: &str) -> Value {
    let mut after = text.lines().skip_while(|line| !line.is_empty()).skip(1);
    let checks: Vec<Value> = checks
        .iter()
        .map(|c| json!({"name": c.name.as_str(), "state": c.outcome.to_string(), "text": c.detail()}))
        .collect();
    let verdict = after.next().unwrap();
    json!({"checks": checks, "verdict": verdict, "said": after.skip(1).collect::<Vec<_>>(), "place": place})
}

#[test]
fn a_browser_says_of_exhibits_what_the_command_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let modules = root.join("target/npm/node_modules");
    assert!(
        modules.join("playwright-core").is_dir(),
        "`./test test` installs the npm library playwright-core"
    );
    let World { tmp, ledger, story, .. } = World::small();
    record(&ledger, statement(&story, "kata-kata"));
    let reader = ledger.reader();
    let index = first(reader, EventType::StatementMade);
    let (good, log) = (assemble(reader, index).unwrap().unwrap(), policy());
    let enclosed = Enclosed::read(&good).unwrap();
    let other = assemble(reader, first(reader, EventType::CaseOpened)).unwrap().unwrap();

    let mut cases: Vec<Value> = Vec::new();
    let mut put = |exhibit: &[u8], policy: Option<&Policy>, verdict: ExhibitVerdict, place: &str| {
        let path = tmp.path().join(format!("{}.zip", cases.len()));
        fs::write(&path, exhibit).unwrap();
        let report = verify(exhibit, policy);
        assert_eq!(report.verdict, verdict, "{report}");
        let trust = policy.map(ToString::to_string);
        cases.push(json!({"name": format!("{} {place}", cases.len()), "path": path, "trust": trust, "wanted": wanted(&report, place)}));
    };
    use ExhibitVerdict::{NotDecided, Refused, Valid};
    put(&good, None, NotDecided, "");
    put(&good, Some(&log), Valid, "");
    let mut words = enclosed.content.unwrap().to_vec();
    let at = words.windows(9).position(|w| w == b"kata-kata").unwrap();
    words[at] = b'm';
    put(&changed(&good, |e| e.content = Some(&words)), Some(&log), Refused, "content.json");
    let mut bytes = good.clone();
    let at = bytes.windows(9).position(|w| w == b"kata-kata").unwrap();
    bytes[at] ^= 1;
    put(&bytes, Some(&log), Refused, "content.json");
    let mut entry = enclosed.entry.to_vec();
    let at = entry.windows(5).position(|w| w == b"facts").unwrap();
    entry[at..at + 5].copy_from_slice(b"Facts");
    put(&changed(&good, |e| e.entry = &entry), Some(&log), Refused, "Facts");
    // A byte within the signature.
    let mut signed = enclosed.entry.to_vec();
    let at = signed.len() - 20;
    signed[at] = if signed[at] == b'A' { b'B' } else { b'A' };
    put(&changed(&good, |e| e.entry = &signed), Some(&log), Refused, "signature line 1");
    let of_other = Enclosed::read(&other).unwrap();
    put(&changed(&good, |e| e.proof = of_other.proof), Some(&log), Refused, "proof.tlog-proof");
    let last = *enclosed.chain.keys().last().unwrap();
    let short = changed(&good, |e| {
        e.chain.remove(&last);
    });
    put(&short, Some(&log), NotDecided, "");
    put(&good, Some(&Policy::of_log(key(ORIGIN, 9).verifying_key().clone())), Refused, ORIGIN);
    // Cosigned by two of three.
    let checkpoint = reader.checkpoint();
    let lines = [(1, 4_000_000_000), (2, 4_000_000_060)];
    let lines = lines.map(|(n, time)| cosign(checkpoint.checkpoint(), time, &witness(n)).unwrap());
    let note = checkpoint.with_signatures(&lines).unwrap().note().clone();
    let seen = in_checkpoint(&good, &note);
    put(&seen, Some(&of_three("quorum two\n")), Valid, "");
    put(&seen, Some(&of_three("quorum w3\n")), Refused, "quorum");
    // A file name with the number of another entry.
    let report = verify(&good, Some(&log)).in_file("exhibit-60.zip");
    let (path, trust) = (tmp.path().join("1.zip"), log.to_string());
    let named = json!({"name": "named", "path": path, "file": "exhibit-60.zip", "trust": trust, "wanted": wanted(&report, "index 60")});
    cases.push(named);
    // A case from its beginning.
    let case_of = reader.parsed(index).unwrap().unwrap().event().case().unwrap();
    let thread: BTreeMap<u64, Vec<u8>> = reader
        .thread(&case_of)
        .unwrap()
        .into_iter()
        .map(|index| (index, assemble(reader, index).unwrap().unwrap()))
        .collect();
    let (case_file, case) = (tmp.path().join("case.zip"), CaseFile { exhibits: thread }.write().unwrap());
    fs::write(&case_file, &case).unwrap();
    let report = verify_case(&case, Some(&log));
    assert_eq!(report.verdict, Valid, "{report}");
    let of_case = said_of(&report.to_string(), &report.checks, "");
    // Packed anew by another program, and unpacked.
    let members: Vec<Part> =
        parts(&good).into_iter().map(|m| Part::deflated(&format!("x/{}", m.name), &m.bytes)).collect();
    let (anew, unpacked) = (tmp.path().join("anew.zip"), tmp.path().join("unpacked"));
    fs::write(&anew, zip(&members)).unwrap();
    for Part { name, bytes, .. } in parts(&good) {
        let at = unpacked.join(name);
        fs::create_dir_all(at.parent().unwrap()).unwrap();
        fs::write(at, bytes).unwrap();
    }

    // An entry and its proof alone are a receipt.
    let pasted: Vec<Value> = [None, Some(&log)]
        .map(|policy| {
            let report = verify_receipt(enclosed.proof, enclosed.entry, policy);
            let wanted = said_of(&report.to_string(), &report.checks, "");
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            let trust = policy.map(ToString::to_string);
            json!({"entry": text(enclosed.entry), "proof": text(enclosed.proof), "trust": trust, "wanted": wanted})
        })
        .into();

    let server = Server::start(ledger.clone());
    let file = tmp.path().join("verify.html");
    let saved = server.get("/verify.html");
    assert_eq!(saved.header("content-disposition"), Some("attachment; filename=\"verify.html\""));
    fs::write(&file, saved.text()).unwrap();
    let digest = onrecord::event::Digest::blake3(saved.text().as_bytes()).to_string();
    assert!(server.get("/verify").text().contains(&digest), "the page says which bytes the file has");
    let plan = json!({
        "site": format!("http://{}", server.address),
        "insecure": "ledger.test",
        "origin": ORIGIN,
        "key": log.only_log().unwrap().to_string(),
        "file": file,
        "cases": cases,
        "otherKey": key(ORIGIN, 9).verifying_key().to_string(),
        "caseFile": {"path": case_file, "wanted": of_case},
        "anew": anew,
        "unpacked": unpacked,
        "pasted": pasted,
        "entry": {"index": index, "wanted": wanted(&verify(&good, None), "")},
    });
    fs::write(tmp.path().join("plan.json"), plan.to_string()).unwrap();
    fs::copy(root.join("tests/browser.mjs"), tmp.path().join("browser.mjs")).unwrap();
    std::os::unix::fs::symlink(modules, tmp.path().join("node_modules")).unwrap();
    let mut node = Command::new("node");
    let out = node.args(["browser.mjs", "plan.json"]).current_dir(tmp.path()).output().unwrap();
    let said = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{said}");
    assert!(said.contains("all as it should be"), "{said}");
}
