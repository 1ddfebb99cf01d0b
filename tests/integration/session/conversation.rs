//! What the model is told, and what comes of its calls.

use super::*;

#[tokio::test]
async fn three_rounds_of_four_calls_all_run_and_go_back_in_the_order_asked() {
    let world = World::new().await;
    world.fake.respond_with(|seen| match seen.rounds() {
        round @ 0..=2 => Answer::tools((0..4).map(|call| {
            (
                "echo",
                json!({"words": [format!("round{round}"), format!("call{call}")]}),
            )
        }))
        .thinking("which?"),
        _ => Answer::text("All twelve ran."),
    });
    let session = world.session().await;
    let view = world.ask(&session, "run them").await;
    assert_eq!(view.response.as_deref(), Some("All twelve ran."));
    assert_eq!(outcomes(&view), ["exited"; 12]);
    assert_eq!(
        view.tool_calls[5].command_line.as_deref(),
        Some("echo round1 call1")
    );
    let results = world.results();
    let said: Vec<&str> = results
        .iter()
        .map(|(_, text, _)| text.lines().nth(1).unwrap())
        .collect();
    let expected: Vec<String> = (0..12)
        .map(|at| format!("round{} call{}", at / 4, at % 4))
        .collect();
    assert_eq!(said, expected);
    assert!(
        results[0].1.starts_with("[output of echo, call c_"),
        "{}",
        results[0].1
    );
    assert!(results[0].1.contains("untrusted"), "{}", results[0].1);
    let last = world.fake.requests().pop().unwrap();
    assert_eq!(
        last.messages().len(),
        7,
        "four calls and their results are two messages"
    );
}

