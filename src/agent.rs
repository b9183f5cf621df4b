//! The HTTP client with which a ledger asks others: witnesses and time-stamping authorities.

use std::time::Duration;

/// A client for `url`. It follows no redirect. `timeout` bounds a whole request, from the first byte sent to the last received.
pub(crate) fn agent(url: &str, timeout: Duration) -> ureq::Agent {
    let config = ureq::Agent::config_builder()
        .user_agent(concat!("onrecord/", env!("CARGO_PKG_VERSION")))
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .timeout_global(Some(timeout));
    let host = url.split("://").nth(1).unwrap_or_default();
    // A proxy does not reach this machine's own addresses.
    let here = ["127.", "localhost", "[::1]"].iter().any(|h| host.starts_with(h));
    let config = if here { config.proxy(None) } else { config };
    config.build().new_agent()
}
