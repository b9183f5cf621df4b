//! A token: read, and its signature checked against the certificate that it encloses.

use der::{Decode as _, Encode as _, asn1::ObjectIdentifier};
use ring::digest;
use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm};
use webpki::EndEntityCert;
use x509_cert::{
    Certificate,
    ext::pkix::{ExtendedKeyUsage, KeyUsage, KeyUsages, SubjectKeyIdentifier},
};

use super::asn1::{self, Accuracy, SignerIdentifier, SignerInfo};
use crate::log::Time;

/// The longest answer or token that is read, in bytes. Those of public authorities have 3 to 8 KiB.
pub const MAX_TOKEN: usize = 65_536;
/// The most certificates that a token may enclose.
pub const MAX_CERTIFICATES: usize = 16;
/// The most characters of a foreign text that are passed on.
const MOST_TEXT: usize = 200;

/// id-kp-timeStamping (RFC 3161, section 2.3).
const TIME_STAMPING: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.8");

/// A token that is not good.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// Too long.
    #[error("expected at most {MAX_TOKEN} bytes, found {found}")]
    TooLong {
        /// Its length.
        found: usize,
    },
    /// Not what RFC 3161 says, in DER.
    #[error("{place}: expected {expected}: {error}")]
    Shape {
        /// The structure.
        place: &'static str,
        /// What it should be.
        expected: &'static str,
        /// Where it is not, and how.
        error: String,
    },
    /// The authority granted nothing.
    #[error("the authority refused: status {status}{}", text.as_deref().map(|t| format!(", {t}")).unwrap_or_default())]
    Refused {
        /// PKIStatus.
        status: u64,
        /// Its reason.
        text: Option<String>,
    },
    /// Over something else.
    #[error("imprint: expected SHA-256 {expected}, found {found}")]
    Imprint {
        /// The digest that was asked about, in hex.
        expected: String,
        /// Algorithm, if it is another, and digest.
        found: String,
    },
    /// Something in it is not as it must be.
    #[error("{place}: expected {expected}")]
    Wrong {
        /// The place.
        place: &'static str,
        /// What was expected there.
        expected: &'static str,
    },
    /// The signature does not verify.
    #[error(
        "signature: expected one over the signed attributes by {authority}, found one that does not verify"
    )]
    Signature {
        /// Subject of the certificate.
        authority: String,
    },
    /// No path leads to a root that is trusted.
    #[error("certificate: {authority} leads to none of the roots that were given")]
    Untrusted {
        /// Subject of the certificate.
        authority: String,
    },
    /// The path to a root is not good.
    #[error("certificate: the path from {authority} to a root was not good at {time}: {why}")]
    Path {
        /// Subject of the certificate.
        authority: String,
        /// The token's time.
        time: Time,
        /// Why.
        why: String,
    },
}

/// A token over a digest, well formed and signed by the certificate that it encloses. Whether the reader trusts the holder of
/// that certificate, [`Roots::verify`](super::Roots::verify) says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    pub(super) time: Time,
    pub(super) accuracy_ms: Option<u64>,
    pub(super) authority: String,
    nonce: Option<Vec<u8>>,
    /// The signer's first.
    pub(super) certificates: Vec<CertificateDer<'static>>,
}

