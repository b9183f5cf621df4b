//! Rooms use each other in one direction, and no files of a room use each other in a circle (`docs/architecture.md`, "One
//! direction"). This is read from the paths that begin with `crate`, `super` or `self`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use syn::{
    Attribute, ItemMod, ItemUse, UseTree,
    visit::{self, Visit},
};

/// The rooms of the package, from the lowest up. Each may use those before it.
const ROOMS: &[&str] = &[
    "agent",
    "generations",
    "media",
    "metrics",
    "priority",
    "processor",
    "proof_file",
    "quote",
    "store",
    "ledger",
    "views",
    "story",
    "search",
    "exhibit",
    "mirror",
    "ops",
    "authority",
    "serve",
    "witness",
    "peers",
    "cli",
];
/// The rooms of the verifier's crate.
const FLOOR: &[&str] = &["note", "event", "log", "timestamp", "check", "exhibit", "verify"];

/// Files that use each other in a circle all the same, each circle by its members. The types of GraphQL form such a graph.
const CIRCLES: &[&[&str]] = &[
    &[
        "serve/graphql/state",
        "serve/graphql/types/case",
        "serve/graphql/types/event",
        "serve/graphql/types/event_connection",
        "serve/graphql/types/event_fields",
        "serve/graphql/types/event_shape",
        "serve/graphql/types/fact_value",
        "serve/graphql/types/party",
        "serve/graphql/types/party_key",
        "serve/graphql/types/signer",
        "serve/graphql/types/since",
        "serve/graphql/types/voucher",
    ],
    &["serve/graphql/state/delivery", "serve/graphql/state/notice_connection"],
];

/// The same of the verifier's crate: one table makes the event types and what each requires.
const FLOOR_CIRCLES: &[&[&str]] = &[&["event/body", "event/spec"]];

/// A module, by the names that lead to it.
type Module = Vec<String>;

/// The modules of a crate, and which of them each one uses.
struct Crate {
    files: BTreeMap<Module, PathBuf>,
    uses: BTreeMap<Module, BTreeSet<Module>>,
}

fn collect(dir: &Path, at: &[String], out: &mut BTreeMap<Module, PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let below = [at, std::slice::from_ref(&name)].concat();
        if path.is_dir() {
            collect(&path, &below, out);
        } else if path.extension().is_some_and(|e| e == "rs") && !(at.is_empty() && name == "main") {
            let module = if name == "mod" || (at.is_empty() && name == "lib") { at.to_vec() } else { below };
            out.insert(module, path);
        }
    }
}

/// The paths that a file names, without those in code for tests alone.
#[derive(Default)]
struct Named(Vec<Vec<String>>);

impl Named {
    fn tree(&mut self, tree: &UseTree, prefix: &[String]) {
        let with = |name: &dyn ToString| [prefix, &[name.to_string()]].concat();
        match tree {
            UseTree::Path(path) => self.tree(&path.tree, &with(&path.ident)),
            UseTree::Name(name) => self.0.push(with(&name.ident)),
            UseTree::Rename(name) => self.0.push(with(&name.ident)),
            UseTree::Glob(_) => self.0.push(prefix.to_vec()),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.tree(tree, prefix)),
        }
    }
}

impl<'ast> Visit<'ast> for Named {
    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        let for_tests = |a: &Attribute| a.path().is_ident("cfg") && quote(a).contains("test");
        if !module.attrs.iter().any(for_tests) {
            visit::visit_item_mod(self, module);
        }
    }
    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.tree(&item.tree, &[]);
    }
    /// A visibility such as `pub(super)` names a module without using it.
    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}
    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.0.push(path.segments.iter().map(|s| s.ident.to_string()).collect());
        visit::visit_path(self, path);
    }
}

/// The text between the brackets of an attribute.
fn quote(attribute: &Attribute) -> String {
    attribute.meta.require_list().map_or_else(|_| String::new(), |list| list.tokens.to_string())
}

impl Crate {
    fn read(src: &Path) -> Self {
        let mut files = BTreeMap::new();
        collect(src, &[], &mut files);
        let mut this = Self { files, uses: BTreeMap::new() };
        for (module, path) in &this.files {
            let uses = this.uses_of(module, &fs::read_to_string(path).unwrap());
            this.uses.insert(module.clone(), uses);
        }
        this
    }

    /// The file that a path leads into.
    fn module(&self, path: &[String]) -> Option<&Module> {
        (0..=path.len()).rev().find_map(|n| self.files.get_key_value(&path[..n])).map(|(module, _)| module)
    }

    fn uses_of(&self, module: &Module, code: &str) -> BTreeSet<Module> {
        let mut named = Named::default();
        named.visit_file(&syn::parse_file(code).unwrap());
        let above = |n: usize| module[..module.len().saturating_sub(n)].to_vec();
        let whole = named.0.iter().filter_map(|path| {
            let supers = path.iter().take_while(|name| *name == "super").count();
            let (base, skip) = match path.first()?.as_str() {
                "crate" => (Vec::new(), 1),
                "self" => (above(0), 1),
                "super" => (above(supers), supers),
                _ => return None,
            };
            Some([base.as_slice(), &path[skip..]].concat())
        });
        let modules = whole.filter_map(|path| self.module(&path).cloned());
        // The crate's root only lists the modules.
        modules.filter(|used| used != module && !used.is_empty()).collect()
    }

