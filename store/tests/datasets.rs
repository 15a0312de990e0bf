//! Loads: streamed, all or nothing, with errors an editor can jump to.

use std::{fmt::Write as _, io, sync::Arc};

use lianshi_market::{
    dataset::{Definition, ROWS_PER_KEY_MAX},
    subscription::Side,
};
use lianshi_registry::{
    entry::Texts,
    id::{DivisionCode, NodeName, NumberKind, Origin, RegistrationNumber},
    key::KeyPair,
    refusal::Refusal as _,
    time::Timestamp,
};
use lianshi_store::{
    Db, Failure, Fault, Site,
    audit::Actor,
    datasets::{self, Encoding, LoadRefusal, Loaded, Target},
    rehearsal,
};

use sha2::Digest as _;

use crate::{
    catalog::{self, EXAMPLE},
    support::on_both,
};

fn site(db: &Db) -> Site {
    Site {
        db: db.clone(),
        node: NodeName::parse("yinzhou").expect("valid"),
        name: Texts { zh: "鄞州".to_owned(), en: "Yinzhou".to_owned() },
        division: DivisionCode::parse("330212").expect("valid"),
        origin: Origin::parse("ningbo.example/yinzhou/1").expect("valid"),
        public_url: "http://127.0.0.1:1".to_owned(),
        log_key: KeyPair::from_seed([1; 32]),
        seal_key: KeyPair::from_seed([2; 32]),
        witness_key: KeyPair::from_seed([3; 32]),
        quorum: lianshi_registry::policy::Rule::default(),
        folder: std::env::temp_dir(),
        clock: || Timestamp::from_millis(1_795_000_000_000),
        nudge: Arc::new(|| {}),
    }
}

fn target() -> Target {
    let division = DivisionCode::parse("330212").expect("valid");
    let definition: Definition = serde_json::from_value(serde_json::json!({
        "columns": [{ "name": "code" }, { "name": "since", "type": "date" },
            { "name": "note", "optional": true }],
        "lookup": { "key": ["code"], "compare": ["since"], "answer": ["note"] }
    }))
    .expect("a definition");
    Target {
        product: RegistrationNumber::new(&division, NumberKind::Product, 2026, 1).expect("fits"),
        operation: "verify".to_owned(),
        definition,
        encoding: Encoding::Utf8,
    }
}

fn load(site: &Site, file: impl io::Read) -> Result<Loaded, LoadRefusal> {
    match datasets::load(site, &Actor::node(), &target(), file, |_| {}) {
        Ok(loaded) => Ok(loaded),
        Err(Failure::Refused(refusal)) => Err(refusal),
        Err(Failure::Fault(fault)) => panic!("{fault}"),
    }
}

fn rows(db: &Db, key: &str) -> Vec<Vec<String>> {
    db.read(|read| {
        let product = target().product;
        match datasets::dataset(read, product.as_str(), "verify")? {
            Some(dataset) => datasets::rows(read, &dataset, key, 10),
            None => Ok::<_, Fault>(Vec::new()),
        }
    })
    .expect("read")
}

fn stored_rows(db: &Db) -> i64 {
    #[derive(diesel::QueryableByName)]
    struct Row {
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        rows: i64,
    }
    use diesel::RunQueryDsl as _;
    db.write(|write| {
        let query = diesel::sql_query("SELECT COUNT(*) AS rows FROM dataset_rows");
        Ok::<_, Fault>(query.get_result::<Row>(&mut **write)?.rows)
    })
    .expect("counted")
}

