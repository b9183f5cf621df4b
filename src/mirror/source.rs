//! Where a ledger's public files are read.
//!
//! The paths are those under which a ledger serves them: `checkpoint`, `tile/0/000`, `tile/entries/000.p/28`,
//! `content/tile/000`, `file/<blake3>`.
//!
//! Over HTTP they may come gzipped, asked for or not (`c2sp.org/tlog-tiles`). Every limit on a file is one on its bytes as
//! they unfold. Nothing is asked for by range or by entity tag, so neither can be of the other form of a file.

use std::{
    fmt, fs,
    io::{self, Read},
    path::{Component, Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use flate2::read::MultiGzDecoder;

/// A source that can't be read. What is merely not there is no error.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The folder is none, or holds no ledger's files.
    #[error("{0} holds no ledger: there is no public/checkpoint and no checkpoint in it")]
    NoLedger(String),
    /// The address is none that a ledger can have.
    #[error("{found}: {expected}")]
    Address {
        /// What was given.
        found: String,
        /// What was expected.
        expected: &'static str,
    },
    /// The disk or the network said no.
    #[error("{path}: {cause}")]
    Io {
        /// What was asked for.
        path: String,
        /// What came back.
        cause: String,
    },
    /// Something other than the file or "not found" was answered.
    #[error("{path}: the server answered {status}{}", hint(*.status))]
    Status {
        /// What was asked for.
        path: String,
        /// The HTTP status.
        status: u16,
    },
    /// An answer in a content coding that was not asked for.
    #[error("{path}: the server sent it with Content-Encoding: {found}; expected gzip or none")]
    Coding {
        /// What was asked for.
        path: String,
        /// The coding.
        found: String,
    },
    /// More than anything of this kind may have.
    #[error("{path}: longer than {limit} bytes, the most it may have")]
    TooLong {
        /// What was asked for.
        path: String,
        /// The limit, in bytes.
        limit: usize,
    },
}

/// What a status that is neither the file nor "not found" means, where that is of use.
fn hint(status: u16) -> &'static str {
    match status {
        301 | 302 | 303 | 307 | 308 => ", a redirect; give the address it leads to",
        304 => ", not modified, though nothing was asked for of that kind",
        _ => "",
    }
}

impl SourceError {
    pub(super) fn io(path: &str, cause: impl std::fmt::Display) -> Self {
        Self::Io { path: path.to_owned(), cause: cause.to_string() }
    }
}

/// The bytes of a file, as they come.
pub type Bytes = Box<dyn Read + Send>;

/// A file that a source does not give. Why not is its word alone, and nothing follows from it: only the log says what is
/// withheld.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Absent {
    /// The HTTP status that it was answered with, where that was another than 404.
    pub status: Option<u16>,
}

impl Absent {
    /// This one, or another that says more.
    pub(super) fn or(self, other: Self) -> Self {
        Self { status: self.status.or(other.status) }
    }
}

impl fmt::Display for Absent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.status.map_or(Ok(()), |status| write!(f, " (the server answered {status})"))
    }
}

/// Reads a ledger's public files. Nothing it gives is trusted.
pub trait Source: Sync {
    /// Opens the file under a path; `None` if there is none.
    ///
    /// # Errors
    /// [`SourceError`] if that can't be found out.
    fn open(&self, path: &str) -> Result<Option<Bytes>, SourceError>;

    /// As [`open`](Self::open), and says what it was answered with where there is none.
    ///
    /// # Errors
    /// [`SourceError`] if that can't be found out.
    fn look(&self, path: &str) -> Result<Result<Bytes, Absent>, SourceError> {
        Ok(self.open(path)?.ok_or_else(Absent::default))
    }

    /// The source in a few words, for reports: the folder or address.
    fn describe(&self) -> String;

    /// Whether reading is mostly waiting, so that many files are better asked for at once.
    fn is_far(&self) -> bool {
        false
    }

    /// The whole file under a path, of at most `limit` bytes; `None` if there is none.
    ///
    /// # Errors
    /// [`SourceError`], also if the file is longer.
    fn get(&self, path: &str, limit: usize) -> Result<Option<Vec<u8>>, SourceError> {
        self.open(path)?.map(|reader| read_whole(path, reader, limit)).transpose()
    }
}

