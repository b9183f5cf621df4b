//! A witness that cosigns by ML-DSA-44 (`c2sp.org/tlog-cosignature`, type 0x06). It puts the signed message together by
//! itself, without the code under test.
#![allow(dead_code, reason = "each test uses a part")]

use ml_dsa::{ExpandedSigningKey, MlDsa44};
use onrecord_verify::{
    log::Checkpoint,
    note::{KeyId, SignatureLine, base64_encode},
};

pub struct MlDsaWitness {
    pub name: String,
    key: Box<ExpandedSigningKey<MlDsa44>>,
}

impl MlDsaWitness {
    pub fn new(name: &str, seed: u8) -> Self {
        Self { name: name.into(), key: Box::new(ExpandedSigningKey::from_seed(&[seed; 32].into())) }
    }

    fn public(&self) -> Vec<u8> {
        self.key.verifying_key().encode().to_vec()
    }

    pub fn id(&self) -> KeyId {
        KeyId::of(&self.name, 6, &self.public())
    }

    pub fn vkey(&self) -> String {
        format!("{}+{}+{}", self.name, self.id(), base64_encode(&[&[6], &self.public()[..]].concat()))
    }

    pub fn cosign(&self, checkpoint: &Checkpoint, time: u64) -> SignatureLine {
        let with_length = |text: &str| [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
        let message = [
            b"subtree/v1\n\0".to_vec(),
            with_length(&self.name),
            time.to_be_bytes().to_vec(),
            with_length(checkpoint.origin().as_str()),
            0_u64.to_be_bytes().to_vec(),
            checkpoint.size().to_be_bytes().to_vec(),
            checkpoint.root().0.to_vec(),
        ];
        let signature = self.key.sign_deterministic(&message.concat(), &[]).unwrap().encode();
        SignatureLine::new(&self.name, self.id(), &[&time.to_be_bytes(), &signature[..]].concat())
    }
}
