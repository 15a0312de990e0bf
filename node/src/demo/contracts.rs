//! The demo's contracts: data behind the products, the enterprise's subscriptions, and a key that
//! works.

use anyhow::Context as _;
use lianshi_market::{
    dataset::Definition,
    key::KeyState,
    subscription::{Side, State, SubscriptionId},
};
use lianshi_registry::{entry::Purpose, id::RegistrationNumber};
use lianshi_store::{
    Site,
    audit::Actor,
    datasets::{self, Encoding, Target},
    subscriptions::{self, Decision, RequestSubscription},
};

use super::{
    build::{Numbers, site_of},
    cast::{self, HOME_NODE, PROVIDER_NODE},
    content, data,
    data::DemoData,
    describe::AboutSubscription,
    history::Caller,
    mishap::Awaited,
    steps::{at, until},
};

/// What was concluded.
pub struct Contracts {
    /// Who calls in the past.
    pub callers: Vec<Caller>,
    /// The subscription a visitor can use at once.
    pub subscription: AboutSubscription,
}

/// Subscriptions of the enterprise: product, plan, purpose, calls on a working day.
const WANTED: [(&str, &str, Purpose, u64); 3] = [
    (content::FLAGSHIP, "per-call", Purpose::Industry, 23),
    ("division-count", "public-good", Purpose::PublicGood, 4),
    ("supply-chain-risk", "per-call", Purpose::Industry, 9),
];
/// Months of the demo's subscriptions.
const TERM_MONTHS: u32 = 12;

/// Loads the data behind a product.
pub fn load(site: &Site, number: &RegistrationNumber, data: &DemoData) -> anyhow::Result<()> {
    let definition: Definition = toml::from_str(data.definition)?;
    let target = Target {
        product: number.clone(),
        operation: data.operation.to_owned(),
        definition,
        encoding: Encoding::Utf8,
    };
    datasets::load(site, &Actor::node(), &target, data.csv.as_bytes(), |_| {})?;
    Ok(())
}

/// Requests, agrees and finalizes the subscriptions, and makes a key for each.
pub async fn conclude(sites: &[Site], numbers: &Numbers) -> anyhow::Result<Contracts> {
    let mut callers = Vec::new();
    let mut shown = None;
    for (key, plan, purpose, calls_per_day) in WANTED {
        let product = numbers.get(key).with_context(|| format!("{key} got no number"))?;
        let id = subscribe(sites, product, (plan, purpose)).await?;
        let (key_id, secret) = make_key(sites, &id).await?;
        let operation = operation_of(key)?;
        if key == content::FLAGSHIP {
            let provider = site_of(sites, PROVIDER_NODE)?;
            shown = Some(AboutSubscription {
                id: id.to_string(),
                home: HOME_NODE.to_owned(),
                provider: PROVIDER_NODE.to_owned(),
                product: product.to_string(),
                key: secret,
                call_url: format!("{}/call/{product}/{operation}", provider.public_url),
            });
        }
        callers.push(Caller {
            subscription: id,
            buyer: cast::enterprise()?.uscc,
            product: product.clone(),
            operation: operation.to_owned(),
            key_id,
            calls_per_day,
            included_calls: content::included_calls(plan),
            calls_per_month_max: u64::from(u32::MAX),
        });
    }
    Ok(Contracts { callers, subscription: shown.context("no subscription to show")? })
}

fn operation_of(key: &str) -> anyhow::Result<&'static str> {
    let items = content::items()?;
    let item = items.iter().find(|item| item.key == key).context("not listed")?;
    Ok(data::of(item).operation)
}

async fn subscribe(
    sites: &[Site],
    product: &RegistrationNumber,
    (plan, purpose): (&str, Purpose),
) -> anyhow::Result<SubscriptionId> {
    let home = site_of(sites, HOME_NODE)?;
    let provider = site_of(sites, PROVIDER_NODE)?;
    let enterprise = cast::enterprise()?;
    let wanted = RequestSubscription {
        product: product.clone(),
        plan: plan.to_owned(),
        purpose,
        purpose_note: "核对客户收货地址所在区划，规划配送线路".to_owned(),
        months: TERM_MONTHS,
        buyer: enterprise.uscc.clone(),
        buyer_name: enterprise.name.zh.clone(),
        second_reason: String::new(),
    };
    let buyer = Actor { name: "buyer".to_owned(), organization: enterprise.uscc.to_string() };
    let id = at(home, move |site| Ok(subscriptions::request(site, &buyer, wanted)?)).await?;

    let asked = id.clone();
    let state = until(provider, Awaited::Request, move |read| {
        Ok(subscriptions::by_id(read, &asked, Side::Provider)?
            .map(|view| (view.state, view.operator)))
    })
    .await?;
    if let (State::Requested, operator) = state {
        let staff = Actor { name: "provider".to_owned(), organization: operator.to_string() };
        let decided = id.clone();
        at(provider, move |site| {
            Ok(subscriptions::decide(site, &staff, &decided, Decision::Approve)?)
        })
        .await?;
    }
    for (site, side) in [(home, Side::Home), (provider, Side::Provider)] {
        let asked = id.clone();
        until(site, Awaited::Agreement, move |read| {
            let view = subscriptions::by_id(read, &asked, side)?;
            Ok(view.filter(|view| view.state == State::Finalized).map(|_| ()))
        })
        .await?;
    }
    Ok(id)
}

/// Makes a key at home and waits until the provider holds its hash.
async fn make_key(sites: &[Site], id: &SubscriptionId) -> anyhow::Result<(String, String)> {
    let home = site_of(sites, HOME_NODE)?;
    let enterprise = cast::enterprise()?;
    let buyer = Actor { name: "buyer".to_owned(), organization: enterprise.uscc.to_string() };
    let of = id.clone();
    let key =
        at(home, move |site| Ok(subscriptions::create_key(site, &buyer, &of, "demo")?)).await?;
    let (of, key_id) = (id.clone(), key.id.clone());
    until(site_of(sites, PROVIDER_NODE)?, Awaited::Key, move |read| {
        let keys = subscriptions::keys(read, &of, Side::Provider)?;
        Ok(keys.iter().any(|one| one.id == key_id && one.state == KeyState::Active).then_some(()))
    })
    .await?;
    Ok((key.id, key.secret.reveal().to_owned()))
}
