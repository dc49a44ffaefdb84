//! Web addresses that only this machine or its network knows. Nothing is looked up: what a name says is enough.

use std::net::{Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

/// Ends of names that no public name server knows (RFC 6761, RFC 6762, RFC 8375, and what routers and firms use).
const LOCAL_ENDS: [&str; 9] =
    ["localhost", "local", "localdomain", "internal", "intranet", "lan", "home", "corp", "private"];

/// Whether the host of a web address is this machine or on its own network, so that nobody outside can fetch from it.
#[must_use]
pub fn is_on_this_network(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => is_local_v4(address),
        Some(Host::Ipv6(address)) => is_local_v6(address),
        Some(Host::Domain(name)) => is_local_name(name),
        None => false,
    }
}

fn is_local_name(name: &str) -> bool {
    // The parser has put it into small letters.
    let name = name.strip_suffix('.').unwrap_or(name);
    match name.rsplit_once('.') {
        None => true,
        Some((rest, end)) => {
            LOCAL_ENDS.contains(&end) || (end == "arpa" && (rest == "home" || rest.ends_with(".home")))
        }
    }
}

fn is_local_v4(address: Ipv4Addr) -> bool {
    let [first, second, ..] = address.octets();
    address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_broadcast()
        || first == 0
        // Carrier-grade NAT (RFC 6598) and benchmarks (RFC 2544).
        || (first == 100 && (64..128).contains(&second))
        || (first == 198 && (18..20).contains(&second))
}

fn is_local_v6(address: Ipv6Addr) -> bool {
    let inside = address.to_ipv4_mapped();
    address.is_loopback()
        || address.is_unspecified()
        || address.is_multicast()
        || address.is_unique_local()
        || address.is_unicast_link_local()
        || inside.is_some_and(is_local_v4)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_local(host: &str) -> bool {
        is_on_this_network(&Url::parse(&format!("https://{host}/a.png")).expect(host))
    }

    #[test]
    fn what_only_this_network_knows_is_told_by_its_name() {
        for host in [
            "localhost",
            "LOCALHOST.",
            "nas",
            "192.168.1.10",
            "10.0.0.1",
            "172.16.9.9",
            "172.31.0.1",
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0x7f000001",
            "169.254.1.1",
            "100.64.0.1",
            "0.0.0.0",
            "[::1]",
            "[fe80::1]",
            "[fd00::7]",
            "[::]",
            "[::ffff:192.168.0.1]",
            "shop.local",
            "a.b.lan",
            "cdn.internal",
            "host.docker.internal",
            "x.home.arpa",
            "a.localhost",
            "pics.corp:8080",
            "user@files.intranet",
        ] {
            assert!(is_local(host), "{host}");
        }
        for host in [
            "cdn.example",
            "pictures.test",
            "shop.invalid",
            "172.32.0.1",
            "8.8.8.8",
            "192.169.0.1",
            "[2001:db8::1]",
            "local.shop.example",
            "mylan.example",
            "xn--bcher-kva.example",
            "100.128.0.1",
            "198.20.0.1",
            "arpa.example",
        ] {
            assert!(!is_local(host), "{host}");
        }
    }
}
