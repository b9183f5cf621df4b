//! The structures of RFC 3161, RFC 5652 and RFC 5035 that a token is made of, in DER. What is signed is kept as the bytes
//! that stand there: nothing is written anew to be checked.

use der::{
    Decode as _, Error, ErrorKind, Reader as _, SliceReader, Tag, TagNumber, Tagged as _,
    asn1::{AnyRef, IntRef, ObjectIdentifier},
};

type Result<T> = std::result::Result<T, Error>;

pub const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
pub const TST_INFO: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.1.4");
pub const CONTENT_TYPE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.3");
pub const MESSAGE_DIGEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.4");
pub const SIGNING_CERTIFICATE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.12");
pub const SIGNING_CERTIFICATE_V2: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.47");
pub const SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
pub const SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.2");
pub const SHA512: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.3");
pub const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
pub const RSA_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");
pub const RSA_SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.12");
pub const RSA_SHA512: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.13");
pub const ECDSA_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");
pub const ECDSA_SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.3");

const fn field(number: u32) -> Tag {
    Tag::ContextSpecific { constructed: true, number: TagNumber(number) }
}

const fn primitive_field(number: u32) -> Tag {
    Tag::ContextSpecific { constructed: false, number: TagNumber(number) }
}

/// Reads `bytes`, of which nothing may be left over.
fn whole<'a, T>(bytes: &'a [u8], read: impl FnOnce(&mut SliceReader<'a>) -> Result<T>) -> Result<T> {
    let mut reader = SliceReader::new(bytes)?;
    let value = read(&mut reader)?;
    reader.finish()?;
    Ok(value)
}

/// The value of the next element, which must have this tag.
fn value<'a>(reader: &mut SliceReader<'a>, tag: Tag) -> Result<&'a [u8]> {
    let any = AnyRef::decode(reader)?;
    any.tag().assert_eq(tag)?;
    Ok(any.value())
}

fn is_next(reader: &SliceReader<'_>, tag: Tag) -> bool {
    !reader.is_finished() && Tag::peek(reader).is_ok_and(|t| t == tag)
}

fn optional<'a>(reader: &mut SliceReader<'a>, tag: Tag) -> Result<Option<&'a [u8]>> {
    is_next(reader, tag).then(|| value(reader, tag)).transpose()
}

/// Reads all of one SEQUENCE.
fn sequence<'a, T>(
    reader: &mut SliceReader<'a>,
    read: impl FnOnce(&mut SliceReader<'a>) -> Result<T>,
) -> Result<T> {
    whole(value(reader, Tag::Sequence)?, read)
}

/// Reads the elements of a SET OF or SEQUENCE OF, at most `most`.
fn each<'a, T>(
    bytes: &'a [u8],
    most: usize,
    mut read: impl FnMut(&mut SliceReader<'a>) -> Result<T>,
) -> Result<Vec<T>> {
    whole(bytes, |reader| {
        let mut out = Vec::new();
        while !reader.is_finished() {
            if out.len() == most {
                return Err(reader.error(ErrorKind::Overlength));
            }
            out.push(read(reader)?);
        }
        Ok(out)
    })
}

/// AlgorithmIdentifier, without parameters or with NULL: no algorithm that is accepted has others.
fn algorithm(reader: &mut SliceReader<'_>) -> Result<ObjectIdentifier> {
    sequence(reader, |reader| {
        let oid = ObjectIdentifier::decode(reader)?;
        if let Some(null) = optional(reader, Tag::Null)?
            && !null.is_empty()
        {
            return Err(reader.error(ErrorKind::Length { tag: Tag::Null }));
        }
        Ok(oid)
    })
}

/// A number that is not negative and fits a `u64`.
fn number(bytes: &[u8]) -> Option<u64> {
    let bytes = match bytes {
        [] => return None,
        [0x80..=0xff, ..] => return None,
        [0, rest @ ..] => rest,
        all => all,
    };
    (bytes.len() <= 8).then(|| bytes.iter().fold(0, |n, b| n << 8 | u64::from(*b)))
}

