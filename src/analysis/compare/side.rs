//! One version of a tool, compiled, and what makes two versions comparable.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::analysis::diff::Side;
use crate::analysis::expression::TooLarge;
use crate::analysis::language::{Depth, Judge, Language, applying};
use crate::analysis::line::Element;
use crate::analysis::track::Patterns;
use crate::analysis::vocabulary::Vocabulary;
use crate::call::Caller;
use crate::config::name::CallerName;
use crate::config::policy::Channel;
use crate::config::schema::Parameter;
use crate::config::template::Template;
use crate::config::tool::{Command, CommandWord, Run, Tool};
use crate::policy::visible_tools;

/// One version, compiled; an absent one has nothing.
pub(super) struct Compiled<'a> {
    pub(super) side: Option<Side<'a>>,
    pub(super) language: Option<Language>,
    pub(super) judge: Option<Judge>,
    pub(super) patterns: Patterns,
    /// What the lines are made of, as text, since elements are taken out one by one.
    shape: String,
}

/// What a version says of one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// There is no such tool: everything is denied.
    Absent,
    /// The tool has no such line, and so says nothing of it.
    Free,
    /// A command line or a request.
    Shown,
    /// A parameter by itself, which no policy sees.
    Hidden,
}

/// One line of a version.
pub(super) struct LineSide {
    pub(super) kind: Kind,
    pub(super) elements: Option<Vec<Element>>,
}

impl<'a> Compiled<'a> {
    pub(super) fn new(
        side: Option<Side<'a>>,
        depth: Depth,
        caller: Option<&Caller>,
        vocabulary: &mut Vocabulary,
    ) -> Result<Self, TooLarge> {
        let Some((config, tool)) = side else {
            return Ok(Self {
                side,
                language: None,
                judge: None,
                patterns: Patterns::new(),
                shape: String::new(),
            });
        };
        let language = Language::with_hidden(tool, depth, vocabulary)?;
        let (judge, patterns) = Judge::new(config, tool, caller, vocabulary)?;
        Ok(Self {
            side,
            shape: shape(tool, &language),
            language: Some(language),
            judge: Some(judge),
            patterns,
        })
    }

    /// Takes a line out.
    pub(super) fn take(&mut self, name: &str) -> LineSide {
        let Some(language) = &mut self.language else {
            return LineSide {
                kind: Kind::Absent,
                elements: None,
            };
        };
        let at = language.lines.iter().position(|(known, _)| known == name);
        let elements = at.map(|at| language.lines.swap_remove(at).1);
        let kind = match &elements {
            None => Kind::Free,
            Some(_) if name.starts_with(HIDDEN) => Kind::Hidden,
            Some(_) => Kind::Shown,
        };
        LineSide { kind, elements }
    }

    /// What could not be compiled exactly.
    pub(super) fn opaque(&self) -> impl Iterator<Item = &String> {
        self.language.iter().flat_map(|language| &language.opaque)
    }
}

/// The names of lines that are a parameter by itself begin with this.
const HIDDEN: &str = "input ";

/// What the lines are made of, and what calls are made of beside single values, whatever the rules say
/// of it: which parameters may be absent, how many items lists have, and where a value may look like a
/// flag.
fn shape(tool: &Tool, language: &Language) -> String {
    let element = |element: &Element| match element {
        Element::Word { skip_to, parts, .. } => format!("{parts:?} {skip_to:?}"),
        Element::Splice {
            parameter,
            may_be_absent,
            ..
        } => format!("{parameter}... {may_be_absent}"),
    };
    let line = |(name, elements): &(String, Vec<Element>)| {
        let elements: Vec<String> = elements.iter().map(element).collect();
        format!("{name}: {}", elements.join(", "))
    };
    let lines = language.lines.iter().map(line);
    let is_exact = language.opaque.is_empty() && language.lines.iter().all(is_plain);
    let parameter = |(name, parameter): (&String, &Parameter)| {
        let schema = tool.input.json.get("properties");
        let schema = schema.and_then(|all| all.get(name));
        let count = |key: &str| schema.and_then(|schema| schema.get(key)).cloned();
        let dash = tool.arguments.get(name).is_some_and(|rules| rules.dash);
        let items = (count("minItems"), count("maxItems"));
        let absent = parameter.may_be_absent();
        let flags = if is_exact {
            Vec::new()
        } else {
            flags(tool, name)
        };
        let default = &parameter.default;
        format!("{name} {absent} {default:?} {dash} {items:?} {flags:?}")
    };
    let parameters = tool.input.parameters.iter().map(parameter);
    lines.chain(parameters).collect::<Vec<_>>().join("\n")
}

/// Whether every word of a line is a text, or one parameter.
fn is_plain((_, elements): &(String, Vec<Element>)) -> bool {
    elements.iter().all(|element| match element {
        Element::Word { parts, .. } => parts.len() < 2,
        Element::Splice { .. } => true,
    })
}

/// The rules that let a value of a parameter be a flag, which a word of several parts or a computed one
/// does not show.
fn flags<'a>(tool: &'a Tool, name: &str) -> Vec<&'a str> {
    let rules = tool.arguments.get(name);
    let allow = rules
        .into_iter()
        .flat_map(|rules| rules.allow.iter().flatten());
    let patterns = allow.map(|rule| &rule.pattern);
    let written = patterns.filter(|pattern| {
        let mut any = false;
        pattern.each_flag_branch(&mut |_| any = true);
        any
    });
    written.map(|pattern| pattern.text()).collect()
}

