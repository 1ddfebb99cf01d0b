//! Taking a template apart.

use std::collections::BTreeSet;
use std::ops::Range;

use minijinja::machinery::ast::{CallArg, Expr, Stmt};
use minijinja::machinery::parse as parse_minijinja;

use super::{Part, Problem, StepStream};
use crate::config::jinja::{self, bytes};
use crate::config::name::{EnvName, SecretName};
use crate::config::schema::TEMPLATE_NAMES;
use crate::diagnostic::{nearest, suggestion};

/// What a template may mention where it stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Allowed<'a> {
    /// The input's parameters.
    pub(crate) parameters: Known<'a>,
    /// Why parameters may not appear, where they may not.
    pub(crate) no_parameters: Option<&'a str>,
    /// Names under `environment` in the settings.
    pub(crate) environment: Known<'a>,
    /// Names under `secrets` in the settings; absent where secrets may not appear.
    pub(crate) secrets: Option<Known<'a>>,
    /// Earlier steps with an id; absent where step outputs may not appear.
    pub(crate) steps: Option<Known<'a>>,
    /// Whether there is a private folder.
    pub(crate) workspace: bool,
    /// The prompts, by file name.
    pub(crate) prompts: Known<'a>,
}

/// Names of one kind.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Known<'a> {
    /// Those that could be read.
    pub(crate) names: &'a [&'a str],
    /// Whether there are no others; where there may be, a name that is not among them is no mistake.
    pub(crate) complete: bool,
}

/// Takes a text apart, or says everything that is wrong with it.
pub(crate) fn parse(text: &str, allowed: &Allowed<'_>) -> Result<Vec<Part>, Vec<Problem>> {
    if let Some(span) = jinja::too_long(text) {
        return Err(vec![Problem {
            span,
            code: "bad-template",
            message: "this expression is too long to be read".to_owned(),
            help: Some("let a prompt or the program do this work".to_owned()),
        }]);
    }
    let template = parse_minijinja(text, "template", minijinja::syntax::SyntaxConfig::default())
        .map_err(|error| vec![syntax(&error)])?;
    let Stmt::Template(template) = template else {
        return Ok(Vec::new());
    };
    let mut parts = Vec::new();
    let mut problems = Vec::new();
    let simple = template
        .children
        .iter()
        .all(|child| matches!(child, Stmt::EmitRaw(_) | Stmt::EmitExpr(_)));
    if !simple {
        match computed(text, 0, text, allowed) {
            Ok(part) => parts.push(part),
            Err(found) => problems.extend(found),
        }
        return finish(parts, problems);
    }
    for child in &template.children {
        match child {
            Stmt::EmitRaw(raw) => parts.push(Part::Literal(raw.raw.to_owned())),
            Stmt::EmitExpr(emit) => match part(text, bytes(emit.span()), &emit.expr, allowed) {
                Ok(part) => parts.push(part),
                Err(found) => problems.extend(found),
            },
            _ => {}
        }
    }
    finish(parts, problems)
}

fn finish(parts: Vec<Part>, problems: Vec<Problem>) -> Result<Vec<Part>, Vec<Problem>> {
    if problems.is_empty() {
        Ok(parts)
    } else {
        Err(problems)
    }
}

fn syntax(error: &minijinja::Error) -> Problem {
    Problem {
        span: error.range().unwrap_or(0..0),
        code: "bad-template",
        message: format!(
            "this is no template: {}",
            error.detail().unwrap_or("it cannot be parsed")
        ),
        help: Some(
            "a template is text with `{{ name }}` in it; close every `{{` with `}}`".to_owned(),
        ),
    }
}

/// The part that an expression makes; `whole` is all of it, where its own span may be its last
/// operation only.
fn part(
    text: &str,
    whole: Range<usize>,
    expression: &Expr<'_>,
    allowed: &Allowed<'_>,
) -> Result<Part, Vec<Problem>> {
    let span = bytes(expression.span());
    let one = |result: Result<Part, Problem>| result.map_err(|problem| vec![problem]);
    match expression {
        Expr::Var(name) if name.id == "workspace" => return one(workspace(span, allowed)),
        Expr::Var(name) => return one(parameter(name.id, span, allowed)),
        Expr::GetAttr(attribute) => match &attribute.expr {
            Expr::Var(base) if base.id == "env" => return one(env(attribute.name, span, allowed)),
            Expr::Var(base) if base.id == "secret" => {
                return one(secret(attribute.name, span, allowed));
            }
            Expr::GetAttr(step) if matches!(&step.expr, Expr::Var(base) if base.id == "steps") => {
                return one(step_part(step.name, attribute.name, span, allowed));
            }
            _ => {}
        },
        Expr::Call(call) if matches!(&call.expr, Expr::Var(name) if name.id == "prompt") => {
            return prompt(text, &call.args, span, allowed);
        }
        _ => {}
    }
    let source = text.get(whole.clone()).unwrap_or_default();
    computed(text, whole.start, source, allowed)
}

