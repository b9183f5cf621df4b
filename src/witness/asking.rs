//! Asks one witness for cosignatures. Nothing that it answers is believed but a good cosignature.

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

/// At most this many requests are made for one checkpoint: one, and two more with old sizes that the witness names or may have.
const TRIES: usize = 3;

/// Why a witness did not cosign.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(super) enum AskError {
    /// No answer.
    #[error("no answer: {0}")]
    Unreachable(String),
    /// An answer with a status that the protocol does not have.
    #[error("it answered {status}{}", if *.status / 100 == 3 { ", a redirect, which is not followed" } else { "" })]
    Status { status: u16 },
    /// A refusal: 400, 403 or 404.
    #[error("it refuses ({status}): {why}")]
    Refused { status: u16, why: String },
    /// 429 or 503, and when to ask again, if it says so.
    #[error("it asks to be left alone ({status})")]
    Busy { status: u16, after: Option<Duration> },
    /// No good cosignature.
    #[error("its answer is no good: {0}")]
    Bad(String),
    /// 409 without a size, or with one that did not help.
    #[error("it answered 409, and does not say with which size it would cosign")]
    NoSize,
    /// 409 with the same old size that was sent.
    #[error("it answered 409 with the size {size} that it was asked with")]
    SameSize { size: u64 },
    /// It has cosigned a larger checkpoint than the ledger has.
    #[error(
        "it has cosigned {theirs} entries, and this ledger has {ours}: was it restored from a backup? Two logs by one key can be proved"
    )]
    Ahead { theirs: u64, ours: u64 },
    /// It has cosigned a larger checkpoint than the one it was asked for, but none larger than the ledger's latest.
    #[error("it has cosigned {theirs} entries already")]
    Further { theirs: u64 },
    /// 422: this checkpoint does not continue the one that it cosigned. Or 409 for a checkpoint of the size that it cosigned.
    #[error("it has cosigned another history of {old} entries than this ledger's, or says so: {why}")]
    OtherHistory { old: u64, why: String },
    /// The ledger could not be read.
    #[error("{0}")]
    Own(String),
}

impl AskError {
    /// The outcome that it is counted as.
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

    /// Whether the operator should look into it at once.
    pub fn is_grave(&self) -> bool {
        matches!(self, Self::Ahead { .. } | Self::OtherHistory { .. })
    }

    /// After how long it wants to be asked again.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Busy { after, .. } => *after,
            _ => None,
        }
    }
}

/// A good cosignature, and the witness that made it.
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
    /// The size of a checkpoint that it was asked for and did not answer: it may have cosigned that.
    unanswered: Option<u64>,
}

/// An answer over HTTP.
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
        // Old sizes to try if its 409 names none, from the last: one that it may have cosigned, then 0.
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
                // The size may be a lie, so the next request starts from 0 again.
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
                    // It has cosigned another checkpoint of this size: earlier versions of the protocol say so by 409.
                    Some(theirs) if theirs == old && old == size => {
                        return Err(AskError::OtherHistory { old, why: why() });
                    }
                    Some(theirs) if theirs == old => return Err(AskError::SameSize { size: old }),
                    Some(theirs) => self.known = theirs,
                    // Seen in the wild: an empty body, or words.
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
