//! Builds a demo: folders, admission, products, people, subscriptions and three months of their
//! use, in the order and by the functions of a real operator. Time runs from the founding; the
//! nodes are served meanwhile and talk to each other.

use std::collections::BTreeMap;

use anyhow::Context as _;
use lianshi_registry::{
    entry::Texts,
    id::{DivisionCode, FederationDomain, NodeName, RegistrationNumber},
    time::Timestamp,
};
use lianshi_routes::proxies::Proxies;
use lianshi_store::{Site, accounts::SecondFactorRule, audit::Actor, catalog, close, log, members};

use super::{
    ABOUT, Options, PORTS_PER_NODE,
    cast::{self, DemoNode, NODES},
    content::{self, Item, Terms},
    contracts, data,
    describe::{self, About, AboutNode, AboutProduct},
    history::{self, Caller, Months},
    mishap::Awaited,
    people,
    steps::{Steps, at, until},
};
use crate::{
    clock,
    files::Share,
    folder::{CharterSource, Config, Folder},
    serve::{self, Running},
};

/// The domain of the demo's federation.
const DOMAIN: &str = "ningbo.example";
/// Steps beside the days of the past: founding, publishing at three nodes, people, contracts,
/// close.
const STEPS: u64 = 7;

/// Products by key, on all nodes.
pub type Numbers = BTreeMap<String, RegistrationNumber>;

/// Builds everything and stops the nodes again.
pub async fn build(options: &Options, share: Share) -> anyhow::Result<()> {
    let present = clock::now();
    let months = Months::at(present);
    let days = past_days(months, present);
    let steps = Steps::begin(STEPS + u64::try_from(days.len())?, options.language)?;
    clock::go_on_from(months.founding());
    let outcome = build_in_the_past((options, share), months, &days, &steps).await;
    clock::go_on_from_the_present();
    steps.finish();
    outcome
}

async fn build_in_the_past(
    (options, share): (&Options, Share),
    months: Months,
    days: &[lianshi_registry::time::Date],
    steps: &Steps,
) -> anyhow::Result<()> {
    steps.say("建立联邦", "founding the federation");
    let folders = found(options)?;
    let mut running = Vec::new();
    for folder in &folders {
        running.push(serve::start(folder, share).await?);
    }
    let sites: Vec<Site> = running.iter().map(|node| node.site.clone()).collect();
    for site in &sites {
        until(site, Awaited::Logs, |read| {
            Ok((log::heads(read)?.len() == NODES.len()).then_some(()))
        })
        .await?;
    }
    steps.done();

    let numbers = publish(&sites, months, steps).await?;
    steps.say("建立账号", "people");
    let accounts = people::settle(&sites).await?;
    steps.done();
    steps.say("签订订购", "contracts");
    let contracts = contracts::conclude(&sites, &numbers).await?;
    steps.done();
    live_through(&sites, months, days, (&contracts.callers, steps)).await?;
    clock::go_on_from_the_present();

    let products = about_products(&numbers)?;
    let about = About {
        nodes: folders.iter().map(about_node).collect(),
        accounts,
        products,
        subscription: contracts.subscription,
    };
    stop(running).await;
    describe::write(&options.data, &about).with_context(|| format!("cannot write {ABOUT}"))
}

async fn stop(running: Vec<Running>) {
    for node in running {
        node.stop().await;
    }
}

/// Makes the folders; the first node founds the federation and admits all.
fn found(options: &Options) -> anyhow::Result<Vec<Folder>> {
    let mut folders: Vec<Folder> = Vec::new();
    for (index, node) in NODES.iter().enumerate() {
        let charter = match folders.first() {
            None => CharterSource::Found(FederationDomain::parse(DOMAIN)?),
            Some(root) => CharterSource::Join(root.charter.clone()),
        };
        let base = options.base_port + u16::try_from(index)? * PORTS_PER_NODE;
        let path = options.data.join(node.name);
        folders.push(Folder::init(&path, config(node, base)?, charter)?);
    }
    let root = folders.first().context("no nodes")?;
    let site = root.command_site()?;
    crate::cli::member::admit_self(root, &site)?;
    for folder in folders.iter().skip(1) {
        members::admit(&site, &Actor::node(), &folder.application())?;
    }
    Ok(folders)
}

fn config(node: &DemoNode, base: u16) -> anyhow::Result<Config> {
    let peer = format!("/ip4/127.0.0.1/tcp/{}", base + 2);
    Ok(Config {
        node: NodeName::parse(node.name)?,
        name: Texts { zh: node.zh.to_owned(), en: node.en.to_owned() },
        division: DivisionCode::parse(node.division)?,
        level: if node.division.ends_with("00") { "city" } else { "district" }.to_owned(),
        generation: 1,
        database: String::new(),
        listen: format!("127.0.0.1:{base}"),
        listen_ops: format!("127.0.0.1:{}", base + 1),
        listen_peer: peer.clone(),
        public_url: format!("http://127.0.0.1:{base}"),
        peer_addresses: vec![peer],
        // Said aloud by `describe`: a visitor of the demo has no telephone at hand.
        second_factor: SecondFactorRule::Offered,
        proxies: Proxies::default(),
        mail: None,
        webhooks: Vec::new(),
    })
}