fn known(
    kind: &str,
    name: &str,
    span: Range<usize>,
    known: Known<'_>,
    otherwise: &str,
) -> Result<(), Problem> {
    if known.names.contains(&name) || !known.complete {
        return Ok(());
    }
    Err(Problem {
        span,
        code: "unknown-name",
        message: format!("there is no {kind} `{name}`"),
        help: Some(match nearest(name, known.names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => otherwise.to_owned(),
        }),
    })
}

fn misplaced(span: Range<usize>, what: &str, help: &str) -> Problem {
    Problem {
        span,
        code: "misplaced-name",
        message: format!("{what} may not stand here"),
        help: Some(help.to_owned()),
    }
}

fn parameter(name: &str, span: Range<usize>, allowed: &Allowed<'_>) -> Result<Part, Problem> {
    const EXAMPLES: [(&str, &str); 4] = [
        ("env", "env.NAME"),
        ("secret", "secret.NAME"),
        ("steps", "steps.ID.stdout"),
        ("prompt", "prompt(\"task.md\")"),
    ];
    if let Some((_, example)) = EXAMPLES.iter().find(|(known, _)| *known == name) {
        let help = format!("write `{example}`");
        return Err(misplaced(span, &format!("`{name}` by itself"), &help));
    }
    if let Some(why) = allowed.no_parameters {
        return Err(misplaced(span, &format!("the parameter `{name}`"), why));
    }
    let names = allowed.parameters.names;
    let otherwise = if names.is_empty() {
        "this tool's input declares no parameters".to_owned()
    } else {
        suggestion(name, names.iter().copied(), "the parameters are")
    };
    known("parameter", name, span, allowed.parameters, &otherwise)?;
    Ok(Part::Parameter(name.to_owned()))
}

fn workspace(span: Range<usize>, allowed: &Allowed<'_>) -> Result<Part, Problem> {
    if allowed.workspace {
        Ok(Part::Workspace)
    } else {
        Err(misplaced(
            span,
            "`workspace`",
            "write `workspace: true` beside `steps` to have one",
        ))
    }
}

fn env(name: &str, span: Range<usize>, allowed: &Allowed<'_>) -> Result<Part, Problem> {
    known(
        "environment name",
        name,
        span,
        allowed.environment,
        "list it under `environment` in `tolkien.yaml`, with a default or null",
    )?;
    Ok(Part::Env(EnvName::new(name)))
}

fn secret(name: &str, span: Range<usize>, allowed: &Allowed<'_>) -> Result<Part, Problem> {
    let Some(secrets) = allowed.secrets else {
        return Err(misplaced(
            span,
            &format!("the secret `{name}`"),
            "secrets may stand in `env`, `headers`, `stdin` and `body` only, never in a command line",
        ));
    };
    known(
        "secret",
        name,
        span,
        secrets,
        "list it under `secrets` in `tolkien.yaml`, with its `file` or `env`",
    )?;
    Ok(Part::Secret(SecretName::new(name)))
}

fn step_part(
    id: &str,
    stream: &str,
    span: Range<usize>,
    allowed: &Allowed<'_>,
) -> Result<Part, Problem> {
    let Some(steps) = allowed.steps else {
        return Err(misplaced(
            span,
            "the output of a step",
            "it may stand in a later step's `stdin` and in `result` only",
        ));
    };
    known(
        "earlier step",
        id,
        span.clone(),
        steps,
        "give an earlier step this `id`",
    )?;
    let stream = match stream {
        "stdout" => StepStream::Stdout,
        "stderr" => StepStream::Stderr,
        "code" => StepStream::Code,
        other => {
            return Err(Problem {
                span,
                code: "unknown-name",
                message: format!("a step has no `{other}`"),
                help: Some("it has `stdout`, `stderr` and `code`".to_owned()),
            });
        }
    };
    Ok(Part::Step {
        id: id.to_owned(),
        stream,
    })
}

