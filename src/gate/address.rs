//! Where a datagram came from, as a small value that only `net/` looks into.

use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};

use super::DropReason;

/// The path to a peer: its address, and the one of ours that it sent to.
///
/// Opaque and `Copy`: two values are equal exactly if datagrams on them belong to the same peer. An
/// IPv4-mapped IPv6 address is the IPv4 address that it maps.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PeerAddr {
    remote_ip: Ipv6Addr,
    local_ip: Ipv6Addr,
    scope_id: u32,
    remote_port: u16,
}

impl PeerAddr {
    /// The path of a UDP datagram from `remote`, which arrived at `local` if that is known (a socket bound
    /// to a wildcard must answer from there).
    ///
    /// Refuses what can be nobody's address: port 0, multicast, broadcast and the unspecified address.
    pub fn udp(remote: SocketAddr, local: Option<IpAddr>) -> Result<Self, DropReason> {
        let ip = remote.ip().to_canonical();
        let broadcast = matches!(ip, IpAddr::V4(v4) if v4.is_broadcast());
        if remote.port() == 0 || ip.is_multicast() || ip.is_unspecified() || broadcast {
            return Err(DropReason::Source);
        }
        Ok(Self {
            remote_ip: mapped(ip),
            local_ip: local.map_or(Ipv6Addr::UNSPECIFIED, mapped),
            scope_id: scope_id(remote, ip),
            remote_port: remote.port(),
        })
    }

    /// Where to send an answer: the canonical form of the address it came from.
    pub fn remote(&self) -> SocketAddr {
        match self.remote_ip.to_ipv4_mapped() {
            Some(v4) => SocketAddr::from((v4, self.remote_port)),
            None => SocketAddrV6::new(self.remote_ip, self.remote_port, 0, self.scope_id).into(),
        }
    }

    /// Which of our addresses an answer must come from, if that is known.
    pub fn local(&self) -> Option<IpAddr> {
        (!self.local_ip.is_unspecified()).then(|| self.local_ip.to_canonical())
    }

    /// What those have in common who likely answer to one: the first 24 bits of an IPv4 address, or 56 of an IPv6 one.
    pub(super) fn prefix(&self) -> u64 {
        match self.remote_ip.to_ipv4_mapped() {
            Some(v4) => u64::from(v4.to_bits() >> 8),
            None => (self.remote_ip.to_bits() >> 72 << 8) as u64,
        }
    }

    /// All of it as bytes, for an authentication code.
    pub(super) fn bytes(&self) -> [u8; 38] {
        let mut bytes = [0; 38];
        bytes[..16].copy_from_slice(&self.remote_ip.octets());
        bytes[16..32].copy_from_slice(&self.local_ip.octets());
        bytes[32..36].copy_from_slice(&self.scope_id.to_le_bytes());
        bytes[36..].copy_from_slice(&self.remote_port.to_le_bytes());
        bytes
    }
}

impl std::fmt::Debug for PeerAddr {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

impl std::fmt::Display for PeerAddr {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.remote().fmt(f)
    }
}

fn mapped(ip: IpAddr) -> Ipv6Addr {
    match ip {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    }
}

/// A scope means something for a link-local address only; elsewhere it would split one peer in two.
fn scope_id(remote: SocketAddr, ip: IpAddr) -> u32 {
    match (remote, ip) {
        (SocketAddr::V6(v6), IpAddr::V6(ip)) if ip.is_unicast_link_local() => v6.scope_id(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addr(text: &str) -> Result<PeerAddr, DropReason> {
        PeerAddr::udp(text.parse().expect("a socket address"), None)
    }

    #[test]
    fn an_ipv4_mapped_address_is_one_peer_with_its_ipv4_address() {
        assert_eq!(addr("[::ffff:10.0.0.1]:5000"), addr("10.0.0.1:5000"));
        assert_ne!(addr("10.0.0.1:5000"), addr("10.0.0.1:5001"));
        assert_eq!(addr("10.0.0.1:5000").unwrap().remote(), "10.0.0.1:5000".parse().unwrap());
    }

    #[test]
    fn what_can_be_nobodys_address_is_refused() {
        for wrong in
            ["10.0.0.1:0", "224.0.0.1:5000", "[ff02::1]:5000", "0.0.0.0:9", "[::]:9", "255.255.255.255:9"]
        {
            assert_eq!(addr(wrong), Err(DropReason::Source), "{wrong}");
        }
    }

    #[test]
    fn neighbours_have_a_prefix_in_common() {
        let prefix = |text| addr(text).unwrap().prefix();
        assert_eq!(prefix("10.0.0.1:5000"), prefix("10.0.0.255:6000"));
        assert_ne!(prefix("10.0.0.1:5000"), prefix("10.0.1.1:5000"));
        assert_eq!(prefix("[2001:db8:1:200::1]:5000"), prefix("[2001:db8:1:2ff:1::2]:5000"));
        assert_ne!(prefix("[2001:db8:1:200::1]:5000"), prefix("[2001:db8:1:300::1]:5000"));
    }

    #[test]
    fn a_peer_is_answered_from_the_address_it_sent_to() {
        let local: IpAddr = "127.0.0.2".parse().unwrap();
        let path = PeerAddr::udp("127.0.0.1:9".parse().unwrap(), Some(local)).unwrap();
        assert_eq!(path.local(), Some(local));
        assert_eq!(addr("127.0.0.1:9").unwrap().local(), None);
    }
}
