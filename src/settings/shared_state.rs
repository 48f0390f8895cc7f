//! The address of a store that several gateways share.

use std::path::PathBuf;

use url::Url;

/// What the URL has to look like.
const WANTED: &str = "it is not a URL such as redis://127.0.0.1:6379 or rediss://:password@host:6379/0";

/// Where a shared store is and how it is reached.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    /// The URL as clients without TLS read it: host, port, user, password, number of the database.
    pub url: Url,
    /// TLS, where the scheme asks for it.
    pub tls: Option<Tls>,
}

/// TLS on the way to a shared store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// PEM file of the authorities that are believed, in place of the public ones: `?ca=FILE`.
    pub ca: Option<PathBuf>,
}

/// Reads the URL of a shared store. Its text, which may hold a password, is never told.
///
/// # Errors
/// What is wrong with it.
pub fn parse(url: &str) -> Result<Address, String> {
    let mut url = Url::parse(url).map_err(|_| WANTED.to_owned())?;
    let is_tls = match url.scheme() {
        "redis" | "valkey" => false,
        "rediss" | "valkeys" => true,
        _ => return Err(WANTED.to_owned()),
    };
    if !url.has_host() {
        return Err(WANTED.to_owned());
    }
    if url.fragment().is_some() {
        return Err("what stands behind `#` is not known; certificates are always checked: name your own authority \
                    with `?ca=FILE`"
            .to_owned());
    }
    let ca = ca(&url, is_tls)?;
    url.set_query(None);
    url.set_scheme("redis").map_err(|()| WANTED.to_owned())?;
    Ok(Address { url, tls: is_tls.then_some(Tls { ca }) })
}

/// The one parameter that there is.
fn ca(url: &Url, is_tls: bool) -> Result<Option<PathBuf>, String> {
    let mut ca = None;
    for (name, value) in url.query_pairs() {
        match &*name {
            "ca" if is_tls && !value.is_empty() => ca = Some(PathBuf::from(&*value)),
            "ca" if is_tls => return Err("`ca` is empty; write the path of a PEM file".to_owned()),
            "ca" => return Err("`ca` is for TLS: write rediss:// in place of redis://".to_owned()),
            _ => return Err("it has a parameter that is not known; there is only `ca`, with rediss://".to_owned()),
        }
    }
    Ok(ca)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_without_being_told() {
        let tls = |ca: Option<&str>| Some(Tls { ca: ca.map(PathBuf::from) });
        for (url, wanted) in [
            ("redis://127.0.0.1:6379", Some(("redis://127.0.0.1:6379", None))),
            ("valkey://:canary@host:6379/2", Some(("redis://:canary@host:6379/2", None))),
            ("rediss://:canary@host", Some(("redis://:canary@host", tls(None)))),
            ("rediss://u:canary@host:1?ca=/a/b.pem", Some(("redis://u:canary@host:1", tls(Some("/a/b.pem"))))),
            ("rediss://:canary@host?ca=", None),
            ("rediss://:canary@host#insecure", None),
            ("redis://:canary@host?ca=/a", None),
            ("redis://:canary@host?canary=1", None),
            ("canary", None),
            ("http://canary", None),
            ("redis://", None),
        ] {
            match (parse(url), wanted) {
                (Ok(address), Some((plain, tls))) => assert_eq!((address.url.as_str(), address.tls), (plain, tls)),
                (Ok(_), None) => panic!("{url} was accepted"),
                (Err(why), wanted) => assert!(wanted.is_none() && !why.contains("canary"), "{url}: {why}"),
            }
        }
    }
}
