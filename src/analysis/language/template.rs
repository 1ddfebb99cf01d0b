//! From a tool's template to the elements of its lines.

use std::collections::{BTreeMap, BTreeSet};

use super::Depth;
use crate::analysis::automaton::Automaton;
use crate::analysis::expression::{TooLarge, any, literal};
use crate::analysis::line::{Element, Part as LinePart};
use crate::analysis::vocabulary::{Test, Vocabulary};
use crate::config::schema::ParameterKind;
use crate::config::template::{Part, Template};
use crate::config::tool::{Command, CommandWord, Http, Run, Tool};

/// Lengths inside a word of several parameters are counted up to here.
const LONGEST_COUNTED: u32 = 256;

/// Keywords of an input as a whole that are compiled, or say nothing about which values are valid.
const KNOWN: [&str; 10] = [
    "type",
    "properties",
    "required",
    "additionalProperties",
    "title",
    "description",
    "examples",
    "$schema",
    "$comment",
    "default",
];

/// Compiles one tool.
pub(super) struct Compiler<'a> {
    pub(super) tool: &'a Tool,
    pub(super) depth: Depth,
    pub(super) vocabulary: &'a mut Vocabulary,
    pub(super) opaque: BTreeSet<String>,
    /// How often each parameter stands in a line.
    shown: BTreeMap<String, usize>,
    /// The parameters of the steps before.
    earlier: BTreeSet<String>,
    /// The parameters whose rules some line shows exactly.
    told: BTreeSet<String>,
}

/// A line's name and elements.
type Named = (String, Vec<Element>);

impl<'a> Compiler<'a> {
    pub(super) fn new(tool: &'a Tool, depth: Depth, vocabulary: &'a mut Vocabulary) -> Self {
        let mut opaque = BTreeSet::new();
        for (keyword, value) in tool.input.json.as_object().into_iter().flatten() {
            if !KNOWN.contains(&keyword.as_str()) {
                opaque.insert(format!("input.{keyword}: {value}"));
            }
        }
        Self {
            tool,
            depth,
            vocabulary,
            opaque,
            shown: BTreeMap::new(),
            earlier: BTreeSet::new(),
            told: BTreeSet::new(),
        }
    }

    /// Every line that a call starts.
    pub(super) fn lines(&mut self) -> Result<Vec<Named>, TooLarge> {
        let tool = self.tool;
        match &tool.run {
            Run::Command(command) => Ok(vec![("run".to_owned(), self.command(command)?)]),
            Run::Steps(steps) => (1..)
                .zip(&steps.list)
                .map(|(number, step)| {
                    let name = match &step.id {
                        Some(id) => format!("step `{id}`"),
                        None => format!("step {number}"),
                    };
                    let before = std::mem::take(&mut self.shown);
                    self.earlier.extend(before.into_keys());
                    Ok((name, self.command(&step.command)?))
                })
                .collect(),
            Run::Http(http) => Ok(vec![("request".to_owned(), self.request(http)?)]),
            Run::Mcp { server, tool } => {
                self.opaque.insert("the input, as JSON".to_owned());
                let mut elements = Vec::new();
                for word in ["mcp", server, tool] {
                    elements.push(self.forced(word)?);
                }
                elements.push(Element::Word {
                    test: self.vocabulary.written(r"(?s)\{.*\}")?,
                    skip_to: None,
                    parts: vec![LinePart::Opaque("the input".to_owned())],
                });
                Ok(vec![("call".to_owned(), elements)])
            }
        }
    }

    /// Each parameter by itself whose rules no line shows exactly. Where a line is taken from above,
    /// or one parameter ties several together, none does.
    pub(super) fn hidden(&mut self) -> Result<Vec<Named>, TooLarge> {
        let tool = self.tool;
        let told = std::mem::take(&mut self.told);
        let told = if self.opaque.is_empty() {
            told
        } else {
            BTreeSet::new()
        };
        let names = tool
            .input
            .parameters
            .keys()
            .filter(|name| !told.contains(*name));
        let lines = names.filter_map(|name| self.by_itself(name).transpose());
        lines.collect()
    }

    /// A parameter by itself; `None` for one that no rule can read.
    pub(super) fn by_itself(&mut self, name: &str) -> Result<Option<Named>, TooLarge> {
        let tool = self.tool;
        let kind = tool.input.parameters.get(name).map(|one| one.kind);
        let element = match kind {
            Some(ParameterKind::Text) => Element::Word {
                test: self.text(name, false)?,
                skip_to: None,
                parts: vec![LinePart::Text(name.to_owned())],
            },
            Some(ParameterKind::Scalar) => Element::Word {
                test: self.scalar(name)?,
                skip_to: None,
                parts: vec![LinePart::Scalar(name.to_owned())],
            },
            Some(ParameterKind::Words) => self.list_by_itself(name)?,
            Some(ParameterKind::Structure) | None => return Ok(None),
        };
        Ok(Some((format!("input {name}"), vec![element])))
    }

