//! What one member can make the others spend: memory, disk and time, for each byte it signs.

use std::{fs, path::Path, time::Duration};

use lianshi_registry::{
    entry::{
        Authorization, Entry, Fact, Grade, Guard, Organization, OrganizationKind, Product,
        ProductForm, Purpose, Resource, Texts, UpdateCycle, counted_bytes,
    },
    id::{DivisionCode, NumberKind, RegistrationNumber},
    json,
    time::{Date, Timestamp},
    uscc::{self, Uscc},
};
use serde_json::Value;
use support::{
    federation::{Federation, Node},
    run_json, wait_for,
};

use crate::hostile_member::Hostile;

/// Entries of each kind of burden: some megabytes.
const AUTHORIZATIONS: u32 = 400;
const PRODUCTS: u32 = 600;
const EMPTY_ENTRIES: usize = 20_000;

/// The most that a byte may cost whoever adopts it: on disk the entry, its hashes, its object and
/// its words; in memory what is held at a time, whatever there is in all.
const DISK_PER_BYTE_MAX: u64 = 16;
const MEMORY_MAX: u64 = 128 * 1024 * 1024;
/// Microseconds of processors, in a build without optimization.
const CPU_US_PER_BYTE_MAX: u64 = 20;

/// A node is at rest when it writes nothing and does little for so long.
const REST: Duration = Duration::from_secs(2);
const REST_CPU_MS: u64 = 300;

fn office(n: u32) -> Uscc {
    uscc::complete(&format!("91330203MA2B{n:05}")).expect("valid")
}

fn number(kind: NumberKind, n: u32) -> RegistrationNumber {
    let division = DivisionCode::parse("330203").expect("valid");
    RegistrationNumber::new(&division, kind, 2026, n).expect("fits")
}

fn texts(zh: &str) -> Texts {
    Texts { zh: zh.to_owned(), en: String::new() }
}

/// Chinese text in which hardly two neighbors occur twice.
fn varied(seed: u32, chars: u32) -> String {
    let mixed = |n: u32| seed.wrapping_mul(7_919).wrapping_add(n.wrapping_mul(2_654_435_761));
    let place = |n: u32| 0x4e00 + mixed(n) % 20_900;
    (0..chars).filter_map(|n| char::from_u32(place(n))).collect()
}

fn encoded(fact: Fact) -> Vec<u8> {
    let at = Timestamp::parse("2026-11-21T03:00:00Z").expect("a time");
    let entry = Entry { at, by: "haishu".to_owned(), fact };
    json::encode_entry(&entry).expect("inside the profile")
}

/// What everything else stands on.
fn ground() -> Vec<Vec<u8>> {
    let organization = Organization {
        uscc: office(1),
        name: texts("示例单位"),
        kind: OrganizationKind::Operator,
        division: DivisionCode::parse("330203").expect("valid"),
    };
    let resource = Resource {
        number: number(NumberKind::Resource, 1),
        name: texts("示例资源"),
        provider: office(1),
        platform_id: "P-1".to_owned(),
        grade: Grade::L1,
        forbidden: false,
        fields: Vec::new(),
        row_count: 1,
        update_cycle: UpdateCycle::Daily,
    };
    let granted = Fact::AuthorizationGranted(authorization(1, 1));
    vec![
        encoded(Fact::OrganizationListed(organization)),
        encoded(Fact::ResourceCataloged(resource)),
        encoded(granted),
    ]
}

fn authorization(n: u32, resources: u32) -> Authorization {
    let day = |text| Date::parse(text).expect("a day");
    Authorization {
        number: number(NumberKind::Authorization, n),
        scenario: texts("示例场景"),
        grantor: office(1),
        operator: office(1),
        resources: (1..=resources).map(|n| number(NumberKind::Resource, n)).collect(),
        purposes: vec![Purpose::Industry],
        from: day("2026-01-01"),
        until: day("2028-01-01"),
        agreement: "A-1".to_owned(),
        emergency_plan: "E-1".to_owned(),
        ruleset: "330200-2023".to_owned(),
    }
}

