//! Whom a service is believed to be: what the system's certificates say, and nobody else.

use std::net::TcpListener;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection};
use tickcast::profiles::{Fault, Service, ServiceConfig};

use crate::service::{Desk, PATIENCE, answer, run};

/// Of `localhost` and 127.0.0.1, for a hundred years, signed by itself: `openssl req -x509`.
const CERTIFICATE: &str = "\
    MIIBmjCCAUGgAwIBAgIUZGa8+JVlI4vevsGATeKvB9oOIMQwCgYIKoZIzj0EAwIwFDESMBAGA1UEAwwJbG9jYWxob3N0\
    MCAXDTI2MTEyODA1NDYwMloYDzIxMjYxMTA0MDU0NjAyWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIB\
    BggqhkjOPQMBBwNCAAQE8wS5NLnqhdsQXOyOQBFDL9w1HZUPVHj8SjAM2DeO2J/07YIr6UDYVKP76ufdv70Ft7Ol5PwJ\
    fcUqg/XUY2AMo28wbTAdBgNVHQ4EFgQUTinLFJX/DaHBNXueCsazt53SEBwwHwYDVR0jBBgwFoAUTinLFJX/DaHBNXue\
    Csazt53SEBwwDwYDVR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZIzj0EAwIDRwAw\
    RAIgQYpCj6vzkjFSe2yWToHp0BehQDG1YFdwdw2uTkNJ/T4CIEi9iW4wiFsH/9RHxHmgjFIStQVdyvPBSMb+EaqHpUip";
/// Its key, which is good for nothing else.
const KEY: &str = "\
    MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg9MTgmZMvaQ6Vsd+4AWu0OwDFKxnrpft9y4W5iiLA2Kqh\
    RANCAAQE8wS5NLnqhdsQXOyOQBFDL9w1HZUPVHj8SjAM2DeO2J/07YIr6UDYVKP76ufdv70Ft7Ol5PwJfcUqg/XUY2AM";

/// What becomes of a question by HTTPS to this port.
fn asked(port: u16) -> Fault {
    let url = format!("https://127.0.0.1:{port}/players").parse().expect("an address");
    let config = ServiceConfig { profiles: Some(url), leaderboard: None, timeout: PATIENCE };
    let service = Service::new(config).expect("it can be asked");
    run(service.profile(7, 1)).expect_err("it is not believed")
}

#[test]
fn a_certificate_that_nobody_has_signed_is_not_believed() {
    let decoded = |text: &str| STANDARD.decode(text).expect("base64");
    let certificate = CertificateDer::from(decoded(CERTIFICATE));
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(decoded(KEY)));
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("all that it knows")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .expect("they belong together");
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let served = std::thread::spawn(move || {
        for stream in
            listener.incoming().map_while(Result::ok).take(tickcast::profiles::ATTEMPTS_MAX as usize)
        {
            let (mut stream, config) = (stream, Arc::clone(&config));
            let mut connection = ServerConnection::new(config).expect("it can be served");
            let shaken = connection.complete_io(&mut stream);
            assert!(shaken.is_err() || connection.is_handshaking(), "nobody asks through it");
        }
    });
    let fault = asked(port);
    assert!(matches!(&fault, Fault::Unreachable(why) if why.contains("certificate")), "{fault}");
    served.join().expect("it has refused all");
}

#[test]
fn who_stops_a_service_from_speaking_tls_is_not_asked() {
    let desk = Desk::start(|_, _, stream| answer(stream, 200, "{}"));
    let fault = asked(desk.addr.port());
    assert!(matches!(&fault, Fault::Unreachable(why) if !why.is_empty()), "{fault}");
    assert_eq!(desk.asked(), 0);
}
