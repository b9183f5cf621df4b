//! Exhibits, case files and receipts as other programs pack and unpack them.

use crate::story;
use crate::zip;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::exhibit::*;
use crate::support::*;
use crate::zip::{Part, parts, zip};
use onrecord::{
    event::EventType,
    exhibit::{CaseExport, ExhibitVerdict, assemble, verify},
    ledger::Ledger,
};

/// A folder with an exhibit of an entry, and what else the tests put there.
struct World {
    tmp: tempfile::TempDir,
    ledger: Ledger,
    index: u64,
    good: Vec<u8>,
}

fn world() -> World {
    let tmp = tempfile::tempdir().unwrap();
    let dir = tmp.path().join("ledger");
    init(&dir);
    let ledger = open(&dir);
    story::tell(&ledger);
    let index = first(ledger.reader(), EventType::StatementMade);
    let good = assemble(ledger.reader(), index).unwrap().unwrap();
    fs::write(tmp.path().join("policy"), policy().to_string()).unwrap();
    fs::write(tmp.path().join("e.zip"), &good).unwrap();
    World { tmp, ledger, index, good }
}

impl World {
    fn at(&self, name: &str) -> PathBuf {
        self.tmp.path().join(name)
    }

    fn shell(&self, command: &str) {
        let out = Command::new("sh").arg("-c").arg(command).current_dir(self.tmp.path()).output().unwrap();
        assert!(out.status.success(), "{command}: {out:?}");
    }

    /// What `verify` ends with and says of something, by the policy.
    fn verify(&self, what: &str) -> (Option<i32>, String) {
        onrecord(self.tmp.path(), &["verify", what, "--policy", "policy"])
    }

    #[track_caller]
    fn says(&self, what: &str, code: i32, words: &str) {
        let (ended, said) = self.verify(what);
        assert!(ended == Some(code) && said.contains(words), "{what}: {ended:?} {said}");
        assert!(code == 1 || !said.contains("do not rely"), "{what}: {said}");
    }

    /// The exhibit's members, turned round and changed.
    fn with(&self, change: impl FnOnce(&mut Vec<Part>)) -> Vec<u8> {
        let mut members = parts(&self.good);
        members.reverse();
        change(&mut members);
        zip(&members)
    }

    #[track_caller]
    fn zip_says(&self, bytes: &[u8], code: i32, words: &str) {
        fs::write(self.at("some.zip"), bytes).unwrap();
        self.says("some.zip", code, words);
    }

    /// Its files in a folder.
    fn unpack(&self, folder: &str) {
        self.shell(&format!("rm -rf {folder} && unzip -q e.zip -d {folder}"));
    }

    /// The case that the first case's entry opens, as a file.
    fn case_file(&self) -> Vec<u8> {
        let reader = self.ledger.reader();
        let case = reader.parsed(first(reader, EventType::CaseOpened)).unwrap().unwrap().event().id();
        let mut export = CaseExport::begin(reader, &case).unwrap().unwrap();
        let mut file = Vec::new();
        while let Some(mut part) = export.part().unwrap() {
            file.append(&mut part);
        }
        file
    }
}

fn onrecord(dir: &Path, args: &[&str]) -> (Option<i32>, String) {
    let out = Command::new(env!("CARGO_BIN_EXE_onrecord")).args(args).current_dir(dir).output().unwrap();
    let said = [out.stdout, out.stderr].map(|b| String::from_utf8_lossy(&b).into_owned()).concat();
    (out.status.code(), said)
}

#[test]
fn no_name_in_an_archive_climbs_out_of_its_folder() {
    let w = world();
    for name in ["../entry", "a/../../entry", "/etc/passwd", "C:\\entry", "\\entry", "x/..", "__MACOSX/../x"]
    {
        let bytes = w.with(|m| m.push(Part::stored(name, b"x")));
        w.zip_says(&bytes, 1, "name that climbs out of the folder");
    }
    // Of other systems, and harmless.
    let bytes = w.with(|m| {
        m.iter_mut().for_each(|part| part.name = format!(".\\{}", part.name.replace('/', "\\")));
        m.push(Part::stored("a..b", b"x"));
    });
    w.zip_says(&bytes, 0, "passed over: \"a..b\"");
}

