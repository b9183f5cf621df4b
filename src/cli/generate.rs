//! `completions` and `man`: made from the commands themselves.

use std::{fs, path::PathBuf};

use clap::{Args, Command};

use super::{Failure, terminal};

/// Print completions for a shell
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  onrecord completions bash > ~/.local/share/bash-completion/completions/onrecord"
)]
pub(super) struct CompletionsArgs {
    /// The shell
    shell: clap_complete::Shell,
}

/// Print the man page, or write one for each command
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  onrecord man | man -l -\n  onrecord man --out-dir ~/.local/share/man/man1"
)]
pub(super) struct ManArgs {
    /// Write a page for each command into this folder
    #[arg(long, value_name = "DIR")]
    out_dir: Option<PathBuf>,
}

pub(super) fn completions(args: CompletionsArgs, mut command: Command) -> Result<(), Failure> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut command, "onrecord", &mut text);
    terminal::raw(&text);
    Ok(())
}

pub(super) fn man(args: ManArgs, command: Command) -> Result<(), Failure> {
    if let Some(dir) = args.out_dir {
        let written = fs::create_dir_all(&dir).and_then(|()| clap_mangen::generate_to(command, &dir));
        return written.map_err(|e| Failure::Undecided(format!("{}: {e}", dir.display())));
    }
    let mut text = Vec::new();
    let rendered = clap_mangen::Man::new(command).render(&mut text);
    rendered.map_err(|e| Failure::Undecided(e.to_string()))?;
    terminal::raw(&text);
    Ok(())
}
