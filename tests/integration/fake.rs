//! A fake of the Messages API: a real HTTP server on a free port that speaks the real wire format,
//! streamed and whole, and plays the answers and faults that a test queues.
//!
//! It is strict: every request is held against the documented rules (fields, roles, calls and
//! their results, cache breakpoints, replayed bytes, thinking signatures), and a breach gets the
//! documented 400. It accounts for prompt caching as documented and reports usage accordingly.
//!
//! What was sent to it, refused and accounted can be read back: [`Fake::requests`],
//! [`Fake::refusals`], [`Fake::ledger`].

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method, Uri},
    response::Response,
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};
use tolkien::tasks::Tasks;

mod answer;

mod cache;

mod request;

mod rules;

#[cfg(test)]
mod strict;

mod thinking;

mod wire;

pub(crate) use answer::{Answer, Gate};
pub(crate) use cache::Account;
pub(crate) use request::Seen;

use rules::Refused;

/// The running fake; it stops when dropped.
pub(crate) struct Fake {
    address: SocketAddr,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

struct Shared {
    state: Mutex<Inner>,
    /// How many requests have come.
    count: watch::Sender<usize>,
}

/// Chooses the answer to a request when none is queued.
type Policy = Box<dyn FnMut(&Seen) -> Answer + Send>;

#[derive(Default)]
struct Inner {
    queue: VecDeque<Answer>,
    policy: Option<Policy>,
    requests: Vec<Seen>,
    refusals: Vec<String>,
    sent: rules::Sent,
    seals: thinking::Seals,
    cache: cache::Cache,
    ledger: Vec<Account>,
    latency: Duration,
    /// Check, keep and account for nothing.
    trusting: bool,
    served: usize,
    calls: usize,
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Fake {
    /// Starts on a free port of the loopback address.
    pub(crate) async fn start() -> Self {
        Self::start_on(0).await
    }

    /// Starts on a given port of the loopback address.
    pub(crate) async fn start_on(port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (count, _) = watch::channel(0);
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            count,
        });
        let app = Router::new()
            .fallback(handle)
            .with_state(Arc::clone(&shared));
        let serve = async move { axum::serve(listener, app).await.unwrap() };
        Self {
            address,
            shared,
            server: Tasks::new().spawn(serve),
        }
    }

    /// Where clients find it.
    pub(crate) fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Queues an answer; queued answers come before the policy's.
    pub(crate) fn push(&self, answer: Answer) {
        self.inner().queue.push_back(answer);
    }

    /// Answers every request that finds the queue empty. Without it, such a request is a 400.
    pub(crate) fn respond_with(&self, policy: impl FnMut(&Seen) -> Answer + Send + 'static) {
        self.inner().policy = Some(Box::new(policy));
    }

    /// Compares replayed assistant content by meaning instead of by bytes: for clients that parse
    /// and render what they replay, as the vendor's SDKs do.
    pub(crate) fn compare_by_meaning(&self) {
        self.inner().sent.by_meaning = true;
    }

    /// From now on checks, keeps and accounts for nothing, so that a client can be measured.
    pub(crate) fn trust(&self) {
        self.inner().trusting = true;
    }

    /// Waits so long before each answer.
    pub(crate) fn set_latency(&self, latency: Duration) {
        self.inner().latency = latency;
    }

    /// Everything that was sent, in order, refused or not.
    pub(crate) fn requests(&self) -> Vec<Seen> {
        self.inner().requests.clone()
    }

    /// The messages of the requests that broke a rule.
    pub(crate) fn refusals(&self) -> Vec<String> {
        self.inner().refusals.clone()
    }

    /// The account of each reply, in order.
    pub(crate) fn ledger(&self) -> Vec<Account> {
        self.inner().ledger.clone()
    }

    /// The share of repeated prompt tokens that were cache reads; 1 if none were repeated.
    pub(crate) fn cache_share(&self) -> f64 {
        Account::share(&self.inner().ledger)
    }

    /// Waits until so many requests have come.
    pub(crate) async fn requested(&self, times: usize) {
        let mut count = self.shared.count.subscribe();
        count.wait_for(|count| *count >= times).await.unwrap();
    }

