//! Talking to the model: the Messages API's every answer and fault, against the fake.

use std::{sync::Arc, time::Duration};

use insta::assert_snapshot;
use serde_json::{Value, json, value::to_raw_value};
use tolkien::model::{
    Attempt, Claude, Error, Message, Model, Reply, Request, ToolChoice, ToolResult,
    claude::{Options, Timeouts},
    retry::Policy,
    strip_thinking, strip_thinking_from,
};

use crate::fake::{Answer, Fake, Gate};

/// Waits are cut to nothing, or to the milliseconds that a server asks for.
const FAST: Policy = Policy {
    attempts: 4,
    first_delay: Duration::ZERO,
    longest_delay: Duration::ZERO,
    retry_after_cap: Duration::from_millis(3),
};

fn options(base_url: &str) -> Options {
    Options {
        base_url: base_url.to_owned(),
        api_key: Some("sk-fake-1".into()),
        name: "claude-opus-5-5".to_owned(),
        max_tokens: 1000,
        effort: None,
        thinking: None,
        retry: FAST,
        timeouts: Timeouts::default(),
    }
}

fn model(options: Options) -> Model {
    Model::Claude(Claude::new(options).unwrap())
}

fn request(messages: Vec<Arc<Message>>) -> Request {
    let tool = json!({"name": "echo", "description": "Says it again.", "input_schema": {"type": "object"}});
    Request {
        system: "Be brief.".into(),
        tools: Arc::from(to_raw_value(&json!([tool])).unwrap()),
        messages,
        tool_choice: ToolChoice::Auto,
    }
}

fn ask(question: &str) -> Request {
    request(vec![Arc::new(Message::user(question))])
}

async fn call(model: &Model, request: &Request) -> (Vec<Attempt>, Result<Reply, Error>) {
    let mut attempts = Vec::new();
    let reply = model
        .reply(request, &mut |attempt| attempts.push(attempt))
        .await;
    (attempts, reply)
}

/// The attempts that failed, and how it ended.
fn told(attempts: &[Attempt], outcome: &Result<Reply, Error>) -> String {
    let mut lines: Vec<String> = attempts
        .iter()
        .map(|it| {
            format!(
                "{} {} (wait {:?}): {}",
                it.number, it.error_code, it.wait, it.detail
            )
        })
        .collect();
    match outcome {
        Ok(reply) => {
            lines.push(format!("{:?} {}", reply.stop, reply.message_id));
            lines.extend(reply.content.iter().map(|block| block.get().to_owned()));
            lines.extend(
                reply
                    .truncated_tool
                    .iter()
                    .map(|name| format!("cut: {name}")),
            );
        }
        Err(error) => {
            lines.push(format!("{}: {error}", error.code()));
            lines.extend(error.help().map(|help| format!("help: {help}")));
        }
    }
    lines.join("\n")
}

/// Plays the answers, and after them a text, to one question.
async fn play(answers: impl IntoIterator<Item = Answer>) -> String {
    let fake = Fake::start().await;
    fake.respond_with(|_| Answer::text("at last"));
    answers.into_iter().for_each(|answer| fake.push(answer));
    let (attempts, outcome) = call(&model(options(&fake.base_url())), &ask("?")).await;
    assert_eq!(fake.refusals(), [""; 0]);
    assert_eq!(fake.requests().len(), attempts.len() + 1);
    told(&attempts, &outcome)
}

