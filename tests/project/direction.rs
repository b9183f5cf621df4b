//! Rooms use each other in one direction, and no files of a room use each other in a circle (`docs/architecture.md`, "One
//! direction").
//!
//! This is read from paths: those of code and imports, those among the tokens of macros and attributes, and those in templates.
//! A name that a file passes on (`pub use`) counts as used in the file that defines it. A method that is called names no path,
//! so its file is not seen.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use syn::{
    Attribute, ImplItemFn, Item, ItemMod, ItemUse, Macro, Meta, UseTree, Visibility,
    buffer::{Cursor, TokenBuffer},
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

/// Files that use each other in a circle all the same, each circle by its members.
const CIRCLES: &[&[&str]] = &[
    // The types of GraphQL form such a graph: an event names its case, whose states name events.
    &[
        "serve/graphql/state",
        "serve/graphql/state/backer",
        "serve/graphql/state/case_state",
        "serve/graphql/state/clock",
        "serve/graphql/state/correction",
        "serve/graphql/state/delivery",
        "serve/graphql/state/demand_connection",
        "serve/graphql/state/demand_item",
        "serve/graphql/state/demand_state",
        "serve/graphql/state/fact_word",
        "serve/graphql/state/incident",
        "serve/graphql/state/latest",
        "serve/graphql/state/link",
        "serve/graphql/state/notice_connection",
        "serve/graphql/state/party_state",
        "serve/graphql/state/position",
        "serve/graphql/state/promise",
        "serve/graphql/state/statement",
        "serve/graphql/state/timeline_connection",
        "serve/graphql/state/withholding",
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
    // What is read for one request is remembered in `Views`, and its methods stand beside the types of what they read.
    &["views", "views/cache", "views/case", "views/party", "views/record", "views/thread"],
];

/// The same of the verifier's crate: one table makes the event types and what each requires.
const FLOOR_CIRCLES: &[&[&str]] = &[&["event/body", "event/spec"]];

/// A module, by the names that lead to it.
type Module = Vec<String>;

/// A path as it stands, by its names.
type Names = Vec<String>;

/// The modules of a crate, what their files say, and which of them each one uses.
struct Crate {
    files: BTreeMap<Module, PathBuf>,
    said: BTreeMap<Module, Said>,
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

/// What a file says of other files, without its code for tests alone.
#[derive(Default)]
struct Said {
    /// The paths that it names. Those of more than one name may begin with a module of its own.
    named: Vec<Names>,
    /// What it names to pass it on (`pub use`).
    passed: Vec<Names>,
    /// What a name stands for, by `use`. The names of modules that are written in the file stand before it: `inner::name`.
    imports: BTreeMap<String, Vec<Names>>,
    /// Modules of which every name is imported.
    globs: Vec<Names>,
    /// The names of its items.
    items: BTreeSet<String>,
    /// The names in macros that make items: any of them may be an item.
    made: BTreeSet<String>,
    /// The templates that its attributes name.
    templates: BTreeSet<String>,
    /// Its modules for tests alone.
    for_tests: BTreeSet<String>,
    /// What no reader of paths could follow.
    refused: Vec<String>,
    /// The modules written in the file that lead to where the reader is.
    inner: Names,
}

impl Said {
    fn read(code: &str) -> Self {
        let mut said = Self::default();
        said.visit_file(&syn::parse_file(code).unwrap());
        said
    }

    /// A path as the file itself would write it: `super` leads out of a module that is written in the file first.
    fn outside(&self, path: Names) -> Names {
        let supers = path.iter().take_while(|name| *name == "super").count();
        match supers.min(self.inner.len()) {
            0 => path,
            inner if inner < supers => path[inner..].to_vec(),
            inner => [&["self".to_owned()], &path[inner..]].concat(),
        }
    }

    fn tree(&mut self, tree: &UseTree, prefix: &[String], public: bool) {
        let with = |name: &dyn ToString| [prefix, &[name.to_string()]].concat();
        let (name, path) = match tree {
            UseTree::Path(path) => return self.tree(&path.tree, &with(&path.ident), public),
            UseTree::Group(group) => {
                return group.items.iter().for_each(|tree| self.tree(tree, prefix, public));
            }
            UseTree::Glob(_) => {
                let path = self.outside(prefix.to_vec());
                self.globs.push(path.clone());
                (None, path)
            }
            UseTree::Name(name) if name.ident == "self" => (prefix.last().cloned(), prefix.to_vec()),
            UseTree::Name(name) => (Some(name.ident.to_string()), with(&name.ident)),
            UseTree::Rename(name) => {
                let path = with(&name.ident);
                if path.iter().all(|name| name == "crate" || name == "self") {
                    self.refused.push(format!("use {} as {}", path.join("::"), name.rename));
                }
                (Some(name.rename.to_string()), path)
            }
        };
        let path = self.outside(path);
        if let Some(name) = name {
            let key = [self.inner.as_slice(), &[name]].concat().join("::");
            self.imports.entry(key).or_default().push(path.clone());
        }
        if public { self.passed.push(path) } else { self.named.push(path) }
    }

    /// Paths among tokens whose grammar is not known: those of macros and attributes. A text that is a path counts as one.
    fn tokens(&mut self, mut at: Cursor<'_>, prefix: &[String]) {
        let mut path = prefix.to_vec();
        // Whether `::` came last, so that a name or a group goes on with the path.
        let mut goes_on = !prefix.is_empty();
        while let Some((_, next)) = at.token_tree() {
            let colons = at.punct().filter(|(colon, _)| colon.as_char() == ':').and_then(|(_, second)| {
                second.punct().filter(|(colon, _)| colon.as_char() == ':').map(|(_, next)| next)
            });
            if let Some((name, next)) = at.ident() {
                if !goes_on {
                    self.end(&mut path);
                }
                if name == "include" && next.punct().is_some_and(|(mark, _)| mark.as_char() == '!') {
                    self.refused.push("include!".to_owned());
                }
                path.push(name.to_string());
                goes_on = false;
                at = next;
            } else if let Some(next) = colons {
                goes_on = !path.is_empty();
                at = next;
            } else if let Some((inner, _, _, next)) = at.any_group() {
                let prefix = if goes_on { std::mem::take(&mut path) } else { Vec::new() };
                self.end(&mut path);
                self.tokens(inner, &prefix);
                goes_on = false;
                at = next;
            } else {
                // After `,` in `crate::{a, b}` the next path begins as the first did.
                let comma = at.punct().is_some_and(|(mark, _)| mark.as_char() == ',');
                self.end(&mut path);
                if let Some((text, _)) = at.literal() {
                    self.text(&text.to_string());
                }
                goes_on = comma && !prefix.is_empty();
                if goes_on {
                    path = prefix.to_vec();
                }
                at = next;
            }
        }
        self.end(&mut path);
    }

    /// A path among tokens ends here.
    fn end(&mut self, path: &mut Names) {
        let path = std::mem::take(path);
        // `super` alone is that of `pub(super)`.
        if path.iter().any(|name| !matches!(name.as_str(), "crate" | "self" | "super")) {
            self.named.push(self.outside(path));
        }
    }

    /// A text that is a path: `#[serde(with = "crate::a::b")]`.
    fn text(&mut self, literal: &str) {
        if let Ok(path) = syn::parse_str::<syn::Path>(literal.trim_matches('"'))
            && path.segments.len() > 1
        {
            self.visit_path(&path);
        }
    }
}

impl<'ast> Visit<'ast> for Said {
    fn visit_item(&mut self, item: &'ast Item) {
        let (attributes, name) = match item {
            Item::Const(it) => (&it.attrs, Some(&it.ident)),
            Item::Enum(it) => (&it.attrs, Some(&it.ident)),
            Item::ExternCrate(it) => (&it.attrs, None),
            Item::Fn(it) => (&it.attrs, Some(&it.sig.ident)),
            Item::Impl(it) => (&it.attrs, None),
            Item::Macro(it) => (&it.attrs, it.ident.as_ref()),
            Item::Mod(it) => (&it.attrs, Some(&it.ident)),
            Item::Static(it) => (&it.attrs, Some(&it.ident)),
            Item::Struct(it) => (&it.attrs, Some(&it.ident)),
            Item::Trait(it) => (&it.attrs, Some(&it.ident)),
            Item::Type(it) => (&it.attrs, Some(&it.ident)),
            Item::Union(it) => (&it.attrs, Some(&it.ident)),
            Item::Use(it) => (&it.attrs, None),
            _ => return visit::visit_item(self, item),
        };
        let is_module = matches!(item, Item::Mod(_));
        if is_for_tests(attributes) {
            self.for_tests.extend(name.filter(|_| is_module).map(ToString::to_string));
            return;
        }
        match item {
            Item::Macro(it) if it.ident.is_none() => names(it.mac.tokens.clone(), &mut self.made),
            Item::ExternCrate(it) if it.ident == "self" => self.refused.push("extern crate self".to_owned()),
            _ => self.items.extend(name.filter(|_| !is_module).map(ToString::to_string)),
        }
        visit::visit_item(self, item);
    }
    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        self.inner.push(module.ident.to_string());
        visit::visit_item_mod(self, module);
        self.inner.pop();
    }
    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        if !is_for_tests(&item.attrs) {
            visit::visit_impl_item_fn(self, item);
        }
    }
    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.tree(&item.tree, &[], !matches!(item.vis, Visibility::Inherited));
    }
    /// A visibility such as `pub(super)` names a module without using it.
    fn visit_visibility(&mut self, _: &'ast Visibility) {}
    fn visit_path(&mut self, path: &'ast syn::Path) {
        let path_names = path.segments.iter().map(|s| s.ident.to_string()).collect();
        self.named.push(self.outside(path_names));
        visit::visit_path(self, path);
    }
    fn visit_macro(&mut self, call: &'ast Macro) {
        if call.path.segments.last().is_some_and(|name| name.ident == "include") {
            self.refused.push("include!".to_owned());
        }
        self.visit_path(&call.path);
        self.tokens(TokenBuffer::new2(call.tokens.clone()).begin(), &[]);
    }
    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        let is = |name: &str| attribute.path().is_ident(name);
        match &attribute.meta {
            // Text for readers.
            Meta::NameValue(_) if is("doc") => {}
            Meta::NameValue(value) => {
                if is("path") {
                    self.refused.push("#[path]".to_owned());
                }
                self.visit_expr(&value.value);
            }
            Meta::List(list) => {
                let text = list.tokens.to_string();
                if is("cfg_attr") && text.contains("path =") {
                    self.refused.push("#[path]".to_owned());
                }
                if is("template") {
                    self.templates
                        .extend(text.split('"').filter(|t| t.ends_with(".html")).map(str::to_owned));
                }
                self.tokens(TokenBuffer::new2(list.tokens.clone()).begin(), &[]);
            }
            Meta::Path(_) => {}
        }
        // Derives and attribute macros are paths too.
        self.visit_path(attribute.path());
    }
}

