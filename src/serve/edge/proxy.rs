//! Proxies in front of the server that are trusted to name the caller's address.
//!
//! A proxy appends the address it was called from to a header. The client is the rightmost address that is not a
//! trusted proxy's. Entries to its left were written by the client and prove nothing. The header is ignored if the
//! connection does not come from a trusted proxy.

use std::{net::IpAddr, str::FromStr};

use axum::http::{
    HeaderMap, HeaderName,
    header::{FORWARDED, ORIGIN},
};
use ipnet::IpNet;

use super::client::Client;

/// A network of addresses, as in `10.0.0.0/8`. An address alone is a network of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(try_from = "String")]
pub struct Cidr(IpNet);

/// A text that is not a [`Cidr`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected an address or a network such as 10.0.0.0/8 or fd00::/8, with no bit set after the prefix")]
pub struct CidrError;

impl TryFrom<String> for Cidr {
    type Error = CidrError;
    fn try_from(text: String) -> Result<Self, CidrError> {
        text.parse()
    }
}

impl FromStr for Cidr {
    type Err = CidrError;

    fn from_str(text: &str) -> Result<Self, CidrError> {
        // The standard library reads the address, since it accepts only one form of each.
        let (base, prefix) = text.split_once('/').map_or((text, None), |(base, prefix)| (base, Some(prefix)));
        let base: IpAddr = base.parse().map_err(|_| CidrError)?;
        let prefix = match prefix {
            None => IpNet::from(base).prefix_len(),
            Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => {
                digits.parse().map_err(|_| CidrError)?
            }
            Some(_) => return Err(CidrError),
        };
        let network = IpNet::new(base, prefix).map_err(|_| CidrError)?;
        // Bits after the prefix are more often a slip than intended.
        if network != network.trunc() {
            return Err(CidrError);
        }
        Ok(Self(network))
    }
}

impl Cidr {
    /// Whether `address` lies in the network. An IPv4 address written as IPv6 counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

/// The header in which proxies name the address that they were called from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum ForwardedHeader {
    /// `X-Forwarded-For: a, b`
    #[default]
    XForwardedFor,
    /// `Forwarded: for=a, for="[b]"`, RFC 7239
    Forwarded,
}

/// The trusted proxies, and the header that they use.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    /// The networks that they call from.
    pub trusted: Vec<Cidr>,
    /// The one header that is read. The other is not, because a proxy that sets one passes on the other as the client sent it.
    pub header: ForwardedHeader,
}

