//! One witness as a log asks it, and what it answers: nothing it says is believed but a cosignature that is good.

use std::time::Duration;

use super::address::WitnessAddress;
use crate::{
    ledger::{Reader, cosigned::AskOutcome},
    log::{
        AddCheckpoint, Cosignature, MAX_COSIGNATURES, SignedCheckpoint, WitnessKey, read_cosignature,
        read_size,
    },
    note::SignatureLine,
};

/// Requests for one checkpoint, at most: one, and two more with sizes that the witness names or may have.
const TRIES: usize = 3;

/// Why a witness did not cosign.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(super) enum AskError {
    /// No answer.
    #[error("no answer: {0}")]
    Unreachable(String),
    /// An answer that no witness gives.
    #[error("it answered {status}{}", if *.status / 100 == 3 { ", a redirect, which is not followed" } else { "" })]
    Status { status: u16 },
    /// It refuses: 400, 403, 404.
    #[error("it refuses ({status}): {why}")]
    Refused { status: u16, why: String },
    /// 429 or 503.
    #[error("it asks to be left alone ({status})")]
    Busy { status: u16, after: Option<Duration> },
    /// No good cosignature.
    #[error("its answer is no good: {0}")]
    Bad(String),
    /// 409, and no size that leads on.
    #[error("it answered 409, and does not say with which size it would cosign")]
    NoSize,
    /// 409 with the size that was sent.
    #[error("it answered 409 with the size {size} that it was asked with")]
    SameSize { size: u64 },
    /// It has cosigned a larger checkpoint than the ledger has.
    #[error(
        "it has cosigned {theirs} entries, and this ledger has {ours}: was it restored from a backup? Two logs by one key can be proved"
    )]
    Ahead { theirs: u64, ours: u64 },
    /// It has cosigned a larger checkpoint than the one asked for; the next is larger.
    #[error("it has cosigned {theirs} entries already")]
    Further { theirs: u64 },
    /// 422: what it cosigned is not continued.
    #[error("it has cosigned another history of {old} entries than this ledger's, or says so: {why}")]
    OtherHistory { old: u64, why: String },
    /// The ledger could not be read.
    #[error("{0}")]
    Own(String),
}

impl AskError {
    /// What it counts as.
    pub fn outcome(&self) -> AskOutcome {
        match self {
            Self::Unreachable(_) | Self::Status { .. } | Self::Own(_) => AskOutcome::Unreachable,
            Self::Refused { .. } => AskOutcome::Refused,
            Self::Busy { .. } => AskOutcome::Busy,
            Self::Bad(_) => AskOutcome::Bad,
            Self::NoSize
            | Self::SameSize { .. }
            | Self::Ahead { .. }
            | Self::Further { .. }
            | Self::OtherHistory { .. } => AskOutcome::Conflict,
        }
    }

    /// Whether somebody should look at once.
    pub fn is_grave(&self) -> bool {
        matches!(self, Self::Ahead { .. } | Self::OtherHistory { .. })
    }

    /// When it wants to be asked again.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Busy { after, .. } => *after,
            _ => None,
        }
    }
}

/// A good cosignature, and whose it is.
pub(super) struct Answered {
    witness: WitnessKey,
    cosignature: Cosignature,
}

impl Answered {
    pub fn witness(&self) -> &WitnessKey {
        &self.witness
    }
    pub fn line(&self) -> &SignatureLine {
        self.cosignature.line()
    }
}

/// A witness, and what is known of what it cosigned.
pub(super) struct Asking {
    witness: WitnessAddress,
    agent: ureq::Agent,
    /// The size of the checkpoint that it cosigned last, as far as is known.
    known: u64,
    /// The size of one that it was asked for without an answer: it may have cosigned that.
    unanswered: Option<u64>,
}

/// An answer, as far as it was read.
struct Answer {
    status: u16,
    after: Option<Duration>,
    body: Vec<u8>,
}

impl Asking {
    pub fn new(witness: WitnessAddress, known: u64, timeout: Duration) -> Self {
        let agent = crate::agent::agent(&witness.url, timeout);
        Self { witness, agent, known, unanswered: None }
    }

    /// Asks for a cosignature on a checkpoint.
    ///
    /// # Errors
    /// [`AskError`].
    pub fn ask(&mut self, reader: &Reader, target: &SignedCheckpoint) -> Result<Answered, AskError> {
        let size = target.checkpoint().size();
        // What to ask with if it does not say: what it may have, then nothing.
        let mut others = vec![0];
        others.extend(self.unanswered);
        others.retain(|other| *other != self.known);
        for _ in 0..TRIES {
            let old = self.known;
            if old > size {
                let ours = reader.checkpoint().checkpoint().size();
                if old <= ours {
                    return Err(AskError::Further { theirs: old });
                }
                // It may be a lie, so it is asked again from the beginning.
                self.known = 0;
                return Err(AskError::Ahead { theirs: old, ours });
            }
            let own = |e: &dyn std::fmt::Display| AskError::Own(e.to_string());
            let proof = reader.consistency(old, size).map_err(|e| own(&e))?.unwrap_or_default();
            let request = AddCheckpoint::new(old, proof, target.note().clone()).map_err(|e| own(&e))?;
            let answer = match self.send(&request) {
                Ok(answer) => answer,
                Err(e) => {
                    self.unanswered = Some(size);
                    return Err(e);
                }
            };
            let why = || {
                let line: String = String::from_utf8_lossy(&answer.body).chars().take(200).collect();
                line.trim().replace(|c: char| c.is_control(), " ")
            };
            match answer.status {
                200 => {
                    let found = read_cosignature(target.note(), &answer.body, &self.witness.key);
                    let cosignature = found.map_err(|e| AskError::Bad(e.to_string()))?;
                    (self.known, self.unanswered) = (size, None);
                    return Ok(Answered { witness: self.witness.key.clone(), cosignature });
                }
                409 => match read_size(&answer.body) {
                    // It has cosigned as much, and not the same: earlier versions of the protocol say so by 409.
                    Some(theirs) if theirs == old && old == size => {
                        return Err(AskError::OtherHistory { old, why: why() });
                    }
                    Some(theirs) if theirs == old => return Err(AskError::SameSize { size: old }),
                    Some(theirs) => self.known = theirs,
                    // Seen in the wild: nothing, or words.
                    None => self.known = others.pop().ok_or(AskError::NoSize)?,
                },
                422 => return Err(AskError::OtherHistory { old, why: why() }),
                429 | 503 => return Err(AskError::Busy { status: answer.status, after: answer.after }),
                status @ (400 | 403 | 404) => return Err(AskError::Refused { status, why: why() }),
                status => return Err(AskError::Status { status }),
            }
        }
        Err(AskError::NoSize)
    }

    fn send(&self, request: &AddCheckpoint) -> Result<Answer, AskError> {
        let unreachable = |e: ureq::Error| AskError::Unreachable(e.to_string());
        let url = format!("{}/add-checkpoint", self.witness.url);
        let mut answer = self.agent.post(&url).send(request.to_string()).map_err(unreachable)?;
        let after = answer.headers().get("retry-after").and_then(|v| v.to_str().ok()?.parse().ok());
        let status = answer.status().as_u16();
        let body = answer.body_mut().with_config().limit(MAX_COSIGNATURES as u64).read_to_vec();
        let body = match body {
            Ok(body) => body,
            Err(ureq::Error::BodyExceedsLimit(limit)) => {
                return Err(AskError::Bad(format!("longer than {limit} bytes")));
            }
            Err(e) => return Err(unreachable(e)),
        };
        Ok(Answer { status, after: after.map(Duration::from_secs), body })
    }
}
