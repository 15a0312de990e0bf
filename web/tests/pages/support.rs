//! A node with three logs in a fresh database: its own and the replicas of two others, with
//! products of every kind.

use actix_web::web::ServiceConfig;
use lianshi_registry::{
    entry::{Admission, Entry, Texts},
    id::{DivisionCode, NodeName, NumberKind, Origin, RegistrationNumber},
    json::{canonicalize, parse_entry},
    key::{KeyPair, NodeKeys},
    member::Root,
    time::Timestamp,
};
use lianshi_store::{Db, Fault, Site, log, members};
use lianshi_web::WebState;
use serde_json::{Value, json};

/// The time on the node's clock.
pub const NOW: &str = "2026-11-21T03:00:00Z";

/// A node, its database and the folder that holds it.
pub struct Seeded {
    /// The node.
    pub site: Site,
    _folder: tempfile::TempDir,
}

/// A node with an empty database.
pub fn empty() -> Seeded {
    let folder = tempfile::tempdir().unwrap();
    let db = Db::open_file(&folder.path().join("node.sqlite")).unwrap();
    let site = Site {
        db,
        node: NodeName::parse("haishu").unwrap(),
        name: Texts {
            zh: "海曙区公共数据节点".to_owned(), en: "Haishu District Node".to_owned()
        },
        division: DivisionCode::parse("330203").unwrap(),
        origin: origin("haishu"),
        public_url: "http://127.0.0.1:8820".to_owned(),
        log_key: key("haishu", 1),
        seal_key: key("haishu", 3),
        witness_key: KeyPair::from_seed([3; 32]),
        quorum: lianshi_registry::policy::Rule::default(),
        folder: folder.path().to_owned(),
        clock: || Timestamp::parse(NOW).unwrap(),
        nudge: std::sync::Arc::new(|| {}),
    };
    Seeded { site, _folder: folder }
}

/// The federation with `count` products.
pub fn seeded(count: u32) -> Seeded {
    let seeded = empty();
    let db = &seeded.site.db;
    members::set_roots(db, &[Root::of(&admission("ningbo", 8800))]).unwrap();
    let now = Timestamp::parse(NOW).unwrap();
    db.write(|write| {
        log::create_own(write, &seeded.site)?;
        for node in ["ningbo", "yinzhou"] {
            log::create_replica(write, &origin(node), key(node, 1).public())?;
        }
        let mut logs = std::collections::BTreeMap::from([("ningbo", admissions())]);
        for node in ["ningbo", "yinzhou", "haishu"] {
            logs.entry(node).or_default().extend(foundations(node));
        }
        for index in 0..count {
            let node = ["yinzhou", "haishu", "ningbo"][usize::try_from(index % 3).unwrap()];
            logs.entry(node).or_default().extend(product(node, index));
        }
        for node in ["ningbo", "yinzhou", "haishu"] {
            let heard = now.plus_millis(if node == "yinzhou" { -42_000 } else { -4_000 });
            log::append(write, &origin(node), &logs[node], heard)?;
        }
        Ok::<(), Fault>(())
    })
    .unwrap();
    lianshi_store::catalog::index(db).unwrap();
    let quarantined = db.read(|read| lianshi_store::catalog::quarantined(read, 5)).unwrap();
    assert!(quarantined.is_empty(), "{quarantined:#?}");
    seeded
}

/// Sets when yinzhou last confirmed its replica, in milliseconds from now; `None` for never.
pub fn set_confirmed(seeded: &Seeded, from_now_ms: Option<i64>) {
    let now = Timestamp::parse(NOW).unwrap();
    let at = from_now_ms.map_or_else(Timestamp::default, |millis| now.plus_millis(millis));
    seeded.site.db.write(|write| log::confirm(write, &origin("yinzhou"), at)).unwrap();
}

/// Appends entries to a log as its node would: kind, office and body.
pub fn say(seeded: &Seeded, node: &str, facts: &[(&str, Value)]) {
    let now = Timestamp::parse(NOW).unwrap();
    let entries: Vec<Entry> = facts
        .iter()
        .map(|(kind, body)| entry(kind, node, "2026-10-05T06:07:08Z", body.clone()))
        .collect();
    seeded.site.db.write(|write| log::append(write, &origin(node), &entries, now)).unwrap();
    lianshi_store::catalog::index(&seeded.site.db).unwrap();
}

