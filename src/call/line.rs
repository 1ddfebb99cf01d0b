//! The canonical command line: what a person would type.

use serde_json::Value;

use super::{Call, Piece, Plan, Rendered};

impl Rendered {
    /// The text as rules see it: `$NAME` where the machine fills something in.
    pub fn visible(&self) -> String {
        self.pieces.iter().map(visible).collect()
    }

    fn written(&self) -> String {
        let bare = self.pieces.iter().all(|piece| match piece {
            Piece::Text(text) => is_bare(text),
            _ => true,
        });
        if bare && !self.pieces.is_empty() {
            return self.visible();
        }
        if self
            .pieces
            .iter()
            .all(|piece| matches!(piece, Piece::Text(_)))
        {
            return quote(&self.visible());
        }
        self.pieces
            .iter()
            .map(|piece| match piece {
                Piece::Text(text) => quote(text),
                other => visible(other),
            })
            .collect()
    }
}

fn visible(piece: &Piece) -> String {
    match piece {
        Piece::Text(text) => text.clone(),
        Piece::Env(name) => format!("${name}"),
        Piece::Workspace => "$WORKSPACE".to_owned(),
        Piece::Secret(name) => format!("$SECRET_{name}"),
        Piece::Step { id, .. } => format!("$STEP_{id}"),
    }
}

fn is_bare(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_@%+=:,./-".contains(&byte))
}

/// A word as a person would type it: bare when made only of `A-Za-z0-9_@%+=:,./-`, otherwise in
/// single quotes.
pub fn quote(word: &str) -> String {
    if is_bare(word) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// JSON without spaces and with its keys sorted, so that equal values have equal texts.
pub fn canonical_json(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort_unstable();
            let members: Vec<String> = keys
                .into_iter()
                .filter_map(|key| map.get(key).map(|value| (key, value)))
                .map(|(key, value)| {
                    format!("{}:{}", Value::from(key.as_str()), canonical_json(value))
                })
                .collect();
            format!("{{{}}}", members.join(","))
        }
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(canonical_json).collect();
            format!("[{}]", items.join(","))
        }
        scalar => scalar.to_string(),
    }
}

impl Call {
    /// The words of every line that the call would start, as policies match them.
    pub fn lines(&self) -> Vec<Vec<String>> {
        match &self.plan {
            Plan::Command(start) => vec![words(&start.words)],
            Plan::Steps { starts, .. } => starts.iter().map(|start| words(&start.words)).collect(),
            Plan::Http(request) => vec![vec![request.method.clone(), request.url.visible()]],
            Plan::Mcp {
                server,
                tool,
                arguments,
            } => vec![vec![
                "mcp".to_owned(),
                server.clone(),
                tool.clone(),
                canonical_json(arguments),
            ]],
        }
    }

    /// The canonical command lines as a person would type them, one a line.
    pub fn command_line(&self) -> String {
        match &self.plan {
            Plan::Command(start) => written(&start.words),
            Plan::Steps { starts, .. } => {
                let lines: Vec<String> = starts.iter().map(|start| written(&start.words)).collect();
                lines.join("\n")
            }
            Plan::Http(request) => format!("{} {}", request.method, request.url.visible()),
            Plan::Mcp {
                server,
                tool,
                arguments,
            } => format!("mcp {server} {tool} {}", canonical_json(arguments)),
        }
    }
}

/// The first word is the program's last path segment.
fn words(words: &[Rendered]) -> Vec<String> {
    let mut words: Vec<String> = words.iter().map(Rendered::visible).collect();
    if let Some(program) = words.first_mut() {
        *program = last_segment(program).to_owned();
    }
    words
}

fn written(words: &[Rendered]) -> String {
    let mut written: Vec<String> = words.iter().map(Rendered::written).collect();
    if let (Some(first), Some(program)) = (written.first_mut(), words.first()) {
        *first = quote(last_segment(&program.visible()));
    }
    written.join(" ")
}

fn last_segment(program: &str) -> &str {
    program.rsplit('/').next().unwrap_or(program)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_word_is_quoted_only_where_it_must_be() {
        assert_eq!(quote("a=b:c,d./-@%+_"), "a=b:c,d./-@%+_");
        assert_eq!(quote(""), "''");
        assert_eq!(quote("it's"), r"'it'\''s'");
        assert_eq!(quote("$HOME"), "'$HOME'");
    }

    #[test]
    fn canonical_json_sorts_keys_and_drops_spaces() {
        assert_eq!(
            canonical_json(&json!({"b": [1, {"d": null, "c": "x"}], "a": true})),
            r#"{"a":true,"b":[1,{"c":"x","d":null}]}"#
        );
    }
}
