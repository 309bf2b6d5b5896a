//! The socket's place in the file system.

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use socket2::{Domain, SockAddr, Socket, Type};

use super::super::connections::CONNECTIONS_MAX;

/// A socket in the file system for [`super::ControlThread`], which no other user can open. It is removed when this is
/// dropped.
#[derive(Debug)]
pub struct ControlSocket {
    socket: Socket,
    path: PathBuf,
    /// Device and number of the file, so that no other is removed in its place.
    file: (u64, u64),
}

impl ControlSocket {
    /// Listens at `path`. A socket that is there from a server that is no more is replaced.
    ///
    /// # Errors
    /// If there is something else, or a server that listens, or if no file can be made there.
    pub fn bind(path: &Path) -> io::Result<Self> {
        remove_stale(path)?;
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.bind(&SockAddr::unix(path)?)?;
        // Nobody can connect before it listens.
        fs::set_permissions(path, Permissions::from_mode(0o600))?;
        let bound = Self { socket, path: path.to_owned(), file: file_at(path)? };
        bound.socket.listen(CONNECTIONS_MAX as i32)?;
        bound.socket.set_nonblocking(true)?;
        Ok(bound)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn listener(&self) -> io::Result<UnixListener> {
        Ok(std::os::fd::OwnedFd::from(self.socket.try_clone()?).into())
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        if file_at(&self.path).is_ok_and(|file| file == self.file) {
            let _somebody_else_did = fs::remove_file(&self.path);
        }
    }
}

fn file_at(path: &Path) -> io::Result<(u64, u64)> {
    let metadata = fs::symlink_metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}

fn remove_stale(path: &Path) -> io::Result<()> {
    let told = |kind, what: &str| Err(io::Error::new(kind, what));
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
        Ok(metadata) if !metadata.file_type().is_socket() => {
            return told(ErrorKind::AlreadyExists, "there is something else, which stays");
        }
        Ok(_) => {}
    }
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    // A server whose queue is full would let this wait.
    socket.set_nonblocking(true)?;
    match socket.connect(&SockAddr::unix(path)?) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => fs::remove_file(path),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() != ErrorKind::WouldBlock => Err(error),
        _ => told(ErrorKind::AddrInUse, "another server takes orders there"),
    }
}
