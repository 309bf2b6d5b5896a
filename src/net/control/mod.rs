//! Where operators of this machine give orders: a socket in the file system that its owner alone can use. One line in, one
//! line out.
//!
//! As over HTTP, all that somebody can cost is bounded: connections, bytes, and time. Orders go to the tick by way of
//! [`Orders`], and wait there for it, never it for them.

mod socket;

use std::convert::Infallible;
use std::io;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::net::{UnixListener, UnixStream};
use tokio::sync::oneshot;
use tracing::{debug, info};

use super::connections::Connections;
use super::orders::Orders;
use crate::game::REFUSED;
use crate::machine;
pub use socket::ControlSocket;

/// The longest order in bytes, without the end of its line.
pub const ORDER_BYTES_MAX: usize = 1_024;
/// The longest answer in bytes, with the end of its line; what is longer is cut off.
pub const ANSWER_BYTES_MAX: usize = 65_536;
/// For how long one may take to say an order, and to read its answer.
const SAY_MAX: Duration = Duration::from_secs(2);
/// For how long the game may take to answer: it does in its next tick, unless many give orders at once.
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// The pause after a connection could not be taken, lest it be tried without end: files may have run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Takes orders on a thread of its own, which gives way to the tick thread where they share a core. It has ended, and the
/// socket is gone, when this is dropped.
#[derive(Debug)]
pub struct ControlThread {
    stop: Option<oneshot::Sender<Infallible>>,
    thread: Option<JoinHandle<()>>,
}

impl ControlThread {
    /// Starts the thread. Says in the log where it listens.
    ///
    /// # Errors
    /// If the socket cannot be used, or the thread cannot be started.
    pub fn start(socket: ControlSocket, orders: Orders) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let listener = {
            let _needed_to_register_it = runtime.enter();
            UnixListener::from_std(socket.listener()?)?
        };
        let (stop, stopped) = oneshot::channel();
        info!(path = %socket.path().display(), "orders are taken");
        let thread = std::thread::Builder::new().name("control".into()).spawn(move || {
            machine::give_way();
            let _removed_at_the_end = socket;
            runtime.block_on(async {
                tokio::select! {
                    _dropped = stopped => {}
                    never = serve(listener, orders) => match never {},
                }
            });
        })?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for ControlThread {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _its_panic_is_logged = thread.join();
        }
    }
}

async fn serve(listener: UnixListener, orders: Orders) -> Infallible {
    let mut connections = Connections::default();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => connections.add(tokio::spawn(attend(stream, orders.clone())).abort_handle()),
            Err(error) => {
                debug!(%error, "cannot accept a connection");
                pause().await;
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "nothing says when files are there again")]
async fn pause() {
    tokio::time::sleep(ACCEPT_PAUSE).await;
}

/// One order, one answer.
async fn attend(stream: UnixStream, orders: Orders) {
    let order = tokio::time::timeout(SAY_MAX, read_order(&stream)).await;
    let answer = match order.unwrap_or_else(|_| Err("an order is said within two seconds".into())) {
        Ok(order) => carry_out(order, &orders).await,
        Err(why) => format!("{REFUSED}{why}"),
    };
    match tokio::time::timeout(SAY_MAX, write_answer(&stream, &as_line(answer))).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => debug!(%error, "an answer to an order cannot be told"),
        Err(_) => debug!("nobody reads the answer to an order"),
    }
}

async fn carry_out(order: String, orders: &Orders) -> String {
    let given = tokio::time::timeout(ANSWER_MAX, orders.give(order.clone())).await;
    let answer = match given {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) => format!("{REFUSED}the server has ended"),
        Err(_) => {
            format!("{REFUSED}there is no answer within five seconds; it may come to pass all the same")
        }
    };
    info!(?order, ?answer, "an order");
    answer
}

/// The first line of what is said, or why it is no order.
async fn read_order(stream: &UnixStream) -> Result<String, String> {
    let (mut bytes, mut length) = ([0; ORDER_BYTES_MAX + 1], 0);
    loop {
        stream.readable().await.map_err(|error| error.to_string())?;
        match stream.try_read(&mut bytes[length..]) {
            Ok(0) => break,
            Ok(read) => {
                let end = bytes[length..length + read].iter().position(|byte| *byte == b'\n');
                length = end.map_or(length + read, |end| length + end);
                if end.is_some() {
                    break;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.to_string()),
        }
        if length > ORDER_BYTES_MAX {
            return Err(format!("an order has {ORDER_BYTES_MAX} bytes at the most"));
        }
    }
    match std::str::from_utf8(&bytes[..length]).map(str::trim) {
        Ok("") => Err("nothing is said".into()),
        Ok(order) => Ok(order.to_owned()),
        Err(_) => Err("it is no text".into()),
    }
}

/// What the game answers, as one line of bounded length.
fn as_line(mut answer: String) -> String {
    let end = answer.floor_char_boundary(ANSWER_BYTES_MAX - 1);
    answer.truncate(end);
    answer.replace(['\n', '\r'], " ") + "\n"
}

async fn write_answer(stream: &UnixStream, line: &str) -> io::Result<()> {
    let mut rest = line.as_bytes();
    while !rest.is_empty() {
        stream.writable().await?;
        match stream.try_write(rest) {
            Ok(written) => rest = &rest[written..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
