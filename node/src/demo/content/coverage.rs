//! What a demo product covers, read off the very rows that answer for it: a page never claims a
//! place or a year that no row has.

use std::collections::BTreeSet;

use anyhow::Context as _;
use lianshi_market::dataset::Definition;
use lianshi_registry::entry::Texts;

use crate::demo::data::DemoData;

/// Most values of a key that are named one by one.
const NAMED_MAX: usize = 6;

/// The rows of a product's data.
pub struct Rows {
    definition: Definition,
    header: Vec<String>,
    records: Vec<csv::StringRecord>,
    synthetic: bool,
}

impl Rows {
    /// Reads them.
    pub fn of(data: &DemoData) -> anyhow::Result<Self> {
        let definition = toml::from_str(data.definition)?;
        let mut reader = csv::Reader::from_reader(data.csv.as_bytes());
        let header = reader.headers()?.iter().map(str::to_owned).collect();
        let records = reader.records().collect::<Result<_, _>>()?;
        Ok(Self { definition, header, records, synthetic: data.synthetic })
    }

    /// How many.
    pub fn count(&self) -> u64 {
        u64::try_from(self.records.len()).unwrap_or(u64::MAX)
    }

    /// The columns, by name.
    pub fn columns(&self) -> &[lianshi_market::dataset::Column] {
        &self.definition.columns
    }

    /// The values of a column, each once; empty cells left out.
    fn values(&self, column: &str) -> anyhow::Result<BTreeSet<&str>> {
        let at = self.header.iter().position(|name| name == column);
        let at = at.with_context(|| format!("no column `{column}`"))?;
        let cells = self.records.iter().filter_map(|record| record.get(at));
        Ok(cells.filter(|cell| !cell.is_empty()).collect())
    }

    /// Place, subjects and time, in both languages.
    pub fn coverage(&self) -> anyhow::Result<Texts> {
        let mut zh = vec![if self.synthetic { "演示数据" } else { "全国" }.to_owned()];
        let mut en = vec![if self.synthetic { "Made-up data" } else { "Nationwide" }.to_owned()];
        if let Some(lookup) = &self.definition.lookup {
            let key = lookup.key.first().context("a lookup has a key")?;
            let (one, other) = self.subjects(key)?;
            zh.push(one);
            en.push(other);
            if let Some(as_of) = &lookup.as_of {
                let begun = self.values(&as_of.from)?;
                let first = begun.first().context("a row")?;
                zh.push(format!("自 {first} 起"));
                en.push(format!("from {first} on"));
            }
        }
        if let Some(series) = &self.definition.series {
            for key in &series.key {
                let (one, other) = self.subjects(key)?;
                zh.push(one);
                en.push(other);
            }
            let times = self.values(&series.dimension)?;
            let (first, last) = (times.first().context("a row")?, times.last().context("a row")?);
            zh.push(format!("{first} 至 {last}"));
            en.push(format!("{first} to {last}"));
        }
        Ok(Texts { zh: zh.join("，"), en: en.join(", ") })
    }

    /// The values of a key: few by name, made-up numbers by the first and the last, others counted.
    fn subjects(&self, key: &str) -> anyhow::Result<(String, String)> {
        let values = self.values(key)?;
        let count = values.len();
        if count <= NAMED_MAX {
            let names: Vec<&str> = values.into_iter().collect();
            return Ok((names.join("、"), names.join(", ")));
        }
        if self.synthetic {
            let (first, last) = (values.first().context("a row")?, values.last().context("a row")?);
            return Ok((format!("{first} 至 {last}"), format!("{first} to {last}")));
        }
        Ok(match key {
            "province" => (format!("{count} 个省级行政区"), format!("{count} provinces")),
            _ => (format!("{count} 个代码"), format!("{count} codes")),
        })
    }
}

/// What a column is called in the data list of a resource.
pub fn label(column: &str) -> (&'static str, &'static str) {
    match column {
        "code" => ("编号", "Code"),
        "name" => ("名称", "Name"),
        "first_listed" => ("首次列入月份", "First listed"),
        "last_listed" => ("最后列入月份", "Last listed"),
        "successor" => ("后继代码", "Code that replaced it"),
        "year" => ("年份", "Year"),
        "divisions" => ("县级行政区划数", "County-level divisions"),
        "province" => ("省级代码", "Province code"),
        "listed" => ("新列入的代码数", "Codes newly listed"),
        "ended" => ("停用的代码数", "Codes ended"),
        "valid_from" => ("有效期起", "Valid from"),
        "valid_until" => ("有效期止", "Valid until"),
        "band" => ("分档", "Band"),
        "area" => ("片区", "Area"),
        "month" => ("月份", "Month"),
        "index" => ("指数", "Index"),
        "subjects" => ("样本数", "Subjects"),
        "consent" => ("授权码", "Consent"),
        "industry" => ("行业", "Industry"),
        "street" => ("街区", "Street"),
        "period" => ("时段", "Period"),
        "turnover" => ("营业额", "Turnover"),
        "shops" => ("样本商户数", "Shops counted"),
        _ => ("数据项", "Item"),
    }
}
