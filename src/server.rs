//! The doors: routes, the layers around them, and serving them until the process ends.
//!
//! A handler asks [`crate::session`] and puts the answer on the wire. It never owns what it
//! started: the turn belongs to its session, whoever asks again watches the same turn, and a client
//! that goes away takes nothing with it. One file per resource (`session`, `turn`, `stream`, `approval`,
//! `operation`) beside one per concern.

mod approval;

mod auth;

mod connection;

mod document;

mod extract;

mod layer;

mod operation;

mod prefer;

mod problem;

mod session;

mod stranger;

mod stream;

pub mod token;

mod turn;

use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::{Extension, Router, middleware};
use tokio::sync::Semaphore;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::config::secret::{ExposeSecret, SecretString};
use crate::reload::{InForce, Reloads};
use crate::session::Sessions;
use crate::tasks::Tasks;

use document::Document;

pub(crate) use auth::local_role;
pub use connection::serve;

/// What the server is put together from.
#[derive(Debug)]
pub struct Parts {
    /// What is in force now; a reload swaps it.
    pub in_force: Arc<ArcSwap<InForce>>,
    /// What became of changes of it.
    pub reloads: Reloads,
    /// The conversations.
    pub sessions: Sessions,
    /// The process's background work, the connections included.
    pub tasks: Tasks,
    /// The local caller's token, where there is one: see [`token::at_start`].
    pub local: Option<SecretString>,
}

/// The server, ready to serve; cheap to clone, every clone is the same.
#[derive(Debug, Clone)]
pub struct App {
    in_force: Arc<ArcSwap<InForce>>,
    reloads: Reloads,
    sessions: Sessions,
    tasks: Tasks,
    local: Option<[u8; 32]>,
    load: Arc<Semaphore>,
}

impl App {
    /// Puts the server together.
    pub fn new(parts: Parts) -> Self {
        Self {
            in_force: parts.in_force,
            reloads: parts.reloads,
            sessions: parts.sessions,
            tasks: parts.tasks,
            local: parts
                .local
                .map(|local| token::digest(local.expose_secret())),
            load: Arc::new(Semaphore::new(layer::MAX_REQUESTS)),
        }
    }
}

/// All routes and layers, with the document that describes them.
fn router(app: &App) -> Router {
    let (open, guarded, document) = routes();
    let guarded = guarded
        .fallback(problem::no_such_path)
        .layer(middleware::from_fn(layer::refuse_nul))
        .layer(middleware::from_fn_with_state(app.clone(), auth::require))
        .layer(middleware::from_fn_with_state(
            app.clone(),
            layer::refuse_when_stopping,
        ))
        .layer(middleware::from_fn_with_state(
            Arc::clone(&app.load),
            layer::limit_load,
        ))
        .layer(Extension(document));
    layer::wrap(open.merge(guarded).with_state(app.clone()))
}

/// The routes that answer everybody, those that want a token, and what both say of themselves.
fn routes() -> (Router<App>, Router<App>, Document) {
    let open = OpenApiRouter::new()
        .routes(routes!(operation::health))
        .routes(routes!(operation::readiness));
    let guarded = OpenApiRouter::new()
        .routes(routes!(session::create, session::list))
        .routes(routes!(session::view, session::end))
        .routes(routes!(turn::send))
        .routes(routes!(turn::view))
        .routes(routes!(turn::cancel))
        .routes(routes!(stream::events))
        .routes(routes!(approval::list))
        .routes(routes!(approval::decide))
        .routes(routes!(operation::config))
        .routes(routes!(operation::pause))
        .routes(routes!(operation::resume))
        .routes(routes!(document::openapi));
    let (open, about_open) = open.split_for_parts();
    let (guarded, about_guarded) = guarded.split_for_parts();
    (open, guarded, Document::of(about_open, about_guarded))
}
