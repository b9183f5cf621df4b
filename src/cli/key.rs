//! `key`: key files. A key file is made readable by its owner alone, never overwritten and never printed.

use std::{
    fs,
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

use clap::Subcommand;
use serde_json::json;
use zeroize::Zeroizing;

use super::{Context, Failure, terminal};
use crate::{
    log::CosigningKey,
    note::{KeyName, Origin, SigningKey},
    store::secret::{self, SecretError},
};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make a new key file and print its public key
    #[command(after_help = "\
Examples:
  onrecord key new --name newsroom.example/desk -o desk.key
  onrecord key new --pseudonym ledger.example.org -o me.key     a name that says nothing, for a person
  onrecord key new --witness witness.example/w1 -o witness.key  a key that cosigns checkpoints, and nothing else")]
    New {
        /// The key's name, which stands on every signature: [a-z0-9.-]+(/[a-z0-9._-]+)*
        #[arg(long, value_name = "NAME", required_unless_present_any = ["pseudonym", "witness"])]
        name: Option<KeyName>,
        /// Take a random name at this ledger, as keys of persons and accounts must have
        #[arg(long, value_name = "ORIGIN", conflicts_with = "name")]
        pseudonym: Option<Origin>,
        /// Make a key for `onrecord witness`, of this name
        #[arg(long, value_name = "NAME", conflicts_with_all = ["name", "pseudonym"])]
        witness: Option<KeyName>,
        /// Where to write it; must not be there yet
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
    },
    /// Print the public key (vkey) of a key file
    #[command(after_help = "Example:\n  onrecord key show desk.key")]
    Show {
        /// The key file
        file: PathBuf,
    },
    /// Make a key file from a seed of 32 bytes in hex
    #[command(
        after_help = "Example:\n  onrecord key import --name newsroom.example/desk --seed-hex-file seed.txt -o desk.key"
    )]
    Import {
        /// The key's name
        #[arg(long, value_name = "NAME", required_unless_present = "witness")]
        name: Option<KeyName>,
        /// The name of a key for `onrecord witness`
        #[arg(long, value_name = "NAME", conflicts_with = "name")]
        witness: Option<KeyName>,
        /// File with 64 hex digits; - is stdin
        #[arg(long, value_name = "FILE")]
        seed_hex_file: PathBuf,
        /// Where to write it; must not be there yet
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
    },
}

/// What a key file holds.
enum KeyFile {
    Signing(SigningKey),
    Witness(CosigningKey),
}

impl KeyFile {
    fn new(key: SigningKey, witness: bool) -> Self {
        if witness { Self::Witness(CosigningKey::new(key)) } else { Self::Signing(key) }
    }

    fn secret_text(&self) -> Zeroizing<String> {
        match self {
            Self::Signing(key) => key.to_secret_text(),
            Self::Witness(key) => key.to_secret_text(),
        }
    }

    /// Prints the public key.
    fn print(&self, file: &Path, context: &Context) {
        let (vkey, name) = match self {
            Self::Signing(key) => (key.verifying_key().to_string(), key.verifying_key().name().to_string()),
            Self::Witness(key) => (key.witness_key().to_string(), key.witness_key().name().to_owned()),
        };
        if context.json {
            terminal::json(&json!({"vkey": vkey, "name": name, "file": file.display().to_string()}));
        } else {
            terminal::result(&vkey);
        }
    }
}

pub(super) fn run(command: Command, context: &Context) -> Result<(), Failure> {
    match command {
        Command::New { name, pseudonym, witness, output } => {
            let is_witness = witness.is_some();
            let name = match (name.or(witness), pseudonym) {
                (Some(name), _) => name,
                (None, Some(origin)) => random_name(&origin)?,
                (None, None) => return Err(Failure::Usage("give --name NAME".into())),
            };
            let key = KeyFile::new(generate(name)?, is_witness);
            write_text(&output, &key.secret_text())?;
            let shown = terminal::shell(&output.display().to_string());
            terminal::made(format!(
                "the key file {shown}; `onrecord key show {shown}` prints its public key"
            ));
            key.print(&output, context);
        }
        Command::Show { file } => {
            let text = read_text(&file)?;
            let key = match CosigningKey::from_secret_text(&text) {
                Ok(key) => KeyFile::Witness(key),
                Err(_) => KeyFile::Signing(signing_key(&file, &text)?),
            };
            key.print(&file, context);
        }
        Command::Import { name, witness, seed_hex_file, output } => {
            let is_witness = witness.is_some();
            let name = name.or(witness).ok_or_else(|| Failure::Usage("give --name NAME".into()))?;
            let seed = read_seed(&seed_hex_file)?;
            let key = KeyFile::new(SigningKey::from_seed(name, &seed), is_witness);
            write_text(&output, &key.secret_text())?;
            let shown = terminal::shell(&output.display().to_string());
            terminal::made(format!(
                "the key file {shown}; `onrecord key show {shown}` prints its public key"
            ));
            key.print(&output, context);
        }
    }
    Ok(())
}

