//! Requests and calls of other servers.

use super::command::pairs;
use super::record::{Record, Weight};
use crate::config::policy::host_matches;
use crate::config::template::Template;
use crate::config::tool::Http;

/// Notes everything that differs between two requests.
pub(super) fn compare(record: &mut Record, old: &Http, new: &Http) {
    // A HEAD asks for less than a GET; every other method does something else.
    let weight = Weight::widens_if((old.method.as_str(), new.method.as_str()) != ("GET", "HEAD"));
    let method = |http: &Http| Some(http.method.clone());
    record.note("method", method(old), method(new), weight);
    let url = |http: &Http| Some(http.url.text.clone());
    record.note("url", url(old), url(new), Weight::Widens);
    hosts(record, &old.hosts, &new.hosts);
    // Like a process's environment: a lost header may be the one that held the server back.
    for (name, before, after) in pairs(&old.headers, &new.headers) {
        record.note(format!("header {name}"), before, after, Weight::Widens);
    }
    let text = |template: &Option<Template>| template.as_ref().map(|one| one.text.clone());
    let weight = Weight::widens_if(new.body.is_some());
    record.note("body", text(&old.body), text(&new.body), weight);
    // Which media types are shown: nothing else is asked for, and nothing is sent elsewhere.
    let accept = |http: &Http| Some(http.accept.join(", ")).filter(|types| !types.is_empty());
    record.note("accept", accept(old), accept(new), Weight::Harmless);
}

/// Each host by itself; one that an old entry covers is nothing new.
fn hosts(record: &mut Record, old: &[String], new: &[String]) {
    for host in new.iter().filter(|host| !old.contains(*host)) {
        // A star in a listed host stands for any name, so that matching it as a name is covering it.
        let is_covered = old.iter().any(|listed| host_matches(listed, host));
        let weight = Weight::widens_if(!is_covered);
        record.note("host", None, Some(host.clone()), weight);
    }
    for host in old.iter().filter(|host| !new.contains(*host)) {
        record.lost("host", host.as_str());
    }
}
