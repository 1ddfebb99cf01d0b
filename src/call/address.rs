//! Addresses of requests: how they are understood, and which may be asked.
//!
//! The same judgement holds for the address that a call renders and for every address that an
//! answer redirects to.

use reqwest::Url;

use crate::config::policy::host_matches;

/// An address as it is understood, with one spelling for each: the URL standard leaves a backslash in
/// a query as it is, where a reader of the line, or a shell that it is pasted into, takes it for
/// something else.
pub(crate) fn address(text: &str) -> Result<Url, impl std::fmt::Display> {
    Url::parse(text).map(spelt)
}

/// The address that a redirect names, seen from the one that answered.
pub(crate) fn redirected(from: &Url, location: &str) -> Result<Url, impl std::fmt::Display> {
    from.join(location).map(spelt)
}

fn spelt(mut address: Url) -> Url {
    let spelt = |part: &str| part.replace('\\', "%5C");
    let (query, fragment) = (address.query().map(spelt), address.fragment().map(spelt));
    address.set_query(query.as_deref());
    address.set_fragment(fragment.as_deref());
    address
}

/// Why an address may not be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    /// Another scheme.
    #[error("`{0}` is not `https`")]
    Scheme(String),
    /// Credentials in the address.
    #[error("the address holds a user name or a password")]
    User,
    /// Another port.
    #[error("the address names a port, and only 443 is asked")]
    Port,
    /// Another host, or a number in place of a name: `hosts` lists names alone.
    #[error("`{0}` is not one of the hosts that may be asked")]
    Host(String),
}

/// Whether an address may be asked: HTTPS, port 443, no user, and one of `hosts`.
pub(crate) fn may_ask(address: &Url, hosts: &[String]) -> Result<(), Refused> {
    if address.scheme() != "https" {
        return Err(Refused::Scheme(address.scheme().to_owned()));
    }
    if !address.username().is_empty() || address.password().is_some() {
        return Err(Refused::User);
    }
    if address.port().is_some() {
        return Err(Refused::Port);
    }
    let host = address.domain().unwrap_or_default();
    if !hosts.iter().any(|allowed| host_matches(allowed, host)) {
        let host = address.host_str().unwrap_or_default();
        return Err(Refused::Host(host.to_owned()));
    }
    Ok(())
}
