//! Copies of a party's lines. A party may have its lines at nodes that know nothing of each other;
//! it sees both at one of them by naming that node at the other. Amounts are private, and a catalog
//! entry is nobody's permission: only a person of the party, where the party reads, decides who is
//! given a copy. What is sent is this node's word about the party's own part, under its seal.

mod received;
mod refusal;

use diesel::prelude::*;
use lianshi_market::close::{COPY_VERSION, CopyDocument};
use lianshi_registry::{id::NodeName, time::Timestamp, uscc::Uscc};

pub use received::{COPIES_MAX, CopiedLine, CopyPage, received};
pub use refusal::CopyRefusal;

use crate::{
    Failure, Fault, Read, Site, Write,
    allocations::{AllocationRow, DivisionRow},
    audit::{self, Act, Actor},
    dialect::insert_if_absent,
    members,
    outbox::{self, OutboxRow},
    recovery,
    schema::{
        allocations, line_recipients, outbox as letters, parked_letters, sent_copies,
        split_documents,
    },
    statements::{Claim, LETTER_VERSION, Letter, LetterKind, letter_row},
};

/// Most nodes a party has its lines copied to.
pub const RECIPIENTS_MAX: i64 = 16;
/// Lines of the past copied in one transaction: some ten milliseconds.
const COPIED_AT_ONCE: i64 = 50;

/// A node that a party has its lines copied to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// The node.
    pub node: NodeName,
    /// Since when.
    pub named_at: Timestamp,
    /// The login of whoever said so.
    pub named_by: String,
    /// This node was restored since: nothing is sent before a person says so again, for it may have
    /// been taken back.
    pub lapsed: bool,
    /// Lines sent.
    pub sent: u64,
    /// Those of them that the node confirmed.
    pub confirmed: u64,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = line_recipients)]
struct RecipientRow {
    party_uscc: String,
    node: String,
    named_at: i64,
    named_by: String,
    sent_period: String,
    sent_product: String,
}

/// Nodes named before this moment are sent nothing: since then the node was restored, and what a
/// backup holds may have been taken back. Nothing at all is sent while it is not known what was.
fn valid_from(read: &mut Read<'_>) -> Result<Timestamp, Fault> {
    if recovery::pending(read)?.is_some() {
        return Ok(Timestamp::from_millis(i64::MAX));
    }
    Ok(recovery::finished_at(read)?.unwrap_or(Timestamp::from_millis(i64::MIN)))
}

/// The nodes that a party has its lines copied to, by name.
pub fn recipients(read: &mut Read<'_>, party: &Uscc) -> Result<Vec<Recipient>, Fault> {
    let rows: Vec<RecipientRow> = line_recipients::table
        .filter(line_recipients::party_uscc.eq(party.as_str()))
        .order(line_recipients::node.asc())
        .select(RecipientRow::as_select())
        .load(&mut **read)?;
    let valid_from = valid_from(read)?;
    let recipient = |row: RecipientRow| {
        let sent = sent_copies::table
            .filter(sent_copies::party_uscc.eq(&row.party_uscc))
            .filter(sent_copies::node.eq(&row.node));
        let count: i64 = sent.count().get_result(&mut **read)?;
        let confirmed: i64 = sent
            .filter(sent_copies::countersigned.is_not_null())
            .count()
            .get_result(&mut **read)?;
        let named_at = Timestamp::from_millis(row.named_at);
        Ok(Recipient {
            node: parsed(NodeName::parse(&row.node))?,
            named_at,
            named_by: row.named_by,
            lapsed: named_at < valid_from,
            sent: parsed(u64::try_from(count))?,
            confirmed: parsed(u64::try_from(confirmed))?,
        })
    };
    rows.into_iter().map(recipient).collect()
}