fn product(n: u32) -> Product {
    Product {
        number: number(NumberKind::Product, n),
        name: texts(&varied(n, 150)),
        summary: texts(&varied(n + 10_000, 290)),
        description: texts(&varied(n + 20_000, 1_900)),
        form: ProductForm::Verification,
        version: "1.0".to_owned(),
        sector: "finance".to_owned(),
        field: "economy".to_owned(),
        operator: office(1),
        authorization: number(NumberKind::Authorization, 1),
        resources: vec![number(NumberKind::Resource, 1)],
        grade: Grade::L1,
        regrade: None,
        purposes: vec![Purpose::Industry],
        forbidden_uses: texts("转售"),
        update_cycle: UpdateCycle::Daily,
        coverage: texts("海曙"),
        technique: "lookup".to_owned(),
        operations: Vec::new(),
        guard: Guard { smallest_cell: 0, distinct_subjects_max: 100 },
        security_assessment: "S-1".to_owned(),
        export_review: "R-1".to_owned(),
        service_level: texts("工作日"),
        contact: "C-1".to_owned(),
        valid_until: Date::parse("2028-01-01").expect("a day"),
        synthetic: true,
    }
}

/// Bytes of the node's database on disk.
fn disk(node: &Node) -> u64 {
    let files = fs::read_dir(Path::new(&node.data)).expect("its folder").flatten();
    let of_database = files.filter(|f| f.file_name().to_string_lossy().contains("sqlite"));
    of_database.map(|file| file.metadata().map_or(0, |data| data.len())).sum()
}

/// Entries of the member's log that the node has folded and whose products it can find.
fn folded(node: &Node) -> Option<u64> {
    let told = run_json(&node.data, &["log", "list"]);
    let of = |one: &&Value| one["origin"] == "ningbo.example/haishu/1";
    told.as_array().expect("a list").iter().find(of)?["folded_size"].as_u64()
}

#[tokio::test]
async fn what_a_member_signs_costs_others_a_bounded_part_of_memory_disk_and_time() {
    let burdens: [(&str, Vec<Vec<u8>>); 3] = [
        (
            "texts",
            (1..=PRODUCTS)
                .map(|n| encoded(Fact::ProductRegistered(Box::new(product(n)))))
                .collect(),
        ),
        (
            "references",
            (2..2 + AUTHORIZATIONS)
                .map(|n| encoded(Fact::AuthorizationGranted(authorization(n, 550))))
                .collect(),
        ),
        ("nothing", vec![b"{}".to_vec(); EMPTY_ENTRIES]),
    ];
    for (name, burden) in burdens {
        let mut federation = Federation::found("");
        federation.ningbo.start().await;
        federation.yinzhou.start().await;
        let node = &federation.yinzhou;
        wait_for("the members to be known", 60, || async {
            let list = run_json(&node.data, &["member", "list"]);
            (list.as_array().map(Vec::len) == Some(3)).then_some(())
        })
        .await;
        let (before, disk_before) = (node.usage(), disk(node));
        let said = [ground(), burden].concat();
        let bytes: u64 = said.iter().map(|entry| counted_bytes(entry.len())).sum();
        let count = u64::try_from(said.len()).expect("small");
        let hostile = Hostile::start(&federation.haishu.data, |_| said).await;
        wait_for(&format!("{name} to be folded"), 240, || async {
            (folded(node) == Some(count)).then_some(())
        })
        .await;
        // The words follow.
        let mut seen = (0, 0);
        wait_for("the node to be at rest", 240, || {
            let now = (disk(node), node.usage().cpu_ms);
            let rests = now.0 == seen.0 && now.1 < seen.1 + REST_CPU_MS;
            seen = now;
            async move {
                tokio::time::sleep(REST).await;
                rests.then_some(())
            }
        })
        .await;
        let (after, on_disk) = (node.usage(), disk(node) - disk_before);
        let memory = after.memory_peak_bytes.saturating_sub(before.memory_peak_bytes);
        let cpu_us = (after.cpu_ms - before.cpu_ms) * 1_000;
        let of = format!(
            "{name}: {bytes} bytes signed, {on_disk} on disk, {memory} in memory, {cpu_us} us"
        );
        println!("{of}");
        assert!(on_disk <= bytes * DISK_PER_BYTE_MAX, "{of}");
        assert!(memory <= MEMORY_MAX, "{of}");
        assert!(cpu_us <= bytes * CPU_US_PER_BYTE_MAX, "{of}");
        hostile.peers.stop().await;
    }
}
