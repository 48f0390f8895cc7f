//! Egress rules: which addresses backends may have. Pure; the connector asks before it dials.
//!
//! A name is resolved once, every address is checked here, and exactly the checked address is dialled: an answer
//! that changes between check and use (DNS rebinding) has no second chance. IPv6 forms that carry an IPv4 address
//! (mapped, 6to4, NAT64, Teredo, ISATAP) are judged by the carried address as well.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use ipnet::IpNet;

/// Which non-public addresses may be dialled.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Rules {
    allow: Vec<IpNet>,
    loopback: bool,
}

/// An address that the rules forbid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forbidden {
    /// The address.
    pub address: IpAddr,
    /// What sort of range it is in.
    pub range: &'static str,
}

impl fmt::Display for Forbidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, range } = self;
        write!(f, "{address} is a {range} address; list its range under server.egress.allow_private to allow it")?;
        if *range == "loopback" {
            f.write_str(" (backends declared in the configuration file need no entry for loopback)")?;
        }
        Ok(())
    }
}

impl Rules {
    /// Rules with the administrator's ranges; `loopback` opens 127.0.0.0/8 and ::1 for file-declared backends.
    #[must_use]
    pub fn new(allow: &[IpNet], loopback: bool) -> Self {
        Self { allow: allow.to_vec(), loopback }
    }

    /// Whether `address` may be dialled.
    pub fn check(&self, address: IpAddr) -> Result<(), Forbidden> {
        let range = match address {
            _ if self.allows(address) => None,
            IpAddr::V4(v4) => range_v4(v4),
            IpAddr::V6(v6) => range_v6(v6).or_else(|| {
                let carried = embedded_v4(v6).filter(|v4| !self.allows(IpAddr::V4(*v4)))?;
                range_v4(carried)
            }),
        };
        match range {
            None => Ok(()),
            Some("loopback") if self.loopback => Ok(()),
            Some(range) => Err(Forbidden { address, range }),
        }
    }

    fn allows(&self, address: IpAddr) -> bool {
        self.allow.iter().any(|net| net.contains(&address))
    }

    /// Checks the host of a URL before any name is resolved: addresses in any spelling (decimal, octal, hex,
    /// trailing dot) are checked at once. `Ok(None)`: a name, to be checked when it is resolved.
    pub fn check_host(&self, host: &str) -> Result<Option<IpAddr>, String> {
        let Some(address) = literal(host)? else { return Ok(None) };
        self.check(address).map_err(|forbidden| forbidden.to_string())?;
        Ok(Some(address))
    }
}

/// The address that a URL's host spells, if it is not a name. The WHATWG rules (which `url` implements) read
/// `2130706433`, `0x7f.1`, `017700000001` and `127.1` as 127.0.0.1, and so do libc resolvers.
pub fn literal(host: &str) -> Result<Option<IpAddr>, String> {
    match url::Host::parse(host.strip_suffix('.').unwrap_or(host)) {
        Ok(url::Host::Ipv4(v4)) => Ok(Some(v4.into())),
        Ok(url::Host::Ipv6(v6)) => Ok(Some(v6.into())),
        Ok(url::Host::Domain(name)) if name.is_empty() => Err("the host is empty".into()),
        Ok(url::Host::Domain(_)) => Ok(None),
        Err(error) => Err(format!("`{host}` is not a host: {error}")),
    }
}

/// IANA's special-purpose registry for IPv4, and multicast.
const RANGES_V4: &[([u8; 4], u8, &str)] = &[
    ([0, 0, 0, 0], 8, "this-network"),
    ([10, 0, 0, 0], 8, "private"),
    ([100, 64, 0, 0], 10, "shared (CGNAT)"),
    ([127, 0, 0, 0], 8, "loopback"),
    ([169, 254, 0, 0], 16, "link-local"),
    ([172, 16, 0, 0], 12, "private"),
    ([192, 0, 0, 0], 24, "protocol-assignment"),
    ([192, 0, 2, 0], 24, "documentation"),
    ([192, 88, 99, 0], 24, "6to4 relay"),
    ([192, 168, 0, 0], 16, "private"),
    ([198, 18, 0, 0], 15, "benchmarking"),
    ([198, 51, 100, 0], 24, "documentation"),
    ([203, 0, 113, 0], 24, "documentation"),
    ([224, 0, 0, 0], 4, "multicast"),
    ([240, 0, 0, 0], 4, "reserved"),
];

/// IANA's special-purpose registry for IPv6, and multicast. Most forms that carry an IPv4 address are not listed:
/// they are as public as what they carry.
const RANGES_V6: &[(Ipv6Addr, u32, &str)] = &[
    (Ipv6Addr::UNSPECIFIED, 128, "unspecified"),
    (Ipv6Addr::LOCALHOST, 128, "loopback"),
    (Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, 0, 0), 48, "local NAT64"),
    (Ipv6Addr::new(0x100, 0, 0, 0, 0, 0, 0, 0), 64, "discard-only"),
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23, "protocol-assignment"),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32, "documentation"),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20, "documentation"),
    (Ipv6Addr::new(0x5f00, 0, 0, 0, 0, 0, 0, 0), 16, "segment-routing"),
    (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7, "unique-local"),
    (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10, "link-local"),
    (Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 0), 10, "site-local"),
    (Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8, "multicast"),
];

