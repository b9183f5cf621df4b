//! An answer from the terminal, or a signal that comes instead of it.
//!
//! By default a signal ends the program, and all that was typed is lost. So while a question waits for its answer, Ctrl-C, a
//! closed terminal and a request to end count as answers: the command can save what was typed before.

use std::{
    io,
    sync::{
        Mutex, OnceLock,
        mpsc::{self, Sender},
    },
    thread,
    time::Duration,
};

/// How long a command may take to end by itself after a signal that it was told of.
const GRACE: Duration = Duration::from_secs(5);

/// Why there is no answer.
pub(super) enum Unheard {
    Failed(io::Error),
    /// A signal came. Holds the exit code that says which.
    Stopped(u8),
}

/// What came: an answer or a signal.
enum Heard {
    Read(io::Result<Option<String>>),
    Signal(u8),
}

/// What a signal does.
enum Listener {
    /// It ends the program, as it would without a listener.
    Nobody,
    /// A question waits for its answer. Its asker is told of the signal.
    Asker(Sender<Heard>),
    /// No answer can come any more. The command is ending, and may be saving what was typed.
    Ending,
}

static LISTENER: Mutex<Listener> = Mutex::new(Listener::Nobody);

fn listen(listener: Listener) -> Listener {
    std::mem::replace(&mut *LISTENER.lock().unwrap_or_else(|e| e.into_inner()), listener)
}

/// Shows a question and reads one line. `None` at the end of input.
pub(super) fn line(show: impl FnOnce() -> io::Result<()>) -> Result<Option<String>, Unheard> {
    hear_signals();
    let (told, heard) = mpsc::channel();
    // Before the question is shown: the user may answer it with Ctrl-C at once.
    listen(Listener::Asker(told.clone()));
    if let Err(e) = show() {
        listen(Listener::Ending);
        return Err(Unheard::Failed(e));
    }
    // A blocking read can't be interrupted, so a thread of its own reads. If no line comes, it ends with the program.
    thread::spawn(move || {
        let mut line = String::new();
        let read = io::stdin().read_line(&mut line).map(|read| (read > 0).then_some(line));
        let _ = told.send(Heard::Read(read));
    });
    let heard = heard.recv().unwrap_or(Heard::Read(Ok(None)));
    listen(match heard {
        Heard::Read(Ok(Some(_))) => Listener::Nobody,
        // A closed terminal first ends the input, and then sends its signal.
        _ => Listener::Ending,
    });
    match heard {
        Heard::Read(Ok(line)) => Ok(line),
        Heard::Read(Err(e)) => Err(Unheard::Failed(e)),
        Heard::Signal(code) => Err(Unheard::Stopped(code)),
    }
}

/// Handles a signal as the listener says, and ends the program: at once, or after [`GRACE`] if the command is still ending.
fn tell(code: u8) {
    let told = match &*LISTENER.lock().unwrap_or_else(|e| e.into_inner()) {
        Listener::Nobody => false,
        Listener::Asker(asker) => asker.send(Heard::Signal(code)).is_ok(),
        Listener::Ending => true,
    };
    if told {
        thread::sleep(GRACE);
    }
    std::process::exit(code.into());
}

/// Starts to hear signals, once. If handlers can't be installed, signals end the program as they do by default.
fn hear_signals() {
    static HEARS: OnceLock<()> = OnceLock::new();
    HEARS.get_or_init(|| {
        let (ready, is_ready) = mpsc::channel::<()>();
        thread::spawn(move || {
            let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
                return;
            };
            let code = runtime.block_on(async {
                let code = signal();
                drop(ready);
                code?.await
            });
            if let Some(code) = code {
                tell(code);
            }
        });
        // Returns when `ready` is dropped: the handlers are in place, or can't be.
        let _ = is_ready.recv();
    });
}

/// The exit code of the first signal that comes.
#[cfg(unix)]
fn signal() -> Option<impl Future<Output = Option<u8>>> {
    use tokio::signal::unix::{SignalKind, signal};
    let hears = |kind| signal(kind).ok();
    let (mut hangup, mut interrupt) = (hears(SignalKind::hangup())?, hears(SignalKind::interrupt())?);
    let mut terminate = hears(SignalKind::terminate())?;
    Some(async move {
        // 128 and the signal's number, as shells report a program that a signal ended.
        tokio::select! {
            come = hangup.recv() => come.map(|()| 128 + 1),
            come = interrupt.recv() => come.map(|()| 128 + 2),
            come = terminate.recv() => come.map(|()| 128 + 15),
        }
    })
}

#[cfg(not(unix))]
fn signal() -> Option<impl Future<Output = Option<u8>>> {
    Some(async { tokio::signal::ctrl_c().await.ok().map(|()| 128 + 2) })
}