/// Reads a file of at most `limit` bytes to its end.
pub(crate) fn read_whole(path: &str, reader: impl Read, limit: usize) -> Result<Vec<u8>, SourceError> {
    let mut bytes = Vec::new();
    let most = (limit as u64).saturating_add(1);
    reader.take(most).read_to_end(&mut bytes).map_err(|e| SourceError::io(path, e))?;
    if bytes.len() > limit {
        return Err(SourceError::TooLong { path: path.to_owned(), limit });
    }
    Ok(bytes)
}

/// A ledger's data folder, or a plain copy of its `public` folder.
#[derive(Debug)]
pub struct FolderSource {
    /// What was given, for messages.
    given: PathBuf,
    /// Where the files lie, canonical.
    root: PathBuf,
}

impl FolderSource {
    /// Opens a folder: the data folder of a ledger, or a copy of its public files.
    ///
    /// # Errors
    /// [`SourceError::NoLedger`] if there is no checkpoint in either place; [`SourceError::Io`] if that can't be found out.
    pub fn open(dir: &Path) -> Result<Self, SourceError> {
        let root = if Self::is_data(dir)? { dir.join("public") } else { dir.to_owned() };
        if !is_there(&root.join("checkpoint"))? {
            return Err(SourceError::NoLedger(dir.display().to_string()));
        }
        let root = root.canonicalize().map_err(|e| SourceError::io(&root.display().to_string(), e))?;
        Ok(Self { given: dir.to_owned(), root })
    }

    /// Whether a folder is the data folder of a ledger: anything stands at `public/checkpoint` in it.
    ///
    /// # Errors
    /// [`SourceError::Io`] if that can't be found out.
    pub fn is_data(dir: &Path) -> Result<bool, SourceError> {
        is_there(&dir.join("public/checkpoint"))
    }
}

/// Whether anything has that name, be it a link to nowhere.
fn is_there(path: &Path) -> Result<bool, SourceError> {
    match fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(e) if is_absence(&e) => Ok(false),
        Err(e) => Err(SourceError::io(&path.display().to_string(), e)),
    }
}

/// Whether an error says that there is nothing.
fn is_absence(e: &io::Error) -> bool {
    matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

impl Source for FolderSource {
    fn open(&self, path: &str) -> Result<Option<Bytes>, SourceError> {
        let relative = Path::new(path);
        if !relative.components().all(|c| matches!(c, Component::Normal(_))) {
            return Err(SourceError::io(path, "not a path inside the folder"));
        }
        // A link may stand for a file, but not lead out of the folder.
        let full = match self.root.join(relative).canonicalize() {
            Ok(full) => full,
            Err(e) if is_absence(&e) => return Ok(None),
            Err(e) => return Err(SourceError::io(path, e)),
        };
        if !full.starts_with(&self.root) {
            return Err(SourceError::io(path, "a link that leads out of the folder"));
        }
        // Asked before opening, since opening a pipe would wait for ever.
        if !full.is_file() {
            return Err(SourceError::io(path, "not a plain file"));
        }
        let file = fs::File::open(&full).map_err(|e| SourceError::io(path, e))?;
        Ok(Some(Box::new(file)))
    }

    fn describe(&self) -> String {
        self.given.display().to_string()
    }
}

/// How often a request is made before the source counts as unreachable.
const TRIES: u32 = 3;

/// A ledger behind HTTP, or static files of one.
#[derive(Debug)]
pub struct HttpSource {
    base: String,
    agent: ureq::Agent,
}

impl HttpSource {
    /// A ledger at an address, `http://` or `https://`. Nothing is asked of it yet.
    ///
    /// # Errors
    /// [`SourceError::Address`]
    pub fn new(address: &str) -> Result<Self, SourceError> {
        let base = base_address(address)?;
        Ok(Self { agent: agent(&base), base })
    }
}

/// The address of a ledger without a slash at the end.
pub(crate) fn base_address(address: &str) -> Result<String, SourceError> {
    let refuse = |expected| Err(SourceError::Address { found: address.to_owned(), expected });
    let Some(rest) = address.strip_prefix("http://").or_else(|| address.strip_prefix("https://")) else {
        return refuse("expected an address that starts with http:// or https://");
    };
    if rest.is_empty() || rest.starts_with('/') {
        return refuse("expected a host");
    }
    // The address is printed and handed on.
    if rest.contains('@') {
        return refuse("expected an address without user name and password");
    }
    if rest.contains(['?', '#']) || rest.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return refuse("expected the address of a ledger, without query or spaces");
    }
    Ok(address.trim_end_matches('/').to_owned())
}