    /// A list by itself. Where more of it is used than its items, one that is empty is not the same as
    /// none: what is made of none is left out.
    fn list_by_itself(&mut self, name: &str) -> Result<Element, TooLarge> {
        let mut element = self.splice(name)?;
        if let Element::Splice { may_be_absent, .. } = &mut element {
            *may_be_absent &= !self.is_computed_with(name);
        }
        Ok(element)
    }

    /// Whether a parameter stands in what is made from it.
    fn is_computed_with(&self, name: &str) -> bool {
        let templates = self.tool.templates();
        let mut parts = templates.iter().flat_map(|template| &template.parts);
        matches!(self.tool.run, Run::Mcp { .. })
            || parts.any(|part| match part {
                // The arguments are expressions: whatever looks like the name may be it.
                Part::Prompt { arguments, .. } => {
                    arguments.iter().any(|(_, text)| text.contains(name))
                }
                part => part.parameters().contains(&name),
            })
    }

    fn command(&mut self, command: &Command) -> Result<Vec<Element>, TooLarge> {
        let program = command.program.rsplit('/').next().unwrap_or_default();
        let mut elements = vec![self.forced(program)?];
        for word in &command.words {
            match word {
                CommandWord::One(template) => {
                    let (test, parts) = self.word(template)?;
                    let dropped = self.may_be_dropped(template);
                    let skip_to = dropped.then_some(elements.len() + 1);
                    elements.push(Element::Word {
                        test,
                        skip_to,
                        parts,
                    });
                }
                CommandWord::Group(group) => {
                    let dropped = group.iter().any(|word| self.may_be_dropped(word));
                    let after = elements.len() + group.len();
                    for (at, template) in group.iter().enumerate() {
                        let (test, parts) = self.word(template)?;
                        elements.push(Element::Word {
                            test,
                            skip_to: (dropped && at == 0).then_some(after),
                            parts,
                        });
                    }
                }
                CommandWord::Splice { parameter, .. } => {
                    self.show(parameter);
                    self.told.insert(parameter.clone());
                    elements.push(self.splice(parameter)?);
                }
            }
        }
        Ok(elements)
    }

    /// Notes that a parameter stands in the line; where it does so twice, the two are taken apart.
    fn show(&mut self, name: &str) {
        if self.earlier.contains(name) {
            // Steps are looked at one by one, and each could have another value.
            self.opaque
                .insert(format!("`{name}` stands in several steps"));
        }
        let shown = self.shown.entry(name.to_owned()).or_default();
        *shown += 1;
        if *shown > 1 {
            self.opaque
                .insert(format!("`{name}` stands in several words"));
        }
    }

    /// Notes that a word tells all of a parameter.
    fn tell(&mut self, part: &LinePart) {
        if let LinePart::Text(name) | LinePart::Scalar(name) = part {
            self.told.insert(name.clone());
        }
    }

    fn may_be_dropped(&self, template: &Template) -> bool {
        template
            .parameters()
            .into_iter()
            .any(|name| self.may_be_absent(name))
    }

    fn may_be_absent(&self, name: &str) -> bool {
        let parameter = self.tool.input.parameters.get(name);
        parameter.is_none_or(crate::config::schema::Parameter::may_be_absent)
    }

    fn forced(&mut self, word: &str) -> Result<Element, TooLarge> {
        Ok(Element::Word {
            test: self.vocabulary.literals([word])?,
            skip_to: None,
            parts: vec![LinePart::Literal(word.to_owned())],
        })
    }

    fn splice(&mut self, name: &str) -> Result<Element, TooLarge> {
        let list = self.list(name)?;
        Ok(Element::Splice {
            parameter: name.to_owned(),
            item: list.item,
            rules: list.rules,
            least: list.least,
            most: list.most,
            may_be_absent: self.may_be_absent(name),
        })
    }

    fn request(&mut self, http: &Http) -> Result<Vec<Element>, TooLarge> {
        // The address is judged as it is understood, which is more than its text: of what the rules
        // on parameters say only the hosts are certain here.
        let hosts = http.hosts.iter().map(|host| match host.strip_prefix('*') {
            Some(suffix) => format!(r"[!-~&&[^/?#@:\\]]+{}", regex_syntax::escape(suffix)),
            None => regex_syntax::escape(host),
        });
        let hosts: Vec<String> = hosts.collect();
        let address = format!(r"https://(?:{})/[!-~]*", hosts.join("|"));
        if http.url.literal().is_none() {
            self.opaque
                .insert(format!("the address is understood from {}", http.url.text));
        }
        let test = match http.url.literal() {
            Some(text) => {
                let understood = crate::call::address(text).map(String::from);
                let text = understood.unwrap_or_else(|_| text.to_owned());
                self.vocabulary.literals([text.as_str()])?
            }
            None => self.vocabulary.written(&address)?,
        };
        let parts = match http.url.parts.as_slice() {
            [Part::Parameter(name)] => vec![LinePart::Text(name.clone())],
            _ => vec![LinePart::Opaque(http.url.text.clone())],
        };
        Ok(vec![
            self.forced(&http.method)?,
            Element::Word {
                test,
                skip_to: None,
                parts,
            },
        ])
    }

