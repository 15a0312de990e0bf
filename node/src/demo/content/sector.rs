//! Sectors of the demo's products with the names of their source units and resources.

use anyhow::Context as _;

/// A sector.
#[derive(Debug)]
pub struct Sector {
    /// Its code.
    pub code: &'static str,
    /// Number inside codes of its source unit.
    pub number: u32,
    /// Name of its source unit, without place.
    pub unit_zh: &'static str,
    /// The same in English.
    pub unit_en: &'static str,
    /// Scenario of its authorization.
    pub scenario_zh: &'static str,
    /// The same in English.
    pub scenario_en: &'static str,
}

const fn sector(
    code: &'static str,
    number: u32,
    (unit_zh, unit_en): (&'static str, &'static str),
    (scenario_zh, scenario_en): (&'static str, &'static str),
) -> Sector {
    Sector { code, number, unit_zh, unit_en, scenario_zh, scenario_en }
}

/// Every sector of the list.
pub const SECTORS: [Sector; 17] = [
    sector("port_shipping", 1, ("港航", "Port and Shipping"), ("港航物流服务", "Port logistics")),
    sector("health", 2, ("卫生健康", "Health"), ("健康服务", "Health services")),
    sector("finance_insurance", 3, ("金融服务", "Finance"), ("普惠金融", "Inclusive finance")),
    sector("transport", 4, ("交通运输", "Transport"), ("交通出行服务", "Mobility services")),
    sector("governance", 5, ("社会治理", "Community"), ("基层治理", "Community governance")),
    sector("trade", 6, ("商务", "Commerce"), ("商贸流通服务", "Trade services")),
    sector("environment", 7, ("生态环境", "Environment"), ("生态环境服务", "Environment services")),
    sector("housing", 8, ("住房建设", "Housing"), ("住房与物业服务", "Housing services")),
    sector("culture_tourism", 9, ("文化旅游", "Culture"), ("文旅消费服务", "Culture and tourism")),
    sector("credit", 10, ("信用", "Credit"), ("信用服务", "Credit services")),
    sector("education", 11, ("教育", "Education"), ("教育公共服务", "Education services")),
    sector("manufacturing", 12, ("经济信息", "Industry"), ("制造业升级", "Industrial renewal")),
    sector("employment", 13, ("人力资源", "Employment"), ("就业与社保服务", "Employment services")),
    sector("agriculture", 14, ("农业农村", "Agriculture"), ("农业生产服务", "Farming services")),
    sector("energy", 15, ("能源", "Energy"), ("绿色低碳服务", "Low-carbon services")),
    sector("science", 16, ("科技创新", "Science"), ("科技创新服务", "Innovation services")),
    sector("livelihood", 17, ("民政", "Civil Affairs"), ("民生保障服务", "Livelihood services")),
];

/// The sector with a code.
pub fn find(code: &str) -> anyhow::Result<&'static Sector> {
    SECTORS.iter().find(|sector| sector.code == code).with_context(|| format!("no sector `{code}`"))
}
