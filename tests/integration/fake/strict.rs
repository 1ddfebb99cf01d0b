//! The fake keeps the rules: each breach gets its documented 400.

use insta::assert_snapshot;
use serde_json::{Value, json};

use super::{Answer, Fake};

/// A request that breaks no rule, with some fields changed.
fn body(changes: Value) -> Value {
    let mut body = json!({
        "model": "claude-opus-5-5",
        "max_tokens": 10,
        "tools": [{"name": "echo", "input_schema": {"type": "object"}}],
        "messages": [user("hello")],
    });
    let Value::Object(changes) = changes else {
        panic!("changes are an object")
    };
    for (name, value) in changes {
        body[name] = value;
    }
    body
}

fn user(text: &str) -> Value {
    json!({"role": "user", "content": text})
}

fn result(id: &str) -> Value {
    json!({"type": "tool_result", "tool_use_id": id, "content": "done"})
}

async fn post(fake: &Fake, body: &Value) -> Value {
    let client = reqwest::Client::builder()
        .tls_certs_only([])
        .build()
        .unwrap();
    let request = client.post(format!("{}/v1/messages", fake.base_url()));
    let request = request
        .header("x-api-key", "key")
        .header("anthropic-version", "2026-10-21");
    let request = request
        .header("content-type", "application/json")
        .body(body.to_string());
    serde_json::from_str(&request.send().await.unwrap().text().await.unwrap()).unwrap()
}

/// The messages of the errors that the bodies get.
async fn refusals(fake: &Fake, bodies: impl IntoIterator<Item = Value>) -> String {
    let mut told = Vec::new();
    for body in bodies {
        let answer = post(fake, &body).await;
        told.push(
            answer["error"]["message"]
                .as_str()
                .unwrap_or("taken")
                .to_owned(),
        );
    }
    told.join("\n")
}