#[test]
fn what_no_exhibit_has_is_named_and_never_opened() {
    let w = world();
    // Whatever is in it, and however large it says it is.
    let bytes = w.with(|m| {
        let mut strange = Part::stored("letter.pdf", b"x");
        strange.say(|h| h.method = 12);
        let mut sealed = Part::stored("files/notahash", b"x");
        sealed.say(|h| h.flags = 1);
        let mut broken = Part::stored("chain/sub/x", b"x");
        broken.say(|h| h.crc ^= 1);
        let mut large = Part::deflated("__MACOSX/._entry", b"x");
        large.say(|h| h.size = 1 << 30);
        let mut other = Part::deflated("large.bin", b"x");
        other.say(|h| h.size = 1 << 30);
        m.extend([strange, sealed, broken, large, other]);
    });
    w.zip_says(&bytes, 0, "passed over: \"letter.pdf\", \"files/notahash\", \"chain/sub/x\" and 1 more");
    // An archive beside what was unpacked of it, and other folders.
    w.unpack(&format!("exhibit-{}", w.index));
    w.shell(&format!(
        "mkdir photos two && touch photos/1.jpg && cp e.zip exhibit-{0}.zip && cp e.zip exhibit-{0}/exhibit-{0}.zip \
         && zip -q -r beside.zip exhibit-{0} exhibit-{0}.zip photos && mv photos exhibit-{0}.zip two/ && cp -r exhibit-{0} two/",
        w.index
    ));
    w.says("beside.zip", 0, &format!("\"exhibit-{0}.zip\"", w.index));
    w.says("beside.zip", 0, "photos/1.jpg");
    w.says("two", 0, &format!("not looked at: exhibit-{0}.zip, exhibit-{0}.zip, photos", w.index));
    // In a folder nothing of it is opened either.
    w.shell(&format!(
        "cd exhibit-{} && mkdir -p files chain/sub more && touch files/notahash chain/sub/x more/y && mkfifo pipe chain/p \
         && ln -s nowhere dangling && ln -s /dev/zero chain/zero && truncate -s 1G large.bin && mkdir -p a/b && touch a/b/c",
        w.index
    ));
    let (code, said) = w.verify(&format!("exhibit-{}", w.index));
    assert!(
        code == Some(0)
            && said.contains("not looked at: a, chain/p, chain/sub, chain/zero, dangling, and 5 more"),
        "{said}"
    );
    // Of a case file likewise.
    fs::write(w.at("case.zip"), w.case_file()).unwrap();
    w.shell("unzip -q case.zip -d case && cd case && mkfifo pipe && mkdir exhibit-7 && ln -s nowhere letter && cp ../case.zip .");
    w.says("case", 0, "not looked at: case.zip, exhibit-7, letter, pipe");
    w.shell("rm case/pipe && zip -q -r anew.zip case");
    w.says("anew.zip", 0, "passed over: \"case.zip\"");
}

#[test]
fn what_is_at_a_members_name_and_no_plain_file_is_not_decided() {
    let w = world();
    let digest = "0".repeat(64);
    for (name, command) in [
        ("entry", "rm entry && mkfifo entry".to_owned()),
        ("proof.tlog-proof", "rm proof.tlog-proof && ln -s nowhere proof.tlog-proof".to_owned()),
        ("content.json", "rm content.json && mkdir content.json".to_owned()),
        ("chain/7", "ln -s /dev/zero chain/7 && touch chain/7.tlog-proof".to_owned()),
        (&format!("files/{digest}.bin"), format!("mkdir files && ln -s nowhere files/{digest}.bin")),
    ] {
        w.unpack("u");
        w.shell(&format!("cd u && {command}"));
        w.says("u", 3, "not a plain file");
        w.says("u", 3, name);
    }
    // An entry without its proof is refused whatever it is.
    w.unpack("u");
    w.shell("ln -s /dev/zero u/chain/7");
    w.says("u", 1, "expected chain/<index>.tlog-proof behind its entry");
    fs::write(w.at("case.zip"), w.case_file()).unwrap();
    w.shell("unzip -q case.zip -d case && mkfifo case/exhibit-999.zip");
    w.says("case", 3, "exhibit-999.zip: not a plain file");
}

