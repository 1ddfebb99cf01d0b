//! Reading `run`: the four forms, with their templates checked against the input.

mod remote;

mod step;

use remote::{http, mcp};
use step::steps;

use super::World;
use crate::config::name::{EnvName, SecretName};
use crate::config::schema::{self, Parameter, ParameterKind};
use crate::config::settings::check_env_name;
use crate::config::template::{self, Allowed, Known, Part, Template};
use crate::config::tool::{Command, CommandWord, Effect, Run};
use crate::config::yaml::{Entry, Fields, Kind, Node, Reader};
use crate::diagnostic::Diagnostic;
use crate::pattern::Names;

/// Why parameters may not stand in `env` and `cwd`.
const NO_PARAMETERS: &str = "what the model sends goes into `command`, `stdin` or `body`, never into the environment, the folder or a header";

/// What the templates of one `run` may mention.
struct Scope<'a> {
    world: World<'a>,
    input: &'a schema::Read,
    names: &'a Names,
    parameters: Vec<&'a str>,
    environment: Vec<&'a str>,
    secrets: Vec<&'a str>,
    steps: Vec<String>,
    workspace: bool,
}

/// Where a template stands, which says what it may hold.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Spot {
    /// A word of a command, or an address.
    Word,
    /// `cwd`.
    Machine,
    /// A value of `env` or of a header: as [`Spot::Machine`], with secrets.
    MachineSecret,
    /// `stdin` or `body`.
    Content,
    /// `result`.
    Result,
}

/// The keys of `run`.
const KEYS: [&str; 10] = [
    "command",
    "env",
    "stdin",
    "cwd",
    "ok",
    "workspace",
    "steps",
    "result",
    "http",
    "mcp",
];

pub(super) fn read(
    reader: &mut Reader<'_>,
    node: &Node,
    (input, names): (&schema::Read, &Names),
    effect: Option<Effect>,
    world: World<'_>,
) -> Option<Run> {
    let fields = reader.fields(node, "`run`", &KEYS)?;
    let form = form(reader, &fields)?;
    let settings = world.settings;
    let mut scope = Scope {
        world,
        input,
        names,
        parameters: input.declared.iter().map(String::as_str).collect(),
        environment: settings.environment.keys().map(EnvName::as_str).collect(),
        secrets: settings.secrets.keys().map(SecretName::as_str).collect(),
        steps: Vec::new(),
        workspace: false,
    };
    match form {
        "command" => {
            // A command has a private folder of its own, so it may name it.
            scope.workspace = true;
            command(reader, &fields, &scope).map(Run::Command)
        }
        "steps" => steps(reader, &fields, &mut scope).map(Run::Steps),
        "http" => http(reader, fields.get("http")?, &scope, effect).map(Run::Http),
        _ => mcp(reader, fields.get("mcp")?, world),
    }
}

/// Which of the four forms is written; keys that have no meaning beside it are reported.
fn form(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<&'static str> {
    let forms = ["command", "steps", "http", "mcp"];
    let mut given = forms.into_iter().filter(|form| fields.get(form).is_some());
    let (Some(form), None) = (given.next(), given.next()) else {
        if !forms.iter().any(|form| reader.misspelt(fields, form)) {
            reader.error(
                "missing-key",
                fields.node,
                "`run` needs exactly one of `command`, `steps`, `http` and `mcp`",
                "write `command: [program, \"{{ args }}\"]`",
            );
        }
        return None;
    };
    let beside: &[&str] = match form {
        "command" => &["command", "env", "stdin", "cwd", "ok"],
        "steps" => &["steps", "workspace", "result"],
        _ => &[form],
    };
    for key in KEYS.iter().filter(|key| !beside.contains(key)) {
        if let Some(other) = fields.entry(key) {
            let place = reader.place_of(&other.key_span);
            reader.found.push(
                Diagnostic::error(
                    "unknown-key",
                    place,
                    format!("`{key}` has no meaning beside `{form}`"),
                )
                .help("remove it, or move it to where it belongs"),
            );
        }
    }
    Some(form)
}

