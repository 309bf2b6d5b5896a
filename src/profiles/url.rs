//! Where a service is.

use std::fmt;
use std::str::FromStr;

use reqwest::Url;
use serde::Deserialize;

/// The longest address that is taken.
const URL_BYTES_MAX: usize = 2_048;

/// Where a service is: `http://` or `https://`. It may hold a name and a password, and is shown without.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct ServiceUrl(Url);

/// Why something is not the address of a service.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// It cannot be read.
    #[error("an address of a service reads https://host/path: {0}")]
    Form(String),
    /// It is something else than HTTP.
    #[error("a service is asked by http:// or https://, not by {0}://")]
    Scheme(String),
    /// It ends in `#` and more, which is never sent.
    #[error("an address of a service has no # in it")]
    Fragment,
}

impl FromStr for ServiceUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        if text.len() > URL_BYTES_MAX {
            return Err(UrlError::Form(format!("it has more than {URL_BYTES_MAX} bytes")));
        }
        let url = Url::parse(text).map_err(|error| UrlError::Form(error.to_string()))?;
        match url.scheme() {
            "http" | "https" if url.fragment().is_some() => Err(UrlError::Fragment),
            "http" | "https" => Ok(Self(url)),
            other => Err(UrlError::Scheme(other.to_owned())),
        }
    }
}

impl TryFrom<String> for ServiceUrl {
    type Error = UrlError;

    fn try_from(text: String) -> Result<Self, UrlError> {
        text.parse()
    }
}

impl fmt::Display for ServiceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.origin().ascii_serialization())
    }
}

impl fmt::Debug for ServiceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServiceUrl({self}/..)")
    }
}

impl ServiceUrl {
    pub(super) fn is_secure(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// The address itself.
    pub(super) fn whole(&self) -> Url {
        self.0.clone()
    }

    /// The address of one player's profile: one more part of the path, before a query.
    pub(super) fn of_player(&self, client_id: u32) -> Url {
        let mut url = self.0.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().push(&client_id.to_string());
        }
        url
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Result<ServiceUrl, UrlError> {
        text.parse()
    }

    #[test]
    fn a_player_is_one_more_part_of_the_path() {
        let of = |text| url(text).expect("an address").of_player(7).to_string();
        assert_eq!(of("http://a"), "http://a/7");
        assert_eq!(of("https://a/b/"), "https://a/b/7");
        assert_eq!(of("http://a:81/b?key=c"), "http://a:81/b/7?key=c");
    }

    #[test]
    fn an_address_is_of_http_and_shown_without_what_is_secret() {
        let secret = url("https://anna:hush@host:8443/path?key=hush").expect("an address");
        assert_eq!(secret.to_string(), "https://host:8443");
        assert!(!format!("{secret:?}").contains("hush"));
        assert!(matches!(url("ftp://a"), Err(UrlError::Scheme(_))));
        assert!(matches!(url("file:///a"), Err(UrlError::Scheme(_))));
        assert_eq!(url("http://a/#b"), Err(UrlError::Fragment));
        for wrong in ["", "a", "/a", "http://", "http://a b/", &format!("http://a/{}", "b".repeat(3_000))] {
            assert!(matches!(url(wrong), Err(UrlError::Form(_))), "{wrong}");
        }
    }
}