/// What an answer says, and the token that it holds if it was granted.
pub struct Response<'a> {
    /// PKIStatus.
    pub status: u64,
    /// The first of its texts.
    pub text: Option<&'a str>,
    /// TimeStampToken.
    pub token: Option<&'a [u8]>,
}

/// Reads a TimeStampResp; a bare TimeStampToken is taken for one that was granted.
pub fn response(bytes: &[u8]) -> Result<Response<'_>> {
    let is_token = whole(value(&mut SliceReader::new(bytes)?, Tag::Sequence)?, |reader| {
        let is_token = is_next(reader, Tag::ObjectIdentifier);
        while !reader.is_finished() {
            AnyRef::decode(reader)?;
        }
        Ok(is_token)
    })?;
    if is_token {
        return Ok(Response { status: 0, text: None, token: Some(bytes) });
    }
    whole(bytes, |reader| {
        sequence(reader, |reader| {
            let (status, text) = sequence(reader, |reader| {
                let status = number(IntRef::decode(reader)?.as_bytes())
                    .ok_or_else(|| reader.error(ErrorKind::Value { tag: Tag::Integer }))?;
                let texts = optional(reader, Tag::Sequence)?.unwrap_or_default();
                let texts = each(texts, 16, |reader| value(reader, Tag::Utf8String))?;
                optional(reader, Tag::BitString)?;
                Ok((status, texts.first().and_then(|text| std::str::from_utf8(text).ok())))
            })?;
            let token = (!reader.is_finished()).then(|| reader.tlv_bytes()).transpose()?;
            Ok(Response { status, text, token })
        })
    })
}

/// SignedData with one signer.
pub struct SignedData<'a> {
    pub content_type: ObjectIdentifier,
    pub content: &'a [u8],
    /// Each as a whole element.
    pub certificates: Vec<&'a [u8]>,
    pub signer: SignerInfo<'a>,
}

/// How a signer's certificate is named.
pub enum SignerIdentifier<'a> {
    /// Issuer, whole, and the bytes of the serial number.
    IssuerAndSerial(&'a [u8], &'a [u8]),
    SubjectKeyIdentifier(&'a [u8]),
}

pub struct SignerInfo<'a> {
    pub identifier: SignerIdentifier<'a>,
    pub digest: ObjectIdentifier,
    /// The signed attributes as they stand there, whole.
    signed: &'a [u8],
    attributes: Vec<Attribute<'a>>,
    pub algorithm: ObjectIdentifier,
    pub signature: &'a [u8],
}

struct Attribute<'a> {
    kind: ObjectIdentifier,
    /// What is in its set of values. It is read as one value.
    value: &'a [u8],
}

/// Reads a TimeStampToken: ContentInfo with SignedData of version 3.
pub fn signed_data(bytes: &[u8], most_certificates: usize) -> Result<SignedData<'_>> {
    let inner = whole(bytes, |reader| {
        sequence(reader, |reader| {
            let kind = ObjectIdentifier::decode(reader)?;
            if kind != SIGNED_DATA {
                return Err(reader.error(ErrorKind::OidUnknown { oid: kind }));
            }
            value(reader, field(0))
        })
    })?;
    whole(inner, |reader| {
        sequence(reader, |reader| {
            expect_version(reader, 3)?;
            let digests = each(value(reader, Tag::Set)?, 16, algorithm)?;
            let (content_type, content) = sequence(reader, |reader| {
                let kind = ObjectIdentifier::decode(reader)?;
                let content = whole(value(reader, field(0))?, |reader| value(reader, Tag::OctetString))?;
                Ok((kind, content))
            })?;
            let certificates = optional(reader, field(0))?.unwrap_or_default();
            let certificates = each(certificates, most_certificates, |reader| reader.tlv_bytes())?;
            // Revocation lists are not looked at.
            optional(reader, field(1))?;
            let mut signers = each(value(reader, Tag::Set)?, 1, signer_info)?;
            let signer = signers.pop().ok_or_else(|| reader.error(ErrorKind::Length { tag: Tag::Set }))?;
            if !digests.contains(&signer.digest) {
                return Err(reader.error(ErrorKind::OidUnknown { oid: signer.digest }));
            }
            Ok(SignedData { content_type, content, certificates, signer })
        })
    })
}

