//! What a parameter may be: its schema, the characters and lengths that hold for every text, and
//! its rules.

use serde_json::Value;

use super::Depth;
use super::template::Compiler;
use crate::analysis::expression::TooLarge;
use crate::analysis::line::Rules;
use crate::analysis::track::{Patterns, Track};
use crate::analysis::vocabulary::Test;
use crate::config::tool::{ArgumentRules, DEFAULT_ARGUMENT_MAX};

/// Keywords that say nothing about which values are valid.
const SILENT: [&str; 9] = [
    "type",
    "title",
    "description",
    "default",
    "examples",
    "$comment",
    "deprecated",
    "readOnly",
    "writeOnly",
];

/// Keywords of a text that are compiled.
const OF_TEXTS: [&str; 5] = ["enum", "const", "pattern", "minLength", "maxLength"];

/// Each number of items is a state of its own, for each way to read a line: more are not counted.
const MOST_ITEMS: usize = 500;

/// Keywords of a list that are compiled; its items are looked at by themselves.
const OF_LISTS: [&str; 3] = ["items", "minItems", "maxItems"];

/// What `call` refuses in every text: see `DECEIVING` there.
const CLEAR: &str = r"[^\p{Cc}\p{Cf}\p{Cn}\p{Zl}\p{Zp}]*";

/// The same where newlines and tabs may stand.
const CLEAR_LINES: &str = r"(?:[^\p{Cc}\p{Cf}\p{Cn}\p{Zl}\p{Zp}]|[\n\t])*";

/// A path that does not stay below a folder, by its text alone.
const LEAVING: &str = r"(?s)/.*|(?:.*/)?\.\.(?:/.*)?";

