//! The pages: what is asked, and what is answered.

use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use serde::Serialize;

use super::super::observer::{Observer, Trouble};
use super::{host, metrics};
use crate::gate::{PeerView, PeersPage};
use crate::wire::Encoding;

/// Most peers of one answer: about 150 kB.
const PEERS_MAX: usize = 1_000;

/// An answer without its headers.
struct Page {
    status: StatusCode,
    content_type: &'static str,
    text: String,
}

impl Page {
    fn plain(status: StatusCode, text: impl Into<String>) -> Self {
        Self { status, content_type: "text/plain; charset=utf-8", text: text.into() }
    }
}

/// The answer to a request, of which only method, target and whom it names count.
pub(super) fn answer<B>(observer: &Observer, request: &Request<B>) -> Response<String> {
    let is_known = matches!(*request.method(), Method::GET | Method::HEAD);
    let uri = request.uri();
    let page = match uri.path() {
        _ if !host::is_no_name(request) => {
            Page::plain(StatusCode::FORBIDDEN, "ask by address, or for localhost\n")
        }
        "/live" | "/ready" | "/metrics" | "/peers" if !is_known => {
            Page::plain(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n")
        }
        "/live" => health(observer.live()),
        "/ready" => health(observer.ready()),
        "/metrics" => Page {
            status: StatusCode::OK,
            content_type: metrics::CONTENT_TYPE,
            text: metrics::text(observer),
        },
        "/peers" => peers(observer, uri.query().unwrap_or_default()),
        _ => Page::plain(StatusCode::NOT_FOUND, "there are /live, /ready, /metrics and /peers\n"),
    };
    response(page)
}

fn response(page: Page) -> Response<String> {
    let mut response = Response::new(page.text);
    *response.status_mut() = page.status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(page.content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if page.status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    }
    response
}

fn health(health: Result<(), Trouble>) -> Page {
    match health {
        Ok(()) => Page::plain(StatusCode::OK, "ok\n"),
        Err(trouble) => Page::plain(StatusCode::SERVICE_UNAVAILABLE, format!("{trouble}\n")),
    }
}

/// A page of `/peers`, as JSON.
#[derive(Serialize)]
struct PeersJson {
    tick: u64,
    peers: Vec<PeerJson>,
    /// The `after` of the next page; null at the end.
    next_after: Option<u32>,
}

#[derive(Serialize)]
struct PeerJson {
    client_id: u32,
    address: String,
    encoding: Encoding,
    silent_seconds: f64,
    newest_move: u32,
    /// How old the newest snapshot is that it says to have; null if it says none, or one that is to come.
    acknowledged_age_ticks: Option<u64>,
}

impl PeerJson {
    fn new(view: &PeerView, tick: u64) -> Self {
        Self {
            client_id: view.client_id,
            address: view.addr.to_string(),
            encoding: view.encoding,
            silent_seconds: view.silent.as_millis() as f64 / 1_000.0,
            newest_move: view.newest_move,
            acknowledged_age_ticks: view
                .acknowledged
                .and_then(|acknowledged| tick.checked_sub(acknowledged.0)),
        }
    }
}

fn peers(observer: &Observer, query: &str) -> Page {
    let Some((after, limit)) = asked(query) else {
        let told = format!("/peers?after=CLIENT_ID&limit=N, N from 1 to {PEERS_MAX}\n");
        return Page::plain(StatusCode::BAD_REQUEST, told);
    };
    let PeersPage { peers, next_after } = observer.peers(after, limit);
    let tick = observer.numbers().tick;
    let peers = peers.iter().map(|view| PeerJson::new(view, tick)).collect();
    match serde_json::to_string(&PeersJson { tick, peers, next_after }) {
        Ok(json) => Page { status: StatusCode::OK, content_type: "application/json", text: json + "\n" },
        Err(error) => Page::plain(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
    }
}

/// After whom, and how many. `None` where the query says anything else.
fn asked(query: &str) -> Option<(Option<u32>, usize)> {
    let (mut after, mut limit) = (None, PEERS_MAX);
    for part in query.split('&').filter(|part| !part.is_empty()) {
        match part.split_once('=')? {
            ("after", id) => after = Some(id.parse().ok()?),
            ("limit", number) => {
                limit = number.parse().ok().filter(|limit| (1..=PEERS_MAX).contains(limit))?
            }
            _ => return None,
        }
    }
    Some((after, limit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_says_after_whom_and_how_many_and_nothing_else() {
        assert_eq!(asked(""), Some((None, PEERS_MAX)));
        assert_eq!(asked("after=7&limit=3"), Some((Some(7), 3)));
        assert_eq!(asked("limit=1000&"), Some((None, 1_000)));
        for wrong in ["limit=0", "limit=1001", "limit=", "after=-1", "after=4294967296", "after", "page=2"] {
            assert_eq!(asked(wrong), None, "{wrong}");
        }
    }
}
