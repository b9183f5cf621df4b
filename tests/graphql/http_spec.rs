//! GraphQL over HTTP, judged by the audit of the npm library `graphql-http`, and asked by clients that would prefer persisted
//! queries or streams.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::http::Server;
use crate::world::World;
use serde_json::{Value, json};

/// Prints one line of JSON for each audit: its id, its name, `ok`, `warn`, `notice` or `error`, and why.
const AUDIT: &str = r#"
const { auditServer } = require("graphql-http");
auditServer({ url: process.argv[1] }).then((results) => {
  for (const { id, name, status, reason } of results) console.log(JSON.stringify({ id, name, status, reason }));
});
"#;

/// Has each client ask a persisted query twice, by POST and by GET. Prints one line of JSON each time: who asked, the answer,
/// and what was sent for it.
const PERSISTED: &str = r#"
const { createHash } = require("crypto");
const { ApolloClient, HttpLink, InMemoryCache, gql } = require("@apollo/client");
const { PersistedQueryLink } = require("@apollo/client/link/persisted-queries");
const { Client, fetchExchange } = require("@urql/core");
const { persistedExchange } = require("@urql/exchange-persisted");
const url = process.argv[1];
const sent = [];
const watched = async (to, options) => {
  sent.push((options.method ?? "GET") + (/[?&]query=|"query"/.test(to + (options.body ?? "")) ? " query" : " hash"));
  return fetch(to, options);
};
const query = gql`query Size { checkpoint { size } }`;
const sha256 = (text) => createHash("sha256").update(text).digest("hex");
(async () => {
  for (const useGETForHashedQueries of [false, true]) {
    const persisted = new PersistedQueryLink({ sha256, useGETForHashedQueries });
    const link = persisted.concat(new HttpLink({ uri: url, fetch: watched }));
    const client = new ApolloClient({ link, cache: new InMemoryCache() });
    for (let i = 0; i < 2; i++) {
      const { data } = await client.query({ query, fetchPolicy: "network-only" });
      console.log(JSON.stringify(["apollo", data.checkpoint.size, sent.splice(0)]));
    }
  }
  for (const preferGetForPersistedQueries of [false, true]) {
    const exchanges = [persistedExchange({ preferGetForPersistedQueries, generateHash: async (text) => sha256(text) }), fetchExchange];
    const client = new Client({ url, exchanges, fetch: watched, requestPolicy: "network-only" });
    for (let i = 0; i < 2; i++) {
      const { data, error } = await client.query("query Size { checkpoint { size } }", {});
      if (error) throw error;
      console.log(JSON.stringify(["urql", data.checkpoint.size, sent.splice(0)]));
    }
  }
})();
"#;

fn modules() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/npm/node_modules")
}

