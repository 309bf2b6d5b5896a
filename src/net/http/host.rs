//! By which name the server was asked: an address, or `localhost`, and no other.
//!
//! A page in a browser may ask its own server under a name that its name server then points to this machine (DNS
//! rebinding). To the browser the answers are the page's own, and it may read them. But the name stands in the request.

use std::net::IpAddr;

use hyper::Request;
use hyper::header::HOST;
use hyper::http::uri::Authority;

/// Whether it names the server by an address or as `localhost`, wherever it names it. One that does not name it at all
/// comes from no browser.
pub(super) fn is_no_name<B>(request: &Request<B>) -> bool {
    let fields =
        request.headers().get_all(HOST).iter().map(|field| Authority::try_from(field.as_bytes()).ok());
    let target = request.uri().authority().map(|authority| Some(authority.clone()));
    fields.chain(target).all(|authority| authority.is_some_and(|authority| is_address(authority.host())))
}

fn is_address(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    bare.parse::<IpAddr>().is_ok() || host.eq_ignore_ascii_case("localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(target: &str, fields: &[&str]) -> Request<()> {
        let mut request = Request::builder().uri(target);
        for field in fields {
            request = request.header(HOST, *field);
        }
        request.body(()).expect("a request")
    }

    #[test]
    fn addresses_and_localhost_are_no_names() {
        for host in [
            "127.0.0.1",
            "127.0.0.1:9464",
            "10.0.0.7:80",
            "[::1]",
            "[::1]:9464",
            "localhost",
            "LocalHost:9464",
        ] {
            assert!(is_no_name(&asked("/peers", &[host])), "{host}");
        }
        assert!(is_no_name(&asked("/peers", &[])), "no browser asks so");
        assert!(is_no_name(&asked("http://127.0.0.1:9464/peers", &["127.0.0.1:9464"])));
    }

    #[test]
    fn every_other_name_is_refused_wherever_it_stands() {
        for host in [
            "evil.example",
            "evil.example:9464",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "",
            "[::1",
            "a b",
        ] {
            assert!(!is_no_name(&asked("/peers", &[host])), "{host}");
        }
        assert!(!is_no_name(&asked("/peers", &["127.0.0.1", "evil.example"])), "the second counts too");
        assert!(!is_no_name(&asked("http://evil.example/peers", &["127.0.0.1"])), "so does the target");
    }
}