#[test]
fn a_file_replaces_the_one_before_as_a_whole() {
    on_both(|db| {
        let site = site(db);
        let first =
            "\u{feff}since,code,note\n2020-01-01, a1 ,\"old, with comma\"\n2021-01-01,b2,\n";
        let loaded = load(&site, first.as_bytes()).expect("loaded");
        assert_eq!((loaded.version, loaded.rows), (1, 2));
        assert_eq!(rows(db, "A1"), [["a1", "2020-01-01", "old, with comma"]]);
        let second = "code,since,note\na1,2022-01-01,new\n";
        let loaded = load(&site, second.as_bytes()).expect("loaded");
        assert_eq!((loaded.version, loaded.rows), (2, 1));
        assert_eq!(rows(db, "A1"), [["a1", "2022-01-01", "new"]]);
        assert!(rows(db, "B2").is_empty());
        assert_eq!(stored_rows(db), 1, "the old version is swept");
        let all = db.read(datasets::all).expect("listed");
        assert_eq!((all.len(), all[0].version, all[0].row_count), (1, 2, 1));
    });
}

#[test]
fn bad_rows_are_named_exactly_and_nothing_changes() {
    on_both(|db| {
        let site = site(db);
        load(&site, "code,since,note\na,2020-01-01,\n".as_bytes()).expect("loaded");
        let bad = "code,since,note\nx,2020-01-01,\ny,2020-02-30,\nz,2020-01-01\n,soon,ok\n";
        let Err(LoadRefusal::Rows { errors, more }) = load(&site, bad.as_bytes()) else {
            panic!("the file has errors")
        };
        let shown: Vec<String> = errors.iter().map(ToString::to_string).collect();
        let expected = [
            "line 3, column `since`: `2020-02-30` is not a date of the form 2026-11-21",
            "line 4: the row has 2 cells, the first line has 3",
            "line 5, column `code`: is empty",
            "line 5, column `since`: `soon` is not a date of the form 2026-11-21",
        ];
        assert_eq!((shown.as_slice(), more), (&expected.map(str::to_owned)[..], false));
        assert_eq!((rows(db, "A").len(), rows(db, "X").len(), stored_rows(db)), (1, 0, 1));
    });
}

/// What is answered is read by people too: no cell turns the direction of what stands beside it.
#[test]
fn a_cell_that_deceives_whoever_reads_it_is_named() {
    on_both(|db| {
        let site = site(db);
        for (note, what) in [
            ("x\u{202e}y", "U+202E"),
            ("\u{2066}x", "U+2066"),
            ("x\u{e0041}", "U+E0041"),
            ("x\u{85}y", "U+0085"),
        ] {
            let file = format!("code,since,note\na,2020-01-01,{note}\n");
            let Err(LoadRefusal::Rows { errors, .. }) = load(&site, file.as_bytes()) else {
                panic!("{what} is taken")
            };
            let told = errors[0].to_string();
            assert!(told.starts_with("line 2, column `note`: "), "{told}");
            assert!(told.contains(what), "{told}");
            assert_eq!(stored_rows(db), 0);
        }
    });
}

#[test]
fn more_rows_of_one_key_than_a_call_reads_are_refused_and_never_cut() {
    let lines = |key: &str, rows: usize| {
        let days = (0..rows).map(|row| {
            let (year, month, day) = (1900 + row / 336, 1 + row / 28 % 12, 1 + row % 28);
            format!("{key},{year:04}-{month:02}-{day:02},n\n")
        });
        days.collect::<String>()
    };
    on_both(|db| {
        let site = site(db);
        // Others beside it, on more than one page of what is read back.
        let head = format!("code,since,note\n{}", lines("a", 300));
        let fits = head.clone() + &lines("b", ROWS_PER_KEY_MAX) + &lines("c", 300);
        let loaded = load(&site, fits.as_bytes()).expect("loaded");
        assert_eq!(loaded.rows, 20_600);
        let more = head + &lines("b", ROWS_PER_KEY_MAX + 7) + &lines("c", 300);
        let Err(LoadRefusal::Rows { errors, more }) = load(&site, more.as_bytes()) else {
            panic!("there are too many")
        };
        let shown: Vec<String> = errors.iter().map(ToString::to_string).collect();
        let expected = format!(
            "line 20302: the row is beyond the {ROWS_PER_KEY_MAX} rows of one key that a call reads"
        );
        assert_eq!((shown.as_slice(), more), (&[expected][..], false));
        let all = db.read(datasets::all).expect("listed");
        assert_eq!((all[0].version, all[0].row_count), (loaded.version, 20_600), "as before");
    });
}

