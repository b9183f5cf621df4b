//! GraphQL over HTTP, judged by the audit of the npm library `graphql-http`.

#[path = "support/http.rs"]
mod http;
mod support;

use std::{path::Path, process::Command};

use http::Server;
use serde_json::Value;
use support::*;

/// Prints one line of JSON for each audit: its id, its name, `ok`, `warn`, `notice` or `error`, and why.
const AUDIT: &str = r#"
const { auditServer } = require("graphql-http");
auditServer({ url: process.argv[1] }).then((results) => {
  for (const { id, name, status, reason } of results) console.log(JSON.stringify({ id, name, status, reason }));
});
"#;

#[test]
fn all_61_audits_of_graphql_http_are_ok() {
    let modules = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/npm/node_modules");
    assert!(modules.join("graphql-http").is_dir(), "`./test test` installs the npm library graphql-http");
    let tmp = tempfile::tempdir().unwrap();
    let dir = tmp.path().join("ledger");
    init(&dir);
    let server = Server::start(open(&dir));
    let url = format!("http://{}/graphql", server.address);
    let node = Command::new("node").args(["-e", AUDIT, &url]).env("NODE_PATH", &modules).output().unwrap();
    assert!(node.status.success(), "{}", String::from_utf8_lossy(&node.stderr));
    let printed = String::from_utf8(node.stdout).unwrap();
    let audits: Vec<Value> = printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let failed: Vec<&Value> = audits.iter().filter(|audit| audit["status"] != "ok").collect();
    assert!(failed.is_empty(), "{failed:#?}");
    assert_eq!(audits.len(), 61);
}
