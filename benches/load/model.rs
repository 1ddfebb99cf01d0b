//! A model's server that costs next to nothing: it reads a request, thinks for a while, and gives
//! everybody the same answer. The strict fake of the tests would take more time than the server
//! that is measured.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use tokio::net::TcpSocket;
use tokio::task::JoinHandle;
use tolkien::tasks::Tasks;

/// One block of text, as the Messages API streams it.
const ANSWER: &str = concat!(
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_load\",\"type\":\"message\",",
    "\"role\":\"assistant\",\"model\":\"load\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,",
    "\"usage\":{\"input_tokens\":9,\"output_tokens\":1}}}\n\n",
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,",
    "\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,",
    "\"delta\":{\"type\":\"text_delta\",\"text\":\"All three nodes are ready.\"}}\n\n",
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n",
    "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\",",
    "\"stop_sequence\":null},\"usage\":{\"output_tokens\":8}}\n\n",
    "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
);

/// The running model; it stops when dropped.
pub(crate) struct Model {
    /// Where it is found.
    pub(crate) base_url: String,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

struct Shared {
    thinks: Duration,
    thinking: AtomicUsize,
    most: AtomicUsize,
}

impl Model {
    /// Starts on a free port; each answer takes so long.
    pub(crate) fn start(thinks: Duration) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
        // A connection that finds the queue full tries again after a second, which would be taken
        // for slowness of the server.
        let listener = socket.listen(16_384).unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared {
            thinks,
            thinking: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
        });
        let app = Router::new()
            .fallback(answer)
            .with_state(Arc::clone(&shared));
        let serve = async move { axum::serve(listener, app).await.unwrap() };
        Self {
            base_url,
            shared,
            server: Tasks::new().spawn(serve),
        }
    }

    /// The most requests that it thought about at the same time.
    pub(crate) fn most_at_once(&self) -> usize {
        self.shared.most.load(Ordering::Relaxed)
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn answer(State(shared): State<Arc<Shared>>, _: Bytes) -> Response {
    let thinking = 1 + shared.thinking.fetch_add(1, Ordering::Relaxed);
    shared.most.fetch_max(thinking, Ordering::Relaxed);
    if !shared.thinks.is_zero() {
        tokio::time::sleep(shared.thinks).await;
    }
    shared.thinking.fetch_sub(1, Ordering::Relaxed);
    ([(CONTENT_TYPE, "text/event-stream")], ANSWER).into_response()
}
