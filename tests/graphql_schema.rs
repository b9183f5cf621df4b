//! `schema/schema.graphql` is what the API answers to. `UPDATE_SCHEMA=1 cargo test` writes it.

use std::{fs, path::Path, process::Command};

#[test]
fn the_schema_on_disk_is_the_one_that_is_served() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/schema/schema.graphql");
    let served = onrecord::serve::sdl();
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(path, &served).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(written == served, "schema/schema.graphql is not what is served; UPDATE_SCHEMA=1 writes it");
}

#[test]
fn every_type_field_and_value_is_described() {
    let sdl = onrecord::serve::sdl();
    let lines: Vec<&str> = sdl.lines().collect();
    let mut described = true;
    let mut inside = false;
    for (number, line) in lines.iter().enumerate() {
        let text = line.trim();
        if text == "\"\"\"" {
            inside = !inside;
            described = true;
            continue;
        }
        let thing = !inside
            && !text.is_empty()
            && !text.starts_with(['}', '{', ')'])
            && !text.starts_with("schema")
            && !text.starts_with("directive")
            && !text.starts_with("query:")
            && !text.starts_with("mutation:")
            && !text.starts_with("subscription:");
        if thing {
            assert!(described, "line {}: {line}", number + 1);
            described = false;
        }
        if text.starts_with('}') || text.starts_with("directive") {
            described = false;
        }
    }
}

#[test]
fn graphql_eslint_finds_nothing_in_the_schema() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let npm = root.join("target/npm");
    assert!(npm.join("node_modules/@graphql-eslint").is_dir(), "`./test test` installs the npm library");
    // Beside the libraries, where the configuration finds them.
    let lint = |schema: &str| {
        let folder = tempfile::tempdir_in(&npm).unwrap();
        fs::copy(root.join("schema/eslint.config.mjs"), folder.path().join("eslint.config.mjs")).unwrap();
        fs::write(folder.path().join("schema.graphql"), schema).unwrap();
        let mut eslint = Command::new(npm.join("node_modules/.bin/eslint"));
        let output = eslint.arg("schema.graphql").current_dir(folder.path()).output().unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let schema = fs::read_to_string(root.join("schema/schema.graphql")).unwrap();
    let (clean, said) = lint(&schema);
    assert!(clean, "{said}");
    // It does look: a field without a description is found.
    let (clean, said) = lint(&format!("{schema}\nextend type Query {{\n\tnobodySaidWhatThisIs: Int\n}}\n"));
    assert!(!clean && said.contains("require-description"), "{said}");
}

#[test]
fn every_page_but_search_can_be_gone_through_both_ways() {
    let schema = onrecord::serve::sdl();
    let mut pages = 0;
    for (at, _) in schema.match_indices("): ") {
        let Some(ty) = schema[at + 3..].split_whitespace().next() else { continue };
        if !ty.ends_with("Connection!") || ty == "SearchConnection!" {
            continue;
        }
        let arguments = &schema[schema[..at].rfind("(\n").unwrap()..at];
        for name in ["first: Int", "last: Int", "after: String", "before: String"] {
            assert!(arguments.contains(name), "{ty}: {name}");
        }
        pages += 1;
    }
    assert!(pages >= 8, "{pages}");
}
