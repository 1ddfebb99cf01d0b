//! Keys that stand twice in one object of a JSON text: a reader keeps one of the two and says nothing,
//! so that what is decided is not what was written.

use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

/// The first key that stands twice, at whatever depth; nothing of a text that is not JSON.
pub(super) fn find(text: &str) -> Option<String> {
    let mut found = None;
    let look = Look { found: &mut found };
    serde_json::Deserializer::from_str(text)
        .deserialize_any(look)
        .ok()?;
    found
}

/// Goes through a value and keeps nothing of it but the key.
struct Look<'a> {
    found: &'a mut Option<String>,
}

impl Look<'_> {
    fn again(&mut self) -> Look<'_> {
        Look {
            found: &mut *self.found,
        }
    }
}

impl<'de> DeserializeSeed<'de> for Look<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<(), D::Error> {
        value.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Look<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(self.again())?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<(), A::Error> {
        let mut seen = HashSet::new();
        while let Some(key) = members.next_key::<String>()? {
            if seen.contains(&key) {
                self.found.get_or_insert(key);
            } else {
                seen.insert(key);
            }
            members.next_value_seed(self.again())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::find;

    #[test]
    fn a_key_that_stands_twice_in_one_object_is_found_at_any_depth() {
        for (text, expected) in [
            (r#"{"a": 1, "a": 1}"#, Some("a")),
            (
                r#"{"a": [true, null, -1, 2.5, {"b": {"c": "", "\u0063": 0}}]}"#,
                Some("c"),
            ),
            (
                r#"{"a": {"b": 1}, "b": {"b": 1}, "c": [{"d": 1}, {"d": 1}]}"#,
                None,
            ),
            ("[1", None),
        ] {
            assert_eq!(find(text).as_deref(), expected, "{text}");
        }
    }
}
