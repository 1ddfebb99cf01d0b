//! Every way that leads to this machine or its network, and none of them taken.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::super::reach::Reach;
use super::site::{Reply, SERVER, Site, ok, to};
use super::{failed, fetch, get, not_sent, shown};

/// Addresses of requests, with the port where the trap of a site listens.
fn tricks(site: &Site) -> Vec<String> {
    let port = site.reach.port.to_string();
    let lines = include_str!("tricks.txt").lines();
    let all: Vec<String> = lines
        .filter(|line| !line.starts_with('#'))
        .map(|line| serde_json::from_str(line).unwrap())
        .map(|trick: String| trick.replace("PORT", &port))
        .collect();
    assert!(all.len() > 100);
    all
}

/// What a name that is allowed may stand for.
const INSIDE: [&str; 38] = [
    "127.0.0.1",
    "127.0.0.2",
    "127.255.255.254",
    "0.0.0.0",
    "0.0.0.1",
    "10.0.0.1",
    "10.43.0.1",
    "100.64.0.1",
    "100.100.100.200",
    "168.63.129.16",
    "169.254.169.254",
    "172.17.0.1",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:0:127.0.0.1",
    "64:ff9b::127.0.0.1",
    "64:ff9b:1::127.0.0.1",
    "100::1",
    "2001:0:7f00:1::",
    "2001:db8::1",
    "2002:7f00:1::1",
    "3fff::1",
    "fd00::1",
    "fe80::1",
    "ff02::1",
];

fn answering(site: &Site, answer: impl Fn() -> Vec<IpAddr> + Send + Sync + 'static) -> Reach {
    Reach {
        lookup: Arc::new(move |_| {
            let found = answer();
            Box::pin(async move { Ok(found) })
        }),
        ..site.reach.clone()
    }
}

/// What of an address was refused: nothing was looked up or tried.
fn kind(refusal: &str) -> &'static str {
    let kinds = [
        ("is no address", "no address"),
        ("is not `https`", "scheme"),
        ("holds a user name", "user"),
        ("names a port", "port"),
        ("is not one of the hosts", "host"),
    ];
    let found = kinds.iter().find(|(words, _)| refusal.contains(words));
    found.unwrap_or_else(|| panic!("{refusal}")).1
}

