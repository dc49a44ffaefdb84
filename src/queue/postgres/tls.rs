//! `sslmode`, as libpq means it: whether the connection is encrypted, and what is asked of the server's certificate.
//!
//! Two things differ from libpq. `allow` is `prefer`: encrypted where the server can. And where no root certificate is named
//! or lies in `~/.postgresql/root.crt`, `verify-ca` and `verify-full` go by the machine's own store instead of failing.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio_postgres::config::SslMode;
use tokio_postgres_rustls::MakeRustlsConnect;

/// What is asked of the server's certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trust {
    /// Nothing: the connection is encrypted, with whomever.
    Anyone,
    /// That an authority has issued it.
    Authority,
    /// That an authority has issued it to the host of the address.
    Host,
}

/// How a connection is secured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Security {
    mode: SslMode,
    trust: Trust,
    /// The file with the authorities' certificates; `None` is the machine's store.
    roots: Option<PathBuf>,
}

/// Takes `sslmode` and `sslrootcert` out of an address. What is left is for the driver, which knows fewer modes.
///
/// # Errors
/// A certificate of the client's own is named, which is not supported.
pub(super) fn security_of(address: &str) -> Result<(String, Security), String> {
    let (place, query) = address.split_once('?').unwrap_or((address, ""));
    let (mut word, mut roots, mut kept) = ("prefer".to_owned(), None, Vec::new());
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = percent_encoding::percent_decode_str(value).decode_utf8_lossy().into_owned();
        match key {
            "sslmode" => word = value,
            "sslrootcert" => roots = Some(value),
            "sslcert" | "sslkey" | "sslcrl" | "sslpassword" => return Err(format!("`{key}` is not supported")),
            _ => kept.push(pair),
        }
    }
    let (mode, mut trust) = match word.as_str() {
        "disable" => (SslMode::Disable, Trust::Anyone),
        "allow" | "prefer" => (SslMode::Prefer, Trust::Anyone),
        "require" => (SslMode::Require, Trust::Anyone),
        "verify-ca" => (SslMode::Require, Trust::Authority),
        _ => (SslMode::Require, Trust::Host),
    };
    let named = roots.clone().filter(|file| file != "system").map(PathBuf::from);
    let usual = || std::env::home_dir().map(|home| home.join(".postgresql/root.crt")).filter(|path| path.is_file());
    let roots = match roots {
        Some(_) => named,
        None => usual(),
    };
    if mode == SslMode::Require && trust == Trust::Anyone && roots.is_some() {
        // As libpq: who has a root certificate means it to be used.
        trust = Trust::Authority;
    }
    let query = if kept.is_empty() { String::new() } else { format!("?{}", kept.join("&")) };
    Ok((format!("{place}{query}"), Security { mode, trust, roots }))
}

impl Security {
    pub(super) fn mode(&self) -> SslMode {
        self.mode
    }

    /// What makes connections secure in this way.
    ///
    /// # Errors
    /// The certificates of the authorities cannot be read.
    pub(super) fn connector(&self) -> Result<MakeRustlsConnect, String> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let (by_authority, named) = match self.trust {
            Trust::Anyone => (None, Vec::new()),
            Trust::Authority | Trust::Host => {
                let (store, named) = self.authorities()?;
                let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(store), provider.clone());
                (Some(verifier.build().map_err(|error| format!("its root certificates: {error}"))?), named)
            }
        };
        let asks_for_host = self.trust == Trust::Host;
        let verifier = Arc::new(Verifier { provider: Arc::clone(&provider), by_authority, named, asks_for_host });
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        Ok(MakeRustlsConnect::new(config))
    }

    /// The authorities, and the certificates of the file that names them.
    fn authorities(&self) -> Result<(RootCertStore, Vec<CertificateDer<'static>>), String> {
        let mut store = RootCertStore::empty();
        let certificates = match &self.roots {
            Some(path) => {
                let unreadable =
                    |error: rustls::pki_types::pem::Error| format!("root certificate {}: {error}", path.display());
                let read = CertificateDer::pem_file_iter(path).map_err(unreadable)?;
                read.collect::<Result<Vec<_>, _>>().map_err(unreadable)?
            }
            None => rustls_native_certs::load_native_certs().certs,
        };
        if store.add_parsable_certificates(certificates.iter().cloned()).0 == 0 {
            let place =
                self.roots.as_ref().map_or("this machine's store".to_owned(), |path| path.display().to_string());
            return Err(format!("there is no root certificate in {place}; name a file with sslrootcert"));
        }
        Ok((store, if self.roots.is_some() { certificates } else { Vec::new() }))
    }
}

/// Looks at the server's certificate as [`Trust`] says.
#[derive(Debug)]
struct Verifier {
    provider: Arc<CryptoProvider>,
    by_authority: Option<Arc<WebPkiServerVerifier>>,
    /// A server may show a certificate that it has issued itself, and that was named as a root. It is taken as it is, as libpq
    /// takes it.
    named: Vec<CertificateDer<'static>>,
    asks_for_host: bool,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Some(verifier) = &self.by_authority else { return Ok(ServerCertVerified::assertion()) };
        if self.named.iter().any(|named| named == end_entity) {
            if self.asks_for_host {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
            }
            return Ok(ServerCertVerified::assertion());
        }
        match verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            // The name is looked at last, when everything else is right.
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !self.asks_for_host => Ok(ServerCertVerified::assertion()),
            answer => answer,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_mean_what_they_mean_to_libpq() {
        let of = |query: &str| security_of(&format!("postgres://u@h/d?{query}")).expect("an address");
        assert_eq!(of("sslmode=disable&connect_timeout=3").0, "postgres://u@h/d?connect_timeout=3");
        let full = of("sslmode=verify-full&sslrootcert=system").1;
        assert_eq!((full.mode, full.trust, full.roots.clone()), (SslMode::Require, Trust::Host, None));
        let named = of("sslmode=require&sslrootcert=%2Fca%2Froot.crt").1;
        assert_eq!((named.trust, named.roots), (Trust::Authority, Some(PathBuf::from("/ca/root.crt"))));
        assert_eq!(of("sslmode=prefer").1.mode, SslMode::Prefer);
        assert!(security_of("postgres://u@h/d?sslcert=mine.crt").expect_err("refused").contains("sslcert"));
    }

    #[test]
    fn a_root_certificate_that_cannot_be_read_is_named() {
        let (_, security) =
            security_of("postgres://u@h/d?sslmode=verify-ca&sslrootcert=/no/root.crt").expect("an address");
        assert!(security.connector().err().expect("refused").contains("/no/root.crt"));
    }
}
