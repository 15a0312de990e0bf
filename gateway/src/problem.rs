//! The one place where a refusal becomes an HTTP answer: `application/problem+json` (RFC 9457) with
//! the stable code and the text in both languages.

use actix_web::{
    HttpResponse,
    http::{
        StatusCode,
        header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
    },
};
use lianshi_market::{
    entitlement::EntitlementRefusal as Contract, guard::GuardRefusal, key::KeyTextError,
};
use lianshi_registry::{refusal::Refusal as _, time::Timestamp};
use lianshi_store::usage::MeterRefusal;
use serde_json::json;

use crate::{headers::REQUEST_ID, limits, refusal::CallRefusal};

/// What an error answer needs to know about its call.
pub(crate) struct Context {
    pub request_id: String,
    pub english: bool,
    pub now: Timestamp,
}

/// The answer for a refusal.
pub(crate) fn response(refusal: &CallRefusal, context: &Context) -> HttpResponse {
    let status = status(refusal);
    let code = refusal.code();
    metrics::counter!("gateway_refusals_total", "code" => code).increment(1);
    let (zh, en) = (chinese(refusal), refusal.to_string());
    let mut problem = json!({
        "type": format!("urn:lianshi:problem:{code}"),
        "title": if context.english { &en } else { &zh },
        "status": status.as_u16(),
        "code": code,
        "messages": { "zh": zh, "en": en },
        "request_id": context.request_id,
    });
    let mut response = HttpResponse::build(status);
    response
        .insert_header((CONTENT_TYPE, "application/problem+json"))
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((REQUEST_ID, context.request_id.as_str()));
    if let Some(seconds) = retry_after_s(refusal, context.now) {
        response.insert_header((RETRY_AFTER, seconds));
        if let Some(members) = problem.as_object_mut() {
            members.insert("retry_after_s".to_owned(), seconds.into());
        }
    }
    if status == StatusCode::UNAUTHORIZED {
        response.insert_header((WWW_AUTHENTICATE, "Bearer realm=\"lianshi\""));
    }
    if status == StatusCode::METHOD_NOT_ALLOWED {
        response.insert_header((ALLOW, "POST"));
    }
    let mut response = response.body(problem.to_string());
    if let CallRefusal::RateExceeded { max, retry_after_s } = refusal {
        limits::tell_too_soon(response.headers_mut(), *max, *retry_after_s);
    }
    response
}

