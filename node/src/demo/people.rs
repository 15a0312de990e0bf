//! The demo's people: an office at every node, the operator's staff at the provider node, the
//! enterprise at its home node, and the contributors of the product they deal in.

use anyhow::Context as _;
use lianshi_store::{
    Site,
    accounts::{self, NewUser, OrganizationRecord, Role, Scope, TokenOrder},
    audit::Actor,
};

use super::{
    build::site_of,
    cast::{self, HOME_NODE, NODES, OFFICE, PROVIDER_NODE},
    content::{self, Party},
    describe::AboutAccount,
    steps::at,
};

/// How long the demo's tokens live, in days.
const TOKEN_DAYS: i64 = 366;

/// Adds everyone and returns the accounts with password and token.
pub async fn settle(sites: &[Site]) -> anyhow::Result<Vec<AboutAccount>> {
    let password = accounts::random_grouped()?;
    let mut wanted = Vec::new();
    for node in &NODES {
        let office = cast::office(node)?;
        for (login, role) in OFFICE {
            wanted.push((node.name, office.clone(), login.to_owned(), role));
        }
    }
    let enterprise = cast::enterprise()?;
    wanted.push((HOME_NODE, enterprise.clone(), "buyer".to_owned(), Role::Buyer));
    wanted.push((HOME_NODE, enterprise, "org-admin".to_owned(), Role::OrgAdmin));
    for node in &NODES {
        let operator = content::party(node, "operator")?;
        wanted.push((node.name, record(&operator)?, "provider".to_owned(), Role::Provider));
    }
    for (number, party) in contributors()?.iter().enumerate() {
        let login = cast::login_of("contributor", number + 1);
        wanted.push((party.node, record(party)?, login, Role::Contributor));
    }
    let mut made = Vec::new();
    for (node, organization, login, role) in wanted {
        let site = site_of(sites, node)?;
        let password = password.clone();
        made.push(at(site, move |site| add(site, &organization, (&login, role), &password)).await?);
    }
    Ok(made)
}

/// The parties that share what the demo's product earns.
fn contributors() -> anyhow::Result<Vec<Party>> {
    let items = content::items()?;
    let flagship = items.iter().find(|item| item.key == content::FLAGSHIP);
    let node = cast::node(PROVIDER_NODE)?;
    let shares = content::shares(node, flagship.context("the demo's product is not listed")?)?;
    Ok(shares.into_iter().map(|(party, _)| party).collect())
}

fn record(party: &Party) -> anyhow::Result<OrganizationRecord> {
    let node = cast::node(party.node)?;
    Ok(OrganizationRecord {
        uscc: party.uscc.clone(),
        name: party.name.clone(),
        division: lianshi_registry::id::DivisionCode::parse(node.division)?,
        kind: match party.role {
            "platform" => "platform_operator",
            other => other,
        }
        .to_owned(),
    })
}

fn add(
    site: &Site,
    organization: &OrganizationRecord,
    (login, role): (&str, Role),
    password: &str,
) -> anyhow::Result<AboutAccount> {
    let node = Actor::node();
    accounts::add_organization(site, &node, organization)?;
    let new = NewUser {
        login: login.to_owned(),
        organization: organization.uscc.clone(),
        display_name: cast::person(login).to_owned(),
        roles: [role].into(),
        password: password.to_owned(),
    };
    accounts::add_user(site, &node, &Scope::Node, &new)?;
    // The demo tells its passwords to everybody; nobody has to take one of their own.
    accounts::keep_password(site, &node, login)?;
    let roles = new.roles.clone();
    let order = TokenOrder { login, label: "demo", roles: &roles, days: TOKEN_DAYS };
    let token = accounts::create_token(site, &node, &order)?;
    Ok(AboutAccount {
        node: site.node.to_string(),
        organization: organization.name.zh.clone(),
        organization_en: organization.name.en.clone(),
        role: role.to_string(),
        user: login.to_owned(),
        password: password.to_owned(),
        token: token.secret,
    })
}
