//! The style sheet, read as text: what a picture shows too late. Colors are compared by the formula
//! of WCAG 2.2; a part of one page never lends its class to a part of another; paper is no phone.

use std::{collections::BTreeMap, fs, path::Path};

/// Least contrast of a focus ring with the ground around it (WCAG 2.2, 1.4.11 and 2.4.13).
const RING_CONTRAST_MIN: f64 = 3.0;
/// Grounds an element with a ring stands on, wherever no other ring is named.
const GROUNDS: [&str; 7] =
    ["paper", "surface", "surface-2", "teal-soft", "ok-soft", "warn-soft", "stop-soft"];
/// Grounds of the parts that name another ring.
const BANDS: [&str; 2] = ["band", "band-2"];

/// The sheets by name, in their cascade, without comments.
fn sheets() -> BTreeMap<String, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/style");
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap());
    files
        .map(|file| {
            let mut text = fs::read_to_string(file.path()).unwrap();
            while let Some(from) = text.find("/*") {
                let end = from + text[from..].find("*/").expect("a closed comment") + 2;
                text.replace_range(from..end, "");
            }
            (file.file_name().into_string().unwrap(), text)
        })
        .collect()
}

/// Selectors and declarations of every rule, inside media queries too.
fn rules(sheet: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for part in sheet.split('}') {
        if let Some((before, declarations)) = part.rsplit_once('{') {
            let selector = before.rsplit('{').next().unwrap_or(before).trim();
            found.push((selector.to_owned(), declarations.trim().to_owned()));
        }
    }
    found
}

/// A look: light or dark, with or without care mode.
#[derive(Clone, Copy, Debug)]
struct Look {
    dark: bool,
    care: bool,
}

const LOOKS: [Look; 4] = [
    Look { dark: false, care: false },
    Look { dark: true, care: false },
    Look { dark: false, care: true },
    Look { dark: true, care: true },
];

/// The design tokens as text: of the page, and those the care mode replaces.
struct Tokens {
    root: BTreeMap<String, String>,
    care: BTreeMap<String, String>,
}

impl Tokens {
    fn read() -> Self {
        let sheets = sheets();
        let of = |sheet: &str, selector: &str| {
            let rules = rules(&sheets[sheet]);
            let texts = rules.into_iter().filter(|rule| rule.0 == selector).map(|rule| rule.1);
            let texts: String = texts.collect();
            let tokens = texts.split(';').filter_map(|line| line.split_once(':'));
            tokens.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned())).collect()
        };
        Self { root: of("1-tokens.css", ":root"), care: of("6-care.css", "[data-care]") }
    }

    fn text(&self, name: &str, care: bool) -> &str {
        let name = format!("--{name}");
        let replaced = self.care.get(&name).filter(|_| care);
        replaced.or_else(|| self.root.get(&name)).unwrap_or_else(|| panic!("no token {name}"))
    }

    /// Red, green and blue of a token in a look, 0 to 1.
    fn color(&self, name: &str, look: Look) -> [f64; 3] {
        let mut text = self.text(name, look.care);
        while let Some(other) = text.strip_prefix("var(--") {
            text = self.text(other.trim_end_matches(')'), look.care);
        }
        if let Some(pair) = text.strip_prefix("light-dark(") {
            let (light, dark) = pair.trim_end_matches(')').split_once(", ").expect("two colors");
            text = if look.dark { dark } else { light };
        }
        let hex = text.strip_prefix('#').unwrap_or_else(|| panic!("{name} is `{text}`"));
        let hex: String = if hex.len() == 3 {
            hex.chars().flat_map(|digit| [digit, digit]).collect()
        } else {
            hex.to_owned()
        };
        [0, 2, 4].map(|at| f64::from(u8::from_str_radix(&hex[at..at + 2], 16).unwrap()) / 255.0)
    }

    fn contrast(&self, one: &str, other: &str, look: Look) -> f64 {
        let [a, b] = [one, other].map(|name| luminance(self.color(name, look)));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }
}

/// Relative luminance (WCAG 2.2).
fn luminance(color: [f64; 3]) -> f64 {
    let [r, g, b] =
        color.map(
            |part| if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) },
        );
    0.2126 * r + 0.7152 * g + 0.0722 * b
}