#[tokio::test]
async fn no_address_of_a_request_leads_inside() {
    let site = Site::new([ok("text/plain", "reached")]);
    let mut refused: BTreeMap<&str, usize> = BTreeMap::new();
    for trick in tricks(&site) {
        let finished = fetch(&get(&trick), &site.reach).await;
        if finished.is_error {
            *refused.entry(kind(not_sent(&finished))).or_default() += 1;
        } else {
            assert_eq!(shown(&finished), "reached");
        }
        assert_eq!(site.trapped(), 0, "{trick}");
    }
    insta::assert_debug_snapshot!(refused, @r#"
    {
        "host": 43,
        "no address": 11,
        "port": 32,
        "scheme": 13,
        "user": 7,
    }
    "#);
    // To the URL standard, and so to the connection, these are paths, queries and fragments of the
    // site itself.
    let port = site.reach.port.to_string();
    let asked_for = site.asked_for().join("\n").replace(&port, "PORT");
    insta::assert_snapshot!(asked_for, @"
    GET /@127.0.0.1:PORT/ HTTP/1.1
    GET / HTTP/1.1
    GET /?@127.0.0.1:PORT/ HTTP/1.1
    GET //127.0.0.1:PORT/ HTTP/1.1
    GET /https://127.0.0.1:PORT/ HTTP/1.1
    ");
}

#[tokio::test]
async fn no_redirect_leads_inside() {
    let site = Site::new([]);
    let statuses = [
        "301 Moved",
        "302 Found",
        "303 See Other",
        "307 Temporary",
        "308 Permanent",
    ];
    let mut followed = Vec::new();
    // A line break ends a header.
    let tricks = tricks(&site)
        .into_iter()
        .filter(|trick| !trick.contains(['\r', '\n']));
    for (trick, status) in tricks.zip(statuses.iter().cycle()) {
        site.replies([to(status, &trick), ok("text/plain", "reached")]);
        let finished = fetch(&get("https://docs.example.org/"), &site.reach).await;
        if finished.is_error {
            let (code, why) = failed(&finished);
            assert!(status.starts_with(&code.to_string()), "{trick}: {why}");
            assert!(
                why.starts_with("[failed: it redirects to "),
                "{trick}: {why}"
            );
        } else {
            followed.push(finished.shown.replace(&site.reach.port.to_string(), "PORT"));
        }
        assert_eq!(site.trapped(), 0, "{trick}");
    }
    // Seen from a page, an address without slashes is one beside it.
    insta::assert_debug_snapshot!(followed, @r#"
    [
        "[redirected to https://docs.example.org/@127.0.0.1:PORT/]\nreached",
        "[redirected to https://docs.example.org/127.0.0.1/]\nreached",
        "[redirected to https://docs.example.org/#@127.0.0.1:PORT/]\nreached",
        "[redirected to https://docs.example.org/?@127.0.0.1:PORT/]\nreached",
        "[redirected to https://docs.example.org//127.0.0.1:PORT/]\nreached",
        "[redirected to https://docs.example.org/https://127.0.0.1:PORT/]\nreached",
    ]
    "#);
}

#[tokio::test]
async fn no_name_leads_inside() {
    let site = Site::new([ok("text/plain", "reached")]);
    for inside in INSIDE {
        let address: IpAddr = inside.parse().unwrap();
        let reach = answering(&site, move || vec![address]);
        let finished = fetch(&get("https://docs.example.org/"), &reach).await;
        assert_eq!(
            not_sent(&finished),
            format!(
                "`docs.example.org` cannot be reached: `docs.example.org` stands for `{address}`, \
                 and only public addresses are asked"
            )
        );
        assert_eq!(site.trapped(), 0, "{inside}");
    }
    // The site's own names below a listed domain, as anybody who may write its zone has them.
    let finished = fetch(&get("https://localhost.example.net/"), &site.reach).await;
    assert!(not_sent(&finished).contains("`127.0.0.1`"), "{finished:?}");
    assert_eq!(site.trapped(), 0);
    assert_eq!(site.asked_for(), [""; 0]);
}

#[tokio::test]
async fn of_a_names_addresses_only_the_public_ones_are_tried() {
    let site = Site::new([ok("text/plain", "reached")]);
    let all: Vec<IpAddr> = [
        "127.0.0.1",
        "::1",
        "127.0.0.77",
        "::ffff:127.0.0.1",
        "0.0.0.0",
    ]
    .map(|text| text.parse().unwrap())
    .to_vec();
    let reach = answering(&site, move || all.clone());
    let finished = fetch(&get("https://docs.example.org/"), &reach).await;
    assert_eq!(shown(&finished), "reached");
    assert_eq!(site.trapped(), 0);
}

#[tokio::test]
async fn a_name_whose_answer_changes_gains_nothing() {
    let site = Site::new([to("302 Found", "/again")]);
    let asked = AtomicUsize::new(0);
    let reach = answering(&site, move || match asked.fetch_add(1, Ordering::Relaxed) {
        0 => vec![SERVER],
        _ => vec![Ipv4Addr::LOCALHOST.into()],
    });
    let finished = fetch(&get("https://docs.example.org/"), &reach).await;
    let (code, why) = failed(&finished);
    assert_eq!(code, 1);
    assert!(why.contains("stands for `127.0.0.1`"), "{why}");
    assert_eq!(site.trapped(), 0);
    assert_eq!(site.asked_for(), ["GET / HTTP/1.1"]);
}

#[tokio::test]
async fn the_traps_would_show_it() {
    let site = Site::new([ok("text/plain", "reached")]);
    let reach = Reach {
        allowed: |_| true,
        ..site.reach.clone()
    };
    let request = get("https://localhost.example.net/");
    let token = tokio_util::sync::CancellationToken::new();
    let short = std::time::Duration::from_millis(200);
    super::sent(&request, &reach, short, &token).await;
    assert!(site.trapped() > 0);
}

#[test]
fn what_the_product_reaches_is_public_alone() {
    let reach = Reach::default();
    assert!(
        !INSIDE
            .iter()
            .any(|text| (reach.allowed)(text.parse().unwrap()))
    );
    assert!(!(reach.allowed)(SERVER));
    assert_eq!(reach.port, 0);
    assert!(reach.roots.len() > 100);
}

#[tokio::test]
async fn the_product_itself_does_not_reach_this_machine() {
    let site = Site::new([Reply::Whole(Vec::new())]);
    let reach = Reach {
        lookup: site.reach.lookup.clone(),
        ..Reach::default()
    };
    let finished = fetch(&get("https://docs.example.org/"), &reach).await;
    assert!(
        not_sent(&finished).contains("only public addresses"),
        "{finished:?}"
    );
}

#[tokio::test]
async fn a_server_that_nobody_vouches_for_is_not_asked() {
    let site = Site::new([ok("text/plain", "reached")]);
    let reach = Reach {
        roots: Reach::default().roots,
        ..site.reach.clone()
    };
    let finished = fetch(&get("https://docs.example.org/"), &reach).await;
    assert_eq!(
        not_sent(&finished),
        "`docs.example.org` cannot be reached: invalid peer certificate: UnknownIssuer"
    );
    // The right certificate under the wrong name.
    let request = get("https://a.b.example.net/");
    let reach = answering(&site, || vec![SERVER]);
    let finished = fetch(&request, &reach).await;
    assert!(
        not_sent(&finished).contains("certificate not valid for name"),
        "{finished:?}"
    );
    assert_eq!(site.asked_for(), [""; 0]);
}
