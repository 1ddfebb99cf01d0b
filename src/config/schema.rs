//! The JSON Schema of a tool's input.

use serde_json::Value;

/// A checked JSON Schema (2020-12) of an object.
#[derive(Debug)]
pub struct InputSchema {
    /// As sent to Claude, `additionalProperties: false` included.
    pub json: Value,
    validator: jsonschema::Validator,
}

impl InputSchema {
    pub(crate) fn new(json: Value, validator: jsonschema::Validator) -> Self {
        Self { json, validator }
    }

    /// The compiled schema.
    pub fn validator(&self) -> &jsonschema::Validator {
        &self.validator
    }
}