fn prompt(
    text: &str,
    arguments: &[CallArg<'_>],
    span: Range<usize>,
    allowed: &Allowed<'_>,
) -> Result<Part, Vec<Problem>> {
    let wrong = |help: &str| {
        vec![Problem {
            span: span.clone(),
            code: "bad-prompt-call",
            message: "`prompt` takes a file's name and named arguments".to_owned(),
            help: Some(help.to_owned()),
        }]
    };
    let example = "write `prompt(\"task.md\", title=title)`";
    let mut arguments = arguments.iter();
    let name = match arguments.next() {
        Some(CallArg::Pos(name)) => name.as_const(),
        _ => None,
    };
    let Some(name) = name.as_ref().and_then(minijinja::Value::as_str) else {
        return Err(wrong(example));
    };
    known(
        "prompt",
        name,
        span.clone(),
        allowed.prompts,
        "write it as a file in `prompts/`",
    )
    .map_err(|problem| vec![problem])?;
    let mut given = Vec::new();
    for argument in arguments {
        let CallArg::Kwarg(key, value) = argument else {
            return Err(wrong(example));
        };
        let range = bytes(value.span());
        let range = value_start(text, key, range.start)..range.end;
        let source = text.get(range.clone()).unwrap_or_default();
        computed(text, range.start, source, allowed)?;
        given.push(((*key).to_owned(), source.to_owned()));
    }
    Ok(Part::Prompt {
        name: name.to_owned(),
        arguments: given,
    })
}

/// Where the value of a named argument begins: behind the last `key=` before its last operation.
fn value_start(text: &str, key: &str, before: usize) -> usize {
    let head = text.get(..before).unwrap_or_default();
    let mut places: Vec<usize> = head.match_indices(key).map(|(at, _)| at).collect();
    places.reverse();
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    places
        .into_iter()
        .find_map(|at| {
            let rest = head.get(at + key.len()..)?;
            let value = rest.trim_start().strip_prefix('=')?;
            let alone = !head.get(..at)?.ends_with(is_name) && !value.starts_with('=');
            alone.then(|| before - value.trim_start().len())
        })
        .unwrap_or(before)
}

/// Any other expression or text: kept whole, over parameters only, so that a command line does not
/// depend on the machine. `start` is where `source` begins in the template's text.
fn computed(
    text: &str,
    start: usize,
    source: &str,
    allowed: &Allowed<'_>,
) -> Result<Part, Vec<Problem>> {
    let whole = start == 0 && source.len() == text.len();
    let (source, offset) = if whole {
        (source.to_owned(), 0)
    } else {
        (format!("{{{{ {source} }}}}"), 3)
    };
    let mentions = jinja::mentions(&source).map_err(|error| vec![syntax(&error)])?;
    let at = |range: &Range<usize>| {
        let place = |position: usize| (position + start).saturating_sub(offset).min(text.len());
        place(range.start)..place(range.end)
    };
    let environment = jinja::environment();
    let mut problems = Vec::new();
    for (kind, names) in [("filter", &mentions.filters), ("test", &mentions.tests)] {
        for (name, range) in names {
            if !jinja::knows(&environment, kind, name) {
                problems.push(unknown_filter(kind, name, at(range)));
            }
        }
    }
    let globals: BTreeSet<&str> = environment.globals().map(|(name, _)| name).collect();
    let mut parameters = BTreeSet::new();
    for (name, range) in &mentions.names {
        if TEMPLATE_NAMES.contains(&name.as_str()) {
            problems.push(misplaced(
                at(range),
                &format!("`{name}` inside an expression"),
                "let it stand alone in its braces, so that rules and approvals see its name",
            ));
        } else if !globals.contains(name.as_str())
            || allowed.parameters.names.contains(&name.as_str())
        {
            match parameter(name, at(range), allowed) {
                Ok(_) => {
                    parameters.insert(name.clone());
                }
                Err(problem) => problems.push(problem),
            }
        }
    }
    for file in &mentions.files {
        problems.push(misplaced(
            at(&file.span),
            "another file",
            "use `prompt(\"file.md\", …)`",
        ));
    }
    if problems.is_empty() {
        Ok(Part::Computed { source, parameters })
    } else {
        Err(problems)
    }
}

fn unknown_filter(kind: &str, name: &str, span: Range<usize>) -> Problem {
    let found =
        crate::config::prompt::unknown_filter(kind, name, crate::diagnostic::Place::file(""));
    Problem {
        span,
        code: found.code.0,
        message: found.message,
        help: found.help,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Vec<Part> {
        let allowed = Allowed {
            parameters: Known {
                names: &["title", "text"],
                complete: true,
            },
            no_parameters: None,
            environment: Known::default(),
            secrets: None,
            steps: None,
            workspace: false,
            prompts: Known {
                names: &["task.md"],
                complete: true,
            },
        };
        parse(text, &allowed).unwrap()
    }

    fn computed(source: &str, parameters: &[&str]) -> Part {
        Part::Computed {
            source: source.to_owned(),
            parameters: parameters.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    #[test]
    fn a_computed_part_keeps_the_whole_expression() {
        for (text, source, parameters) in [
            ("{{ text | upper }}", "{{ text | upper }}", &["text"][..]),
            (
                "{{ (title ~ text) | upper }}",
                "{{ (title ~ text) | upper }}",
                &["text", "title"],
            ),
            (
                "{{ text if title is defined else '}}' }}",
                "{{ text if title is defined else '}}' }}",
                &["text", "title"],
            ),
            ("{{ text[:3] }}", "{{ text[:3] }}", &["text"]),
            ("{{- title == 'a' -}}", "{{ title == 'a' }}", &["title"]),
        ] {
            assert_eq!(parts(text), [computed(source, parameters)], "{text}");
        }
    }

    #[test]
    fn an_argument_of_a_prompt_keeps_the_whole_expression() {
        let text = "{{ prompt('task.md', text=title | upper, t=text ~ 'text=', title = title) }}";
        let arguments = [
            ("text", "title | upper"),
            ("t", "text ~ 'text='"),
            ("title", "title"),
        ];
        let expected = Part::Prompt {
            name: "task.md".to_owned(),
            arguments: arguments
                .map(|(name, source)| (name.to_owned(), source.to_owned()))
                .into(),
        };
        assert_eq!(parts(text), [expected]);
    }
}