#[tokio::test]
async fn a_request_that_breaks_no_rule_is_taken() {
    let fake = Fake::start().await;
    fake.respond_with(|_| Answer::text("hi"));
    let told = refusals(
        &fake,
        [
            body(json!({})),
            body(json!({"tool_choice": {"type": "none"}})),
        ],
    );
    assert_snapshot!(told.await, @"
    taken
    taken
    ");
}

#[tokio::test]
async fn unknown_missing_and_unsupported_fields_are_refused() {
    let fake = Fake::start().await;
    let breakpoint = json!({"type": "ephemeral"});
    let text = json!({"type": "text", "text": "x", "cache_control": breakpoint});
    let tool = json!({"name": "echo", "input_schema": {"type": "object"}});
    let told = refusals(
        &fake,
        [
            json!([]),
            body(json!({"model": ""})),
            body(json!({"max_tokens": 0})),
            body(json!({"messages": []})),
            body(json!({"temperature": 1})),
            body(json!({"sistem": "x"})),
            body(json!({"system": ""})),
            body(json!({"tools": [tool, tool]})),
            body(json!({"tools": [{"name": "a b", "input_schema": {"type": "object"}}]})),
            body(json!({"tools": [{"name": "a", "input_schema": {}}]})),
            body(json!({"tools": [{"name": "a", "input_schema": {"type": "object"}, "run": "x"}]})),
            body(json!({"tools": [], "tool_choice": {"type": "none"}})),
            body(json!({"tool_choice": {"type": "any"}})),
            body(json!({"thinking": {"type": "disabled"}})),
            body(json!({"output_config": {"effort": "extreme"}})),
            body(json!({"system": [text, text, text, text], "cache_control": breakpoint})),
        ],
    );
    assert_snapshot!(told.await, @r#"
    The request body is not valid JSON
    model: Field required
    max_tokens: Input should be greater than or equal to 1
    messages: at least one message is required
    temperature: Extra inputs are not permitted
    sistem: Extra inputs are not permitted
    system: text content blocks must be non-empty
    tools: Tool names must be unique.
    tools.0.custom.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'
    tools.0.custom.input_schema.type: Input should be 'object'
    tools.0.custom.run: Extra inputs are not permitted
    tool_choice may only be specified while providing tools.
    tool_choice: forced tool use is not supported by this model
    thinking.type: "disabled" is not supported by this model
    output_config.effort: "extreme" is not a valid effort
    A maximum of 4 blocks with cache_control may be provided. Found 5.
    "#);
}

#[tokio::test]
async fn roles_and_empty_content_are_refused() {
    let fake = Fake::start().await;
    fake.respond_with(|_| Answer::text("hi"));
    post(&fake, &body(json!({}))).await;
    let said =
        |text: &str| json!({"role": "assistant", "content": [{"type": "text", "text": text}]});
    let told = refusals(
        &fake,
        [
            vec![said("hi")],
            vec![user("a"), user("b")],
            vec![user("a"), said("hi"), said("hi"), user("b")],
            vec![user("a"), said("hi")],
            vec![user("a"), said("hi!"), user("b")],
            vec![user("")],
            vec![json!({"role": "user", "content": []})],
            vec![json!({"role": "user", "content": [{"type": "text", "text": " \n"}]})],
            vec![json!({"role": "system", "content": "x"})],
            vec![json!({"role": "user", "content": [{"type": "tool_use", "id": "a"}]})],
            vec![user("a"), said("hi"), user("b")],
        ]
        .map(|messages| body(json!({"messages": messages}))),
    );
    assert_snapshot!(told.await, @r#"
    messages: first message must use the "user" role
    messages: roles must alternate between "user" and "assistant", but found multiple "user" roles in a row at messages.1
    messages: roles must alternate between "user" and "assistant", but found multiple "assistant" roles in a row at messages.2
    This model does not support assistant message prefill. The conversation must end with a user message.
    messages.1: the assistant's content is not what was sent
    messages: text content blocks must contain non-whitespace text
    messages.0: all messages must have non-empty content
    messages: text content blocks must contain non-whitespace text
    messages.0.role: Input should be 'user' or 'assistant'
    messages.0.content.0: "tool_use" blocks are not allowed in "user" messages
    taken
    "#);
}

#[tokio::test]
async fn calls_need_all_their_results_at_once_and_first() {
    let fake = Fake::start().await;
    fake.push(Answer::tools([("echo", json!({})), ("echo", json!({}))]));
    let asked = post(&fake, &body(json!({}))).await;
    let asked = json!({"role": "assistant", "content": asked["content"]});
    let (one, two) = (result("toolu_fake_0001"), result("toolu_fake_0002"));
    fake.respond_with(|_| Answer::text("hi"));
    let note = json!({"type": "text", "text": "note"});
    let told = refusals(
        &fake,
        [
            json!([note]),
            json!([one]),
            json!([one, two, result("toolu_fake_0003")]),
            json!([one, one, two]),
            json!([one, note, two]),
            json!([two, one, note]),
        ]
        .map(|content| {
            let results = json!({"role": "user", "content": content});
            body(json!({"messages": [user("hello"), asked, results]}))
        }),
    );
    assert_snapshot!(told.await, @"
    messages.2: `tool_use` ids were found without `tool_result` blocks immediately after: toolu_fake_0001, toolu_fake_0002. Each `tool_use` block must have a corresponding `tool_result` block in the next message.
    messages.2: `tool_use` ids were found without `tool_result` blocks immediately after: toolu_fake_0002. Each `tool_use` block must have a corresponding `tool_result` block in the next message.
    messages.2.content.2: unexpected `tool_use_id` found in `tool_result` blocks: toolu_fake_0003. Each `tool_result` block must have a corresponding `tool_use` block in the previous message.
    messages.2.content.1: each tool_use must have a single result. Found multiple `tool_result` blocks with id: toolu_fake_0001
    messages.2.content.2: `tool_result` blocks must come before other content
    taken
    ");
}

#[tokio::test]
async fn thinking_is_bound_and_removed_only_from_the_ends() {
    let fake = Fake::start().await;
    let mut messages = vec![user("hello")];
    for text in ["one", "two", "three"] {
        fake.push(Answer::text(text).thinking(text));
        let reply = post(&fake, &body(json!({"messages": messages}))).await;
        messages.push(json!({"role": "assistant", "content": reply["content"]}));
        messages.push(user("and?"));
    }
    fake.respond_with(|_| Answer::text("hi"));
    let without = |places: &[usize]| {
        let mut messages = messages.clone();
        for place in places {
            messages[*place]["content"]
                .as_array_mut()
                .unwrap()
                .remove(0);
        }
        body(json!({"messages": messages}))
    };
    let tool = |name: &str| json!({"name": name, "input_schema": {"type": "object"}});
    let with = |changes: Value| {
        let mut body = without(&[]);
        let Value::Object(changes) = changes else {
            panic!("changes are an object")
        };
        for (name, value) in changes {
            body[name] = value;
        }
        body
    };
    let mut edited = without(&[]);
    edited["messages"][2]["content"] = json!("but?");
    let told = refusals(
        &fake,
        [
            without(&[]),
            without(&[1]),
            without(&[1, 3]),
            without(&[5]),
            without(&[3, 5]),
            without(&[1, 3, 5]),
            without(&[3]),
            edited,
            with(json!({"system": "new"})),
            with(json!({"tools": [tool("echo"), tool("more")]})),
            with(
                json!({"model": "claude-haiku-5-5", "max_tokens": 99, "tool_choice": {"type": "none"}}),
            ),
        ],
    );
    assert_snapshot!(told.await, @"
    taken
    taken
    taken
    taken
    taken
    taken
    messages.5.content.0: Invalid `signature` in `thinking` block. The block is bound to a different conversation. Thinking blocks must be passed back exactly as they were received, with the same system prompt, tools and earlier messages.
    messages.3.content.0: Invalid `signature` in `thinking` block. The block is bound to a different conversation. Thinking blocks must be passed back exactly as they were received, with the same system prompt, tools and earlier messages.
    messages.1.content.0: Invalid `signature` in `thinking` block. The block is bound to a different conversation. Thinking blocks must be passed back exactly as they were received, with the same system prompt, tools and earlier messages.
    messages.1.content.0: Invalid `signature` in `thinking` block. The block is bound to a different conversation. Thinking blocks must be passed back exactly as they were received, with the same system prompt, tools and earlier messages.
    taken
    ");
}