impl Scope<'_> {
    fn parse(
        &self,
        reader: &mut Reader<'_>,
        node: &Node,
        what: &str,
        spot: Spot,
    ) -> Option<Template> {
        let text = reader.text(node, what)?;
        let steps: Vec<&str> = self.steps.iter().map(String::as_str).collect();
        let settings = self.world.settings;
        let secrets = Known {
            names: &self.secrets,
            complete: settings.knows("secrets"),
        };
        let steps = Known {
            names: &steps,
            complete: true,
        };
        let allowed = Allowed {
            parameters: Known {
                names: &self.parameters,
                complete: self.input.complete,
            },
            no_parameters: matches!(spot, Spot::Machine | Spot::MachineSecret)
                .then_some(NO_PARAMETERS),
            environment: Known {
                names: &self.environment,
                complete: settings.knows("environment"),
            },
            secrets: matches!(spot, Spot::MachineSecret | Spot::Content).then_some(secrets),
            steps: matches!(spot, Spot::Content | Spot::Result).then_some(steps),
            workspace: self.workspace,
            prompts: self.world.prompts,
        };
        let parts = parse_template(reader, node, text, &allowed)?;
        self.check_kinds(reader, node, &parts, spot);
        Some(Template {
            text: text.to_owned(),
            parts,
            place: reader.place(node),
        })
    }

    fn check_kinds(&self, reader: &mut Reader<'_>, node: &Node, parts: &[Part], spot: Spot) {
        for part in parts {
            let Part::Parameter(name) = part else {
                continue;
            };
            let kind = self
                .input
                .parameters
                .get(name)
                .map(|parameter| parameter.kind);
            match kind {
                Some(ParameterKind::Words) => reader.error(
                    "list-in-text",
                    node,
                    format!("`{name}` is a list, and a list can only be spliced"),
                    format!("let \"{{{{ {name} }}}}\" stand alone as an element of the command"),
                ),
                Some(ParameterKind::Structure) if spot != Spot::Content => reader.error(
                    "list-in-text",
                    node,
                    format!("`{name}` is an object, which may stand in `stdin` and `body` only"),
                    "pass its parts as parameters of their own",
                ),
                _ => {}
            }
        }
    }

    fn may_be_absent(&self, template: &Template) -> bool {
        template.parameters().into_iter().any(|name| {
            let parameter = self.input.parameters.get(name);
            parameter.is_some_and(Parameter::may_be_absent)
        })
    }
}

/// Parses a template and reports its problems inside the scalar that holds it.
pub(super) fn parse_template(
    reader: &mut Reader<'_>,
    node: &Node,
    text: &str,
    allowed: &Allowed<'_>,
) -> Option<Vec<Part>> {
    match template::parse(text, allowed) {
        Ok(parts) => Some(parts),
        Err(problems) => {
            for problem in problems {
                let place = node.place_inside(reader.source, problem.span);
                reader.found.push(
                    Diagnostic::error(problem.code, place, problem.message)
                        .maybe_help(problem.help),
                );
            }
            None
        }
    }
}

fn command(reader: &mut Reader<'_>, fields: &Fields<'_>, scope: &Scope<'_>) -> Option<Command> {
    let node = fields.get("command")?;
    let items = reader.list(node, "`command`")?;
    if items.is_empty() {
        reader.error(
            "missing-key",
            node,
            "`command` is empty",
            "write the program first: `[kubectl, \"{{ args }}\"]`",
        );
    }
    let (first, rest) = items.split_at_checked(1).unwrap_or_default();
    let program = first.first().and_then(|node| program(reader, node));
    let words: Vec<Option<CommandWord>> =
        rest.iter().map(|item| word(reader, item, scope)).collect();
    check_order(reader, &words, scope);
    let env = fields
        .get("env")
        .map(|node| values(reader, node, scope, check_env_name));
    let stdin = fields
        .get("stdin")
        .and_then(|node| scope.parse(reader, node, "`stdin`", Spot::Content));
    let cwd = fields
        .get("cwd")
        .and_then(|node| scope.parse(reader, node, "`cwd`", Spot::Machine));
    let ok = fields
        .get("ok")
        .map_or_else(|| vec![0], |node| exit_codes(reader, node));
    // What is missing here was reported, and the tool is not taken.
    Some(Command {
        program: program.unwrap_or_default(),
        words: words.into_iter().flatten().collect(),
        env: env.unwrap_or_default(),
        stdin,
        cwd,
        ok,
        place: reader.place_of(&(node.span.start..node.span.start)),
    })
}

