//! Time-stamping authorities: openssl with keys and certificates of its own, in a folder, and behind HTTP.
#![allow(dead_code, missing_docs, reason = "each test uses a part")]

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

/// The extensions of an authority's certificate, as they should be.
pub const FOR_STAMPS: &str = "keyUsage=critical,digitalSignature\nextendedKeyUsage=critical,timeStamping\n";

pub fn openssl<S: AsRef<std::ffi::OsStr>>(dir: &Path, args: &[S]) -> Vec<u8> {
    let out = Command::new("openssl").args(args).current_dir(dir).output().unwrap();
    let args: Vec<_> = args.iter().map(|a| a.as_ref().to_string_lossy().into_owned()).collect();
    assert!(out.status.success(), "openssl {args:?}: {}", String::from_utf8_lossy(&out.stderr));
    out.stdout
}

/// A root, an intermediate and certificates below it, in a folder.
pub struct Authority {
    dir: tempfile::TempDir,
    /// The kind of its keys: `rsa:3072`, or a curve.
    keys: &'static str,
    /// Held while openssl works: it passes files of one name in the folder.
    turn: Mutex<()>,
}

impl Authority {
    /// A synthetic one of this name, whose keys are of this kind and whose signer is `tsa`.
    pub fn new(name: &str, keys: &'static str) -> Self {
        let this = Self { dir: tempfile::tempdir().unwrap(), keys, turn: Mutex::new(()) };
        this.write("ca.cnf", "[req]\ndistinguished_name=dn\n[dn]\n");
        this.key("root");
        let subject = format!("/O={name} (synthetic)/CN={name} root");
        this.run(&format!(
            "req -x509 -config ca.cnf -key root.key -out root.pem -days 3650 -subj|{subject}|-addext|\
             basicConstraints=critical,CA:TRUE|-addext|keyUsage=critical,keyCertSign"
        ));
        this.issue("between", &format!("{name} issuing"), "root", CA, None);
        this.issue("tsa", &format!("{name} stamps"), "between", FOR_STAMPS, None);
        this.configure("sha256", "sha256");
        this
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.path(name), bytes).unwrap();
    }

    /// Runs openssl in the folder. Arguments are separated by spaces up to the first `|`, then by `|`.
    pub fn run(&self, line: &str) -> Vec<u8> {
        let (words, rest) = line.split_once('|').map_or((line, None), |(a, b)| (a, Some(b)));
        let args: Vec<&str> =
            words.split_ascii_whitespace().chain(rest.iter().flat_map(|r| r.split('|'))).collect();
        openssl(self.dir.path(), &args)
    }

    fn key(&self, name: &str) {
        match self.keys.split_once(':') {
            Some((_, bits)) => {
                self.run(&format!("genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:{bits} -out {name}.key"))
            }
            None => self.run(&format!(
                "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:{} -out {name}.key",
                self.keys
            )),
        };
    }

    /// A key, and its certificate by an issuer; good for ten years, or between two times (`YYYYMMDDHHMMSSZ`).
    pub fn issue(
        &self,
        name: &str,
        subject: &str,
        issuer: &str,
        extensions: &str,
        times: Option<(&str, &str)>,
    ) {
        self.key(name);
        self.run(&format!(
            "req -new -config ca.cnf -key {name}.key -out {name}.csr -subj|/O=Synthetic/CN={subject}"
        ));
        // By `ca`, as `x509 -req` can't set dates.
        self.write(
            "issue.cnf",
            format!(
                "[ca]\ndefault_ca=it\n[it]\ndatabase=index.txt\nserial=serial\nnew_certs_dir=.\ndefault_md=sha256\n\
                 policy=any\nunique_subject=no\nx509_extensions=ext\n[any]\nO=optional\nCN=supplied\n[ext]\n\
                 subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n{extensions}"
            ),
        );
        self.write("index.txt", "");
        let mut serial = [0; 8];
        getrandom::fill(&mut serial).unwrap();
        self.write("serial", format!("{:016x}\n", u64::from_be_bytes(serial) >> 1 | 1 << 62));
        let times =
            times.map_or_else(|| "-days 3650".to_owned(), |(a, b)| format!("-startdate {a} -enddate {b}"));
        self.run(&format!(
            "ca -batch -notext -config issue.cnf -cert {issuer}.pem -keyfile {issuer}.key -in {name}.csr -out {name}.pem {times}"
        ));
    }

    /// How `openssl ts` stamps from now on: the digest that is signed, and the one that names the certificate.
    pub fn configure(&self, digest: &str, ess: &str) {
        self.write("tsa.serial", "01\n");
        self.write(
            "tsa.cnf",
            format!(
                "[tsa]\ndefault_tsa=it\n[it]\nserial=tsa.serial\nsigner_cert=tsa.pem\ncerts=between.pem\n\
                 signer_key=tsa.key\nsigner_digest={digest}\ndefault_policy=1.2.3.4.1\ndigests=sha256,sha512\n\
                 accuracy=secs:1\nordering=no\ntsa_name=yes\ness_cert_id_alg={ess}\n"
            ),
        );
    }

    /// What it answers to a request.
    pub fn answer(&self, query: &[u8]) -> Vec<u8> {
        let _turn = self.turn.lock().unwrap();
        self.write("query.tsq", query);
        self.run("ts -reply -config tsa.cnf -queryfile query.tsq -out answer.tsr");
        self.read("answer.tsr")
    }

    /// A token over a TSTInfo, made with these arguments by openssl's command for signed messages, which does not check
    /// whether it is a token as it should be.
    pub fn sign(&self, content: &[u8], args: &str) -> Vec<u8> {
        let _turn = self.turn.lock().unwrap();
        self.write("content", content);
        self.run(&format!(
            "cms -sign -binary -nodetach -nosmimecap -econtent_type 1.2.840.113549.1.9.16.1.4 -in content -outform DER \
             -out signed.der -md sha256 {args}"
        ));
        self.read("signed.der")
    }

    /// A token over a digest with another time (`YYYYMMDDHHMMSSZ`), otherwise as it should be.
    pub fn at(&self, sha256: &[u8; 32], time: &str) -> Vec<u8> {
        self.by_hand(&tst_info(sha256, time))
    }

    /// A token over a TSTInfo made by hand, otherwise as it should be.
    pub fn by_hand(&self, content: &[u8]) -> Vec<u8> {
        self.sign(content, "-cades -signer tsa.pem -inkey tsa.key -certfile between.pem")
    }
}

