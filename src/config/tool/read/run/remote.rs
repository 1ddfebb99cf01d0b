//! Reading the two forms of `run` that start no program: `http` and `mcp`.

use super::{Scope, Spot, values};
use crate::config::policy::host_matches;
use crate::config::template::{Part, Template};
use crate::config::tool::read::World;
use crate::config::tool::{Effect, Http, Run};
use crate::config::yaml::{Fields, Kind, Node, Reader};
use crate::diagnostic::{Diagnostic, nearest};

pub(super) fn http(
    reader: &mut Reader<'_>,
    node: &Node,
    scope: &Scope<'_>,
    effect: Option<Effect>,
) -> Option<Http> {
    let known = ["method", "url", "headers", "body", "hosts", "accept"];
    let fields = reader.fields(node, "`http`", &known)?;
    let method = method(reader, &fields, effect)?;
    let help = "write the address: `url: \"{{ url }}\"`";
    let url_node = reader.required(&fields, "url", "`http`", help);
    let url = url_node.and_then(|node| scope.parse(reader, node, "`url`", Spot::Word));
    let headers = fields
        .get("headers")
        .map(|node| values(reader, node, scope, check_header));
    let body = fields
        .get("body")
        .and_then(|node| scope.parse(reader, node, "`body`", Spot::Content));
    if let (Some(entry), "GET" | "HEAD") = (fields.entry("body"), method) {
        let place = reader.place_of(&entry.key_span);
        reader.found.push(
            Diagnostic::error(
                "unknown-key",
                place,
                format!("`body` has no meaning beside `{method}`"),
            )
            .help("remove it, or write the `method` that takes one"),
        );
    }
    let help = "list every host that may be asked: `hosts: [kubernetes.io]`";
    let hosts_node = reader.required(&fields, "hosts", "`http`", help);
    let before = reader.found.len();
    let hosts = hosts_node
        .map(|node| self::hosts(reader, node))
        .unwrap_or_default();
    if let (Some(node), Some(url)) = (url_node, &url)
        && hosts_node.is_some()
        && !reader.failed_since(before)
    {
        check_url(reader, node, url, &hosts);
    }
    let accept = fields
        .get("accept")
        .map(|node| accept(reader, node))
        .unwrap_or_default();
    Some(Http {
        method: method.to_owned(),
        url: url?,
        headers: headers.unwrap_or_default(),
        body,
        hosts,
        accept,
        place: reader.place_of(&(node.span.start..node.span.start)),
    })
}

fn method(
    reader: &mut Reader<'_>,
    fields: &Fields<'_>,
    effect: Option<Effect>,
) -> Option<&'static str> {
    let methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"].map(|method| (method, method));
    let Some(node) = fields.get("method") else {
        return Some("GET");
    };
    let method = reader.choice(node, "`method`", &methods)?;
    if effect == Some(Effect::Read) && !["GET", "HEAD"].contains(&method) {
        reader.error(
            "method-writes",
            node,
            format!("`{method}` changes something, and this tool says `effect: read`"),
            "write `effect: write`, or use `GET` or `HEAD`",
        );
    }
    Some(method)
}

/// What of an address is written and not computed: its scheme, and its host up to the first slash.
fn check_url(reader: &mut Reader<'_>, node: &Node, url: &Template, hosts: &[String]) {
    let Some(Part::Literal(start)) = url.parts.first() else {
        return;
    };
    let Some(rest) = start.strip_prefix("https://") else {
        let whole = start.len() >= "https://".len() || url.parts.len() == 1;
        if whole || !"https://".starts_with(start.as_str()) {
            reader.error(
                "bad-url",
                node,
                format!("`{}` does not begin with `https://`", url.text),
                "write the scheme: only HTTPS is spoken",
            );
        }
        return;
    };
    let ended = rest.find(['/', '?', '#']);
    if ended.is_none() && url.parts.len() > 1 {
        return;
    }
    let authority = rest.get(..ended.unwrap_or(rest.len())).unwrap_or_default();
    if authority.contains(['@', ':']) {
        reader.error(
            "bad-url",
            node,
            format!("`{authority}` is more than a host"),
            "write the host alone: no user, no password, and the port is always 443",
        );
    } else if !hosts.iter().any(|listed| host_matches(listed, authority)) {
        reader.error(
            "bad-url",
            node,
            format!("`{authority}` is not one of `hosts`, so every call would be refused"),
            "list it under `hosts`",
        );
    }
}

