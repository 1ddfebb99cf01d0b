//! Requests over real sockets, sent without a permit: the door that asks for one is
//! [`crate::tool::run`].

mod answer;

mod inside;

mod redirect;

mod site;

use std::collections::BTreeMap;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::reach::Reach;
use super::{Run, send};
use crate::call::{Piece, Rendered, Request};
use crate::config::host::Host;
use crate::config::name::SecretName;
use crate::config::settings::SecretSource;
use crate::config::tool::{OutputLimits, Sandbox};
use crate::policy::Redactions;
use crate::tool::redact::Redactor;
use crate::tool::{Bounds, Finished, Outcome};

/// Far away, for requests that must end for another reason.
const NEVER: Duration = Duration::from_hours(1);

fn text(text: &str) -> Rendered {
    Rendered {
        pieces: vec![Piece::Text(text.to_owned())],
    }
}

fn request(method: &str, url: &str) -> Request {
    Request {
        method: method.to_owned(),
        url: text(url),
        headers: Vec::new(),
        body: None,
        hosts: ["docs.example.org", "*.example.net"]
            .map(str::to_owned)
            .to_vec(),
        accept: Vec::new(),
    }
}

fn get(url: &str) -> Request {
    request("GET", url)
}

/// A host with the secret `TOKEN`, which is `s3cret0of0the0test`, and the folder that holds it.
fn host() -> (Host, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    std::fs::write(&path, "s3cret0of0the0test\n").unwrap();
    let secrets = BTreeMap::from([(SecretName::new("TOKEN"), SecretSource::File(path))]);
    (Host::new(BTreeMap::new(), secrets, BTreeMap::new()), folder)
}

async fn sent(
    request: &Request,
    reach: &Reach,
    timeout: Duration,
    cancel: &CancellationToken,
) -> Finished {
    let (host, _folder) = host();
    let redactions = Redactions::default();
    let redactor = Redactor::new(&redactions, &host);
    let run = Run {
        call_id: "c_1",
        host: &host,
        output: OutputLimits::default(),
        sandbox: &Sandbox::default(),
        timeout,
        bounds: Bounds::default(),
        redactor: &redactor,
        cancel,
    };
    send(request, &run, reach).await
}

async fn fetch(request: &Request, reach: &Reach) -> Finished {
    sent(request, reach, NEVER, &CancellationToken::new()).await
}

/// What the model sees of a success.
fn shown(finished: &Finished) -> &str {
    assert_eq!(
        finished.outcome,
        Outcome::Exited { code: 0 },
        "{finished:?}"
    );
    assert!(!finished.is_error);
    &finished.shown
}

/// The code of a failure and what the model sees of it.
fn failed(finished: &Finished) -> (i32, &str) {
    assert!(finished.is_error);
    let Outcome::Exited { code } = finished.outcome else {
        panic!("it did not get so far: {finished:?}");
    };
    (code, &finished.shown)
}

fn not_sent(finished: &Finished) -> &str {
    let Outcome::NotStarted { because } = &finished.outcome else {
        panic!("it was sent: {finished:?}");
    };
    because
}
