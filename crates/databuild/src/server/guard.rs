//! Who may ask at all. A service on loopback is reachable by every page that a browser of this machine
//! shows: by a name that was pointed at 127.0.0.1 (DNS rebinding) and by forms of other sites. So the
//! `Host` must be ours, and what changes something must not come from another site.

use crate::server::limits;
use crate::server::problem::{Problem, Slug};
use axum::http::{HeaderMap, Method, Uri, header};

const HOSTS: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// Refuses a request that was addressed to another host, or that another site's page sent.
pub(crate) fn check(
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    port: u16,
) -> Result<(), Problem> {
    check_host(uri, headers, port)?;
    check_size(uri, headers)?;
    if method.is_safe() {
        return Ok(());
    }
    check_site(headers, port)
}

fn check_host(uri: &Uri, headers: &HeaderMap, port: u16) -> Result<(), Problem> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return Err(Problem::new(Slug::HostNotAllowed, "a request needs exactly one Host header"));
    };
    let host = host.to_str().unwrap_or_default();
    let target = uri.authority().map_or(host, axum::http::uri::Authority::as_str);
    if is_ours(host, port) && is_ours(target, port) {
        return Ok(());
    }
    let detail = format!("the request is for {host:?}, this is localhost:{port}");
    Err(Problem::new(Slug::HostNotAllowed, detail))
}

/// Whether `authority` names this service: one of the names of loopback, and our port.
fn is_ours(authority: &str, port: u16) -> bool {
    // Without a port it means 80.
    let (host, given) = match authority.rsplit_once(':') {
        Some((host, digits)) if !digits.ends_with(']') => (host, digits.parse().ok()),
        _ => (authority, Some(80)),
    };
    given == Some(port) && HOSTS.iter().any(|ours| ours.eq_ignore_ascii_case(host))
}

/// The transport stops reading at about twice the cap; this is the exact one, with an answer.
fn check_size(uri: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
    let target = uri.path().len() + uri.query().map_or(0, str::len);
    // A header line is `name: value` and a line end.
    let lines = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4);
    let bytes = target + lines.sum::<usize>();
    if bytes <= limits::HEADER_BYTES_MAX {
        return Ok(());
    }
    Err(Problem::new(
        Slug::HeadersTooLarge,
        format!("{bytes} bytes of address and headers, at most {}", limits::HEADER_BYTES_MAX),
    ))
}

fn check_site(headers: &HeaderMap, port: u16) -> Result<(), Problem> {
    for site in headers.get_all("sec-fetch-site") {
        if site != "same-origin" && site != "none" {
            return Err(Problem::new(
                Slug::CrossSite,
                format!("a browser sent this from a page elsewhere (Sec-Fetch-Site: {site:?})"),
            ));
        }
    }
    for origin in headers.get_all(header::ORIGIN) {
        let ours = origin.to_str().ok().and_then(|origin| origin.strip_prefix("http://"));
        if !ours.is_some_and(|authority| is_ours(authority, port)) {
            return Err(Problem::new(
                Slug::CrossSite,
                format!("the request comes from the site {origin:?}"),
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::check;
    use axum::http::Request;

    #[track_caller]
    fn verdict(method: &str, target: &str, headers: &[(&str, &str)]) -> u16 {
        let mut request = Request::builder().method(method).uri(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(()).expect("a request");
        match check(request.method(), request.uri(), request.headers(), 8440) {
            Ok(()) => 200,
            Err(problem) => problem.slug().status().as_u16(),
        }
    }

    #[test]
    fn answers_to_the_names_of_loopback_with_the_right_port_only() {
        for host in ["localhost:8440", "LOCALHOST:8440", "127.0.0.1:8440", "[::1]:8440"] {
            assert_eq!(verdict("GET", "/", &[("host", host)]), 200, "{host}");
        }
        let hostile = [
            "evil.example",
            "evil.example:8440",
            "localhost",
            "localhost:80",
            "localhost:8440:8440",
            "localhost.evil.example:8440",
            "127.0.0.1.nip.io:8440",
            "127.0.0.1",
            "[::1]",
            "",
            "localhost:",
            "localhost:08440x",
            "user@localhost:8440",
            "localhost:8440@evil",
            "0:8440",
            "localhost.:8440",
            "127.1:8440",
            "[::ffff:127.0.0.1]:8440",
            ":8440",
        ];
        for host in hostile {
            assert_eq!(verdict("GET", "/", &[("host", host)]), 421, "{host}");
        }
        assert_eq!(verdict("GET", "/", &[]), 421, "no host");
        let two = [("host", "localhost:8440"), ("host", "evil.example")];
        assert_eq!(verdict("GET", "/", &two), 421, "two hosts");
        let absolute = "http://evil.example/";
        assert_eq!(verdict("GET", absolute, &[("host", "localhost:8440")]), 421, "absolute form");
    }

    #[test]
    fn address_and_headers_have_a_cap() {
        let host = ("host", "localhost:8440");
        let long = "x".repeat(32 << 10);
        assert_eq!(verdict("GET", "/", &[host, ("x", &long)]), 431);
        assert_eq!(verdict("GET", "/", &[host, ("x", &long[1000..])]), 200);
    }

    #[test]
    fn another_sites_page_may_not_change_anything() {
        let host = ("host", "localhost:8440");
        assert_eq!(verdict("POST", "/", &[host]), 200, "a program");
        assert_eq!(verdict("POST", "/", &[host, ("origin", "http://localhost:8440")]), 200);
        for origin in
            ["http://evil.example", "null", "https://localhost:8440", "http://localhost:81"]
        {
            assert_eq!(verdict("POST", "/", &[host, ("origin", origin)]), 403, "{origin}");
        }
        for (site, expect) in [
            ("same-origin", 200),
            ("none", 200),
            ("cross-site", 403),
            ("same-site", 403),
            ("", 403),
        ] {
            assert_eq!(verdict("POST", "/", &[host, ("sec-fetch-site", site)]), expect, "{site}");
        }
        assert_eq!(verdict("GET", "/", &[host, ("sec-fetch-site", "cross-site")]), 200);
    }
}
