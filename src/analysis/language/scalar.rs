//! How a number or a boolean may stand in a text.

use std::collections::BTreeSet;

use regex_syntax::hir::Hir;
use serde_json::Value;

use super::template::Compiler;
use crate::analysis::expression::{TooLarge, literal};
use crate::analysis::vocabulary::Test;

/// Integers as JSON writes them, which may have been sent with a fraction or an exponent.
const INTEGER: &str = r"-?(?:0|[1-9][0-9]{0,19})(?:\.0)?|-?[1-9](?:\.[0-9]+)?e\+?[0-9]+";

/// Numbers as JSON writes them.
const NUMBER: &str = r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?|-?[1-9](?:\.[0-9]+)?e[-+]?[0-9]+";

/// A fixed set of integers up to this size is written out.
const MOST_INTEGERS: i64 = 2_000;

/// So many values are known words, which read well; more would crowd the others out.
const MOST_KNOWN: usize = 16;

/// Up to here every integer is a floating point number too.
const LARGEST_EXACT: i64 = 1 << 53;

impl Compiler<'_> {
    /// What a parameter that is a number or a boolean may be.
    pub(super) fn scalar(&mut self, name: &str) -> Result<Test, TooLarge> {
        let schema = self.schema(name);
        let at = format!("input.{name}");
        let kind = schema.get("type").and_then(Value::as_str);
        let listed = schema.get("enum").and_then(Value::as_array).cloned();
        let listed = listed.or_else(|| schema.get("const").map(|value| vec![value.clone()]));
        if let Some(values) = listed {
            self.note_keywords(&at, &schema, &["enum", "const"]);
            let values = values.iter().filter(|value| is_of(value, kind));
            return self.written_out(values.flat_map(ways));
        }
        if kind == Some("boolean") {
            self.note_keywords(&at, &schema, &[]);
            return self.vocabulary.literals(["true", "false"]);
        }
        let bound = |key: &str| schema.get(key).and_then(Value::as_i64);
        if let (Some(least), Some(most)) = (bound("minimum"), bound("maximum"))
            && kind == Some("integer")
            && most.saturating_sub(least) < MOST_INTEGERS
            && [least, most]
                .iter()
                .all(|bound| bound.unsigned_abs() < LARGEST_EXACT.unsigned_abs())
        {
            self.note_keywords(&at, &schema, &["minimum", "maximum"]);
            return self.written_out((least..=most).map(Value::from).flat_map(|one| ways(&one)));
        }
        self.note_keywords(&at, &schema, &[]);
        let written = if kind == Some("integer") {
            INTEGER
        } else {
            NUMBER
        };
        self.vocabulary.written(written)
    }

    fn written_out(&mut self, texts: impl Iterator<Item = String>) -> Result<Test, TooLarge> {
        let texts: BTreeSet<String> = texts.collect();
        if texts.len() <= MOST_KNOWN {
            return self.vocabulary.literals(texts.iter().map(String::as_str));
        }
        let texts = texts.iter().map(|text| literal(text));
        let any = Hir::alternation(texts.collect());
        self.vocabulary.expression(&any, None)
    }
}

/// Whether a value is of a type of numbers or booleans.
fn is_of(value: &Value, kind: Option<&str>) -> bool {
    match kind {
        Some("boolean") => value.is_boolean(),
        Some("integer") => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        _ => value.is_number(),
    }
}

/// Every way in which JSON writes a value: `1.0` is the same number as `1`.
fn ways(value: &Value) -> Vec<String> {
    let mut ways = vec![value.to_string()];
    if let Some(number) = value.as_f64().filter(|number| number.fract() == 0.0) {
        ways.push(Value::from(number).to_string());
        if number == 0.0 {
            ways.extend(["0", "0.0", "-0.0"].map(str::to_owned));
        } else if number.abs() < 1e15 {
            ways.push(format!("{number:.0}"));
        }
    }
    ways
}