/// Runs a script against a server. Gives the lines of JSON that it prints.
fn run(script: &str, server: &Server) -> Vec<Value> {
    let url = format!("http://{}/graphql", server.address);
    let node = Command::new("node").args(["-e", script, &url]).env("NODE_PATH", modules()).output().unwrap();
    assert!(node.status.success(), "{}", String::from_utf8_lossy(&node.stderr));
    let printed = String::from_utf8(node.stdout).unwrap();
    printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn all_61_audits_of_graphql_http_are_ok() {
    assert!(modules().join("graphql-http").is_dir(), "`./test test` installs the npm library graphql-http");
    let w = World::empty().served();
    let audits = run(AUDIT, w.server());
    let failed: Vec<&Value> = audits.iter().filter(|audit| audit["status"] != "ok").collect();
    assert!(failed.is_empty(), "{failed:#?}");
    assert_eq!(audits.len(), 61);
}

#[test]
fn clients_that_send_hashes_of_queries_send_the_queries_then() {
    for library in ["@apollo/client", "@urql/exchange-persisted"] {
        assert!(modules().join(library).is_dir(), "`./test test` installs the npm library {library}");
    }
    let w = World::empty().served();
    let asked = run(PERSISTED, w.server());
    assert_eq!(asked.len(), 8, "{asked:?}");
    let mut hashes = 0;
    for asked in &asked {
        assert_eq!(asked[1], 1, "{asked}");
        let sent = asked[2].as_array().unwrap();
        // The second time no client sends a hash again.
        hashes += sent.iter().filter(|sent| sent.as_str().unwrap().ends_with(" hash")).count();
        assert!(sent.last().unwrap().as_str().unwrap().ends_with(" query"), "{asked}");
    }
    assert_eq!(hashes, 4, "{asked:?}");
}

const SENT: (&str, &str) = ("Content-Type", "application/json");
const NEW: (&str, &str) = ("Accept", "application/graphql-response+json");

#[test]
fn a_hash_alone_is_not_supported_and_a_hash_beside_a_query_is_not_looked_at() {
    let w = World::empty().served();
    let persisted = json!({"persistedQuery": {"version": 1, "sha256Hash": "0".repeat(64)}});
    let expected = json!({"errors": [{
        "message": "PersistedQueryNotSupported", "extensions": {"code": "PERSISTED_QUERY_NOT_SUPPORTED"}
    }]});
    let path = format!("/graphql?extensions={}", encoded(&persisted.to_string()));
    for query in [Value::Null, json!("{checkpoint{size}}")] {
        for (headers, status) in [(vec![SENT], 200), (vec![SENT, NEW], 400)] {
            let body = json!({"query": query, "extensions": persisted}).to_string();
            let path = match query.as_str() {
                Some(query) => format!("{path}&query={}", encoded(query)),
                None => path.clone(),
            };
            let post = w.server().send("POST", "/graphql", &headers, body.as_bytes());
            let get = w.server().send("GET", &path, &headers[1..], b"");
            for reply in [post, get] {
                match query.is_null() {
                    true => assert_eq!((reply.status, reply.json()), (status, expected.clone())),
                    false => assert_eq!(reply.json(), json!({"data": {"checkpoint": {"size": 1}}})),
                }
            }
        }
    }
    // Without a query and without a hash it is no request.
    for extensions in [json!({}), json!({"persistedQuery": 7}), json!({"other": {}})] {
        let body = json!({"extensions": extensions}).to_string();
        let reply = w.server().send("POST", "/graphql", &[SENT], body.as_bytes());
        assert_eq!(
            (reply.status, &reply.json()["errors"][0]["extensions"]["code"]),
            (400, &json!("BAD_REQUEST"))
        );
    }
}

fn encoded(text: &str) -> String {
    text.bytes().map(|b| format!("%{b:02X}")).collect()
}

#[test]
fn who_takes_only_a_stream_of_events_is_told_that_there_is_none() {
    let w = World::empty().served();
    let body = br#"{"query":"{checkpoint{size}}"}"#;
    let path = format!("/graphql?query={}", encoded("{checkpoint{size}}"));
    let ask = |accept: &str| {
        let post = w.server().send("POST", "/graphql", &[SENT, ("Accept", accept)], body);
        [post, w.server().send("GET", &path, &[("Accept", accept)], b"")]
    };
    // What `graphql-sse` accepts; and clients that accept only answers in parts.
    for accept in ["text/event-stream", "multipart/mixed", "text/event-stream;q=1, application/json;q=0"] {
        for reply in ask(accept) {
            assert_eq!(reply.status, 406, "{accept}: {}", reply.text());
            let error = &reply.json()["errors"][0];
            assert_eq!(error["extensions"]["code"], "NOT_ACCEPTABLE");
            assert!(error["message"].as_str().unwrap().contains("graphql-transport-ws"), "{error}");
        }
    }
    for accept in ["text/event-stream, application/json", "text/event-stream, */*", "*/*"] {
        for reply in ask(accept) {
            assert_eq!(
                (reply.status, &reply.json()["data"]["checkpoint"]["size"]),
                (200, &json!(1)),
                "{accept}"
            );
        }
    }
    // A mutation that can't be answered is not run.
    let mutation = br#"{"query":"mutation { record(input: {submissions: []}) { userErrors { code } } }"}"#;
    let reply = w.server().send("POST", "/graphql", &[SENT, ("Accept", "text/event-stream")], mutation);
    assert_eq!(reply.status, 406);
}
