//! Which addresses this host has. Asked every few seconds, because no portable call tells of a change.

use std::{net::Ipv4Addr, time::Duration};

use if_addrs::IfAddr;
use papo_proto::{machine::Interface, time::Time};

/// How often is asked.
const ASK_EVERY: Duration = Duration::from_secs(2);
/// More addresses than this are not told.
const ADDRESSES_MAX: usize = 256;

/// What was told last, and when to ask again.
#[derive(Debug, Default)]
pub(crate) struct Interfaces {
    told: Option<Vec<Interface>>,
    next: Time,
}

impl Interfaces {
    /// When to ask again.
    pub(crate) const fn deadline(&self) -> Time {
        self.next
    }

    /// The addresses, if they are to be told: at first and when they changed. `ask` is called when it is time.
    pub(crate) fn check(&mut self, now: Time, ask: impl FnOnce() -> Vec<Interface>) -> Option<Vec<Interface>> {
        if now < self.next {
            return None;
        }
        self.next = now + ASK_EVERY;
        let mut addresses = ask();
        addresses.sort_unstable();
        addresses.dedup();
        addresses.truncate(ADDRESSES_MAX);
        if self.told.as_ref() == Some(&addresses) {
            return None;
        }
        self.told = Some(addresses.clone());
        Some(addresses)
    }
}

/// The addresses of the interfaces that are up, loopback ones among them. None when the system does not say.
pub(crate) fn of_this_host() -> Vec<Interface> {
    match if_addrs::get_if_addrs() {
        Ok(interfaces) => interfaces.iter().filter(|one| one.is_oper_up()).map(|one| interface(&one.addr)).collect(),
        Err(error) => {
            log::warn!("the addresses of this host are not known: {error}");
            Vec::new()
        }
    }
}

/// A network of one host or of two has no broadcast. That of the loopback interface is not announced, and works.
fn interface(addr: &IfAddr) -> Interface {
    match addr {
        IfAddr::V4(v4) => {
            let last = Ipv4Addr::from_bits(v4.ip.to_bits() | !v4.netmask.to_bits());
            let broadcast = v4.broadcast.or_else(|| v4.ip.is_loopback().then_some(last)).filter(|_| v4.prefixlen <= 30);
            Interface { address: v4.ip.into(), prefix: v4.prefixlen, broadcast }
        }
        IfAddr::V6(v6) => Interface { address: v6.ip.into(), prefix: v6.prefixlen, broadcast: None },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::IpAddr;

    #[test]
    fn addresses_are_told_at_first_and_when_they_changed() {
        let at = |secs| Time::after_start(Duration::from_secs(secs));
        let lan = Interface::alone(IpAddr::from([192, 168, 1, 2]));
        let loopback = Interface::alone(IpAddr::from([127, 0, 0, 1]));
        let mut interfaces = Interfaces::default();
        assert_eq!(interfaces.check(at(0), || vec![lan, loopback]), Some(vec![loopback, lan]));
        assert_eq!(interfaces.deadline(), at(2));
        assert_eq!(interfaces.check(at(1), || panic!("asked too early")), None);
        assert_eq!(interfaces.check(at(2), || vec![loopback, lan, lan]), None, "another order is no change");
        assert_eq!(interfaces.check(at(4), || vec![loopback]), Some(vec![loopback]));
        assert_eq!(interfaces.check(at(6), Vec::new), Some(vec![]));
    }

    #[test]
    fn this_host_has_a_loopback_address() {
        let loopback = |one: &&Interface| one.address == Ipv4Addr::LOCALHOST;
        let interfaces = of_this_host();
        let found = interfaces.iter().find(loopback).expect("127.0.0.1 is up");
        assert_eq!((found.prefix, found.broadcast), (8, Some(Ipv4Addr::new(127, 255, 255, 255))));
    }
}