impl Compiler<'_> {
    pub(super) fn schema(&self, name: &str) -> Value {
        let json = &self.tool.input.json;
        let schema = json.get("properties").and_then(|all| all.get(name));
        schema.cloned().unwrap_or_default()
    }

    fn rules(&self, name: &str) -> Option<&'_ ArgumentRules> {
        self.tool.arguments.get(name)
    }

    /// Notes what a schema says that is not compiled.
    pub(super) fn note_keywords(&mut self, at: &str, schema: &Value, known: &[&str]) {
        for (keyword, value) in schema.as_object().into_iter().flatten() {
            if !SILENT.contains(&keyword.as_str()) && !known.contains(&keyword.as_str()) {
                self.opaque.insert(format!("{at}.{keyword}: {value}"));
            }
        }
    }

    /// What every text of a parameter must be, whatever its rules.
    fn any_text(&mut self, name: &str, at: &str, schema: &Value) -> Result<Test, TooLarge> {
        self.note_keywords(at, schema, &OF_TEXTS);
        let text_of = |value: &Value| value.as_str().map(str::to_owned);
        let mut tests = Vec::new();
        if let Some(values) = schema.get("enum").and_then(Value::as_array) {
            let values: Vec<String> = values.iter().filter_map(text_of).collect();
            tests.push(
                self.vocabulary
                    .literals(values.iter().map(String::as_str))?,
            );
        }
        if let Some(value) = schema.get("const").and_then(text_of) {
            tests.push(self.vocabulary.literals([value.as_str()])?);
        }
        if let Some(limit) = schema.get("maxLength").and_then(Value::as_u64) {
            let limit = u32::try_from(limit).unwrap_or(u32::MAX);
            tests.push(self.vocabulary.length(limit));
        }
        if let Some(least) = schema.get("minLength").and_then(Value::as_u64)
            && let Some(short) = least.checked_sub(1)
        {
            let short = u32::try_from(short).unwrap_or(u32::MAX);
            tests.push(!self.vocabulary.length(short));
        }
        if let Some(pattern) = schema.get("pattern").and_then(Value::as_str) {
            match searched(pattern) {
                Some(whole) => tests.push(self.vocabulary.written(&whole)?),
                None => {
                    self.opaque.insert(format!("{at}.pattern: {pattern}"));
                }
            }
        }
        let rules = self.tool.arguments.get(name);
        let max = rules.map_or(DEFAULT_ARGUMENT_MAX, |rules| rules.max);
        tests.push(
            self.vocabulary
                .length(u32::try_from(max).unwrap_or(u32::MAX)),
        );
        let multiline = rules.is_some_and(|rules| rules.multiline);
        let clear = if multiline { CLEAR_LINES } else { CLEAR };
        tests.push(self.vocabulary.written(clear)?);
        for known in ["default", "examples"] {
            let value = schema.get(known).unwrap_or(&Value::Null);
            super::learn_texts(value, self.vocabulary);
        }
        Ok(Test::All(tests))
    }

    /// What a parameter that is a text may be; where it begins its word, no flag by accident.
    pub(super) fn text(&mut self, name: &str, begins: bool) -> Result<Test, TooLarge> {
        let schema = self.schema(name);
        let mut tests = vec![self.any_text(name, &format!("input.{name}"), &schema)?];
        if self.depth == Depth::Bare {
            return Ok(Test::All(tests));
        }
        let tool = self.tool;
        let rules = tool.arguments.get(name);
        if let Some(rules) = rules {
            for rule in &rules.deny {
                tests.push(!self.one_word(rule)?);
            }
            if let Some(allow) = &rules.allow {
                let allow = allow.iter().map(|rule| self.one_word(rule));
                tests.push(Test::Any(allow.collect::<Result<_, _>>()?));
            }
            if rules.within.is_some() {
                tests.push(!self.vocabulary.written(LEAVING)?);
            }
        }
        if begins {
            tests.push(self.no_flag(name)?);
        }
        Ok(Test::All(tests))
    }

    /// That a value that begins its word is no flag, unless a rule lets it be one.
    pub(super) fn no_flag(&mut self, name: &str) -> Result<Test, TooLarge> {
        let tool = self.tool;
        let rules = tool.arguments.get(name);
        if self.depth == Depth::Bare || rules.is_some_and(|rules| rules.dash) {
            return Ok(Test::ALWAYS);
        }
        let mut may = vec![!self.vocabulary.written("(?s)-.*")?];
        let allow = rules.and_then(|rules| rules.allow.as_ref());
        for rule in allow.into_iter().flatten() {
            may.extend(self.vocabulary.written_flags(&rule.pattern)?);
        }
        Ok(Test::Any(may))
    }

    fn one_word(&mut self, rule: &crate::config::tool::Rule) -> Result<Test, TooLarge> {
        let test = self.vocabulary.one_word(&rule.pattern);
        test.map_err(|_| TooLarge(format!("`{}`, at {}", rule.id, rule.place)))
    }

    /// What an item of a list may be, the rules on the list, and how many items it has.
    pub(super) fn list(&mut self, name: &str) -> Result<List, TooLarge> {
        let schema = self.schema(name);
        let at = format!("input.{name}");
        self.note_keywords(&at, &schema, &OF_LISTS);
        let items = schema.get("items").cloned().unwrap_or_default();
        let mut item = vec![self.any_text(name, &format!("{at}.items"), &items)?];
        let count = |key: &str| schema.get(key).and_then(Value::as_u64);
        let counted = |count: u64| {
            let count = usize::try_from(count)
                .ok()
                .filter(|count| *count <= MOST_ITEMS);
            count.ok_or_else(|| TooLarge(format!("counting the items of `{name}`")))
        };
        let most = count("maxItems").filter(|_| self.depth == Depth::Counted);
        let mut list = List {
            item: Test::ALWAYS,
            rules: None,
            least: count("minItems").map_or(Ok(0), counted)?,
            most: most.map(counted).transpose()?,
        };
        if self.depth != Depth::Bare
            && let Some(rules) = self.rules(name)
        {
            let (within, denies) = (rules.within.is_some(), rules.deny.len());
            let closed = rules.allow.is_some();
            let all = rules.deny.iter().chain(rules.allow.iter().flatten());
            let all: Vec<_> = all.cloned().collect();
            let mut patterns = Patterns::new();
            for rule in &all {
                self.vocabulary.rule(rule, &mut patterns)?;
            }
            if within {
                item.push(!self.vocabulary.written(LEAVING)?);
            }
            list.rules = Some(Box::new(Rules {
                denies,
                allows: all.len(),
                closed,
                conditions: Vec::new(),
                track: Track::new(patterns),
            }));
        }
        list.item = Test::All(item);
        Ok(list)
    }
}

/// What a list may be.
pub(super) struct List {
    pub(super) item: Test,
    pub(super) rules: Option<Box<Rules>>,
    pub(super) least: usize,
    pub(super) most: Option<usize>,
}

/// A pattern of JSON Schema, which is searched, as an expression that is matched whole. `None` where
/// the two notations may differ: the engine translates ECMA's classes.
fn searched(pattern: &str) -> Option<String> {
    let mut characters = pattern.chars().peekable();
    let mut in_class = false;
    while let Some(character) = characters.next() {
        match character {
            '\\' if characters.next().is_none_or(char::is_alphanumeric) => return None,
            // Here a class may hold another one, differences and the like, and there it may not.
            '[' if in_class => return None,
            '&' | '-' | '~' if in_class && characters.peek() == Some(&character) => return None,
            '[' => {
                in_class = true;
                characters.next_if_eq(&'^');
                if characters.peek() == Some(&']') {
                    return None;
                }
            }
            ']' => in_class = false,
            _ => {}
        }
    }
    Some(format!("(?s:.*)(?:{pattern})(?s:.*)"))
}
