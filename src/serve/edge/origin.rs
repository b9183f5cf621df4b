//! What web pages of other sites may do. A browser adds their `Origin` to their requests (RFC 6454; the Fetch standard), and
//! hands them an answer only if its headers allow that.
//!
//! There is no login to misuse. So if [`Options::cors`] is on, pages of every site may read, query, and submit signed events.
//! If it is off, the ledger may be in a network that only its own people reach, and their browsers must not be a way in for
//! other sites. Then browsers let a page of another site read no answer. Its writes and WebSockets are refused here: a write
//! takes effect even if its answer can't be read, and browsers apply no such rule to WebSockets.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    extract::{Request, State},
    http::{
        HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri,
        header::{
            ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
            ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN,
            UPGRADE,
        },
    },
    middleware::Next,
    response::{IntoResponse as _, Response},
};

use super::host::Host;
use crate::serve::{http::answer, options::Options};

/// Why a page of another site is refused.
pub const FOREIGN: &str =
    "a page of another site may not write here, nor open a WebSocket: cross-origin use (--cors) is off";

/// A scheme, a host and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Origin {
    https: bool,
    host: Host,
}

impl Origin {
    /// Reads a URL, or an origin as browsers write it. `None` for `null`, and for schemes other than `http` and `https`.
    fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let https = match scheme {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let host = Host::parse(rest.split('/').next()?)?;
        Some(Self { https, host: host.with_port(usual_port(https)) })
    }
}

fn usual_port(https: bool) -> u16 {
    if https { 443 } else { 80 }
}

/// The site of this server, and whether pages of other sites are let in.
#[derive(Debug)]
pub struct Sites {
    cors: bool,
    /// The origin of [`Options::url`], if that is set and can be read.
    own: Option<Origin>,
    /// Whether [`Options::url`] is set, even if it can't be read.
    is_named: bool,
    tls: bool,
}

/// Whether `url` is the address of a web site as browsers write it, with a host outside ASCII in punycode.
pub fn is_site(url: &str) -> bool {
    Origin::parse(url).is_some()
}

impl Sites {
    pub fn new(options: &Options) -> Self {
        let own = options.url.as_deref().and_then(Origin::parse);
        let public = options.url.as_deref().is_some_and(|url| url.starts_with("https://"));
        let is_named = options.url.is_some();
        Self { cors: options.cors.unwrap_or(public), own, is_named, tls: options.tls.is_some() }
    }

    /// Whether a request may do more than read, judged by the site whose page sent it.
    pub fn admit(&self, headers: &HeaderMap) -> bool {
        self.cors || !self.is_foreign(headers)
    }

    /// Whether a page of another site sent a request.
    fn is_foreign(&self, headers: &HeaderMap) -> bool {
        let mut origins = headers.get_all(ORIGIN).iter();
        let (Some(origin), None) = (origins.next(), origins.next()) else {
            // Programs send no `Origin`. Several are as good as a foreign one.
            return headers.contains_key(ORIGIN);
        };
        let Some(origin) = origin.to_str().ok().and_then(Origin::parse) else { return true };
        if self.own.as_ref() == Some(&origin) {
            return false;
        }
        let Some(host) = Host::of(headers) else { return true };
        // The request came to the public name, and its page is from another origin than that.
        if self.own.as_ref().is_some_and(|own| host.means(&own.host)) {
            return true;
        }
        // A proxy in front may have ended TLS, so the scheme is taken from the page's origin.
        let host = host.with_port(usual_port(origin.https));
        host != origin.host || self.tls && !origin.https
    }

    /// Whether a request is for another server (421): it names neither this server's public host nor the address that it came
    /// to. Otherwise strangers could let a name of theirs point here, and their pages would share an origin with this server.
    pub fn misdirected(&self, uri: &Uri, headers: &HeaderMap, here: Option<SocketAddr>) -> bool {
        if !self.is_named || is_health(uri.path()) {
            return false;
        }
        let ours = |host: &Host| {
            self.own.as_ref().is_some_and(|own| host.means(&own.host))
                || here.is_some_and(|here| host.is_at(here))
        };
        // The host in an absolute request target comes before `Host` (RFC 9112, section 3.2.2).
        match uri.authority().map(|authority| Host::parse(authority.as_str())) {
            Some(named) => !named.is_some_and(|named| ours(&named)),
            None => Host::of(headers).is_some_and(|host| !ours(&host)),
        }
    }

    /// Adds the headers that let pages of every site read an answer, if they are let in.
    pub fn mark(&self, path: &str, headers: &mut HeaderMap) {
        if self.cors && !is_health(path) {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, ANY);
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, ANY);
        }
    }
}

const ANY: HeaderValue = HeaderValue::from_static("*");

/// Whether a path is for the operator only, and for no page.
pub(super) fn is_health(path: &str) -> bool {
    matches!(path, "/livez" | "/readyz" | "/metrics")
}