/// What all requests to an address share: time limits, no redirects, statuses looked at by the caller.
pub(crate) fn agent(base: &str) -> ureq::Agent {
    let config = ureq::Agent::config_builder()
        .user_agent(concat!("onrecord/", env!("CARGO_PKG_VERSION")))
        .http_status_as_error(false)
        // A redirect could lead to another host, so it is shown and not followed.
        .max_redirects(0)
        .max_redirects_will_error(false)
        .max_response_header_size(64 << 10)
        .timeout_connect(Some(Duration::from_secs(10)))
        .timeout_recv_response(Some(Duration::from_secs(60)))
        .timeout_recv_body(Some(Duration::from_secs(300)));
    let host = base.split("://").nth(1).unwrap_or_default();
    // No proxy reaches this machine itself.
    let here = ["127.", "localhost", "[::1]"].iter().any(|h| host.starts_with(h));
    let config = if here { config.proxy(None) } else { config };
    config.build().new_agent()
}

/// What is asked for: less than a quarter of the bytes of a bundle.
pub(crate) const ACCEPTED: &str = "gzip, identity";

/// Fewer fields than these has the head of an answer. Its bytes are limited by the [`agent`].
const MAX_FIELDS: usize = 100;

/// Whether the head of an answer is of few fields and says in one way where it ends: not every program reads others alike.
fn verify_head(url: &str, head: &ureq::http::HeaderMap) -> Result<(), SourceError> {
    if head.len() >= MAX_FIELDS {
        return Err(SourceError::io(url, "a head of 100 fields or more"));
    }
    let lengths = head.get_all("content-length").iter().count();
    let folded: Vec<_> = head.get_all("transfer-encoding").iter().map(|value| value.as_bytes()).collect();
    match (lengths, folded.as_slice()) {
        (0 | 1, []) => Ok(()),
        (0, [one]) if one.trim_ascii().eq_ignore_ascii_case(b"chunked") => Ok(()),
        _ => Err(SourceError::io(
            url,
            "expected one Content-Length, or Transfer-Encoding: chunked, or neither",
        )),
    }
}

/// The body of an answer, unfolded as it is read.
///
/// # Errors
/// [`SourceError::Coding`] if it is in a coding that was not asked for.
pub(crate) fn body_of(url: &str, answer: ureq::http::Response<ureq::Body>) -> Result<Bytes, SourceError> {
    let codings = answer.headers().get_all("content-encoding").iter();
    let codings: Vec<String> = codings
        .flat_map(|value| {
            String::from_utf8_lossy(value.as_bytes())
                .to_ascii_lowercase()
                .split(',')
                .map(|one| one.trim_matches([' ', '\t']))
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .filter(|coding| !matches!(coding.as_str(), "" | "identity"))
        .collect();
    let body = answer.into_body().into_reader();
    match codings.as_slice() {
        [] => Ok(Box::new(body)),
        [one] if matches!(one.as_str(), "gzip" | "x-gzip") => Ok(Box::new(Unfolding::new(body))),
        _ => Err(SourceError::Coding {
            path: url.to_owned(),
            found: codings.join(", ").chars().take(80).collect(),
        }),
    }
}

/// By so many bytes what comes may be ahead of what it unfolds to. Gzip makes nothing longer by as much, but can hold any
/// number of parts that unfold to nothing.
const AHEAD_OF_UNFOLDED: u64 = 1 << 20;

/// Gzip, unfolded as it is read: a reader that takes no more than a limit has no more unfolded.
struct Unfolding<R> {
    decoder: MultiGzDecoder<Folded<R>>,
    unfolded: Arc<AtomicU64>,
}

/// What comes, folded.
struct Folded<R> {
    bytes: R,
    read: u64,
    unfolded: Arc<AtomicU64>,
}

impl<R: Read> Unfolding<R> {
    fn new(bytes: R) -> Self {
        let unfolded = Arc::new(AtomicU64::new(0));
        let folded = Folded { bytes, read: 0, unfolded: unfolded.clone() };
        Self { decoder: MultiGzDecoder::new(folded), unfolded }
    }
}

impl<R: Read> Read for Unfolding<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.decoder.read(buffer)?;
        self.unfolded.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

impl<R: Read> Read for Folded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.read > self.unfolded.load(Ordering::Relaxed) + AHEAD_OF_UNFOLDED {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "gzip that unfolds to nothing"));
        }
        let n = self.bytes.read(buffer)?;
        self.read += n as u64;
        Ok(n)
    }
}

