//! Where `serve` takes orders, on systems that have sockets in the file system.

use std::path::Path;

use super::CommandError;
use crate::net::TickServer;

#[cfg(unix)]
pub(super) use crate::net::{ControlSocket, ControlThread};

/// Before the server starts, so that a place that is taken stops it before it plays.
#[cfg(unix)]
pub(super) fn bind(path: &Path) -> Result<ControlSocket, CommandError> {
    ControlSocket::bind(path).map_err(|error| format!("--control {}: {error}", path.display()).into())
}

#[cfg(unix)]
pub(super) fn start(socket: ControlSocket, server: &TickServer) -> Result<ControlThread, CommandError> {
    Ok(ControlThread::start(socket, server.orders())?)
}

/// There are none.
#[cfg(not(unix))]
pub(super) fn bind(_path: &Path) -> Result<(), CommandError> {
    Err("--control: this system has no sockets in the file system".into())
}

#[cfg(not(unix))]
pub(super) fn start(_socket: (), _server: &TickServer) -> Result<(), CommandError> {
    Ok(())
}
