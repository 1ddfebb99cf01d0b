//! The end of the server.

use super::world::{World, callers, code, json_of};
use crate::fake::{Answer, Gate};

#[tokio::test]
async fn a_turn_that_runs_is_answered_while_new_requests_are_turned_away() {
    let world = World::start().await;
    let gate = Gate::new();
    world.fake.push(Answer::text("In the Shire.").behind(&gate));
    let (_, turn) = world.running_turn().await;
    // Read to its first event, so that it surely hangs on before the end begins.
    let request = world.by("frodo", "GET", &format!("{turn}/events"));
    let mut events = request.send().await.unwrap();
    assert!(events.chunk().await.unwrap().is_some());

    world.shut_down();
    let mut answer = world.ask("GET", "/readyz").send().await.unwrap();
    while answer.status() == 200 {
        tokio::task::yield_now().await;
        answer = world.ask("GET", "/readyz").send().await.unwrap();
    }
    assert_eq!(json_of(answer).await["status"], "shutting_down");
    let refused = world.get("/sessions").await;
    assert_eq!(refused.headers()["retry-after"], "1");
    assert_eq!(code(refused).await, "503 shutting_down");
    let alive = world.ask("GET", "/healthz").send().await.unwrap();
    assert_eq!(alive.status(), 200);

    gate.open();
    let rest = events.text().await.unwrap();
    assert!(rest.contains("\"status\":\"completed\""), "{rest}");
    world.ended().await;
}

#[tokio::test]
async fn a_turn_that_outlasts_the_grace_is_left_and_its_client_hears_to_ask_again() {
    let settings = format!("{}server: {{shutdown_grace: 1ms}}\n", callers());
    let world = World::with(&settings, None).await;
    world.fake.push(Answer::silence());
    let (_, turn) = world.running_turn().await;
    let request = world.by("frodo", "GET", &format!("{turn}/events"));
    let mut events = request.send().await.unwrap();
    assert!(events.chunk().await.unwrap().is_some());
    world.shut_down();
    let rest = events.text().await.unwrap();
    assert!(rest.contains("\"code\":\"shutting_down\""), "{rest}");
    world.ended().await;
}

#[tokio::test]
async fn an_idle_server_ends_at_once() {
    let world = World::start().await;
    assert_eq!(world.get("/sessions").await.status(), 200);
    world.shut_down();
    world.ended().await;
}
