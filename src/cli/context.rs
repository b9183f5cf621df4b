//! What every command is given beside its own flags.

use super::{Config, Failure};

/// What every command is given beside its own flags.
pub(super) struct Context {
    pub json: bool,
    pub config: Config,
}

impl Context {
    /// The failure for a setting that no flag, variable or file gave.
    pub fn missing(&self, flag: &str, key: &str) -> Failure {
        let variable = key.to_uppercase();
        Failure::Usage(format!("give {flag} (or ONRECORD_{variable}, or `{key}` in onrecord.toml)"))
    }
}
