//! The public catalog as JSON.

use actix_web::{
    HttpResponse,
    web::{Data, Path, Query},
};
use lianshi_registry::{
    entry::{Authorization, Ceiling, Operation, Organization, Plan, Product, Resource, Split},
    id::RegistrationNumber,
    merkle,
};
use lianshi_store::{
    catalog::{self, FacetValue, Facets, Hit, Offer, Sort},
    log,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    WebState, nodes,
    page::Page,
    problem::{Problem, ProblemDetails},
};

/// What to look for; an absent parameter does not filter.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ProductsQuery {
    /// Words in Chinese or English, or a registration number.
    q: String,
    /// `verification`, `index`, `model`, `report` or `application`.
    kind: String,
    /// Sector code.
    sector: String,
    /// Six-digit division code.
    division: String,
    /// Short name of the owning node.
    node: String,
    /// `governance`, `government_service`, `public_service` or `economy`.
    field: String,
    /// `free` or `paid`.
    charge: String,
    /// A status; `any` includes delisted products.
    status: String,
    /// `relevance` (the default) or `newest`.
    #[param(pattern = "^(relevance|newest)?$")]
    sort: String,
    /// Page, from 1.
    #[param(minimum = 1, maximum = 1_000_000)]
    page: Option<u32>,
    /// Items on a page, at most 100.
    #[param(minimum = 1, maximum = 100)]
    size: Option<u32>,
    /// To list everything: empty for the first page, then the `next` of the page before. Products
    /// come in the order of their numbers; none is skipped or repeated while the catalog changes.
    /// Not with `q`, `sort` or `page`.
    #[param(pattern = "^([0-9]{6}-P-[0-9]{4}-[0-9]{7}-[0-9A-Z])?$")]
    cursor: Option<String>,
}

/// A page of products.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProductsPage {
    /// All that match.
    total: u64,
    /// This page, from 1.
    page: u32,
    /// How many pages there are.
    pages: u32,
    /// Its items.
    items: Vec<ProductItem>,
    /// Counts by value, under all other filters.
    facets: FacetCounts,
    /// With a cursor: that of the next page; null after the last.
    next: Option<String>,
    /// With a cursor: what the list is up to date with. Keep that of the first page, and ask
    /// `/api/v1/catalog/changes` for what changed since.
    as_of: Option<String>,
}

/// One product of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProductItem {
    /// Registration number.
    id: String,
    /// Registration number.
    number: String,
    /// Name in the language of the request, Chinese by default.
    name: String,
    /// Name in both languages.
    names: Bilingual,
    /// One sentence.
    summary: String,
    /// Form.
    kind: String,
    /// Sector code.
    sector: String,
    /// Field code.
    field: String,
    /// Division code.
    division: String,
    /// Owning node.
    node: String,
    /// Operator.
    operator: String,
    /// `free`, `paid`, `both` or `none`.
    charge: String,
    /// Lowest unit price of its open plans, in yuan.
    price_from: Option<String>,
    /// Where it stands.
    status: String,
    /// When it was registered, UTC.
    registered_at: String,
    /// Answers come from demonstration data.
    synthetic: bool,
}

/// A text in both languages.
#[derive(Debug, Serialize, ToSchema)]
pub struct Bilingual {
    /// Chinese.
    zh: String,
    /// English.
    en: String,
}

/// Counts of every facet.
#[derive(Debug, Serialize, ToSchema)]
pub struct FacetCounts {
    kind: Vec<ValueCount>,
    sector: Vec<ValueCount>,
    division: Vec<ValueCount>,
    node: Vec<ValueCount>,
    field: Vec<ValueCount>,
    charge: Vec<ValueCount>,
    status: Vec<ValueCount>,
}

/// A value and how many products have it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ValueCount {
    value: String,
    count: u64,
}

impl FacetCounts {
    fn new(facets: &Facets) -> Self {
        let counts = |values: &[FacetValue]| {
            let one = |v: &FacetValue| ValueCount { value: v.value.clone(), count: v.count };
            values.iter().map(one).collect()
        };
        Self {
            kind: counts(&facets.kind),
            sector: counts(&facets.sector),
            division: counts(&facets.division),
            node: counts(&facets.node),
            field: counts(&facets.field),
            charge: counts(&facets.charge),
            status: counts(&facets.status),
        }
    }
}

