//! The page of a tool: what it runs, and everything that stands between a call and that.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use super::listing::{Listing, listing};
use super::rule::{CaseView, ProofView, RuleView, cases, line, names, proofs, rules};
use super::sandbox::SandboxView;
use super::{Content, policy_file};
use crate::call::{Caller, canonical_json};
use crate::config::Config;
use crate::config::name::{CallerName, RoleName};
use crate::config::policy::{Channel, Policy, Selector};
use crate::config::settings::length;
use crate::config::tool::{
    ArgumentRules, Command, CommandWord, Http, Keep, Requirement, Run, Step, Tool,
};
use crate::policy;

/// What the page shows.
#[derive(Debug, Serialize)]
pub(super) struct ToolView {
    name: String,
    description: String,
    effect: &'static str,
    /// What a call that no rule stops gets: `allow`, `ask` or `deny`.
    answer: &'static str,
    effect_line: u32,
    parameters: Vec<Parameter>,
    names: BTreeMap<String, String>,
    timeout: String,
    limit: usize,
    keep: &'static str,
    runs: Vec<Program>,
    steps: bool,
    result: Option<String>,
    http: Option<HttpView>,
    mcp: Option<[String; 2]>,
    roles: Vec<Role>,
    policies: Vec<Selecting>,
    proofs: Vec<ProofView>,
    cases: Vec<CaseView>,
    listing: Option<Listing>,
}

/// A parameter with its rules.
#[derive(Debug, Serialize)]
struct Parameter {
    name: String,
    kind: String,
    required: bool,
    description: Option<String>,
    /// The rest of its schema, key by key.
    schema: Vec<[String; 2]>,
    /// What else its rules say.
    bounds: Vec<String>,
    allow: Option<Vec<RuleView>>,
    deny: Vec<RuleView>,
}

/// One program that is started.
#[derive(Debug, Serialize)]
struct Program {
    id: Option<String>,
    words: Vec<Word>,
    env: Vec<[String; 2]>,
    stdin: Option<String>,
    cwd: Option<String>,
    ok: Vec<i32>,
    timeout: Option<String>,
    idle_timeout: Option<String>,
    require: Vec<String>,
    sandbox: Option<SandboxView>,
}

/// One element of a command.
#[derive(Debug, Serialize)]
struct Word {
    text: String,
    /// Whether something of the call stands in it.
    given: bool,
    /// Whether it is several words.
    many: bool,
}

#[derive(Debug, Serialize)]
struct HttpView {
    method: String,
    url: String,
    headers: Vec<[String; 2]>,
    body: Option<String>,
    hosts: Vec<String>,
    accept: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Role {
    name: String,
    may: bool,
}

/// A policy that selects the tool.
#[derive(Debug, Serialize)]
struct Selecting {
    name: String,
    file: String,
    description: Option<String>,
    /// For which calls, where it is not for all of them.
    only: Option<String>,
    says: Vec<String>,
}

/// The page of a tool.
pub(super) fn view(content: Content<'_>, tool: &Tool) -> ToolView {
    let config = content.config;
    let settings = config.settings();
    let mut view = ToolView {
        name: tool.name.to_string(),
        description: tool.description.clone(),
        effect: tool.effect.as_str(),
        answer: answer(config, tool),
        effect_line: line(&tool.places.effect),
        parameters: parameters(tool),
        names: names(&tool.content),
        timeout: length(tool.timeout.unwrap_or(settings.limits.call_timeout)),
        limit: tool.output.limit,
        keep: match tool.output.keep {
            Keep::Head => "the beginning",
            Keep::Tail => "the end",
            Keep::HeadTail => "the beginning and the end",
        },
        runs: Vec::new(),
        steps: false,
        result: None,
        http: None,
        mcp: None,
        roles: roles(config, tool),
        policies: selecting(config, tool)
            .map(|policy| select(policy))
            .collect(),
        proofs: proofs(content, |proof| proof.tool.name == tool.name),
        cases: cases(config, &tool.tests),
        listing: listing(content, &tool.places.file),
    };
    match &tool.run {
        Run::Command(command) => view.runs.push(program(command)),
        Run::Steps(steps) => {
            view.steps = true;
            view.runs = steps.list.iter().map(step).collect();
            view.result = steps.result.as_ref().map(|result| result.text.clone());
        }
        Run::Http(http) => view.http = Some(request(http)),
        Run::Mcp { server, tool } => view.mcp = Some([server.clone(), tool.clone()]),
    }
    let sandboxes = tool.sandboxes_under(&settings.sandbox);
    for (program, sandbox) in view.runs.iter_mut().zip(&sandboxes) {
        program.sandbox = Some(SandboxView::new(tool, sandbox));
    }
    view
}

/// The policies that select a tool.
pub(super) fn selecting<'a>(
    config: &'a Config,
    tool: &Tool,
) -> impl Iterator<Item = &'a Arc<Policy>> {
    let selection = config.selection(&tool.name);
    selection
        .into_iter()
        .flat_map(|selection| &selection.policies)
}

