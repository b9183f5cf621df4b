//! Messages to the service manager that started the process, in the protocol of systemd (sd_notify(3)).

use std::{
    env, io,
    os::unix::net::{SocketAddr, UnixDatagram},
};

/// What the service manager is told.
#[derive(Debug, Clone, Copy)]
pub(super) enum State {
    /// Connections are taken from now on.
    Ready,
    /// Connections are not taken any more.
    Stopping,
}

/// Whether a service manager started the process and asks to be told.
pub(super) fn is_service() -> bool {
    env::var_os("NOTIFY_SOCKET").is_some()
}

/// Tells the service manager, if one asks to be told. If that fails, it finds out by itself, later.
pub(super) fn notify(state: State) {
    let Some(socket) = env::var_os("NOTIFY_SOCKET") else { return };
    let text = match state {
        State::Ready => "READY=1",
        State::Stopping => "STOPPING=1",
    };
    if let Err(error) = send(&socket.to_string_lossy(), text) {
        tracing::warn!(%error, "the service manager could not be told");
    }
}

fn send(socket: &str, text: &str) -> io::Result<()> {
    let address = match socket.strip_prefix('@') {
        #[cfg(target_os = "linux")]
        Some(name) => {
            use std::os::linux::net::SocketAddrExt as _;
            SocketAddr::from_abstract_name(name)?
        }
        _ => SocketAddr::from_pathname(socket)?,
    };
    UnixDatagram::unbound()?.send_to_addr(text.as_bytes(), &address).map(drop)
}