/// Whether `#[cfg(test)]`, and nothing wider, is among these.
fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|a| {
        a.path().is_ident("cfg") && a.meta.require_list().is_ok_and(|list| list.tokens.to_string() == "test")
    })
}

/// Every name among tokens.
fn names(tokens: impl ToString, out: &mut BTreeSet<String>) {
    let text = tokens.to_string();
    out.extend(text.split(|c: char| !c.is_alphanumeric() && c != '_').map(str::to_owned));
}

/// The paths in a template, and in those that it includes, extends or imports, that begin with `crate`, `super` or `self`.
fn template_paths(folder: &Path, name: &str, read: &mut BTreeSet<String>, out: &mut Vec<Names>) {
    if !read.insert(name.to_owned()) {
        return;
    }
    let text = fs::read_to_string(folder.join(name)).unwrap();
    for word in text.split(|c: char| !c.is_alphanumeric() && c != '_' && c != ':') {
        let path: Names = word.split("::").map(str::to_owned).collect();
        if path.len() > 1 && matches!(path[0].as_str(), "crate" | "super" | "self") {
            out.push(path);
        }
    }
    for other in text.split('"').filter(|word| word.ends_with(".html") && folder.join(word).is_file()) {
        template_paths(folder, other, read, out);
    }
}

impl Crate {
    /// Reads the sources of a folder, and the templates of the folder `templates` beside it.
    fn read(src: &Path) -> Self {
        let mut files = BTreeMap::new();
        collect(src, &[], &mut files);
        let mut said: BTreeMap<Module, Said> = files
            .iter()
            .map(|(module, path)| (module.clone(), Said::read(&fs::read_to_string(path).unwrap())))
            .collect();
        let tests: Vec<Module> = said
            .iter()
            .flat_map(|(at, said)| {
                said.for_tests.iter().map(|name| [at.as_slice(), std::slice::from_ref(name)].concat())
            })
            .collect();
        let is_kept = |module: &Module| !tests.iter().any(|test| module.starts_with(test));
        files.retain(|module, _| is_kept(module));
        said.retain(|module, _| is_kept(module));
        let folder = src.with_file_name("templates");
        for said in said.values_mut() {
            let mut read = BTreeSet::new();
            for name in &said.templates {
                template_paths(&folder, name, &mut read, &mut said.named);
            }
        }
        let mut this = Self { files, said, uses: BTreeMap::new() };
        this.uses = this.files.keys().map(|module| (module.clone(), this.uses_of(module))).collect();
        this
    }

