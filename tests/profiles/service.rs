//! An HTTP server that answers as a test says, byte by byte.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use tickcast::profiles::{Service, ServiceConfig};

/// How long a test waits for what must come: longer than any machine is slow.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// What somebody asked.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) head: String,
    pub(crate) body: String,
}

/// A server, and what it was asked.
pub(crate) struct Desk {
    pub(crate) addr: SocketAddr,
    pub(crate) asked: Receiver<Request>,
}

impl Desk {
    /// Answers each request as `answer` says, who knows how many came before it.
    pub(crate) fn start(answer: impl Fn(usize, &Request, &mut TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let addr = listener.local_addr().expect("an address");
        let (asking, asked) = channel();
        let (answer, count) = (Arc::new(answer), Arc::<AtomicUsize>::default());
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (answer, count, asking) = (Arc::clone(&answer), Arc::clone(&count), asking.clone());
                std::thread::spawn(move || {
                    let mut stream = stream;
                    while let Some(request) = read(&stream) {
                        let before = count.fetch_add(1, Ordering::Relaxed);
                        let _test_has_ended = asking.send(request.clone());
                        answer(before, &request, &mut stream);
                    }
                });
            }
        });
        Self { addr, asked }
    }

    /// Who asks it, and gives up after `timeout`.
    pub(crate) fn service(&self, timeout: Duration) -> Service {
        Service::new(self.config(timeout)).expect("it can be asked")
    }

    pub(crate) fn config(&self, timeout: Duration) -> ServiceConfig {
        let url = |path: &str| Some(format!("http://{}/{path}", self.addr).parse().expect("an address"));
        ServiceConfig { profiles: url("players"), leaderboard: url("board"), timeout }
    }

    /// How often it was asked since the last time.
    pub(crate) fn asked(&self) -> usize {
        self.asked.try_iter().count()
    }

    /// The next that it is asked.
    pub(crate) fn next(&self) -> Request {
        self.asked.recv_timeout(PATIENCE).expect("somebody asks")
    }
}

/// A request with all of its body. `None` where nobody asks any more.
fn read(stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let lower = head.to_lowercase();
    let length = lower.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    let mut words = head.split(' ').map(str::to_owned);
    let (method, path) = (words.next()?, words.next()?);
    Some(Request { method, path, body: String::from_utf8(body).ok()?, head })
}

/// Writes, to whoever may have gone.
pub(crate) fn say(stream: &mut TcpStream, text: &str) -> bool {
    stream.write_all(text.as_bytes()).is_ok()
}

/// A whole answer, after which the connection stays.
pub(crate) fn answer(stream: &mut TcpStream, status: u16, body: &str) {
    let length = body.len();
    say(stream, &format!("HTTP/1.1 {status} Word\r\nContent-Length: {length}\r\n\r\n{body}"));
}

/// Ends the connection, also for reading.
pub(crate) fn hang_up(stream: &TcpStream) {
    let _was_closed = stream.shutdown(std::net::Shutdown::Both);
}

/// Says nothing until the other side has gone.
pub(crate) fn wait_until_gone(stream: &mut TcpStream) {
    let _gone = std::io::copy(stream, &mut std::io::sink());
}

/// Says the same again and again, with a little time between, until the other side has gone.
pub(crate) fn drip(stream: &mut TcpStream, text: &str) {
    stream.set_read_timeout(Some(Duration::from_millis(10))).expect("more than nothing");
    while say(stream, text) {
        // Nobody says anything more: reading is waiting here, and ends where the connection does.
        if matches!(stream.read(&mut [0; 8]), Ok(0)) {
            return;
        }
    }
}

/// Runs a future to its end.
pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime
        .expect("a runtime")
        .block_on(async { tokio::time::timeout(PATIENCE, future).await.expect("it ends by itself") })
}
