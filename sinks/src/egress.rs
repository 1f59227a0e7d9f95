//! Which servers may be reached, where somebody else than the user of the process names them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use url::{Host, Url};

use crate::error::{Error, ErrorKind, Result};

/// A policy for places that callers name: public addresses, and what was allowed besides.
///
/// Loopback, link-local (with the metadata services of clouds), private, shared, multicast, documentation and reserved
/// addresses are refused unless a rule allows them. The address that a name resolves to is what is judged, and that very
/// address is connected to: a name cannot lead elsewhere the second time it is looked up. Proxies of the environment are
/// not used, because they would look names up themselves.
///
/// ```
/// use unlabel_sinks::Egress;
/// let egress = Egress::public().allow("10.1.0.0/16")?.allow("minio.example.com:9000")?;
/// assert!(egress.check(&"https://example.com/".parse().unwrap()).is_ok());
/// assert!(egress.check(&"http://10.1.2.3/".parse().unwrap()).is_ok());
/// assert!(egress.check(&"http://169.254.169.254/".parse().unwrap()).is_err());
/// assert!(egress.check(&"http://minio.example.com:80/".parse().unwrap()).is_err());
/// # Ok::<(), unlabel_sinks::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Egress {
    rules: Vec<Rule>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Rule {
    /// Any address in it, at any port.
    Net(IpNet),
    /// One address at one port.
    Address(IpAddr, u16),
    /// A name, or with a leading dot every name below it; at one port, or at any.
    Name(String, Option<u16>),
}

impl Egress {
    /// Public addresses only.
    pub fn public() -> Self {
        Self::default()
    }

    /// Allows more: `10.0.0.0/8`, `127.0.0.1`, `127.0.0.1:9000`, `[::1]:9000`, `minio.internal`, `minio.internal:9000`,
    /// `*.internal`. A name with a port is reached at that port only.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when it is none of these.
    pub fn allow(mut self, rule: &str) -> Result<Self> {
        let wrong = || {
            let words = "is no rule for servers: an address, a network, or a name, and a port if need be";
            Error::new(ErrorKind::Config, format!("`{rule}` {words}"))
        };
        let rule = rule.trim();
        let parsed = if let Ok(net) = rule.parse::<IpNet>() {
            Rule::Net(net)
        } else if let Ok(address) = rule.parse::<IpAddr>() {
            Rule::Net(address.into())
        } else if let Ok(address) = rule.parse::<std::net::SocketAddr>() {
            Rule::Address(address.ip(), address.port())
        } else {
            let (name, port) = match rule.rsplit_once(':') {
                Some((name, port)) => (name, Some(port.parse().map_err(|_| wrong())?)),
                None => (rule, None),
            };
            let name = name.strip_prefix('*').filter(|rest| rest.starts_with('.')).unwrap_or(name);
            let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
            if name.trim_matches('.').is_empty() || !name.bytes().all(is_name) {
                return Err(wrong());
            }
            Rule::Name(name.to_ascii_lowercase(), port)
        };
        self.rules.push(parsed);
        Ok(self)
    }

    /// Whether a request may go to `url`, as far as can be told before its name is looked up.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when not, with the server and what would allow it.
    pub fn check(&self, url: &Url) -> Result<()> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Error::new(ErrorKind::Config, format!("a URL of the scheme `{}` is not used", url.scheme())));
        }
        let port = url.port_or_known_default().unwrap_or_default();
        let allowed = match url.host() {
            Some(Host::Ipv4(address)) => self.allows_address(address.into(), Some(port)),
            Some(Host::Ipv6(address)) => self.allows_address(address.into(), Some(port)),
            Some(Host::Domain(name)) => self.ports_of(name).is_none_or(|ports| ports.contains(&port)),
            None => false,
        };
        if allowed { Ok(()) } else { Err(refused(&format!("{}:{port}", url.host_str().unwrap_or_default()))) }
    }

    /// The addresses of `name` that may be connected to, of those that it resolves to.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when there is none.
    pub fn choose(&self, name: &str, found: impl IntoIterator<Item = IpAddr>) -> Result<Vec<IpAddr>> {
        let is_named = self.is_named(name);
        let allowed: Vec<_> = found.into_iter().filter(|it| is_named || self.allows_address(*it, None)).collect();
        if allowed.is_empty() { Err(refused(name)) } else { Ok(allowed) }
    }

    fn allows_address(&self, address: IpAddr, port: Option<u16>) -> bool {
        // `::ffff:127.0.0.1` is 127.0.0.1.
        let address = address.to_canonical();
        let is_allowed = |rule: &Rule| match rule {
            Rule::Net(net) => net.contains(&address),
            Rule::Address(allowed, at) => *allowed == address && port == Some(*at),
            Rule::Name(..) => false,
        };
        is_public(address) || self.rules.iter().any(is_allowed)
    }

    fn rules_of<'r>(&'r self, name: &'r str) -> impl Iterator<Item = Option<u16>> + 'r {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        self.rules.iter().filter_map(move |rule| match rule {
            Rule::Name(known, port) if known.starts_with('.') && name.ends_with(known.as_str()) => Some(*port),
            Rule::Name(known, port) if *known == name => Some(*port),
            _ => None,
        })
    }

    fn is_named(&self, name: &str) -> bool {
        self.rules_of(name).next().is_some()
    }

    /// The ports at which alone `name` may be reached; None for any.
    fn ports_of(&self, name: &str) -> Option<Vec<u16>> {
        let ports: Option<Vec<u16>> = self.rules_of(name).collect();
        ports.filter(|ports| !ports.is_empty())
    }
}

