//! Where a session can be dialled, as others are told.
//!
//! A session claims the addresses that it listens on; what is passed on is decided here, so that nobody can aim peers
//! at a third party: only addresses that lie in the session's own surroundings (private, link-local, shared,
//! loopback), or that the tracker itself sees the session at, and only ports that a person may listen on. A session
//! from loopback runs on the tracker's own host, so the addresses of that host are its own as well: else nobody could
//! dial whoever hosts a tracker on a public address.

use std::net::{IpAddr, SocketAddr};

use crate::wire::tracker::{CLAIMED_MAX, ENDPOINTS_MAX};

/// Lower ports belong to the services of a host, not to peers.
pub(super) const PORT_MIN: u16 = 1024;

/// The endpoints of a session that is seen at `seen` and claims `claimed`: first the address that the tracker sees, at
/// the port of the first claim, then the claims that may be passed on, each once. `here` are the addresses of the
/// tracker's own host.
#[must_use]
pub fn endpoints(seen: IpAddr, claimed: &[SocketAddr], here: &[IpAddr]) -> Vec<SocketAddr> {
    let seen = seen.to_canonical();
    let is_own = |ip: IpAddr| ip == seen || (seen.is_loopback() && here.contains(&ip));
    let outside = claimed.first().map(|first| SocketAddr::new(seen, first.port()));
    let mut endpoints = Vec::new();
    let claims = claimed.iter().take(CLAIMED_MAX).map(|claim| SocketAddr::new(claim.ip().to_canonical(), claim.port()));
    for endpoint in outside.into_iter().chain(claims) {
        let allowed = endpoint.port() >= PORT_MIN && (is_own(endpoint.ip()) || is_near(endpoint.ip()));
        if allowed && !endpoints.contains(&endpoint) {
            endpoints.push(endpoint);
        }
    }
    debug_assert!(endpoints.len() <= ENDPOINTS_MAX, "one more than was claimed");
    endpoints
}

/// Whether an address means something near whoever uses it, and never a host of someone else's network.
fn is_near(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, ..] = ip.octets();
            let shared = a == 100 && (64..128).contains(&b); // RFC 6598: behind a carrier's NAT
            ip.is_private() || ip.is_link_local() || ip.is_loopback() || shared
        }
        IpAddr::V6(ip) => ip.is_unique_local() || ip.is_unicast_link_local() || ip.is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tracker's host on the open internet.
    const HERE: &str = "198.51.100.7";

    #[track_caller]
    fn check(seen: &str, claimed: &[&str], expect: &[&str]) {
        let claimed = claimed.iter().map(|text| text.parse().expect("an address")).collect::<Vec<_>>();
        let here = [HERE.parse().expect("an address")];
        let told = endpoints(seen.parse().expect("an address"), &claimed, &here);
        assert_eq!(told.iter().map(ToString::to_string).collect::<Vec<_>>(), expect);
    }

    #[test]
    fn the_address_that_the_tracker_sees_comes_first_at_the_claimed_port() {
        check("203.0.113.9", &["192.168.1.7:6061"], &["203.0.113.9:6061", "192.168.1.7:6061"]);
        check("::ffff:203.0.113.9", &["203.0.113.9:6061"], &["203.0.113.9:6061"]);
        check("203.0.113.9", &[], &[]);
    }

    #[test]
    fn claims_that_would_aim_peers_at_a_third_party_are_dropped() {
        check(
            "203.0.113.9",
            &["0.0.0.0:6061", "198.51.100.1:6061", "224.0.0.1:6061", "255.255.255.255:6061", "[2001:db8::1]:6061"],
            &["203.0.113.9:6061"],
        );
        check("203.0.113.9", &["10.0.0.1:80", "10.0.0.1:1023", "10.0.0.1:1024"], &["10.0.0.1:1024"]);
    }

    #[test]
    fn whoever_runs_on_the_tracker_s_host_may_claim_that_host_s_addresses_and_nobody_else_may() {
        let claimed = ["198.51.100.7:6061", "198.51.100.8:6061"];
        check("127.0.0.1", &claimed, &["127.0.0.1:6061", "198.51.100.7:6061"]);
        check("::1", &claimed, &["[::1]:6061", "198.51.100.7:6061"]);
        check("203.0.113.9", &claimed, &["203.0.113.9:6061"]);
    }

    #[test]
    fn near_addresses_of_every_kind_are_passed_on() {
        let near = [
            "10.0.0.1:6061",
            "172.16.0.1:6061",
            "169.254.1.1:6061",
            "100.64.0.1:6061",
            "[fd00::1]:6061",
            "[fe80::1]:1",
        ];
        let told = [
            "10.9.9.9:6061",
            "10.0.0.1:6061",
            "172.16.0.1:6061",
            "169.254.1.1:6061",
            "100.64.0.1:6061",
            "[fd00::1]:6061",
        ];
        check("10.9.9.9", &near, &told);
        check("127.0.0.1", &["127.0.0.1:7000"], &["127.0.0.1:7000"]);
    }
}
