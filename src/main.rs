//! The `onrecord` command. All of it is in the library: [`onrecord::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    onrecord::cli::main()
}