impl Proxies {
    /// Whether `peer` is a trusted proxy.
    pub fn trust(&self, peer: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.contains(peer))
    }

    /// The client that sent a request which came from `peer`: the rightmost address in the header that is not a trusted
    /// proxy's. If an entry right of that can't be read, it is the proxy that wrote the entry.
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> Client {
        if !self.trust(peer) {
            let client = Client::at(peer);
            // A program on this machine is not limited. But a proxy on this machine that the operator did not name brings the
            // requests of everybody, and a browser on it does what pages of any site tell it to.
            let for_another =
                [FORWARDED, X_FORWARDED_FOR, ORIGIN].iter().any(|name| headers.contains_key(name));
            let here = peer.to_canonical().is_loopback() && !for_another;
            return if here { client.on_this_machine() } else { client };
        }
        let name = match self.header {
            ForwardedHeader::XForwardedFor => X_FORWARDED_FOR,
            ForwardedHeader::Forwarded => FORWARDED,
        };
        let mut at = peer;
        // Several lines of one header are one list, in their order (RFC 9110, section 5.3).
        'lines: for line in headers.get_all(name).iter().rev() {
            for element in line.as_bytes().rsplit(|b| *b == b',') {
                let Some(address) = self.address(element) else { break 'lines };
                at = address;
                if !self.trust(at) {
                    break 'lines;
                }
            }
        }
        Client::at(at)
    }

    /// The address in one element of the header; `None` if there is none that can be read, as in `unknown` or a name.
    fn address(&self, element: &[u8]) -> Option<IpAddr> {
        let element = std::str::from_utf8(element).ok()?;
        let node = match self.header {
            ForwardedHeader::XForwardedFor => element.trim(),
            ForwardedHeader::Forwarded => {
                let mut pairs = element.split(';').filter_map(|pair| pair.trim().split_once('='));
                let (_, node) = pairs.find(|(name, _)| name.eq_ignore_ascii_case("for"))?;
                node.strip_prefix('"').map_or(Some(node), |rest| rest.strip_suffix('"'))?
            }
        };
        node_address(node).map(|address| address.to_canonical())
    }
}

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// `192.0.2.1`, `192.0.2.1:80`, `[2001:db8::1]`, `[2001:db8::1]:80` or `2001:db8::1`.
fn node_address(node: &str) -> Option<IpAddr> {
    if let Ok(address) = node.parse() {
        return Some(address);
    }
    if let Ok(with_port) = node.parse::<std::net::SocketAddr>() {
        return Some(with_port.ip());
    }
    let bare = node.strip_prefix('[')?.strip_suffix(']')?;
    bare.parse::<std::net::Ipv6Addr>().ok().map(IpAddr::V6)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn proxies(trusted: &[&str], header: ForwardedHeader) -> Proxies {
        Proxies { trusted: trusted.iter().map(|t| t.parse().unwrap()).collect(), header }
    }

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in lines {
            map.append(*name, value.parse().unwrap());
        }
        map
    }

    #[test]
    fn a_network_is_parsed_strictly() {
        for good in ["10.0.0.0/8", "0.0.0.0/0", "192.0.2.1", "192.0.2.1/32", "fd00::/8", "::1", "::/0"] {
            assert!(good.parse::<Cidr>().is_ok(), "{good}");
        }
        for bad in [
            "010.0.0.0/8",
            "1:2:3:4:5:6:7::8/128",
            "10.0.0.1/8",
            "10.0.0.0/33",
            "10.0.0.0/",
            "10.0.0.0/+8",
            "10.0.0.0/-1",
            "x",
            "",
            "fd00::/129",
        ] {
            assert!(bad.parse::<Cidr>().is_err(), "{bad}");
        }
        let ten: Cidr = "10.0.0.0/8".parse().unwrap();
        assert!(ten.contains(ip("10.255.0.1")) && ten.contains(ip("::ffff:10.1.1.1")));
        assert!(!ten.contains(ip("11.0.0.0")) && !ten.contains(ip("::10.0.0.1")));
        let all: Cidr = "0.0.0.0/0".parse().unwrap();
        assert!(all.contains(ip("203.0.113.9")) && !all.contains(ip("2001:db8::1")));
        assert!("fd00::/8".parse::<Cidr>().unwrap().contains(ip("fdff::1")));
    }

    #[test]
    fn the_client_is_the_rightmost_address_that_is_no_trusted_proxy() {
        let p = proxies(&["127.0.0.1", "10.0.0.0/8"], ForwardedHeader::XForwardedFor);
        let of = |peer: &str, lines: &[(&'static str, &str)]| p.client(ip(peer), &headers(lines));
        let xff = "x-forwarded-for";
        let at = |text: &str| Client::at(ip(text));
        // What the client wrote itself stands to the left of what the proxy saw.
        assert_eq!(of("127.0.0.1", &[(xff, "6.6.6.6, 203.0.113.9")]), at("203.0.113.9"));
        assert_eq!(of("127.0.0.1", &[(xff, "6.6.6.6, 203.0.113.9, 10.0.0.4")]), at("203.0.113.9"));
        assert_eq!(of("127.0.0.1", &[(xff, "6.6.6.6"), (xff, "203.0.113.9")]), at("203.0.113.9"));
        // The header of somebody else is ignored.
        assert_eq!(of("198.51.100.7", &[(xff, "203.0.113.9")]), at("198.51.100.7"));
        // A client that writes an inner proxy's address is still known by its own.
        assert_eq!(of("127.0.0.1", &[(xff, "6.6.6.6, 10.0.0.9, 203.0.113.9")]), at("203.0.113.9"));
        // No header, or an entry that can't be read: the last proxy whose address could be read.
        assert_eq!(of("127.0.0.1", &[]), at("127.0.0.1"));
        assert_eq!(of("127.0.0.1", &[(xff, "203.0.113.9, unknown")]), at("127.0.0.1"));
        assert_eq!(of("127.0.0.1", &[(xff, "203.0.113.9, x, 10.0.0.4")]), at("10.0.0.4"));
        assert_eq!(of("127.0.0.1", &[(xff, "")]), at("127.0.0.1"));
        // All addresses are trusted: the leftmost counts.
        assert_eq!(of("127.0.0.1", &[(xff, "10.0.0.5, 10.0.0.4")]), at("10.0.0.5"));
        // The other header is not read.
        assert_eq!(of("127.0.0.1", &[("forwarded", "for=203.0.113.9")]), at("127.0.0.1"));
        // With a port, and as IPv6.
        assert_eq!(of("127.0.0.1", &[(xff, "203.0.113.9:4711")]), at("203.0.113.9"));
        assert_eq!(of("127.0.0.1", &[(xff, "[2001:db8::7]:1")]), at("2001:db8::"));
        assert_eq!(of("127.0.0.1", &[(xff, "2001:db8::7")]), at("2001:db8::"));
        assert_eq!(of("::ffff:10.0.0.1", &[(xff, "203.0.113.9")]), at("203.0.113.9"));
    }

    #[test]
    fn forwarded_is_read_as_rfc_7239_writes_it() {
        let p = proxies(&["127.0.0.1"], ForwardedHeader::Forwarded);
        let of = |value: &str| p.client(ip("127.0.0.1"), &headers(&[("forwarded", value)]));
        let at = |text: &str| Client::at(ip(text));
        assert_eq!(of("for=6.6.6.6, for=203.0.113.9;proto=https;by=10.0.0.1"), at("203.0.113.9"));
        assert_eq!(of("proto=https; For=\"[2001:db8:cafe::17]:4711\""), at("2001:db8:cafe::"));
        assert_eq!(of("for=\"[2001:db8:cafe::17]\""), at("2001:db8:cafe::"));
        for unreadable in ["for=_hidden", "for=unknown", "proto=http", "for=\"203.0.113.9", "203.0.113.9", ""]
        {
            assert_eq!(of(unreadable), at("127.0.0.1"), "{unreadable}");
        }
    }

    #[test]
    fn only_a_program_on_this_machine_without_a_proxy_is_local() {
        let none = Proxies::default();
        assert!(none.client(ip("127.0.0.1"), &headers(&[])).is_local());
        assert!(none.client(ip("::1"), &headers(&[])).is_local());
        // What an unnamed proxy passes on does not come from the operator's own programs.
        assert!(!none.client(ip("127.0.0.1"), &headers(&[("x-forwarded-for", "203.0.113.9")])).is_local());
        assert!(!none.client(ip("127.0.0.1"), &headers(&[("forwarded", "for=203.0.113.9")])).is_local());
        for origin in ["http://127.0.0.1:8080", "https://evil.example", "null"] {
            assert!(!none.client(ip("127.0.0.1"), &headers(&[("origin", origin)])).is_local(), "{origin}");
        }
        assert!(!none.client(ip("192.0.2.1"), &headers(&[])).is_local());
        // A trusted proxy that sends no header, or says that it was called from this machine.
        let p = proxies(&["127.0.0.1"], ForwardedHeader::XForwardedFor);
        assert!(!p.client(ip("127.0.0.1"), &headers(&[])).is_local());
        assert!(!p.client(ip("127.0.0.1"), &headers(&[("x-forwarded-for", "127.0.0.2")])).is_local());
    }
}
