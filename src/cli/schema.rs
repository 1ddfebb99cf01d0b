//! `tolkien schema`: the JSON Schema of a file format, for editors.

use clap::{Args, ValueEnum};

use super::Exit;
use super::failure::Result;
use super::render::Screen;

/// Print the JSON Schema of a file format, for editors
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  tolkien schema tool > tool.schema.json\n\nA file names its schema in its first line:\n  \
                  # yaml-language-server: $schema=../tool.schema.json"
)]
pub(crate) struct Schema {
    /// The file format
    #[arg(value_enum)]
    format: FileFormat,
}

/// The file formats of a configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum FileFormat {
    /// A file of tools.d/
    Tool,
    /// A file of policies/
    Policy,
    /// tolkien.yaml
    Settings,
}

impl FileFormat {
    /// Its JSON Schema (2020-12).
    pub(super) fn schema(self) -> &'static str {
        match self {
            Self::Tool => include_str!("../config/schema/tool.json"),
            Self::Policy => include_str!("../config/schema/policy.json"),
            Self::Settings => include_str!("../config/schema/settings.json"),
        }
    }
}

impl Schema {
    /// Prints.
    pub(crate) fn run(&self, screen: &Screen) -> Result {
        screen.data(self.format.schema())?;
        Ok(Exit::Done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn every_schema_is_one_and_every_key_is_described() {
        for format in FileFormat::value_variants() {
            let schema: Value = serde_json::from_str(format.schema()).unwrap();
            assert!(jsonschema::meta::is_valid(&schema), "{format:?}");
            jsonschema::validator_for(&schema).unwrap();
            for (key, property) in schema["properties"].as_object().unwrap() {
                let described =
                    property.get("description").is_some() || property.get("$ref").is_some();
                assert!(described, "{format:?} {key}");
            }
        }
    }
}