fn expect_version(reader: &mut SliceReader<'_>, version: u64) -> Result<()> {
    match number(IntRef::decode(reader)?.as_bytes()) {
        Some(found) if found == version => Ok(()),
        _ => Err(reader.error(ErrorKind::Value { tag: Tag::Integer })),
    }
}

fn signer_info<'a>(reader: &mut SliceReader<'a>) -> Result<SignerInfo<'a>> {
    sequence(reader, |reader| {
        let version = number(IntRef::decode(reader)?.as_bytes());
        let identifier = match version {
            Some(1) => sequence(reader, |reader| {
                let issuer = reader.tlv_bytes()?;
                Ok(SignerIdentifier::IssuerAndSerial(issuer, IntRef::decode(reader)?.as_bytes()))
            })?,
            Some(3) => SignerIdentifier::SubjectKeyIdentifier(value(reader, primitive_field(0))?),
            _ => return Err(reader.error(ErrorKind::Value { tag: Tag::Integer })),
        };
        let digest = algorithm(reader)?;
        let mut inside = reader.clone();
        let signed = reader.tlv_bytes()?;
        let attributes = each(value(&mut inside, field(0))?, 64, attribute)?;
        let algorithm = algorithm(reader)?;
        let signature = value(reader, Tag::OctetString)?;
        optional(reader, field(1))?;
        Ok(SignerInfo { identifier, digest, signed, attributes, algorithm, signature })
    })
}

fn attribute<'a>(reader: &mut SliceReader<'a>) -> Result<Attribute<'a>> {
    sequence(reader, |reader| {
        let kind = ObjectIdentifier::decode(reader)?;
        let value = value(reader, Tag::Set)?;
        Ok(Attribute { kind, value })
    })
}

impl<'a> SignerInfo<'a> {
    /// The signed attributes as they are signed: a SET OF, which stands in the token under another tag (RFC 5652,
    /// section 5.4).
    pub fn to_be_signed(&self) -> Vec<u8> {
        [&[0x31], self.signed.get(1..).unwrap_or_default()].concat()
    }

    /// The value of the attribute of this kind, if there is exactly one.
    pub fn attribute(&self, kind: ObjectIdentifier) -> Option<&'a [u8]> {
        let mut of_kind = self.attributes.iter().filter(|a| a.kind == kind);
        of_kind.next().filter(|_| of_kind.next().is_none()).map(|a| a.value)
    }

    /// Whether there is any attribute of this kind.
    pub fn has(&self, kind: ObjectIdentifier) -> bool {
        self.attributes.iter().any(|a| a.kind == kind)
    }
}

/// The value of a contentType attribute.
pub fn content_type(attribute: &[u8]) -> Result<ObjectIdentifier> {
    whole(attribute, ObjectIdentifier::decode)
}

/// The value of a messageDigest attribute.
pub fn message_digest(attribute: &[u8]) -> Result<&[u8]> {
    whole(attribute, |reader| value(reader, Tag::OctetString))
}

/// The hash in the first ESSCertID of a SigningCertificate (RFC 2634): the SHA-1 of the signer's certificate. Its other fields
/// are passed over, as the hash covers them.
pub fn signing_certificate(attribute: &[u8]) -> Result<&[u8]> {
    first_certificate(attribute, |reader| value(reader, Tag::OctetString))
}