impl Token {
    /// Reads a token over a SHA-256: a whole answer of an authority (TimeStampResp, as in `.tsr` files), or the bare
    /// token in it (TimeStampToken).
    ///
    /// Checked are status, imprint, that there is one signer, the signed attributes, the certificate that they name and its
    /// purpose, and the signature. Whose certificate it is, is not checked.
    ///
    /// # Errors
    /// [`TokenError`], naming the place.
    pub fn read(bytes: &[u8], sha256: &[u8; 32]) -> Result<Self, TokenError> {
        if bytes.len() > MAX_TOKEN {
            return Err(TokenError::TooLong { found: bytes.len() });
        }
        let answer = asn1::response(bytes).map_err(shape("answer", "a TimeStampResp of RFC 3161 in DER"))?;
        let refused =
            |text: Option<&str>| TokenError::Refused { status: answer.status, text: text.map(told) };
        let token = answer.token.filter(|_| matches!(answer.status, 0 | 1)); // granted, grantedWithMods
        let token = token.ok_or_else(|| refused(answer.text))?;
        let signed = asn1::signed_data(token, MAX_CERTIFICATES)
            .map_err(shape("token", "CMS SignedData of version 3 with one signer, in DER"))?;
        if signed.content_type != asn1::TST_INFO {
            return Err(TokenError::Wrong { place: "content type", expected: "id-ct-TSTInfo" });
        }
        let info = asn1::tst_info(signed.content).map_err(shape("TSTInfo", "that of RFC 3161 in DER"))?;
        if (info.algorithm, info.imprint) != (asn1::SHA256, sha256) {
            let of =
                if info.algorithm == asn1::SHA256 { String::new() } else { format!("{} ", info.algorithm) };
            let found = format!("{of}{}", hex(info.imprint));
            return Err(TokenError::Imprint { expected: hex(sha256), found });
        }
        if info.has_critical {
            let expected = "none that is critical: none is known here";
            return Err(TokenError::Wrong { place: "TSTInfo: extensions", expected });
        }
        let expected = "YYYYMMDDHHMMSSZ, with a fraction of the second if any";
        let time = time(info.time).ok_or(TokenError::Wrong { place: "TSTInfo: genTime", expected })?;
        let (der, certificate) = signer(&signed.signer, &signed.certificates)?;
        let authority = told(&certificate.tbs_certificate().subject().to_string());
        attributes(&signed.signer, signed.content)?;
        purpose(&certificate)?;
        let der = CertificateDer::from(der.to_vec());
        signature(&signed.signer, &der, &authority)?;
        let others = signed.certificates.iter().filter(|other| **other != der.as_ref());
        let others = others.map(|other| CertificateDer::from(other.to_vec()));
        Ok(Self {
            time,
            accuracy_ms: info.accuracy.map(milliseconds),
            authority,
            nonce: info.nonce.map(<[u8]>::to_vec),
            certificates: std::iter::once(der.clone()).chain(others).collect(),
        })
    }

    /// The time that it says.
    pub fn time(&self) -> Time {
        self.time
    }

    /// Whether it answers a request with this nonce.
    pub fn answers(&self, nonce: &[u8]) -> bool {
        self.nonce.as_deref() == Some(nonce)
    }
}

fn shape(place: &'static str, expected: &'static str) -> impl Fn(der::Error) -> TokenError {
    move |error| TokenError::Shape { place, expected, error: error.to_string() }
}

/// A foreign text made fit for a message: short, on one line.
fn told(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MOST_TEXT).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().take(64).map(|b| format!("{b:02x}")).collect()
}

/// An accuracy in milliseconds; its microseconds are rounded up.
fn milliseconds(accuracy: Accuracy) -> u64 {
    let Accuracy { seconds, millis, micros } = accuracy;
    seconds.saturating_mul(1_000).saturating_add(millis).saturating_add(u64::from(micros > 0))
}

/// A GeneralizedTime of RFC 3161, in which seconds may have a fraction; rounded up to the millisecond, as the token says
/// "not later than".
fn time(text: &[u8]) -> Option<Time> {
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let (whole, fraction) = text.split_once('.').map_or((text, None), |(whole, f)| (whole, Some(f)));
    if whole.len() != 14 || !whole.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let [year, month, day] = [&whole[..4], &whole[4..6], &whole[6..8]];
    let [hour, minute, second] = [&whole[8..10], &whole[10..12], &whole[12..]];
    let time = Time::parse(&format!("{year}-{month}-{day}T{hour}:{minute}:{second}.000Z"))?;
    let more = match fraction {
        None => 0,
        Some(digits) => {
            let good = (1..=9).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
            let nanoseconds: i64 = format!("{digits:0<9}").parse().ok().filter(|_| good)?;
            (nanoseconds + 999_999) / 1_000_000
        }
    };
    Time::from_unix_ms(time.unix_ms().checked_add(more)?)
}