/// Publishes at every node, loads the data, and waits until every node shows everything.
async fn publish(sites: &[Site], months: Months, steps: &Steps) -> anyhow::Result<Numbers> {
    let items = content::items()?;
    let terms = Terms::from_founding(months.founding().date());
    let mut numbers = Numbers::new();
    for site in sites {
        let node = cast::node(site.node.as_str())?;
        steps.say(
            &format!("{}发布产品", node.place_zh),
            &format!("publishing at {}", node.place_en),
        );
        let own: Vec<Item> =
            items.iter().filter(|item| item.node == site.node.as_str()).cloned().collect();
        numbers.extend(at(site, move |site| publish_at(site, &own, terms)).await?);
        steps.done();
    }
    let expected = u64::try_from(items.len())?;
    for site in sites {
        until(site, Awaited::Products, move |read| {
            let page = catalog::search(read, &catalog::Query::default())?;
            Ok((page.total == expected).then_some(()))
        })
        .await?;
    }
    Ok(numbers)
}

fn publish_at(site: &Site, items: &[Item], terms: Terms) -> anyhow::Result<Numbers> {
    let node = cast::node(site.node.as_str())?;
    let mut numbers = Numbers::new();
    for sector in &content::SECTORS {
        let of_sector: Vec<&Item> =
            items.iter().filter(|item| item.sector == sector.code).collect();
        if of_sector.is_empty() {
            continue;
        }
        let file = content::publishing_file(node, sector, &of_sector, terms)?;
        let published = catalog::publish(site, &Actor::node(), &file)?.published;
        for product in published.iter().filter(|one| one.kind == "product.registered") {
            numbers.insert(product.key.clone(), RegistrationNumber::parse(&product.id)?);
        }
    }
    for item in items {
        let number =
            numbers.get(&item.key).with_context(|| format!("{} got no number", item.key))?;
        contracts::load(site, number, &data::of(item))?;
    }
    Ok(numbers)
}

fn past_days(months: Months, present: Timestamp) -> Vec<lianshi_registry::time::Date> {
    let mut day = months.oldest.first_day();
    let mut days = Vec::new();
    while day <= present.date() {
        days.push(day);
        day = day.plus_days(1);
    }
    days
}

/// Lets the days pass: calls are metered at their times, the oldest month is closed when it is
/// over.
async fn live_through(
    sites: &[Site],
    months: Months,
    days: &[lianshi_registry::time::Date],
    (callers, steps): (&[Caller], &Steps),
) -> anyhow::Result<()> {
    let provider = site_of(sites, cast::PROVIDER_NODE)?;
    let closing = months.last_full.first_day().plus_days(1);
    for day in days {
        let date = day.to_string();
        steps.say(&date, &date);
        clock::go_on_from(day.start());
        let callers = callers.to_vec();
        let (day, oldest) = (*day, months.oldest);
        let end = day.plus_days(1).start().min(clock_end());
        at(provider, move |site| {
            history::meter_day(site, day, end, &callers)?;
            if day == closing {
                close::close_period(site, &Actor::node(), oldest)?;
                site.nudge();
            }
            Ok(())
        })
        .await?;
        steps.done();
    }
    steps.say("结算最早账期", "closing the oldest month");
    steps.done();
    Ok(())
}

/// The present, by the system's clock: the running day ends there.
fn clock_end() -> Timestamp {
    clock::present()
}

/// The site of a demo node.
pub fn site_of<'s>(sites: &'s [Site], name: &str) -> anyhow::Result<&'s Site> {
    sites.iter().find(|site| site.node.as_str() == name).with_context(|| format!("no node {name}"))
}

fn about_node(folder: &Folder) -> AboutNode {
    let origin = folder.origin();
    let web = folder.config.public_url.clone();
    AboutNode {
        name: folder.config.node.to_string(),
        division: folder.config.division.to_string(),
        gateway: web.clone(),
        ops: format!("http://{}", folder.config.listen_ops),
        data: folder.path.display().to_string(),
        log_vkey: lianshi_registry::checkpoint::vkey(&origin, folder.keys.log.public()).to_string(),
        log_url: format!("{web}/log/{}/{}/", origin.node(), origin.generation()),
        log_origin: origin.to_string(),
        web,
    }
}

fn about_products(numbers: &Numbers) -> anyhow::Result<Vec<AboutProduct>> {
    let items = content::items()?;
    let mut products = Vec::new();
    for item in &items {
        let number =
            numbers.get(&item.key).with_context(|| format!("{} got no number", item.key))?;
        let data = data::of(item);
        products.push(AboutProduct {
            node: item.node.clone(),
            id: number.to_string(),
            number: number.to_string(),
            name: item.name_zh.clone(),
            operation: data.operation.to_owned(),
            example_request: data.example,
        });
    }
    // Those with facts behind them first: they are what a visitor tries.
    products.sort_by_key(|product| {
        let item = items
            .iter()
            .find(|item| numbers.get(&item.key).is_some_and(|n| n.as_str() == product.number));
        item.and_then(|item| content::CALLABLE.iter().position(|key| *key == item.key))
            .unwrap_or(usize::MAX)
    });
    Ok(products)
}