    /// What one word of a command may be, and what it is made of.
    fn word(&mut self, template: &Template) -> Result<(Test, Vec<LinePart>), TooLarge> {
        let mut parts: Vec<LinePart> = Vec::new();
        for part in &template.parts {
            let next = self.part(part);
            match (parts.last_mut(), next) {
                (Some(LinePart::Literal(before)), LinePart::Literal(text)) => {
                    before.push_str(&text);
                }
                (_, next) => parts.push(next),
            }
        }
        parts.retain(|part| *part != LinePart::Literal(String::new()));
        let test = match parts.as_slice() {
            [] => self.vocabulary.literals([""])?,
            [LinePart::Literal(text)] => self.vocabulary.literals([text.as_str()])?,
            [one] => {
                self.tell(one);
                self.alone(one, true)?
            }
            [LinePart::Literal(before), one, LinePart::Literal(after)] => {
                self.tell(one);
                let test = self.alone(one, false)?;
                self.vocabulary.around(before, &test, after)?
            }
            [LinePart::Literal(before), one] => {
                self.tell(one);
                let test = self.alone(one, false)?;
                self.vocabulary.around(before, &test, "")?
            }
            [one, LinePart::Literal(after)] => {
                self.tell(one);
                let test = self.alone(one, true)?;
                self.vocabulary.around("", &test, after)?
            }
            several => self.several(several, &template.text)?,
        };
        Ok((test, parts))
    }

    fn alone(&mut self, part: &LinePart, begins: bool) -> Result<Test, TooLarge> {
        match part {
            LinePart::Literal(text) => self.vocabulary.literals([text.as_str()]),
            LinePart::Text(name) => self.text(name, begins),
            LinePart::Scalar(name) if begins => {
                Ok(Test::All(vec![self.scalar(name)?, self.no_flag(name)?]))
            }
            LinePart::Scalar(name) => self.scalar(name),
            LinePart::Opaque(_) => self.vocabulary.expression(&any(), None),
        }
    }

    /// A word with several parameters in it: where one ends and the next begins is open.
    fn several(&mut self, parts: &[LinePart], text: &str) -> Result<Test, TooLarge> {
        let too_large = || TooLarge(format!("the word `{text}`"));
        // A later parameter begins the word where all before it are empty.
        self.opaque
            .insert(format!("lengths and dashes inside {text}"));
        let mut automata = Vec::new();
        for (at, part) in parts.iter().enumerate() {
            let automaton = match part {
                LinePart::Literal(text) => Automaton::of(&literal(text)),
                part => {
                    let own = self.alone(part, at == 0)?;
                    self.vocabulary.accepted(&own, LONGEST_COUNTED)
                }
            };
            automata.push(automaton.ok_or_else(too_large)?);
        }
        let parts: Vec<&Automaton> = automata.iter().collect();
        let whole = Automaton::concatenation(&parts).ok_or_else(too_large)?;
        Ok(Test::Atom(self.vocabulary.atom(whole.into(), None)))
    }

    fn part(&mut self, part: &Part) -> LinePart {
        match part {
            Part::Literal(text) => LinePart::Literal(text.clone()),
            Part::Env(name) => LinePart::Literal(format!("${name}")),
            Part::Workspace => LinePart::Literal("$WORKSPACE".to_owned()),
            Part::Secret(name) => LinePart::Literal(format!("$SECRET_{name}")),
            Part::Step { id, .. } => LinePart::Literal(format!("$STEP_{id}")),
            Part::Parameter(name) => {
                self.show(name);
                let kind = self.tool.input.parameters.get(name).map(|one| one.kind);
                match kind {
                    Some(ParameterKind::Text) => LinePart::Text(name.clone()),
                    Some(ParameterKind::Scalar) => LinePart::Scalar(name.clone()),
                    _ => LinePart::Opaque(name.clone()),
                }
            }
            Part::Computed { source, .. } => {
                self.opaque.insert(source.clone());
                LinePart::Opaque(source.clone())
            }
            Part::Prompt { name, arguments } => {
                let source = format!("prompt {name} {arguments:?}");
                self.opaque.insert(source.clone());
                LinePart::Opaque(source)
            }
        }
    }
}