/// Fills an array with the system's random bytes.
pub(super) fn random<const N: usize>() -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|e| Failure::Undecided(format!("no random bytes: {e}")))?;
    Ok(bytes)
}

/// A new key.
pub(super) fn generate(name: KeyName) -> Result<SigningKey, Failure> {
    let seed: Zeroizing<[u8; 32]> = Zeroizing::new(random()?);
    Ok(SigningKey::from_seed(name, &seed))
}

fn random_name(origin: &Origin) -> Result<KeyName, Failure> {
    let digits = u64::from_be_bytes(random()?);
    format!("{origin}/{digits:016x}").parse().map_err(|e| Failure::Usage(format!("--pseudonym: {e}")))
}

/// Writes a key file that only its owner can read. There must be none yet.
pub(super) fn write_new(path: &Path, key: &SigningKey) -> Result<(), Failure> {
    write_text(path, &key.to_secret_text())
}

fn write_text(path: &Path, text: &str) -> Result<(), Failure> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).map_err(|e| match e.kind() {
        io::ErrorKind::AlreadyExists => Failure::Refused(format!(
            "{}: there is a file already; key files are never overwritten",
            path.display()
        )),
        _ => Failure::Undecided(format!("{}: {e}", path.display())),
    })?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    written.map_err(|e| {
        // Half a key file is of no use, and would block the next try.
        let _ = fs::remove_file(path);
        Failure::Undecided(format!("{}: {e}", path.display()))
    })
}

/// Reads a key file, unless others have access to it.
pub(super) fn read(path: &Path) -> Result<SigningKey, Failure> {
    signing_key(path, &read_text(path)?)
}

/// Reads the key file of a witness, as [`read`] does.
pub(super) fn read_witness(path: &Path) -> Result<CosigningKey, Failure> {
    CosigningKey::from_secret_text(&read_text(path)?).map_err(|e| {
        let place = path.display();
        Failure::Usage(format!("key file {place}: {e}; make one with onrecord key new --witness NAME"))
    })
}

fn signing_key(path: &Path, text: &str) -> Result<SigningKey, Failure> {
    SigningKey::from_secret_text(text).map_err(|e| {
        let hint =
            if text.contains("PRIVATE+KEY+") { "" } else { "; expected PRIVATE+KEY+<name>+<id>+<base64>" };
        Failure::Usage(format!("key file {}: {e}{hint}", path.display()))
    })
}

fn read_text(path: &Path) -> Result<Zeroizing<String>, Failure> {
    secret::read(path).map_err(|e| not_read("key file ", path, e))
}

fn not_read(what: &str, path: &Path, e: SecretError) -> Failure {
    Failure::Usage(match e {
        SecretError::Io(e) => format!("{what}{}: {e}", path.display()),
        SecretError::Exposed(e) => format!("{what}{e}"),
    })
}

fn read_seed(path: &Path) -> Result<Zeroizing<[u8; 32]>, Failure> {
    let place = path.display();
    if place.to_string().bytes().all(|b| b.is_ascii_hexdigit()) && place.to_string().len() == 64 {
        return Err(Failure::Usage(
            "--seed-hex-file takes the name of a file, and never the seed itself".into(),
        ));
    }
    let text = if path == Path::new("-") {
        let mut text = Zeroizing::new(String::with_capacity(256));
        let read = io::stdin().lock().take(256).read_to_string(&mut text);
        read.map_err(|e| Failure::Usage(format!("{place}: {e}")))?;
        text
    } else {
        secret::read(path).map_err(|e| not_read("", path, e))?
    };
    let digits = text.trim();
    let mut seed = Zeroizing::new([0; 32]);
    let good = digits.len() == 64 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    if !good {
        return Err(Failure::Usage(format!("{place}: expected 64 hex digits, a seed of 32 bytes")));
    }
    for (byte, i) in seed.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(&digits[i..i + 2], 16)
            .map_err(|_| Failure::Usage(format!("{place}: expected 64 hex digits")))?;
    }
    Ok(seed)
}