    /// The files that define what a path of a file leads to; none if it leads out of the crate. A file that only passes a
    /// name on (`pub use`) does not define it.
    fn find(
        &self,
        from: &[String],
        path: &[String],
        seen: &mut BTreeSet<(Module, Names)>,
    ) -> BTreeSet<Module> {
        let supers = path.iter().take_while(|name| *name == "super").count();
        match path.first().map(String::as_str) {
            Some("crate") => self.below(&[], &path[1..], seen),
            Some("self") => self.below(from, &path[1..], seen),
            Some("super") => self.below(&from[..from.len().saturating_sub(supers)], &path[supers..], seen),
            _ => self.below(from, path, seen),
        }
    }

    /// The same for a path that begins in a file's module.
    fn below(
        &self,
        at: &[String],
        path: &[String],
        seen: &mut BTreeSet<(Module, Names)>,
    ) -> BTreeSet<Module> {
        // A path grows without end where `a` stands for `b::c` and `b` for `a::d`.
        if path.len() > 16 || !seen.insert((at.to_vec(), path.to_vec())) {
            return BTreeSet::new();
        }
        let Some((name, rest)) = path.split_first() else { return BTreeSet::from([at.to_vec()]) };
        if name == "self" {
            return self.below(at, rest, seen);
        }
        let Some(said) = self.said.get(at) else { return BTreeSet::new() };
        let child = [at, std::slice::from_ref(name)].concat();
        let mut found = BTreeSet::new();
        if self.files.contains_key(&child) {
            let inner = self.below(&child, rest, seen);
            // What a macro made there, or a variant.
            found.extend(if inner.is_empty() { BTreeSet::from([child.clone()]) } else { inner });
        }
        let imports = (1..=path.len())
            .find_map(|n| said.imports.get(&path[..n].join("::")).map(|imports| (imports, &path[n..])));
        for (import, rest) in
            imports.iter().flat_map(|(imports, rest)| imports.iter().map(move |i| (i, rest)))
        {
            // In `use verify::verify` the first name is that of the module.
            let itself = import.first() == Some(name) && import.len() > 1;
            let (from, import) =
                if itself { (child.as_slice(), &import[1..]) } else { (at, import.as_slice()) };
            if self.files.contains_key(from) {
                found.extend(self.find(from, &[import, *rest].concat(), seen));
            }
        }
        if said.items.contains(name) {
            found.insert(at.to_vec());
        }
        if found.is_empty() && imports.is_none() {
            for glob in &said.globs {
                let modules = self.find(at, glob, &mut seen.clone());
                for module in modules.iter().filter(|module| *module != at) {
                    found.extend(self.below(module, path, seen));
                }
            }
        }
        if found.is_empty() && imports.is_none() && said.made.contains(name) {
            found.insert(at.to_vec());
        }
        found
    }

