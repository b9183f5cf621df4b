//! One open connection: whose turn it is, and how far its peer is behind a fair pace ([`Pace`]).

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Waker},
    time::{Duration, Instant},
};

use tokio::sync::Notify;

use super::{client::Client, pace::Pace};
use crate::serve::limits;

/// What happens on a connection now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// The server waits for the head of a request.
    Open,
    /// A request is being read, worked on or answered.
    Busy,
    /// It has left HTTP: it carries a WebSocket.
    Upgraded,
    /// It was dropped to make room, and will be closed.
    Dropped,
}

/// One open connection, as the table and its requests see it.
pub(in crate::serve) struct Seat {
    /// The client at the peer's address.
    pub(super) address: Client,
    /// Whether the peer is a trusted proxy.
    proxy: bool,
    state: Mutex<State>,
    dropped: Notify,
}

struct State {
    mode: Mode,
    pace: Pace,
    /// Requests that were answered, and messages that came whole over an upgraded connection.
    answered: u64,
    /// Bytes of control frames that came since an upgraded connection was read last.
    control: usize,
    /// Whether the socket has been asked for a head since the last answer. If not, the next request came together with the
    /// one before.
    heard: bool,
    /// Whether the peer must give way: another needs what its request or its upgraded connection holds.
    gives_way: bool,
    /// Woken when the peer must give way.
    waker: Option<Waker>,
    /// The client that asked for an upgraded connection, and its share of such connections. The share goes back when the
    /// socket is closed and not later: the quota knows the seat, so a share kept in the seat would keep itself alive.
    upgraded: Option<(Client, Box<dyn Send>)>,
}

/// How long and for what a connection waits for its peer.
pub(super) struct Waiting {
    /// How far the peer is behind.
    pub behind: Duration,
    /// Whether a request was answered over it.
    pub of_use: bool,
    /// Whether a body or an answer moves at a fair pace.
    pub moving: bool,
}

impl State {
    /// `None` if the connection must not be dropped: it is the server's turn, or it is upgraded.
    fn droppable(&self, now: Instant) -> Option<Waiting> {
        let behind = self.pace.behind(now)?;
        match self.mode {
            Mode::Open | Mode::Busy => Some(Waiting {
                behind,
                of_use: self.answered > 0,
                moving: self.mode == Mode::Busy && behind.is_zero(),
            }),
            Mode::Upgraded | Mode::Dropped => None,
        }
    }
}

/// What is read from a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::serve) enum Reading {
    /// The head of a request. The number says how many requests were answered before it.
    Head(u64),
    /// The body of a request, or what comes after it.
    Request,
    /// Messages of an upgraded connection.
    Upgraded {
        /// How many requests were answered and messages received whole.
        whole: u64,
        /// Bytes of control frames that came since the last call.
        control: usize,
    },
}