/// Reports a name that no header can have, or that the request itself decides.
fn check_header(reader: &mut Reader<'_>, span: &std::ops::Range<usize>, name: &str) -> bool {
    let token = !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte));
    let is_one_of = |taken: &[&str]| taken.iter().any(|taken| name.eq_ignore_ascii_case(taken));
    let help = if !token {
        "use letters, digits and `-`"
    } else if is_one_of(&["host", "content-length", "transfer-encoding", "connection"]) {
        "remove it: it follows from the address and the body"
    } else if is_one_of(&["accept-encoding"]) {
        "remove it: answers are asked for as they are, never compressed"
    } else if is_one_of(&["accept"]) {
        "write the media types under `accept`"
    } else {
        return true;
    };
    let place = reader.place_of(span);
    reader.found.push(
        Diagnostic::error(
            "bad-name",
            place,
            format!("`{name}` cannot be set as a header"),
        )
        .help(help),
    );
    false
}

fn accept(reader: &mut Reader<'_>, node: &Node) -> Vec<String> {
    let mut all = Vec::new();
    for item in reader.list(node, "`accept`").unwrap_or_default() {
        let Some(text) = reader.text(item, "a media type") else {
            continue;
        };
        let fits = text.split_once('/').is_some_and(|(kind, sub)| {
            !kind.is_empty() && !sub.is_empty() && !text.contains([' ', ';', ','])
        });
        if fits {
            all.push(text.to_owned());
        } else {
            reader.error(
                "unknown-value",
                item,
                format!("`{text}` is no media type"),
                "write type and subtype: `text/html`, `application/json`",
            );
        }
    }
    all
}

fn hosts(reader: &mut Reader<'_>, node: &Node) -> Vec<String> {
    let mut hosts = Vec::new();
    let items = reader.list(node, "`hosts`").unwrap_or_default();
    if matches!(&node.kind, Kind::List(items) if items.is_empty()) {
        reader.error(
            "missing-key",
            node,
            "`hosts` is empty, so every call would be refused",
            "list every host that may be asked: `hosts: [kubernetes.io]`",
        );
    }
    for item in items {
        let Some(host) = reader.text(item, "a host") else {
            continue;
        };
        let name = host.strip_prefix("*.").unwrap_or(host);
        let fits = name.contains('.')
            && !name.starts_with('.')
            && !name.ends_with('.')
            && name.parse::<std::net::IpAddr>().is_err()
            && name.bytes().all(|byte| {
                byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte)
            });
        if fits {
            hosts.push(host.to_owned());
        } else {
            reader.error(
                "bad-host",
                item,
                format!("`{host}` is no host name"),
                "write a full name in lower case without scheme, port or path: `kubernetes.io`, or `*.example.org`",
            );
        }
    }
    hosts
}

pub(super) fn mcp(reader: &mut Reader<'_>, node: &Node, world: World<'_>) -> Option<Run> {
    let fields = reader.fields(node, "`mcp`", &["server", "tool"])?;
    let server = reader.required(
        &fields,
        "server",
        "`mcp`",
        "name one of `mcp_servers` in `tolkien.yaml`",
    );
    let tool = reader.required(&fields, "tool", "`mcp`", "name the server's tool");
    let tool = tool.and_then(|node| reader.prose(node, "`tool`"));
    let server_node = server?;
    let server = reader.text(server_node, "`server`")?;
    let servers = &world.settings.mcp_servers;
    if !servers.contains_key(server) && world.settings.knows("mcp_servers") {
        let help = match nearest(server, servers.keys().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "declare it under `mcp_servers` in `tolkien.yaml`".to_owned(),
        };
        reader.error(
            "unknown-name",
            server_node,
            format!("there is no MCP server `{server}`"),
            help,
        );
    }
    Some(Run::Mcp {
        server: server.to_owned(),
        tool: tool?.to_owned(),
    })
}