#[test]
fn every_other_refusal_leaves_the_version_in_service() {
    on_both(|db| {
        let site = site(db);
        load(&site, "code,since,note\na,2020-01-01,\n".as_bytes()).expect("loaded");
        let check = |file: &[u8], code: &str| {
            let refusal = load(&site, file).expect_err("refused");
            assert_eq!(refusal.code(), code, "{refusal:?}");
            assert_eq!((rows(db, "A").len(), stored_rows(db)), (1, 1));
        };
        check(b"", "dataset.rows");
        check(b"code,since,note\n", "dataset.empty");
        check(b"code,since\na,2020-01-01\n", "dataset.rows");
        check(b"code,since,note,extra\na,2020-01-01,,\n", "dataset.rows");
        check(b"code,since,note,code\na,2020-01-01,,\n", "dataset.rows");
        check(b"code,since,note\n\xff\xfe,2020-01-01,\n", "dataset.rows");
        let mut many = String::from("code,since,note\n");
        many.push_str(&"a,bad,\n".repeat(80));
        let Err(LoadRefusal::Rows { errors, more }) = load(&site, many.as_bytes()) else {
            panic!("the file has errors")
        };
        assert_eq!((errors.len(), more), (datasets::ROW_ERRORS_MAX, true));
    });
}

/// The file with what is compared in front, the same in every row.
fn compared(file: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    for (row, line) in file.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let cell: &[u8] = match (row, line) {
            (0, _) => b"kind,",
            (_, b"\n") => b"",
            _ => b"k,",
        };
        whole.extend_from_slice(cell);
        whole.extend_from_slice(line);
    }
    whole
}