/// The extensions of an issuing CA's certificate.
pub const CA: &str = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n";

/// A TSTInfo in DER.
pub fn tst_info(sha256: &[u8; 32], time: &str) -> Vec<u8> {
    let mut body = vec![2, 1, 1, 6, 4, 0x2a, 3, 4, 1];
    body.extend([0x30, 0x31, 0x30, 0x0d, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1, 5, 0, 4, 0x20]);
    body.extend(sha256);
    body.extend([2, 1, 7, 0x18, time.len() as u8]);
    body.extend(time.as_bytes());
    [&[0x30, body.len() as u8][..], &body].concat()
}

/// How an authority behind HTTP behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    Good,
    /// Answers 500.
    Failing,
    /// Takes the request and says nothing.
    Silent,
    /// Answers with what is no token.
    Garbage,
    /// Answers the request before this one.
    Late,
    /// Answers that it grants nothing.
    Refusing,
    /// Answers more than anybody reads.
    Endless,
    /// Stamps with a time of long ago.
    Old,
}

/// An authority behind HTTP on the loopback.
pub struct Server {
    pub address: SocketAddr,
    manner: Arc<Mutex<Manner>>,
    asked: Arc<AtomicUsize>,
}

impl Server {
    pub fn start(authority: Arc<Authority>, manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let this =
            Self { address, manner: Arc::new(Mutex::new(manner)), asked: Arc::new(AtomicUsize::new(0)) };
        let (manner, asked) = (this.manner.clone(), this.asked.clone());
        std::thread::spawn(move || {
            let mut before: Vec<u8> =
                onrecord_verify::timestamp::Query::new(&[0; 32], [1; 8]).as_bytes().to_vec();
            let mut silent = Vec::new();
            for stream in listener.incoming().map_while(Result::ok) {
                let Some(query) = read_query(&stream) else { continue };
                asked.fetch_add(1, Ordering::SeqCst);
                let manner = *manner.lock().unwrap();
                let answer = match manner {
                    Manner::Good => authority.answer(&query),
                    Manner::Late => authority.answer(&before),
                    Manner::Old => {
                        let mut info = tst_info(&query[24..56].try_into().unwrap(), "20200101000000Z");
                        info.extend(&query[56..66]); // The nonce.
                        info[1] += 10;
                        authority.by_hand(&info)
                    }
                    Manner::Garbage => b"<html>welcome</html>".to_vec(),
                    // PKIStatusInfo: rejection, a text, badRequest.
                    Manner::Refusing => {
                        let mut answer = vec![0x30, 0x13, 0x30, 0x11, 2, 1, 2, 0x30, 8, 0x0c, 6];
                        answer.extend(b"closed");
                        answer.extend([3, 2, 5, 0x20]);
                        answer
                    }
                    Manner::Endless => vec![0x30; 1 << 20],
                    Manner::Failing | Manner::Silent => Vec::new(),
                };
                before = query;
                match manner {
                    Manner::Silent => silent.push(stream),
                    Manner::Failing => respond(stream, 500, &answer),
                    _ => respond(stream, 200, &answer),
                }
            }
        });
        this
    }

    pub fn url(&self) -> String {
        format!("http://{}/tsr", self.address)
    }

    pub fn behave(&self, manner: Manner) {
        *self.manner.lock().unwrap() = manner;
    }

    /// How often it was asked.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

/// The body of a request to an authority, if it can be read.
fn read_query(mut stream: &TcpStream) -> Option<Vec<u8>> {
    stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            break at + 4;
        }
        let n = stream.read(&mut buffer).ok().filter(|n| *n > 0)?;
        bytes.extend(&buffer[..n]);
    };
    let head = String::from_utf8(bytes[..end].to_vec()).ok()?.to_ascii_lowercase();
    assert!(head.starts_with("post /tsr http/1.1\r\n"), "{head}");
    assert!(head.contains("\r\ncontent-type: application/timestamp-query\r\n"), "{head}");
    let length: usize = head.split("\r\ncontent-length: ").nth(1)?.split("\r\n").next()?.parse().ok()?;
    while bytes.len() < end + length {
        let n = stream.read(&mut buffer).ok().filter(|n| *n > 0)?;
        bytes.extend(&buffer[..n]);
    }
    Some(bytes[end..].to_vec())
}

fn respond(mut stream: TcpStream, status: u16, body: &[u8]) {
    let head = format!(
        "HTTP/1.1 {status} So\r\nContent-Type: application/timestamp-reply\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    // The client may be gone.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
}
