//! TLS at the server itself, for a ledger without a proxy in front.

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

/// More is no certificate or key.
const MOST: u64 = 1 << 20;

/// A certificate with its key, as they stand in two PEM files. Read again by [`reload`](Self::reload), as they are
/// renewed every few weeks.
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
    /// Others than its owner may read or write the key.
    #[error("{}: others can read or write this key (mode {mode:03o}); run: chmod o-rwx,g-wx {}", file.display(), file.display())]
    Exposed {
        /// The file.
        file: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// A file does not hold what it should.
    #[error("{}: expected {expected} in PEM", file.display())]
    Pem {
        /// The file.
        file: PathBuf,
        /// What it should hold.
        expected: &'static str,
    },
    /// The two are of no use together.
    #[error("{}: {source}", file.display())]
    Unusable {
        /// The file of the certificate.
        file: PathBuf,
        /// What rustls says.
        source: rustls::Error,
    },
}

impl Tls {
    /// Reads a certificate chain, the server's own first, and the key of that one.
    ///
    /// # Errors
    /// [`TlsError`], naming the file. The key itself is in no message.
    pub fn open(certificate: PathBuf, key: PathBuf) -> Result<Self, TlsError> {
        let config = RwLock::new(read(&certificate, &key)?);
        Ok(Self { certificate, key, config })
    }

    /// Reads both files again. Connections made from now on have the new certificate.
    ///
    /// # Errors
    /// [`TlsError`]; then all stays as it was.
    pub fn reload(&self) -> Result<(), TlsError> {
        let config = read(&self.certificate, &self.key)?;
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = config;
        Ok(())
    }

    /// What new connections are made with.
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

/// A file's bytes. A secret one must be its owner's, and at most read by a group: that is how certificates are
/// commonly handed to a service.
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