/// What is told of a file with a definition that has times and answers.
fn told(site: &Site, file: &[u8], encoding: Encoding) -> Result<Loaded, String> {
    let definition = serde_json::from_value(serde_json::json!({
        "columns": [{ "name": "kind" }, { "name": "code" }, { "name": "next", "optional": true },
            { "name": "from", "type": "date" },
            { "name": "until", "type": "date", "optional": true }],
        "lookup": { "key": ["code"], "compare": ["kind"], "answer": ["next"],
            "as_of": { "field": "on", "from": "from", "until": "until" } }
    }));
    let target = Target { definition: definition.expect("a definition"), encoding, ..target() };
    match datasets::load(site, &Actor::node(), &target, compared(file).as_slice(), |_| {}) {
        Ok(loaded) => Ok(loaded),
        Err(Failure::Refused(LoadRefusal::Rows { errors, .. })) => {
            Err(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
        }
        Err(Failure::Refused(refusal)) => Err(refusal.to_string()),
        Err(Failure::Fault(fault)) => panic!("{fault}"),
    }
}

#[test]
fn rows_that_answer_one_question_differently_are_refused_with_both_lines() {
    on_both(|db| {
        let site = site(db);
        let load = |file: &str| told(&site, file.as_bytes(), Encoding::Utf8);
        let file = "code,next,from,until\nb,,2020-01-01,\na,x,2020-01-01,2021-01-01\n\n\
                    a,y,2021-01-01,\na,z,2022-01-01,2022-01-02\n";
        let expected = "line 6: the row answers the same question at the same time otherwise than \
                        line 5";
        assert_eq!(load(file), Err(expected.to_owned()));
        assert_eq!(stored_rows(db), 0, "its rows are gone");
        let lawful = "code,next,from,until\na,y,2021-01-01,\na,x,2020-01-01,2021-01-01\n\
                      a,x,2020-02-01,2020-03-01\n";
        assert_eq!(load(lawful).expect("loaded").rows, 3);
        let backwards = "code,next,from,until\na,x,2020-01-02,2020-01-02\n";
        let told = load(backwards).expect_err("never in force");
        assert!(told.starts_with("line 2, column `until`: lies before the first day"), "{told}");
        let unseen = "code,next,from,until\na\u{200b},x,2020-01-02,\n";
        let told = load(unseen).expect_err("never found");
        assert!(told.starts_with("line 2, column `code`: contains U+200B"), "{told}");
    });
}

#[test]
fn contradictions_are_found_across_pages_and_at_most_fifty_told() {
    on_both(|db| {
        let site = site(db);
        let mut file = String::from("code,next,from,until\n");
        for row in 0..7_000 {
            writeln!(file, "k{:04},{},2020-01-01,", row % 3_500, row / 3_500).expect("in memory");
        }
        let told = told(&site, file.as_bytes(), Encoding::Utf8).expect_err("torn");
        assert_eq!(told.lines().count(), datasets::ROW_ERRORS_MAX);
        let first = told.lines().next().expect("told");
        assert!(first.starts_with("line 3502:") && first.ends_with("line 2"), "{first}");
    });
}

#[test]
fn lines_are_counted_as_editors_do_whatever_ends_them() {
    on_both(|db| {
        let site = site(db);
        for end in ["\n", "\r\n", "\r"] {
            let lines = ["code,since,note", "x,2020-01-01,", "", "y,2020-02-30,", "z,2020-01-01"];
            let file = lines.join(end);
            let Err(LoadRefusal::Rows { errors, .. }) = load(&site, file.as_bytes()) else {
                panic!("the file has errors")
            };
            let at: Vec<u64> = errors.iter().map(|error| error.line).collect();
            assert_eq!(at, [4, 5], "{end:?}");
            let quoted = format!("code,since,note{end}x,2020-01-01,\"a{end}b\"{end}y,soon,{end}");
            let Err(LoadRefusal::Rows { errors, .. }) = load(&site, quoted.as_bytes()) else {
                panic!("the file has errors")
            };
            let at: Vec<u64> = errors.iter().map(|error| error.line).collect();
            assert_eq!(at, [2, 4], "{end:?}");
        }
    });
}

#[test]
fn a_file_in_gb18030_is_recognized_and_read_when_told() {
    on_both(|db| {
        let site = site(db);
        let file = encoding_rs::GB18030.encode("code,next,from,until\na,鄞州区,2020-01-01,\n").0;
        let told = |encoding| told(&site, &file, encoding);
        let advice = told(Encoding::Utf8).expect_err("no UTF-8");
        assert!(advice.starts_with("line 2 is not UTF-8 but reads as GB18030"), "{advice}");
        assert!(advice.contains("--encoding gb18030"), "{advice}");
        let loaded = told(Encoding::Gb18030).expect("loaded");
        assert_eq!(
            loaded.source_hash,
            sha2::Sha256::digest(compared(&file)).to_vec(),
            "of the file as it is"
        );
        assert_eq!(rows(db, "A"), [["k", "a", "鄞州区", "2020-01-01", ""]]);
    });
}

/// A file whose disk fails in its middle.
struct Torn<'t>(&'t [u8]);

impl io::Read for Torn<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.0.is_empty() {
            return Err(io::Error::other("the disk failed"));
        }
        self.0.read(buffer)
    }
}

#[test]
fn a_torn_file_is_not_half_loaded() {
    on_both(|db| {
        let site = site(db);
        load(&site, "code,since,note\na,2020-01-01,\n".as_bytes()).expect("loaded");
        let mut file = String::from("code,since,note\n");
        for row in 0..5_000 {
            writeln!(file, "k{row},2020-01-01,").expect("in memory");
        }
        let refusal = load(&site, Torn(file.as_bytes())).expect_err("refused");
        assert_eq!(refusal.code(), "dataset.unreadable");
        assert_eq!((rows(db, "A").len(), stored_rows(db)), (1, 1));
        let loaded = load(&site, file.as_bytes()).expect("loaded");
        assert_eq!((loaded.rows, stored_rows(db)), (5_000, 5_000));
    });
}

