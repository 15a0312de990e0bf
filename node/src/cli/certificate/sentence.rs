//! What a clerk is told about a certificate, in both languages: plain sentences, and what no proof
//! can say.

use lianshi_registry::{
    certificate::{CertificateRefusal, Proved, Window},
    entry::Texts,
    policy::PolicyRefusal,
    time::Timestamp,
};

use super::Speaks;

fn texts(zh: impl Into<String>, en: impl Into<String>) -> Texts {
    Texts { zh: zh.into(), en: en.into() }
}

/// A certificate whose proof holds, on a day.
pub fn proved(proved: &Proved, window: Window) -> Texts {
    let (product, from, until) = (&proved.product, proved.from(), proved.until());
    let (number, zh, en) = (&product.number, &product.name.zh, &product.name.en);
    let log = &proved.vouched.body.origin;
    match window {
        Window::Open => texts(
            format!(
                "凭证有效：“{zh}”（登记编号 {number}）已登记于 {log}，有效期自 {from} 起，{until} 失效。"
            ),
            format!(
                "Valid: “{en}” ({number}) is registered in {log}, from {from} until {until} \
                 excluded."
            ),
        ),
        Window::Closed => texts(
            format!("凭证已到期：“{zh}”（登记编号 {number}）的证明属实，但已于 {until} 失效。"),
            format!("Expired: “{en}” ({number}) is proved, and ended on {until}."),
        ),
        Window::NotBegun => texts(
            format!("凭证尚未生效：“{zh}”（登记编号 {number}）自 {from} 起有效。"),
            format!("Not in force yet: “{en}” ({number}) begins on {from}."),
        ),
    }
}

/// A certificate of a node that may not speak for the number.
pub fn no_voice(proved: &Proved) -> Texts {
    let (number, log) = (&proved.product.number, &proved.vouched.body.origin);
    let division = number.division();
    texts(
        format!("无效：登记簿 {log} 的节点无权登记 {division} 的编号 {number}，或当时已被中止。"),
        format!(
            "Refused: the node of {log} may not speak for {number} of division {division}, or was \
             suspended then."
        ),
    )
}

/// What the proof states, until when, and what it cannot state.
pub fn limits(proved: &Proved, speaks: Speaks) -> Texts {
    let (number, log) = (&proved.product.number, &proved.vouched.body.origin);
    let division = number.division();
    let (voice_zh, voice_en) = match speaks {
        Speaks::NotJudged => (
            format!(
                "未核对 {log} 的节点是否有权登记 {division} 的编号；加 --data 指定节点数据目录即可核对。"
            ),
            format!(
                " Whether the node of {log} may speak for {division} was not asked; with --data of \
                 a node it is."
            ),
        ),
        Speaks::Yes | Speaks::No => (String::new(), String::new()),
    };
    let (seen_zh, seen_en) = match proved.witnessed_at() {
        Some(at) => {
            let (count, there) = (proved.vouched.witnesses.len(), local(at));
            (
                format!("{count} 个见证方确认该条目在登记簿中，其中诚实方的确认不早于 {there}。"),
                format!("{count} witnesses confirmed the entry, an honest one at {at} or later."),
            )
        }
        None => (
            "没有见证方确认，登记方可能向他人出示另一份登记簿。".to_owned(),
            "No witness confirmed it: others may have been shown another registry.".to_owned(),
        ),
    };
    texts(
        format!(
            "{seen_zh}{voice_zh}离线证明不能说明此后是否被中止、变更或撤销；当前状态请查询页面 /certificate/{number}。"
        ),
        format!(
            "{seen_en}{voice_en} A proof cannot say that nothing was suspended, revised or withdrawn since; \
             /certificate/{number} shows the state now."
        ),
    )
}

/// A moment as the clock on the wall in China shows it.
fn local(at: Timestamp) -> String {
    let shifted = at.plus_millis(8 * 3_600_000).to_string();
    shifted.replace('T', " ").replace('Z', "（UTC+8）")
}

/// A certificate that is refused.
pub fn refused(refusal: &CertificateRefusal) -> Texts {
    match refusal {
        CertificateRefusal::File(_) | CertificateRefusal::EntryMissing => texts(
            "无效：这不是完整的凭证文件，或文件已损坏。",
            "Refused: this is not a whole certificate file, or it is damaged.",
        ),
        CertificateRefusal::Policy(PolicyRefusal::QuorumMissed { .. }) => texts(
            "无效：确认该登记簿的见证方数量不足。",
            "Refused: too few witnesses confirmed the registry.",
        ),
        CertificateRefusal::Policy(_) => texts(
            "无效：登记方或见证方的签名不被接受。",
            "Refused: the signature of the registry or of a witness is not accepted.",
        ),
        CertificateRefusal::Inclusion(_) => texts(
            "无效：内容与登记簿不符，可能被改动过。",
            "Refused: the content is not what stands in the registry; it may have been changed.",
        ),
        CertificateRefusal::Entry(_) | CertificateRefusal::OtherKind(_) => texts(
            "无效：该条目确在登记簿中，但不是产品登记凭证。",
            "Refused: the entry stands in the registry, and certifies no product.",
        ),
    }
}
