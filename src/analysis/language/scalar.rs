//! How a number or a boolean may stand in a text.

use std::collections::BTreeSet;

use regex_syntax::hir::Hir;
use serde_json::Value;

use super::template::Compiler;
use crate::analysis::expression::{TooLarge, literal};
use crate::analysis::vocabulary::Test;

/// Integers as they are rendered: whole as `serde_json` writes them, and where they were sent with a
/// fraction or an exponent as it writes a double, which has an exponent from 17 digits on and knows a
/// negative zero.
const INTEGER: &str = r"0|-?[1-9][0-9]{0,19}|-?(?:0|[1-9][0-9]{0,15})\.0|-?[1-9](?:\.[0-9]{0,15}[1-9])?e\+(?:1[6-9]|[2-9][0-9]|[12][0-9]{2}|30[0-8])";

/// Numbers as they are rendered: a double has no needless zeros, and an exponent also where it is very
/// small.
const NUMBER: &str = r"0|-?[1-9][0-9]{0,19}|-?(?:0|[1-9][0-9]{0,15})\.(?:0|[0-9]*[1-9])|-?[1-9](?:\.[0-9]{0,15}[1-9])?e(?:-[1-9][0-9]{0,2}|\+(?:1[6-9]|[2-9][0-9]|[12][0-9]{2}|30[0-8]))";

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
        let listed = match (listed, schema.get("const")) {
            (Some(mut listed), Some(one)) => {
                listed.retain(|value| is_same(value, one));
                Some(listed)
            }
            (listed, one) => listed.or_else(|| one.map(|one| vec![one.clone()])),
        };
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

/// Whether two values are the same to a schema: `1.0` is the same number as `1`.
fn is_same(one: &Value, other: &Value) -> bool {
    one == other || (one.is_number() && other.is_number() && one.as_f64() == other.as_f64())
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
        } else {
            ways.push(format!("{number:.0}"));
        }
    }
    ways
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::{INTEGER, NUMBER};

    /// The engine itself says which texts are one of these.
    fn engine(expression: &str) -> impl Fn(&str) -> bool {
        let whole = regex::Regex::new(&format!(r"\A(?:{expression})\z")).unwrap();
        move |text| whole.is_match(text)
    }

    #[test]
    fn every_number_is_one_as_it_is_rendered() {
        let (is_integer, is_number) = (engine(INTEGER), engine(NUMBER));
        let bits = (1_u64..).map(|step| step.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let drawn = bits.take(20_000).map(f64::from_bits);
        let powers = (-323..=308).map(|exponent| format!("1e{exponent}").parse().unwrap());
        let told = [
            0.0,
            -0.0,
            1.5,
            1e15,
            1e16,
            1.5e16,
            123_456_789_012_345_680.0,
            f64::MAX,
        ];
        let doubles = drawn
            .chain(powers)
            .chain(told)
            .filter(|one| one.is_finite());
        for double in doubles.flat_map(|one| [one, one.trunc(), -one]) {
            let text = Value::from(double).to_string();
            assert!(is_number(&text), "{text}");
            if double.fract() == 0.0 {
                assert!(is_integer(&text), "{text}");
            }
        }
        for whole in [0, 1, -1, 10, i64::MIN, i64::MAX] {
            let text = Value::from(whole).to_string();
            assert!(is_integer(&text) && is_number(&text), "{text}");
        }
        let largest = Value::from(u64::MAX).to_string();
        assert!(is_integer(&largest) && is_number(&largest), "{largest}");
        for text in ["-0", "01", "1.50", "1e16", "1e+5", "+1", ""] {
            assert!(!is_integer(text) && !is_number(text), "{text}");
        }
    }
}