/// What an application under test is configured with.
pub fn configured(seeded: &Seeded) -> impl FnOnce(&mut ServiceConfig) + use<> {
    let state = WebState::new(seeded.site.clone());
    move |cfg| lianshi_web::configure(cfg, state)
}

/// An application of actix's test module around a seeded node.
#[macro_export]
macro_rules! app {
    ($seeded:expr) => {
        actix_web::test::init_service(
            actix_web::App::new().configure($crate::support::configured(&$seeded)),
        )
        .await
    };
}

/// The text of a page of an application under test.
#[macro_export]
macro_rules! page {
    ($app:expr, $path:expr) => {
        $crate::page!($app, $path, "zh-CN")
    };
    ($app:expr, $path:expr, $language:expr) => {{
        let request = actix_web::test::TestRequest::get()
            .uri($path)
            .insert_header(("accept-language", $language))
            .to_request();
        let response = actix_web::test::call_service($app, request).await;
        String::from_utf8(actix_web::test::read_body(response).await.to_vec()).unwrap()
    }};
}

/// The status of a page of an application under test.
#[macro_export]
macro_rules! status {
    ($app:expr, $path:expr) => {{
        let request = actix_web::test::TestRequest::get().uri($path).to_request();
        actix_web::test::call_service($app, request).await.status().as_u16()
    }};
}

fn origin(node: &str) -> Origin {
    Origin::parse(&format!("ningbo.example/{node}/1")).unwrap()
}

fn key(node: &str, role: u8) -> KeyPair {
    let mut seed = [role; 32];
    seed[..node.len()].copy_from_slice(node.as_bytes());
    KeyPair::from_seed(seed)
}

fn entry(kind: &str, by: &str, at: &str, body: Value) -> Entry {
    let wire = json!({"v": 1, "kind": kind, "at": at, "by": by, "body": body});
    parse_entry(&canonicalize(&wire).unwrap()).unwrap()
}

fn division(node: &str) -> &'static str {
    match node {
        "ningbo" => "330200",
        "yinzhou" => "330212",
        _ => "330203",
    }
}

fn node_name(node: &str) -> Value {
    match node {
        "ningbo" => json!({"zh": "宁波市公共数据节点", "en": "Ningbo City Node"}),
        "yinzhou" => json!({"zh": "鄞州区公共数据节点", "en": "Yinzhou District Node"}),
        _ => json!({"zh": "海曙区公共数据节点", "en": "Haishu District Node"}),
    }
}

fn admission(node: &str, port: u16) -> Admission {
    let keys = NodeKeys {
        identity: key(node, 0),
        log: key(node, 1),
        witness: key(node, 2),
        seal: key(node, 3),
    };
    let body = json!({
        "node": node, "name": node_name(node), "division": division(node),
        "level": if node == "ningbo" { "city" } else { "district" },
        "origin": origin(node).to_string(),
        "identity_key": keys.identity.public().to_string(),
        "log_key": keys.log.public().to_string(),
        "witness_key": keys.witness.public().to_string(),
        "seal_key": keys.seal.public().to_string(),
        "addresses": [format!("/ip4/127.0.0.1/tcp/{}", port + 2)],
        "public_url": format!("http://127.0.0.1:{port}"),
        "quota_bytes": 268_435_456,
    });
    serde_json::from_value::<Admission>(body).expect("an admission").proved(&keys)
}

fn admissions() -> Vec<Entry> {
    let admit = |node: &str, port: u16| {
        let body = serde_json::to_value(admission(node, port)).expect("JSON");
        entry("member.admitted", "ningbo", "2026-09-01T01:00:00Z", body)
    };
    vec![admit("ningbo", 8800), admit("yinzhou", 8810), admit("haishu", 8820)]
}

/// Unified social credit codes of the fictitious organizations of a node: authority, source unit,
/// operator.
fn offices(node: &str) -> [&'static str; 3] {
    match node {
        "ningbo" => ["1133020000TEQT0152", "1233020000TEQT090P", "91330200MATEQT062Q"],
        "yinzhou" => ["1133021200TEQT0239", "1233021200TEQT04XQ", "91330212MATEQT0700"],
        _ => ["1133020300TEQT0313", "1233020300TEQT058P", "91330203MATEQT089U"],
    }
}

