//! The roots that a reader trusts to vouch for time-stamping authorities.

use std::time::Duration;

use rustls_pki_types::{
    CertificateDer, SignatureVerificationAlgorithm, TrustAnchor, UnixTime,
    pem::{self, PemObject as _},
};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert, ring as by};

use super::{Timestamp, Token, TokenError};

/// The longest file of roots that is read, in bytes. All roots that a system trusts take some 250 KiB.
pub const MAX_ROOTS_FILE: usize = 4 << 20;
/// The most roots.
pub const MAX_ROOTS: usize = 1_024;

/// The bytes of id-kp-timeStamping.
const TIME_STAMPING: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 8];

/// The algorithms by which certificates on a path may be signed.
const ALGORITHMS: &[&dyn SignatureVerificationAlgorithm] = &[
    by::RSA_PKCS1_2048_8192_SHA256,
    by::RSA_PKCS1_2048_8192_SHA384,
    by::RSA_PKCS1_2048_8192_SHA512,
    by::RSA_PSS_2048_8192_SHA256_LEGACY_KEY,
    by::RSA_PSS_2048_8192_SHA384_LEGACY_KEY,
    by::RSA_PSS_2048_8192_SHA512_LEGACY_KEY,
    by::ECDSA_P256_SHA256,
    by::ECDSA_P256_SHA384,
    by::ECDSA_P384_SHA256,
    by::ECDSA_P384_SHA384,
];

/// Roots that can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RootsError {
    /// Not PEM.
    #[error("certificate {number}: expected PEM: {why}")]
    Pem {
        /// Its number, from 1.
        number: usize,
        /// Why.
        why: String,
    },
    /// Not a certificate.
    #[error("certificate {number}: expected one of X.509: {why}")]
    Certificate {
        /// Its number, from 1.
        number: usize,
        /// Why.
        why: String,
    },
    /// None is there.
    #[error("expected a certificate in PEM, found none")]
    None,
    /// Too many.
    #[error("expected at most {MAX_ROOTS} certificates")]
    TooMany,
}

/// Certificates that the reader trusts.
#[derive(Debug, Clone, Default)]
pub struct Roots(Vec<TrustAnchor<'static>>);

impl Roots {
    /// Adds all certificates of a text in PEM.
    ///
    /// # Errors
    /// [`RootsError`], naming the certificate.
    pub fn add_pem(&mut self, pem: &[u8]) -> Result<(), RootsError> {
        let before = self.0.len();
        for (number, read) in (1..).zip(CertificateDer::pem_slice_iter(pem)) {
            let der = read.map_err(|e: pem::Error| RootsError::Pem { number, why: e.to_string() })?;
            let anchor = anchor_from_trusted_cert(&der)
                .map_err(|e| RootsError::Certificate { number, why: e.to_string() })?;
            if self.0.len() == MAX_ROOTS {
                return Err(RootsError::TooMany);
            }
            self.0.push(anchor.to_owned());
        }
        if self.0.len() == before { Err(RootsError::None) } else { Ok(()) }
    }

    /// Checks that a path of certificates, good at the token's time, leads from its signer to one of these roots.
    ///
    /// Revocation is not checked: a token must say something without a network, and years later. Nor is it checked whether a
    /// root itself had expired.
    ///
    /// # Errors
    /// [`TokenError::Untrusted`] if none leads there, [`TokenError::Path`] if one that does is not good.
    pub fn verify(&self, token: &Token) -> Result<Timestamp, TokenError> {
        let authority = token.authority.clone();
        let (time, accuracy_ms) = (token.time, token.accuracy_ms);
        let path = |why: String| TokenError::Path { authority: authority.clone(), time, why };
        let (signer, others) =
            token.certificates.split_first().ok_or_else(|| path("no certificate".into()))?;
        let signer = EndEntityCert::try_from(signer).map_err(|e| path(e.to_string()))?;
        let at = u64::try_from(time.unix_ms()).map_err(|_| path("it was before 1970".into()))?;
        let at = UnixTime::since_unix_epoch(Duration::from_millis(at));
        // The signer's own usage was checked already. A certificate above it that names usages must name this one too.
        let usage = KeyUsage::required_if_present(TIME_STAMPING);
        match signer.verify_for_usage(ALGORITHMS, &self.0, others, at, usage, None, None) {
            Ok(_) => Ok(Timestamp { not_later_than: time, accuracy_ms, authority }),
            Err(webpki::Error::UnknownIssuer) => Err(TokenError::Untrusted { authority }),
            Err(e) => Err(path(why(&e))),
        }
    }
}

fn why(error: &webpki::Error) -> String {
    use webpki::Error as E;
    match error {
        E::CertExpired { .. } => "a certificate had expired".into(),
        E::CertNotValidYet { .. } => "a certificate was not valid yet".into(),
        E::InvalidSignatureForPublicKey => "a certificate is not signed by its issuer".into(),
        E::CaUsedAsEndEntity => "the signer's certificate is that of a CA".into(),
        E::EndEntityUsedAsCa => "a certificate that is not a CA's issued another".into(),
        e => e.to_string(),
    }
}