impl Seat {
    pub(super) fn new(client: Client, proxy: bool) -> Self {
        let state = State {
            mode: Mode::Open,
            pace: Pace::waiting(Instant::now()),
            answered: 0,
            control: 0,
            heard: false,
            gives_way: false,
            waker: None,
            upgraded: None,
        };
        Self { address: client, proxy, state: Mutex::new(state), dropped: Notify::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How it waits, if it may be dropped.
    pub(super) fn droppable(&self, now: Instant) -> Option<Waiting> {
        self.lock().droppable(now)
    }

    /// Drops it if it may still be dropped. Says whether it did.
    pub(super) fn drop_now(&self) -> bool {
        let mut state = self.lock();
        let may = state.droppable(Instant::now()).is_some();
        if may {
            state.mode = Mode::Dropped;
            self.dropped.notify_one();
        }
        may
    }

    /// Waits until the connection is dropped to make room.
    pub async fn dropped(&self) {
        self.dropped.notified().await;
    }

    /// What is read from it now.
    pub fn reading(&self) -> Reading {
        let mut state = self.lock();
        match state.mode {
            Mode::Open => {
                state.heard = true;
                Reading::Head(state.answered)
            }
            Mode::Busy | Mode::Dropped => Reading::Request,
            Mode::Upgraded => {
                Reading::Upgraded { whole: state.answered, control: std::mem::take(&mut state.control) }
            }
        }
    }

    /// Records that the server waits for the peer. Gives whether the peer must give way; then the waiting is over.
    pub fn waits(&self, cx: &Context<'_>) -> bool {
        let mut state = self.lock();
        state.pace.waits();
        match &mut state.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        state.gives_way
    }

    /// Whether the peer must give way.
    pub fn gives_way(&self) -> bool {
        self.lock().gives_way
    }

    /// Records that the peer sent or took `bytes` bytes.
    pub fn moved(&self, bytes: usize) {
        let mut state = self.lock();
        match state.mode {
            // The end of an answer is still being taken when the next head is awaited.
            Mode::Open => state.pace = Pace::waiting(Instant::now()),
            // A peer that only answers pings rests.
            Mode::Upgraded if bytes <= limits::SOCKET_PING_BYTES => {}
            Mode::Upgraded => state.pace = Pace::waiting(Instant::now()),
            Mode::Busy | Mode::Dropped => state.pace.moved(bytes),
        }
    }

    /// Records `bytes` bytes of a long message that is not whole yet. Until it is, its peer must keep the pace of a body.
    pub fn brought(&self, bytes: usize) {
        self.lock().pace.brought(bytes);
    }

    /// Records a message that came whole over an upgraded connection.
    pub fn came_whole(&self) {
        let mut state = self.lock();
        if state.mode == Mode::Upgraded {
            state.answered += 1;
        }
    }

    /// Records a control frame with `bytes` bytes of payload. It is no part of a message and is not kept.
    pub fn came_beside(&self, bytes: usize) {
        let mut state = self.lock();
        // A client's frame has two bytes of head and a mask of four (RFC 6455, section 5.2).
        state.control = state.control.saturating_add(bytes + 6);
    }

    /// The client that it belongs to: the one that asked for the upgrade, else the one at the peer's address.
    pub fn client(&self) -> Client {
        self.lock().upgraded.as_ref().map_or(self.address, |(client, _)| *client)
    }

    /// Whether the peer is a trusted proxy.
    pub fn is_proxy(&self) -> bool {
        self.proxy
    }

    /// Takes the share that an upgraded connection held. The caller drops it when it holds no lock: its drop takes one.
    pub(super) fn take_share(&self) -> Option<impl Send + use<>> {
        self.lock().upgraded.take()
    }

    #[cfg(test)]
    pub(super) fn is_dropped(&self) -> bool {
        self.lock().mode == Mode::Dropped
    }

    /// Whether a request is under way.
    pub fn is_busy(&self) -> bool {
        self.lock().mode == Mode::Busy
    }

    /// How far the peer is behind, if what its head, request or upgraded connection holds may be given to another. For an
    /// upgraded connection that brings no long message: how long it has rested.
    pub fn behind(&self, now: Instant) -> Option<Duration> {
        let state = self.lock();
        match state.mode {
            Mode::Open | Mode::Busy | Mode::Upgraded => state.pace.behind(now),
            Mode::Dropped => None,
        }
    }

    /// How slowly the peer sends a body or takes an answer, if that is slow: see [`Pace::slowness`].
    pub fn slowness(&self, now: Instant) -> Option<Duration> {
        let state = self.lock();
        (state.mode == Mode::Busy).then(|| state.pace.slowness(now)).flatten()
    }

    /// Ends the waiting for the peer: others need what its request or its upgraded connection holds.
    pub fn give_way(&self) {
        let mut state = self.lock();
        state.gives_way = true;
        if let Some(waker) = state.waker.take() {
            waker.wake();
        }
    }

    /// Makes it look as if the server had waited for the peer for `time`.
    #[cfg(test)]
    pub fn waited(&self, time: Duration) {
        self.lock().pace = Pace::waiting(Instant::now().checked_sub(time).unwrap());
    }

    /// Makes it look as if the peer had moved `bytes` bytes in `time`, and kept the pace.
    #[cfg(test)]
    pub fn moved_in(&self, bytes: u64, time: Duration) {
        self.lock().pace = Pace::moved_in(bytes, time);
    }

    /// Begins a request. `None` if the connection was dropped a moment ago: then nothing must be done for it.
    pub fn begin(self: &Arc<Self>) -> Option<UnderWay> {
        let mut state = self.lock();
        if state.mode != Mode::Open {
            return None;
        }
        (state.mode, state.pace, state.gives_way) = (Mode::Busy, Pace::default(), false);
        let pipelined = !std::mem::take(&mut state.heard);
        Some(UnderWay { seat: self.clone(), pipelined })
    }

    /// Turns the connection into an upgraded one, which belongs to `client` and holds its `share` of such connections until
    /// it is closed.
    pub fn upgrade(&self, client: Client, share: impl Send + 'static) {
        let mut state = self.lock();
        (state.mode, state.pace) = (Mode::Upgraded, Pace::waiting(Instant::now()));
        state.upgraded = Some((client, Box::new(share)));
    }
}

/// A request, from its head to the last byte of its answer.
pub(in crate::serve) struct UnderWay {
    seat: Arc<Seat>,
    /// Whether the request came together with the one before.
    pub pipelined: bool,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut state = self.seat.lock();
        if state.mode == Mode::Busy {
            (state.mode, state.pace) = (Mode::Open, Pace::waiting(Instant::now()));
            state.answered += 1;
        }
    }
}
