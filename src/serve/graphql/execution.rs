//! How a request is run: its document is parsed once there is room for it, it waits for its turn, and its answer is made
//! within the limits of time and work.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use async_graphql::{Request, Response as Answer, ServerError};

use super::{
    admission::{Allowed, allow},
    cache::answers,
    errors, fault,
    meter::{self, Meter},
    request::mutates,
    state::Now,
    tokens,
};
use crate::{
    ledger::ReadError,
    serve::{
        app::App,
        clock,
        edge::{
            client::Client,
            fair_queue::{Turn, Weight},
            quota::Share,
        },
        limits,
    },
    views::{Allowance, Views},
};

/// Why a request is not read.
pub(super) const IN_MEMORY: &str = "too many requests in memory";

/// Why a document was not parsed.
pub(super) enum Unparsed {
    /// There is no room for it in memory.
    Busy,
    /// It can't be taken, or read.
    Refused(ServerError),
}

/// A request with its document parsed, which is found to be of a bounded size before, and to have room in memory: it waits
/// for its turn with the document parsed. A long one waits for a turn to be parsed too: that is work.
///
/// # Errors
/// What can't be taken, or read.
pub(super) async fn parsed(
    app: &App,
    client: Client,
    mut request: Request,
    held: &mut Share,
) -> Result<Request, Unparsed> {
    let counted = tokens::count(&request.query).map_err(Unparsed::Refused)?;
    let parsed = counted.tokens.saturating_mul(limits::TOKEN_BYTES).saturating_add(request.query.len());
    if !held.grow(parsed) {
        return Err(Unparsed::Busy);
    }
    if app.documents.give(&mut request) {
        return Ok(request);
    }
    // What is no token takes its time too.
    if counted.tokens <= limits::PARSED_IN_PLACE && request.query.len() <= limits::READ_IN_PLACE {
        app.documents.parse(&mut request).map_err(Unparsed::Refused)?;
        return Ok(request);
    }
    let turn = app.queue.wait(client, Weight::Light).await;
    let app = app.clone();
    let parsing = tokio::task::spawn_blocking(move || {
        turn.spend(|| app.documents.parse(&mut request).map(|()| request))
    });
    let ended = |join| fault::of_request(&ReadError::Fault(format!("a document was not read: {join}")));
    parsing.await.unwrap_or_else(|join| Err(ended(join))).map_err(Unparsed::Refused)
}

/// Runs a request: in its turn, on a thread that may wait for the disk; without one as a task, since recording
/// waits without a thread and thousands a second would otherwise wake one each. What it holds is held until it is done, even
/// if nobody waits for it any more. `None` if it broke, which is logged.
pub(super) async fn execute<T: Send + 'static>(
    app: &App,
    client: Client,
    held: impl Send + 'static,
    mut request: Request,
    finish: impl FnOnce(Answer) -> T + Send + 'static,
) -> Option<T> {
    let allowed = match allow(&mut request) {
        Ok(allowed) => allowed,
        Err(refused) => return Some(finish(Answer::from_errors(vec![refused]))),
    };
    let in_place = allowed.light && mutates(&mut request);
    let turn = if in_place { None } else { Some(app.queue.wait(client, allowed.weight).await) };
    let (views, now) = (app.views(), Now::new(clock::now()));
    let finish = |answer, _| finish(answer);
    execute_with(app, Some(allowed), client, held, request, turn, (views, now), finish).await
}

/// Runs a request of which it is known what it may cost; one that was answered before and not found too large, if nothing
/// is said. `finish` makes of the answer what is wanted, in the same turn: writing it takes a while too.
#[allow(clippy::too_many_arguments)]
pub(super) async fn execute_with<T: Send + 'static>(
    app: &App,
    allowed: Option<Allowed>,
    client: Client,
    held: impl Send + 'static,
    mut request: Request,
    turn: Option<Turn>,
    (views, now): (Views, Now),
    finish: impl FnOnce(Answer, Duration) -> T + Send + 'static,
) -> Option<T> {
    let runtime = tokio::runtime::Handle::current();
    let schema = match allowed {
        None => &app.schemas.of_known,
        Some(allowed) if allowed.open => &app.schemas.metered,
        Some(_) => &app.schemas.plain,
    };
    let schema = schema.clone();
    // Recording has no end of its own: it waits for the disk, and is not cut short.
    let time = if mutates(&mut request) { limits::REQUEST_TIMEOUT } else { limits::WORK_TIMEOUT };
    let execution = async move {
        let (_held, began) = (held, Instant::now());
        let allowance = Arc::new(Allowance::new(limits::ENTRIES_READ, began + time));
        let mut meter = None;
        if let Some(allowed) = allowed.filter(|allowed| allowed.open) {
            let counting = Arc::new(Meter::new(allowance.clone(), allowed.typenames));
            request = request.data(counting.clone());
            meter = Some(counting);
        }
        let request = request.data(Arc::new(views.within(&allowance))).data(now).data(client);
        let mut answer = schema.execute(request).await;
        let ended = meter.map_or_else(|| allowance.is_spent().then(meter::spent), |meter| meter.ended());
        if let Some(error) = ended {
            answer = Answer::from_errors(vec![error]);
        }
        finish(errors::bounded(answer), began.elapsed())
    };
    let running = match turn {
        Some(turn) => tokio::task::spawn_blocking(move || turn.spend(|| runtime.block_on(execution))),
        None => tokio::spawn(execution),
    };
    match running.await {
        Ok(answered) => Some(answered),
        Err(join) => {
            fault::internal(&ReadError::Fault(format!("a query ended: {join}")));
            None
        }
    }
}

/// A log at one moment, and the state that an answer by it is of.
pub(super) fn at_this_moment(app: &App) -> (answers::State, Views) {
    // Asked first, so that an answer is never taken to know cosignatures that came after.
    let cosignatures = app.ledger.reader().cosignatures();
    let views = app.views();
    (answers::State { size: views.size(), withheld: views.withheld(), cosignatures }, views)
}