    /// The file that a path leads into by the names of modules alone.
    fn module(&self, from: &[String], path: &[String]) -> Option<Module> {
        let supers = path.iter().take_while(|name| *name == "super").count();
        let (base, skip) = match path.first()?.as_str() {
            "crate" => (&[][..], 1),
            "self" => (from, 1),
            "super" => (&from[..from.len().saturating_sub(supers)], supers),
            _ => return None,
        };
        let whole = [base, &path[skip..]].concat();
        (0..=whole.len()).rev().find_map(|n| self.files.get_key_value(&whole[..n])).map(|(m, _)| m.clone())
    }

    fn uses_of(&self, module: &Module) -> BTreeSet<Module> {
        let said = &self.said[module];
        let lead_to = |path: &Names| -> BTreeSet<Module> {
            // A name alone in code is not that of a module.
            let is_child = path.len() == 1
                && self.files.contains_key(&[module.as_slice(), path].concat())
                && !said.imports.contains_key(&path[0]);
            if is_child {
                return BTreeSet::new();
            }
            let found = self.find(module, path, &mut BTreeSet::new());
            if found.is_empty() { self.module(module, path).into_iter().collect() } else { found }
        };
        let passed = said.passed.iter().flat_map(lead_to).filter(|used| !used.starts_with(module));
        let used = said.named.iter().flat_map(lead_to).chain(passed);
        // The crate's root only lists the modules.
        used.filter(|used| used != module && !used.is_empty()).collect()
    }