impl ProductItem {
    /// As the language of the page has it.
    pub(super) fn new(page: &Page, hit: &Hit) -> Self {
        Self {
            id: hit.number.to_string(),
            number: hit.number.to_string(),
            name: page.of_texts(&hit.name).to_owned(),
            names: Bilingual { zh: hit.name.zh.clone(), en: hit.name.en.clone() },
            summary: page.of_texts(&hit.summary).to_owned(),
            kind: hit.form.clone(),
            sector: hit.sector.clone(),
            field: hit.field.clone(),
            division: hit.division.to_string(),
            node: hit.node.to_string(),
            operator: page.of_texts(&hit.operator_name).to_owned(),
            charge: hit.charge.clone(),
            price_from: hit.price_from.map(|price| price.to_string()),
            status: hit.status.to_string(),
            registered_at: hit.registered_at.to_string(),
            synthetic: hit.synthetic,
        }
    }
}

/// Search the catalog.
#[utoipa::path(get, path = "/api/v1/products", tag = "catalog", params(ProductsQuery),
    operation_id = "list_products",
    responses((status = 200, body = ProductsPage), (status = 400, body = ProblemDetails),
        (status = 404, body = ProblemDetails), (status = 422, body = ProblemDetails)))]
pub async fn products(
    page: Page,
    state: Data<WebState>,
    query: Query<ProductsQuery>,
) -> Result<HttpResponse, Problem> {
    let query = query.into_inner();
    let sort = match query.sort.as_str() {
        "" | "relevance" => Sort::Relevance,
        "newest" => Sort::Newest,
        _ => return Err(Problem::Malformed("sort is relevance or newest".to_owned())),
    };
    let asked = super::page_asked(query.page)?;
    if query.size.is_some_and(|size| size == 0 || size > 100) {
        return Err(Problem::Malformed("size is from 1 to 100".to_owned()));
    }
    let after = query.cursor.as_deref().map(|cursor| after(&query, cursor)).transpose()?;
    let is_list = after.is_some();
    let wanted = catalog::Query {
        q: query.q,
        kind: query.kind,
        sector: query.sector,
        division: query.division,
        node: query.node,
        field: query.field,
        charge: query.charge,
        status: query.status,
        page: asked,
        size: query.size.unwrap_or(0),
        sort,
        after,
        now: page.now,
    };
    let (found, now) =
        state.read(move |read| Ok((catalog::search(read, &wanted)?, catalog::now(read)?))).await?;
    let is_full = u32::try_from(found.items.len()).is_ok_and(|count| count == found.size);
    let last = found.items.last().filter(|_| is_list && is_full);
    Ok(HttpResponse::Ok().json(ProductsPage {
        total: found.total,
        page: found.page,
        pages: found.pages,
        items: found.items.iter().map(|hit| ProductItem::new(&page, hit)).collect(),
        facets: FacetCounts::new(&found.facets),
        next: last.map(|hit| hit.number.to_string()),
        as_of: is_list.then(|| now.to_string()),
    }))
}

/// Where a list goes on.
fn after(query: &ProductsQuery, cursor: &str) -> Result<String, Problem> {
    if !(query.q.is_empty() && query.sort.is_empty() && query.page.is_none()) {
        return Err(Problem::Refused {
            code: "catalog.cursor_alone",
            rule: None,
            detail: "a cursor goes without q, sort and page".to_owned(),
        });
    }
    if cursor.is_empty() {
        return Ok(String::new());
    }
    // Any number will do, also one that is gone by now; what is none comes after nothing.
    let number = RegistrationNumber::parse(cursor).map_err(|_| Problem::NotFound)?;
    Ok(number.to_string())
}