/// A person of a party has its lines copied to a node from now on, with all there were. Saying it
/// again sends everything again, as when the other node lost something.
pub fn name(
    site: &Site,
    (actor, party): (&Actor, &Uscc),
    node: &str,
) -> Result<(), Failure<CopyRefusal>> {
    let unknown = || Failure::Refused(CopyRefusal::NoMember(node.to_owned()));
    let node = NodeName::parse(node).map_err(|_| unknown())?;
    if node == site.node {
        return Err(Failure::Refused(CopyRefusal::OwnNode));
    }
    site.db.write(|write| {
        if members::may_write(&mut write.as_read(), &node)?.is_err() {
            return Err(unknown());
        }
        let row = line_recipients::table.find((party.as_str(), node.as_str()));
        diesel::delete(row).execute(&mut **write)?;
        // It confirms what it holds now.
        let sent = sent_copies::table
            .filter(sent_copies::party_uscc.eq(party.as_str()))
            .filter(sent_copies::node.eq(node.as_str()));
        diesel::delete(sent).execute(&mut **write)?;
        let named: i64 = line_recipients::table
            .filter(line_recipients::party_uscc.eq(party.as_str()))
            .count()
            .get_result(&mut **write)?;
        if named >= RECIPIENTS_MAX {
            return Err(Failure::Refused(CopyRefusal::Full));
        }
        diesel::insert_into(line_recipients::table)
            .values((
                line_recipients::party_uscc.eq(party.as_str()),
                line_recipients::node.eq(node.as_str()),
                line_recipients::named_at.eq(site.now().millis()),
                line_recipients::named_by.eq(&actor.name),
                line_recipients::waits.eq(true),
                line_recipients::sent_period.eq(""),
                line_recipients::sent_product.eq(""),
            ))
            .execute(&mut **write)?;
        Ok(record(write, site, (actor, "copy.name"), &format!("{party} {node}"))?)
    })
}

/// A person of a party takes it back: nothing more is sent there, also nothing that waits to be.
/// What the node was told, it was told.
pub fn take_back(
    site: &Site,
    (actor, party): (&Actor, &Uscc),
    node: &str,
) -> Result<(), Failure<CopyRefusal>> {
    site.db.write(|write| {
        let row = line_recipients::table.find((party.as_str(), node));
        if diesel::delete(row).execute(&mut **write)? == 0 {
            return Err(Failure::Refused(CopyRefusal::NotNamed(node.to_owned())));
        }
        // Neither a code nor the name of a node has a sign that patterns read otherwise.
        let unsent = format!("{}/{party}/{node}/%", LetterKind::LineCopy.as_str());
        let waits = letters::target.eq(node).and(letters::id.like(&unsent));
        diesel::delete(letters::table.filter(waits)).execute(&mut **write)?;
        let parked = parked_letters::target.eq(node).and(parked_letters::id.like(&unsent));
        diesel::delete(parked_letters::table.filter(parked)).execute(&mut **write)?;
        Ok(record(write, site, (actor, "copy.take_back"), &format!("{party} {node}"))?)
    })
}

/// Takes back every copy that waits to be sent or is set aside, whoever it is for: only a person of
/// the party has them written again.
pub(crate) fn withdraw(write: &mut Write<'_>) -> Result<(), Fault> {
    let copies = format!("{}/%", LetterKind::LineCopy.as_str());
    let nodes: Vec<String> =
        line_recipients::table.select(line_recipients::node).distinct().load(&mut **write)?;
    for node in nodes {
        let waits = letters::target.eq(&node).and(letters::id.like(&copies));
        diesel::delete(letters::table.filter(waits)).execute(&mut **write)?;
        let parked = parked_letters::target.eq(&node).and(parked_letters::id.like(&copies));
        diesel::delete(parked_letters::table.filter(parked)).execute(&mut **write)?;
    }
    Ok(())
}

/// Goes on copying what there was when nodes were named, some lines in each transaction. Cheap when
/// nothing is left; safe beside others that do the same, and after a crash at any moment.
pub fn send_past(site: &Site) -> Result<(), Fault> {
    while site.db.read(|read| Ok::<_, Fault>(first_that_waits(read)?.is_some()))? {
        site.db.write(|write| send_some(write, site))?;
    }
    Ok(())
}

fn first_that_waits(read: &mut Read<'_>) -> Result<Option<RecipientRow>, Fault> {
    let valid_from = valid_from(read)?.millis();
    Ok(line_recipients::table
        .filter(line_recipients::waits.eq(true))
        .filter(line_recipients::named_at.ge(valid_from))
        .order((line_recipients::party_uscc.asc(), line_recipients::node.asc()))
        .select(RecipientRow::as_select())
        .first(&mut **read)
        .optional()?)
}

fn send_some(write: &mut Write<'_>, site: &Site) -> Result<(), Fault> {
    let Some(row) = first_that_waits(&mut write.as_read())? else { return Ok(()) };
    let later =
        allocations::period.eq(&row.sent_period).and(allocations::product.gt(&row.sent_product));
    let lines: Vec<AllocationRow> = allocations::table
        .filter(allocations::party_uscc.eq(&row.party_uscc))
        .filter(allocations::period.ge(&row.sent_period))
        .filter(allocations::period.gt(&row.sent_period).or(later))
        .order((allocations::period.asc(), allocations::product.asc()))
        .limit(COPIED_AT_ONCE)
        .select(AllocationRow::as_select())
        .load(&mut **write)?;
    let node = parsed(NodeName::parse(&row.node))?;
    for line in &lines {
        send(write, site, (line, &node))?;
    }
    let last = lines.last().map_or((row.sent_period, row.sent_product), |line| {
        (line.period.clone(), line.product.clone())
    });
    let count = i64::try_from(lines.len()).unwrap_or(COPIED_AT_ONCE);
    diesel::update(line_recipients::table.find((&row.party_uscc, &row.node)))
        .set((
            line_recipients::waits.eq(count == COPIED_AT_ONCE),
            line_recipients::sent_period.eq(last.0),
            line_recipients::sent_product.eq(last.1),
        ))
        .execute(&mut **write)?;
    Ok(())
}

