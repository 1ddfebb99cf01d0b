//! Reading a `sandbox`: its paths are templates that the machine alone fills in.

use super::first_line;
use super::run::parse_template;
use crate::config::name::EnvName;
use crate::config::settings::Settings;
use crate::config::template::{Allowed, Known, Part, Template};
use crate::config::tool::{Enforcement, SYSTEM, Sandbox};
use crate::config::yaml::{Fields, Node, Reader};

/// Reads a `sandbox`; its paths may name what `environment` of the settings lists.
pub(crate) fn read_sandbox(
    reader: &mut Reader<'_>,
    node: &Node,
    settings: &Settings,
) -> Option<Sandbox> {
    let known = ["read", "write", "exec", "connect", "require"];
    let fields = reader.fields(node, "`sandbox`", &known)?;
    let mut paths = |key: &str| paths(reader, &fields, key, settings);
    let (read, write, exec) = (paths("read"), paths("write"), paths("exec"));
    let connect = fields.get("connect").and_then(|node| {
        let ports = reader.list(node, "`connect`")?;
        Some(
            ports
                .iter()
                .filter_map(|port| reader.integer(port, "a port", 1..=65_535))
                .filter_map(|port| u16::try_from(port).ok())
                .collect(),
        )
    });
    let words = [
        ("full", Enforcement::Full),
        ("best-effort", Enforcement::BestEffort),
        ("off", Enforcement::Off),
    ];
    let require = fields
        .get("require")
        .and_then(|node| reader.choice(node, "`require`", &words));
    Some(Sandbox {
        read,
        write,
        exec,
        connect,
        require,
        place: Some(reader.place_of(&first_line(node))),
    })
}

fn paths(
    reader: &mut Reader<'_>,
    fields: &Fields<'_>,
    key: &str,
    settings: &Settings,
) -> Option<Vec<Template>> {
    let items = reader.list(fields.get(key)?, &format!("`{key}`"))?;
    Some(
        items
            .iter()
            .filter_map(|item| path(reader, item, key, settings))
            .collect(),
    )
}

fn path(reader: &mut Reader<'_>, node: &Node, key: &str, settings: &Settings) -> Option<Template> {
    let text = reader.text(node, &format!("`{key}`"))?;
    let environment: Vec<&str> = settings.environment.keys().map(EnvName::as_str).collect();
    let allowed = Allowed {
        parameters: Known::default(),
        no_parameters: Some("a sandbox is the same for every call"),
        environment: Known {
            names: &environment,
            complete: settings.knows("environment"),
        },
        secrets: None,
        steps: None,
        workspace: true,
        prompts: Known {
            names: &[],
            complete: true,
        },
    };
    let parts = parse_template(reader, node, text, &allowed)?;
    let is_path = match parts.first() {
        Some(Part::Literal(start)) => text == SYSTEM || start.starts_with('/'),
        Some(_) => true,
        None => false,
    };
    if !is_path {
        reader.error(
            "unknown-value",
            node,
            format!("`{text}` is neither an absolute path nor `{SYSTEM}`"),
            "write the whole path, or begin it with `{{ env.NAME }}` or `{{ workspace }}`",
        );
        return None;
    }
    Some(Template {
        text: text.to_owned(),
        parts,
        place: reader.place(node),
    })
}