/// All that is known of a product. The records from the registry are given as they stand in its
/// entries.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProductDetails {
    /// Registration number.
    id: String,
    /// Registration number.
    number: String,
    /// Name in the language of the request.
    name: String,
    /// Form.
    kind: String,
    /// Grade.
    grade: String,
    /// Owning node.
    node: String,
    /// Where it stands now.
    status: String,
    /// Stable code of what stopped it; empty while on offer.
    status_code: String,
    /// Why.
    status_reason: String,
    /// Where it is called: append `/` and an operation.
    call_url: String,
    /// First day no longer authorized.
    authorized_until: Option<String>,
    /// The description.
    #[schema(value_type = Object)]
    product: Product,
    /// The operator.
    #[schema(value_type = Option<Object>)]
    operator: Option<Organization>,
    /// Its operations.
    #[schema(value_type = Vec<Object>)]
    operations: Vec<Operation>,
    /// The authorization.
    #[schema(value_type = Option<Object>)]
    authorization: Option<Authorization>,
    /// The resources.
    #[schema(value_type = Vec<Object>)]
    resources: Vec<Resource>,
    /// Open plans.
    #[schema(value_type = Vec<Object>)]
    plans: Vec<Plan>,
    /// Filed ceilings.
    #[schema(value_type = Vec<Object>)]
    ceilings: Vec<Ceiling>,
    /// The split agreement.
    #[schema(value_type = Option<Object>)]
    split: Option<Split>,
    /// Where all this was said.
    provenance: Provenance,
}

/// Where a product's description stands in the registry.
#[derive(Debug, Serialize, ToSchema)]
pub struct Provenance {
    /// The log.
    origin: String,
    /// The entry.
    index: u64,
    /// RFC 6962 leaf hash of the entry, hexadecimal.
    entry_hash: Option<String>,
    /// This node wrote the log itself.
    own: bool,
    /// When the owning node last confirmed the copy held here, UTC; null while it never did.
    confirmed_at: Option<String>,
    /// How long ago that was; 0 for this node's own log, null while never confirmed.
    age_seconds: Option<i64>,
    /// The same in words, in the language of the request.
    age: String,
}

impl Provenance {
    fn new(page: &Page, offer: &Offer, entry: Option<&[u8]>) -> Self {
        let current_at = if offer.own { Some(page.now) } else { offer.confirmed_at };
        Self {
            origin: offer.origin.to_string(),
            index: offer.origin_index,
            entry_hash: entry.map(|bytes| merkle::leaf_hash(bytes).to_string()),
            own: offer.own,
            confirmed_at: current_at.map(|at| at.to_string()),
            age_seconds: current_at.map(|at| page.age_seconds(at)),
            age: nodes::age(page, offer),
        }
    }
}

impl ProductDetails {
    fn new(page: &Page, offer: Offer, entry: Option<&[u8]>) -> Self {
        let standing = offer.standing(page.now);
        let number = offer.product.number.to_string();
        Self {
            id: number.clone(),
            name: page.of_texts(&offer.product.name).to_owned(),
            kind: offer.product.form.to_string(),
            grade: offer.product.grade.to_string(),
            node: offer.node.to_string(),
            status: standing.status.to_string(),
            status_code: standing.code.to_owned(),
            status_reason: standing.reason,
            call_url: format!("{}/call/{number}", offer.public_url),
            authorized_until: offer.authorized_until().map(|date| date.to_string()),
            operations: offer.product.operations.clone(),
            provenance: Provenance::new(page, &offer, entry),
            product: offer.product,
            operator: offer.operator,
            authorization: offer.authorization.map(|state| state.authorization),
            resources: offer.resources.into_iter().map(|state| state.resource).collect(),
            plans: offer.plans,
            ceilings: offer.ceilings,
            split: offer.split,
            number,
        }
    }
}

/// Show a product.
#[utoipa::path(get, path = "/api/v1/products/{id}", tag = "catalog",
    operation_id = "show_product",
    params(("id" = String, Path, description = "Registration number")),
    responses((status = 200, body = ProductDetails), (status = 404, body = ProblemDetails,
        content_type = "application/problem+json")))]
pub async fn product(
    page: Page,
    state: Data<WebState>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let number = RegistrationNumber::parse(&id).map_err(|_| Problem::NotFound)?;
    let (offer, entry) = state
        .read(move |read| {
            let offer = catalog::product(read, &number)?;
            let entry = match &offer {
                Some(offer) => log::entry(read, &offer.origin, offer.origin_index)?,
                None => None,
            };
            Ok((offer, entry))
        })
        .await?;
    let offer = offer.ok_or(Problem::NotFound)?;
    Ok(HttpResponse::Ok().json(ProductDetails::new(&page, offer, entry.as_deref())))
}