/// Answers a browser's preflight requests, and refuses uploads and WebSockets of pages of other sites if these are not let in.
/// Mutations are checked where they are read.
pub async fn check(State(sites): State<Arc<Sites>>, request: Request, next: Next) -> Response {
    let (headers, path) = (request.headers(), request.uri().path());
    let preflight =
        request.method() == Method::OPTIONS && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    if preflight && sites.cors && !is_health(path) {
        // No header speaks of private networks, so a page of the public web gets there no further than its browser lets it.
        let methods = match path {
            "/graphql" => "GET, HEAD, POST",
            path if path.starts_with("/file/") => "GET, HEAD, PUT",
            _ => "GET, HEAD",
        };
        let allowed: [(HeaderName, HeaderValue); 3] = [
            (ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(methods)),
            (ACCESS_CONTROL_ALLOW_HEADERS, ANY),
            (ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400")),
        ];
        return (StatusCode::NO_CONTENT, allowed).into_response();
    }
    let more_than_reads = request.method() == Method::PUT || headers.contains_key(UPGRADE);
    if more_than_reads && !sites.admit(headers) {
        return answer::text(StatusCode::FORBIDDEN, FOREIGN);
    }
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use axum::http::header::HOST;

    use super::*;

    fn sites(url: Option<&str>, cors: Option<bool>) -> Sites {
        Sites::new(&Options { url: url.map(str::to_owned), cors, ..Options::default() })
    }

    fn headers(host: &str, origin: &str) -> HeaderMap {
        [(HOST, host.parse().unwrap()), (ORIGIN, origin.parse().unwrap())].into_iter().collect()
    }

    #[test]
    fn a_page_is_at_home_where_its_origin_is_the_servers() {
        let without = sites(None, None);
        let public = sites(Some("https://ledger.example.org"), Some(false));
        for (sites, host, origin, foreign) in [
            (&without, "127.0.0.1:8080", "http://127.0.0.1:8080", false),
            (&without, "ledger.example.org", "https://ledger.example.org", false),
            (&without, "ledger.example.org:80", "http://ledger.example.org", false),
            (&without, "127.0.0.1:8080", "http://127.0.0.1:3000", true),
            (&without, "127.0.0.1:8080", "http://evil.example", true),
            (&without, "127.0.0.1:8080", "null", true),
            (&without, "127.0.0.1:8080", "", true),
            (&without, "127.0.0.1:8080", "file://127.0.0.1:8080", true),
            (&public, "ledger.example.org", "https://ledger.example.org", false),
            (&public, "ledger.example.org", "https://LEDGER.example.org:443", false),
            // A proxy in front sends the address that is listened on as the host.
            (&public, "127.0.0.1:8080", "https://ledger.example.org", false),
            (&public, "127.0.0.1:8080", "http://127.0.0.1:8080", false),
            // A page that came without TLS may be written by anybody on the way.
            (&public, "ledger.example.org", "http://ledger.example.org", true),
            (&public, "ledger.example.org", "https://ledger.example.org.evil.example", true),
        ] {
            assert_eq!(sites.is_foreign(&headers(host, origin)), foreign, "{host} {origin}");
        }
        let mut two = headers("a", "http://a");
        two.append(ORIGIN, "http://a".parse().unwrap());
        assert!(without.is_foreign(&two));
        assert!(!without.is_foreign(&HeaderMap::new()));
    }

    #[test]
    fn an_address_that_can_not_be_read_lets_no_other_host_in() {
        let here = "127.0.0.1:8080".parse().unwrap();
        for url in
            ["https://\u{e4}.example", "https://a.example:99999", "https://[::1", "https://a.example\\x"]
        {
            assert!(!is_site(url), "{url}");
            let sites = sites(Some(url), None);
            let uri = "/".parse().unwrap();
            assert!(sites.misdirected(&uri, &headers("evil.example", "null"), Some(here)), "{url}");
            assert!(!sites.misdirected(&uri, &headers("127.0.0.1:8080", "null"), Some(here)), "{url}");
        }
        for url in
            ["https://xn--4ca.example", "http://127.0.0.1:8080", "https://[::1]:8443", "https://a.example/x"]
        {
            assert!(is_site(url), "{url}");
        }
    }

    #[test]
    fn others_are_let_in_where_the_world_comes_over_tls_or_somebody_says_so() {
        let evil = headers("ledger.example.org", "https://evil.example");
        for (url, cors, admitted) in [
            (None, None, false),
            (Some("http://ledger.example.org"), None, false),
            (Some("https://ledger.example.org"), None, true),
            (Some("https://ledger.example.org"), Some(false), false),
            (None, Some(true), true),
        ] {
            assert_eq!(sites(url, cors).admit(&evil), admitted, "{url:?} {cors:?}");
        }
    }
}