fn status(refusal: &CallRefusal) -> StatusCode {
    use CallRefusal as No;
    match refusal {
        No::KeyMissing
        | No::KeyMalformed(_)
        | No::KeyUnknown
        | No::Entitlement(Contract::KeyRevoked | Contract::KeyExpired(_)) => {
            StatusCode::UNAUTHORIZED
        }
        No::Entitlement(Contract::Awaited) | No::NoDataset | No::Busy | No::CannotRecord => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        No::Entitlement(_) | No::ProductNotOffered { .. } => StatusCode::FORBIDDEN,
        No::ProductUnknown | No::OperationUnknown => StatusCode::NOT_FOUND,
        No::RateExceeded { .. }
        | No::Meter(
            MeterRefusal::QuotaUsed { .. }
            | MeterRefusal::SubjectBudgetUsed { .. }
            | MeterRefusal::SubjectGuessesUsed { .. }
            | MeterRefusal::GuessesUsed { .. },
        ) => StatusCode::TOO_MANY_REQUESTS,
        No::Meter(MeterRefusal::IdempotencyConflict) => StatusCode::CONFLICT,
        No::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        No::BodyTooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
        No::BodyTooSlow(_) => StatusCode::REQUEST_TIMEOUT,
        No::BodyUnreadable
        | No::BodyNotJson(_)
        | No::IdempotencyKeyMalformed
        | No::PurposeUnknown => StatusCode::BAD_REQUEST,
        No::Guard(refusal) if refusal.is_callers() => StatusCode::UNPROCESSABLE_ENTITY,
        No::KeyTooLong | No::TooManyPoints { .. } => StatusCode::UNPROCESSABLE_ENTITY,
        No::Guard(_) | No::Failed | No::DatasetUnfit(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// Seconds until the same call may succeed.
fn retry_after_s(refusal: &CallRefusal, now: Timestamp) -> Option<u64> {
    let until = |at: Timestamp| {
        let millis = at.millis().saturating_sub(now.millis()).max(0);
        u64::try_from(millis).unwrap_or(0).div_ceil(1000).max(1)
    };
    match refusal {
        CallRefusal::RateExceeded { retry_after_s, .. } => Some(*retry_after_s),
        CallRefusal::Meter(
            MeterRefusal::QuotaUsed { resets_at, .. }
            | MeterRefusal::SubjectBudgetUsed { resets_at, .. }
            | MeterRefusal::SubjectGuessesUsed { resets_at, .. }
            | MeterRefusal::GuessesUsed { resets_at, .. },
        )
        | CallRefusal::Entitlement(Contract::TermNotBegun(resets_at)) => Some(until(*resets_at)),
        CallRefusal::Busy => Some(1),
        // One answer of the home node, once it is reached.
        CallRefusal::Entitlement(Contract::Awaited) => Some(5),
        // Somebody has to make room first.
        CallRefusal::CannotRecord => Some(30),
        CallRefusal::NoDataset => Some(60),
        _ => None,
    }
}

fn chinese(refusal: &CallRefusal) -> String {
    use CallRefusal as No;
    match refusal {
        No::KeyMissing => "请在请求头中提供访问密钥：Authorization: Bearer lk_…".to_owned(),
        No::KeyMalformed(KeyTextError::Check) => {
            "访问密钥校验位不符，可能输入有误或不完整".to_owned()
        }
        No::KeyMalformed(KeyTextError::Form) => {
            "这不是访问密钥，正确形式为 lk_xxxxxxxx_…".to_owned()
        }
        No::KeyUnknown => "本节点没有这个访问密钥".to_owned(),
        No::Entitlement(refusal) => contract_chinese(refusal),
        No::ProductUnknown => "本节点不提供该编号的产品".to_owned(),
        No::ProductNotOffered { code, reason } => {
            format!("该产品目前不提供服务（{code}）：{reason}")
        }
        No::OperationUnknown => "该产品没有这个操作".to_owned(),
        No::RateExceeded { max, retry_after_s } => {
            format!("每分钟最多调用 {max} 次，请在 {retry_after_s} 秒后重试")
        }
        No::MethodNotAllowed => "请用 POST 方法调用产品".to_owned(),
        No::BodyTooLarge(max) => format!("请求体超过 {max} 字节"),
        No::BodyTooSlow(seconds) => format!("请求体未在 {seconds} 秒内送达"),
        No::BodyUnreadable => "请求体无法读取".to_owned(),
        No::BodyNotJson(error) => format!("请求体不是可以接受的 JSON：{error}"),
        No::Guard(refusal) => guard_chinese(refusal),
        No::KeyTooLong => "用于查找对象的字段过长".to_owned(),
        No::IdempotencyKeyMalformed => "幂等键应为 1 至 128 个可见 ASCII 字符".to_owned(),
        No::PurposeUnknown => "用途只能是 public_good 或 industry".to_owned(),
        No::Meter(refusal) => meter_chinese(refusal),
        No::TooManyPoints { max } => format!("结果超过 {max} 个点，请缩小范围"),
        No::NoDataset => "提供方尚未装载该操作的数据".to_owned(),
        No::DatasetUnfit(error) => format!("该操作的数据与产品说明不符：{error}"),
        No::Busy => "网关繁忙，本次未计费，请重试".to_owned(),
        No::CannotRecord => "提供方暂时无法记录调用，因此不作应答也不计费，请稍后重试".to_owned(),
        No::Failed => "调用未能完成，提供方可凭请求编号查询原因".to_owned(),
    }
}

/// An instant in the time of those who read Chinese, and it says so.
fn beijing(at: Timestamp) -> String {
    format!("北京时间 {} ", at.local())
}

fn contract_chinese(refusal: &Contract) -> String {
    match refusal {
        Contract::KeyRevoked => "该访问密钥已被撤销".to_owned(),
        Contract::KeyExpired(at) => format!("该访问密钥已于{}到期", beijing(*at)),
        Contract::WrongProduct(number) => format!("该访问密钥属于产品 {number} 的订阅"),
        Contract::WrongPurpose => "调用用途与订阅约定的用途不符".to_owned(),
        Contract::NotAgreed => "订阅尚未达成协议".to_owned(),
        Contract::Suspended => "订阅已暂停".to_owned(),
        Contract::Awaited => {
            "提供方节点刚从备份恢复，正在与企业所在节点核对合约，请稍后重试".to_owned()
        }
        Contract::Ended => "订阅已终止".to_owned(),
        Contract::TermNotBegun(at) => format!("订阅自{}起生效", beijing(*at)),
        Contract::TermOver(at) => format!("订阅已于{}到期", beijing(*at)),
    }
}

fn guard_chinese(refusal: &GuardRefusal) -> String {
    match refusal {
        GuardRefusal::InputNotObject => "请求体应为一个 JSON 对象".to_owned(),
        GuardRefusal::InputUnknown(field) => format!("该操作没有字段 {field}"),
        GuardRefusal::InputMissing(field) => format!("缺少必填字段 {field}"),
        GuardRefusal::InputType { field, .. } => format!("字段 {field} 的类型或格式不正确"),
        GuardRefusal::InputForm { field, form } => {
            format!("字段 {field} 的格式不正确，应为：{form}")
        }
        GuardRefusal::AnswerOutsideSchema(field) => {
            format!("结果中的 {field} 不符合产品的输出说明，未予放行")
        }
    }
}

fn meter_chinese(refusal: &MeterRefusal) -> String {
    match refusal {
        MeterRefusal::QuotaUsed { max, resets_at } => {
            format!("本月 {max} 次调用额度已用完，{}起进入下月", beijing(*resets_at))
        }
        MeterRefusal::SubjectBudgetUsed { max, resets_at } => {
            format!("本月可查询的 {max} 个不同对象已用完，{}起进入下月", beijing(*resets_at))
        }
        MeterRefusal::SubjectGuessesUsed { max, resets_at } => {
            let until = beijing(*resets_at);
            format!("本月对该对象的陈述已有 {max} 次不一致，{until}前不再比对")
        }
        MeterRefusal::GuessesUsed { max, resets_at } => {
            format!("本月陈述已有 {max} 次不一致，{}前不再比对", beijing(*resets_at))
        }
        MeterRefusal::IdempotencyConflict => "该幂等键已用于另一个请求".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_as_clocks_in_china_show_them() {
        let at = Timestamp::parse("2026-08-31T16:00:00Z").expect("a time");
        assert_eq!(beijing(at), "北京时间 2026-09-01 00:00:00 ");
    }
}