    /// How many requests have come.
    pub(crate) fn served(&self) -> usize {
        *self.shared.count.borrow()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.shared.state.lock().unwrap()
    }
}

async fn handle(
    State(shared): State<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let seen = Seen::new(&uri, &headers, &body);
    let (number, answered, latency) = {
        let mut inner = shared.state.lock().unwrap();
        if !inner.trusting {
            inner.requests.push(seen.clone());
        }
        inner.served += 1;
        let number = inner.served;
        (number, inner.answer(&method, &seen), inner.latency)
    };
    shared.count.send_replace(number);
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    let request_id = format!("req_fake_{number:04}");
    match answered {
        Ok((answer, reply)) => answer.respond(reply, seen.streams(), &request_id).await,
        Err(refused) => wire::refusal(&refused, &request_id),
    }
}

impl Inner {
    /// Checks a request and chooses its answer; of a reply, everything that depends on the
    /// conversation (ids, signatures, usage) is put in.
    fn answer(
        &mut self,
        method: &Method,
        seen: &Seen,
    ) -> Result<(Answer, Option<wire::Reply>), Refused> {
        if !self.trusting
            && let Err(refused) = rules::check(method, seen, &self.sent, &self.seals)
        {
            self.refusals.push(refused.message.clone());
            return Err(refused);
        }
        let queued = self.queue.pop_front();
        let chosen = queued.or_else(|| self.policy.as_mut().map(|policy| policy(seen)));
        let answer = chosen.ok_or_else(|| {
            let message = "the fake has no answer left for this request";
            self.refusals.push(message.to_owned());
            Refused::invalid(message)
        })?;
        let reply = answer.reply().map(|spoken| self.complete(spoken, seen));
        Ok((answer, reply))
    }

    fn complete(&mut self, spoken: &answer::Spoken, seen: &Seen) -> wire::Reply {
        let mut blocks = spoken.blocks.clone();
        for block in &mut blocks {
            if block["type"] == "tool_use" && block["id"].is_null() {
                self.calls += 1;
                block["id"] = json!(format!("toolu_fake_{:04}", self.calls));
            }
        }
        if self.trusting {
            return self.reply(spoken, blocks, Account::default(), seen);
        }
        self.seals.sign(&seen.body, &mut blocks);
        self.sent.record(&blocks, spoken);
        let output: usize = blocks
            .iter()
            .map(|block| cache::tokens(&block.to_string()))
            .sum();
        let account = self.cache.charge(&seen.body, output);
        self.ledger.push(account);
        self.reply(spoken, blocks, account, seen)
    }

    fn reply(
        &self,
        spoken: &answer::Spoken,
        blocks: Vec<Value>,
        account: Account,
        seen: &Seen,
    ) -> wire::Reply {
        wire::Reply {
            message_id: format!("msg_fake_{:04}", self.served),
            model: seen.body["model"].as_str().unwrap_or_default().to_owned(),
            blocks,
            stop_reason: spoken.stop_reason.clone(),
            stop_details: spoken.stop_details.clone(),
            account,
        }
    }
}

/// A JSON text in which the order of keys does not matter: sorted, at every level.
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by_key(|(name, _)| name.as_str());
            let fields: Vec<String> = fields
                .into_iter()
                .filter(|(name, _)| *name != "cache_control")
                .map(|(name, value)| format!("{}:{}", json!(name), canonical(value)))
                .collect();
            format!("{{{}}}", fields.join(","))
        }
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(canonical).collect();
            format!("[{}]", items.join(","))
        }
        other => other.to_string(),
    }
}

/// The content of a message or of `system` as blocks: a string is short for one text block.
fn blocks_of(content: &Value) -> Vec<Value> {
    match content {
        Value::String(text) => vec![json!({"type": "text", "text": text})],
        Value::Array(blocks) => blocks.clone(),
        _ => Vec::new(),
    }
}

fn is_thinking(block: &Value) -> bool {
    matches!(
        block["type"].as_str(),
        Some("thinking" | "redacted_thinking")
    )
}
