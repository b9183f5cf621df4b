//! `exhibit`: one file that carries an entry, its words and its own proof.

use std::{collections::BTreeMap, path::PathBuf};

use clap::Args as ClapArgs;

use super::{Context, Failure, client::Client, record::resolve, serving::DEFAULT_LISTEN, terminal};
use crate::{
    event::{Content, Digest},
    exhibit::{Enclosed, ExhibitVerdict, MAX_EXHIBIT, extension, verify},
    log::Policy,
    verify::{HttpSource, Source as _},
};

/// Put an entry, its words and its proof into one file
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
The file can be checked without a network and without the ledger: onrecord verify exhibit-41.zip --policy FILE

Examples:
  onrecord exhibit @41 --ledger https://ledger.example.org
  onrecord exhibit @41 --ledger https://ledger.example.org --with-files -o letter.zip")]
pub(super) struct Args {
    /// The entry: its number (@41), its event's id or its permalink
    #[arg(value_name = "ENTRY")]
    entry: String,
    /// Address of the ledger [default: http://127.0.0.1:8080]
    #[arg(long, value_name = "URL", env = "ONRECORD_LEDGER", hide_env_values = true)]
    ledger: Option<String>,
    /// Enclose the files that its words name
    #[arg(long)]
    with_files: bool,
    /// Where to write it [default: exhibit-<number>.zip]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(super) fn run(args: Args, context: &Context) -> Result<(), Failure> {
    let ledger = ledger_of(args.ledger, context);
    let client = Client::connect(&ledger)?;
    let named = resolve(&client, "ENTRY", &args.entry)?;
    let index = match named.index {
        Some(index) => Some(index),
        None => client.index_of(&named.id)?,
    };
    let index = index.ok_or_else(|| Failure::Refused(format!("{}: not on record", args.entry)))?;
    let source = HttpSource::new(&ledger).map_err(|e| Failure::Usage(e.to_string()))?;
    let path = format!("exhibit/{index}.zip");
    let bytes = source.get(&path, MAX_EXHIBIT).map_err(|e| Failure::Undecided(e.to_string()))?;
    let bytes = bytes.ok_or_else(|| Failure::Refused(format!("{ledger} has no {path}")))?;
    let mut enclosed = Enclosed::read(&bytes).map_err(|e| Failure::Refused(e.to_string()))?;
    let files = Files::fetch(&source, &enclosed, args.with_files)?;
    enclosed.files = files.enclosed();
    let bytes = enclosed.write().ok_or_else(|| Failure::Refused("it would be larger than 256 MiB".into()))?;
    // The key used here comes from the ledger itself. The recipient of the exhibit must get it from somebody else.
    let report = verify(&bytes, Some(&Policy::of_log(client.log_key().clone())));
    if report.verdict == ExhibitVerdict::Refused {
        return Err(Failure::Refused(report.to_string()));
    }
    let path = args.output.unwrap_or_else(|| format!("exhibit-{index}.zip").into());
    std::fs::write(&path, &bytes)
        .map_err(|e| Failure::Refused(format!("the output could not be written: {}: {e}", path.display())))?;
    if context.json {
        terminal::json(&report);
    } else {
        terminal::result(&format!("{}, {} bytes\n", path.display(), bytes.len()));
    }
    Ok(())
}

/// The ledger's address: `said` by a flag or variable, else from the settings file, else the default.
pub(super) fn ledger_of(said: Option<String>, context: &Context) -> String {
    said.or_else(|| context.config.ledger.clone()).unwrap_or_else(|| format!("http://{DEFAULT_LISTEN}"))
}

/// Files that words name, by digest: the extension that each has in an exhibit, and its bytes.
pub(super) struct Files(BTreeMap<Digest, (&'static str, Vec<u8>)>);

impl Files {
    /// Fetches the files that an exhibit's words name, or none if they are not `wanted`.
    pub fn fetch(source: &HttpSource, exhibit: &Enclosed<'_>, wanted: bool) -> Result<Self, Failure> {
        let words = exhibit.content.filter(|_| wanted).and_then(|words| Content::parse(words).ok());
        let mut files = BTreeMap::new();
        for file in words.iter().flat_map(Content::files) {
            let path = format!("file/{}", file.blake3);
            let got = source.get(&path, MAX_EXHIBIT).map_err(|e| Failure::Undecided(e.to_string()))?;
            // A withheld file is not served any more.
            if let Some(bytes) = got {
                files.insert(file.blake3, (extension(&file.media), bytes));
            }
        }
        Ok(Self(files))
    }

    /// The files in the form of [`Enclosed::files`].
    pub fn enclosed(&self) -> BTreeMap<Digest, (&str, &[u8])> {
        self.0.iter().map(|(digest, (ext, bytes))| (*digest, (*ext, bytes.as_slice()))).collect()
    }
}