fn hash(algorithm: ObjectIdentifier) -> Option<&'static digest::Algorithm> {
    match algorithm {
        asn1::SHA256 => Some(&digest::SHA256),
        asn1::SHA384 => Some(&digest::SHA384),
        asn1::SHA512 => Some(&digest::SHA512),
        _ => None,
    }
}

/// The enclosed certificate that the signing-certificate attribute names by its hash.
///
/// SHA-1 (RFC 2634) is accepted, as openssl wrote it for long: to pass off another certificate, one must find a second
/// preimage.
fn signer<'a>(
    signer: &SignerInfo<'a>,
    certificates: &[&'a [u8]],
) -> Result<(&'a [u8], Certificate), TokenError> {
    let place = "signing-certificate attribute";
    let wrong = |expected| TokenError::Wrong { place, expected };
    let mut hashes: Vec<(&digest::Algorithm, &[u8])> = Vec::new();
    if signer.has(asn1::SIGNING_CERTIFICATE) {
        let value =
            signer.attribute(asn1::SIGNING_CERTIFICATE).ok_or_else(|| wrong("to stand there once"))?;
        let hash = asn1::signing_certificate(value).map_err(shape(place, "ESSCertID of RFC 2634"))?;
        hashes.push((&digest::SHA1_FOR_LEGACY_USE_ONLY, hash));
    }
    if signer.has(asn1::SIGNING_CERTIFICATE_V2) {
        let value =
            signer.attribute(asn1::SIGNING_CERTIFICATE_V2).ok_or_else(|| wrong("to stand there once"))?;
        let (algorithm, value) =
            asn1::signing_certificate_v2(value).map_err(shape(place, "ESSCertIDv2 of RFC 5035"))?;
        hashes.push((hash(algorithm).ok_or_else(|| wrong("SHA-256, SHA-384 or SHA-512"))?, value));
    }
    if hashes.is_empty() {
        return Err(wrong("one (RFC 3161, section 2.4.2; RFC 5816)"));
    }
    let named = |der: &&&[u8]| hashes.iter().all(|(by, hash)| digest::digest(by, der).as_ref() == *hash);
    let der = *certificates.iter().find(named).ok_or_else(|| wrong("that of an enclosed certificate"))?;
    let certificate =
        Certificate::from_der(der).map_err(shape("certificate", "the signer's, as RFC 5280 has it"))?;
    let tbs = certificate.tbs_certificate();
    let is_it = match signer.identifier {
        SignerIdentifier::IssuerAndSerial(issuer, serial) => {
            tbs.issuer().to_der().is_ok_and(|der| der == issuer) && tbs.serial_number().as_bytes() == serial
        }
        SignerIdentifier::SubjectKeyIdentifier(id) => {
            let found = tbs.get_extension::<SubjectKeyIdentifier>().ok().flatten();
            found.is_some_and(|(_, found)| found.0.as_bytes() == id)
        }
    };
    if is_it {
        Ok((der, certificate))
    } else {
        let expected = "the certificate that the signing-certificate attribute names";
        Err(TokenError::Wrong { place: "signer", expected })
    }
}

/// Checks that the signed attributes bind what is stamped.
fn attributes(signer: &SignerInfo<'_>, content: &[u8]) -> Result<(), TokenError> {
    let wrong = |place, expected| TokenError::Wrong { place, expected };
    let kind = signer.attribute(asn1::CONTENT_TYPE).and_then(|value| asn1::content_type(value).ok());
    if kind != Some(asn1::TST_INFO) {
        return Err(wrong("contentType attribute", "id-ct-TSTInfo, once"));
    }
    let by = hash(signer.digest).ok_or(wrong("digest algorithm", "SHA-256, SHA-384 or SHA-512"))?;
    let found = signer.attribute(asn1::MESSAGE_DIGEST).and_then(|value| asn1::message_digest(value).ok());
    if found != Some(digest::digest(by, content).as_ref()) {
        return Err(wrong("messageDigest attribute", "the digest of the TSTInfo, once"));
    }
    Ok(())
}

