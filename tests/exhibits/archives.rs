//! Exhibits, case files and receipts as other programs pack and unpack them.

use crate::zip;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::exhibit::*;
use crate::program::{run_in, shell};
use crate::story::Ids;
use crate::world::World;
use crate::zip::{Part, parts, zip};
use onrecord::{
    event::EventType,
    exhibit::{ExhibitVerdict, verify},
};

/// An exhibit of an entry, in a folder in which the tests put other files.
struct Exhibit {
    world: World<Ids>,
    index: u64,
    good: Vec<u8>,
}

impl Exhibit {
    fn new() -> Self {
        let world = World::whole();
        let index = first(world.reader(), EventType::StatementMade);
        let good = world.exhibit(index);
        fs::write(world.at("policy"), policy().to_string()).unwrap();
        fs::write(world.at("e.zip"), &good).unwrap();
        Self { world, index, good }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.world.at(name)
    }

    fn shell(&self, command: &str) {
        shell(self.world.tmp.path(), command);
    }

    /// The exit code of `verify` by the policy, and what it says.
    fn verify(&self, what: &str) -> (Option<i32>, String) {
        self.world.run(&["verify", what, "--policy", "policy"])
    }

    #[track_caller]
    fn says(&self, what: &str, code: i32, words: &str) {
        let (ended, said) = self.verify(what);
        assert!(ended == Some(code) && said.contains(words), "{what}: {ended:?} {said}");
        assert!(code == 1 || !said.contains("do not rely"), "{what}: {said}");
    }

    /// The exhibit's members in the reverse order, changed and packed.
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

    /// Unpacks the exhibit into a folder.
    fn unpack(&self, folder: &str) {
        self.shell(&format!("rm -rf {folder} && unzip -q e.zip -d {folder}"));
    }

    /// The file of the first case.
    fn case_file(&self) -> Vec<u8> {
        let reader = self.world.reader();
        let case = reader.parsed(first(reader, EventType::CaseOpened)).unwrap().unwrap().event().id();
        case_file(reader, &case)
    }
}

#[test]
fn no_name_in_an_archive_climbs_out_of_its_folder() {
    let e = Exhibit::new();
    for name in ["../entry", "a/../../entry", "/etc/passwd", "C:\\entry", "\\entry", "x/..", "__MACOSX/../x"]
    {
        let bytes = e.with(|m| m.push(Part::stored(name, b"x")));
        e.zip_says(&bytes, 1, "name that climbs out of the folder");
    }
    // Names as other systems write them are harmless.
    let bytes = e.with(|m| {
        m.iter_mut().for_each(|part| part.name = format!(".\\{}", part.name.replace('/', "\\")));
        m.push(Part::stored("a..b", b"x"));
    });
    e.zip_says(&bytes, 0, "passed over: \"a..b\"");
}

