//! Who calls: keys that sign a time stamp (`SKG`), and tokens.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::http::HeaderMap;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use unlabel_sinks::Secret;

use crate::config::{Application, Config, Token};

/// How far the clock of a caller may be from ours, in either direction.
const SKEW: Duration = Duration::from_mins(5);

/// Why somebody is not let in: 401 with these words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Denied(pub(crate) &'static str);

/// The token of a key at a time: `hex(HMAC-SHA256(secret, secret || timestamp))`.
pub(crate) fn token(secret: &Secret, timestamp: &str) -> String {
    use std::fmt::Write;
    let secret = secret.reveal().as_bytes();
    // Keys of HMAC may be of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else { return String::new() };
    mac.update(secret);
    mac.update(timestamp.as_bytes());
    mac.finalize().into_bytes().iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The two headers that let `application` in: what callbacks are signed with.
pub(crate) fn headers(application: &Application, now: SystemTime) -> [(&'static str, String); 2] {
    let timestamp = seconds(now).to_string();
    let signed = format!("SKG {}:{}", application.access_key, token(&application.secret_key, &timestamp));
    [("authorization", signed), ("x-skg-timestamp", timestamp)]
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// Finds whose key signed a request.
///
/// The comparison takes the same time whatever the token, also for a key that is not known.
pub(crate) fn application<'c>(
    config: &'c Config,
    headers: &HeaderMap,
    now: SystemTime,
) -> Result<&'c Application, Denied> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let authorization = text("authorization").ok_or(Denied("`Authorization` is missing"))?;
    let (scheme, credentials) = authorization.trim().split_once(' ').unwrap_or_default();
    let (access_key, given) = credentials.trim().split_once(':').unwrap_or_default();
    if !scheme.eq_ignore_ascii_case("SKG") || access_key.is_empty() {
        return Err(Denied("`Authorization` is not `SKG <access key>:<token>`"));
    }
    let timestamp = text("x-skg-timestamp").ok_or(Denied("`x-skg-timestamp` is missing"))?.trim();
    let signed_at = Some(timestamp).filter(|it| it.bytes().all(|byte| byte.is_ascii_digit()));
    let signed_at: u64 =
        signed_at.and_then(|it| it.parse().ok()).ok_or(Denied("`x-skg-timestamp` is not a time in seconds"))?;
    let nobody = Secret::from("nobody");
    let known = config.applications.iter().find(|it| it.access_key == access_key);
    let expected = token(known.map_or(&nobody, |it| &it.secret_key), timestamp);
    let is_signed = bool::from(expected.as_bytes().ct_eq(given.as_bytes()));
    match known {
        Some(application) if is_signed && signed_at.abs_diff(seconds(now)) <= SKEW.as_secs() => Ok(application),
        Some(_) if is_signed => Err(Denied("`x-skg-timestamp` is more than five minutes from this server's clock")),
        _ => Err(Denied("the access key is not known, or the token is not that of its secret")),
    }
}

/// Finds the token that a request has, in `X-Auth-Token` or as `Authorization: Bearer`.
///
/// Digests are compared, each of them, so that the time tells nothing of the tokens.
pub(crate) fn token_of<'c>(config: &'c Config, headers: &HeaderMap) -> Result<&'c Token, Denied> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let bearer = || text("authorization")?.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let given = text("x-auth-token").or_else(|| bearer().map(|(_, token)| token.trim()));
    let given = Sha256::digest(given.ok_or(Denied("`X-Auth-Token` or `Authorization: Bearer` is missing"))?);
    let is_it = |token: &Token| bool::from(Sha256::digest(token.token.reveal()).ct_eq(&given));
    let found = config.tokens.iter().fold(None, |found, token| if is_it(token) { Some(token) } else { found });
    found.ok_or(Denied("the token is not known"))
}

/// Requests that were seen, so that one that was overheard cannot be sent again.
///
/// A token is the same for all requests of a second: what must be new is the token with what it was used for.
#[derive(Debug, Default)]
pub(crate) struct Replay {
    seen: Mutex<HashMap<[u8; 16], Instant>>,
}

/// Requests that are remembered before old ones are looked for.
const SWEEP: usize = 4096;

