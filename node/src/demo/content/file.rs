//! A publishing file of the demo (`docs/publishing.md`), written through typed tables so that it is
//! well formed.

mod table;

use lianshi_market::dataset::{Column, ColumnType};
use lianshi_registry::{entry::Texts, price::Price};
use table::{
    Authorization, Ceiling, Charge, Confirmation, File, Guard, Operation, Organization, Plan,
    Product, Regrade, Resource, ResourceField, Share, Split,
};

use super::{
    CALLABLE, FLAGSHIP, Item, PER_CALL, Party, Sector, Terms,
    coverage::{Rows, label},
    included_calls, party, shares, source_unit,
};
use crate::demo::{
    cast::{self, DemoNode},
    data::{self, DemoData},
};

fn texts(zh: impl Into<String>, en: impl Into<String>) -> Texts {
    Texts { zh: zh.into(), en: en.into() }
}

/// The publishing file of a sector at a node.
pub fn publishing_file(
    node: &'static DemoNode,
    sector: &'static Sector,
    items: &[&Item],
    terms: Terms,
) -> anyhow::Result<String> {
    let office = cast::office(node)?;
    let operator = party(node, "operator")?;
    let unit = source_unit(node, sector)?;
    let organizations = vec![
        organization(&office.uscc.to_string(), "authority", node, office.name.clone()),
        organization(&operator.uscc.to_string(), "operator", node, operator.name.clone()),
        organization(&unit.uscc.to_string(), "provider", node, unit.name.clone()),
    ];
    let resources: anyhow::Result<Vec<Resource>> =
        items.iter().map(|item| resource(item, sector, (&unit, terms))).collect();
    let resources = resources?;
    let scenario = Authorization {
        key: "scenario".to_owned(),
        grantor: office.uscc.to_string(),
        operator: operator.uscc.to_string(),
        resources: resources.iter().map(|resource| resource.key.clone()).collect(),
        purposes: vec!["public_good", "industry"],
        from: terms.from.to_string(),
        until: terms.until.to_string(),
        agreement: format!("演示授协〔{}〕{:02}号", terms.from.year(), sector.number),
        emergency_plan: format!("演示应急〔{}〕{:02}号", terms.from.year(), sector.number),
        scenario: texts(sector.scenario_zh, sector.scenario_en),
    };
    let products: anyhow::Result<Vec<Product>> =
        items.iter().map(|item| product(node, item, terms)).collect();
    let file = File {
        organization: organizations,
        resource: resources,
        authorization: vec![scenario],
        product: products?,
    };
    Ok(toml::to_string(&file)?)
}

fn organization(
    uscc: &str,
    kind: &'static str,
    node: &'static DemoNode,
    name: Texts,
) -> Organization {
    Organization { uscc: uscc.to_owned(), kind, division: node.division, name }
}

/// The data as they are: their columns and how many rows they have.
fn resource(
    item: &Item,
    sector: &Sector,
    (unit, terms): (&Party, Terms),
) -> anyhow::Result<Resource> {
    let rows = Rows::of(&data::of(item))?;
    let field = |column: &Column| {
        let (zh, en) = label(&column.name);
        ResourceField {
            name: column.name.clone(),
            label: texts(zh, en),
            r#type: type_name(column.column_type),
            confirmed: true,
        }
    };
    Ok(Resource {
        key: item.key.clone(),
        provider: unit.uscc.to_string(),
        platform_id: format!("DEMO-{}-{:02}-{}", item.node, sector.number, item.key),
        grade: "l2",
        row_count: rows.count(),
        update_cycle: cycle(item),
        name: texts(format!("{}基础数据", item.name_zh), format!("{}: source data", item.name_en)),
        confirmation: Confirmation {
            on: terms.from.to_string(),
            document: format!("演示确〔{}〕{:02}号", terms.from.year(), sector.number),
        },
        fields: rows.columns().iter().map(field).collect(),
    })
}

/// The type of a data item, as publishing files name it; a month is text there.
fn type_name(column: ColumnType) -> &'static str {
    match column {
        ColumnType::Text | ColumnType::Month => "text",
        ColumnType::Integer => "integer",
        ColumnType::Decimal => "decimal",
        ColumnType::Date => "date",
        ColumnType::Boolean => "boolean",
    }
}

/// How often the data would be renewed; the lists of divisions appear once a year.
fn cycle(item: &Item) -> &'static str {
    match item.form.as_str() {
        _ if CALLABLE.contains(&item.key.as_str()) => "yearly",
        "verification" => "daily",
        "report" => "quarterly",
        "model" => "yearly",
        _ => "monthly",
    }
}

/// Words for a form: Chinese, English, technique, what leaves.
fn manner(form: &str) -> (&'static str, &'static str, &'static str) {
    match form {
        "verification" => (
            "只返回一致、不一致或未找到，不返回原始信息。",
            "It answers match, no match or not found, and never the data themselves.",
            "lookup",
        ),
        "model" => (
            "特征留在域内，只输出分档结果。",
            "Features stay inside the domain; only a band comes out.",
            "model",
        ),
        _ => (
            "只输出汇总结果，样本过少的单元不予公布。",
            "Only aggregates come out; cells with few subjects are withheld.",
            "aggregation",
        ),
    }
}

