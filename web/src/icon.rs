//! Icons from the Phosphor set, as SVG text. Decoration only: every icon stands beside its word and
//! is hidden from assistive technology by its container.

use phosphor_svgs::style::regular as phosphor;

/// The icon of a name used by the templates; empty for an unknown name, which a test forbids.
pub fn svg(name: &str) -> &'static str {
    match name {
        "search" => phosphor::MAGNIFYING_GLASS,
        "globe" => phosphor::GLOBE_HEMISPHERE_EAST,
        "eye" => phosphor::EYE,
        "contrast" => phosphor::CIRCLE_HALF,
        "letters" => phosphor::TEXT_AA,
        "user" => phosphor::USER,
        "users" => phosphor::USERS,
        "sign-in" => phosphor::SIGN_IN,
        "sign-out" => phosphor::SIGN_OUT,
        "seal" => phosphor::SEAL_CHECK,
        "shield" => phosphor::SHIELD_CHECK,
        "link" => phosphor::LINK,
        "database" => phosphor::DATABASE,
        "place" => phosphor::MAP_PIN,
        "building" => phosphor::BUILDINGS,
        "next" => phosphor::CARET_RIGHT,
        "previous" => phosphor::CARET_LEFT,
        "arrow" => phosphor::ARROW_RIGHT,
        "outside" => phosphor::ARROW_SQUARE_OUT,
        "close" => phosphor::X,
        "warning" => phosphor::WARNING,
        "info" => phosphor::INFO,
        "check" => phosphor::CHECK_CIRCLE,
        "document" => phosphor::FILE_TEXT,
        "federation" => phosphor::GRAPH,
        "clock" => phosphor::CLOCK,
        "coins" => phosphor::COINS,
        "scales" => phosphor::SCALES,
        "fingerprint" => phosphor::FINGERPRINT,
        "printer" => phosphor::PRINTER,
        "copy" => phosphor::COPY,
        "chart" => phosphor::CHART_BAR,
        "line" => phosphor::CHART_LINE_UP,
        "cube" => phosphor::CUBE,
        "flow" => phosphor::FLOW_ARROW,
        "key" => phosphor::KEY,
        "receipt" => phosphor::RECEIPT,
        "list" => phosphor::LIST,
        _ => "",
    }
}
