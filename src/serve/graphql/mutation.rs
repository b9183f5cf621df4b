//! `Mutation`.

use std::{sync::Arc, time::Instant};

use async_graphql::{Context, Object};

use super::{
    receipt::Receipt,
    record_input::{RecordInput, SubmissionInput},
    record_payload::{RecordPayload, RecordResult},
};
use crate::{
    event::{Code, Refusal},
    ledger::{Ledger, Submission},
    serve::{Client, limits, metrics::Metrics, write_rate::WriteBudget},
};

/// What can be done.
pub struct Mutation;

/// What can be done.
#[Object]
impl Mutation {
    /// Puts events on record, answered one by one or, with `atomic`, all or none. An event that is on record
    /// already is answered with its receipt, however often it is sent.
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
        let answers = ledger.record(submissions, input.atomic).await;
        let results = answers.into_iter().map(|answer| match answer {
            Ok(receipt) => RecordResult { receipt: Some(Receipt(receipt)), user_errors: Vec::new() },
            Err(refusal) => RecordResult { receipt: None, user_errors: told(refusal) },
        });
        RecordPayload { results: results.collect(), user_errors: Vec::new() }
    }
}
