//! A request to an authority (RFC 3161, section 2.4.1).

/// Bytes of a nonce.
pub const NONCE: usize = 8;

/// Everything before the digest: version 1, and SHA-256 as the algorithm of the imprint.
const HEAD: &[u8] = &[
    0x30, 0x43, // TimeStampReq
    0x02, 0x01, 0x01, // version 1
    0x30, 0x31, // MessageImprint
    0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, // SHA-256
    0x04, 0x20, // hashedMessage
];
/// Between digest and nonce.
const NONCE_HEAD: &[u8] = &[0x02, NONCE as u8];
/// certReq: the answer is to hold the certificate, or nobody could check it later.
const TAIL: &[u8] = &[0x01, 0x01, 0xff];

/// A request for a token over a digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    nonce: [u8; NONCE],
    bytes: Vec<u8>,
}

impl Query {
    /// Asks about a SHA-256. By the `random` bytes the answer is known to be to this request.
    pub fn new(sha256: &[u8; 32], random: [u8; NONCE]) -> Self {
        let mut nonce = random;
        // A positive integer that begins with no zero byte, so that it has one encoding of this length.
        nonce[0] = nonce[0] & 0x3f | 0x40;
        let bytes = [HEAD, sha256, NONCE_HEAD, &nonce, TAIL].concat();
        Self { nonce, bytes }
    }

    /// The request in DER.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The nonce, as the bytes of an integer.
    pub fn nonce(&self) -> &[u8; NONCE] {
        &self.nonce
    }
}
