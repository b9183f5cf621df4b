//! Asks those who keep what a ledger signed: witnesses, mirrors and other readers. If a whole folder was replaced by an older
//! copy, nothing in the folder shows it, but they know of more entries. They are asked before the writer opens, and while it
//! is open.

use std::time::Duration;

use crate::{
    ledger::{Ledger, Reader},
    log::{Checkpoint, MAX_CHECKPOINT, SignedCheckpoint, WitnessKey},
    note::VerifyingKey,
    verify::{
        http::{ACCEPTED, body_of},
        read_whole,
    },
    witness::{self, Told, WitnessAddress},
};

/// How long an answer may take. Before the writer opens, all are asked at the same time.
pub const AT_START: Duration = Duration::from_secs(10);
/// The pause before the peers are asked again while the ledger is served.
const EVERY: Duration = Duration::from_secs(60);
/// A ledger may have at most this many peers.
pub const MAX_PEERS: usize = 32;

/// A reader that shows the latest checkpoint it knows: a mirror, for one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Its address, without a slash at the end. Its checkpoint is at `<url>/checkpoint`.
    pub url: String,
    /// The log's key, if one was given with the address.
    pub log: Option<VerifyingKey>,
    /// The key whose cosignature must stand below the log's own signature; none for a mirror.
    pub key: Option<WitnessKey>,
}

/// The answers at a start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// How many know no more than the ledger.
    pub agree: usize,
    /// The names of those that could not be asked, each with the reason.
    pub silent: Vec<(String, String)>,
    /// The name of the first that knows more, and what it knows.
    pub more: Option<(String, String)>,
}

/// Asks all witnesses and peers at the same time; each request may take as long as `within`.
pub fn ask_all(reader: &Reader, witnesses: &[WitnessAddress], peers: &[Peer], within: Duration) -> Asked {
    let told: Vec<(String, Told)> = std::thread::scope(|scope| {
        let of_witnesses = witnesses.iter().map(|witness| {
            let name = format!("witness {}", witness.key.name());
            (name, scope.spawn(move || witness::tells(reader, witness, within)))
        });
        let of_peers = peers.iter().map(|peer| {
            let name = format!("peer {}", peer.url);
            (name, scope.spawn(move || ask(reader, peer, within)))
        });
        let asking: Vec<_> = of_witnesses.chain(of_peers).collect();
        let panicked = |_| Told::Nothing("asking it ended in a panic".to_owned());
        asking.into_iter().map(|(name, told)| (name, told.join().unwrap_or_else(panicked))).collect()
    });
    let mut asked = Asked::default();
    for (name, told) in told {
        match told {
            Told::NoMore => asked.agree += 1,
            Told::Nothing(why) => asked.silent.push((name, why)),
            Told::More(what) => asked.more = asked.more.or(Some((name, what))),
        }
    }
    asked
}

/// Asks a peer for the latest checkpoint that it knows. An answer that the log did not sign counts as no answer.
fn ask(reader: &Reader, peer: &Peer, within: Duration) -> Told {
    if peer.log.as_ref().is_some_and(|key| key != reader.log_key()) {
        return Told::Nothing("the key that was given with it is not this log's".to_owned());
    }
    let url = format!("{}/checkpoint", peer.url);
    let answer = crate::agent::agent(&peer.url, within).get(&url).header("Accept-Encoding", ACCEPTED).call();
    let answer = match answer {
        Ok(answer) if answer.status() == 200 => answer,
        Ok(answer) => return Told::Nothing(format!("it answered {}", answer.status().as_u16())),
        Err(e) => return Told::Nothing(format!("no answer: {e}")),
    };
    // Plain files of a mirror may be stored gzipped.
    let read = |body| read_whole("checkpoint", body, MAX_CHECKPOINT);
    let bytes = match body_of(&url, answer).and_then(read) {
        Ok(bytes) => bytes,
        Err(e) => return Told::Nothing(format!("no answer: {e}")),
    };
    let theirs = match Checkpoint::open(&bytes, reader.log_key()) {
        Ok(theirs) => theirs,
        Err(e) => return Told::Nothing(format!("it shows no checkpoint of this log: {e}")),
    };
    if let Some(Err(e)) = peer.key.as_ref().map(|key| key.verify(theirs.note())) {
        return Told::Nothing(format!("its checkpoint has no good cosignature by its key: {e}"));
    }
    compare(reader, &theirs)
}

/// Compares a checkpoint that the log signed with the ledger.
fn compare(reader: &Reader, theirs: &SignedCheckpoint) -> Told {
    let theirs = theirs.checkpoint();
    // Read after theirs: the log may have grown meanwhile.
    let ours = reader.checkpoint().checkpoint().size();
    let size = theirs.size();
    if size > ours {
        return Told::More(format!("it has {size} entries that this log signed, and {ours} are here"));
    }
    match reader.root_of(size) {
        Ok(root) if root == theirs.root() => Told::NoMore,
        Ok(_) => Told::More(format!("this log signed another history of its first {size} entries there")),
        Err(e) => Told::Nothing(e.to_string()),
    }
}

/// Asks the peers again and again for as long as it is polled. A peer that knows more stops the writer.
pub async fn watch(ledger: Ledger, peers: Vec<Peer>) {
    let mut silent = vec![false; peers.len()];
    loop {
        tokio::time::sleep(EVERY).await;
        for (peer, silent) in peers.iter().zip(&mut silent) {
            let (reader, asked) = (ledger.reader().clone(), peer.clone());
            let told = tokio::task::spawn_blocking(move || ask(&reader, &asked, AT_START)).await;
            match told.unwrap_or_else(|_| Told::Nothing("asking it ended in a panic".to_owned())) {
                Told::NoMore => {
                    ledger.confirmed();
                    *silent = false;
                }
                Told::Nothing(why) => {
                    if !std::mem::replace(silent, true) {
                        tracing::warn!(url = peer.url, why, "a peer could not be asked what it knows");
                    }
                }
                Told::More(what) => ledger.contradicted(&format!("peer {}: {what}", peer.url)),
            }
        }
    }
}