impl Source for HttpSource {
    fn open(&self, path: &str) -> Result<Option<Bytes>, SourceError> {
        Ok(self.look(path)?.ok())
    }

    fn look(&self, path: &str) -> Result<Result<Bytes, Absent>, SourceError> {
        let url = format!("{}/{path}", self.base);
        let mut tries = 0;
        loop {
            tries += 1;
            let error = match self.agent.get(&url).header("Accept-Encoding", ACCEPTED).call() {
                Ok(answer) => {
                    verify_head(&url, answer.headers())?;
                    match answer.status().as_u16() {
                        200 => return body_of(&url, answer).map(Ok),
                        404 => return Ok(Err(Absent::default())),
                        // Object stores answer 403 for what is not there, unless whoever asks may list what is.
                        status @ (403 | 410 | 451) => return Ok(Err(Absent { status: Some(status) })),
                        status => SourceError::Status { path: url.clone(), status },
                    }
                }
                Err(e) => SourceError::io(&url, e),
            };
            let passing = match &error {
                SourceError::Status { status, .. } => matches!(status, 429 | 500 | 502..=504),
                _ => true,
            };
            if tries == TRIES || !passing {
                return Err(error);
            }
            std::thread::sleep(Duration::from_millis(200 << (2 * tries)));
        }
    }

    fn describe(&self) -> String {
        self.base.clone()
    }