fn number(node: &str, kind: NumberKind, sequence: u32) -> String {
    let division = DivisionCode::parse(division(node)).unwrap();
    RegistrationNumber::new(&division, kind, 2026, sequence).unwrap().to_string()
}

fn foundations(node: &str) -> Vec<Entry> {
    let [authority, provider, operator] = offices(node);
    let at = "2026-09-02T02:00:00Z";
    let organization = |uscc: &str, zh: &str, en: &str, kind: &str| {
        let body = json!({"uscc": uscc, "name": {"zh": zh, "en": en}, "kind": kind,
            "division": division(node)});
        entry("organization.listed", authority, at, body)
    };
    let resource = json!({
        "number": number(node, NumberKind::Resource, 1),
        "name": {"zh": "行政区划代码基础信息", "en": "Administrative division codes"},
        "provider": provider, "platform_id": "NB-GX-000123", "grade": "l2", "forbidden": false,
        "fields": [{"name": "code", "label": {"zh": "区划代码", "en": "Division code"},
            "type": "text",
            "confirmed": {"by": provider, "on": "2026-01-05", "document": "D-1"}}],
        "row_count": 33_920_000_000_u64, "update_cycle": "monthly",
    });
    let authorization = json!({
        "number": number(node, NumberKind::Authorization, 1),
        "scenario": {"zh": "政务信息核验与城市运行分析", "en": "Verification of public records and city analysis"},
        "grantor": authority, "operator": operator,
        "resources": [number(node, NumberKind::Resource, 1)],
        "purposes": ["public_good", "industry"], "from": "2026-09-01", "until": "2028-09-01",
        "agreement": "示授运〔2026〕7号", "emergency_plan": "示应急〔2026〕3号",
        "ruleset": "330200-2023",
    });
    vec![
        organization(authority, "示例数据主管部门", "Example Data Authority", "authority"),
        organization(provider, "示例区划信息中心", "Example Division Records Center", "provider"),
        organization(operator, "示例数据运营有限公司", "Example Data Operations Ltd.", "operator"),
        entry("resource.cataloged", provider, at, resource),
        entry("authorization.granted", authority, at, authorization),
    ]
}

/// Names, form, sector and field of the products, taken in turn.
const KINDS: [(&str, &str, &str, &str, &str); 9] = [
    ("行政区划代码核验", "Division code verification", "verification", "governance", "governance"),
    ("港口集装箱吞吐指数", "Container throughput index", "index", "port_shipping", "economy"),
    ("门诊就诊量月度指数", "Monthly outpatient index", "index", "health", "public_service"),
    (
        "企业经营状态核验",
        "Business status verification",
        "verification",
        "finance_insurance",
        "economy",
    ),
    (
        "县级区划数量序列",
        "Number of county-level divisions by year",
        "index",
        "governance",
        "governance",
    ),
    ("公共停车泊位利用分析报告", "Parking use report", "report", "transport", "public_service"),
    (
        "老年助餐点可达性模型",
        "Access to meals for the elderly",
        "model",
        "livelihood",
        "public_service",
    ),
    (
        "社保参保状态核验",
        "Social security status verification",
        "verification",
        "livelihood",
        "government_service",
    ),
    (
        "不动产登记办理时效指数",
        "Property registration time index",
        "index",
        "housing",
        "government_service",
    ),
];