fn product(node: &'static DemoNode, item: &Item, terms: Terms) -> anyhow::Result<Product> {
    let data = data::of(item);
    let (manner_zh, manner_en, technique) = manner(&item.form);
    let aggregated = matches!(item.form.as_str(), "index" | "report");
    let note = if data.synthetic {
        (
            "本产品在演示环境中使用合成数据应答。",
            "In this demonstration it answers from synthetic data.",
        )
    } else {
        ("数据由公开的区划名录计算得出。", "The data are computed from published division lists.")
    };
    let paid = item.charge != "free";
    Ok(Product {
        key: item.key.clone(),
        authorization: "scenario".to_owned(),
        resources: vec![item.key.clone()],
        form: item.form.clone(),
        sector: item.sector.clone(),
        field: item.field.clone(),
        grade: if aggregated { "l1" } else { "l2" },
        purposes: if paid { vec!["public_good", "industry"] } else { vec!["public_good"] },
        update_cycle: cycle(item),
        technique,
        security_assessment: item.document("安评", terms),
        export_review: item.document("出域", terms),
        contact: format!("data@{}.ningbo.example", node.name),
        valid_until: terms.until.to_string(),
        synthetic: data.synthetic,
        name: texts(&item.name_zh, &item.name_en),
        summary: texts(&item.summary_zh, &item.summary_en),
        description: texts(
            format!("{}。{manner_zh}{}", item.summary_zh, note.0),
            format!("{}. {manner_en} {}", item.summary_en, note.1),
        ),
        forbidden_uses: texts(
            "不得用于还原原始数据、识别个人或转售。",
            "Not for restoring raw data, identifying persons or resale.",
        ),
        coverage: Rows::of(&data)?.coverage()?,
        service_level: texts(
            "可用率 99.5%，95% 的请求在 200 毫秒内应答，工作日 9:00–17:30 支持",
            "99.5 % availability, 95 % of calls within 200 ms, support on working days 9:00–17:30",
        ),
        guard: Guard { smallest_cell: data.smallest_cell, distinct_subjects_max: 3000 },
        regrade: if aggregated { Some(regrade(node, item, terms)?) } else { None },
        operation: vec![operation(data)],
        ceiling: ceilings(item, terms)?,
        plan: plans(item),
        split: split(node, item, terms)?,
    })
}

fn regrade(node: &'static DemoNode, item: &Item, terms: Terms) -> anyhow::Result<Regrade> {
    Ok(Regrade {
        method: "aggregated",
        reviewer: cast::office(node)?.uscc.to_string(),
        evidence: item.document("定级", terms),
    })
}

fn operation(data: DemoData) -> Operation {
    Operation {
        name: data.operation,
        engine: data.engine,
        label: data.label,
        input: data.input,
        output: data.output,
        example: data.example,
    }
}

fn ceilings(item: &Item, terms: Terms) -> anyhow::Result<Vec<Ceiling>> {
    let unit = match item.charge.as_str() {
        "per_call" => "call",
        "flat" => "month",
        _ => return Ok(Vec::new()),
    };
    let price = Price::parse(&item.price)?;
    let raised = Price::from_micro(price.micro() / 5 * 6);
    let price_max = raised.ok_or_else(|| anyhow::anyhow!("a price out of range"))?.to_string();
    Ok(vec![Ceiling { unit, price_max, document: item.document("价函", terms) }])
}

/// Kinds of organization that use the demo's products for the public good without a review.
const PUBLIC_GOOD_KINDS: [&str; 6] = [
    "state_organ",
    "public_institution",
    "mass_organization",
    "social_organization",
    "private_nonprofit",
    "foundation",
];

fn plans(item: &Item) -> Vec<Plan> {
    let mut plans = vec![Plan {
        code: "public-good",
        purpose: "public_good",
        calls_per_month_max: 20_000,
        calls_per_minute_max: 120,
        term_months_max: 12,
        automatic_approval: true,
        qualifies: PUBLIC_GOOD_KINDS.to_vec(),
        name: texts("公益使用", "Public good"),
        charge: Charge { model: "free", price: None, included_calls: None },
    }];
    let price = Some(item.price.clone());
    let paid = match item.charge.as_str() {
        "per_call" => Some((
            PER_CALL,
            texts("按次计费", "Per call"),
            Charge { model: "per_call", price, included_calls: Some(included_calls(PER_CALL)) },
        )),
        "flat" => Some((
            "monthly",
            texts("包月", "Monthly"),
            Charge { model: "flat_monthly", price, included_calls: None },
        )),
        _ => None,
    };
    if let Some((code, name, charge)) = paid {
        plans.push(Plan {
            code,
            purpose: "industry",
            calls_per_month_max: 1_000_000,
            calls_per_minute_max: if item.key == FLAGSHIP { 6_000 } else { 600 },
            term_months_max: 24,
            automatic_approval: false,
            qualifies: Vec::new(),
            name,
            charge,
        });
    }
    plans
}

fn split(node: &'static DemoNode, item: &Item, terms: Terms) -> anyhow::Result<Split> {
    let share = shares(node, item)?
        .into_iter()
        .map(|(party, percent)| Share {
            party: party.uscc.to_string(),
            role: party.role,
            node: party.node,
            percent,
            name: party.name,
        })
        .collect();
    Ok(Split { from: terms.first_period.to_string(), base: "invoiced", share })
}
