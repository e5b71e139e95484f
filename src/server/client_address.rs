//! Whom a request comes from: the other end of the connection, or whom a trusted proxy names.

use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;
use std::sync::Arc;

use axum::http::HeaderMap;
use ipnet::IpNet;

use crate::domain::unexpected::Unexpected;

/// The header in which proxies write, one after the other, whom they were asked by.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// The address of whoever sent a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

/// A proxy whose word is taken for the client's address: an address, or a network such as `10.0.0.0/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrustedProxy(IpNet);

impl FromStr for TrustedProxy {
    type Err = Unexpected;
    fn from_str(text: &str) -> Result<Self, Unexpected> {
        let network = text
            .parse()
            .or_else(|_| text.parse().map(|address: IpAddr| address.into()));
        network.map(Self).map_err(|_| {
            Unexpected::expected(
                "the proxy's address or network: `10.0.0.7`, `10.0.0.0/8` or `fd00::/8`",
            )
        })
    }
}

/// The proxies in front of this server.
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies(Arc<[TrustedProxy]>);

impl FromIterator<TrustedProxy> for TrustedProxies {
    fn from_iter<T: IntoIterator<Item = TrustedProxy>>(proxies: T) -> Self {
        Self(proxies.into_iter().collect())
    }
}

impl TrustedProxies {
    /// Whether this address is one of them.
    pub fn trust(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|proxy| proxy.0.contains(&address))
    }

    /// Who sent a request that came from `peer`: read from the last name back, since each proxy appends whom it
    /// was asked by, and everything before the first proxy that is not ours can be made up.
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let lines: Vec<&str> = headers
            .get_all(FORWARDED_FOR)
            .iter()
            .map(|line| line.to_str().unwrap_or_default())
            .collect();
        let mut named = lines.iter().rev().flat_map(|line| line.rsplit(','));
        let mut client = peer;
        while self.trust(client) {
            match named.next().and_then(|name| name.trim().parse().ok()) {
                Some(address) => client = address,
                None => break,
            }
        }
        client.to_canonical()
    }
}

/// By which addresses are told apart: a household has a whole /64 of IPv6.
pub fn by_household(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(proxies: &[&str], peer: &str, forwarded: &[&str]) -> String {
        let proxies: TrustedProxies = proxies.iter().map(|proxy| proxy.parse().unwrap()).collect();
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append(FORWARDED_FOR, line.parse().unwrap());
        }
        proxies.client(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn only_a_trusted_proxy_says_who_asks() {
        let ours = ["10.0.0.0/8", "::1"];
        assert_eq!(client(&[], "10.0.0.1", &["192.0.2.1"]), "10.0.0.1");
        assert_eq!(client(&ours, "192.0.2.9", &["192.0.2.1"]), "192.0.2.9");
        assert_eq!(client(&ours, "10.0.0.1", &["192.0.2.1"]), "192.0.2.1");
        assert_eq!(
            client(&ours, "::ffff:10.0.0.1", &["192.0.2.1"]),
            "192.0.2.1"
        );
        assert_eq!(
            client(&ours, "10.0.0.1", &["203.0.113.5, 192.0.2.1", "::1"]),
            "192.0.2.1",
            "what the client itself wrote before is not believed"
        );
        assert_eq!(client(&ours, "10.0.0.1", &["who knows"]), "10.0.0.1");
        assert_eq!(client(&ours, "10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn a_proxy_is_an_address_or_a_network() {
        assert!("10.0.0.7".parse::<TrustedProxy>().is_ok());
        assert!("fd00::/8".parse::<TrustedProxy>().is_ok());
        assert_eq!(
            "proxy.example".parse::<TrustedProxy>().unwrap_err(),
            Unexpected::expected(
                "the proxy's address or network: `10.0.0.7`, `10.0.0.0/8` or `fd00::/8`"
            )
        );
    }
}
