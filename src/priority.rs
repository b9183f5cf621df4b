//! Threads that let others go first.

/// How much less of a busy core a thread gets that gives way (nice(2)): a tenth.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

/// Lets all other threads go first, from now on: this one and those that it starts give way.
pub(crate) fn give_way(who: &'static str) {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(NICE) {
        tracing::debug!(%error, who, "it runs beside the ledger with the same priority");
    }
    #[cfg(not(target_os = "linux"))]
    let _ = who;
}
