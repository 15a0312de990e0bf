//! Form tokens: a nonce and an HMAC over it and the session, keyed by a secret of the session. A
//! handler that changes something takes its form through [`Posted`], which gives it only with a
//! token that fits.

use std::{future::Future, pin::Pin};

use actix_web::{FromRequest, HttpRequest, dev::Payload, web};
use hmac::{Hmac, KeyInit as _, Mac as _};
use lianshi_store::accounts::{Session, random_bytes};
use serde::de::DeserializeOwned;
use sha2::Sha256;

use crate::{BODY_BYTES_MAX, access::Caller, problem::Problem};

/// The form field that carries the token.
const FIELD: &str = "csrf=";

/// A fresh token for the forms of one page of this session.
pub fn token(session: &Session) -> Result<String, Problem> {
    let nonce = random_bytes::<16>()?;
    let mac = mac(session, &nonce).finalize().into_bytes();
    Ok(format!("{}.{}", hex::encode(nonce), hex::encode(mac)))
}

/// Whether a token was made for this session.
pub fn fits(session: &Session, token: &str) -> bool {
    let Some((nonce, tag)) = token.split_once('.') else { return false };
    let (Ok(nonce), Ok(tag)) = (hex::decode(nonce), hex::decode(tag)) else { return false };
    nonce.len() == 16 && mac(session, &nonce).verify_slice(&tag).is_ok()
}

#[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
fn mac(session: &Session, nonce: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(&session.csrf_secret).expect("any length");
    mac.update(b"lianshi/form/v1\n");
    mac.update(&session.id_hash);
    mac.update(nonce);
    mac
}

/// A form of a signed-in person whose token was checked.
pub struct Posted<T>(pub T);

impl<T: DeserializeOwned + 'static> FromRequest for Posted<T> {
    type Error = actix_web::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, actix_web::Error>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let caller = Caller::extract(request);
        let body = web::Bytes::from_request(request, payload);
        Box::pin(async move {
            let session = caller.await?.session.ok_or(Problem::SignIn)?;
            let body = body.await?;
            let (token, rest) = split_token(&body)?;
            if !fits(&session, &token) {
                return Err(Problem::CrossSite.into());
            }
            Ok(Self(parse(&rest)?))
        })
    }
}

/// Reads a form without looking for a token: for the one form of people who are not signed in. No
/// field has control characters but those of a text of several lines.
pub fn parse<T: DeserializeOwned>(body: &str) -> Result<T, Problem> {
    let malformed = |error: &dyn ToString| Problem::Malformed(error.to_string());
    let pairs = web::Query::<Vec<(String, String)>>::from_query(body);
    let pairs = pairs.map_err(|error| malformed(&error))?.into_inner();
    let is_active = |c: char| c.is_control() && !matches!(c, '\r' | '\n' | '\t');
    if pairs.iter().any(|(name, value)| name.contains(is_active) || value.contains(is_active)) {
        return Err(malformed(&"a field contains control characters"));
    }
    let query = web::Query::<T>::from_query(body);
    query.map(web::Query::into_inner).map_err(|error| Problem::Malformed(error.to_string()))
}

/// The token, and the form without it, so that a form's struct need not name it.
pub fn split_token(body: &[u8]) -> Result<(String, String), Problem> {
    if body.len() > BODY_BYTES_MAX {
        return Err(Problem::Malformed("the form is too large".to_owned()));
    }
    let text = std::str::from_utf8(body).map_err(|error| Problem::Malformed(error.to_string()))?;
    let (tokens, rest): (Vec<&str>, Vec<&str>) =
        text.split('&').partition(|pair| pair.starts_with(FIELD));
    let token = tokens.first().and_then(|pair| pair.strip_prefix(FIELD)).unwrap_or_default();
    Ok((token.to_owned(), rest.join("&")))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use lianshi_registry::{entry::Texts, time::Timestamp, uscc};
    use lianshi_store::accounts::{Standing, User};

    use super::*;

    fn session(id: u8, secret: u8) -> Session {
        let user = User {
            id: "U-1".to_owned(),
            login: "a".to_owned(),
            organization: uscc::complete("91330203MA2TEQT01").expect("valid"),
            organization_name: Texts { zh: "甲".to_owned(), en: "A".to_owned() },
            display_name: "A".to_owned(),
            disabled: false,
            roles: BTreeSet::new(),
            created_at: Timestamp::default(),
        };
        Session {
            id_hash: vec![id; 32],
            csrf_secret: vec![secret; 32],
            created_at: Timestamp::default(),
            seen_at: Timestamp::default(),
            user,
            standing: Standing { given_password: false, enrolled: false, second_step: false },
        }
    }

    #[test]
    fn a_token_fits_its_own_session_only() {
        let own = session(1, 1);
        let token = token(&own).expect("random bytes");
        assert!(fits(&own, &token));
        assert!(!fits(&session(2, 1), &token), "another session of the same secret");
        assert!(!fits(&session(1, 2), &token), "another secret");
        for bad in ["", ".", "00.00", &token.replace('.', ""), &format!("00{token}")] {
            assert!(!fits(&own, bad), "{bad}");
        }
    }

    #[test]
    fn no_field_brings_control_characters() {
        type Form = std::collections::BTreeMap<String, String>;
        for body in ["note=a%00", "note=%1b%5b2J", "n%00ote=a", "note=%C2%9B", "note=%7f"] {
            assert!(matches!(parse::<Form>(body), Err(Problem::Malformed(_))), "{body}");
        }
        assert!(parse::<Form>("note=a%0D%0Ab%09c&x=%E9%84%9E").is_ok());
    }

    #[test]
    fn the_token_is_taken_out_of_the_form() {
        let (token, rest) = split_token(b"plan=a&csrf=1.2&note=x%26csrf%3D3").expect("a form");
        assert_eq!((token.as_str(), rest.as_str()), ("1.2", "plan=a&note=x%26csrf%3D3"));
    }
}
