//! The `onrecord` command. Its code is in the library: [`onrecord::cli`].

use std::process::ExitCode;

use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    onrecord::cli::main()
}
