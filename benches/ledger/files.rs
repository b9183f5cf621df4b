//! Full tiles and bundles, served by us and by nginx from the same folder, asked for by the same load generator.

use std::{
    fs,
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use onrecord::log::{TileKind, TilePath, tiles_of};

use crate::{
    grown::Grown,
    load::{self, Load},
    part, per_second,
    process::{Cpu, Program},
    row,
};

const CONNECTIONS: usize = 64;

pub fn run(grown: &mut Grown, entries: u64) {
    grown.grow_to(entries);
    let size = grown.size();
    grown.close();
    part(&format!("static files ({size} entries, {CONNECTIONS} connections)"));
    let tmp = tempfile::tempdir().unwrap();
    let (ours, our_address) = Program::serve(&grown.dir());
    let nginx = nginx(tmp.path(), &grown.dir().join("public"));
    if nginx.is_none() {
        row("nginx", "not measured: it is not installed");
    }
    let full: Vec<TilePath> = tiles_of(size).filter(|path| path.is_full()).collect();
    for (name, kind, times) in
        [("hash tiles", TileKind::Hashes { level: 0 }, 60_000), ("bundles", TileKind::Entries, 10_000)]
    {
        let paths: Vec<&TilePath> = full.iter().filter(|path| path.kind() == kind).collect();
        let get = |path: &&TilePath| {
            format!("GET /{path} HTTP/1.1\r\nHost: ledger.example.org\r\n\r\n").into_bytes()
        };
        // Neighbours do not follow each other, and the order is the same in each run.
        let requests: Vec<Vec<u8>> = (0..paths.len()).map(|i| get(&paths[i * 7_919 % paths.len()])).collect();
        let measure = |program: &Program, address| {
            load::run(address, CONNECTIONS, requests.clone(), requests.len(), None);
            let before = program.cpu();
            let load = load::run(address, CONNECTIONS, requests.clone(), times, None);
            (Cpu::since(before, program.cpu()), load)
        };
        let say = |(cpu, load): &(Duration, Load)| {
            let each = |cpu: Duration| cpu.as_secs_f64() * 1e6 / times as f64;
            let (rate, mib) = (per_second(times, load.took), per_second(load.bytes >> 20, load.took));
            let (server, own) = (each(*cpu), each(load.cpu));
            format!(
                "{rate:.0} /s, {mib:.0} MiB/s; an answer takes {server:.0} µs, the load generator {own:.0}"
            )
        };
        let here = measure(&ours, our_address);
        row(name, &say(&here));
        if let Some((program, address)) = &nginx {
            let there = measure(program, *address);
            row("  by nginx", &say(&there));
            let cpu = there.0.as_secs_f64() / here.0.as_secs_f64();
            let ratio = there.1.took.as_secs_f64() / here.1.took.as_secs_f64();
            row("  of nginx", &format!("{ratio:.2} (bar 0.5); by processor time {cpu:.2}"));
        }
    }
}

/// nginx over a folder, set up as by default, but for connections that stay open while requests come. `None` if it is not
/// installed.
fn nginx(tmp: &Path, root: &Path) -> Option<(Program, SocketAddr)> {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (tmp_text, root) = (tmp.display(), root.display());
    // Otherwise its workers would run as a user that can't read a folder of mode 0700.
    let user = if fs::metadata("/root/.").is_ok() { "user root;" } else { "" };
    let config = format!(
        "{user} worker_processes auto; daemon off; pid {tmp_text}/pid; error_log {tmp_text}/error;\n\
         events {{ worker_connections 1024; }}\n\
         http {{ access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000;\n\
         client_body_temp_path {tmp_text}/a; proxy_temp_path {tmp_text}/b; fastcgi_temp_path {tmp_text}/c;\n\
         uwsgi_temp_path {tmp_text}/d; scgi_temp_path {tmp_text}/e;\n\
         server {{ listen {address}; root {root}; }} }}\n"
    );
    fs::write(tmp.join("nginx.conf"), config).unwrap();
    let mut command = Command::new("nginx");
    command.arg("-c").arg(tmp.join("nginx.conf")).stdin(Stdio::null()).stderr(Stdio::null());
    let program = Program(command.spawn().ok()?);
    for _ in 0..100 {
        if TcpStream::connect(address).is_ok() {
            return Some((program, address));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    None
}
