//! TLS in the server itself, for a ledger without a proxy in front.

use std::{
    fs, io,
    io::Read as _,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

use tokio_rustls::rustls::{
    self, ServerConfig,
    crypto::ring,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject as _},
    },
};

/// Bytes that are read of a file. No certificate or key is longer.
const MOST: u64 = 1 << 20;

/// A certificate with its key, from two PEM files. As they are renewed every few weeks, [`reload`](Self::reload) reads them
/// again.
pub struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    config: RwLock<Arc<ServerConfig>>,
}

/// A certificate or key that can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file can't be read.
    #[error("{}: {source}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Others have access to the key file, or its group may write or execute it.
    #[error("{}: others can read or write this key (mode {mode:03o}); run: chmod o-rwx,g-wx {}", file.display(), file.display())]
    Exposed {
        /// The file.
        file: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// A file does not hold a certificate, or a key, in PEM.
    #[error("{}: expected {expected} in PEM", file.display())]
    Pem {
        /// The file.
        file: PathBuf,
        /// What it should hold.
        expected: &'static str,
    },
    /// The certificate and the key can't be used together.
    #[error("{}: {source}", file.display())]
    Unusable {
        /// The file of the certificate.
        file: PathBuf,
        /// What rustls says.
        source: rustls::Error,
    },
}

impl Tls {
    /// Reads a certificate chain, which begins with the server's own certificate, and the key of that certificate.
    ///
    /// # Errors
    /// [`TlsError`], which names the file. The key itself is in no message.
    pub fn open(certificate: PathBuf, key: PathBuf) -> Result<Self, TlsError> {
        let config = RwLock::new(read(&certificate, &key)?);
        Ok(Self { certificate, key, config })
    }

    /// Reads both files again. New connections use the new certificate.
    ///
    /// # Errors
    /// [`TlsError`]. In this case the old certificate stays in use.
    pub fn reload(&self) -> Result<(), TlsError> {
        let config = read(&self.certificate, &self.key)?;
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = config;
        Ok(())
    }

    /// The configuration of new connections.
    pub(in crate::serve) fn config(&self) -> Arc<ServerConfig> {
        self.config.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

fn read(certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>, TlsError> {
    let pem = |file: &Path, expected| TlsError::Pem { file: file.to_owned(), expected };
    let unusable = |source| TlsError::Unusable { file: certificate.to_owned(), source };
    let chain: Result<Vec<CertificateDer<'static>>, pem::Error> =
        CertificateDer::pem_slice_iter(&bytes(certificate, false)?).collect();
    let chain = chain.ok().filter(|c| !c.is_empty()).ok_or_else(|| pem(certificate, "certificates"))?;
    let secret = zeroize::Zeroizing::new(bytes(key, true)?);
    let secret = PrivateKeyDer::from_pem_slice(&secret).map_err(|_| pem(key, "a private key"))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(unusable)?
        .with_no_client_auth()
        .with_single_cert(chain, secret)
        .map_err(unusable)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Reads a file. If it is `secret`, only its owner may write it, and at most its group may read it too: that is how
/// certificates are commonly handed to a service.
fn bytes(file: &Path, secret: bool) -> Result<Vec<u8>, TlsError> {
    let failed = |source| TlsError::Read { file: file.to_owned(), source };
    let opened = fs::File::open(file).map_err(failed)?;
    #[cfg(unix)]
    if secret {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = opened.metadata().map_err(failed)?.permissions().mode() & 0o777;
        if mode & 0o037 != 0 {
            return Err(TlsError::Exposed { file: file.to_owned(), mode });
        }
    }
    let mut bytes = Vec::new();
    opened.take(MOST).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}