    fn is_far(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_a_data_folder_or_a_copy_of_its_public_folder() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(FolderSource::open(dir.path()), Err(SourceError::NoLedger(_))));
        let public = dir.path().join("public");
        fs::create_dir_all(public.join("tile/0")).unwrap();
        fs::write(public.join("checkpoint"), "c").unwrap();
        fs::write(public.join("tile/0/000"), "tile").unwrap();
        for place in [dir.path(), &public] {
            let source = FolderSource::open(place).unwrap();
            assert_eq!(source.get("checkpoint", 1).unwrap().as_deref(), Some(&b"c"[..]));
            assert_eq!(source.get("tile/0/001", 9).unwrap(), None);
            assert!(matches!(source.get("tile/0/000", 3), Err(SourceError::TooLong { limit: 3, .. })));
        }
    }

    #[cfg(unix)]
    #[test]
    fn no_path_leads_out_of_the_folder() {
        let dir = tempfile::tempdir().unwrap();
        let public = dir.path().join("public");
        fs::create_dir_all(&public).unwrap();
        fs::write(public.join("checkpoint"), "c").unwrap();
        fs::write(dir.path().join("secret"), "s").unwrap();
        std::os::unix::fs::symlink(dir.path().join("secret"), public.join("link")).unwrap();
        let source = FolderSource::open(dir.path()).unwrap();
        for path in ["../secret", "/etc/hosts", "link", "./checkpoint/../../secret"] {
            assert!(source.get(path, 9).is_err(), "{path}");
        }
    }

    #[test]
    fn an_address_has_a_host_and_no_password() {
        for (good, base) in [
            ("http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
            ("https://ledger.example.org/a", "https://ledger.example.org/a"),
        ] {
            assert_eq!(base_address(good).unwrap(), base);
        }
        for bad in
            ["", "ledger.example.org", "ftp://a.b", "http://", "http:///a", "http://u:p@a.b", "http://a?b"]
        {
            assert!(base_address(bad).is_err(), "{bad}");
        }
    }

    /// Answers one request for each answer given, then stops listening.
    fn server(answers: &'static [&'static str]) -> String {
        server_of(answers.iter().map(|answer| answer.as_bytes().to_vec()).collect())
    }

    fn server_of(answers: Vec<Vec<u8>>) -> String {
        use std::io::{BufRead as _, BufReader, Write as _};
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            for answer in answers {
                let (stream, _) = listener.accept().unwrap();
                let mut lines = BufReader::new(&stream).lines();
                while lines.next().is_some_and(|line| line.is_ok_and(|l| !l.is_empty())) {}
                // Who has read enough goes away.
                let _ = (&stream).write_all(&answer);
            }
        });
        url
    }

    #[test]
    fn answers_are_limited_and_redirects_not_followed() {
        let url = server(&[
            "HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\ntile",
            "HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\ntile",
            "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
            "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 40\r\nconnection: close\r\n\r\ntile",
        ]);
        let source = HttpSource::new(&url).unwrap();
        assert_eq!(source.get("tile/0/000", 4).unwrap().as_deref(), Some(&b"tile"[..]));
        assert!(matches!(source.get("tile/0/000", 3), Err(SourceError::TooLong { limit: 3, .. })));
        assert_eq!(source.get("tile/0/000", 4).unwrap(), None);
        let redirect = source.get("tile/0/000", 4).unwrap_err();
        assert!(matches!(redirect, SourceError::Status { status: 302, .. }));
        assert!(redirect.to_string().contains("a redirect"), "{redirect}");
        assert!(source.get("tile/0/000", 99).is_err(), "cut short");
    }

    #[test]
    fn a_server_that_stumbles_is_asked_again() {
        const BUSY: &str = "HTTP/1.1 503 Busy\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        let url = server(&[BUSY, "HTTP/1.1 200 OK\r\ncontent-length: 1\r\nconnection: close\r\n\r\nx"]);
        let source = HttpSource::new(&url).unwrap();
        assert_eq!(source.get("checkpoint", 4).unwrap().as_deref(), Some(&b"x"[..]));
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        use std::io::Write as _;
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    /// An answer with a body in a coding.
    fn coded(coding: &str, body: &[u8]) -> Vec<u8> {
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\ncontent-encoding: {coding}\r\nconnection: close\r\n\r\n",
            body.len()
        );
        [head.as_bytes(), body].concat()
    }

    #[test]
    fn what_comes_gzipped_is_read_up_to_the_limit_of_what_was_asked_for() {
        let tile = vec![7; 8_192];
        let zipped = gzip(&tile);
        let bomb = gzip(&vec![0; 64 << 20]);
        let nothing: Vec<u8> = std::iter::repeat_n(gzip(b""), 200_000).flatten().collect();
        assert!(bomb.len() < 100_000 && nothing.len() > 3 << 20);
        let cut = &zipped[..zipped.len() - 5];
        let changed = [&zipped[..zipped.len() - 1], b"x"].concat();
        let more = [&zipped[..], b"more"].concat();
        let answers = vec![
            coded("gzip", &zipped),
            coded("X-GZIP", &zipped),
            coded("identity, gzip", &zipped),
            coded("identity", &tile),
            coded("gzip", &zipped),
            coded("gzip", &bomb),
            coded("gzip", cut),
            coded("gzip", &changed),
            coded("gzip", &more),
            coded("gzip", &nothing),
            coded("gzip", b""),
            coded("gzip", &tile),
            coded("br", &zipped),
            coded("gzip, gzip", &gzip(&zipped)),
        ];
        let source = HttpSource::new(&server_of(answers)).unwrap();
        let get = |limit| source.get("tile/0/000", limit);
        for what in ["gzip", "under its old name", "with identity", "as it is"] {
            assert_eq!(get(8_192).unwrap().as_deref(), Some(&tile[..]), "{what}");
        }
        assert!(matches!(get(8_191), Err(SourceError::TooLong { limit: 8_191, .. })));
        assert!(matches!(get(8_192), Err(SourceError::TooLong { limit: 8_192, .. })), "a bomb");
        for what in ["cut short", "another checksum", "bytes behind it", "nothing", "empty", "not gzip"] {
            let error = get(8_192).unwrap_err();
            assert!(matches!(error, SourceError::Io { .. }), "{what}: {error}");
        }
        for coding in ["br", "gzip, gzip"] {
            let error = get(8_192).unwrap_err().to_string();
            assert!(error.contains(&format!("Content-Encoding: {coding}; expected gzip or none")), "{error}");
        }
    }

    #[test]
    fn a_status_says_that_it_is_not_here_or_that_nobody_knows() {
        let answer =
            |status: u16| format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        for (status, said) in [(404, None), (403, Some(403)), (410, Some(410)), (451, Some(451))] {
            let source = HttpSource::new(&server_of(vec![answer(status).into_bytes()])).unwrap();
            assert_eq!(source.look("file/00").unwrap().err(), Some(Absent { status: said }));
        }
        for status in [401, 500, 501, 503] {
            let source = HttpSource::new(&server_of(vec![answer(status).into_bytes(); 3])).unwrap();
            let error = source.look("file/00").err();
            assert!(matches!(error, Some(SourceError::Status { status: s, .. }) if s == status), "{error:?}");
        }
    }
}