fn refused(place: &str) -> Error {
    let words = "is not a public address, and none that this server was told to allow";
    Error::new(ErrorKind::Config, format!("{place} {words}"))
}

/// Whether an address is one of the internet at large (the registries of RFC 6890 and what came after).
fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [first, second, third, _] = address.octets();
    let is_shared = first == 100 && second & 0xC0 == 64;
    let is_benchmark = first == 198 && second & 0xFE == 18;
    // Protocol assignments, and the former relay of 6to4.
    let is_assigned = (first, second, third) == (192, 0, 0) || (first, second, third) == (192, 88, 99);
    let is_special = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_broadcast()
        || address.is_documentation()
        || address.is_multicast();
    // From 240 on reserved.
    !(first == 0 || first >= 240 || is_shared || is_benchmark || is_assigned || is_special)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let groups = address.segments();
    // NAT64 and 6to4 hold an address of version 4, which is where the packets go.
    if groups[..6] == [0x64, 0xFF9B, 0, 0, 0, 0] {
        return is_public_v4(embedded(groups[6], groups[7]));
    }
    if groups[0] == 0x2002 {
        return is_public_v4(embedded(groups[1], groups[2]));
    }
    // Unicast of the internet is in 2000::/3; Teredo, benchmarks, ORCHID and documentation are in there too.
    let is_global = groups[0] & 0xE000 == 0x2000;
    let is_assigned = groups[0] == 0x2001 && groups[1] < 0x200;
    let is_documentation = (groups[0] == 0x2001 && groups[1] == 0xDB8) || (groups[0] == 0x3FFF && groups[1] < 0x1000);
    is_global && !is_assigned && !is_documentation
}

fn embedded(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from((u32::from(high) << 16) | u32::from(low))
}

#[cfg(feature = "client")]
mod http {
    use std::net::SocketAddr;

    use reqwest::dns::{Addrs, Name, Resolve, Resolving};

    use super::Egress;

    impl Resolve for Egress {
        fn resolve(&self, name: Name) -> Resolving {
            let egress = self.clone();
            Box::pin(async move {
                let found = tokio::net::lookup_host((name.as_str(), 0)).await?.map(|address| address.ip());
                let chosen = egress.choose(name.as_str(), found)?;
                let addresses: Addrs = Box::new(chosen.into_iter().map(|address| SocketAddr::new(address, 0)));
                Ok(addresses)
            })
        }
    }
}

#[cfg(feature = "s3")]
mod s3 {
    use aws_smithy_runtime_api::client::dns::{DnsFuture, ResolveDns, ResolveDnsError};

    use super::Egress;

    impl ResolveDns for Egress {
        fn resolve_dns<'a>(&'a self, name: &'a str) -> DnsFuture<'a> {
            DnsFuture::new(async move {
                let found = tokio::net::lookup_host((name, 0)).await.map_err(ResolveDnsError::new)?;
                self.choose(name, found.map(|address| address.ip())).map_err(ResolveDnsError::new)
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn only_the_internet_is_public() {
        for address in ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"] {
            assert!(is_public(ip(address)), "{address}");
        }
        for address in [
            "0.0.0.0",
            "10.0.0.1",
            "100.64.0.1",
            "127.0.0.1",
            "127.9.9.9",
            "169.254.169.254",
            "172.16.0.1",
            "192.0.0.8",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "2001::1",
            "2001:db8::1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "64:ff9b:1::1",
            "100::1",
        ] {
            assert!(!is_public(ip(address)), "{address}");
        }
    }

    #[test]
    fn rules_allow_what_they_name() {
        let egress = ["10.1.0.0/16", "127.0.0.1:9000", "[::1]:9001", "store.internal", "*.lan", "api.example:8443"]
            .iter()
            .try_fold(Egress::public(), |egress, rule| egress.allow(rule))
            .unwrap();
        let is_allowed = |url: &str| egress.check(&url.parse().unwrap()).is_ok();
        for url in [
            "http://10.1.255.1:1/",
            "http://127.0.0.1:9000/",
            "http://[::1]:9001",
            "http://store.internal:81/",
            "https://api.example:8443/",
            "http://anything.example/",
            "http://0x7f.1:9000/",
        ] {
            assert!(is_allowed(url), "{url}");
        }
        for url in [
            "http://10.2.0.1/",
            "http://127.0.0.1:9001/",
            "http://[::1]:9000",
            "https://api.example/",
            "ftp://a.example/",
            "http://2130706433/",
            "http://0177.0.0.1/",
            "http://[::ffff:169.254.169.254]/",
        ] {
            assert!(!is_allowed(url), "{url}");
        }
        let private = ip("192.168.1.1");
        assert!(egress.choose("Store.Internal.", [private]).is_ok());
        assert!(egress.choose("deep.name.lan", [private]).is_ok());
        assert!(egress.choose("lan", [private]).is_err());
        assert_eq!(egress.choose("mixed.example", [private, ip("1.1.1.1")]).unwrap(), [ip("1.1.1.1")]);
        for rule in ["", "*", "a b", "10.0.0.0/33", "name:port", "http://a/"] {
            assert!(Egress::public().allow(rule).is_err(), "{rule}");
        }
    }
}