#[test]
fn a_folder_says_by_its_name_which_entry_it_holds() {
    let w = world();
    let (own, other) = (format!("exhibit-{}", w.index), "exhibit-99999");
    w.unpack(&own);
    w.shell(&format!("cp -r {own} {other} && mkdir 'in' && cp -r {own} in/{other} && cp e.zip {other}.zip"));
    let words = format!("{other}.zip: expected index 99999, found index {}", w.index);
    w.says(&format!("{other}.zip"), 1, &words);
    for path in [other, &format!("{other}/"), &format!("{other}/chain/.."), &format!("./{other}/."), "in"] {
        w.says(path, 1, &words);
    }
    let inside = |folder: &str, path: &str| {
        onrecord(&w.at(folder), &["verify", path, "--policy", w.at("policy").to_str().unwrap()])
    };
    for (folder, path) in [(other.to_owned(), "."), (format!("{other}/chain"), "..")] {
        let (code, said) = inside(&folder, path);
        assert!(code == Some(1) && said.contains(&words), "{said}");
    }
    assert_eq!(inside(&own, ".").0, Some(0));
    // What browsers and people add says nothing.
    for name in ["exhibit-99999 (1)", "exhibit-99999-2", "exhibit-99999 copy", "Exhibit-99999"] {
        w.shell(&format!("cp -r {own} '{name}'"));
        w.says(name, 0, "valid");
    }
}

#[test]
fn a_zip_of_a_kind_that_is_not_read_is_not_refused() {
    let w = world();
    type Change = fn(&mut zip::Header);
    let changes: [(&str, Change); 7] = [
        ("this zip is encrypted", |h| h.flags = 1),
        ("this zip is encrypted", |h| h.flags = 0x41),
        ("this zip is compressed by a method that is not read here", |h| h.method = 12),
        ("this zip is compressed by a method that is not read here", |h| h.method = 14),
        ("this zip is compressed by a method that is not read here", |h| h.method = 93),
        ("this zip is a zip64", |h| (h.size, h.packed) = (u32::MAX, u32::MAX)),
        ("this zip is a zip64", |h| h.size = u32::MAX),
    ];
    for (words, change) in changes {
        w.zip_says(&w.with(|m| m[0].say(change)), 3, words);
        w.says("some.zip", 3, "unpack it, and give its folder");
        // Where only one of its headers says so, they say two things.
        w.zip_says(&w.with(|m| change(&mut m[0].own)), 1, "a header that says what the directory says");
        w.zip_says(&w.with(|m| change(&mut m[0].listed)), 1, "a header that says what the directory says");
    }
    let bytes = fs::read(w.at("some.zip")).unwrap();
    assert_eq!(verify(&bytes, Some(&policy())).verdict, ExhibitVerdict::Refused);
    // By other programs.
    w.unpack("u");
    let python = "import sys,zipfile
z=zipfile.ZipFile(sys.argv[2],'w',int(sys.argv[1]))
for p in sys.argv[3:]:
    with open(p,'rb') as f, z.open(p,'w',force_zip64=sys.argv[1]=='0') as o: o.write(f.read())";
    fs::write(w.at("pack.py"), python).unwrap();
    for (method, name) in [("12", "bzip2"), ("14", "lzma"), ("0", "zip64")] {
        w.shell(&format!("cd u && python3 ../pack.py {method} ../{name}.zip $(find . -type f)"));
        w.says(&format!("{name}.zip"), 3, "unpack it, and give its folder");
    }
    w.shell("cd u && zip -q -r -P secret ../sealed.zip .");
    w.says("sealed.zip", 3, "this zip is encrypted: unpack it, and give its folder");
    // A zip64 by its end: a locator before it, or numbers that stand elsewhere.
    let bytes = w.with(|_| ());
    let end = bytes.len() - 22;
    let located = [&bytes[..end], b"PK\x06\x07", &[0; 16], &bytes[end..]].concat();
    w.zip_says(&located, 3, "this zip is a zip64");
    for (at, length) in [(8, 4), (12, 4), (16, 4)] {
        let mut elsewhere = bytes.clone();
        elsewhere[end + at..end + at + length].fill(0xff);
        w.zip_says(&elsewhere, 3, "this zip is a zip64");
    }
    let (code, said) = onrecord(w.tmp.path(), &["verify", "sealed.zip", "--policy", "policy", "--json"]);
    let report: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert!(code == Some(3) && report["verdict"] == "not_decided", "{said}");
    assert_eq!(report["checks"][0]["outcome"], "not_checked");
    assert_eq!(report["checks"][0]["code"], "not_read");
    // An exhibit of a case file, and a case file.
    let sealed = fs::read(w.at("sealed.zip")).unwrap();
    let case = w.case_file();
    let mut members = parts(&case);
    members[0] = Part::stored(&members[0].name, &sealed);
    w.zip_says(&zip(&members), 3, "this zip is encrypted");
    let mut members = parts(&case);
    members[1].say(|h| h.flags = 1);
    w.zip_says(&zip(&members), 3, "this zip is encrypted");
}

