//! Findings as SARIF 2.1.0 (OASIS, with errata 01), for code scanning and for editors.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::cli::code;
use crate::cli::render::repository::Repository;
use crate::config::{Loaded, hex};
use crate::diagnostic::{Diagnostic, Fix, Place, Severity, Source};

/// The published schema that this is written for.
const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// What file names are relative to; GitHub and others take this name for the checkout.
const BASE: &str = "%SRCROOT%";

/// Every finding, as one log with one run.
pub(crate) fn sarif(loaded: &Loaded, repository: &Repository) -> serde_json::Result<String> {
    let codes: BTreeSet<&'static str> = loaded
        .diagnostics
        .iter()
        .map(|found| found.code.0)
        .collect();
    let rules: Vec<&'static str> = codes.into_iter().collect();
    let mut writer = Writer {
        repository,
        sources: loaded
            .sources
            .iter()
            .map(|source| (source.name().as_ref(), source))
            .collect(),
        seen: BTreeMap::new(),
    };
    let results: Vec<Value> = loaded
        .diagnostics
        .iter()
        .map(|found| writer.result(found, &rules))
        .collect();
    let rules: Vec<Value> = rules.iter().map(|code| rule(code)).collect();
    let log = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "tolkien",
                "version": env!("CARGO_PKG_VERSION"),
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            }},
            "originalUriBaseIds": {
                BASE: {"description": {"text": "the top of the repository"}},
            },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    serde_json::to_string_pretty(&log).map(|text| text + "\n")
}

/// What a code means, from its page.
fn rule(code: &str) -> Value {
    let mut rule = json!({"id": code});
    if let (Some(page), Some(rule)) = (code::page(code), rule.as_object_mut()) {
        let summary = json!({"text": page.summary()});
        rule.insert("shortDescription".to_owned(), summary);
        let help = json!({"text": page.text(), "markdown": page.text()});
        rule.insert("help".to_owned(), help);
    }
    rule
}

struct Writer<'a> {
    repository: &'a Repository,
    sources: BTreeMap<&'a str, &'a Source>,
    /// How often a fingerprint was given already.
    seen: BTreeMap<String, usize>,
}

impl Writer<'_> {
    fn result(&mut self, found: &Diagnostic, rules: &[&str]) -> Value {
        let mut text = found.message.clone();
        if let Some(help) = &found.help {
            text = format!("{text}\n\nhelp: {help}");
        }
        let level = match found.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Info => "note",
        };
        let mut result = Map::new();
        let mut set = |key: &str, value: Value| result.insert(key.to_owned(), value);
        set("ruleId", json!(found.code));
        set("ruleIndex", json!(rules.binary_search(&found.code.0).ok()));
        set("level", json!(level));
        set("message", json!({"text": text}));
        set(
            "locations",
            json!([{"physicalLocation": self.physical(&found.place)}]),
        );
        let related: Vec<Value> = found
            .labels
            .iter()
            .enumerate()
            .map(|(id, (place, text))| {
                json!({"id": id, "physicalLocation": self.physical(place), "message": {"text": text}})
            })
            .collect();
        if !related.is_empty() {
            set("relatedLocations", json!(related));
        }
        if let Some(fix) = found.fix.as_ref().filter(|_| found.is_fixable()) {
            set("fixes", json!([self.fix(fix, found.help.as_deref())]));
        }
        let fingerprint = self.fingerprint(found);
        set(
            "partialFingerprints",
            json!({"primaryLocationLineHash": fingerprint}),
        );
        Value::Object(result)
    }

    fn fix(&self, fix: &Fix, help: Option<&str>) -> Value {
        json!({
            "description": {"text": help.unwrap_or("write it like this")},
            "artifactChanges": [{
                "artifactLocation": self.artifact(&fix.place),
                "replacements": [{
                    "deletedRegion": span(&fix.place),
                    "insertedContent": {"text": fix.replacement},
                }],
            }],
        })
    }

    fn physical(&self, place: &Place) -> Value {
        let region = if place.bytes == (0..0) {
            json!({"startLine": 1})
        } else {
            span(place)
        };
        json!({"artifactLocation": self.artifact(place), "region": region})
    }

    fn artifact(&self, place: &Place) -> Value {
        let file = self.repository.file(&place.file);
        match file.strip_prefix('/') {
            Some(rest) => json!({"uri": format!("file:///{}", uri(rest))}),
            None => json!({"uri": uri(&file), "uriBaseId": BASE}),
        }
    }

    /// The same finding on the same text is the same alert wherever its line has moved to. The name is
    /// the one that GitHub tracks alerts by; equal lines are told apart by a number.
    fn fingerprint(&mut self, found: &Diagnostic) -> String {
        let line = self
            .sources
            .get(found.place.file.as_ref())
            .and_then(|source| {
                let line = found.place.start.line.saturating_sub(1);
                source.text().lines().nth(usize::try_from(line).ok()?)
            })
            .unwrap_or_default();
        let mut hash = Sha256::new();
        let file = self.repository.file(&found.place.file);
        for part in [found.code.0, &file, line.trim()] {
            hash.update(part.as_bytes());
            hash.update([0]);
        }
        let mut digits = hex(&hash.finalize());
        digits.truncate(FINGERPRINT_DIGITS);
        let count = self.seen.entry(digits.clone()).or_default();
        *count += 1;
        format!("{digits}:{count}")
    }
}

/// 64 bits tell the findings of one repository apart.
const FINGERPRINT_DIGITS: usize = 16;

fn span(place: &Place) -> Value {
    json!({
        "startLine": place.start.line,
        "startColumn": place.start.column,
        "endLine": place.end.line,
        "endColumn": place.end.column,
    })
}

/// A path as a URI reference: what RFC 3986 does not let stand in one is percent-encoded, and so is
/// a colon, which could end a scheme.
fn uri(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/!$&'()*+,;=@".contains(&byte);
    path.bytes().fold(String::new(), |mut written, byte| {
        if plain(byte) {
            written.push(char::from(byte));
        } else {
            written.push('%');
            written.push_str(&hex(&[byte]).to_uppercase());
        }
        written
    })
}