/// What a rule of the whole sheet gives a custom property.
fn given(selector: &str, property: &str) -> Option<String> {
    let all: String = sheets().into_values().collect();
    let rule = rules(&all).into_iter().filter(|rule| rule.0 == selector);
    rule.flat_map(|rule| rule.1.split(';').map(str::to_owned).collect::<Vec<_>>())
        .filter_map(|line| line.split_once(':').map(|(a, b)| (a.trim().to_owned(), b.to_owned())))
        .find(|(name, _)| name == property)
        .map(|(_, value)| {
            value.trim().trim_start_matches("var(--").trim_end_matches(')').to_owned()
        })
}

#[test]
fn the_formula_gives_the_known_contrasts() {
    let white_on_black = (luminance([1.0; 3]) + 0.05) / (luminance([0.0; 3]) + 0.05);
    assert!((white_on_black - 21.0).abs() < 1e-9);
    // The old ring: cinnabar on the band.
    let tokens = Tokens::read();
    let old = tokens.contrast("seal", "band", LOOKS[0]);
    assert!(old < 2.1, "{old}");
}

#[test]
fn the_focus_ring_stands_out_from_every_ground_in_every_look() {
    let tokens = Tokens::read();
    let on_bands = given(".bar, .hero, .map", "--focus").expect("a ring on the bands");
    let mut faint = Vec::new();
    for look in LOOKS {
        let page = GROUNDS.iter().map(|ground| ("focus", *ground));
        let bands = BANDS.iter().map(|ground| (on_bands.as_str(), *ground));
        for (ring, ground) in page.chain(bands) {
            let contrast = tokens.contrast(ring, ground, look);
            if contrast < RING_CONTRAST_MIN {
                faint.push(format!("{ring} on {ground}, {look:?}: {contrast:.2}"));
            }
        }
    }
    assert!(faint.is_empty(), "{}", faint.join("\n"));
}

/// Every ring is drawn in the color that grounds may name, and every part on a band names it.
#[test]
fn every_ring_and_every_band_is_among_those_compared() {
    let mut bands = Vec::new();
    for (sheet, text) in sheets() {
        for (selector, declarations) in rules(&text) {
            for line in declarations.split(';').map(str::trim) {
                let ring = line.starts_with("outline:") && line.contains("solid");
                assert!(
                    !ring || line.contains("var(--focus)") || line == "outline: 2px solid",
                    "{sheet}: {selector} draws `{line}`"
                );
                if line.starts_with("background") && line.contains("var(--band") {
                    bands.push(selector.clone());
                }
            }
        }
    }
    bands.sort();
    assert_eq!(bands, [".bar", ".hero", ".map"], "these have a ring of their own");
}

/// `.panel.result` once took the columns of `.result`, a line of the catalog.
#[test]
fn a_modifier_is_no_part_of_another_sheet() {
    let sheets = sheets();
    let selectors: Vec<(String, String)> = sheets
        .iter()
        .flat_map(|(sheet, text)| rules(text).into_iter().map(move |rule| (sheet, rule.0)))
        .flat_map(|(sheet, list)| {
            list.split(',').map(|one| (sheet.clone(), one.trim().to_owned())).collect::<Vec<_>>()
        })
        .collect();
    let mut lent = Vec::new();
    for (sheet, selector) in &selectors {
        for word in selector.split_whitespace() {
            let mut classes = word.split(['.', ':', '[', '(']).skip(1);
            let (Some(_), Some(modifier)) = (classes.next(), classes.next()) else { continue };
            if !word.contains(&format!(".{modifier}")) || word.contains(':') {
                continue;
            }
            let alone = format!(".{modifier}");
            let here = |own: bool| {
                selectors.iter().any(|(other, whole)| (other == sheet) == own && *whole == alone)
            };
            if here(false) && !here(true) {
                lent.push(format!("{sheet}: {word} and {alone}"));
            }
        }
    }
    assert!(lent.is_empty(), "{}", lent.join("\n"));
}

/// A sheet of A4 less its margins is narrower than a phone's width in CSS pixels.
#[test]
fn what_is_laid_out_for_narrow_screens_is_not_for_paper() {
    let mut queries = 0;
    for (sheet, text) in sheets() {
        for query in text.split("@media").skip(1) {
            let query = query.split('{').next().unwrap_or_default().trim();
            if query.contains("width") {
                queries += 1;
                assert!(query.starts_with("screen and "), "{sheet}: @media {query}");
            }
        }
    }
    assert!(queries > 5, "{queries}");
}
