//! What the operating system gives a server: file descriptors (each connection takes one), a queue of connections to be
//! accepted, and memory.

#[cfg(unix)]
mod unix {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    use tokio::net::TcpListener;

    use crate::serve::limits;

    /// Connections that may wait to be accepted. The standard library asks for 128; the system drops those beyond, and their
    /// peers try again after a second. The system has its own bound, commonly 4,096.
    const BACKLOG: i32 = 4_096;
    /// Descriptors kept back for uploads, and for the ledger: journal, index, tiles and files being read.
    const KEPT_BACK: u64 = 448 + limits::UPLOADS as u64;

    pub fn raise_open_files() {
        let limit = getrlimit(Resource::Nofile);
        let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
        if let Err(error) = setrlimit(Resource::Nofile, raised) {
            tracing::debug!(%error, "the number of open files could not be raised");
        }
    }

    pub fn connections(asked: usize) -> usize {
        // `None`: there is no limit.
        let Some(files) = getrlimit(Resource::Nofile).current else { return asked };
        let kept_back = KEPT_BACK.min(files / 2);
        let most = usize::try_from(files - kept_back).unwrap_or(usize::MAX).max(1);
        if most < asked {
            tracing::warn!(
                asked,
                most,
                "fewer connections than asked for: let the process open more files (ulimit -n)"
            );
        }
        asked.min(most)
    }

    pub fn lengthen_queue(listener: &TcpListener) {
        // A second call of `listen` changes the length of the queue.
        if let Err(error) = rustix::net::listen(listener, BACKLOG) {
            tracing::debug!(%error, "the queue of connections stays as long as it was");
        }
    }
}

/// Raises the number of files that this process may have open as far as the system allows. Call it once, at the start of a
/// program that serves. If the system refuses, there are fewer connections.
pub fn raise_open_files() {
    #[cfg(unix)]
    unix::raise_open_files();
}

/// The number of connections that are `asked` for, or the number that there are descriptors for if that is lower.
pub(in crate::serve) fn connections(asked: usize) -> usize {
    #[cfg(unix)]
    return unix::connections(asked);
    #[cfg(not(unix))]
    asked
}

/// Lets more connections wait to be accepted than the standard library asks for.
pub(super) fn lengthen_queue(listener: &tokio::net::TcpListener) {
    #[cfg(unix)]
    unix::lengthen_queue(listener);
    #[cfg(not(unix))]
    let _ = listener;
}

/// How many threads can run at once.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Bytes of memory that the machine has. It is a system call, since `/proc` may be hidden from a service.
#[cfg(target_os = "linux")]
fn memory_of_machine() -> Option<usize> {
    let info = rustix::system::sysinfo();
    usize::try_from(info.totalram).ok()?.checked_mul(usize::try_from(info.mem_unit).ok()?.max(1))
}

#[cfg(not(target_os = "linux"))]
fn memory_of_machine() -> Option<usize> {
    None
}

/// The default size of the caches in bytes: a quarter of the memory, within bounds.
pub(in crate::serve) fn cache() -> usize {
    const LEAST: usize = 64 << 20;
    const MOST: usize = 1 << 30;
    // A container may have less memory than the machine. The file holds `max` if it does not.
    let container = std::fs::read_to_string("/sys/fs/cgroup/memory.max").ok();
    let container = container.and_then(|text| text.trim().parse().ok());
    let memory = memory_of_machine().into_iter().chain(container).min();
    memory.map_or(LEAST, |bytes| bytes / 4).clamp(LEAST, MOST)
}
