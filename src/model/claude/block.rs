//! A content block while it arrives: what it started as, and what the deltas added.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{MapAccess, Visitor},
};
use serde_json::{Map, Value, value::RawValue};

use crate::model::message::{kind, raw};

/// A block under way.
#[derive(Debug)]
pub(super) struct Block {
    /// The stream's number of the block.
    pub(super) index: u64,
    start: Box<RawValue>,
    text: String,
    thinking: String,
    signature: Option<String>,
    input: Option<String>,
    citations: Vec<Box<RawValue>>,
    closed: bool,
}

/// How a block ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// Complete: the block as it goes into the history.
    Whole(Box<RawValue>),
    /// A text block of nothing but white space, which the API would not take back.
    Blank,
    /// A call whose input is not a JSON object, or was cut: the tool's name.
    BrokenCall(String),
}

/// What a delta may add; the rest of its fields, and unknown kinds, are passed over.
#[derive(Deserialize)]
struct Delta {
    #[serde(default)]
    r#type: String,
    #[serde(default)]
    text: String,
    #[serde(default)]
    thinking: String,
    #[serde(default)]
    signature: String,
    #[serde(default)]
    partial_json: String,
    citation: Option<Box<RawValue>>,
}

/// The fields of a call that must be there.
#[derive(Deserialize)]
struct Call {
    #[serde(default)]
    id: String,
    #[serde(default)]
    name: String,
    /// Read only to see that it can be: an object, of a depth that can be parsed.
    #[serde(default, rename = "input")]
    _input: Map<String, Value>,
}

impl Block {
    pub(super) fn new(index: u64, start: Box<RawValue>) -> Self {
        Self {
            index,
            start,
            text: String::new(),
            thinking: String::new(),
            signature: None,
            input: None,
            citations: Vec::new(),
            closed: false,
        }
    }

    pub(super) fn add(&mut self, delta: &RawValue) {
        // A delta of a new kind may use a known field name for another type of value.
        let Ok(delta) = serde_json::from_str::<Delta>(delta.get()) else {
            return;
        };
        match delta.r#type.as_str() {
            "text_delta" => self.text.push_str(&delta.text),
            "thinking_delta" => self.thinking.push_str(&delta.thinking),
            "signature_delta" => self.signature = Some(delta.signature),
            "input_json_delta" => {
                self.input
                    .get_or_insert_default()
                    .push_str(&delta.partial_json);
            }
            "citations_delta" => self.citations.extend(delta.citation),
            _ => {}
        }
    }

    pub(super) fn close(&mut self) {
        self.closed = true;
    }

    /// The block as it goes into the history, to the byte what the API said.
    pub(super) fn end(self) -> Ended {
        let (closed, kind) = (self.closed, kind(&self.start));
        let name = || {
            read_call(&self.start)
                .map(|call| call.name)
                .unwrap_or_default()
        };
        let name = if kind == "tool_use" {
            name()
        } else {
            String::new()
        };
        match self.assemble() {
            Some(block) if kind == "tool_use" => match read_call(&block) {
                Some(call) if closed && !call.id.is_empty() && !call.name.is_empty() => {
                    Ended::Whole(block)
                }
                _ => Ended::BrokenCall(name),
            },
            Some(block) if kind == "text" && is_blank_text(&block) => Ended::Blank,
            Some(block) => Ended::Whole(block),
            None => Ended::BrokenCall(name),
        }
    }

    /// The start with everything that was added put in; none if the input is no JSON.
    fn assemble(self) -> Option<Box<RawValue>> {
        let touched = !(self.text.is_empty() && self.thinking.is_empty());
        if !touched && self.signature.is_none() && self.input.is_none() && self.citations.is_empty()
        {
            return Some(self.start);
        }
        let mut fields: Object = serde_json::from_str(self.start.get()).ok()?;
        fields.append("text", &self.text);
        fields.append("thinking", &self.thinking);
        if let Some(signature) = self.signature {
            fields.set("signature", raw(&signature));
        }
        if let Some(input) = self.input.filter(|input| !input.is_empty()) {
            fields.set("input", RawValue::from_string(input).ok()?);
        }
        if !self.citations.is_empty() {
            let mut citations: Vec<Box<RawValue>> = fields.read("citations").unwrap_or_default();
            citations.extend(self.citations);
            fields.set("citations", raw(&citations));
        }
        Some(raw(&fields))
    }
}

fn read_call(block: &RawValue) -> Option<Call> {
    serde_json::from_str(block.get()).ok()
}

fn is_blank_text(block: &RawValue) -> bool {
    #[derive(Deserialize)]
    struct Text {
        text: String,
    }
    serde_json::from_str::<Text>(block.get()).is_ok_and(|block| block.text.trim().is_empty())
}

/// A JSON object whose fields keep their order and their bytes.
struct Object(Vec<(String, Box<RawValue>)>);

impl Object {
    fn read<T: for<'a> Deserialize<'a>>(&self, name: &str) -> Option<T> {
        let (_, value) = self.0.iter().find(|(field, _)| field == name)?;
        serde_json::from_str(value.get()).ok()
    }

    fn set(&mut self, name: &str, value: Box<RawValue>) {
        match self.0.iter_mut().find(|(field, _)| field == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }

    fn append(&mut self, name: &str, text: &str) {
        if !text.is_empty() {
            let start: String = self.read(name).unwrap_or_default();
            self.set(name, raw(&(start + text)));
        }
    }
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Object;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Object(fields))
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

impl Serialize for Object {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}