#[test]
fn what_no_exhibit_has_is_named_and_never_opened() {
    let e = Exhibit::new();
    // Their contents and the sizes that they claim don't matter.
    let bytes = e.with(|m| {
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
    e.zip_says(&bytes, 0, "passed over: \"letter.pdf\", \"files/notahash\", \"chain/sub/x\" and 1 more");
    // An archive beside its own folder, and other folders.
    e.unpack(&format!("exhibit-{}", e.index));
    e.shell(&format!(
        "mkdir photos two && touch photos/1.jpg && cp e.zip exhibit-{0}.zip && cp e.zip exhibit-{0}/exhibit-{0}.zip \
         && zip -q -r beside.zip exhibit-{0} exhibit-{0}.zip photos && mv photos exhibit-{0}.zip two/ && cp -r exhibit-{0} two/",
        e.index
    ));
    e.says("beside.zip", 0, &format!("\"exhibit-{0}.zip\"", e.index));
    e.says("beside.zip", 0, "photos/1.jpg");
    e.says("two", 0, &format!("not looked at: exhibit-{0}.zip, exhibit-{0}.zip, photos", e.index));
    // In an unpacked folder none of these is opened either.
    e.shell(&format!(
        "cd exhibit-{} && mkdir -p files chain/sub more && touch files/notahash chain/sub/x more/y && mkfifo pipe chain/p \
         && ln -s nowhere dangling && ln -s /dev/zero chain/zero && truncate -s 1G large.bin && mkdir -p a/b && touch a/b/c",
        e.index
    ));
    let (code, said) = e.verify(&format!("exhibit-{}", e.index));
    assert!(
        code == Some(0)
            && said.contains("not looked at: a, chain/p, chain/sub, chain/zero, dangling, and 5 more"),
        "{said}"
    );
    // The same holds of a case file.
    fs::write(e.at("case.zip"), e.case_file()).unwrap();
    e.shell("unzip -q case.zip -d case && cd case && mkfifo pipe && mkdir exhibit-7 && ln -s nowhere letter && cp ../case.zip .");
    e.says("case", 0, "not looked at: case.zip, exhibit-7, letter, pipe");
    e.shell("rm case/pipe && zip -q -r anew.zip case");
    e.says("anew.zip", 0, "passed over: \"case.zip\"");
}

#[test]
fn what_is_at_a_members_name_and_no_plain_file_is_not_decided() {
    let e = Exhibit::new();
    let digest = "0".repeat(64);
    for (name, command) in [
        ("entry", "rm entry && mkfifo entry".to_owned()),
        ("proof.tlog-proof", "rm proof.tlog-proof && ln -s nowhere proof.tlog-proof".to_owned()),
        ("content.json", "rm content.json && mkdir content.json".to_owned()),
        ("chain/7", "ln -s /dev/zero chain/7 && touch chain/7.tlog-proof".to_owned()),
        (&format!("files/{digest}.bin"), format!("mkdir files && ln -s nowhere files/{digest}.bin")),
    ] {
        e.unpack("u");
        e.shell(&format!("cd u && {command}"));
        e.says("u", 3, "not a plain file");
        e.says("u", 3, name);
    }
    // An entry without its proof is refused, whatever kind of file it is.
    e.unpack("u");
    e.shell("ln -s /dev/zero u/chain/7");
    e.says("u", 1, "expected chain/<index>.tlog-proof behind its entry");
    fs::write(e.at("case.zip"), e.case_file()).unwrap();
    e.shell("unzip -q case.zip -d case && mkfifo case/exhibit-999.zip");
    e.says("case", 3, "exhibit-999.zip: not a plain file");
}

#[test]
fn a_folder_says_by_its_name_which_entry_it_holds() {
    let e = Exhibit::new();
    let (own, other) = (format!("exhibit-{}", e.index), "exhibit-99999");
    e.unpack(&own);
    e.shell(&format!("cp -r {own} {other} && mkdir 'in' && cp -r {own} in/{other} && cp e.zip {other}.zip"));
    let words = format!("{other}.zip: expected index 99999, found index {}", e.index);
    e.says(&format!("{other}.zip"), 1, &words);
    for path in [other, &format!("{other}/"), &format!("{other}/chain/.."), &format!("./{other}/."), "in"] {
        e.says(path, 1, &words);
    }
    let inside = |folder: &str, path: &str| {
        run_in(&e.at(folder), &["verify", path, "--policy", e.at("policy").to_str().unwrap()])
    };
    for (folder, path) in [(other.to_owned(), "."), (format!("{other}/chain"), "..")] {
        let (code, said) = inside(&folder, path);
        assert!(code == Some(1) && said.contains(&words), "{said}");
    }
    assert_eq!(inside(&own, ".").0, Some(0));
    // What browsers and people add to the name does not count.
    for name in ["exhibit-99999 (1)", "exhibit-99999-2", "exhibit-99999 copy", "Exhibit-99999"] {
        e.shell(&format!("cp -r {own} '{name}'"));
        e.says(name, 0, "valid");
    }
}

#[test]
fn a_zip_of_a_kind_that_is_not_read_is_not_refused() {
    let e = Exhibit::new();
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
        e.zip_says(&e.with(|m| m[0].say(change)), 3, words);
        e.says("some.zip", 3, "unpack it, and give its folder");
        // Where only one of the two headers says so, they contradict each other.
        e.zip_says(&e.with(|m| change(&mut m[0].own)), 1, "a header that says what the directory says");
        e.zip_says(&e.with(|m| change(&mut m[0].listed)), 1, "a header that says what the directory says");
    }
    let bytes = fs::read(e.at("some.zip")).unwrap();
    assert_eq!(verify(&bytes, Some(&policy())).verdict, ExhibitVerdict::Refused);
    // The same, as other programs pack it.
    e.unpack("u");
    let python = "import sys,zipfile
z=zipfile.ZipFile(sys.argv[2],'w',int(sys.argv[1]))
for p in sys.argv[3:]:
    with open(p,'rb') as f, z.open(p,'w',force_zip64=sys.argv[1]=='0') as o: o.write(f.read())";
    fs::write(e.at("pack.py"), python).unwrap();
    for (method, name) in [("12", "bzip2"), ("14", "lzma"), ("0", "zip64")] {
        e.shell(&format!("cd u && python3 ../pack.py {method} ../{name}.zip $(find . -type f)"));
        e.says(&format!("{name}.zip"), 3, "unpack it, and give its folder");
    }
    e.shell("cd u && zip -q -r -P secret ../sealed.zip .");
    e.says("sealed.zip", 3, "this zip is encrypted: unpack it, and give its folder");
    // The end of the file makes it a zip64: by a locator before it, or by numbers that stand elsewhere.
    let bytes = e.with(|_| ());
    let end = bytes.len() - 22;
    let located = [&bytes[..end], b"PK\x06\x07", &[0; 16], &bytes[end..]].concat();
    e.zip_says(&located, 3, "this zip is a zip64");
    for (at, length) in [(8, 4), (12, 4), (16, 4)] {
        let mut elsewhere = bytes.clone();
        elsewhere[end + at..end + at + length].fill(0xff);
        e.zip_says(&elsewhere, 3, "this zip is a zip64");
    }
    let (code, said) = e.world.run(&["verify", "sealed.zip", "--policy", "policy", "--json"]);
    let report: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert!(code == Some(3) && report["verdict"] == "not_decided", "{said}");
    assert_eq!(report["checks"][0]["outcome"], "not_checked");
    assert_eq!(report["checks"][0]["code"], "not_read");
    // An exhibit in a case file, and a case file itself.
    let sealed = fs::read(e.at("sealed.zip")).unwrap();
    let case = e.case_file();
    let mut members = parts(&case);
    members[0] = Part::stored(&members[0].name, &sealed);
    e.zip_says(&zip(&members), 3, "this zip is encrypted");
    let mut members = parts(&case);
    members[1].say(|h| h.flags = 1);
    e.zip_says(&zip(&members), 3, "this zip is encrypted");
}

#[test]
fn what_stands_behind_a_member_is_what_the_directory_says() {
    let e = Exhibit::new();
    /// The data descriptor behind a member's bytes: with its signature of four bytes or without, its sizes of four or eight.
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
                e.with(|m| {
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
            e.zip_says(&streamed(None), 0, "valid");
            let length = 12 + if signed { 4 } else { 0 } + if wide { 8 } else { 0 };
            for at in 0..length {
                e.zip_says(&streamed(Some(at)), 1, "a data descriptor that says what the directory says");
            }
        }
    }
    // No descriptor at all, and one that is too long or too short.
    e.zip_says(&e.with(|m| m[0].say(|h| h.flags = 8)), 1, "a data descriptor");
    for length in [11, 13, 17, 25] {
        let bytes = e.with(|m| {
            let mut behind = behind(&m[0], false, false);
            behind.resize(length, 0);
            m[0].bytes.extend(behind);
            m[0].say(|h| h.flags = 8);
        });
        e.zip_says(&bytes, 1, "a data descriptor");
    }
}

#[test]
fn a_receipt_is_told_by_how_its_files_begin() {
    let e = Exhibit::new();
    let reader = e.world.reader();
    let proof = reader.proof(e.index, &reader.checkpoint()).unwrap().unwrap().to_string();
    fs::write(e.at("p"), proof).unwrap();
    fs::write(e.at("e"), &*reader.entry(e.index).unwrap().unwrap()).unwrap();
    let run = |args: &[&str]| e.world.run(&[&["verify"], args].concat());
    let trusting = ["--policy", "policy"];
    // In either order, and as the two files of a folder.
    e.shell("mkdir r && cp p r/61.txt && cp e r/proof && touch r/.DS_Store && mkdir s && cp p s/proof.tlog-proof && cp e s/entry");
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
    // Three files in a folder are neither a receipt nor a ledger.
    e.shell("touch r/more");
    assert_eq!(run(&["r"]).0, Some(3));
}

#[test]
fn what_proves_nothing_is_said_to_be_what_it_is() {
    let e = Exhibit::new();
    for (name, bytes, words) in [
        ("letter", &b"%PDF-1.7\n"[..], "this is a PDF; it proves nothing by itself"),
        ("photo", b"\xff\xd8\xff\xe0", "this is a picture"),
        ("empty", b"", "this is an empty file"),
        ("text", b"Dear reader", "this is something else"),
        ("content.json", b"{\"words\": 1}", "this is JSON, but no proof of a lie"),
    ] {
        fs::write(e.at(name), bytes).unwrap();
        e.says(name, 3, words);
        e.says(name, 3, "Expected an exhibit or a case file");
    }
    e.zip_says(
        &zip(&[Part::stored("word/document.xml", b"x")]),
        3,
        "this zip is no exhibit and no case file",
    );
    e.says("nothere.zip", 3, "nothere.zip: there is no such file or folder");
    e.shell("mkfifo pipe && mkdir empty-folder several && cp e.zip several/exhibit-1.zip && cp e.zip several/exhibit-2.zip");
    e.says("pipe", 3, "not a plain file");
    e.says("empty-folder", 3, "holds no ledger");
    e.says("empty-folder", 3, "give the folder in which these lie, or the zip itself");
    e.says("several", 3, "several exhibits");
    e.unpack("several/one");
    e.unpack("several/two");
    e.says("several", 3, "several exhibits");
    e.shell("cd several && zip -q -r ../two.zip one two");
    e.says("two.zip", 3, "several exhibits");
}

/// The most memory that a run of `verify` took, in MiB.
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
    let e = Exhibit::new();
    let zeros = vec![0; MIB << 20];
    let name = format!("files/{}.bin", "0".repeat(64));
    let few = peak(e.world.tmp.path(), "e.zip");
    fs::write(e.at("deflated.zip"), e.with(|m| m.push(Part::deflated(&name, &zeros)))).unwrap();
    fs::write(e.at("stored.zip"), e.with(|m| m.push(Part::stored(&name, &zeros)))).unwrap();
    e.unpack("folder");
    fs::create_dir_all(e.at("folder/files")).unwrap();
    fs::write(e.at("folder").join(&name), &zeros).unwrap();
    let mut case = parts(&e.case_file());
    case[0] = Part::deflated(&case[0].name, &fs::read(e.at("deflated.zip")).unwrap());
    fs::write(e.at("case.zip"), zip(&case)).unwrap();
    for what in ["deflated.zip", "stored.zip", "folder", "case.zip"] {
        let most = peak(e.world.tmp.path(), what);
        assert!(most < few + 3 * MIB as u64 / 2, "{what}: {most} MiB, and {few} of few bytes");
    }
}