#[tokio::test]
async fn a_call_that_may_not_run_leaves_no_mark_and_the_model_learns_why() {
    let world = World::new().await;
    world.fake.push(Answer::tools([
        ("mark", json!({"name": "allowed"})),
        ("mark", json!({"name": "forbidden"})),
        ("mark", json!({"nome": "misspelt"})),
        ("kubectl", json!({})),
    ]));
    world.fake.push(Answer::text("Done."));
    let session = world.session().await;
    let view = world.ask(&session, "leave marks").await;
    assert_eq!(outcomes(&view), ["exited", "denied", "denied", "denied"]);
    let marks: Vec<bool> = ["allowed", "forbidden"]
        .map(|name| world.path(name).exists())
        .into();
    assert_eq!(marks, [true, false]);
    let told: Vec<String> = world
        .results()
        .into_iter()
        .skip(1)
        .map(|(_, text, error)| {
            assert!(error);
            text
        })
        .collect();
    insta::assert_snapshot!(told.join("\n---\n"), @"
    Denied by mark.name.deny[0]: nobody leaves that. It did not run. What is allowed:
      name: [a-z]+
    ---
    Denied by mark.input: the input does not fit the schema: Additional properties are not allowed ('nome' was unexpected); \"name\" is a required property. It did not run. What is allowed:
      name: [a-z]+
    ---
    Denied by tools: there is no tool `kubectl`; the tools are `count`, `echo`, `mark`, `wait` and `write`. It did not run.
    ");
    let verdicts = view
        .tool_calls
        .iter()
        .map(|call| json!([call.verdict, call.rule]));
    insta::assert_snapshot!(verdicts.collect::<Value>(), @r#"[["allow","mark.effect"],["deny","mark.name.deny[0]"],["deny","mark.input"],["deny","tools"]]"#);
}

#[tokio::test]
async fn a_cut_output_can_be_paged_by_the_call_that_the_cut_names() {
    let world = World::new().await;
    world.fake.respond_with(|seen| match seen.rounds() {
        0 => Answer::tools([("count", json!({"to": 5000}))]),
        1 => {
            let (_, cut, _) = seen.results().pop().unwrap();
            let call = cut.split("c_").nth(1).unwrap().get(..32).unwrap();
            let call = format!("c_{call}");
            Answer::tools([
                ("read_output", json!({"call_id": call, "grep": "^4711$"})),
                ("read_output", json!({"call_id": "c_of_another_session"})),
                ("read_output", json!({"call": call})),
            ])
        }
        _ => Answer::text("4711 is there."),
    });
    let session = world.session().await;
    let view = world.ask(&session, "count").await;
    assert!(view.tool_calls[0].truncated);
    assert_eq!(outcomes(&view), ["exited", "exited", "exited", "denied"]);
    let results = world.results();
    let pages: Vec<(Option<&str>, bool)> = results[1..]
        .iter()
        .map(|(_, text, error)| (text.lines().nth(2), *error))
        .collect();
    assert_eq!(pages[0], (Some("4711:4711"), false), "{results:?}");
    assert!(
        results[2].2 && results[2].1.contains("no stored output"),
        "{results:?}"
    );
    assert!(
        results[3].2 && results[3].1.contains("unknown field `call`"),
        "{results:?}"
    );
    let tools = world.fake.requests()[0].body["tools"].clone();
    let names: Vec<&str> = tools
        .as_array()
        .unwrap()
        .iter()
        .map(|tool| tool["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        ["count", "echo", "mark", "wait", "write", "read_output"]
    );
}

#[tokio::test]
async fn forty_turns_stay_valid_and_what_is_repeated_comes_from_the_cache() {
    let settings = "limits: {history_turns: 20}\n";
    let world = World::with(settings, Clock::system()).await;
    let filler = "The quick brown fox jumps over the lazy dog. ".repeat(8);
    world.fake.respond_with(move |seen| match seen.rounds() {
        0 => Answer::tools([echo("one"), echo("secret")]).thinking("which?"),
        _ => Answer::text(&filler).thinking("so"),
    });
    let session = world.session().await;
    for number in 1..=40 {
        let view = world.ask(&session, &format!("question {number}")).await;
        assert_eq!(stop(&view), "end_turn", "{view:?}");
    }
    assert_eq!(world.fake.refusals(), [""; 0]);
    let share = world.fake.cache_share();
    assert!(share >= 0.95, "{share}");
    let last = world.fake.requests().pop().unwrap();
    let text = last.raw;
    // 32 turns were cut back to the first and the last 20 before the 33rd.
    for (question, kept) in [(1, true), (2, false), (12, false), (13, true), (39, true)] {
        assert_eq!(
            text.contains(&format!("\"question {question}\"")),
            kept,
            "{question}"
        );
    }
}

#[tokio::test]
async fn a_new_revision_reaches_the_model_at_the_next_turn_without_old_thinking() {
    let world = World::new().await;
    let in_force = Arc::clone(&world.in_force);
    let next = super::config(world.folder.path(), "facts: {cluster: valinor}\n");
    let revision = next.revision().clone();
    let next = super::in_force(&world.fake.base_url(), next).load_full();
    world.fake.respond_with(
        move |seen| match (seen.question().as_str(), seen.rounds()) {
            ("first", 0) => {
                in_force.store(Arc::clone(&next));
                Answer::tools([echo("one")]).thinking("which?")
            }
            _ => Answer::text("Done.").thinking("so"),
        },
    );
    let session = world.session().await;
    let first = world.ask(&session, "first").await;
    let second = world.ask(&session, "second").await;
    let third = world.ask(&session, "third").await;
    assert_eq!(world.fake.refusals(), [""; 0]);
    assert_ne!(first.revision, revision);
    assert_eq!([&second.revision, &third.revision], [&revision, &revision]);
    let seen: Vec<(String, usize)> = world
        .fake
        .requests()
        .iter()
        .map(|seen| {
            let system = seen.body["system"][0]["text"]
                .as_str()
                .unwrap()
                .trim()
                .to_owned();
            (system, seen.raw.matches("\"thinking\":").count())
        })
        .collect();
    assert_eq!(
        seen,
        [
            ("You are joao's agent. 0".to_owned(), 0),
            ("You are joao's agent. 0".to_owned(), 1),
            ("You are joao's agent. 1".to_owned(), 0),
            ("You are joao's agent. 1".to_owned(), 1),
        ]
    );
}

#[tokio::test]
async fn a_refused_signature_is_stripped_remembered_and_asked_again_once() {
    let world = World::new().await;
    let session = world.session().await;
    world.fake.push(Answer::text("One.").thinking("so"));
    world.ask(&session, "first").await;
    world.fake.push(Answer::text("Two.").thinking("so"));
    world.ask(&session, "second").await;
    let complaint = "messages.3.content.0: Invalid `signature` in `thinking` block. The block is \
                     bound to a different conversation";
    world
        .fake
        .push(Answer::error(400, "invalid_request_error", complaint));
    world.fake.push(Answer::text("Three."));
    let third = world.ask(&session, "third").await;
    assert_eq!(third.response.as_deref(), Some("Three."));
    world.fake.push(Answer::text("Four."));
    world.ask(&session, "fourth").await;
    let thoughts: Vec<usize> = world
        .fake
        .requests()
        .iter()
        .map(|seen| seen.raw.matches("\"thinking\":").count())
        .collect();
    assert_eq!(thoughts, [0, 1, 2, 1, 1]);
    for _ in 0..2 {
        world.fake.push(Answer::error(
            400,
            "invalid_request_error",
            &complaint.replace('3', "1"),
        ));
    }
    let fifth = world.ask(&session, "fifth").await;
    assert_eq!(stop(&fifth), "model_rejected");
    world.fake.push(Answer::text("Six."));
    let sixth = world.ask(&session, "sixth").await;
    assert_eq!(sixth.response.as_deref(), Some("Six."));
}

#[tokio::test]
async fn a_turn_that_uses_up_its_rounds_is_summed_up_without_tools() {
    let world = World::with("limits: {rounds: 2}\n", Clock::system()).await;
    world.fake.respond_with(|seen| {
        if seen.body["tool_choice"] == json!({"type": "none"}) {
            assert!(seen.raw.contains("used up its rounds"));
            Answer::text("As far as I came.")
        } else {
            Answer::tools([echo("again")])
        }
    });
    let session = world.session().await;
    for _ in 0..2 {
        let view = world.ask(&session, "for ever").await;
        assert_eq!(
            (stop(&view), view.response.as_deref()),
            ("rounds_exhausted", Some("As far as I came."))
        );
        assert_eq!(view.tool_calls.len(), 2);
    }
    assert_eq!(world.fake.refusals(), [""; 0]);
    assert_eq!(world.fake.requests().len(), 6);
}

#[tokio::test]
async fn whatever_ends_a_turn_the_next_one_is_valid() {
    let world = World::new().await;
    let session = world.session().await;
    for (answer, expected) in [
        (Answer::tools([echo("no")]).stop("max_tokens"), "max_tokens"),
        (Answer::text("part").stop("max_tokens"), "max_tokens"),
        (Answer::refusal(Some("cyber"), None), "refusal"),
        (Answer::empty(), "end_turn"),
        (
            Answer::tools([echo("no")]).stop("model_context_window_exceeded"),
            "model_context_window_exceeded",
        ),
        (Answer::tools([echo("no")]).stop("tired"), "unknown_stop"),
        (Answer::text("null").stop(None), "unknown_stop"),
        (
            Answer::error(400, "invalid_request_error", "no"),
            "model_rejected",
        ),
        (
            Answer::error(401, "authentication_error", "no"),
            "model_unauthorized",
        ),
    ] {
        world.fake.push(answer);
        let view = world.ask(&session, "again").await;
        assert_eq!(stop(&view), expected);
        assert_eq!(outcomes(&view), [""; 0]);
        world.fake.push(Answer::tools([echo("yes")]).thinking("so"));
        world.fake.push(Answer::text("Fine."));
        let view = world.ask(&session, "and now?").await;
        assert_eq!(
            view.response.as_deref(),
            Some("Fine."),
            "after {expected}: {view:?}"
        );
    }
    // What a server remembers of all this is what one that starts now reads back.
    let remembered = world.fake.requests().pop().unwrap();
    let world = world.again().await;
    world.fake.push(Answer::text("Still here."));
    world.ask(&session, "still there?").await;
    let read = world.fake.requests().pop().unwrap();
    let (remembered, read) = (remembered.messages(), read.messages());
    assert_eq!(read[..remembered.len()], remembered[..]);
    assert_eq!(read.len(), remembered.len() + 2);
    assert_eq!(world.fake.refusals(), [""; 0]);
}

#[tokio::test]
async fn failed_attempts_are_events_and_the_answer_comes_all_the_same() {
    let world = World::new().await;
    let session = world.session().await;
    world.fake.push(Answer::overloaded());
    world.fake.push(Answer::text("Here."));
    let turn = world.send(&session, "hello").await;
    let events: Vec<Event> = world
        .sessions
        .events(&joao(), &session, &turn, 0)
        .map(|event| event.unwrap().item)
        .collect()
        .await;
    let names: Vec<&str> = events.iter().map(Event::name).collect();
    assert_eq!(
        names,
        [
            "turn_started",
            "model_retried",
            "model_replied",
            "turn_ended"
        ]
    );
    let Event::ModelRetried {
        attempt,
        error_code,
        ..
    } = &events[1]
    else {
        panic!("{events:?}");
    };
    assert_eq!((*attempt, error_code.as_str()), (1, "overloaded_error"));
}

#[tokio::test]
async fn calls_of_a_reply_run_at_the_same_time_and_no_more_than_the_limit() {
    let world = World::with("limits: {parallel_calls: 2}\n", Clock::system()).await;
    let session = world.session().await;
    world.fake.push(Answer::tools([
        ("wait", json!({})),
        echo("one"),
        echo("two"),
    ]));
    let turn = world.send(&session, "wait").await;
    world.process().await;
    // `wait` holds one place for ever; the two others take turns in the second.
    let seen: Vec<String> = pin!(world.sessions.events(&joao(), &session, &turn, 0))
        .map(|event| event.unwrap().item)
        .filter_map(|event| async move {
            match event {
                Event::CallStarted { .. } => Some("start".to_owned()),
                Event::CallEnded(_) => Some("end".to_owned()),
                _ => None,
            }
        })
        .take(5)
        .collect()
        .await;
    assert_eq!(seen, ["start", "start", "end", "start", "end"]);
    world
        .sessions
        .cancel(&joao(), &session, &turn)
        .await
        .unwrap();
    assert_eq!(
        outcomes(&world.over(&session, &turn).await),
        ["cancelled", "exited", "exited"]
    );
}