    /// Uses by one room of another that stands above it or is on no list.
    fn upward(&self, rooms: &[&str]) -> Vec<String> {
        let floor = |module: &Module| rooms.iter().position(|room| module.first().is_some_and(|m| m == room));
        let mut out = Vec::new();
        for (module, uses) in self.uses.iter().filter(|(module, _)| !module.is_empty()) {
            match floor(module) {
                None => out.push(format!("{} is in no room", module.join("/"))),
                Some(own) => out.extend(
                    uses.iter()
                        .filter(|used| floor(used).is_none_or(|other| other > own))
                        .map(|used| format!("{} uses {}", module.join("/"), used.join("/"))),
                ),
            }
        }
        out
    }

    /// Every module that a module uses, directly or through others.
    fn reached(&self, from: &Module) -> BTreeSet<&Module> {
        let mut found = BTreeSet::new();
        let mut next: Vec<&Module> = self.uses[from].iter().collect();
        while let Some(module) = next.pop() {
            if found.insert(module) {
                next.extend(&self.uses[module]);
            }
        }
        found
    }

    /// Circles of files, each by its members.
    fn circles(&self) -> BTreeSet<Vec<String>> {
        let reached: BTreeMap<&Module, BTreeSet<&Module>> =
            self.files.keys().map(|module| (module, self.reached(module))).collect();
        let circle = |module: &Module| {
            let members = reached[module].iter().filter(|other| reached[**other].contains(module));
            members.map(|m| m.join("/")).collect::<Vec<_>>()
        };
        self.files.keys().map(circle).filter(|members| members.len() > 1).collect()
    }
}

fn package() -> Crate {
    Crate::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"))
}

fn floor() -> Crate {
    Crate::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/onrecord-verify/src"))
}

#[test]
fn no_room_uses_one_above_it() {
    assert_eq!(package().upward(ROOMS), [] as [String; 0]);
    assert_eq!(floor().upward(FLOOR), [] as [String; 0]);
}

#[test]
fn no_files_lean_on_each_other_in_a_circle() {
    let known = |circles: &[&[&str]]| -> BTreeSet<Vec<String>> {
        circles.iter().map(|circle| circle.iter().map(|m| (*m).to_owned()).collect()).collect()
    };
    assert_eq!(package().circles(), known(CIRCLES));
    assert_eq!(floor().circles(), known(FLOOR_CIRCLES));
}

/// What leans on it elsewhere would have to be found before another engine could take its place.
#[test]
fn the_engine_of_the_index_is_named_in_one_file() {
    let names_it = |path: &PathBuf| {
        let code = fs::read_to_string(path).unwrap();
        code.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| word == "sled")
    };
    let files = package().files;
    let naming: Vec<_> = files.iter().filter(|(_, path)| names_it(path)).map(|(m, _)| m.join("/")).collect();
    assert_eq!(naming, ["store/index/table"]);
}

#[test]
fn every_file_that_the_page_on_the_layout_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/architecture.md")).unwrap();
    let is_path = |word: &&str| word.contains('/') && word.ends_with(".rs") && !word.contains(['*', ' ']);
    let named: BTreeSet<&str> = page.split('`').skip(1).step_by(2).filter(is_path).collect();
    assert!(named.len() > 50, "{named:?}");
    let places = ["", "src", "crates/onrecord-verify/src"].map(|place| root.join(place));
    let missing: Vec<_> =
        named.iter().filter(|n| !places.iter().any(|place| place.join(n).is_file())).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn imports_are_read_as_they_stand() {
    let dir = tempfile::tempdir().unwrap();
    for (path, text) in [
        ("lib.rs", "mod a;\nmod b;\npub(crate) use crate::a::x;"),
        (
            "a/mod.rs",
            "mod one;\nmod two;\nuse self::one::{X as Y, two};\nuse crate::{b, // a::two\n    b::{C, D}};",
        ),
        (
            "a/one.rs",
            "fn f() -> super::two::T { super::super::b::g() }\n#[cfg(test)]\nmod tests { use crate::a::two; }",
        ),
        ("a/two.rs", "use super::one::F;"),
        ("b.rs", "fn g() { crate::a::one::f() }"),
    ] {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let it = Crate::read(dir.path());
    let uses: Vec<(String, Vec<String>)> =
        it.uses.iter().map(|(m, uses)| (m.join("/"), uses.iter().map(|m| m.join("/")).collect())).collect();
    let expected: [(&str, &[&str]); 5] = [
        ("", &["a"]),
        ("a", &["a/one", "b"]),
        ("a/one", &["a/two", "b"]),
        ("a/two", &["a/one"]),
        ("b", &["a/one"]),
    ];
    assert_eq!(
        uses,
        expected.map(|(m, uses)| (m.to_owned(), uses.iter().map(|u| (*u).to_owned()).collect()))
    );
    assert_eq!(it.upward(&["b", "a"]), ["b uses a/one"]);
    assert_eq!(it.upward(&["a"]).len(), 3, "b is in no room, and is used twice");
    assert_eq!(it.circles(), BTreeSet::from([vec!["a/one".to_owned(), "a/two".to_owned(), "b".to_owned()]]));
}
