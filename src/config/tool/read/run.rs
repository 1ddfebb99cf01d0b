//! Reading `run`: the four forms, with their templates checked against the input.

mod remote;

mod step;

use remote::{http, mcp};
use step::steps;

use crate::config::schema::{InputSchema, ParameterKind};
use crate::config::template::{self, Allowed, Part, Template};
use crate::config::tool::{Command, CommandWord, Effect, Run};
use crate::config::yaml::{Fields, Kind, Node, Reader};
use crate::diagnostic::Diagnostic;

use super::World;

/// Why parameters may not stand in `env` and `cwd`.
const NO_PARAMETERS: &str = "what the model sends goes into `command`, `stdin` or `body`, never into the environment or the folder";

/// What the templates of one `run` may mention.
struct Scope<'a> {
    parameters: Vec<&'a str>,
    environment: Vec<&'a str>,
    secrets: Vec<&'a str>,
    prompts: &'a [&'a str],
    steps: Vec<String>,
    workspace: bool,
    input: &'a InputSchema,
}

/// Where a template stands, which says what it may hold.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Spot {
    /// A word of a command, or an address.
    Word,
    /// `env`, `cwd`, `within`.
    Machine,
    /// A value of `env` or of a header: as [`Spot::Machine`], with secrets.
    MachineSecret,
    /// `stdin` or `body`.
    Content,
    /// `result`.
    Result,
}

pub(super) fn read(
    reader: &mut Reader<'_>,
    node: &Node,
    input: &InputSchema,
    effect: Option<Effect>,
    world: World<'_>,
) -> Option<Run> {
    let known = [
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
    let fields = reader.fields(node, "`run`", &known)?;
    let settings = world.settings;
    let mut scope = Scope {
        parameters: input.parameters.keys().map(String::as_str).collect(),
        environment: settings
            .environment
            .keys()
            .map(crate::config::name::EnvName::as_str)
            .collect(),
        secrets: settings
            .secrets
            .keys()
            .map(crate::config::name::SecretName::as_str)
            .collect(),
        prompts: world.prompts,
        steps: Vec::new(),
        workspace: false,
        input,
    };
    let forms = ["command", "steps", "http", "mcp"];
    let given: Vec<&str> = forms
        .into_iter()
        .filter(|form| fields.get(form).is_some())
        .collect();
    let [form] = given.as_slice() else {
        reader.error(
            "missing-key",
            node,
            "`run` needs exactly one of `command`, `steps`, `http` and `mcp`",
            "write `command: [program, \"{{ args }}\"]`",
        );
        return None;
    };
    let allowed_beside: &[&str] = match *form {
        "command" => &["command", "env", "stdin", "cwd", "ok"],
        "steps" => &["steps", "workspace", "result"],
        _ => &[form],
    };
    for key in known {
        if let Some(other) = fields.entry(key)
            && !allowed_beside.contains(&key)
        {
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
    match *form {
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
        let allowed = Allowed {
            parameters: &self.parameters,
            no_parameters: matches!(spot, Spot::Machine | Spot::MachineSecret)
                .then_some(NO_PARAMETERS),
            environment: &self.environment,
            secrets: matches!(spot, Spot::MachineSecret | Spot::Content)
                .then_some(self.secrets.as_slice()),
            steps: matches!(spot, Spot::Content | Spot::Result).then_some(steps.as_slice()),
            workspace: self.workspace,
            prompts: self.prompts,
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
            self.input
                .parameters
                .get(name)
                .is_some_and(crate::config::schema::Parameter::may_be_absent)
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
    let Some((program, rest)) = items.split_first() else {
        reader.error(
            "missing-key",
            node,
            "`command` is empty",
            "write the program first: `[kubectl, \"{{ args }}\"]`",
        );
        return None;
    };
    let program = self::program(reader, program);
    let mut words = Vec::new();
    let mut failed = false;
    for item in rest {
        match word(reader, item, scope) {
            Some(word) => words.push(word),
            None => failed = true,
        }
    }
    check_order(reader, &words, scope);
    let env = environment(reader, fields.get("env"), scope);
    let stdin = fields
        .get("stdin")
        .map(|node| scope.parse(reader, node, "`stdin`", Spot::Content));
    let cwd = fields
        .get("cwd")
        .map(|node| scope.parse(reader, node, "`cwd`", Spot::Machine));
    let ok = fields
        .get("ok")
        .map_or_else(|| vec![0], |node| exit_codes(reader, node));
    if failed
        || stdin.as_ref().is_some_and(Option::is_none)
        || cwd.as_ref().is_some_and(Option::is_none)
    {
        return None;
    }
    Some(Command {
        program: program?,
        words,
        env,
        stdin: stdin.flatten(),
        cwd: cwd.flatten(),
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
fn check_order(reader: &mut Reader<'_>, words: &[CommandWord], scope: &Scope<'_>) {
    for pair in words.windows(2) {
        let [CommandWord::One(flag), next] = pair else {
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

fn environment(
    reader: &mut Reader<'_>,
    node: Option<&Node>,
    scope: &Scope<'_>,
) -> Vec<(String, Template)> {
    let Some(node) = node else {
        return Vec::new();
    };
    let mut all = Vec::new();
    for entry in reader.entries(node, "`env`").unwrap_or_default() {
        if let Some(template) = scope.parse(
            reader,
            &entry.value,
            "a variable's value",
            Spot::MachineSecret,
        ) {
            all.push((entry.key.clone(), template));
        }
    }
    all
}

fn exit_codes(reader: &mut Reader<'_>, node: &Node) -> Vec<i32> {
    reader
        .list(node, "`ok`")
        .unwrap_or_default()
        .iter()
        .filter_map(|item| reader.integer(item, "an exit code", 0..=255))
        .filter_map(|code| i32::try_from(code).ok())
        .collect()
}
