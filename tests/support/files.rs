//! A server of plain files, like an object store or a static host. It answers as a rule says.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    sync::Arc,
};

/// Makes the answer to a request: a status, headers and a body. It is given the path, the file's bytes if there is one, and the
/// head of the request.
pub type Rule = dyn Fn(&str, Option<Vec<u8>>, &str) -> (u16, String, Vec<u8>) + Send + Sync;

/// Serves a folder until the test ends.
pub fn serve(root: &Path, rule: Arc<Rule>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, root) = (listener.local_addr().unwrap(), root.to_owned());
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let (root, rule) = (root.clone(), rule.clone());
            std::thread::spawn(move || answer(&stream, &root, &rule));
        }
    });
    address
}

fn answer(stream: &TcpStream, root: &Path, rule: &Arc<Rule>) {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    loop {
        let head: Vec<String> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
        let Some(path) = head.first().and_then(|line| line.split(' ').nth(1)) else { return };
        let path = path.trim_start_matches('/').to_owned();
        let file = root.join(&path);
        let bytes = if file.is_file() { fs::read(file).ok() } else { None };
        let (status, headers, body) = rule(&path, bytes, &head.join("\n").to_lowercase());
        let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n{headers}\r\n", body.len());
        // A client that has read enough closes the connection.
        if (&*stream).write_all(&[head.as_bytes(), &body].concat()).is_err() {
            return;
        }
    }
}