fn product(node: &str, index: u32) -> Vec<Entry> {
    let [authority, provider, operator] = offices(node);
    let which = usize::try_from(index).unwrap() % KINDS.len();
    let (zh, en, form, sector, field) = KINDS[which];
    let round = index / u32::try_from(KINDS.len()).unwrap();
    let (zh, en) = match round {
        0 => (zh.to_owned(), en.to_owned()),
        _ => (format!("{zh}（第 {} 批）", round + 1), format!("{en}, batch {}", round + 1)),
    };
    let number = number(node, NumberKind::Product, index / 3 + 1);
    let at = format!("2026-{:02}-{:02}T02:30:00Z", 10 + index % 2, 1 + index % 20);
    let body = json!({
        "number": number, "name": {"zh": zh, "en": en},
        "summary": {"zh": "输入编码与日期，返回该日期下是否有效及其承继关系，不返回任何原始记录。",
            "en": "Give a code and a date; learn whether it was valid then and what replaced it. No raw record leaves."},
        "description": {"zh": "依据历年公开的区划代码表加工，支持按日期回溯，适用于表单校验、数据治理与历史资料比对。接口只返回相符、不符或未找到三种结果，并附承继代码。",
            "en": "Made from the published code tables of past years and able to look back to any date. Use it to check forms, to clean data and to compare historical records. Answers are match, no match or not found, with the successor where there is one."},
        "form": form, "version": "1.2", "sector": sector, "field": field, "operator": operator,
        "authorization": number_of_authorization(node), "resources": [number_of_resource(node)],
        "grade": "l2", "purposes": ["public_good", "industry"],
        "forbidden_uses": {"zh": "不得用于识别个人、反推原始记录或对外转售。", "en": "Not for identifying persons, restoring records or resale."},
        "update_cycle": "monthly",
        "coverage": {"zh": "全国县级以上区划，1980 年至今", "en": "County level and above, nationwide, since 1980"},
        "technique": "lookup",
        "operations": [{"name": "verify", "label": {"zh": "核验代码", "en": "Verify a code"}, "engine": "lookup",
            "input": [
                {"name": "code", "label": {"zh": "六位区划代码", "en": "Six-digit code"}, "type": "text", "required": true},
                {"name": "date", "label": {"zh": "查询日期", "en": "As of date"}, "type": "date", "required": false}],
            "output": [
                {"name": "result", "label": {"zh": "核验结果", "en": "Result"}, "type": "text", "required": true},
                {"name": "successor", "label": {"zh": "承继代码", "en": "Successor"}, "type": "text", "required": false}]}],
        "guard": {"smallest_cell": 0, "distinct_subjects_max": 5000},
        "security_assessment": "示安评〔2026〕18号", "export_review": "示出域〔2026〕9号",
        "service_level": {"zh": "可用性 99.9%，九成五请求 200 毫秒内应答，工作日 9:00–17:00 支持", "en": "99.9% available, 95% of answers within 200 ms, support on working days 9:00–17:00"},
        "contact": "data-service@node.example", "valid_until": "2028-09-01",
        "synthetic": index > 2,
    });
    let mut entries = vec![
        entry("product.registered", operator, &at, body),
        entry("product.listed", operator, &at, json!({"number": number, "reason": ""})),
        entry(
            "ceiling.filed",
            authority,
            &at,
            json!({"product": number, "unit": "call",
            "price_max": "0.800000", "document": "示发改价〔2026〕12号"}),
        ),
        entry(
            "plan.published",
            operator,
            &at,
            plan(
                &number,
                "public",
                "公益免费",
                "Public good",
                "public_good",
                json!({"model": "free"}),
            ),
        ),
    ];
    if index % 4 != 1 {
        entries.push(entry(
            "plan.published",
            operator,
            &at,
            plan(
                &number,
                "metered",
                "按次计费",
                "Pay per call",
                "industry",
                json!({"model": "per_call", "price": "0.500000", "included_calls": 1000}),
            ),
        ));
    }
    if index % 7 == 5 {
        entries.push(entry(
            "product.paused",
            operator,
            &at,
            json!({"number": number,
            "reason": "上游数据资源例行核对"}),
        ));
    }
    let share = |party: &str, zh: &str, en: &str, role: &str, ppm: u32| json!({"party": party, "name": {"zh": zh, "en": en}, "role": role, "node": node, "share_ppm": ppm});
    entries.push(entry("split.agreed", authority, &at, json!({"product": number, "version": 1,
        "from": "2026-09", "base": "invoiced", "shares": [
            share(provider, "示例区划信息中心", "Example Division Records Center", "provider", 333_300),
            share(operator, "示例数据运营有限公司", "Example Data Operations Ltd.", "operator", 566_700),
            share(authority, "示例公益储备", "Example Public-Interest Reserve", "public_interest", 100_000)]})));
    entries
}

fn number_of_authorization(node: &str) -> String {
    number(node, NumberKind::Authorization, 1)
}

fn number_of_resource(node: &str) -> String {
    number(node, NumberKind::Resource, 1)
}

fn plan(product: &str, code: &str, zh: &str, en: &str, purpose: &str, charge: Value) -> Value {
    json!({"product": product, "code": code, "name": {"zh": zh, "en": en}, "purpose": purpose,
        "charge": charge, "calls_per_month_max": 200_000, "calls_per_minute_max": 600,
        "term_months_max": 12, "automatic_approval": purpose == "public_good"})
}
