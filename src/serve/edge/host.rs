//! The `Host` of a request (RFC 9112, section 3.2).
//!
//! If two programs on the way read different hosts from one request, each serves another site. So a request that leaves a
//! choice is refused.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, Version, header::HOST};

/// What is wrong with the `Host` of a request; `None` if it is in order.
pub fn fault(version: Version, headers: &HeaderMap) -> Option<&'static str> {
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(_), Some(_)) => Some("expected one Host, found several"),
        (Some(host), None) if !is_host(host.as_bytes()) => {
            Some("Host: expected a host, or a host and a port")
        }
        // HTTP/1.0 does not require the header.
        (None, _) if version > Version::HTTP_10 => Some("expected a Host, found none"),
        _ => None,
    }
}

/// A host, and a port if one is named. It comes from a request, a URL or an origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    name: Name,
    port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Name {
    Address(IpAddr),
    /// In lower case, without a dot at its end.
    Registered(String),
}

impl Host {
    /// Reads `uri-host [":" port]`. The host must not be empty.
    pub fn parse(text: &str) -> Option<Self> {
        let (name, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (address, port) = rest.split_once(']')?;
                (Name::Address(IpAddr::V6(address.parse().ok()?)), port)
            }
            None => {
                let (name, port) = text.split_at(text.find(':').unwrap_or(text.len()));
                if !is_name(name) {
                    return None;
                }
                let registered = || Name::Registered(name.trim_end_matches('.').to_ascii_lowercase());
                (name.parse().map_or_else(|_| registered(), |v4| Name::Address(IpAddr::V4(v4))), port)
            }
        };
        let port = match port.strip_prefix(':') {
            // The port after the colon may be empty.
            Some("") => None,
            Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => Some(digits.parse().ok()?),
            None if port.is_empty() => None,
            _ => return None,
        };
        Some(Self { name, port })
    }

    /// The `Host` of a request, if it can be read. [`fault`] makes sure that there is only one.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        Self::parse(headers.get(HOST)?.to_str().ok()?)
    }

    /// The same host, with the port `usual` if it names none.
    pub fn with_port(mut self, usual: u16) -> Self {
        self.port.get_or_insert(usual);
        self
    }

    /// Whether this, as a caller wrote it, means `host`. Proxies leave the port out even where it is not the usual one, so a
    /// port is compared only if this names one.
    pub fn means(&self, host: &Self) -> bool {
        self.name == host.name && (self.port.is_none() || self.port == host.port)
    }

    /// Whether this, as a caller wrote it, means the socket `here` of this machine.
    pub fn is_at(&self, here: SocketAddr) -> bool {
        let address = here.ip().to_canonical();
        let named = match &self.name {
            Name::Address(named) => named.to_canonical() == address,
            // No resolver gives that name to another machine (RFC 6761, section 6.3).
            Name::Registered(name) => name == "localhost" && address.is_loopback(),
        };
        named && self.port.is_none_or(|port| port == here.port())
    }
}

/// Whether `value` is a host, or a host and a port.
fn is_host(value: &[u8]) -> bool {
    std::str::from_utf8(value).is_ok_and(|text| Host::parse(text).is_some())
}

/// Whether `name` is a name or an IPv4 address: `reg-name` of RFC 3986.
fn is_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(&b);
    let mut bytes = name.bytes();
    while let Some(b) = bytes.next() {
        let good = match b {
            b'%' => (0..2).all(|_| bytes.next().is_some_and(|b| b.is_ascii_hexdigit())),
            b => plain(b),
        };
        if !good {
            return false;
        }
    }
    !name.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_or_an_address_with_or_without_a_port() {
        for good in [
            "a",
            "ledger.example.org",
            "ledger.example.org:8080",
            "127.0.0.1:1",
            "a:",
            "a_b.local",
            "[::1]",
            "[::1]:8080",
            "xn--e1afmkfd.xn--p1ai",
            "a%2Db",
            "A.B.",
        ] {
            assert!(is_host(good.as_bytes()), "{good}");
        }
        for bad in [
            "", ":80", "a b", "a/b", "http://a", "u@a", "a:b", "a:1:2", "a:65536", "a:+1", "::1", "[::1",
            "[::1]8", "[a]", "[]", "a%2", "a%zz", "a\\b", "a?b", "a#b", "\u{e4}", "a\tb", "<a>",
        ] {
            assert!(!is_host(bad.as_bytes()), "{bad}");
        }
    }

    #[test]
    fn a_host_means_what_it_names_however_it_is_written() {
        let host = |text: &str| Host::parse(text).unwrap();
        let public = host("ledger.example.org").with_port(443);
        for same in ["ledger.example.org", "LEDGER.Example.org:443", "ledger.example.org."] {
            assert!(host(same).means(&public), "{same}");
        }
        for other in ["ledger.example.org:80", "example.org", "ledger.example.org.evil.example", "127.0.0.1"]
        {
            assert!(!host(other).means(&public), "{other}");
        }
        let here = "127.0.0.1:8080".parse().unwrap();
        for same in ["127.0.0.1:8080", "127.0.0.1", "localhost:8080", "LocalHost", "[::ffff:127.0.0.1]:8080"]
        {
            assert!(host(same).is_at(here), "{same}");
        }
        for other in ["127.0.0.1:80", "127.0.0.2:8080", "localhost:80", "rebound.example:8080", "[::1]:8080"]
        {
            assert!(!host(other).is_at(here), "{other}");
        }
        assert!(host("[::1]:8080").is_at("[::1]:8080".parse().unwrap()));
        assert!(!host("localhost:8080").is_at("192.0.2.1:8080".parse().unwrap()));
    }
}