fn program(reader: &mut Reader<'_>, node: &Node) -> Option<String> {
    let program = reader.text(node, "a program")?;
    let help = "write its bare name (it is found on the engine's own PATH), or its absolute path";
    if program.contains("{{") || program.contains("{%") {
        reader.error(
            "computed-program",
            node,
            "the program is computed by a template, and must be written as it is",
            help,
        );
        return None;
    }
    if program.is_empty() || program.contains(char::is_whitespace) {
        reader.error(
            "bad-program",
            node,
            format!("`{program}` is no program"),
            "no shell reads this: write program and arguments as elements of the list",
        );
        return None;
    }
    if program.contains('/') && !program.starts_with('/') {
        reader.error(
            "bad-program",
            node,
            format!("`{program}` is a relative path"),
            help,
        );
        return None;
    }
    Some(program.to_owned())
}

fn word(reader: &mut Reader<'_>, node: &Node, scope: &Scope<'_>) -> Option<CommandWord> {
    if let Kind::List(items) = &node.kind {
        let words: Vec<Option<Template>> = items
            .iter()
            .map(|item| scope.parse(reader, item, "a word", Spot::Word))
            .collect();
        return words
            .into_iter()
            .collect::<Option<Vec<_>>>()
            .map(CommandWord::Group);
    }
    // Only a list alone in its element splices.
    let alone = |text: &str| {
        let inner = text.strip_prefix("{{")?.strip_suffix("}}")?.trim();
        let parameter = scope.input.parameters.get(inner)?;
        (parameter.kind == ParameterKind::Words).then(|| inner.to_owned())
    };
    if let Kind::Scalar { text, .. } = &node.kind
        && let Some(parameter) = alone(text)
    {
        return Some(CommandWord::Splice {
            parameter,
            place: reader.place(node),
        });
    }
    scope
        .parse(reader, node, "a word", Spot::Word)
        .map(CommandWord::One)
}

/// A flag must not take a word for its value that was meant to be something else.
fn check_order(reader: &mut Reader<'_>, words: &[Option<CommandWord>], scope: &Scope<'_>) {
    for pair in words.windows(2) {
        let [Some(CommandWord::One(flag)), Some(next)] = pair else {
            continue;
        };
        let bare = flag.literal().is_some_and(|text| {
            text.starts_with('-') && text != "--" && text != "-" && !text.contains('=')
        });
        let why = match next {
            CommandWord::Splice { parameter, .. } => Some(format!(
                "the words of `{parameter}`, of which there may be none"
            )),
            CommandWord::One(next) if scope.may_be_absent(next) => {
                Some("an element that is dropped when its parameter is absent".to_owned())
            }
            CommandWord::Group(group) if group.iter().any(|next| scope.may_be_absent(next)) => {
                Some("a group that is dropped when its parameter is absent".to_owned())
            }
            _ => None,
        };
        if let (true, Some(why)) = (bare, why) {
            reader.found.push(
                Diagnostic::warning(
                    "flag-before-dropped",
                    flag.place.clone(),
                    format!("the flag `{}` stands directly before {why}", flag.text),
                )
                .help("write flag and value as one element (`--flag={{ value }}`), as a nested list that is dropped as one, or move the flag"),
            );
        }
    }
}

/// The values of `env` or of headers, whose names `check` looks at.
fn values(
    reader: &mut Reader<'_>,
    node: &Node,
    scope: &Scope<'_>,
    check: fn(&mut Reader<'_>, &std::ops::Range<usize>, &str) -> bool,
) -> Vec<(String, Template)> {
    let mut all = Vec::new();
    for Entry {
        key,
        key_span,
        value,
    } in reader.entries(node, "this").unwrap_or_default()
    {
        check(reader, key_span, key);
        let value = scope.parse(reader, value, "a value", Spot::MachineSecret);
        all.extend(value.map(|value| (key.clone(), value)));
    }
    all
}

fn exit_codes(reader: &mut Reader<'_>, node: &Node) -> Vec<i32> {
    let Some(items) = reader.list(node, "`ok`") else {
        return Vec::new();
    };
    if items.is_empty() {
        reader.error(
            "missing-key",
            node,
            "`ok` is an empty list",
            "list the exit codes that are a result: `ok: [0, 1]`",
        );
    }
    items
        .iter()
        .filter_map(|item| reader.integer(item, "an exit code", 0..=255))
        .filter_map(|code| i32::try_from(code).ok())
        .collect()
}