/// A file during whose reading another load of the same operation begins and ends.
struct Overtaken<'o> {
    site: &'o Site,
    rest: &'o [u8],
    done: bool,
}

impl io::Read for Overtaken<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.rest.is_empty() && !self.done {
            self.done = true;
            load(self.site, "code,since,note\nlater,2020-01-01,\n".as_bytes()).expect("loaded");
        }
        self.rest.read(buffer)
    }
}

#[test]
fn of_two_loads_at_once_the_later_one_stands() {
    on_both(|db| {
        let site = site(db);
        let rest = "code,since,note\nearlier,2020-01-01,\n".as_bytes();
        let refusal = load(&site, Overtaken { site: &site, rest, done: false });
        assert_eq!(refusal, Err(LoadRefusal::Overtaken));
        assert_eq!((rows(db, "LATER").len(), stored_rows(db)), (1, 1));
    });
}

/// A file during whose reading the process ends.
struct Killed<'k>(&'k [u8]);

impl io::Read for Killed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        assert!(!self.0.is_empty(), "killed");
        self.0.read(buffer)
    }
}

#[test]
fn what_a_killed_load_left_is_taken_back_when_nothing_is_heard_of_it() {
    on_both(|db| {
        let site = site(db);
        load(&site, "code,since,note\na,2020-01-01,\n".as_bytes()).expect("loaded");
        let mut file = String::from("code,since,note\n");
        for row in 0..5_000 {
            writeln!(file, "k{row},2020-01-01,").expect("in memory");
        }
        let killed = std::panic::AssertUnwindSafe(|| load(&site, Killed(file.as_bytes())));
        assert!(std::panic::catch_unwind(killed).is_err());
        assert!(stored_rows(db) > 1, "it had begun");
        let left = stored_rows(db);
        datasets::sweep_abandoned(&site).expect("looked");
        assert_eq!(stored_rows(db), left, "it may still be at work");
        let quarter_later =
            Site { clock: || Timestamp::from_millis(1_795_000_000_000 + 16 * 60_000), ..site };
        datasets::sweep_abandoned(&quarter_later).expect("swept");
        assert_eq!((rows(db, "A").len(), stored_rows(db)), (1, 1));
    });
}

/// A site with a product that has two series under a smallest cell.
fn counting(db: &Db, smallest_cell: u64) -> (Site, RegistrationNumber) {
    let operation = |name: &str| {
        format!(
            r#"
[[product.operation]]
name = "{name}"
label = {{ zh = "{name}", en = "{name}" }}
engine = "series"
input = [
  {{ name = "area", label = {{ zh = "片区", en = "Area" }}, type = "text", required = true }},
]
output = [
  {{ name = "year", label = {{ zh = "年份", en = "Year" }}, type = "integer", required = true }},
]
example = {{ area = "east" }}
"#
        )
    };
    let operations = format!("{}{}\n[product.guard]\n", operation("shops"), operation("streets"));
    let text = EXAMPLE.replacen("[product.guard]\n", &operations, 1);
    let text = text.replacen("smallest_cell = 0", &format!("smallest_cell = {smallest_cell}"), 1);
    let site = catalog::site(db, "yinzhou", "330212");
    let product = catalog::publish(&site, &text);
    (site, product)
}

