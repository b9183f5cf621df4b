//! The unit by which limits count callers.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;

/// A caller as limits see it: an IPv4 address, or the /64 network of an IPv6 address, which is what one
/// subscriber commonly holds. `Debug` does not show it, because no address belongs in a log.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Client {
    network: IpAddr,
    local: bool,
}

/// The first address of the network in which `address` lies. `v4` and `v6` are the lengths of the network's prefix.
fn network_of(address: IpAddr, v4: u8, v6: u8) -> IpAddr {
    let prefix = if address.is_ipv4() { v4 } else { v6 };
    IpNet::new(address, prefix).map_or(address, |network| network.network())
}

impl Client {
    /// The client of every request where a router is used without [`serve`](crate::serve::serve).
    pub(super) const NOWHERE: Self = Self { network: IpAddr::V4(Ipv4Addr::UNSPECIFIED), local: false };

    /// The client at an address.
    pub fn at(address: IpAddr) -> Self {
        Self { network: network_of(address.to_canonical(), 32, 64), local: false }
    }

    /// The same client, known to be a program on this machine that is neither a proxy nor a browser.
    pub(super) fn on_this_machine(self) -> Self {
        Self { local: true, ..self }
    }

    /// The first address of its network, by which the ledger counts uploads.
    pub fn network(&self) -> IpAddr {
        self.network
    }

    /// The first address of its wider network: a /24 of IPv4, a /48 of IPv6. Such a network commonly belongs to one customer of
    /// a provider, or to one provider.
    pub(in crate::serve) fn wider(&self) -> IpAddr {
        network_of(self.network, 24, 48)
    }

    /// Whether it is a program on this machine, whose writes are not limited.
    pub fn is_local(&self) -> bool {
        self.local
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Client {
        Client::at(text.parse().unwrap())
    }

    #[test]
    fn ipv6_counts_by_64_and_ipv4_by_address_however_written() {
        assert_eq!(at("2001:db8:1:2::3"), at("2001:db8:1:2:ffff:ffff:ffff:ffff"));
        assert_ne!(at("2001:db8:1:2::3"), at("2001:db8:1:3::3"));
        assert_eq!(at("::ffff:192.0.2.1"), at("192.0.2.1"));
        assert_ne!(at("192.0.2.1"), at("192.0.2.2"));
        // Mapped into IPv6, all of IPv4 would be in one /64.
        assert_ne!(at("::ffff:192.0.2.1"), at("::ffff:192.0.2.2"));
    }

    #[test]
    fn an_address_is_never_printed() {
        assert!(!format!("{:?}", at("192.0.2.1")).contains("192"));
    }
}
