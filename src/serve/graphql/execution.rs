//! Running a request: its document is parsed once there is room for it, it waits for its turn, and its answer is made within the
//! limits of time and work.

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

/// Why a request is not read: there is no room for it in memory.
pub(super) const IN_MEMORY: &str = "too many requests in memory";

/// Why a document was not parsed.
pub(super) enum Unparsed {
    /// There is no room for it in memory.
    Busy,
    /// It is too large, or can't be parsed.
    Refused(ServerError),
}

/// Parses the document of a request, once its size is found to be bounded and `held` has room for the parsed document, which
/// stays in memory while the request waits for its turn. Parsing a long document takes a turn of its own.
///
/// # Errors
/// [`Unparsed`], if there is no room for the document, or if it is too large or can't be parsed.
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
    // Commas and comments are no tokens, but take time too, so the length counts as well.
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

/// Checks a request and runs it.
///
/// A query waits for a turn, and runs on a thread that may wait for the disk. A mutation that is quickly checked runs as a
/// task without a turn: recording blocks no thread while it waits, and thousands a second would otherwise wake a thread each.
/// `held` is kept until the request is done, even if nobody waits for it any more. `None` if the request broke, which is logged.
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

/// Runs a request that was checked. `allowed` is `None` if the same request was answered before without errors: then it is not
/// validated again. `finish` turns the answer into what the caller wants, in the same turn, since writing it takes a while too.
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
    // Recording waits for the disk, so it has more time.
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

/// Views of the log at its present size, and the state by which an answer made from them is cached.
pub(super) fn at_this_moment(app: &App) -> (answers::State, Views) {
    // Read before the views, so that an answer is never taken to hold cosignatures that came after it.
    let cosignatures = app.ledger.reader().cosignatures();
    let views = app.views();
    (answers::State { size: views.size(), withheld: views.withheld(), cosignatures }, views)
}
