//! Reading the two forms of `run` that start no program: `http` and `mcp`.

use super::{Scope, Spot, environment};
use crate::config::tool::read::World;
use crate::config::tool::{Effect, Http, Run};
use crate::config::yaml::{Node, Reader};
use crate::diagnostic::nearest;

pub(super) fn http(
    reader: &mut Reader<'_>,
    node: &Node,
    scope: &Scope<'_>,
    effect: Option<Effect>,
) -> Option<Http> {
    let known = ["method", "url", "headers", "body", "hosts", "accept"];
    let fields = reader.fields(node, "`http`", &known)?;
    let methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"].map(|method| (method, method));
    let method_node = fields.get("method");
    let method = match method_node {
        Some(node) => reader.choice(node, "`method`", &methods)?,
        None => "GET",
    };
    if let Some(node) = method_node
        && effect == Some(Effect::Read)
        && !["GET", "HEAD"].contains(&method)
    {
        reader.error(
            "method-writes",
            node,
            format!("`{method}` changes something, and this tool says `effect: read`"),
            "write `effect: write`, or use `GET` or `HEAD`",
        );
    }
    let url = reader
        .required(
            &fields,
            "url",
            "`http`",
            "write the address: `url: \"{{ url }}\"`",
        )
        .and_then(|node| scope.parse(reader, node, "`url`", Spot::Word));
    let headers = environment(reader, fields.get("headers"), scope);
    let body = fields
        .get("body")
        .map(|node| scope.parse(reader, node, "`body`", Spot::Content));
    let hosts = reader
        .required(
            &fields,
            "hosts",
            "`http`",
            "list every host that may be asked: `hosts: [kubernetes.io]`",
        )
        .map(|node| self::hosts(reader, node))
        .unwrap_or_default();
    let accept = fields
        .get("accept")
        .and_then(|node| reader.texts(node, "`accept`"))
        .unwrap_or_default();
    if body.as_ref().is_some_and(Option::is_none) {
        return None;
    }
    Some(Http {
        method: method.to_owned(),
        url: url?,
        headers,
        body: body.flatten(),
        hosts,
        accept,
        place: reader.place_of(&(node.span.start..node.span.start)),
    })
}

fn hosts(reader: &mut Reader<'_>, node: &Node) -> Vec<String> {
    let mut hosts = Vec::new();
    for item in reader.list(node, "`hosts`").unwrap_or_default() {
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
    let tool = tool.and_then(|node| reader.text(node, "`tool`"));
    let server_node = server?;
    let server = reader.text(server_node, "`server`")?;
    let servers = &world.settings.mcp_servers;
    if !servers.contains_key(server) {
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