#[test]
fn what_stands_behind_a_member_is_what_the_directory_says() {
    let w = world();
    /// What stands behind the bytes of a member: with four bytes before it or without, its sizes of four bytes or of eight.
    fn behind(part: &Part, signed: bool, wide: bool) -> Vec<u8> {
        let mut out = if signed { b"PK\x07\x08".to_vec() } else { Vec::new() };
        out.extend(part.listed.crc.to_le_bytes());
        for size in [part.listed.packed, part.listed.size] {
            out.extend(size.to_le_bytes());
            out.extend(if wide { vec![0; 4] } else { Vec::new() });
        }
        out
    }
    for (signed, wide) in [(false, false), (true, false), (false, true), (true, true)] {
        for in_front in [true, false] {
            let streamed = |spoil: Option<usize>| {
                w.with(|m| {
                    for (n, part) in m.iter_mut().enumerate() {
                        let mut behind = behind(part, signed, wide);
                        if let Some(at) = spoil.filter(|_| n == 0) {
                            behind[at] ^= 1;
                        }
                        part.bytes.extend(behind);
                        part.say(|h| h.flags = 8);
                        if !in_front {
                            (part.own.crc, part.own.packed, part.own.size) = (0, 0, 0);
                        }
                    }
                })
            };
            w.zip_says(&streamed(None), 0, "valid");
            let length = 12 + if signed { 4 } else { 0 } + if wide { 8 } else { 0 };
            for at in 0..length {
                w.zip_says(&streamed(Some(at)), 1, "a data descriptor that says what the directory says");
            }
        }
    }
    // None at all, and one that is too long or too short.
    w.zip_says(&w.with(|m| m[0].say(|h| h.flags = 8)), 1, "a data descriptor");
    for length in [11, 13, 17, 25] {
        let bytes = w.with(|m| {
            let mut behind = behind(&m[0], false, false);
            behind.resize(length, 0);
            m[0].bytes.extend(behind);
            m[0].say(|h| h.flags = 8);
        });
        w.zip_says(&bytes, 1, "a data descriptor");
    }
}

#[test]
fn a_receipt_is_told_by_how_its_files_begin() {
    let w = world();
    let reader = w.ledger.reader();
    let proof = reader.proof(w.index, &reader.checkpoint()).unwrap().unwrap().to_string();
    fs::write(w.at("p"), proof).unwrap();
    fs::write(w.at("e"), &*reader.entry(w.index).unwrap().unwrap()).unwrap();
    let run = |args: &[&str]| onrecord(w.tmp.path(), &[&["verify"], args].concat());
    let trusting = ["--policy", "policy"];
    // Either way round, and as the two files of a folder.
    w.shell("mkdir r && cp p r/61.txt && cp e r/proof && touch r/.DS_Store && mkdir s && cp p s/proof.tlog-proof && cp e s/entry");
    for args in [&["p", "--entry", "e"][..], &["e", "--entry", "p"], &["r"], &["s"]] {
        let (code, said) = run(&[args, &trusting].concat());
        assert!(
            code == Some(0) && said.contains("whose keys they were then an exhibit shows"),
            "{args:?}: {said}"
        );
        let (code, said) = run(args);
        assert!(code == Some(3) && said.contains("NOT DECIDED"), "{args:?}: {said}");
    }
    for (args, words) in [
        (&["p"][..], "this is a receipt: give its entry too, --entry FILE (/entry/<n>)"),
        (&["e"], "this is an entry: give its receipt too"),
        (&["p", "--entry", "p"], "both files are receipts"),
        (&["e", "--entry", "e"], "neither file is a receipt"),
    ] {
        let (code, said) = run(&[args, &trusting].concat());
        assert!(code == Some(2) && said.contains(words), "{args:?}: {said}");
    }
    // Three files are no receipt, nor a ledger.
    w.shell("touch r/more");
    assert_eq!(run(&["r"]).0, Some(3));
}

