//! Which services are on this machine, so that what is said to them stays here.

/// Whether a URL, or what follows its `http://`, names a service of this machine.
pub(crate) fn is_loopback(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    };
    host == "localhost"
        || host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::is_loopback;

    #[test]
    fn hosts_of_this_machine() {
        for url in ["http://localhost:4566/x", "https://127.0.0.1", "127.3.2.1:80", "http://[::1]:9000?a=b", "[::1]"] {
            assert!(is_loopback(url), "{url}");
        }
        for url in [
            "http://localhost.example.com",
            "http://10.0.0.1:80",
            "https://[2001:db8::1]:443",
            "http://127.0.0.1@evil",
            "",
        ] {
            assert!(!is_loopback(url), "{url}");
        }
    }
}
