//! How a request gets out: names, addresses, trust and time, all of it in one value.
//!
//! [`Reach::default`] is the only one that the product makes: the system's resolver, public
//! addresses alone, port 443 and the roots that browsers trust. Nothing in the configuration or the
//! environment changes any of it; tests, which have no public server, build their own.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Certificate, Client, redirect};

use super::address::is_public;

/// For a connection and its handshake: three round trips, with two packets lost.
const CONNECT: Duration = Duration::from_secs(10);

/// Without a byte of an answer: a host that is silent for so long is not coming back.
const SILENCE: Duration = Duration::from_secs(20);

/// The addresses of a name, some time later.
pub(super) type Found = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// What a request may reach, and how.
#[derive(Clone)]
pub(crate) struct Reach {
    /// What resolves names.
    pub(super) lookup: Arc<dyn Fn(String) -> Found + Send + Sync>,
    /// Which addresses may be connected to.
    pub(super) allowed: fn(IpAddr) -> bool,
    /// The port of every connection; 0 is that of HTTPS.
    pub(super) port: u16,
    /// Who vouches for a server.
    pub(super) roots: Vec<Certificate>,
    /// How long an answer may be silent.
    pub(super) silence: Duration,
}

impl Default for Reach {
    fn default() -> Self {
        let roots = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter();
        Self {
            lookup: Arc::new(|name| Box::pin(ask_system(name))),
            allowed: is_public,
            port: 0,
            roots: roots
                .filter_map(|root| Certificate::from_der(root).ok())
                .collect(),
            silence: SILENCE,
        }
    }
}

/// The name as it stands: with the dot at its end a resolver does not try it below the machine's own
/// domains first, where a wildcard of the house would answer for every host of the world.
async fn ask_system(name: String) -> io::Result<Vec<IpAddr>> {
    let found = tokio::net::lookup_host((format!("{name}."), 0)).await?;
    Ok(found.map(|address| address.ip()).collect())
}

impl Reach {
    /// A client for one call: no proxy, no redirect of its own, no second try, and no connection
    /// of another call.
    pub(super) fn client(&self) -> reqwest::Result<Client> {
        Client::builder()
            .tls_certs_only(self.roots.iter().cloned())
            .https_only(true)
            .no_proxy()
            // Another crate of the build may bring the means to unpack: bytes are counted as they come.
            .no_gzip()
            .no_brotli()
            .no_deflate()
            .no_zstd()
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .dns_resolver(Checked(self.clone()))
            .connect_timeout(CONNECT)
            .read_timeout(self.silence)
            .build()
    }
}

/// Resolves names and lets through what may be reached. A connection is made to these addresses and
/// its name is resolved once, so that an answer that changes gains nothing.
struct Checked(Reach);

impl Resolve for Checked {
    fn resolve(&self, name: Name) -> Resolving {
        let name = name.as_str().to_owned();
        let found = (self.0.lookup)(name.clone());
        let (allowed, port) = (self.0.allowed, self.0.port);
        Box::pin(async move {
            let found = found.await?;
            let reachable: Vec<SocketAddr> = found
                .iter()
                .filter(|address| allowed(**address))
                .map(|address| SocketAddr::new(*address, port))
                .collect();
            if reachable.is_empty() {
                return Err(Box::new(Unreachable { name, found }) as Box<dyn Error + Send + Sync>);
            }
            Ok(Box::new(reachable.into_iter()) as Addrs)
        })
    }
}

/// A name without an address that may be reached.
#[derive(Debug)]
struct Unreachable {
    name: String,
    found: Vec<IpAddr>,
}

impl Error for Unreachable {}

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, found } = self;
        match found.first() {
            None => write!(f, "`{name}` has no address"),
            Some(first) => write!(
                f,
                "`{name}` stands for `{first}`, and only public addresses are asked"
            ),
        }
    }
}
