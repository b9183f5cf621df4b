//! A public key among the arguments of a command.

use std::ffi::OsStr;

use clap::builder::TypedValueParser;

use super::repeated;
use crate::note::VerifyingKey;

/// Reads a public key, and repeats nothing that may be a part of a secret one.
#[derive(Debug, Clone, Copy)]
pub(super) struct PublicKey;

impl TypedValueParser for PublicKey {
    type Value = VerifyingKey;

    fn parse_ref(
        &self,
        command: &clap::Command,
        arg: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<VerifyingKey, clap::Error> {
        let value = value.to_string_lossy();
        value.parse().map_err(|e| {
            let arg = arg.map_or_else(|| "VKEY".to_owned(), ToString::to_string);
            let why = format!("invalid value{} for '{arg}': {e}", repeated(&value));
            clap::Error::raw(clap::error::ErrorKind::ValueValidation, why).with_cmd(command)
        })
    }
}
