//! Codes by RFC 6238, as every application on a telephone computes them: SHA-1, six digits, thirty
//! seconds.

use lianshi_registry::time::Timestamp;
use subtle::ConstantTimeEq as _;
use totp_rs::{Algorithm, TOTP};

use super::SecondFactorOffer;
use crate::{Fault, Site};

/// Bytes of a secret: those of SHA-1, as RFC 4226 recommends.
pub(super) const SECRET_BYTES: usize = 20;
/// Digits of a code.
const DIGITS: usize = 6;
/// How long a code is the current one.
const STEP_SECONDS: i64 = 30;
/// How many steps a telephone's clock may be off, to either side.
const STEPS_OFF: i64 = 1;

/// The step that a code belongs to, if it is of now or of a neighboring step.
pub(super) fn step_of(secret: &[u8], typed: &str, now: Timestamp) -> Result<Option<i64>, Fault> {
    let typed = digits(typed);
    let totp = totp(secret.to_vec())?;
    let current = now.seconds().div_euclid(STEP_SECONDS);
    let mut found = None;
    for step in current - STEPS_OFF..=current + STEPS_OFF {
        let seconds = u64::try_from(step * STEP_SECONDS).unwrap_or_default();
        let code = totp.generate(seconds);
        if bool::from(code.as_bytes().ct_eq(typed.as_bytes())) {
            found = Some(step);
        }
    }
    Ok(found)
}

/// How a secret is handed to an application.
pub(super) fn offer(site: &Site, login: &str, secret: Vec<u8>) -> Result<SecondFactorOffer, Fault> {
    let secret = totp(secret)?.get_secret_base32();
    // A login and a node's name hold nothing that an address could misread but this sign.
    let (login, node) = (login.replace('@', "%40"), &site.node);
    let address = format!(
        "otpauth://totp/Lianshi%20{node}:{login}?secret={secret}&issuer=Lianshi%20{node}\
         &algorithm=SHA1&digits={DIGITS}&period={STEP_SECONDS}"
    );
    Ok(SecondFactorOffer { secret, address })
}

fn totp(secret: Vec<u8>) -> Result<TOTP, Fault> {
    let step = STEP_SECONDS.unsigned_abs();
    TOTP::new(Algorithm::SHA1, DIGITS, 1, step, secret)
        .map_err(|error| Fault::corrupt("second_factors", error))
}

/// What was typed without the spaces people put in, and with digits of the Chinese keyboard.
fn digits(typed: &str) -> String {
    let plain = |c: char| match c {
        '０'..='９' => char::from_digit(u32::from(c) - u32::from('０'), 10),
        c if c.is_whitespace() || c == '-' => None,
        c => Some(c),
    };
    typed.chars().filter_map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The secret of RFC 6238, appendix B.
    const SECRET: &[u8] = b"12345678901234567890";

    fn step(typed: &str, seconds: i64) -> Option<i64> {
        step_of(SECRET, typed, Timestamp::from_millis(seconds * 1000)).expect("a good secret")
    }

    #[test]
    fn the_codes_are_those_of_the_specification() {
        for (seconds, code) in
            [(59, "287082"), (1_111_111_109, "081804"), (1_234_567_890, "005924")]
        {
            assert_eq!(step(code, seconds), Some(seconds / 30), "{seconds}");
        }
    }

    #[test]
    fn a_code_fits_its_neighboring_steps_and_no_others() {
        let of_step_37_037_036 = "081804";
        for (seconds, fits) in [
            (1_111_111_080 - 31, false),
            (1_111_111_080 - 30, true),
            (1_111_111_080 + 59, true),
            (1_111_111_080 + 60, false),
        ] {
            assert_eq!(step(of_step_37_037_036, seconds).is_some(), fits, "{seconds}");
        }
        for wrong in ["", "28708", "2870820", "000000", "a recovery code"] {
            assert_eq!(step(wrong, 59), None, "{wrong}");
        }
    }

    #[test]
    fn spaces_and_digits_of_the_chinese_keyboard_are_understood() {
        for typed in [" 287 082 ", "287-082", "２８７０８２"] {
            assert_eq!(step(typed, 59), Some(1), "{typed}");
        }
    }
}