fn range_v4(address: Ipv4Addr) -> Option<&'static str> {
    let bits = u32::from(address);
    RANGES_V4.iter().find_map(|(base, length, name)| {
        let shift = 32 - u32::from(*length);
        (bits >> shift == u32::from_be_bytes(*base) >> shift).then_some(*name)
    })
}

fn range_v6(address: Ipv6Addr) -> Option<&'static str> {
    let bits = u128::from(address);
    RANGES_V6.iter().find_map(|(base, length, name)| {
        let shift = 128 - length;
        (bits >> shift == u128::from(*base) >> shift).then_some(*name)
    })
}

/// The IPv4 address that an IPv6 address carries: a packet sent to it may end up there.
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let segments = address.segments();
    let join = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    let last = join(segments[6], segments[7]);
    match segments {
        // 6to4.
        [0x2002, high, low, ..] => Some(join(high, low)),
        // Teredo: the client's address is inverted (RFC 4380).
        [0x2001, 0, ..] => Some(Ipv4Addr::from(!u32::from(last))),
        // ::a.b.c.d (deprecated; :: and ::1 themselves are IPv6's own), mapped, translated (RFC 2765).
        [0, 0, 0, 0, 0, 0, ..] if u32::from(last) <= 1 => None,
        [0, 0, 0, 0, 0, 0 | 0xffff, ..] | [0, 0, 0, 0, 0xffff, 0, ..]
        // NAT64 (RFC 6052) and ISATAP interface identifiers (RFC 5214).
        | [0x64, 0xff9b, 0, 0, 0, 0, ..] | [_, _, _, _, 0 | 0x200, 0x5efe, ..] => Some(last),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forbidden(rules: &Rules, host: &str) -> bool {
        rules.check_host(host).is_err()
    }

    #[test]
    fn non_public_addresses_are_refused_in_every_spelling() {
        let rules = Rules::default();
        for host in [
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0x7f000001",
            "0x7f.1",
            "017700000001",
            "0177.0.0.1",
            "127.0.0.1.",
            "0.0.0.0",
            "0",
            "10.1.2.3",
            "100.64.0.1",
            "100.127.255.255",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.7",
            "224.0.0.1",
            "239.1.1.1",
            "240.0.0.1",
            "255.255.255.255",
            "[::]",
            "[::1]",
            "[::127.0.0.1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:10.0.0.1]",
            "[::ffff:a9fe:a9fe]",
            "[::ffff:0:10.0.0.1]",
            "[64:ff9b::10.0.0.1]",
            "[64:ff9b:1::1]",
            "[2002:7f00:1::]",
            "[2002:c0a8:101::1]",
            "[2001:0:1:2:3:4:80ff:fffe]",
            "[fc00::1]",
            "[fd12:3456::1]",
            "[fe80::1]",
            "[fec0::1]",
            "[ff02::1]",
            "[2001:db8::1]",
            "[3fff::1]",
            "[100::1]",
            "[2001:2::1]",
            "[5f00::1]",
            "[2600::5efe:10.0.0.1]",
            "[fe80::5efe:1.1.1.1]",
            "１２７.0.0.1",
            "",
            ".",
            "exa mple",
        ] {
            assert!(forbidden(&rules, host), "{host}");
        }
    }

    #[test]
    fn public_addresses_and_names_pass() {
        let rules = Rules::default();
        for host in [
            "1.1.1.1",
            "100.63.255.255",
            "172.32.0.1",
            "198.20.0.1",
            "223.255.255.255",
            "[2600::1]",
            "[64:ff9b::1.1.1.1]",
            "[2002:101:101::1]",
            "[::ffff:1.1.1.1]",
            "api.openai.com",
            "localhost",
            "a.b.",
        ] {
            assert!(!forbidden(&rules, host), "{host}");
        }
    }

    #[test]
    fn the_administrators_ranges_open_what_they_cover_and_nothing_else() {
        let rules = Rules::new(&["10.0.0.0/8".parse().expect("net"), "fd00::/8".parse().expect("net")], false);
        for (host, allowed) in [
            ("10.9.8.7", true),
            ("[::ffff:10.9.8.7]", true),
            ("[fd00::1]", true),
            ("192.168.0.1", false),
            ("127.0.0.1", false),
            ("[fc00::1]", false),
            ("169.254.169.254", false),
        ] {
            assert_eq!(!forbidden(&rules, host), allowed, "{host}");
        }
    }

    #[test]
    fn loopback_opens_only_loopback() {
        let rules = Rules::new(&[], true);
        for (host, allowed) in [
            ("127.0.0.1", true),
            ("127.9.9.9", true),
            ("[::1]", true),
            ("[::ffff:127.0.0.1]", true),
            ("0.0.0.0", false),
            ("[::]", false),
            ("10.0.0.1", false),
        ] {
            assert_eq!(!forbidden(&rules, host), allowed, "{host}");
        }
    }

    #[test]
    fn the_message_names_the_setting() {
        let text = Rules::default().check("10.0.0.1".parse().expect("ip")).expect_err("forbidden").to_string();
        assert_eq!(text, "10.0.0.1 is a private address; list its range under server.egress.allow_private to allow it");
    }
}
