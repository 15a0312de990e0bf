//! Texts made from bytes: the lower-case base32 of ids and keys, without the characters people
//! mix up.

/// 32 characters: digits and lower-case letters without i, l, o and u.
const ALPHABET: [char; 32] = [
    '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'j',
    'k', 'm', 'n', 'p', 'q', 'r', 's', 't', 'v', 'w', 'x', 'y', 'z',
];

/// One character for every five bits, the last padded with zero bits.
pub(crate) fn base32(bytes: &[u8]) -> String {
    let mut text = String::new();
    let (mut held, mut bits) = (0_u32, 0_u32);
    for byte in bytes {
        held = (held << 8) | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(letter(held >> bits));
        }
        held &= (1 << bits) - 1;
    }
    if bits > 0 {
        text.push(letter(held << (5 - bits)));
    }
    text
}

fn letter(value: u32) -> char {
    let place = usize::try_from(value & 31).unwrap_or(0);
    ALPHABET.get(place).copied().unwrap_or('0')
}

/// Whether a text uses the alphabet only.
pub(crate) fn is_base32(text: &str) -> bool {
    text.chars().all(|character| ALPHABET.contains(&character))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_bits_make_one_character() {
        assert_eq!(base32(&[]), "");
        assert_eq!(base32(&[0xff; 5]), "zzzzzzzz");
        assert_eq!(base32(&[0, 0, 0, 0, 31]), "0000000z");
        assert_eq!(base32(&[0x08]), "10");
        assert!(is_base32(&base32(&[1, 2, 3, 250])));
    }
}
