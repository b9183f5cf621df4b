//! A ledger's public files over HTTP.
//!
//! They may come gzipped, whether that was asked for or not (`c2sp.org/tlog-tiles`). Every limit on a file is a limit on its
//! unpacked bytes. No request has a range or an entity tag, so none can refer to the other form of a file.

use std::{
    io::{self, Read},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use flate2::read::MultiGzDecoder;

use super::{Absent, Bytes, Source, SourceError};

/// How often a request is made before the source counts as unreachable.
const TRIES: u32 = 3;

/// A ledger behind HTTP, or static files of one.
#[derive(Debug)]
pub struct HttpSource {
    base: String,
    agent: ureq::Agent,
}

impl HttpSource {
    /// A ledger at an address, `http://` or `https://`. No request is made yet.
    ///
    /// # Errors
    /// [`SourceError::Address`]
    pub fn new(address: &str) -> Result<Self, SourceError> {
        let base = base_address(address)?;
        Ok(Self { agent: agent(&base), base })
    }
}

/// The address of a ledger without a slash at the end.
///
/// # Errors
/// [`SourceError::Address`] if it is not an address, or has a user name, a password, a query or spaces.
pub fn base_address(address: &str) -> Result<String, SourceError> {
    let refuse = |expected| Err(SourceError::Address { found: address.to_owned(), expected });
    let Some(rest) = address.strip_prefix("http://").or_else(|| address.strip_prefix("https://")) else {
        return refuse("expected an address that starts with http:// or https://");
    };
    if rest.is_empty() || rest.starts_with('/') {
        return refuse("expected a host");
    }
    // The address is printed and passed on, so it must hold no secret.
    if rest.contains('@') {
        return refuse("expected an address without user name and password");
    }
    if rest.contains(['?', '#']) || rest.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return refuse("expected the address of a ledger, without query or spaces");
    }
    Ok(address.trim_end_matches('/').to_owned())
}

/// What all requests to an address share: time limits, no redirects, and that the caller looks at the status.
pub fn agent(base: &str) -> ureq::Agent {
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

/// The content codings that are asked for. Gzipped, a bundle has less than a quarter of its bytes.
pub const ACCEPTED: &str = "gzip, identity";

/// The head of an answer must have fewer fields than this. Its bytes are limited by the [`agent`].
const MAX_FIELDS: usize = 100;

/// Checks that the head of an answer has few fields, and says in one way only where the body ends: programs differ in how
/// they read anything else.
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

/// The body of an answer, unpacked as it is read.
///
/// # Errors
/// [`SourceError::Coding`] if it is in a coding that was not asked for.
pub fn body_of(url: &str, answer: ureq::http::Response<ureq::Body>) -> Result<Bytes, SourceError> {
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

/// By how many bytes the gzip that was read may be longer than what it unpacked to. No honest gzip is longer by as much, but
/// one can hold any number of parts that unpack to nothing.
const AHEAD_OF_UNFOLDED: u64 = 1 << 20;

/// Gzip, unpacked as it is read: for a reader that stops at a limit, no more is unpacked.
struct Unfolding<R> {
    decoder: MultiGzDecoder<Folded<R>>,
    unfolded: Arc<AtomicU64>,
}

/// The bytes that come, still packed.
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
                        // Object stores answer 403 for a missing file, unless the client may list the files.
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
                // A client that has read enough may be gone.
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