/// The same of a SigningCertificateV2 (RFC 5035): hash algorithm, SHA-256 if none stands there, and hash.
pub fn signing_certificate_v2(attribute: &[u8]) -> Result<(ObjectIdentifier, &[u8])> {
    first_certificate(attribute, |reader| {
        let hash = if is_next(reader, Tag::Sequence) { algorithm(reader)? } else { SHA256 };
        Ok((hash, value(reader, Tag::OctetString)?))
    })
}

fn first_certificate<'a, T>(
    attribute: &'a [u8],
    read: impl Fn(&mut SliceReader<'a>) -> Result<T>,
) -> Result<T> {
    whole(attribute, |reader| {
        sequence(reader, |reader| {
            let mut certificates = each(value(reader, Tag::Sequence)?, 16, |reader| {
                sequence(reader, |reader| {
                    let found = read(reader)?;
                    optional(reader, Tag::Sequence)?;
                    Ok(found)
                })
            })?;
            optional(reader, Tag::Sequence)?;
            let none = ErrorKind::Length { tag: Tag::Sequence };
            if certificates.is_empty() { Err(reader.error(none)) } else { Ok(certificates.swap_remove(0)) }
        })
    })
}

/// What is stamped, and when.
pub struct TstInfo<'a> {
    /// The algorithm of the imprint.
    pub algorithm: ObjectIdentifier,
    pub imprint: &'a [u8],
    /// A GeneralizedTime as it stands.
    pub time: &'a [u8],
    pub accuracy: Option<Accuracy>,
    /// The bytes of an integer.
    pub nonce: Option<&'a [u8]>,
    /// Whether an extension says that it must be understood.
    pub has_critical: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accuracy {
    pub seconds: u64,
    pub millis: u64,
    pub micros: u64,
}

/// Reads a TSTInfo of version 1 (RFC 3161, section 2.4.2).
pub fn tst_info(bytes: &[u8]) -> Result<TstInfo<'_>> {
    whole(bytes, |reader| {
        sequence(reader, |reader| {
            expect_version(reader, 1)?;
            // The authority's policy.
            value(reader, Tag::ObjectIdentifier)?;
            let (algorithm, imprint) =
                sequence(reader, |reader| Ok((algorithm(reader)?, value(reader, Tag::OctetString)?)))?;
            // The token's number.
            IntRef::decode(reader)?;
            let time = value(reader, Tag::GeneralizedTime)?;
            let accuracy = is_next(reader, Tag::Sequence).then(|| sequence(reader, accuracy)).transpose()?;
            // Whether tokens are ordered by their times.
            if is_next(reader, Tag::Boolean) {
                bool::decode(reader)?;
            }
            let nonce = is_next(reader, Tag::Integer).then(|| IntRef::decode(reader)).transpose()?;
            // The authority's name for itself: the certificate's is the one that counts.
            optional(reader, field(0))?;
            let extensions = optional(reader, field(1))?.unwrap_or_default();
            let critical = each(extensions, 64, |reader| {
                sequence(reader, |reader| {
                    value(reader, Tag::ObjectIdentifier)?;
                    let critical = is_next(reader, Tag::Boolean) && bool::decode(reader)?;
                    value(reader, Tag::OctetString)?;
                    Ok(critical)
                })
            })?;
            let (nonce, has_critical) = (nonce.map(|n| n.as_bytes()), critical.contains(&true));
            Ok(TstInfo { algorithm, imprint, time, accuracy, nonce, has_critical })
        })
    })
}

fn accuracy(reader: &mut SliceReader<'_>) -> Result<Accuracy> {
    let outside = ErrorKind::Value { tag: Tag::Integer };
    let seconds = match optional(reader, Tag::Integer)? {
        Some(bytes) => number(bytes).ok_or_else(|| reader.error(outside))?,
        None => 0,
    };
    let mut thousandths = |tag| match optional(reader, primitive_field(tag))? {
        Some(bytes) => number(bytes).filter(|n| (1..=999).contains(n)).ok_or_else(|| reader.error(outside)),
        None => Ok(0),
    };
    Ok(Accuracy { seconds, millis: thousandths(0)?, micros: thousandths(1)? })
}