impl Replay {
    /// Whether this is the first request of its kind while its token is good.
    pub(crate) fn is_first(&self, parts: &[&[u8]], now: Instant) -> bool {
        let digest = parts.iter().fold(Sha256::new(), |digest, part| {
            digest.chain_update((part.len() as u64).to_be_bytes()).chain_update(part)
        });
        let digest = digest.finalize();
        let Some(key) = digest.first_chunk::<16>() else { return true };
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        // A token is good from five minutes before to five minutes after our clock.
        let is_fresh = |since: &Instant| now.saturating_duration_since(*since) <= 2 * SKEW;
        if seen.len() >= SWEEP && seen.len().is_power_of_two() {
            seen.retain(|_, since| is_fresh(since));
        }
        !seen.insert(*key, now).is_some_and(|since| is_fresh(&since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        Config::parse(
            r#"
            [[applications]]
            id = "app-1"
            access_key = "AKEXAMPLE0001"
            secret_key = "SKEXAMPLE0001secret"
            "#,
        )
        .unwrap()
    }

    const SIGNED: &str = "SKG AKEXAMPLE0001:cdb433a8035d82c327cece295c793bb9c7ef5c22057d2f579ec4b78de2bde607";

    fn of(headers: &[(&'static str, &str)]) -> HeaderMap {
        headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn the_vector_is_met() {
        let secret = &config().applications[0].secret_key;
        assert_eq!(format!("SKG AKEXAMPLE0001:{}", token(secret, "1700000000")), SIGNED);
    }

    #[test]
    fn a_signature_is_good_for_five_minutes() {
        let config = config();
        let signed = of(&[("authorization", SIGNED), ("x-skg-timestamp", "1700000000")]);
        for now in [1_699_999_700, 1_700_000_000, 1_700_000_300] {
            assert_eq!(application(&config, &signed, at(now)).unwrap().id, "app-1");
        }
        for now in [1_699_999_699, 1_700_000_301, 0] {
            assert!(application(&config, &signed, at(now)).unwrap_err().0.contains("five minutes"));
        }
    }

    #[test]
    fn nothing_else_is_let_in() {
        let config = config();
        let wrong = SIGNED.replace("607", "608");
        let other = SIGNED.replace("AKEXAMPLE0001", "AKEXAMPLE0002");
        for headers in [
            vec![],
            vec![("authorization", SIGNED)],
            vec![("x-skg-timestamp", "1700000000")],
            vec![("authorization", SIGNED), ("x-skg-timestamp", "+1700000000")],
            vec![("authorization", SIGNED), ("x-skg-timestamp", "1700000001")],
            vec![("authorization", &wrong), ("x-skg-timestamp", "1700000000")],
            vec![("authorization", &other), ("x-skg-timestamp", "1700000000")],
            vec![("authorization", "SKG :"), ("x-skg-timestamp", "1700000000")],
            vec![("authorization", "Basic QTpC"), ("x-skg-timestamp", "1700000000")],
        ] {
            assert!(application(&config, &of(&headers), at(1_700_000_000)).is_err(), "{headers:?}");
        }
    }

    #[test]
    fn tokens_are_known_by_their_digests() {
        let text = "[[tokens]]\ntoken = '0123456789abcdef'\nprojects = ['p']\n\
                    [[tokens]]\ntoken = 'fedcba9876543210'\nprojects = ['*']";
        let config = Config::parse(text).unwrap();
        let of = |name: &'static str, value: &str| {
            token_of(&config, &of(&[(name, value)])).map(|it| (it.is_for("p"), it.is_for("q")))
        };
        assert_eq!(of("x-auth-token", "0123456789abcdef"), Ok((true, false)));
        assert_eq!(of("authorization", "bearer fedcba9876543210"), Ok((true, true)));
        for (name, value) in
            [("x-auth-token", ""), ("x-auth-token", "0123456789abcdeg"), ("authorization", "SKG a:b"), ("other", "x")]
        {
            assert!(of(name, value).is_err(), "{value}");
        }
    }

    #[test]
    fn a_request_is_taken_once() {
        let (replay, start) = (Replay::default(), Instant::now());
        assert!(replay.is_first(&[b"token", b"a"], start));
        assert!(!replay.is_first(&[b"token", b"a"], start));
        assert!(replay.is_first(&[b"toke", b"na"], start));
        assert!(replay.is_first(&[b"token", b"a"], start + 3 * SKEW));
    }
}
