//! `ready`: asks a ledger whether it takes events.

use clap::Args as ClapArgs;
use serde_json::json;

use super::{Context, Failure, exhibit::ledger_of, terminal};
use crate::verify::{
    http::{agent, base_address, body_of},
    read_whole,
};

/// Ask a ledger whether it takes events
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Exit codes: 0 it takes events, and the output says if something in its folder is damaged and not served; 1 it does not;
3 it could not be asked. For health checks where there is no curl.

Examples:
  onrecord ready
  onrecord ready --ledger https://ledger.example.org")]
pub(super) struct Args {
    /// Address of the ledger [default: http://127.0.0.1:8080]
    #[arg(long, value_name = "URL", env = "ONRECORD_LEDGER", hide_env_values = true)]
    ledger: Option<String>,
}

pub(super) fn run(args: Args, context: &Context) -> Result<(), Failure> {
    let ledger = ledger_of(args.ledger, context);
    let base = base_address(&ledger).map_err(|e| Failure::Usage(format!("--ledger {e}")))?;
    let url = format!("{base}/readyz");
    let answer = agent(&base).get(&url).call();
    let answer = answer.map_err(|e| Failure::Undecided(format!("{url}: {e}")))?;
    let status = answer.status().as_u16();
    // The answer is one short line.
    let said = body_of(&url, answer).and_then(|body| read_whole(&url, body, 1_024));
    let said = said.map_err(|e| Failure::Undecided(e.to_string()))?;
    let said = String::from_utf8_lossy(&said);
    let said = said.trim();
    // After `ok, ` stands what the ledger can't serve.
    let but = said.strip_prefix("ok, ").map(terminal::plain);
    match status {
        200 if context.json => terminal::json(&match but {
            None => json!({"ready": true}),
            Some(but) => json!({"ready": true, "but": but}),
        }),
        200 => terminal::result(&but.map_or_else(|| "ready".to_owned(), |but| format!("ready, {but}"))),
        503 => return Err(Failure::Refused(format!("{base} takes no events: {said}"))),
        _ => return Err(Failure::Undecided(format!("{base}/readyz: the server answered {status}"))),
    }
    Ok(())
}
