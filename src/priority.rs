//! Threads that let others go first.

/// Added to the niceness of a thread that gives way (nice(2)). On a busy core it then gets about a tenth of what others get.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

/// From now on, this thread and those that it starts give way to all others. `who` names it in the log.
pub(crate) fn give_way(who: &'static str) {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(NICE) {
        tracing::debug!(%error, who, "it runs beside the ledger with the same priority");
    }
    #[cfg(not(target_os = "linux"))]
    let _ = who;
}
