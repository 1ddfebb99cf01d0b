//! Prompts: MiniJinja templates, strict about undefined names.

use serde_json::Value;

/// The templates of `prompts/`.
#[derive(Debug)]
pub struct Prompts {
    environment: minijinja::Environment<'static>,
}

impl Prompts {
    /// The names of the templates, in order.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.environment.templates().map(|(name, _)| name).collect();
        names.sort_unstable();
        names
    }

    /// Renders one; the same context gives the same bytes.
    pub fn render(&self, name: &str, context: &Value) -> Result<String, minijinja::Error> {
        self.environment
            .get_template(name)?
            .render(minijinja::value::Serde(context))
    }
}
