//! A small picture of the federation: who is a node, who is linked to whom. It repeats what the
//! table beside it says, so it is an image with a name for those who cannot see it. Drawn without
//! any style attribute; colors come from the sheet.

use std::fmt::Write as _;

/// A node of the picture.
#[derive(Debug, Clone)]
pub struct Dot {
    /// Its name, shortened by the caller where it is long.
    pub label: String,
    /// A line below the name.
    pub sub: String,
    /// It is the node whose page this is.
    pub here: bool,
    /// Nothing was heard of it lately.
    pub stale: bool,
    /// It is a root authority: drawn in the middle.
    pub root: bool,
}

/// The finished picture.
#[derive(Debug, Clone, Default)]
pub struct Topology {
    /// SVG text; every text in it is escaped.
    pub svg: String,
}

const WIDTH: f64 = 440.0;
const HEIGHT: f64 = 380.0;
const CENTER: (f64, f64) = (220.0, 176.0);
/// Most nodes drawn; a table lists the rest.
const DOTS_MAX: usize = 12;

/// Draws the picture; `title` names it.
pub fn draw(title: &str, dots: &[Dot]) -> Topology {
    let mut dots: Vec<&Dot> = dots.iter().take(DOTS_MAX).collect();
    dots.sort_by_key(|dot| !dot.root);
    let places = places(&dots);
    let mut svg = format!(
        r#"<svg class="web" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{}">"#,
        escape(title)
    );
    for radius in [66.0, 118.0, 172.0] {
        let _ = write!(
            svg,
            r#"<circle class="ring" cx="{}" cy="{}" r="{radius}"/>"#,
            CENTER.0, CENTER.1
        );
    }
    for (at, from) in places.iter().enumerate() {
        for to in places.iter().skip(at + 1) {
            let _ = write!(
                svg,
                r#"<line class="edge" x1="{:.1}" y1="{:.1}" x2="{:.1}" y2="{:.1}"/>"#,
                from.0, from.1, to.0, to.1
            );
        }
    }
    for (dot, place) in dots.iter().zip(&places) {
        draw_dot(&mut svg, dot, *place);
    }
    svg.push_str("</svg>");
    Topology { svg }
}

fn draw_dot(svg: &mut String, dot: &Dot, (x, y): (f64, f64)) {
    let radius = if dot.root { 30.0 } else { 25.0 };
    let class = match (dot.here, dot.stale) {
        (true, _) => " here",
        (false, true) => " stale",
        _ => "",
    };
    let initial: String = dot.label.chars().take(1).collect();
    let _ = write!(
        svg,
        concat!(
            r#"<circle class="node{class}" cx="{x:.1}" cy="{y:.1}" r="{radius}"/>"#,
            r#"<text class="in{class}" x="{x:.1}" y="{initial_y:.1}">{initial}</text>"#,
            r#"<text x="{x:.1}" y="{label_y:.1}">{label}</text>"#,
            r#"<text class="sub" x="{x:.1}" y="{sub_y:.1}">{sub}</text>"#
        ),
        class = class,
        x = x,
        y = y,
        radius = radius,
        initial_y = y + 6.0,
        initial = escape(&initial),
        label_y = y + radius + 20.0,
        label = escape(&dot.label),
        sub_y = y + radius + 38.0,
        sub = escape(&dot.sub),
    );
}

/// One root stands in the middle, everyone else on a circle around; without a single root all stand
/// on the circle.
fn places(dots: &[&Dot]) -> Vec<(f64, f64)> {
    let centered = dots.len() > 3 && dots.iter().filter(|dot| dot.root).count() == 1;
    let around = if centered { dots.len() - 1 } else { dots.len() };
    let mut places = Vec::with_capacity(dots.len());
    if dots.len() == 1 {
        return vec![CENTER];
    }
    if centered {
        places.push(CENTER);
    }
    let step = std::f64::consts::TAU / f64::from(u32::try_from(around.max(1)).unwrap_or(1));
    // Three stand best on their base; the city above its districts.
    let mut angle = -std::f64::consts::FRAC_PI_2;
    for _ in 0..around {
        places.push((CENTER.0 + 138.0 * angle.cos(), CENTER.1 + 118.0 * angle.sin()));
        angle += step;
    }
    places
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_escaped_and_there_is_no_style() {
        let dot = Dot {
            label: "<b>\"x\"".to_owned(),
            sub: "a&b".to_owned(),
            here: true,
            stale: false,
            root: true,
        };
        let svg = draw("nodes", &[dot]).svg;
        assert!(svg.contains("&lt;b&gt;&quot;x&quot;") && svg.contains("a&amp;b"), "{svg}");
        assert!(!svg.contains("style"));
    }
}