/// What a call gets that no rule stops, whoever asks.
pub(super) fn answer(config: &Config, tool: &Tool) -> &'static str {
    let for_all = |policy: &&Policy| {
        let Selector {
            roles, channels, ..
        } = &policy.applies_to;
        roles.is_none() && channels.is_none()
    };
    let applying: Vec<&Policy> = selecting(config, tool)
        .map(AsRef::as_ref)
        .filter(for_all)
        .collect();
    policy::effect_decision(tool, &applying).as_str()
}

fn roles(config: &Config, tool: &Tool) -> Vec<Role> {
    let roles = config.settings().roles.by_name.keys();
    let roles = roles.map(|role| Role {
        name: role.to_string(),
        may: usable(config, role).iter().any(|one| one.name == tool.name),
    });
    roles.collect()
}

/// The tools that a role may use.
pub(super) fn usable<'a>(config: &'a Config, role: &RoleName) -> Vec<&'a Arc<Tool>> {
    let anybody = Caller {
        name: CallerName::new("anybody"),
        role: role.clone(),
        channel: Channel::Api,
    };
    policy::visible_tools(config, &anybody).collect()
}

fn select(policy: &Policy) -> Selecting {
    Selecting {
        name: policy.name.to_string(),
        file: policy_file(policy.name.as_str()),
        description: policy.description.clone(),
        only: super::policy::only(policy),
        says: super::policy::says(policy),
    }
}

fn parameters(tool: &Tool) -> Vec<Parameter> {
    let properties = tool.input.json.get("properties").and_then(Value::as_object);
    let parameters = properties.into_iter().flatten().map(|(name, schema)| {
        let own = tool.arguments.get(name);
        let text = |key| schema.get(key).and_then(Value::as_str);
        let keys = schema.as_object().into_iter().flatten();
        let rest = keys.filter(|(key, _)| !["description", "type"].contains(&key.as_str()));
        Parameter {
            name: name.clone(),
            kind: text("type").unwrap_or("any value").to_owned(),
            required: tool
                .input
                .parameters
                .get(name)
                .is_some_and(|it| it.required),
            description: text("description").map(str::to_owned),
            schema: rest
                .map(|(key, value)| [key.clone(), canonical_json(value)])
                .collect(),
            bounds: own.map(bounds).unwrap_or_default(),
            allow: own.and_then(|own| own.allow.as_ref().map(rules)),
            deny: own.map(|own| rules(&own.deny)).unwrap_or_default(),
        }
    });
    parameters.collect()
}

/// What the rules of a parameter say beside their patterns.
fn bounds(rules: &ArgumentRules) -> Vec<String> {
    let mut bounds = vec![format!("at most {} characters", rules.max)];
    if let Some(folder) = &rules.within {
        bounds.push(format!("a path that stays within `{}`", folder.text));
    }
    if rules.dash {
        bounds.push("may begin with `-`".to_owned());
    }
    if rules.multiline {
        bounds.push("may have several lines".to_owned());
    }
    bounds
}

fn program(command: &Command) -> Program {
    let mut words = vec![Word {
        text: command.program.clone(),
        given: false,
        many: false,
    }];
    words.extend(command.words.iter().map(word));
    let env = command.env.iter();
    Program {
        id: None,
        words,
        env: env
            .map(|(name, value)| [name.clone(), value.text.clone()])
            .collect(),
        stdin: command.stdin.as_ref().map(|text| text.text.clone()),
        cwd: command.cwd.as_ref().map(|folder| folder.text.clone()),
        ok: command.ok.clone(),
        timeout: None,
        idle_timeout: None,
        require: Vec::new(),
        sandbox: None,
    }
}

fn word(word: &CommandWord) -> Word {
    match word {
        CommandWord::One(template) => Word {
            text: template.text.clone(),
            given: !template.parameters().is_empty(),
            many: false,
        },
        CommandWord::Splice { parameter, .. } => Word {
            text: format!("{{{{ {parameter} }}}}"),
            given: true,
            many: true,
        },
        CommandWord::Group(group) => {
            let texts: Vec<&str> = group
                .iter()
                .map(|template| template.text.as_str())
                .collect();
            Word {
                text: texts.join(" "),
                given: group
                    .iter()
                    .any(|template| !template.parameters().is_empty()),
                many: true,
            }
        }
    }
}

fn step(step: &Step) -> Program {
    Program {
        id: step.id.clone(),
        timeout: step.timeout.map(length),
        idle_timeout: step.idle_timeout.map(length),
        require: step.require.as_ref().map(required).unwrap_or_default(),
        ..program(&step.command)
    }
}

fn required(required: &Requirement) -> Vec<String> {
    let mut all = Vec::new();
    if required.not_empty {
        all.push("it writes something".to_owned());
    }
    if let Some(expression) = &required.expression {
        all.push(format!("all that it writes is `{}`", expression.text()));
    }
    if let Some(expression) = &required.each_line {
        all.push(format!(
            "each line that it writes is `{}`",
            expression.text()
        ));
    }
    all.extend(required.because.clone());
    all
}

fn request(http: &Http) -> HttpView {
    let headers = http.headers.iter();
    HttpView {
        method: http.method.clone(),
        url: http.url.text.clone(),
        headers: headers
            .map(|(name, value)| [name.clone(), value.text.clone()])
            .collect(),
        body: http.body.as_ref().map(|body| body.text.clone()),
        hosts: http.hosts.clone(),
        accept: http.accept.clone(),
    }
}