/// Copies lines that were just written to the nodes that their parties named.
pub(crate) fn send_new(
    write: &mut Write<'_>,
    site: &Site,
    lines: &[AllocationRow],
) -> Result<(), Fault> {
    if lines.is_empty() {
        return Ok(());
    }
    let valid_from = valid_from(&mut write.as_read())?.millis();
    let named: Vec<(String, String)> = line_recipients::table
        .filter(line_recipients::named_at.ge(valid_from))
        .select((line_recipients::party_uscc, line_recipients::node))
        .load(&mut **write)?;
    for (party, node) in named {
        let node = parsed(NodeName::parse(&node))?;
        for line in lines.iter().filter(|line| line.party_uscc == party) {
            send(write, site, (line, &node))?;
        }
    }
    Ok(())
}

/// Seals a copy of a line for a node, unless the party does not read it here or the node divided it
/// itself.
fn send(
    write: &mut Write<'_>,
    site: &Site,
    (line, node): (&AllocationRow, &NodeName),
) -> Result<(), Fault> {
    let Some(document) = copy_of(&mut write.as_read(), site, line)? else { return Ok(()) };
    if document.provider_node == *node {
        return Ok(());
    }
    let (text, hash) = document.seal_text();
    let row = (
        sent_copies::party_uscc.eq(&line.party_uscc),
        sent_copies::node.eq(node.as_str()),
        sent_copies::period.eq(&line.period),
        sent_copies::product.eq(&line.product),
        sent_copies::document_hash.eq(hash.to_vec()),
        sent_copies::sent_at.eq(site.now().millis()),
    );
    insert_if_absent!(write, sent_copies::table, row)?;
    let kind = LetterKind::LineCopy;
    let claim =
        Claim { v: LETTER_VERSION, id: document.id(), hash: hex::encode(hash), at: site.now() };
    let letter = Letter::new(&text, claim.seal(&site.node, kind, &site.seal_key));
    let AllocationRow { party_uscc, period, product, .. } = line;
    let id = format!("{}/{party_uscc}/{node}/{period}/{product}", kind.as_str());
    // One at a time for each node: what else it is sent does not wait for a thousand of them.
    let ordering_key = format!("{}/{node}", kind.as_str());
    let row = OutboxRow { ordering_key, ..letter_row(&id, node, &letter, site.now()) };
    outbox::enqueue(write, &row)?;
    Ok(())
}

/// What this node says of a line; nothing where the party reads it at another node.
fn copy_of(
    read: &mut Read<'_>,
    site: &Site,
    line: &AllocationRow,
) -> Result<Option<CopyDocument>, Fault> {
    let row: Option<DivisionRow> = split_documents::table
        .find((&line.side, &line.period, &line.product, &line.agreement))
        .select(DivisionRow::as_select())
        .first(&mut **read)
        .optional()?;
    let Some(row) = row else { return Ok(None) };
    let division = row.read()?;
    let part = division.parts.iter().find(|part| part.party.uscc.as_str() == line.party_uscc);
    let Some(part) = part.filter(|part| part.party.node == site.node) else { return Ok(None) };
    Ok(Some(CopyDocument {
        v: COPY_VERSION,
        reading_node: site.node.clone(),
        provider_node: division.provider_node.clone(),
        period: division.period,
        product: division.product.clone(),
        agreement: division.agreement.clone(),
        party: part.party.uscc.clone(),
        role: part.party.role,
        share_ppm: part.party.share_ppm,
        currency: division.currency,
        amount: part.amount,
        division_hash: hex::encode(&row.document_hash),
    }))
}

fn record(
    write: &mut Write<'_>,
    site: &Site,
    (actor, action): (&Actor, &'static str),
    object: &str,
) -> Result<(), Fault> {
    let (at, outcome, before, after) = (site.now(), "done", "", "");
    audit::record(write, &Act { at, actor, action, object, outcome, before, after })
}

fn parsed<T, E: std::fmt::Display>(outcome: Result<T, E>) -> Result<T, Fault> {
    outcome.map_err(|error| Fault::corrupt("line_recipients", error))
}
