//! Rendering what a call would start, every line of it before the first one starts.

use serde_json::{Map, Value};

use super::address::{address, may_ask};
use super::parse::{Violation, as_text, of_parameter, usage};
use super::{Piece, Plan, Rendered, Request, Start};
use crate::config::name::RuleId;
use crate::config::prompt::Prompts;
use crate::config::template::{Part, Template};
use crate::config::tool::{Command, CommandWord, Http, Run, Tool};
use crate::diagnostic::Place;

/// Everything that rendering looks at.
struct Renderer<'a> {
    tool: &'a Tool,
    members: &'a Map<String, Value>,
    prompts: &'a Prompts,
}

pub(super) fn plan(
    tool: &Tool,
    members: &Map<String, Value>,
    prompts: &Prompts,
) -> Result<Plan, Violation> {
    let renderer = Renderer {
        tool,
        members,
        prompts,
    };
    match &tool.run {
        Run::Command(command) => renderer.start(command).map(Plan::Command),
        Run::Steps(steps) => {
            let mut starts = Vec::with_capacity(steps.list.len());
            for step in &steps.list {
                let start = renderer.start(&step.command)?;
                starts.push(Start {
                    id: step.id.clone(),
                    timeout: step.timeout,
                    idle_timeout: step.idle_timeout,
                    require: step.require.clone(),
                    sandbox: step.sandbox.clone(),
                    ..start
                });
            }
            let result = steps.result.as_ref();
            Ok(Plan::Steps {
                workspace: steps.workspace,
                starts,
                result: result.map(|result| renderer.text(result)).transpose()?,
            })
        }
        Run::Http(http) => renderer.request(http).map(Plan::Http),
        Run::Mcp { server, tool } => Ok(Plan::Mcp {
            server: server.clone(),
            tool: tool.clone(),
            arguments: Value::Object(members.clone()),
        }),
    }
}

