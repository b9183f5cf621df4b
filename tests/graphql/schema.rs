//! `schema/schema.graphql` is what the API answers to. `UPDATE_SCHEMA=1 cargo test` writes it.

use std::{
    fs,
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

use crate::world::World;

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
    // In a folder beside the libraries, where the configuration finds them.
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
    // It does look: it finds a field without a description.
    let (clean, said) = lint(&format!("{schema}\nextend type Query {{\n\tnobodySaidWhatThisIs: Int\n}}\n"));
    assert!(!clean && said.contains("require-description"), "{said}");
}

/// Prints the differences that `graphql-inspector` finds between the schema on disk and the one that introspection gives; then
/// how many errors graphql.js finds in a query for all fields of all events, without the deprecated ones and with them.
const DIFF: &str = r#"
const { buildClientSchema, buildSchema, getIntrospectionQuery, isLeafType, getNamedType, parse, printSchema, validate } = require("graphql");
const { diff } = require("@graphql-inspector/core");
const [url, file] = process.argv.slice(1);
(async () => {
  const options = { descriptions: true, specifiedByUrl: true, inputValueDeprecation: true, schemaDescription: true,
    directiveIsRepeatable: true, oneOf: true };
  const headers = { "content-type": "application/json" };
  const body = JSON.stringify({ query: getIntrospectionQuery(options) });
  const { data, errors } = await (await fetch(url, { method: "POST", headers, body })).json();
  if (errors) throw new Error(JSON.stringify(errors));
  const served = buildClientSchema(data);
  // Both schemas are printed and parsed again: the library also compares directives, which only a text has.
  const written = buildSchema(require("fs").readFileSync(file, "utf8"));
  const [before, after] = [written, served].map((schema) => buildSchema(printSchema(schema)));
  const changes = await diff(before, after);
  const asked = (deprecated) => {
    const field = (f) => f.name + (isLeafType(getNamedType(f.type)) ? "" : " { __typename }");
    const fields = (type) => Object.values(type.getFields()).filter((f) => deprecated || !f.deprecationReason);
    const types = served.getPossibleTypes(served.getType("Event"));
    const all = types.map((type) => `... on ${type.name} { ${fields(type).map(field).join(" ")} }`);
    return validate(served, parse(`{ events { nodes { ${all.join(" ")} } } }`)).length;
  };
  console.log(JSON.stringify({ changes: changes.map((c) => c.message), own: asked(false), all: asked(true) }));
})();
"#;

/// Prints the fields, without deprecated ones, that two objects of one interface or union have in shapes that can't stand in one
/// answer (GraphQL, section 5.3.2): one is a list, or may be null, or is another scalar, and the other is not.
const CONFLICTS: &str = r#"
const { buildSchema, getNullableType, isAbstractType, isLeafType, isListType, isNonNullType } = require("graphql");
const schema = buildSchema(require("fs").readFileSync(0, "utf8"));
const found = new Set(), seen = new Set();
const compare = (a, b, place) => {
  if (isNonNullType(a) !== isNonNullType(b)) return found.add(place);
  [a, b] = [getNullableType(a), getNullableType(b)];
  if (isListType(a) !== isListType(b)) return found.add(place);
  if (isListType(a)) return compare(a.ofType, b.ofType, place);
  if (a === b) return;
  if (isLeafType(a) || isLeafType(b)) return found.add(place);
  objects([...new Set([a, b].flatMap((type) => (isAbstractType(type) ? schema.getPossibleTypes(type) : [type])))]);
};
const objects = (types) => {
  for (const a of types) for (const b of types) {
    const pair = `${a.name} ${b.name}`;
    if (a.name >= b.name || seen.has(pair)) continue;
    seen.add(pair);
    for (const field of Object.values(a.getFields())) {
      const other = b.getFields()[field.name];
      if (other && !field.deprecationReason && !other.deprecationReason)
        compare(field.type, other.type, `${field.name} of ${pair}`);
    }
  }
};
Object.values(schema.getTypeMap()).filter(isAbstractType).forEach((type) => objects(schema.getPossibleTypes(type)));
console.log(JSON.stringify([...found].sort()));
"#;

#[test]
fn one_query_can_ask_all_nodes_for_all_their_fields() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let conflicts = |schema: &str| -> Vec<String> {
        let mut node = Command::new("node");
        node.args(["-e", CONFLICTS]).env("NODE_PATH", root.join("target/npm/node_modules"));
        let mut node = node.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        node.stdin.take().unwrap().write_all(schema.as_bytes()).unwrap();
        let output = node.wait_with_output().unwrap();
        assert!(output.status.success());
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let schema = onrecord::serve::sdl();
    assert_eq!(conflicts(&schema), [] as [&str; 0]);
    // It does look, at unions and at the types of fields.
    let more = "union Some = One | Two\ntype One { a: Inner }\ntype Two { a: Other }\ntype Inner { b: Int }\ntype Other { b: [Int] }\n";
    assert_eq!(conflicts(&(schema + more)), ["b of Inner Other"]);
}

#[test]
fn introspection_tells_of_the_schema_on_disk() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let modules = root.join("target/npm/node_modules");
    assert!(modules.join("@graphql-inspector").is_dir(), "`./test test` installs the npm library");
    let w = World::empty().served();
    let url = format!("http://{}/graphql", w.server().address);
    let look = |schema: &Path| -> serde_json::Value {
        let mut node = Command::new("node");
        node.args(["-e", DIFF, &url]).arg(schema).env("NODE_PATH", &modules);
        let output = node.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let path = root.join("schema/schema.graphql");
    let found = look(&path);
    assert_eq!(found["changes"], serde_json::json!([]));
    assert_eq!(found["own"], 0, "one query can ask for all that events of all types say, without an alias");
    assert!(found["all"].as_u64().unwrap() > 0, "and it looks for what can't be asked for together");
    // It does look: it finds an interface that introspection does not name.
    let changed = w.at("changed.graphql");
    let schema = fs::read_to_string(path).unwrap();
    fs::write(&changed, schema.replace("\ninterface Event {", "\ninterface Event implements Node {"))
        .unwrap();
    let found = look(&changed);
    let found = found["changes"].as_array().unwrap();
    assert!(found.len() == 1 && found[0].as_str().unwrap().contains("Node"), "{found:?}");
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
