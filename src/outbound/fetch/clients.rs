//! The clients behind side calls: one for each set of rules, proxy and certificate, so that connections are reused only
//! between calls that may do the same.

use std::{
    collections::HashMap,
    error::Error,
    fmt,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use reqwest::dns::{Addrs, Name, Resolving};
use rustls_pki_types::{PrivateKeyDer, pem::PemObject};

use super::{
    Identity, Via,
    call::{CallFault, CallFaultKind},
};
use crate::outbound::{
    egress::{Forbidden, Rules},
    transport::{Resolve, identified_tls, public_tls},
};

/// Connecting may take this long.
const CONNECT: Duration = Duration::from_secs(10);
/// Clients that are kept. There are as many as there are certificates and proxies in use, so hardly ever more.
const MOST: usize = 256;
/// Idle connections of each client to one host.
const IDLE: usize = 64;

/// What makes two clients the same.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    rules: Rules,
    proxy: Option<Via>,
    thumbprint: Option<String>,
}

/// The clients in use.
pub(super) struct Clients {
    resolver: Arc<dyn Resolve>,
    made: Mutex<HashMap<Key, reqwest::Client>>,
}

impl Clients {
    pub(super) fn new(resolver: Arc<dyn Resolve>) -> Self {
        Self { resolver, made: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, reqwest::Client>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The client for calls of that sort.
    pub(super) fn get(
        &self,
        rules: &Rules,
        proxy: Option<&Via>,
        identity: Option<&Identity>,
    ) -> Result<reqwest::Client, CallFault> {
        let thumbprint = identity.map(|identity| identity.thumbprint().to_owned());
        let key = Key { rules: rules.clone(), proxy: proxy.cloned(), thumbprint };
        if let Some(client) = self.lock().get(&key) {
            return Ok(client.clone());
        }
        let client = self.make(&key, identity)?;
        let mut made = self.lock();
        if made.len() >= MOST {
            made.clear();
        }
        made.insert(key, client.clone());
        Ok(client)
    }

    fn make(&self, key: &Key, identity: Option<&Identity>) -> Result<reqwest::Client, CallFault> {
        let failed = |what: String| CallFault::new(CallFaultKind::Invalid, what);
        let builder = || self.builder(key);
        // The machine's authorities; where it has none (a bare container), the public ones that are built in.
        match identity {
            None => builder()?.build().or_else(|_| builder_error(builder()?.tls_backend_preconfigured(public_tls()))),
            Some(identity) => {
                let pem = identity.pem().ok_or_else(|| {
                    failed(format!("the certificate {} has no key: it cannot be shown", identity.thumbprint()))
                })?;
                let own = reqwest::Identity::from_pem(pem.as_bytes()).map_err(|error| failed(told(&error)))?;
                builder()?.identity(own).build().or_else(|_| {
                    let key =
                        PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|error| failed(error.to_string()))?;
                    let tls = identified_tls(identity.chain().to_vec(), key).map_err(failed)?;
                    builder_error(builder()?.tls_backend_preconfigured(tls))
                })
            }
        }
    }

    fn builder(&self, key: &Key) -> Result<reqwest::ClientBuilder, CallFault> {
        let resolver = Checked { resolver: self.resolver.clone(), rules: key.rules.clone() };
        let builder = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .pool_max_idle_per_host(IDLE)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .dns_resolver(Arc::new(resolver))
            .user_agent(concat!("tollgate/", env!("CARGO_PKG_VERSION")));
        let Some(via) = &key.proxy else { return Ok(builder) };
        let bad = |why: String| CallFault::new(CallFaultKind::Invalid, format!("the proxy `{}`: {why}", via.url));
        let url = url::Url::parse(&via.url).map_err(|error| bad(error.to_string()))?;
        let host = url.host_str().ok_or_else(|| bad("it has no host".to_owned()))?;
        key.rules.check_host(host).map_err(|why| CallFault::new(CallFaultKind::Egress, why))?;
        let mut proxy = reqwest::Proxy::all(url).map_err(|error| bad(told(&error)))?;
        if let Some(user) = &via.user {
            proxy = proxy.basic_auth(user, via.password.as_deref().unwrap_or_default());
        }
        Ok(builder.proxy(proxy))
    }
}

fn builder_error(builder: reqwest::ClientBuilder) -> Result<reqwest::Client, CallFault> {
    builder.build().map_err(|error| CallFault::new(CallFaultKind::Invalid, told(&error)))
}

/// The text of the last cause, which says the most; never the URL.
pub(super) fn told(error: &(dyn Error + 'static)) -> String {
    let mut last = error;
    while let Some(next) = last.source() {
        last = next;
    }
    last.to_string()
}

/// A resolver that gives only addresses that may be dialled: what is checked here is what is dialled.
struct Checked {
    resolver: Arc<dyn Resolve>,
    rules: Rules,
}

/// A name that has only forbidden addresses.
#[derive(Debug)]
pub(super) struct NotAllowed(pub(super) Forbidden);

impl fmt::Display for NotAllowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl Error for NotAllowed {}

impl reqwest::dns::Resolve for Checked {
    fn resolve(&self, name: Name) -> Resolving {
        let found = self.resolver.resolve(name.as_str());
        let rules = self.rules.clone();
        Box::pin(async move {
            let mut refusal = None;
            let mut allowed = Vec::new();
            for address in found.await? {
                match rules.check(address) {
                    Ok(()) => allowed.push(SocketAddr::new(address, 0)),
                    Err(forbidden) => refusal = refusal.or(Some(forbidden)),
                }
            }
            match refusal {
                Some(forbidden) if allowed.is_empty() => Err(Box::new(NotAllowed(forbidden)) as _),
                _ => Ok(Box::new(allowed.into_iter()) as Addrs),
            }
        })
    }
}
