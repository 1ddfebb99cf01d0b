//! Reading all policies: first their names, in an order in which each finds the names it imports.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::name::PolicyName;
use crate::config::policy::{self, Policy};
use crate::config::source::{POLICIES, Root};
use crate::config::tool::{World, check_unused, referred};
use crate::config::yaml::{self, Fields, Node, Reader};
use crate::diagnostic::{Diagnostic, Source};
use crate::pattern::Names;

/// The files of `policies/` that are YAML, by name.
type Files<'a> = BTreeMap<&'a str, (&'a Source, Node)>;

pub(super) fn read_policies(
    root: &Root,
    world: World<'_>,
    found: &mut Vec<Diagnostic>,
) -> BTreeMap<PolicyName, Arc<Policy>> {
    let before = found.len();
    let mut files = Files::new();
    let mut names: BTreeMap<String, Names> = BTreeMap::new();
    for name in root.unread.get(POLICIES).into_iter().flatten() {
        names.insert(name.clone(), Names::unread());
    }
    for (name, source) in &root.policies {
        match yaml::parse(source, found) {
            Some(node) => {
                files.insert(name.as_str(), (source, node));
            }
            None => {
                names.insert(name.clone(), Names::unread());
            }
        }
    }
    read_names(&files, &mut names, found);
    let nodes: Vec<&Node> = files.values().map(|(_, node)| node).collect();
    let referred = referred(&nodes);
    let mut policies = BTreeMap::new();
    for (name, (source, node)) in &files {
        let Some(names) = names.get(*name) else {
            continue;
        };
        let mut reader = Reader::new(source, found);
        if let Some(policy) = policy::read(&mut reader, name, node, names, world) {
            policies.insert(policy.name.clone(), Arc::new(policy));
        }
    }
    for (source, node) in files.values() {
        let mut reader = Reader::new(source, found);
        // A rule with a mistake may be the one that was meant to refer to a name.
        if let Some(fields) = Fields::known(node)
            && !reader.failed_since(before)
        {
            check_unused(&mut reader, &fields, &referred);
        }
    }
    policies
}

/// Reads the names of every policy after those of the policies that it imports from.
fn read_names(files: &Files<'_>, names: &mut BTreeMap<String, Names>, found: &mut Vec<Diagnostic>) {
    let imports: BTreeMap<&str, Vec<&str>> = files
        .iter()
        .map(|(name, (_, node))| (*name, imported(name, node)))
        .collect();
    let mut waiting: Vec<&str> = files.keys().copied().collect();
    while !waiting.is_empty() {
        let waits = |name: &&str| {
            let imports = imports.get(name).into_iter().flatten();
            imports.into_iter().any(|other| waiting.contains(other))
        };
        let (later, now): (Vec<&str>, Vec<&str>) = waiting.iter().copied().partition(waits);
        if now.is_empty() {
            report_circle(files, &imports, &later, found);
            for name in &later {
                names.insert((*name).to_owned(), Names::unread());
            }
        }
        for name in if now.is_empty() {
            later.clone()
        } else {
            now.clone()
        } {
            if let Some((source, node)) = files.get(name) {
                let mut reader = Reader::new(source, found);
                let read = policy::read_names(&mut reader, node, names);
                names.insert(name.to_owned(), read.unwrap_or_else(Names::unread));
            }
        }
        waiting = if now.is_empty() { Vec::new() } else { later };
    }
}

/// The policies that the texts of one refer to (`<policy.name>`), itself left out.
fn imported<'n>(name: &str, node: &'n Node) -> Vec<&'n str> {
    let mut all = Vec::new();
    node.each_text(&mut |text| {
        all.extend(Names::policies_in(text).filter(|other| *other != name));
    });
    all
}

/// Reports the first policy that imports, by others, from itself.
fn report_circle(
    files: &Files<'_>,
    imports: &BTreeMap<&str, Vec<&str>>,
    waiting: &[&str],
    found: &mut Vec<Diagnostic>,
) {
    // Those that wait lead into a circle; whoever follows them long enough is in it.
    let mut path: Vec<&str> = waiting.first().copied().into_iter().collect();
    while let Some(last) = path.last()
        && let Some(next) = imports
            .get(last)
            .into_iter()
            .flatten()
            .find(|other| waiting.contains(*other))
    {
        if let Some(start) = path.iter().position(|name| name == next) {
            path.drain(..start);
            break;
        }
        path.push(*next);
    }
    let (Some(first), Some(second)) = (path.first(), path.get(1)) else {
        return;
    };
    if let Some((source, _)) = files.get(first) {
        found.push(
            Diagnostic::error(
                "import-circle",
                source.place(0..0),
                format!("the policies `{first}` and `{second}` import names from each other"),
            )
            .help(
                "move the names that both need into one of the two, or into a policy of their own",
            ),
        );
    }
}
