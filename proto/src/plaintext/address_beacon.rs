//! How the older LAN peers call out: `IP:PORT` in ASCII by UDP, and not one byte more, which would end such a listener
//! for good.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

/// The UDP port on which they call and listen.
pub const ADDRESS_BEACON_PORT: u16 = 9090;
/// The longest: `255.255.255.255:65535`.
pub const ADDRESS_BEACON_BYTES_MAX: usize = 21;

/// What to call out.
#[must_use]
pub fn encode(ip: Ipv4Addr, port: u16) -> String {
    SocketAddrV4::new(ip, port).to_string()
}

/// Where someone says that it listens; `None` for what is not exactly that.
#[must_use]
pub fn decode(bytes: &[u8]) -> Option<SocketAddr> {
    let text = std::str::from_utf8(bytes).ok().filter(|text| text.len() <= ADDRESS_BEACON_BYTES_MAX)?;
    text.parse().ok().map(SocketAddr::V4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_called_out_as_it_is_and_nothing_else_is_read() {
        let text = encode(Ipv4Addr::new(192, 168, 1, 20), 7000);
        assert_eq!(text, "192.168.1.20:7000");
        assert_eq!(decode(text.as_bytes()), "192.168.1.20:7000".parse().ok());
        assert_eq!(encode(Ipv4Addr::BROADCAST, u16::MAX).len(), ADDRESS_BEACON_BYTES_MAX);
        for wrong in [
            "192.168.1.20:7000\n",
            " 192.168.1.20:7000",
            "192.168.1.20",
            "192.168.1:7000",
            "[::1]:7000",
            "",
            "host:7000",
            "192.168.1.20:70000",
            "192.168.1.20:-1",
        ] {
            assert_eq!(decode(wrong.as_bytes()), None, "{wrong:?}");
        }
        assert_eq!(decode(b"\xff\xfe"), None);
    }
}
