//! Who takes part in the demo. Every organization is plainly fictitious and carries a code with
//! valid check digits.

use lianshi_registry::{entry::Texts, id::DivisionCode, uscc};
use lianshi_store::accounts::{OrganizationRecord, Role};

/// A demo node.
pub struct DemoNode {
    /// Short name.
    pub name: &'static str,
    /// Its division.
    pub division: &'static str,
    /// Name in Chinese.
    pub zh: &'static str,
    /// Name in English.
    pub en: &'static str,
    /// Its place in Chinese.
    pub place_zh: &'static str,
    /// Its place in English.
    pub place_en: &'static str,
}

/// The nodes; the first is the root authority.
pub static NODES: [DemoNode; 3] = [
    DemoNode {
        name: "ningbo",
        division: "330200",
        zh: "宁波市公共数据节点（演示）",
        en: "Ningbo node (demo)",
        place_zh: "宁波市",
        place_en: "Ningbo",
    },
    DemoNode {
        name: "yinzhou",
        division: "330212",
        zh: "鄞州区公共数据节点（演示）",
        en: "Yinzhou node (demo)",
        place_zh: "鄞州区",
        place_en: "Yinzhou",
    },
    DemoNode {
        name: "haishu",
        division: "330203",
        zh: "海曙区公共数据节点（演示）",
        en: "Haishu node (demo)",
        place_zh: "海曙区",
        place_en: "Haishu",
    },
];

/// The node whose product the demo's enterprise subscribes to.
pub const PROVIDER_NODE: &str = "yinzhou";
/// The home node of the demo's enterprise.
pub const HOME_NODE: &str = "haishu";

/// People every node has, in its data department: login, role.
pub const OFFICE: [(&str, Role); 4] = [
    ("admin", Role::NodeAdmin),
    ("finance", Role::Finance),
    ("reviewer", Role::Reviewer),
    ("regulator", Role::Regulator),
];

/// A fictitious organization with a completed code.
pub fn organization(
    seventeen: &str,
    division: &str,
    (zh, en): (&str, &str),
    kind: &str,
) -> anyhow::Result<OrganizationRecord> {
    let uscc = uscc::complete(seventeen)
        .ok_or_else(|| anyhow::anyhow!("`{seventeen}` cannot be completed to a code"))?;
    Ok(OrganizationRecord {
        uscc,
        name: Texts { zh: zh.to_owned(), en: en.to_owned() },
        division: DivisionCode::parse(division)?,
        kind: kind.to_owned(),
    })
}

/// The node with a name.
pub fn node(name: &str) -> anyhow::Result<&'static DemoNode> {
    let found = NODES.iter().find(|node| node.name == name);
    found.ok_or_else(|| anyhow::anyhow!("there is no demo node `{name}`"))
}

/// The data department that runs a node.
pub fn office(node: &DemoNode) -> anyhow::Result<OrganizationRecord> {
    let seventeen = format!("11{}MB9DEM001", node.division);
    organization(
        &seventeen,
        node.division,
        (
            &format!("{}数据管理局（演示）", node.place_zh),
            &format!("{} Data Administration (demo)", node.place_en),
        ),
        "authority",
    )
}

/// The enterprise that subscribes.
pub fn enterprise() -> anyhow::Result<OrganizationRecord> {
    organization(
        "91330203MA9DEM101",
        "330203",
        ("示范智运物流有限公司（演示）", "Example Smart Logistics Ltd. (demo)"),
        "enterprise",
    )
}

/// What is shown for a login: the desk, since the demo makes no people up.
pub fn person(login: &str) -> &str {
    match login {
        "admin" => "节点管理岗",
        "finance" => "财务岗",
        "reviewer" => "审核岗",
        "regulator" => "监管岗",
        "buyer" => "采购岗",
        "org-admin" => "机构管理岗",
        "provider" => "产品运营岗",
        "contributor1" => "数源单位甲岗",
        "contributor2" => "数源单位乙岗",
        "contributor3" => "数源单位丙岗",
        "contributor4" => "数源单位丁岗",
        other => other,
    }
}

/// The login of a contributor at its node.
pub fn login_of(role: &str, number: usize) -> String {
    format!("{role}{number}")
}
