//! `Mutation`, with its one field `record`.

use std::{sync::Arc, time::Instant};

use async_graphql::{Context, Object};

use super::{
    receipt::Receipt,
    record_payload::{RecordPayload, RecordResult},
};
use crate::{
    event::{Code, Event, Refusal},
    ledger::{self, Ledger, ReadError, Submission, held_back},
    serve::{
        edge::{client::Client, write_rate::WriteBudget},
        graphql::{
            fault::views,
            inputs::record_input::{RecordInput, SubmissionInput},
            state::Now,
        },
        limits,
        metrics::Metrics,
    },
};

/// The root of mutations.
pub struct Mutation;

/// What can be done.
#[Object]
impl Mutation {
    /// Records events. Each has its own result or, with `atomic`, all are recorded or none. An event that is on record already
    /// is answered with its receipt, however often it is sent.
    async fn record(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to record.")] input: RecordInput,
    ) -> RecordPayload {
        // The schema and the request give every resolver these.
        let (ledger, writes) = (ctx.data_unchecked::<Ledger>(), ctx.data_unchecked::<Arc<WriteBudget>>());
        let (client, metrics) = (ctx.data_unchecked::<Client>(), ctx.data_unchecked::<Arc<Metrics>>());
        let told = |refusal: Refusal| {
            metrics.refused(refusal.code);
            vec![refusal.into()]
        };
        let refuse = |refusal| RecordPayload { results: Vec::new(), user_errors: told(refusal) };
        let count = input.submissions.len();
        if count > limits::SUBMISSIONS_MOST {
            let expected = format!("at most {}", limits::SUBMISSIONS_MOST);
            return refuse(Refusal::new(Code::TooLarge, "submissions", expected, count));
        }
        let events = input.submissions.iter().map(SubmissionInput::counts_as).sum();
        if let Err(wait) = writes.take(*client, events, Instant::now()) {
            let seconds = wait.as_secs() + 1;
            ctx.insert_http_header("Retry-After", seconds.to_string());
            let message = format!("too many events of this address; try again in {seconds} s");
            return refuse(Refusal::because(Code::RateLimited, "submissions", message));
        }
        let submissions: Vec<Submission> = input.submissions.into_iter().map(Into::into).collect();
        let at_door = submissions.iter().map(|s| at_door(ctx, s)).collect();
        let answers = take(ledger, submissions, at_door, input.atomic).await;
        let results = answers.into_iter().map(|answer| match answer {
            Ok(receipt) => RecordResult { receipt: Some(Receipt(receipt)), user_errors: Vec::new() },
            Err(refusal) => RecordResult { receipt: None, user_errors: told(refusal) },
        });
        RecordPayload { results: results.collect(), user_errors: Vec::new() }
    }
}

/// The member that a note has if it names a demand. Other notes need not be parsed here.
const DEMAND: &[u8] = b"\"demand\":";

/// Why a submission is refused by a check that needs a computed state. The ledger itself does not compute states.
fn at_door(ctx: &Context<'_>, submission: &Submission) -> Option<Refusal> {
    if !submission.note.windows(DEMAND.len()).any(|window| window == DEMAND) {
        return None;
    }
    let views = views(ctx);
    // If the event can't be parsed, the ledger says why.
    let event = Event::parse(&submission.note, views.reader().origin()).ok()?;
    // The handler gives every request its clock before it runs.
    let now = ctx.data_unchecked::<Now>().ask();
    let refused = match views.reader().index_of(&event.id()) {
        // An event on record is answered with its entry: checks of new events don't apply to it.
        Ok(Some(_)) => return None,
        Ok(None) => views.demand_at_the_door(&event, now),
        Err(e) => Err(e),
    };
    refused.unwrap_or_else(|e: ReadError| Err(unread(&e))).err()
}

fn unread(cause: &ReadError) -> Refusal {
    tracing::error!(%cause, "a demand could not be read");
    Refusal::because(Code::Unavailable, "refs.demand", "the demand can't be read now")
}

/// Hands the submissions that were not refused to the ledger, and puts all answers in the order of the submissions.
async fn take(
    ledger: &Ledger,
    submissions: Vec<Submission>,
    at_door: Vec<Option<Refusal>>,
    atomic: bool,
) -> Vec<Result<ledger::Receipt, Refusal>> {
    let first = at_door.iter().position(Option::is_some);
    if let (Some(first), true) = (first, atomic) {
        return at_door.into_iter().map(|r| Err(r.unwrap_or_else(|| held_back(first)))).collect();
    }
    let passed = submissions.into_iter().zip(&at_door).filter(|(_, refused)| refused.is_none());
    let passed: Vec<Submission> = passed.map(|(submission, _)| submission).collect();
    let answers = if passed.is_empty() { Vec::new() } else { ledger.record(passed, atomic).await };
    let mut answers = answers.into_iter();
    let answer = |refused: Option<Refusal>| match refused {
        Some(refusal) => Some(Err(refusal)),
        None => answers.next(),
    };
    at_door.into_iter().filter_map(answer).collect()
}