/// Why equal lines would prove nothing: what is not compiled exactly cancels only where it is the
/// same on both sides and stands in the same lines.
pub(super) fn unsound(old: &Compiled<'_>, new: &Compiled<'_>) -> Option<String> {
    let (before, after): (BTreeSet<&String>, BTreeSet<&String>) =
        (old.opaque().collect(), new.opaque().collect());
    if old.side.is_none() || new.side.is_none() {
        return None;
    }
    let differs: Vec<&str> = before
        .symmetric_difference(&after)
        .map(|text| text.as_str())
        .collect();
    if !differs.is_empty() {
        return Some(format!(
            "this changed and cannot be judged exactly: {}",
            differs.join("; ")
        ));
    }
    let everything: Vec<&str> = before.into_iter().map(String::as_str).collect();
    (old.shape != new.shape && !everything.is_empty()).then(|| {
        format!(
            "the command changed around what cannot be judged exactly: {}",
            everything.join("; ")
        )
    })
}

/// The names of the lines of both versions.
pub(super) fn line_names(old: &Compiled<'_>, new: &Compiled<'_>) -> BTreeSet<String> {
    let languages = [old, new]
        .into_iter()
        .filter_map(|side| side.language.as_ref());
    let lines = languages.flat_map(|language| &language.lines);
    lines.map(|(name, _)| name.clone()).collect()
}

/// Whether both versions bound the same lists to the same numbers of items, in the same commands,
/// where a line tells by its length how many items it has.
pub(super) fn counts_items_alike(old: Option<Side<'_>>, new: Option<Side<'_>>) -> bool {
    let (Some((_, old)), Some((_, new))) = (old, new) else {
        // Alone, a version is looked at for what it lets through, and each line is decided anyway.
        return true;
    };
    let bounds = |tool: &Tool| -> Vec<(String, Option<Value>)> {
        let bound = |name: &String| {
            let schema = tool
                .input
                .json
                .get("properties")
                .and_then(|all| all.get(name));
            schema.and_then(|schema| schema.get("maxItems")).cloned()
        };
        let names = tool.input.parameters.keys();
        names.map(|name| (name.clone(), bound(name))).collect()
    };
    let told = |tool| commands(tool).all(|command| tells_its_items(tool, command));
    bounds(old) == bounds(new) && words(old) == words(new) && told(old) && told(new)
}

/// Whether only the number of items of one list makes lines of a command longer or shorter.
fn tells_its_items(tool: &Tool, command: &Command) -> bool {
    let may_be_absent = |template: &Template| {
        let names = template.parameters();
        names.iter().any(|name| {
            let parameter = tool.input.parameters.get(*name);
            parameter.is_none_or(Parameter::may_be_absent)
        })
    };
    let mut lists = 0;
    let fixed = command.words.iter().all(|word| match word {
        CommandWord::One(template) => !may_be_absent(template),
        CommandWord::Group(group) => !group.iter().any(may_be_absent),
        CommandWord::Splice { .. } => {
            lists += 1;
            true
        }
    });
    fixed && lists <= 1
}

/// The commands of a tool.
fn commands(tool: &Tool) -> impl Iterator<Item = &Command> {
    let (one, steps) = match &tool.run {
        Run::Command(command) => (Some(command), &[][..]),
        Run::Steps(steps) => (None, steps.list.as_slice()),
        Run::Http(_) | Run::Mcp { .. } => (None, &[][..]),
    };
    one.into_iter()
        .chain(steps.iter().map(|step| &step.command))
}

/// The words of a tool's templates, as written.
fn words(tool: &Tool) -> Vec<String> {
    let of = |command: &Command| -> Vec<String> {
        let word = |word: &CommandWord| match word {
            CommandWord::One(template) => template.text.clone(),
            CommandWord::Splice { parameter, .. } => format!("{parameter}..."),
            CommandWord::Group(group) => group
                .iter()
                .map(|template| template.text.as_str())
                .collect::<Vec<_>>()
                .join(" "),
        };
        let words = command.words.iter().map(word);
        [command.program.clone()].into_iter().chain(words).collect()
    };
    match &tool.run {
        Run::Command(_) | Run::Steps(_) => commands(tool).flat_map(of).collect(),
        Run::Http(http) => vec![http.method.clone(), http.url.text.clone()],
        Run::Mcp { server, tool } => vec![server.clone(), tool.clone()],
    }
}

/// Every channel that a call can come through.
const CHANNELS: [Channel; 4] = [
    Channel::Api,
    Channel::Telegram,
    Channel::Mcp,
    Channel::Local,
];

/// For whom the two versions are compared: nobody in particular, and one caller for each set of
/// policies that only some roles or channels meet.
pub(super) fn callers(old: Option<Side<'_>>, new: Option<Side<'_>>) -> Vec<Option<Caller>> {
    let sides = || [old, new].into_iter().flatten();
    let mut seen: BTreeSet<Vec<(usize, String)>> = BTreeSet::new();
    let mut callers = Vec::new();
    let met = |caller: Option<&Caller>| -> Vec<(usize, String)> {
        let all = sides().enumerate().flat_map(|(number, (config, tool))| {
            let policies = applying(config, tool, caller);
            let names = policies
                .into_iter()
                .map(move |policy| (number, policy.name.to_string()));
            names.collect::<Vec<_>>()
        });
        all.collect()
    };
    seen.insert(met(None));
    callers.push(None);
    let roles: BTreeSet<_> = sides()
        .flat_map(|(config, _)| config.settings().roles.by_name.keys())
        .collect();
    for role in roles {
        for channel in CHANNELS {
            let caller = Caller {
                name: CallerName::new("anybody"),
                role: role.clone(),
                channel,
            };
            let visible = sides().all(|(config, tool)| {
                visible_tools(config, &caller).any(|one| one.name == tool.name)
            });
            if visible && seen.insert(met(Some(&caller))) {
                callers.push(Some(caller));
            }
        }
    }
    callers
}