impl Renderer<'_> {
    fn start(&self, command: &Command) -> Result<Start, Violation> {
        let mut words = Vec::with_capacity(command.words.len() + 8);
        words.push(Rendered::of(Piece::Text(command.program.clone())));
        for word in &command.words {
            match word {
                CommandWord::One(template) if self.is_dropped(template) => {}
                CommandWord::One(template) => words.push(self.word(template)?),
                CommandWord::Group(group) if group.iter().any(|word| self.is_dropped(word)) => {}
                CommandWord::Group(group) => {
                    for template in group {
                        words.push(self.word(template)?);
                    }
                }
                CommandWord::Splice { parameter, .. } => {
                    let items = self.members.get(parameter).and_then(Value::as_array);
                    words.extend(
                        items
                            .into_iter()
                            .flatten()
                            .filter_map(Value::as_str)
                            .map(|item| Rendered::of(Piece::Text(item.to_owned()))),
                    );
                }
            }
        }
        let env = command
            .env
            .iter()
            .map(|(name, template)| Ok((name.clone(), self.text(template)?)))
            .collect::<Result<_, _>>()?;
        let optional = |template: &Option<Template>| {
            template
                .as_ref()
                .map(|template| self.text(template))
                .transpose()
        };
        Ok(Start {
            id: None,
            words,
            env,
            stdin: match &command.stdin {
                Some(template) if self.is_dropped(template) => None,
                other => optional(other)?,
            },
            cwd: optional(&command.cwd)?,
            ok: command.ok.clone(),
            timeout: None,
            idle_timeout: None,
            require: None,
            within: self.within()?,
            sandbox: None,
        })
    }

    /// The paths of the input that must be opened beneath a folder.
    fn within(&self) -> Result<Vec<(Rendered, String)>, Violation> {
        let mut paths = Vec::new();
        for (name, rules) in &self.tool.arguments {
            let (Some(folder), Some(value)) = (&rules.within, self.members.get(name)) else {
                continue;
            };
            let folder = self.text(folder)?;
            let values = match value {
                Value::Array(items) => items.iter().collect(),
                other => vec![other],
            };
            for path in values.into_iter().filter_map(Value::as_str) {
                paths.push((folder.clone(), path.to_owned()));
            }
        }
        Ok(paths)
    }

    /// Whether an element mentions an optional parameter that is absent.
    fn is_dropped(&self, template: &Template) -> bool {
        template
            .parameters()
            .into_iter()
            .any(|name| !self.members.contains_key(name))
    }

    /// One word of a command; what the model sent may not turn it into a flag.
    fn word(&self, template: &Template) -> Result<Rendered, Violation> {
        for part in &template.parts {
            let text = self.part(part, &template.place)?;
            let Piece::Text(text) = text else {
                break;
            };
            if text.is_empty() {
                continue;
            }
            if text.starts_with('-') {
                self.check_dash(part, &text)?;
            }
            break;
        }
        self.text(template)
    }

    fn check_dash(&self, part: &Part, text: &str) -> Result<(), Violation> {
        for name in part.parameters() {
            let rules = self.tool.arguments.get(name);
            let wanted = rules.is_some_and(|rules| {
                let flags = || rules.allow.iter().flatten();
                rules.dash || flags().any(|rule| rule.pattern.matches_written_flag(text))
            });
            if !wanted {
                let because = format!(
                    "`{text}` starts with a dash, so the program would take `{name}` for a flag"
                );
                return Err(of_parameter(self.tool, name, "dash", because));
            }
        }
        Ok(())
    }

    fn text(&self, template: &Template) -> Result<Rendered, Violation> {
        let mut rendered = Rendered::default();
        for part in &template.parts {
            rendered.push(self.part(part, &template.place)?);
        }
        Ok(rendered)
    }

    fn part(&self, part: &Part, place: &Place) -> Result<Piece, Violation> {
        Ok(match part {
            Part::Literal(text) => Piece::Text(text.clone()),
            Part::Parameter(name) => Piece::Text(as_text(self.members, name).unwrap_or_default()),
            Part::Env(name) => Piece::Env(name.clone()),
            Part::Workspace => Piece::Workspace,
            Part::Secret(name) => Piece::Secret(name.clone()),
            Part::Step { id, stream } => Piece::Step {
                id: id.clone(),
                stream: *stream,
            },
            Part::Computed { source, .. } => Piece::Text(self.computed(source, place)?),
            Part::Prompt { name, arguments } => {
                let mut context = Map::new();
                for (key, expression) in arguments {
                    let value = self.computed(&format!("{{{{ {expression} }}}}"), place)?;
                    context.insert(key.clone(), Value::String(value));
                }
                let text = self.prompts.render(name, &Value::Object(context));
                Piece::Text(text.map_err(|error| self.unrendered(&error, place))?)
            }
        })
    }

    fn computed(&self, source: &str, place: &Place) -> Result<String, Violation> {
        let context = Value::Object(self.members.clone());
        self.prompts
            .render_text(source, &context)
            .map_err(|error| self.unrendered(&error, place))
    }

    fn unrendered(&self, error: &minijinja::Error, place: &Place) -> Violation {
        let why = error
            .detail()
            .map_or_else(|| error.kind().to_string(), str::to_owned);
        Violation {
            rule: RuleId::new(format!("{}.run", self.tool.name)),
            because: format!("the command cannot be rendered from this input: {why}"),
            place: place.clone(),
            usage: usage(self.tool),
        }
    }

    fn request(&self, http: &Http) -> Result<Request, Violation> {
        let url = self.text(&http.url)?;
        let denied = |because: String| Violation {
            rule: RuleId::new(format!("{}.hosts", self.tool.name)),
            because,
            place: http.place.clone(),
            usage: http
                .hosts
                .iter()
                .map(|host| format!("https://{host}/…"))
                .collect(),
        };
        if url
            .pieces
            .iter()
            .any(|piece| !matches!(piece, Piece::Text(_)))
        {
            return Err(denied(
                "the address depends on the machine, so it cannot be judged".to_owned(),
            ));
        }
        let text = url.visible();
        let address =
            address(&text).map_err(|error| denied(format!("`{text}` is no address: {error}")))?;
        may_ask(&address, &http.hosts).map_err(|refused| denied(refused.to_string()))?;
        let headers = http
            .headers
            .iter()
            .map(|(name, template)| Ok((name.clone(), self.text(template)?)))
            .collect::<Result<_, _>>()?;
        Ok(Request {
            method: http.method.clone(),
            // The address as it was understood is the one that was judged.
            url: Rendered::of(Piece::Text(address.to_string())),
            headers,
            body: http.body.as_ref().map(|body| self.text(body)).transpose()?,
            hosts: http.hosts.clone(),
            accept: http.accept.clone(),
        })
    }
}

impl Rendered {
    fn of(piece: Piece) -> Self {
        Self {
            pieces: vec![piece],
        }
    }

    /// Appends a piece; texts that meet become one, so that equal words have equal pieces.
    fn push(&mut self, piece: Piece) {
        match (self.pieces.last_mut(), piece) {
            (_, Piece::Text(text)) if text.is_empty() => {}
            (Some(Piece::Text(before)), Piece::Text(text)) => before.push_str(&text),
            (_, piece) => self.pieces.push(piece),
        }
    }
}
