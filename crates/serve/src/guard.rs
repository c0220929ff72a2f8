//! Who may ask: a token where one is wanted, and no page of another site by way of somebody's browser.

use std::net::{IpAddr, SocketAddr};

use http::header::{AUTHORIZATION, HOST, HeaderMap, ORIGIN};
use http::uri::Authority;
use http::{StatusCode, Uri};

use crate::answer::Problem;

/// What a client must show. Not printable.
pub struct Token(String);

impl Token {
    /// Shortest that is taken: 128 bits in the densest letters that people use for such.
    pub const SHORTEST: usize = 20;

    /// The token that `text` holds: one line of visible ASCII.
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        let fits = text.len() >= Self::SHORTEST && text.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then(|| Self(text.to_owned()))
    }

    /// In time that does not depend on where they differ.
    fn is(&self, shown: &str) -> bool {
        constant_time_eq::constant_time_eq(self.0.as_bytes(), shown.as_bytes())
    }
}

/// The rules of one service.
pub(crate) struct Guard {
    token: Option<Token>,
    /// Whether it listens where this machine alone can connect.
    loopback: bool,
    /// What it is called beside its addresses.
    names: Vec<String>,
}

impl Guard {
    pub(crate) fn new(token: Option<Token>, address: SocketAddr, names: Vec<String>) -> Self {
        Self { token, loopback: address.ip().is_loopback(), names }
    }

    /// Whether requests may be for a host of this name. Any site can make a name of its own point here, and its pages then have the
    /// same origin as this service; but neither an address, nor a name without a dot, nor the token.
    fn answers_to(&self, host: &str) -> bool {
        let Some(authority) = Authority::try_from(host).ok().filter(|authority| !authority.as_str().contains('@'))
        else {
            return false;
        };
        let name = authority.host().trim_matches(['[', ']']);
        let is_address = name.parse::<IpAddr>().is_ok();
        let is_local = is_address || !name.trim_end_matches('.').contains('.');
        is_of_this_machine(name)
            || self.names.iter().any(|known| known.eq_ignore_ascii_case(name))
            || !self.loopback && (is_local && !name.is_empty() || self.token.is_some())
    }

    /// Whether whoever sent these headers may have what anybody may have.
    ///
    /// A browser lets a page of any site send forms here, and, when that site's name is made to point here, read answers, too. Of
    /// both a browser tells: by the origin, and by the name in `Host`.
    pub(crate) fn admits(&self, headers: &HeaderMap, uri: &Uri) -> Result<(), Problem> {
        // Of two names, a proxy before this may have gone by the other one.
        if headers.get_all(HOST).iter().nth(1).is_some() {
            return Err(Problem::wrong("a request has one Host"));
        }
        let host =
            headers.get(HOST).and_then(|host| host.to_str().ok()).or(uri.authority().map(|named| named.as_str()));
        let both = host.into_iter().chain(uri.authority().map(|named| named.as_str()));
        if host.is_none() || !both.into_iter().all(|host| self.answers_to(host)) {
            return Err(Problem::new(
                StatusCode::MISDIRECTED_REQUEST,
                if self.loopback {
                    "this service is for this machine: ask for it as localhost"
                } else {
                    "this service does not go by that name: ask for it by its address, or let it have the name by --allow-host"
                },
            ));
        }
        if let Some(origin) = headers.get(ORIGIN) {
            let of = origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, authority)| authority);
            if of.is_none() || of != host {
                return Err(Problem::new(StatusCode::FORBIDDEN, "pages of other sites may not ask"));
            }
        }
        Ok(())
    }

    /// Whether they show the token, where one is wanted.
    pub(crate) fn knows(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let Some(token) = &self.token else { return Ok(()) };
        let shown = headers.get(AUTHORIZATION).and_then(|shown| shown.to_str().ok()).and_then(|shown| {
            let (scheme, shown) = shown.split_once(' ')?;
            let known = ["Token", "Bearer"].iter().any(|known| known.eq_ignore_ascii_case(scheme));
            known.then(|| shown.trim())
        });
        if shown.is_some_and(|shown| token.is(shown)) {
            return Ok(());
        }
        Err(Problem::new(StatusCode::UNAUTHORIZED, "give the service's token as Authorization: Token … or Bearer …"))
    }
}

