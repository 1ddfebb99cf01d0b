//! What every request passes, held against handlers that misbehave.

use axum::http::StatusCode;
use axum::routing::{get, post};
use tower::ServiceExt;

use super::*;

/// Routes that do what ours never should.
fn misbehaving(places: usize) -> Router {
    let routes = Router::new()
        .route("/panic", get(panicking))
        .route("/stuck", get(std::future::pending::<()>))
        .route("/fine", get(|| async { "fine" }))
        .route(
            "/body",
            post(|body: String| async move { body.len().to_string() }),
        );
    let load = Arc::new(Semaphore::new(places));
    wrap(routes.layer(middleware::from_fn_with_state(load, limit_load)))
}

async fn panicking() {
    panic!("the secret of the ring")
}

async fn ask(routes: Router, request: Request) -> String {
    let response = routes.oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let headers = response.headers();
    let header = |name: &str| headers.get(name).map_or("", |it| it.to_str().unwrap());
    let told = format!(
        "{status} id={} cache={} type={}",
        header("x-request-id"),
        header("cache-control"),
        header("content-type"),
    );
    let body = axum::body::to_bytes(response.into_body(), 4096).await;
    format!(
        "{told}\n{}",
        String::from_utf8(body.unwrap().into()).unwrap()
    )
}

fn request(method: &str, path: &str, body: impl Into<Body>) -> Request {
    Request::builder()
        .method(method)
        .uri(path)
        .header(REQUEST_ID, "r-1")
        .body(body.into())
        .unwrap()
}

#[tokio::test]
async fn a_panic_is_a_problem_that_says_nothing() {
    let told = ask(misbehaving(1), request("GET", "/panic", "")).await;
    insta::assert_snapshot!(told, @r#"
    500 id=r-1 cache=no-store type=application/problem+json
    {"type":"about:blank","title":"Internal Server Error","status":500,"code":"internal","detail":"something went wrong in the server; its log has this request's id","request_id":"r-1"}
    "#);
}

#[tokio::test(start_paused = true)]
async fn a_stuck_handler_is_given_up_after_its_time() {
    let began = tokio::time::Instant::now();
    let told = ask(misbehaving(1), request("GET", "/stuck", "")).await;
    assert_eq!(began.elapsed().as_secs(), 150);
    insta::assert_snapshot!(told, @r#"
    503 id=r-1 cache=no-store type=application/problem+json
    {"type":"about:blank","title":"Service Unavailable","status":503,"code":"timeout","detail":"the answer took too long; ask again","request_id":"r-1"}
    "#);
}

#[tokio::test]
async fn too_many_requests_at_once_are_turned_away_and_the_next_ones_are_not() {
    let routes = misbehaving(1);
    let mut stuck = std::pin::pin!(ask(routes.clone(), request("GET", "/stuck", "")));
    assert!(futures_util::poll!(&mut stuck).is_pending());
    let told = ask(routes, request("GET", "/fine", "")).await;
    insta::assert_snapshot!(told, @r#"
    429 id=r-1 cache=no-store type=application/problem+json
    {"type":"about:blank","title":"Too Many Requests","status":429,"code":"rate_limited","detail":"too many requests at once; ask again in a moment","request_id":"r-1"}
    "#);

    let free = ask(misbehaving(1), request("GET", "/fine", "")).await;
    insta::assert_snapshot!(free, @"
    200 id=r-1 cache=no-store type=text/plain; charset=utf-8
    fine
    ");
}

#[tokio::test]
async fn a_body_over_the_limit_is_a_problem_whether_it_says_its_length_or_not() {
    let whole = "x".repeat(MAX_BODY_BYTES);
    let fits = ask(misbehaving(1), request("POST", "/body", whole.clone())).await;
    assert!(fits.ends_with("\n1048576"), "{fits}");

    let long = format!("{whole}x");
    let mut said = request("POST", "/body", long.clone());
    said.headers_mut()
        .insert("content-length", HeaderValue::from(long.len()));
    let chunks = futures_util::stream::iter([whole, "x".to_owned()].map(Ok::<_, std::io::Error>));
    let unsaid = request("POST", "/body", Body::from_stream(chunks));
    let said = ask(misbehaving(1), said).await;
    let unsaid = ask(misbehaving(1), unsaid).await;
    assert_eq!(said, unsaid);
    insta::assert_snapshot!(said, @r#"
    413 id=r-1 cache=no-store type=application/problem+json
    {"type":"about:blank","title":"Payload Too Large","status":413,"code":"payload_too_large","detail":"a body may have at most 1 MiB","request_id":"r-1"}
    "#);
}

#[tokio::test]
async fn an_answer_without_an_id_from_the_client_gets_a_new_one() {
    let mut asked = request("GET", "/fine", "");
    asked.headers_mut().remove(REQUEST_ID);
    let response = misbehaving(1).oneshot(asked).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let id = response
        .headers()
        .get(REQUEST_ID)
        .unwrap()
        .to_str()
        .unwrap();
    assert!(Uuid::parse_str(id).is_ok(), "{id}");
}

#[test]
fn a_clients_request_id_is_kept_when_it_could_be_one() {
    let kept = |id: &str| {
        let mut headers = HeaderMap::new();
        headers.insert(REQUEST_ID, HeaderValue::from_str(id).unwrap());
        request_id(&headers) == id
    };
    for id in [
        "1",
        "0af7651916cd43dd8448eb211c80319c",
        "a:b_c.d-E",
        &"x".repeat(128),
    ] {
        assert!(kept(id), "{id}");
    }
    for id in ["", "a b", "a\tb", "\"", "<script>", &"x".repeat(129)] {
        assert!(!kept(id), "{id}");
    }
}
