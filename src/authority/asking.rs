//! Asks one time-stamping authority for tokens. Nothing that it answers is believed but a good token.

use std::{sync::Arc, time::Duration};

use crate::{
    ledger::{
        Ledger, NotStamped,
        timestamped::{StampOutcome, imprint},
    },
    log::{SignedCheckpoint, Time},
    timestamp::{MAX_TOKEN, NONCE, Query, Roots, Token, TokenError},
};

/// Why there is no token from an authority.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(super) enum AskError {
    /// No answer.
    #[error("no answer: {0}")]
    Unreachable(String),
    /// An answer with a status other than 200.
    #[error("it answered {status}{}", if *.status / 100 == 3 { ", a redirect, which is not followed" } else { "" })]
    Status { status: u16 },
    /// An answer that is too long.
    #[error("its answer is longer than {MAX_TOKEN} bytes")]
    TooLong,
    /// No good token over this checkpoint.
    #[error("its answer is no good: {0}")]
    Token(#[from] TokenError),
    /// A token for another request, perhaps an old one.
    #[error("its answer is no good: nonce: expected the one of this request")]
    Nonce,
    /// A token that the ledger does not keep.
    #[error("its token is not kept: {0}")]
    NotKept(#[source] NotStamped),
    /// This machine gave no random bits, or its clock can't be read.
    #[error("{0}")]
    Own(String),
}

impl AskError {
    /// The outcome that it is counted as.
    pub fn outcome(&self) -> StampOutcome {
        match self {
            Self::Unreachable(_) | Self::Status { .. } | Self::Own(_) => StampOutcome::Unreachable,
            Self::Token(TokenError::Refused { .. }) => StampOutcome::Refused,
            Self::TooLong | Self::Token(_) | Self::Nonce | Self::NotKept(_) => StampOutcome::Bad,
        }
    }
}

/// An authority.
pub(super) struct Asking {
    url: String,
    agent: ureq::Agent,
    /// If given, a token's certificate must lead to one of these.
    roots: Option<Arc<Roots>>,
    now: fn() -> Option<Time>,
}

impl Asking {
    pub fn new(url: &str, roots: Option<Arc<Roots>>, timeout: Duration, now: fn() -> Option<Time>) -> Self {
        Self { agent: crate::agent::agent(url, timeout), url: url.to_owned(), roots, now }
    }

    /// Asks for a token over a checkpoint, and has the ledger keep it. Returns the token's time.
    ///
    /// # Errors
    /// [`AskError`].
    pub fn ask(&self, ledger: &Ledger, target: &SignedCheckpoint) -> Result<Time, AskError> {
        let mut random = [0; NONCE];
        getrandom::fill(&mut random).map_err(|e| AskError::Own(e.to_string()))?;
        let query = Query::new(&imprint(target), random);
        let bytes = self.send(&query)?;
        let token = Token::read(&bytes, &imprint(target))?;
        if !token.answers(query.nonce()) {
            return Err(AskError::Nonce);
        }
        if let Some(roots) = &self.roots {
            roots.verify(&token)?;
        }
        let now = (self.now)().ok_or_else(|| AskError::Own("this machine's clock can't be read".into()))?;
        ledger.add_timestamp(target, &self.url, &bytes, now).map_err(AskError::NotKept)
    }

    fn send(&self, query: &Query) -> Result<Vec<u8>, AskError> {
        let unreachable = |e: ureq::Error| AskError::Unreachable(e.to_string());
        let request = self.agent.post(&self.url);
        // RFC 3161, section 3.4.
        let request = request.header("Content-Type", "application/timestamp-query");
        let request = request.header("Accept", "application/timestamp-reply");
        let mut answer = request.send(query.as_bytes()).map_err(unreachable)?;
        if answer.status().as_u16() != 200 {
            return Err(AskError::Status { status: answer.status().as_u16() });
        }
        match answer.body_mut().with_config().limit(MAX_TOKEN as u64).read_to_vec() {
            Ok(body) => Ok(body),
            Err(ureq::Error::BodyExceedsLimit(_)) => Err(AskError::TooLong),
            Err(e) => Err(unreachable(e)),
        }
    }
}