fn is_of_this_machine(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(of: &[(&'static str, &'static str)]) -> HeaderMap {
        of.iter().map(|&(name, value)| (name.parse().expect("a name"), value.parse().expect("a value"))).collect()
    }

    fn admits(address: &str, of: &[(&'static str, &'static str)]) -> bool {
        let names = vec!["blur.example.com".to_owned()];
        Guard::new(None, address.parse().expect("an address"), names)
            .admits(&headers(of), &Uri::from_static("/"))
            .is_ok()
    }

    #[test]
    fn on_loopback_names_of_this_machine_alone_will_do() {
        for host in ["localhost:8080", "LOCALHOST", "localhost.", "127.0.0.1:1", "127.9.9.9", "[::1]:80"] {
            assert!(admits("127.0.0.1:0", &[("host", host)]), "{host}");
        }
        let others = [
            "example.com",
            "127.0.0.1.example.com",
            "localhost.example.com",
            "10.0.0.1",
            "",
            "[::2]",
            "localhost:80@evil",
        ];
        for host in others {
            assert!(!admits("127.0.0.1:0", &[("host", host)]), "{host}");
        }
        assert!(!admits("127.0.0.1:0", &[]));
        assert!(admits("127.0.0.1:0", &[("host", "blur.example.com")]));
    }

    #[test]
    fn elsewhere_a_name_must_be_one_that_no_other_site_can_have() {
        for host in ["10.0.0.1:80", "[fe80::1]:80", "safelight:8080", "localhost", "Blur.Example.com:443"] {
            assert!(admits("0.0.0.0:0", &[("host", host)]), "{host}");
        }
        for host in ["evil.example", "10.0.0.1.evil.example", "", "blur.example.com.evil.example", "a@10.0.0.1"] {
            assert!(!admits("0.0.0.0:0", &[("host", host)]), "{host}");
        }
        let guard =
            Guard::new(Token::new("0123456789abcdefghij"), "0.0.0.0:0".parse().expect("an address"), Vec::new());
        assert!(guard.admits(&headers(&[("host", "anything.example")]), &Uri::from_static("/")).is_ok());
        let other = Uri::from_static("http://evil.example/metrics");
        assert!(
            Guard::new(None, "127.0.0.1:0".parse().expect("an address"), Vec::new())
                .admits(&headers(&[("host", "localhost")]), &other)
                .is_err()
        );
    }

    #[test]
    fn pages_of_other_sites_may_not_ask() {
        let own = [("host", "localhost:80"), ("origin", "http://localhost:80")];
        assert!(admits("127.0.0.1:0", &own));
        for origin in ["http://example.com", "null", "http://localhost:81", ""] {
            assert!(!admits("127.0.0.1:0", &[("host", "localhost:80"), ("origin", origin)]), "{origin}");
        }
    }

    #[test]
    fn a_token_is_shown_in_either_form() {
        let token = Token::new("0123456789abcdefghij\n");
        let guard = Guard::new(token, "127.0.0.1:0".parse().expect("an address"), Vec::new());
        for (shown, known) in [
            ("Token 0123456789abcdefghij", true),
            ("bearer 0123456789abcdefghij", true),
            ("Basic 0123456789abcdefghij", false),
            ("Token 0123456789abcdefghi", false),
            ("Token 0123456789abcdefghijk", false),
            ("0123456789abcdefghij", false),
        ] {
            assert_eq!(guard.knows(&headers(&[("authorization", shown)])).is_ok(), known, "{shown}");
        }
        assert!(guard.knows(&headers(&[])).is_err());
        assert!(Token::new("short").is_none() && Token::new("0123456789abcdefghij k").is_none());
    }
}
