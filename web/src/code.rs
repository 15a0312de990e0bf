//! QR codes, of a certificate and of the second step's secret: a square for each dark module, drawn
//! without any style attribute.

use std::fmt::Write as _;

use qrcode::{Color, EcLevel, QrCode};

/// Modules of white that readers need around a code (ISO/IEC 18004).
const QUIET_MODULES: usize = 4;

/// An address as a QR code in SVG, named by `title`; nothing for an address too long for any code.
pub fn draw(title: &str, address: &str) -> String {
    let Ok(code) = QrCode::with_error_correction_level(address, EcLevel::M) else {
        return String::new();
    };
    let width = code.width();
    let side = width + 2 * QUIET_MODULES;
    let mut path = String::new();
    for (place, color) in code.to_colors().into_iter().enumerate() {
        if color == Color::Dark {
            let (x, y) = (place % width + QUIET_MODULES, place / width + QUIET_MODULES);
            let _ = write!(path, "M{x} {y}h1v1h-1z");
        }
    }
    let title = title.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
    format!(
        r#"<svg viewBox="0 0 {side} {side}" role="img" aria-label="{title}"><path d="{path}"/></svg>"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_its_three_finders_and_a_quiet_zone() {
        let svg = draw("a \"code\"", "http://127.0.0.1:8800/certificate/330212-P-2026-0000001-X");
        assert!(svg.starts_with("<svg viewBox=\"0 0 "));
        assert!(svg.contains("aria-label=\"a &quot;code&quot;\""));
        let side: usize = svg.split(' ').nth(3).expect("a side").parse().expect("a number");
        let dark = |x: usize, y: usize| svg.contains(&format!("M{x} {y}h1"));
        for (x, y) in [(4, 4), (side - 11, 4), (4, side - 11)] {
            assert!(dark(x, y) && dark(x + 6, y + 6) && dark(x + 3, y + 3), "a finder at {x} {y}");
            assert!(!dark(x + 1, y + 1), "its white ring");
        }
        assert!(!dark(3, 4) && !dark(4, 3), "nothing in the quiet zone");
    }

    #[test]
    fn what_fits_no_code_is_left_out() {
        assert_eq!(draw("code", &"x".repeat(10_000)), "");
    }
}