/// Checks that the certificate is for time-stamping and nothing else (RFC 3161, section 2.3; RFC 5280, section 4.2.1.12).
fn purpose(certificate: &Certificate) -> Result<(), TokenError> {
    let tbs = certificate.tbs_certificate();
    let wrong = |expected| TokenError::Wrong { place: "certificate", expected };
    match tbs.get_extension::<ExtendedKeyUsage>() {
        Ok(Some((true, usage))) if usage.0 == [TIME_STAMPING] => {}
        _ => return Err(wrong("the extended key usage timeStamping, critical, and no other")),
    }
    match tbs.get_extension::<KeyUsage>() {
        Ok(None) => Ok(()),
        Ok(Some((_, usage))) if signs_only(&usage) => Ok(()),
        _ => Err(wrong("a key usage of digitalSignature, nonRepudiation or both")),
    }
}

fn signs_only(usage: &KeyUsage) -> bool {
    let signing = KeyUsages::DigitalSignature | KeyUsages::NonRepudiation;
    !usage.0.is_empty() && (usage.0 - signing).is_empty()
}

fn signature(
    signer: &SignerInfo<'_>,
    certificate: &CertificateDer<'_>,
    authority: &str,
) -> Result<(), TokenError> {
    use webpki::ring as by;
    let algorithms: &[&dyn SignatureVerificationAlgorithm] = match (signer.algorithm, signer.digest) {
        (asn1::RSA | asn1::RSA_SHA256, asn1::SHA256) => &[by::RSA_PKCS1_2048_8192_SHA256],
        (asn1::RSA | asn1::RSA_SHA384, asn1::SHA384) => &[by::RSA_PKCS1_2048_8192_SHA384],
        (asn1::RSA | asn1::RSA_SHA512, asn1::SHA512) => &[by::RSA_PKCS1_2048_8192_SHA512],
        (asn1::ECDSA_SHA256, asn1::SHA256) => &[by::ECDSA_P256_SHA256, by::ECDSA_P384_SHA256],
        (asn1::ECDSA_SHA384, asn1::SHA384) => &[by::ECDSA_P256_SHA384, by::ECDSA_P384_SHA384],
        _ => {
            let expected =
                "RSA (PKCS #1) with SHA-256, 384 or 512, or ECDSA on P-256 or P-384 with SHA-256 or 384";
            return Err(TokenError::Wrong { place: "signature algorithm", expected });
        }
    };
    let bad = || TokenError::Signature { authority: authority.to_owned() };
    let certificate = EndEntityCert::try_from(certificate).map_err(|e| TokenError::Shape {
        place: "certificate",
        expected: "the signer's, as RFC 5280 has it",
        error: e.to_string(),
    })?;
    let signed = signer.to_be_signed();
    let verifies = |by: &&dyn SignatureVerificationAlgorithm| {
        certificate.verify_signature(*by, &signed, signer.signature)
    };
    if algorithms.iter().any(|by| verifies(by).is_ok()) { Ok(()) } else { Err(bad()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_rounded_up_to_the_millisecond() {
        let read = |text: &str| time(text.as_bytes()).map(|t| t.to_string());
        for (text, expected) in [
            ("20261122050000Z", "2026-11-22T05:00:00.000Z"),
            ("20261122050000.5Z", "2026-11-22T05:00:00.500Z"),
            ("20261122050000.0001Z", "2026-11-22T05:00:00.001Z"),
            ("20261231235959.999999999Z", "2027-01-01T00:00:00.000Z"),
        ] {
            assert_eq!(read(text).as_deref(), Some(expected), "{text}");
        }
        for text in [
            "",
            "Z",
            "20261122050000",
            "2026112205000Z",
            "20261322050000Z",
            "20261122050060Z",
            "20261122050000.Z",
            "20261122050000.1234567890Z",
            "20261122050000.-1Z",
            "20261122050000+0800",
            "2026112205000\u{e9}Z",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