#[test]
fn what_proves_nothing_is_said_to_be_what_it_is() {
    let w = world();
    for (name, bytes, words) in [
        ("letter", &b"%PDF-1.7\n"[..], "this is a PDF; it proves nothing by itself"),
        ("photo", b"\xff\xd8\xff\xe0", "this is a picture"),
        ("empty", b"", "this is an empty file"),
        ("text", b"Dear reader", "this is something else"),
        ("content.json", b"{\"words\": 1}", "this is JSON, but no proof of a lie"),
    ] {
        fs::write(w.at(name), bytes).unwrap();
        w.says(name, 3, words);
        w.says(name, 3, "Expected an exhibit or a case file");
    }
    w.zip_says(
        &zip(&[Part::stored("word/document.xml", b"x")]),
        3,
        "this zip is no exhibit and no case file",
    );
    w.says("nothere.zip", 3, "nothere.zip: there is no such file or folder");
    w.shell("mkfifo pipe && mkdir empty-folder several && cp e.zip several/exhibit-1.zip && cp e.zip several/exhibit-2.zip");
    w.says("pipe", 3, "not a plain file");
    w.says("empty-folder", 3, "holds no ledger");
    w.says("empty-folder", 3, "give the folder in which these lie, or the zip itself");
    w.says("several", 3, "several exhibits");
    w.unpack("several/one");
    w.unpack("several/two");
    w.says("several", 3, "several exhibits");
    w.shell("cd several && zip -q -r ../two.zip one two");
    w.says("two.zip", 3, "several exhibits");
}

/// The most memory that a run had, in MiB.
#[cfg(target_os = "linux")]
fn peak(dir: &Path, what: &str) -> u64 {
    let script = "import resource,subprocess,sys\n\
                  subprocess.run(sys.argv[1:], capture_output=True)\n\
                  print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)";
    let mut run = Command::new("python3");
    run.args(["-c", script, env!("CARGO_BIN_EXE_onrecord"), "verify", what, "--policy", "policy"]);
    let out = run.current_dir(dir).output().unwrap();
    std::str::from_utf8(&out.stdout).unwrap().trim().parse().unwrap()
}

#[cfg(target_os = "linux")]
#[test]
fn what_is_large_is_in_memory_once() {
    const MIB: usize = 160;
    let w = world();
    let zeros = vec![0; MIB << 20];
    let name = format!("files/{}.bin", "0".repeat(64));
    let few = peak(w.tmp.path(), "e.zip");
    fs::write(w.at("deflated.zip"), w.with(|m| m.push(Part::deflated(&name, &zeros)))).unwrap();
    fs::write(w.at("stored.zip"), w.with(|m| m.push(Part::stored(&name, &zeros)))).unwrap();
    w.unpack("folder");
    fs::create_dir_all(w.at("folder/files")).unwrap();
    fs::write(w.at("folder").join(&name), &zeros).unwrap();
    let mut case = parts(&w.case_file());
    case[0] = Part::deflated(&case[0].name, &fs::read(w.at("deflated.zip")).unwrap());
    fs::write(w.at("case.zip"), zip(&case)).unwrap();
    for what in ["deflated.zip", "stored.zip", "folder", "case.zip"] {
        let most = peak(w.tmp.path(), what);
        assert!(most < few + 3 * MIB as u64 / 2, "{what}: {most} MiB, and {few} of few bytes");
    }
}
