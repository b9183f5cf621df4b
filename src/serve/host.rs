//! The `Host` of a request (RFC 9112, section 3.2). Where two programs on the way read two hosts, each serves another
//! site, so a request that leaves a choice is refused.

use std::net::Ipv6Addr;

use axum::http::{HeaderMap, Version, header::HOST};

/// What is wrong with the host of a request.
pub fn fault(version: Version, headers: &HeaderMap) -> Option<&'static str> {
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(_), Some(_)) => Some("expected one Host, found several"),
        (Some(host), None) if !is_host(host.as_bytes()) => {
            Some("Host: expected a host, or a host and a port")
        }
        // Before 1.1 there was no such header.
        (None, _) if version > Version::HTTP_10 => Some("expected a Host, found none"),
        _ => None,
    }
}

/// Whether it is `uri-host [":" port]`, of a host that is not empty.
fn is_host(value: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(value) else { return false };
    let port = match text.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((address, port)) if address.parse::<Ipv6Addr>().is_ok() => port,
            _ => return false,
        },
        None => {
            let (name, port) = text.split_at(text.find(':').unwrap_or(text.len()));
            if !is_name(name) {
                return false;
            }
            port
        }
    };
    match port.strip_prefix(':') {
        // A port may be left out behind its colon.
        Some(digits) => {
            digits.is_empty() || digits.bytes().all(|b| b.is_ascii_digit()) && digits.parse::<u16>().is_ok()
        }
        None => port.is_empty(),
    }
}

/// Whether it is a name or an IPv4 address: `reg-name` of RFC 3986.
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
}