    /// What stands in the files that no reader of paths could follow.
    fn refused(&self) -> Vec<String> {
        self.said
            .iter()
            .flat_map(|(module, said)| {
                said.refused.iter().map(|what| format!("{}: {what}", module.join("/")))
            })
            .collect()
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

/// Read once for all tests.
fn package() -> &'static Crate {
    static READ: LazyLock<Crate> =
        LazyLock::new(|| Crate::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")));
    &READ
}

/// The same of the verifier's crate.
fn floor() -> &'static Crate {
    static READ: LazyLock<Crate> = LazyLock::new(|| {
        Crate::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/onrecord-verify/src"))
    });
    &READ
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

#[test]
fn every_path_of_a_file_can_be_followed() {
    assert_eq!(package().refused(), [] as [String; 0]);
    assert_eq!(floor().refused(), [] as [String; 0]);
}

/// What leans on it elsewhere would have to be found before another engine could take its place.
#[test]
fn the_engine_of_the_index_is_named_in_one_file() {
    let names_it = |path: &PathBuf| {
        let code = fs::read_to_string(path).unwrap();
        code.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| word == "sled")
    };
    let files = &package().files;
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

/// A crate of these files, each under the path that it has below `src`.
fn crate_of(files: &[(&str, &str)]) -> Crate {
    let dir = tempfile::tempdir().unwrap();
    for (path, text) in [("lib.rs", "")].iter().chain(files) {
        let path = dir.path().join("src").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    Crate::read(&dir.path().join("src"))
}

/// The files that each file uses.
fn uses(it: &Crate) -> Vec<(String, Vec<String>)> {
    it.uses.iter().map(|(m, uses)| (m.join("/"), uses.iter().map(|m| m.join("/")).collect())).collect()
}

fn circle(members: &[&str]) -> BTreeSet<Vec<String>> {
    BTreeSet::from([members.iter().map(|m| (*m).to_owned()).collect()])
}

#[test]
fn imports_are_read_as_they_stand() {
    let it = crate_of(&[
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
    ]);
    let expected: [(&str, &[&str]); 5] = [
        ("", &[]),
        ("a", &["a/one", "b"]),
        ("a/one", &["a/two", "b"]),
        ("a/two", &["a/one"]),
        ("b", &["a/one"]),
    ];
    assert_eq!(
        uses(&it),
        expected.map(|(m, uses)| (m.to_owned(), uses.iter().map(|u| (*u).to_owned()).collect()))
    );
    assert_eq!(it.upward(&["b", "a"]), ["b uses a/one"]);
    assert_eq!(it.upward(&["a"]).len(), 3, "b is in no room, and is used twice");
    assert_eq!(it.circles(), circle(&["a/one", "a/two", "b"]));
}

#[test]
fn a_name_that_is_passed_on_is_used_where_it_is_defined() {
    let party = "use super::VouchedBy; pub struct Party; pub struct Key(VouchedBy);";
    for (passed, signer) in [
        (
            "pub use party::{Key, Party};\npub use signer::VouchedBy;",
            "use super::Party; pub enum VouchedBy {}",
        ),
        ("pub(crate) use party::*;\npub use self::signer::*;", "pub enum VouchedBy { By(super::Party) }"),
        (
            "pub use party::Party as One;\npub use signer::VouchedBy;",
            "use crate::views; pub fn VouchedBy(_: views::One) {}",
        ),
        ("use {party::Party, signer::VouchedBy};", "use super::Party; pub struct VouchedBy(Party);"),
        ("pub use {party::Party, signer::VouchedBy};", "use super::*; pub struct VouchedBy(Party);"),
        ("pub use party::*;\npub use signer::*;", "made! { pub struct VouchedBy(super::Party); }"),
    ] {
        let mods = format!("mod party;\nmod signer;\n{passed}");
        let it = crate_of(&[("views/mod.rs", &mods), ("views/party.rs", party), ("views/signer.rs", signer)]);
        assert_eq!(it.circles(), circle(&["views/party", "views/signer"]), "{passed} {signer}");
    }
    let it = crate_of(&[
        ("lib.rs", "pub use cli::up;"),
        ("cli/mod.rs", "mod one;\npub use one::up;"),
        ("cli/one.rs", "pub fn up() {}"),
        ("store.rs", "fn f() { crate::up() }"),
    ]);
    assert_eq!(it.upward(&["store", "cli"]), ["store uses cli/one"]);
}

#[test]
fn to_pass_a_name_on_is_no_use_of_it_but_from_above_it_is() {
    let it = crate_of(&[
        ("a/mod.rs", "mod one;\npub use one::f;\npub struct Shared;"),
        ("a/one.rs", "pub fn f(_: super::Shared) {}"),
        ("b.rs", "pub use crate::cli::up;"),
        ("cli.rs", "pub fn up() {}"),
    ]);
    assert!(it.circles().is_empty());
    assert_eq!(it.upward(&["a", "b", "cli"]), ["b uses cli"]);
}

#[test]
fn a_child_is_used_by_its_bare_name() {
    for code in [
        "fn f() { one::g() }",
        "use one::g;",
        "use one::{self, T};",
        "struct S(one::T);",
        "fn f() { m!(one::g()) }",
    ] {
        let code = format!("mod one;\npub struct Shared;\n{code}");
        let it =
            crate_of(&[("a/mod.rs", &code), ("a/one.rs", "pub struct T; pub fn g(_: super::Shared) {}")]);
        assert_eq!(it.circles(), circle(&["a", "a/one"]), "{code}");
    }
    let it =
        crate_of(&[("a/mod.rs", "mod one;\nfn f(one: u8) -> u8 { one }"), ("a/one.rs", "use super::f;")]);
    assert!(it.circles().is_empty(), "an argument is no module");
}

#[test]
fn a_module_within_a_file_is_a_part_of_it() {
    let it = crate_of(&[
        ("a/mod.rs", "mod one;\nmod two;"),
        (
            "a/one.rs",
            "fn g() {}\nmod inner { use super::g; use super::super::two::f; mod more { use super::super::g; } }",
        ),
        ("a/two.rs", "pub fn f() {}"),
    ]);
    let of_one: Vec<_> = uses(&it).into_iter().filter(|(m, _)| m == "a/one").collect();
    assert_eq!(of_one, [("a/one".to_owned(), vec!["a/two".to_owned()])]);
}

#[test]
fn no_arrow_up_hides_where_code_is_not_plain() {
    for code in [
        r#"fn f() -> String { format!("{}", crate::cli::up()) }"#,
        "fn f() { m![x, (y, { crate :: cli :: up })] }",
        "m! { use crate::{store, cli::{self, up}}; }",
        "macro_rules! m { () => { $crate::cli::up() } }",
        r#"struct X { #[serde(with = "crate::cli::up")] y: u8 }"#,
        r#"#[serde(into = "super::cli::Up")] struct X;"#,
        "#[tool(call = crate::cli::up)] fn f() {}",
        "#[derive(crate::cli::Up)] struct X;",
        "#[cfg(not(test))] mod m { fn f() { crate::cli::up() } }",
        "#[cfg(any(test, fuzzing))] mod m { fn f() { crate::cli::up() } }",
        "#[cfg(feature = \"test\")] use crate::cli::up;",
        "fn f() { use crate::cli; cli::up() }",
        "use crate as root; fn f() { root::cli::up() }",
    ] {
        let it = crate_of(&[("store.rs", code), ("cli.rs", "pub fn up() {}\npub struct Up;")]);
        assert_eq!(it.upward(&["store", "cli"]), ["store uses cli"], "{code}");
    }
}

#[test]
fn code_for_tests_alone_and_text_are_no_uses() {
    let it = crate_of(&[
        (
            "store.rs",
            "#[cfg(test)] mod tests;\n#[cfg(test)] use crate::cli::up;\n#[cfg(test)] fn f() { crate::cli::up() }\n\
             /// See [`crate::cli::up`].\npub(super) struct X;\nm! { pub(super) struct Y; }\nstruct Z;\n\
             impl Z { #[cfg(test)] fn g() { crate::cli::up() } fn h() { panic!(\"crate::cli::up failed\") } }",
        ),
        ("store/tests.rs", "use crate::cli::up;\n#[path = \"x.rs\"] mod x;"),
        ("cli.rs", "pub fn up() {}"),
    ]);
    assert_eq!(it.upward(&["store", "cli"]), [] as [String; 0]);
    assert_eq!(it.refused(), [] as [String; 0]);
}

#[test]
fn what_a_reader_of_paths_could_not_follow_is_refused() {
    for code in [
        "use crate as root;",
        "use crate::{self as root};",
        "extern crate self as root;",
        "#[path = \"../cli.rs\"] mod x;",
        "#[cfg_attr(unix, path = \"../cli.rs\")] mod x;",
        "include!(\"cli.rs\");",
        "fn f() -> u8 { std::include!(\"cli.rs\") }",
        "m! { include!(\"cli.rs\"); }",
    ] {
        assert_eq!(crate_of(&[("a.rs", code)]).refused().len(), 1, "{code}");
        let for_tests = format!("#[cfg(test)] mod tests {{ {code} }}");
        assert!(crate_of(&[("a.rs", &for_tests)]).refused().is_empty(), "{code}");
    }
    for code in
        ["const A: &str = include_str!(\"a.txt\");", "use crate::a as b;", "#[arg(path = \"a\")] struct X;"]
    {
        assert!(crate_of(&[("a.rs", code)]).refused().is_empty(), "{code}");
    }
}

#[test]
fn a_template_uses_what_its_paths_name() {
    let it = crate_of(&[
        ("store.rs", "#[derive(Template)] #[template(path = \"a.html\")] struct Page;"),
        ("cli.rs", "pub fn up() {}"),
        ("quiet.rs", ""),
        ("../templates/a.html", "{% extends \"base.html\" %}<p>{{ super::quiet::f() }}</p>"),
        ("../templates/base.html", "{% import \"parts.html\" as parts %}{% include \"base.html\" %}"),
        ("../templates/parts.html", "{% if let Some(crate::cli::Up) = x %}crate::quiet{% endif %}"),
    ]);
    assert_eq!(it.upward(&["quiet", "store", "cli"]), ["store uses cli"]);
    assert_eq!(it.upward(&["store", "quiet", "cli"]), ["store uses cli", "store uses quiet"]);
}