#[tokio::test]
async fn a_request_says_only_what_the_settings_name() {
    let fake = Fake::start().await;
    fake.push(Answer::text("hi"));
    let (_, reply) = call(&model(options(&fake.base_url())), &ask("hello")).await;
    assert_eq!(reply.unwrap().text(), "hi");
    let seen = &fake.requests()[0];
    assert_snapshot!(seen.raw, @r#"{"model":"claude-opus-5-5","max_tokens":1000,"stream":true,"cache_control":{"type":"ephemeral"},"tools":[{"name":"echo","description":"Says it again.","input_schema":{"type":"object"}}],"system":[{"type":"text","text":"Be brief.","cache_control":{"type":"ephemeral"}}],"messages":[{"role":"user","content":[{"type":"text","text":"hello"}]}]}"#);
    let headers: Vec<String> = [
        "x-api-key",
        "anthropic-version",
        "content-type",
        "user-agent",
        "authorization",
    ]
    .map(|name| format!("{name}: {}", seen.header(name)))
    .into();
    assert_snapshot!(headers.join("\n"), @"
    x-api-key: sk-fake-1
    anthropic-version: 2023-06-01
    content-type: application/json
    user-agent: tolkien/0.1.0
    authorization:
    ");
}

#[tokio::test]
async fn effort_thinking_and_tool_choice_are_sent_when_named() {
    let fake = Fake::start().await;
    fake.push(Answer::text("hi"));
    let thinking = Some(json!({"type": "adaptive"}));
    let options = Options {
        effort: Some("low".to_owned()),
        thinking,
        ..options(&fake.base_url())
    };
    let request = Request {
        tool_choice: ToolChoice::None,
        ..ask("hello")
    };
    call(&model(options), &request).await.1.unwrap();
    let body = &fake.requests()[0].body;
    let sent = json!([body["output_config"], body["thinking"], body["tool_choice"]]);
    assert_snapshot!(sent, @r#"[{"effort":"low"},{"type":"adaptive"},{"type":"none"}]"#);
}

#[tokio::test]
async fn what_is_empty_is_left_out() {
    let fake = Fake::start().await;
    fake.push(Answer::text("hi"));
    let request = Request {
        system: "".into(),
        tools: Arc::from(to_raw_value(&json!([])).unwrap()),
        tool_choice: ToolChoice::None,
        ..ask("hello")
    };
    let options = Options {
        api_key: None,
        ..options(&fake.base_url())
    };
    let (attempts, outcome) = call(&model(options), &request).await;
    assert_snapshot!(told(&attempts, &outcome), @"
    model_unauthorized: the model's API does not accept the key: 401 authentication_error: x-api-key header is required
    help: set `ANTHROPIC_API_KEY` to a key of your account
    ");
    assert_snapshot!(fake.requests()[0].raw, @r#"{"model":"claude-opus-5-5","max_tokens":1000,"stream":true,"cache_control":{"type":"ephemeral"},"messages":[{"role":"user","content":[{"type":"text","text":"hello"}]}]}"#);
}

#[tokio::test]
async fn a_base_url_may_end_in_a_slash_a_path_or_a_version() {
    for (suffix, path) in [
        ("", "/v1/messages"),
        ("/", "/v1/messages"),
        ("/v1", "/v1/messages"),
        ("/v1/messages", "/v1/messages"),
        ("/gateway", "/gateway/v1/messages"),
        ("/gateway/v1/", "/gateway/v1/messages"),
        ("/gateway?team=a", "/gateway/v1/messages?team=a"),
    ] {
        let fake = Fake::start().await;
        fake.push(Answer::text("hi"));
        let base_url = format!("{}{suffix}", fake.base_url());
        call(&model(options(&base_url)), &ask("hello"))
            .await
            .1
            .unwrap();
        assert_eq!(fake.requests()[0].path, path, "{suffix}");
    }
    for wrong in [
        "",
        "api.anthropic.com",
        "ftp://host/",
        "http://",
        "file:///etc/passwd",
    ] {
        let error = Claude::new(options(wrong)).unwrap_err().to_string();
        assert_eq!(error, format!("`{wrong}` is not an http or https address"));
    }
}

#[tokio::test]
async fn a_key_that_no_header_can_carry_is_refused_and_not_shown() {
    let error = Claude::new(Options {
        api_key: Some("a\nb".into()),
        ..options("http://x")
    });
    assert_snapshot!(error.unwrap_err(), @"the model's key holds characters that a header cannot carry");
    let claude = Claude::new(options("http://x")).unwrap();
    assert!(!format!("{claude:?}").contains("sk-fake-1"));
}

#[tokio::test]
async fn blocks_of_every_kind_arrive_to_the_byte() {
    let citation = json!({"type": "char_location", "cited_text": "é", "start_char_index": 0});
    let answer = Answer::tools([
        (
            "echo",
            json!({"text": "a \"quoted\" é\n\u{1f642}", "n": 1.50, "deep": {"list": [1, [], {}]}}),
        ),
        ("echo", json!({})),
    ])
    .saying("Let me look at that, at some length, so that it comes in several pieces.")
    .thinking("hm, what would they want to hear")
    .redacted_thinking()
    .block(json!({"type": "text", "text": "cited", "citations": [citation]}))
    .block(json!({"type": "brand_new", "payload": {"big": 123_456_789_012_345_678_u64}}));
    let told = play([answer.clone()]).await;
    assert_snapshot!(told, @r#"
    ToolUse msg_fake_0001
    {"type":"redacted_thinking","data":"934afba34c2c1b5803131b78d57e38ba19c0542d7a469eb0a7d94741411fca42"}
    {"type":"thinking","thinking":"hm, what would they want to hear","signature":"d75254a61df1e7ed0e85acbdfb5d41e99d7a061005ebb6f11cfcee1719fbd5bc"}
    {"type":"text","text":"Let me look at that, at some length, so that it comes in several pieces."}
    {"type":"tool_use","id":"toolu_fake_0001","name":"echo","input":{"text":"a \"quoted\" é\n🙂","n":1.5,"deep":{"list":[1,[],{}]}}}
    {"type":"tool_use","id":"toolu_fake_0002","name":"echo","input":{}}
    {"type":"text","text":"cited","citations":[{"type":"char_location","cited_text":"é","start_char_index":0}]}
    {"type":"brand_new","payload":{"big":123456789012345678}}
    "#);
    for answer in [
        answer.clone().in_pieces_of(1),
        answer.clone().in_pieces_of(7).line_end("\r\n"),
        answer.line_end("\r"),
    ] {
        assert_eq!(play([answer]).await, told);
    }
}

#[tokio::test]
async fn unknown_events_and_deltas_are_passed_over() {
    let answer = Answer::text("still here")
        .event("novelty", &json!({"type": "novelty", "index": "x", "delta": 7}))
        .event("content_block_delta", &json!({"type": "content_block_delta", "index": 0, "delta": {"type": "aura_delta", "text": 5}}));
    assert_snapshot!(play([answer]).await, @r#"
    EndTurn msg_fake_0001
    {"type":"text","text":"still here"}
    "#);
}

#[tokio::test]
async fn text_that_the_api_would_not_take_back_is_left_out() {
    let answer = Answer::tools([("echo", json!({"a": 1}))]).saying("\n\n");
    assert_snapshot!(play([answer]).await, @r#"
    ToolUse msg_fake_0001
    {"type":"tool_use","id":"toolu_fake_0001","name":"echo","input":{"a":1}}
    "#);
    assert_snapshot!(play([Answer::empty()]).await, @"EndTurn msg_fake_0001");
}

#[tokio::test]
async fn every_stop_has_its_name() {
    let mut stops = Vec::new();
    for stop in [
        "end_turn",
        "stop_sequence",
        "pause_turn",
        "compaction",
        "max_tokens",
        "model_context_window_exceeded",
        "brand_new",
    ] {
        stops.push(play([Answer::text("so far").stop(stop)]).await);
    }
    stops.push(play([Answer::text("so far").stop(None)]).await);
    stops.push(play([Answer::refusal(Some("cyber"), Some("no"))]).await);
    stops.push(play([Answer::refusal(None, None)]).await);
    assert_snapshot!(stops.join("\n"), @r#"
    EndTurn msg_fake_0001
    {"type":"text","text":"so far"}
    StopSequence msg_fake_0001
    {"type":"text","text":"so far"}
    PauseTurn msg_fake_0001
    {"type":"text","text":"so far"}
    Compaction msg_fake_0001
    {"type":"text","text":"so far"}
    MaxTokens msg_fake_0001
    {"type":"text","text":"so far"}
    ContextWindowExceeded msg_fake_0001
    {"type":"text","text":"so far"}
    Unknown("brand_new") msg_fake_0001
    {"type":"text","text":"so far"}
    Unstated msg_fake_0001
    {"type":"text","text":"so far"}
    Refusal { category: Some("cyber"), explanation: Some("no") } msg_fake_0001
    Refusal { category: None, explanation: None } msg_fake_0001
    "#);
}

#[tokio::test]
async fn a_reply_that_breaks_off_is_asked_for_again_from_the_start() {
    let half = || Answer::tools([("echo", json!({"text": "never"}))]).saying("half an answer");
    assert_snapshot!(play([half().cut_after(5), half().end_after(7)]).await, @r#"
    1 cut_stream (wait 0ns): the reply broke off: error decoding response body: error reading a body from connection: unexpected EOF during chunk size line
    2 cut_stream (wait 0ns): the reply broke off: the stream ended early
    EndTurn msg_fake_0003
    {"type":"text","text":"at last"}
    "#);
    assert_snapshot!(play([half().without_message_stop()]).await, @r#"
    1 cut_stream (wait 0ns): the reply broke off: the stream ended early
    EndTurn msg_fake_0002
    {"type":"text","text":"at last"}
    "#);
}

#[tokio::test]
async fn an_error_event_in_a_stream_counts_like_its_type() {
    let half = || Answer::text("half an answer");
    let overloaded = half().error_after(3, "overloaded_error", "Overloaded");
    assert_snapshot!(play([overloaded]).await, @r#"
    1 overloaded_error (wait 0ns): the model's API answered 529 overloaded_error: Overloaded
    EndTurn msg_fake_0002
    {"type":"text","text":"at last"}
    "#);
    let invalid = half().error_after(3, "invalid_request_error", "no");
    assert_snapshot!(play([invalid]).await, @"model_rejected: the model's API rejected the request: 400 invalid_request_error: no");
    let novel = half().error_after(0, "novel_error", "who knows");
    assert_snapshot!(play([novel]).await, @r#"
    1 novel_error (wait 0ns): the model's API answered 500 novel_error: who knows
    EndTurn msg_fake_0002
    {"type":"text","text":"at last"}
    "#);
}

#[tokio::test]
async fn overload_rate_limits_and_server_errors_are_repeated() {
    let conflict = Answer::error(409, "conflict_error", "busy");
    let internal = Answer::error(500, "api_error", "Internal server error");
    assert_snapshot!(play([Answer::overloaded(), conflict, internal]).await, @r#"
    1 overloaded_error (wait 0ns): the model's API answered 529 overloaded_error: Overloaded
    2 conflict_error (wait 0ns): the model's API answered 409 conflict_error: busy
    3 api_error (wait 0ns): the model's API answered 500 api_error: Internal server error
    EndTurn msg_fake_0004
    {"type":"text","text":"at last"}
    "#);
    assert_snapshot!(play([Answer::rate_limited(), Answer::html(502)]).await, @r#"
    1 rate_limit_error (wait 0ns): the model's API answered 429 rate_limit_error: This request would exceed your rate limit
    2 http_error (wait 0ns): the model's API answered 502 http_error: a body of `text/html` that is not the Messages API's
    EndTurn msg_fake_0003
    {"type":"text","text":"at last"}
    "#);
}

#[tokio::test]
async fn what_never_gets_better_ends_after_the_last_attempt() {
    let answers = std::array::from_fn::<_, 4, _>(|_| Answer::overloaded());
    assert_snapshot!(play(answers).await, @"
    1 overloaded_error (wait 0ns): the model's API answered 529 overloaded_error: Overloaded
    2 overloaded_error (wait 0ns): the model's API answered 529 overloaded_error: Overloaded
    3 overloaded_error (wait 0ns): the model's API answered 529 overloaded_error: Overloaded
    model_unavailable: the model's API answered 529 overloaded_error: Overloaded (4 attempts)
    ");
}

#[tokio::test]
async fn a_server_may_say_when_to_come_back_within_reason() {
    let soon = Answer::rate_limited().retry_after(Duration::from_millis(2));
    let precise = Answer::rate_limited().header("retry-after-ms", "1");
    let late = Answer::rate_limited().retry_after(Duration::from_hours(1));
    assert_snapshot!(play([soon, precise, late]).await, @r#"
    1 rate_limit_error (wait 2ms): the model's API answered 429 rate_limit_error: This request would exceed your rate limit
    2 rate_limit_error (wait 1ms): the model's API answered 429 rate_limit_error: This request would exceed your rate limit
    3 rate_limit_error (wait 3ms): the model's API answered 429 rate_limit_error: This request would exceed your rate limit
    EndTurn msg_fake_0004
    {"type":"text","text":"at last"}
    "#);
}

#[tokio::test]
async fn a_server_may_say_whether_to_come_back() {
    let never = Answer::overloaded().header("x-should-retry", "false");
    assert_snapshot!(play([never]).await, @"model_unavailable: the model's API answered 529 overloaded_error: Overloaded (1 attempt)");
    let again = Answer::error(400, "invalid_request_error", "odd").header("x-should-retry", "true");
    assert_snapshot!(play([again]).await, @r#"
    1 invalid_request_error (wait 0ns): the model's API answered 400 invalid_request_error: odd
    EndTurn msg_fake_0002
    {"type":"text","text":"at last"}
    "#);
}

#[tokio::test]
async fn a_spend_limit_is_final() {
    let mut told = Vec::new();
    for code in [
        "enforced_spend_limit_reached",
        "contract_spend_limit_reached",
        "ramp_limit_exceeded",
    ] {
        told.push(play([Answer::rate_limited().error_code(code)]).await);
    }
    told.push(
        play([Answer::error(
            402,
            "billing_error",
            "Your credit balance is too low",
        )])
        .await,
    );
    assert_snapshot!(told.join("\n"), @"
    model_spend_limit: the account's spend limit is reached: 429 enforced_spend_limit_reached: This request would exceed your rate limit
    help: raise the limit in the vendor's console
    model_spend_limit: the account's spend limit is reached: 429 contract_spend_limit_reached: This request would exceed your rate limit
    help: raise the limit in the vendor's console
    model_spend_limit: the account's spend limit is reached: 429 ramp_limit_exceeded: This request would exceed your rate limit
    help: raise the limit in the vendor's console
    model_spend_limit: the account's spend limit is reached: 402 billing_error: Your credit balance is too low
    help: raise the limit in the vendor's console
    ");
}

#[tokio::test]
async fn a_rejected_request_or_key_is_final() {
    let mut told = Vec::new();
    for (status, kind, message) in [
        (
            400,
            "invalid_request_error",
            "prompt is too long: 1000001 tokens > 1000000 maximum",
        ),
        (401, "authentication_error", "invalid x-api-key"),
        (403, "permission_error", "not for you"),
        (404, "not_found_error", "model: claude-none"),
        (413, "request_too_large", "Request exceeds the maximum size"),
    ] {
        told.push(play([Answer::error(status, kind, message)]).await);
    }
    assert_snapshot!(told.join("\n"), @"
    model_rejected: the model's API rejected the request: 400 invalid_request_error: prompt is too long: 1000001 tokens > 1000000 maximum
    model_unauthorized: the model's API does not accept the key: 401 authentication_error: invalid x-api-key
    help: set `ANTHROPIC_API_KEY` to a key of your account
    model_unauthorized: the model's API does not accept the key: 403 permission_error: not for you
    help: set `ANTHROPIC_API_KEY` to a key of your account
    model_rejected: the model's API rejected the request: 404 not_found_error: model: claude-none
    model_rejected: the model's API rejected the request: 413 request_too_large: Request exceeds the maximum size
    ");
}

#[tokio::test]
async fn a_page_that_is_not_the_apis_is_named_and_not_shown() {
    let mut told = Vec::new();
    for answer in [
        Answer::html(413),
        Answer::html(200),
        Answer::page(400, "application/json", r#"{"detail": "other"}"#),
        Answer::page(
            200,
            "text/event-stream",
            "data: {\"type\": \"message_stop\"}\n\n",
        ),
        Answer::page(200, "text/event-stream", "data: hello\n\n"),
        Answer::error(307, "redirect", "elsewhere").header("location", "http://127.0.0.1:1/"),
    ] {
        told.push(play([answer]).await);
    }
    assert_snapshot!(told.join("\n"), @"
    model_rejected: the model's API rejected the request: 413 http_error: a body of `text/html` that is not the Messages API's
    model_malformed_reply: the model's reply cannot be read: a body of `text/html` that is not the Messages API's
    model_rejected: the model's API rejected the request: 400 http_error: a body of `application/json` that is not the Messages API's
    model_malformed_reply: the model's reply cannot be read: it ends without having begun
    model_malformed_reply: the model's reply cannot be read: an event of the stream: expected value at line 1 column 1
    model_rejected: the model's API rejected the request: 307 redirect: elsewhere
    ");
}

#[tokio::test]
async fn an_endless_error_page_or_event_does_not_fill_the_memory() {
    let endless = "x".repeat(9 << 20);
    let told = play([Answer::page(400, "text/plain", &endless)]).await;
    assert_snapshot!(told, @"model_rejected: the model's API rejected the request: 400 http_error: a body of `text/plain` that is not the Messages API's");
    let line = format!("data: {endless}");
    let told = play([Answer::page(200, "text/event-stream", &line)]).await;
    assert_snapshot!(told, @"model_malformed_reply: the model's reply cannot be read: an event of the stream is longer than 8388608 bytes");
}

#[tokio::test]
async fn a_call_that_was_cut_never_counts_as_one() {
    let calls = || {
        Answer::tools([
            ("echo", json!({"text": "first"})),
            ("echo", json!({"text": "second"})),
        ])
    };
    assert_snapshot!(play([calls().truncated_call()]).await, @"model_malformed_reply: the model's reply cannot be read: the input of the call of `echo` cannot be read as JSON");
    assert_snapshot!(play([calls().truncated_call().stop("max_tokens")]).await, @r#"
    MaxTokens msg_fake_0001
    {"type":"tool_use","id":"toolu_fake_0001","name":"echo","input":{"text":"first"}}
    cut: echo
    "#);
    assert_snapshot!(play([Answer::text("none").stop("tool_use")]).await, @"model_malformed_reply: the model's reply cannot be read: it asks for tools but names none");
}

#[tokio::test]
async fn a_call_without_a_name_or_with_an_id_twice_is_no_call() {
    let block = |id: &str, name: &str, input: Value| json!({"type": "tool_use", "id": id, "name": name, "input": input});
    let mut told = Vec::new();
    for blocks in [
        vec![block("a", "", json!({}))],
        vec![block("a", "echo", json!([1]))],
        vec![block("a", "echo", json!({})), block("a", "echo", json!({}))],
    ] {
        let answer = blocks
            .into_iter()
            .fold(Answer::empty().stop("tool_use"), Answer::block);
        told.push(play([answer]).await);
    }
    assert_snapshot!(told.join("\n"), @"
    model_malformed_reply: the model's reply cannot be read: the input of the call of a tool without a name cannot be read as JSON
    model_malformed_reply: the model's reply cannot be read: the input of the call of `echo` cannot be read as JSON
    model_malformed_reply: the model's reply cannot be read: two calls have the id `a`
    ");
}

#[tokio::test]
async fn silence_and_stalled_streams_are_given_up() {
    let fake = Fake::start().await;
    fake.push(Answer::silence());
    fake.push(Answer::text("half an answer").stall_after(3));
    fake.push(Answer::text("half an answer").stall_after(0));
    fake.push(Answer::silence());
    let idle = Duration::from_millis(20);
    let timeouts = Timeouts {
        idle,
        ..Timeouts::default()
    };
    let options = Options {
        timeouts,
        ..options(&fake.base_url())
    };
    let (attempts, outcome) = call(&model(options), &ask("?")).await;
    assert_snapshot!(told(&attempts, &outcome), @"
    1 idle_timeout (wait 0ns): the model's API sent nothing for 0.02 s
    2 idle_timeout (wait 0ns): the model's API sent nothing for 0.02 s
    3 idle_timeout (wait 0ns): the model's API sent nothing for 0.02 s
    model_unavailable: the model's API sent nothing for 0.02 s (4 attempts)
    ");
}

#[tokio::test]
async fn an_unreachable_api_is_named_without_what_may_be_a_credential() {
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = free.local_addr().unwrap().to_string();
    let base_url = format!("http://user:password@{address}");
    drop(free);
    let retry = Policy {
        attempts: 2,
        ..FAST
    };
    let (attempts, outcome) = call(
        &model(Options {
            retry,
            ..options(&base_url)
        }),
        &ask("?"),
    )
    .await;
    let said = told(&attempts, &outcome).replace(&address, "HOST:PORT");
    assert_snapshot!(said, @"
    1 connection (wait 0ns): the model's API at `http://HOST:PORT` cannot be reached: nothing listens there (connection refused)
    model_unavailable: the model's API at `http://HOST:PORT` cannot be reached: nothing listens there (connection refused) (2 attempts)
    help: check `model.base_url` and the network
    ");
}

#[tokio::test]
async fn a_call_can_be_dropped_and_made_again() {
    let fake = Fake::start().await;
    let gate = Gate::new();
    fake.push(Answer::text("too late").behind(&gate));
    fake.push(Answer::text("again"));
    let model = model(options(&fake.base_url()));
    let request = ask("?");
    tokio::select! {
        _ = call(&model, &request) => panic!("the gate is closed"),
        () = fake.requested(1) => {}
    }
    let (attempts, outcome) = call(&model, &request).await;
    assert_snapshot!(told(&attempts, &outcome), @r#"
    EndTurn msg_fake_0002
    {"type":"text","text":"again"}
    "#);
}

/// Plays whole rounds: the fake checks every replay.
struct Conversation {
    fake: Fake,
    model: Model,
    request: Request,
}

impl Conversation {
    async fn new(question: &str) -> Self {
        let fake = Fake::start().await;
        let model = model(options(&fake.base_url()));
        let mut request = ask(question);
        request.system = "Be brief. ".repeat(300).into();
        Self {
            fake,
            model,
            request,
        }
    }

    async fn round(&mut self, answer: Answer) -> Result<Reply, Error> {
        self.fake.push(answer);
        let reply = call(&self.model, &self.request).await.1?;
        self.request.messages.push(Arc::new(reply.message()));
        if reply.stop.runs_tools() {
            let results: Vec<ToolResult> = reply
                .tool_uses()
                .into_iter()
                .map(|call| ToolResult {
                    tool_use_id: call.id,
                    content: call.input.to_string().repeat(40),
                    is_error: call.name != "echo",
                })
                .collect();
            self.request
                .messages
                .push(Arc::new(Message::tool_results(&results, None)));
        } else if !reply.stop.continues() {
            self.request
                .messages
                .push(Arc::new(Message::user("And then?")));
        }
        Ok(reply)
    }
}

#[tokio::test]
async fn a_long_conversation_is_replayed_to_the_byte_and_read_from_the_cache() {
    let mut talk = Conversation::new("What is wrong?").await;
    for round in 0..12 {
        let text = format!("round {round} é \u{1f642} \"quoted\"");
        let calls = ["echo", "echo", "other"].map(|tool| (tool, json!({"text": text, "n": 1.5})));
        let answer = match round % 4 {
            0 => Answer::tools(calls).saying(&text).thinking("first this"),
            1 => Answer::tools(calls).redacted_thinking().in_pieces_of(3),
            2 => Answer::text(&text).stop("pause_turn"),
            _ => Answer::text(&text).thinking("so that is it"),
        };
        talk.round(answer).await.unwrap();
    }
    assert_eq!(talk.fake.refusals(), [""; 0]);
    let requests = talk.fake.requests();
    for pair in requests.windows(2) {
        let shorter = pair[0].raw.strip_suffix("]}").unwrap();
        assert!(
            pair[1].raw.starts_with(shorter),
            "a longer history only adds bytes"
        );
    }
    assert!(talk.fake.cache_share() > 0.99, "{:?}", talk.fake.ledger());
}

#[tokio::test]
async fn usage_counts_the_prompt_in_three_parts() {
    let mut talk = Conversation::new("What is wrong?").await;
    let first = talk.round(Answer::text("nothing")).await.unwrap().usage;
    let second = talk
        .round(Answer::text("nothing at all"))
        .await
        .unwrap()
        .usage;
    assert_snapshot!(format!("{first:?}\n{second:?}\n{:?}", first + second), @"
    Usage { input_tokens: 0, output_tokens: 8, cache_read_input_tokens: 0, cache_creation_input_tokens: 787 }
    Usage { input_tokens: 0, output_tokens: 10, cache_read_input_tokens: 787, cache_creation_input_tokens: 17 }
    Usage { input_tokens: 0, output_tokens: 18, cache_read_input_tokens: 787, cache_creation_input_tokens: 804 }
    ");
}

#[tokio::test]
async fn a_refused_signature_names_its_block_and_stripping_from_there_heals() {
    let mut talk = Conversation::new("What is wrong?").await;
    talk.round(Answer::tools([("echo", json!({}))]).thinking("one"))
        .await
        .unwrap();
    talk.round(Answer::text("two").thinking("two").redacted_thinking())
        .await
        .unwrap();
    talk.round(Answer::text("three").thinking("three"))
        .await
        .unwrap();

    // The first reply's thinking still holds; everything after the edited result does not.
    let edited = ToolResult {
        tool_use_id: talk.request.messages[1].tool_uses()[0].id.clone(),
        content: "something else".to_owned(),
        is_error: false,
    };
    talk.request.messages[2] = Arc::new(Message::tool_results(&[edited], None));
    let error = call(&talk.model, &talk.request).await.1.unwrap_err();
    assert_snapshot!(error, @"the model's API rejected the request: 400 invalid_request_error: messages.3.content.0: Invalid `signature` in `redacted_thinking` block. The block is bound to a different conversation. Thinking blocks must be passed back exactly as they were received, with the same system prompt, tools and earlier messages.");
    let Error::Rejected {
        invalid_thinking: Some(place),
        ..
    } = error
    else {
        panic!("{error:?}")
    };
    assert_snapshot!(format!("{place:?}"), @"BlockPlace { message: 3, block: 0 }");

    assert_eq!(strip_thinking_from(&mut talk.request.messages, place), 3);
    talk.round(Answer::text("five").thinking("five"))
        .await
        .unwrap();

    // A new system prompt, announced by removing all thinking, is no breach either.
    talk.request.system = "Be verbose.".into();
    assert_eq!(strip_thinking(&mut talk.request.messages), 2);
    talk.round(Answer::text("six").thinking("six"))
        .await
        .unwrap();
    assert_eq!(talk.fake.refusals().len(), 1);
}
