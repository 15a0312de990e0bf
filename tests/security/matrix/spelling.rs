//! The other ways to write a path: encoded, doubled, dotted, trailing, with parameters.

/// Every spelling of `/first/…` tried, the absolute one for `base` among them.
pub fn of(path: &str, base: &str) -> impl Iterator<Item = String> + use<> {
    let body = path.strip_prefix('/').unwrap_or(path);
    let (first, rest) = body
        .split_once('/')
        .map_or((body, String::new()), |(first, rest)| (first, format!("/{rest}")));
    let encoded = |text: &str, upper: bool| -> String {
        let byte = |byte: u8| if upper { format!("%{byte:02X}") } else { format!("%{byte:02x}") };
        text.bytes().map(byte).collect()
    };
    let (head, tail) = first.split_at(first.len().min(1));
    let last = rest
        .rsplit_once('/')
        .map(|(before, last)| format!("/{first}{before}/{}", encoded(last, true)));
    let mut all = vec![
        format!("/{}{tail}{rest}", encoded(head, true)),
        format!("/{}{rest}", encoded(first, false)),
        format!("/{}{rest}", encoded(&encoded(head, true), true)),
        format!("/{}{rest}", first.to_uppercase()),
        format!("/%2F{body}"),
        format!("//{body}"),
        format!("/.{path}"),
        format!("/x/..{path}"),
        format!("/%2e%2e{path}"),
        format!("/;a=b{path}"),
        format!("/\\{body}"),
        format!("{path}/"),
        format!("{path}//"),
        format!("{path}/."),
        format!("{path}/x/.."),
        format!("{path};a=b"),
        format!("{path}%20"),
        format!("{path}%00"),
        format!("{path}%2F"),
        format!("{path}%3Fx"),
        format!("{path}?x=1&x=2"),
        format!("{path}#x"),
        format!("{base}{path}"),
    ];
    all.extend(last);
    if first.is_empty() {
        // Of the first page nothing else can be encoded.
        all.retain(|target| target.starts_with("//") || target.contains('?'));
    }
    all.into_iter()
}
