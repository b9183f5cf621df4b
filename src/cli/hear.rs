//! An answer from the terminal, or a signal that comes instead of it.
//!
//! A signal ends a program that does not wait for it, and with it all that was typed. So while somebody is asked, Ctrl-C, a
//! closed terminal and a request to end are heard as answers: whoever asked can keep what was typed before.

use std::{
    io,
    sync::{
        Mutex, OnceLock,
        mpsc::{self, Sender},
    },
    thread,
    time::Duration,
};

/// How long a command has to end by itself, once it can't be answered any more.
const GRACE: Duration = Duration::from_secs(5);

/// Why there is no answer.
pub(super) enum Unheard {
    Failed(io::Error),
    /// A signal came; the exit code that says which.
    Stopped(u8),
}

/// What is heard.
enum Heard {
    Read(io::Result<Option<String>>),
    Signal(u8),
}

/// What becomes of a signal.
enum Listener {
    /// It ends the program, as it would without a listener.
    Nobody,
    /// Somebody is asked, and is told of it.
    Asker(Sender<Heard>),
    /// Nobody can answer any more. The command is ending, and may be keeping what was typed.
    Ending,
}

static LISTENER: Mutex<Listener> = Mutex::new(Listener::Nobody);

fn listen(listener: Listener) -> Listener {
    std::mem::replace(&mut *LISTENER.lock().unwrap_or_else(|e| e.into_inner()), listener)
}

/// One line, once the question is shown. `None` at the end of input.
pub(super) fn line(show: impl FnOnce() -> io::Result<()>) -> Result<Option<String>, Unheard> {
    hear_signals();
    let (told, heard) = mpsc::channel();
    // Whoever sees the question may answer at once.
    listen(Listener::Asker(told.clone()));
    if let Err(e) = show() {
        listen(Listener::Ending);
        return Err(Unheard::Failed(e));
    }
    // Nothing takes a thread out of a read; it ends with the program if no line comes.
    thread::spawn(move || {
        let mut line = String::new();
        let read = io::stdin().read_line(&mut line).map(|read| (read > 0).then_some(line));
        let _ = told.send(Heard::Read(read));
    });
    let heard = heard.recv().unwrap_or(Heard::Read(Ok(None)));
    listen(match heard {
        Heard::Read(Ok(Some(_))) => Listener::Nobody,
        // A terminal that is closed ends the input, and then sends its signal.
        _ => Listener::Ending,
    });
    match heard {
        Heard::Read(Ok(line)) => Ok(line),
        Heard::Read(Err(e)) => Err(Unheard::Failed(e)),
        Heard::Signal(code) => Err(Unheard::Stopped(code)),
    }
}

/// Does with a signal what the listener says.
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

/// Starts to hear signals, once. Where that can't be they end the program, as they do without it.
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
                // Handlers are in place.
                drop(ready);
                code?.await
            });
            if let Some(code) = code {
                tell(code);
            }
        });
        // It ends when the other side is dropped.
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
        // As a shell says which signal ended a program.
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
