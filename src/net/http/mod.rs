//! What whoever watches may ask over HTTP/1.1: is it live, is it ready, what does it do, who plays.
//!
//! Everything that a reader can cost is bounded: connections, bytes of a request, time, and what one answer holds. The
//! answers come from an [`Observer`], which the tick knows nothing of.

mod host;
mod metrics;
mod site;

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::thread::JoinHandle;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tracing::{debug, info, warn};

use super::connections::Connections;
use super::observer::Observer;
use crate::machine;

pub(in crate::net) use metrics::text as metrics_text;

/// For how long a reader may take to ask.
const ASK_MAX: Duration = Duration::from_secs(2);
/// For how long a connection lasts, with the answer.
const CONNECTION_MAX: Duration = Duration::from_secs(10);
/// How many bytes of a request are kept: the least that hyper takes, far more than a scrape asks with.
const REQUEST_BYTES_MAX: usize = 8_192;
/// How many headers a request may have.
const HEADERS_MAX: usize = 64;
/// The pause after a connection could not be taken, lest it be tried without end: files may have run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

impl Observer {
    /// Everything that `/metrics` tells, in the text format of OpenMetrics. It reads some files of the system.
    pub fn metrics(&self) -> String {
        metrics_text(self)
    }

    /// Answers GET and HEAD of `/live`, `/ready`, `/metrics` and `/peers`, until it is dropped. There is no
    /// authentication: listen where only those come who may know. Who asks for a name other than `localhost` is refused,
    /// so that no page in a browser can read on behalf of who looks at it.
    ///
    /// An answer is made without a pause, and takes the longer the more peers there are; a runtime that must
    /// not wait so long runs this on a thread of its own, as [`HttpThread`] does.
    pub async fn serve_http(self, listener: TcpListener) {
        let mut connections = Connections::default();
        loop {
            match listener.accept().await {
                Ok((stream, _)) => connections.add(tokio::spawn(answer(stream, self.clone())).abort_handle()),
                Err(error) => {
                    debug!(%error, "cannot accept a connection");
                    pause().await;
                }
            }
        }
    }
}

/// One request, one answer.
async fn answer(stream: TcpStream, observer: Observer) {
    let service =
        service_fn(|request| std::future::ready(Ok::<_, Infallible>(site::answer(&observer, &request))));
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(ASK_MAX)
        .max_buf_size(REQUEST_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    match tokio::time::timeout(CONNECTION_MAX, serving).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => debug!(%error, "a connection has ended"),
        Err(_) => debug!("a connection took too long"),
    }
}

#[expect(clippy::disallowed_methods, reason = "nothing says when files are there again")]
async fn pause() {
    tokio::time::sleep(ACCEPT_PAUSE).await;
}

/// Answers over HTTP on a thread of its own, which gives way to the tick thread where they share a core. It has ended
/// when this is dropped.
#[derive(Debug)]
pub struct HttpThread {
    local_addr: SocketAddr,
    stop: Option<oneshot::Sender<Infallible>>,
    thread: Option<JoinHandle<()>>,
}

impl HttpThread {
    /// Starts the thread. Says in the log where it answers, and warns where that is reached from outside.
    ///
    /// # Errors
    /// If the listener cannot be used, or the thread cannot be started.
    pub fn start(listener: std::net::TcpListener, observer: Observer) -> io::Result<Self> {
        let local_addr = listener.local_addr()?;
        listener.set_nonblocking(true)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let listener = {
            let _needed_to_register_it = runtime.enter();
            TcpListener::from_std(listener)?
        };
        let thread = std::thread::Builder::new().name("http".into()).spawn(move || {
            machine::give_way();
            runtime.block_on(async {
                tokio::select! {
                    _dropped = stopped => {}
                    () = observer.serve_http(listener) => {}
                }
            });
        })?;
        if !local_addr.ip().to_canonical().is_loopback() {
            warn!(addr = %local_addr, "whoever reaches this address may read metrics and the addresses of all peers: \
                there is no authentication");
        }
        info!(addr = %local_addr, "http listening");
        Ok(Self { local_addr, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it answers.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }
}

impl Drop for HttpThread {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _its_panic_is_logged = thread.join();
        }
    }
}
