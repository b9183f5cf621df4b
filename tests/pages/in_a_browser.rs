//! What a browser can check of the usability of pages (`tests/pages.mjs`): axe's rules, narrow windows, dark ones, and the size
//! of what is pressed. `./test` installs what it needs. With `ONRECORD_PAGES=all`, as in `./test full`, it takes every page
//! that links lead to, at more widths.

use std::{fs, path::Path, process::Command};

use crate::http::Server;
use crate::world::World;
use onrecord::views::Views;
use serde_json::{Value, json};

#[test]
fn pages_can_be_read_and_pressed_in_narrow_and_wide_windows_light_and_dark() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let modules = root.join("target/npm/node_modules");
    for module in ["playwright-core", "axe-core"] {
        assert!(modules.join(module).is_dir(), "`./test test` installs the npm library {module}");
    }
    let World { tmp, ledger, story: ids, .. } = World::whole();
    let server = Server::start(ledger);
    let views = Views::new(server.ledger.reader());
    let entry = |label: &str| format!("/e/{}", views.index_of(&ids[label]).unwrap().unwrap());
    let found = [
        "/".to_owned(),
        "/entries".into(),
        format!("/case/{}?asOf=2024-01-01", ids["case-contoh"]),
        format!("/case/{}", ids["case-socso"]),
        format!("/demand/{}?asOf=2024-01-01", ids["contoh-demand"]),
        format!("/party/{}", ids["agensi"]),
        format!("/party/{}", ids["desk"]),
        entry("contoh-demand"),
        entry("contoh-18-dec"),
        entry("contoh-press-wrong"),
        "/search".into(),
        format!("/search?q=contoh&party={}&type=statement.made", ids["agensi"]),
        "/search?q=contoh&case=december".into(),
        "/transparency".into(),
        "/verify".into(),
    ];
    let mut pages: Vec<Value> = found.iter().map(|path| json!({"path": path, "status": 200})).collect();
    pages.push(json!({"path": "/nothing", "status": 404}));
    pages.push(json!({"path": "/case/x/exhibits.zip", "status": 404}));
    pages.push(json!({"path": "/search?q=%22", "status": 400}));
    let every = std::env::var("ONRECORD_PAGES").is_ok_and(|which| which == "all");
    let plan = json!({"site": format!("http://{}", server.address), "pages": pages, "every": every});
    fs::write(tmp.path().join("plan.json"), plan.to_string()).unwrap();
    fs::copy(root.join("tests/pages.mjs"), tmp.path().join("pages.mjs")).unwrap();
    std::os::unix::fs::symlink(modules, tmp.path().join("node_modules")).unwrap();
    let mut node = Command::new("node");
    let out = node.args(["pages.mjs", "plan.json"]).current_dir(tmp.path()).output().unwrap();
    let said = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success() && said.contains("all as they should be"), "{said}");
    print!("{said}");
}
