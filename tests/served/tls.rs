//! TLS at the server itself: who is answered, with which certificate, and what is refused at the start.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::{Duration, Instant},
};

use crate::program::Program;
use crate::support::*;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        let tmp = tempfile::tempdir().unwrap();
        init(&tmp.path().join("ledger"));
        Self(tmp)
    }
    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
    /// Writes a self-signed certificate for `localhost` under these names. Its serial number tells it from others.
    fn certificate(&self, cert: &str, key: &str, serial: &str) {
        let made = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"])
            .args(["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"])
            .args(["-set_serial", serial, "-keyout"])
            .arg(self.path(key))
            .arg("-out")
            .arg(self.path(cert))
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        std::fs::set_permissions(self.path(key), std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    fn serve(&self) -> Program {
        let (cert, key) = (self.path("cert.pem"), self.path("key.pem"));
        let flags = ["--tls-cert", cert.to_str().unwrap(), "--tls-key", key.to_str().unwrap()];
        Program::logged(&self.path("ledger"), &flags, &self.path("log"))
    }
    /// What a start with these files says when it is refused.
    fn refused(&self, cert: &str, key: &str) -> String {
        let out = Command::new(env!("CARGO_BIN_EXE_onrecord"))
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(self.path("ledger"))
            .arg("--tls-cert")
            .arg(self.path(cert))
            .arg("--tls-key")
            .arg(self.path(key))
            .output()
            .unwrap();
        assert_eq!((out.status.code(), out.stdout.len()), (Some(2), 0));
        String::from_utf8(out.stderr).unwrap()
    }
}

/// `curl` that trusts this certificate alone.
fn curl(served: &Program, trusted: &Path, args: &[&str], path: &str) -> Output {
    let port = served.address.port();
    Command::new("curl")
        .args(["-sS", "--max-time", "20", "--resolve", &format!("localhost:{port}:127.0.0.1"), "--cacert"])
        .arg(trusted)
        .args(args)
        .arg(format!("https://localhost:{port}{path}"))
        .output()
        .unwrap()
}

#[test]
fn a_ledger_is_served_over_tls_and_says_so() {
    let folder = Folder::new();
    folder.certificate("cert.pem", "key.pem", "1");
    folder.certificate("other.pem", "other.key", "2");
    let served = folder.serve();
    assert_eq!(served.scheme, "https");
    let trusted = folder.path("cert.pem");
    let page = curl(&served, &trusted, &["-i"], "/");
    let text = String::from_utf8(page.stdout).unwrap();
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    assert!(text.contains("strict-transport-security: max-age=31536000\r\n"), "{text}");
    assert!(text.contains(&format!("https://localhost:{}", served.address.port())), "links say https");
    // A client that offers HTTP/2 speaks HTTP/1.1 here; one that trusts another certificate hears nothing.
    let checkpoint = curl(&served, &trusted, &["--http2", "-w", "%{http_version}"], "/checkpoint");
    let text = String::from_utf8(checkpoint.stdout).unwrap();
    assert!(text.starts_with(ORIGIN) && text.ends_with("\n1.1"), "{text}");
    let other = curl(&served, &folder.path("other.pem"), &[], "/checkpoint");
    assert!(!other.status.success() && other.stdout.is_empty());
    // Old versions of TLS are not spoken, and a client without TLS is not answered.
    let old = curl(&served, &trusted, &["--tls-max", "1.1"], "/checkpoint");
    assert!(!old.status.success() && old.stdout.is_empty());
    let mut plain = TcpStream::connect(served.address).unwrap();
    plain.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    plain.write_all(b"GET /checkpoint HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer);
    assert!(!String::from_utf8_lossy(&answer).contains("HTTP"), "{answer:?}");
    // A file larger than all buffers comes whole, and so does an uploaded body.
    let big = folder.path("big");
    std::fs::write(&big, vec![7; 3 << 20]).unwrap();
    let digest = onrecord::event::Digest::blake3(&vec![7; 3 << 20]);
    let put = curl(&served, &trusted, &["-T", big.to_str().unwrap()], &format!("/file/{digest}"));
    assert_eq!(String::from_utf8(put.stdout).unwrap(), "waiting for an event that names it\n");
}

/// The serial number of the certificate that new connections are shown.
fn serial(served: &Program) -> String {
    let out = Command::new("sh")
        .arg("-c")
        .arg(format!(
            "openssl s_client -connect {} -servername localhost </dev/null 2>/dev/null | openssl x509 -noout -serial",
            served.address
        ))
        .output()
        .unwrap();
    String::from_utf8(out.stdout).unwrap().trim().to_owned()
}

#[test]
fn a_renewed_certificate_is_taken_at_sighup_and_a_broken_one_is_not() {
    let folder = Folder::new();
    folder.certificate("cert.pem", "key.pem", "0x11");
    let mut served = folder.serve();
    assert_eq!(serial(&served), "serial=11");
    let hangup = |served: &Program| {
        let sent = Command::new("kill").args(["-HUP", &served.pid().to_string()]).status().unwrap();
        assert!(sent.success());
    };
    let logged = |text: &str| {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !std::fs::read_to_string(folder.path("log")).unwrap().contains(text) {
            assert!(Instant::now() < deadline, "never logged: {text}");
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    folder.certificate("cert.pem", "key.pem", "0x22");
    hangup(&served);
    logged("the certificate was read again");
    assert_eq!(serial(&served), "serial=22");
    std::fs::write(folder.path("cert.pem"), "half a certif").unwrap();
    hangup(&served);
    logged("the certificate stays what it was");
    assert_eq!(serial(&served), "serial=22");
    assert!(served.is_running());
}

#[test]
fn certificates_and_keys_of_no_use_are_refused_at_the_start() {
    let folder = Folder::new();
    folder.certificate("cert.pem", "key.pem", "1");
    folder.certificate("other.pem", "other.key", "2");
    let secret = std::fs::read_to_string(folder.path("key.pem")).unwrap();
    let secret = secret.lines().nth(1).unwrap();
    let mut said = Vec::new();
    let mut refused = |cert: &str, key: &str, expected: &str| {
        let text = folder.refused(cert, key);
        assert!(text.contains(expected), "{cert} {key}: {text}");
        said.push(text);
    };
    refused("none.pem", "key.pem", "none.pem: ");
    refused("cert.pem", "none.key", "none.key: ");
    refused("key.pem", "key.pem", "expected certificates in PEM");
    refused("cert.pem", "cert.pem", "others can read or write this key (mode 644)");
    refused("cert.pem", "other.key", "cert.pem: ");
    std::fs::write(folder.path("empty"), "").unwrap();
    refused("empty", "key.pem", "expected certificates in PEM");
    std::fs::set_permissions(folder.path("empty"), std::fs::Permissions::from_mode(0o600)).unwrap();
    refused("cert.pem", "empty", "expected a private key in PEM");
    std::fs::set_permissions(folder.path("key.pem"), std::fs::Permissions::from_mode(0o644)).unwrap();
    refused("cert.pem", "key.pem", "mode 644");
    assert!(said.iter().all(|text| !text.contains(secret)), "the key is in no message");
    // A certificate without its key.
    let out = Command::new(env!("CARGO_BIN_EXE_onrecord"))
        .args(["serve", "--data"])
        .arg(folder.path("ledger"))
        .arg("--tls-cert")
        .arg(folder.path("cert.pem"))
        .output()
        .unwrap();
    assert_eq!(out.status.code(), Some(2));
    assert!(String::from_utf8(out.stderr).unwrap().contains("both --tls-cert FILE and --tls-key FILE"));
}

#[test]
fn a_handshake_of_more_bytes_than_any_has_is_cut_off() {
    let folder = Folder::new();
    folder.certificate("cert.pem", "key.pem", "1");
    let served = folder.serve();
    let mut stream = TcpStream::connect(served.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    // A ClientHello that says that it has 65,000 bytes, in records of 16,000 (RFC 8446, sections 4 and 5.1).
    let hello = [&[1, 0, 0xfd, 0xe8][..], &[0; 65_000]].concat();
    let began = Instant::now();
    for part in hello.chunks(16_000).take(3) {
        let record = [&[22, 3, 1][..], &(part.len() as u16).to_be_bytes(), part].concat();
        // It may be cut off by then.
        let _ = stream.write_all(&record);
    }
    let mut answer = Vec::new();
    // The server closes the connection, or resets it where bytes were left unread. It does not wait for the time limit.
    let end = stream.read_to_end(&mut answer);
    assert!(began.elapsed() < Duration::from_secs(4), "{end:?} after {:?}", began.elapsed());
}