/// Three firms in the east, thirty in the west, behind an operation that answers `figure`.
fn count_firms(
    site: &Site,
    (product, operation): (&RegistrationNumber, &str),
    figure: &str,
) -> Result<Loaded, &'static str> {
    let definition = serde_json::from_value(serde_json::json!({
        "columns": [{ "name": "area" }, { "name": "year", "type": "integer" },
            { "name": figure, "type": "decimal" }, { "name": "firms", "type": "integer" }],
        "series": { "key": ["area"], "dimension": "year", "values": [figure], "count": "firms",
            "totals": [] }
    }));
    let (product, operation) = (product.clone(), operation.to_owned());
    let definition = definition.expect("a definition");
    let target = Target { product, operation, definition, encoding: Encoding::Utf8 };
    let file = format!("area,year,{figure},firms\neast,2025,1.00,3\nwest,2025,2.00,30\n");
    match datasets::load(site, &Actor::node(), &target, file.as_bytes(), |_| {}) {
        Ok(loaded) => Ok(loaded),
        Err(Failure::Refused(refusal)) => Err(refusal.code()),
        Err(Failure::Fault(fault)) => panic!("{fault}"),
    }
}

/// The request that stands beside a new key is answered: data that do not are not put into service.
#[test]
fn data_that_do_not_answer_the_registered_example_are_refused() {
    on_both(|db| {
        let (site, product) = counting(db, 0);
        let load = |area: &str| {
            let definition = serde_json::from_value(serde_json::json!({
                "columns": [{ "name": "area" }, { "name": "year", "type": "integer" },
                    { "name": "turnover", "type": "decimal" }],
                "series": { "key": ["area"], "dimension": "year", "values": ["turnover"] }
            }));
            let (product, operation) = (product.clone(), "shops".to_owned());
            let definition = definition.expect("a definition");
            let target = Target { product, operation, definition, encoding: Encoding::Utf8 };
            let file = format!("area,year,turnover\n{area},2025,1.00\n");
            match datasets::load(&site, &Actor::node(), &target, file.as_bytes(), |_| {}) {
                Ok(_) => "loaded",
                Err(Failure::Refused(refusal)) => refusal.code(),
                Err(Failure::Fault(fault)) => panic!("{fault}"),
            }
        };
        assert_eq!(load("west"), "dataset.example", "the example asks for the east");
        assert_eq!(stored_rows(db), 0);
        assert_eq!(load("East"), "loaded");
    });
}

/// What one of two operations withholds, the other would show: each counts its own totals only.
#[test]
fn under_a_smallest_cell_a_product_answers_a_figure_in_one_place_alone() {
    on_both(|db| {
        let (site, product) = counting(db, 10);
        let loaded = count_firms(&site, (&product, "shops"), "turnover").expect("loaded");
        assert_eq!(loaded.withheld, 1);
        let twice = count_firms(&site, (&product, "streets"), "turnover");
        assert_eq!(twice.expect_err("refused"), "dataset.same_figures");
        assert_eq!(stored_rows(db), 2, "nothing of it is left");
        count_firms(&site, (&product, "streets"), "wages").expect("another figure");
        count_firms(&site, (&product, "shops"), "turnover").expect("the same again");
    });
    on_both(|db| {
        let (site, product) = counting(db, 0);
        for operation in ["shops", "streets"] {
            count_firms(&site, (&product, operation), "turnover").expect("nothing is withheld");
        }
    });
}

/// A provider that lowers its product's smallest cell does not show what it promised to withhold.
#[test]
fn what_contracts_in_force_promise_to_withhold_is_withheld() {
    on_both(|db| {
        let (site, product) = counting(db, 0);
        let load = || count_firms(&site, (&product, "shops"), "turnover").expect("loaded").withheld;
        assert_eq!(load(), 0);
        let buyer = rehearsal::buyer(1).expect("a buyer");
        let month = site.now().period();
        let mut agreement = rehearsal::agreement(&site, (1, &product), buyer, month);
        agreement.terms.guard.smallest_cell = 10;
        let agreements = [agreement];
        let hold = site.db.write(|write| rehearsal::contract(write, Side::Provider, &agreements));
        hold.expect("written");
        assert_eq!(load(), 1);
        let kept = site.db.read(|read| datasets::dataset(read, product.as_str(), "shops"));
        assert_eq!(kept.expect("read").expect("loaded").smallest_cell, 10);
    });
}
