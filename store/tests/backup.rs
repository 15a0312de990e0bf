//! Backups on both databases: every row of one moment, restored into either, and refused where it
//! is not what was saved or would overwrite something.

use std::{cell::Cell, fs, path::Path};

use lianshi_registry::{
    merkle::{Hash, leaf_hash, root_of},
    refusal::Refusal as _,
    time::Timestamp,
};
use lianshi_store::{
    Db, Failure, Fault, Site,
    backup::{self, Contents, RestoreRefusal, Target},
    log::{self, HeadRefusal},
    recovery::{self, Cause},
};

use crate::{
    money::stage::{close_month, contracts, meter, on_stage},
    replica::{Three, adopt_all, head, publish, three},
    support::{fresh_postgres, on_both, on_sqlite},
};

/// Every line of every table, sorted, but what says that the database was restored and has to
/// report its usage anew.
fn lines(dir: &Path, contents: &Contents) -> Vec<(String, Vec<String>)> {
    let of_table = |table: &backup::Table| {
        let path = dir.join(format!("tables/{}.jsonl", table.name));
        let text = fs::read_to_string(path).expect("saved");
        let mut lines: Vec<String> = text
            .lines()
            .filter(|line| !line.contains("recovery.pending") && !line.contains("usage.anew"))
            .map(str::to_owned)
            .collect();
        lines.sort();
        (table.name.clone(), lines)
    };
    contents.tables.iter().map(of_table).collect()
}

fn save(db: &Db, dir: &Path) -> Contents {
    backup::save(db, dir, &|_| {}).expect("saved")
}

fn load(url: &str, dir: &Path, contents: &Contents, replace: bool) -> Result<(), RestoreRefusal> {
    let folder = tempfile::tempdir().expect("a folder");
    let target = Target { url, folder: folder.path(), replace };
    match backup::load(target, (dir, contents), Timestamp::from_millis(9_000), &|_| {}) {
        Ok(()) => Ok(()),
        Err(Failure::Refused(refusal)) => Err(refusal),
        Err(Failure::Fault(fault)) => panic!("{fault}"),
    }
}

/// Addresses of a fresh database of either kind.
fn targets(folder: &Path) -> [String; 2] {
    [format!("sqlite://{}", folder.join("restored.sqlite").display()), fresh_postgres()]
}

#[test]
fn a_backup_brings_every_row_back_into_either_database() {
    on_both(|db| {
        on_stage(db, |site| {
            let held = contracts(site, 2);
            meter(site, &held[0], "2026-10-05T04:00:00Z", 5);
            close_month(site, "2026-10");
            let folder = tempfile::tempdir().expect("a folder");
            let dir = folder.path().join("backup");
            let saved = save(db, &dir);
            let before = lines(&dir, &saved);
            let filled = before.iter().filter(|(_, lines)| !lines.is_empty()).count();
            assert!(filled > 20, "{filled} tables have rows");
            for url in targets(folder.path()) {
                load(&url, &dir, &saved, false).expect("restored");
                let restored = Db::open(&url).expect("opens");
                let again = tempfile::tempdir().expect("a folder");
                let saved = save(&restored, again.path());
                assert_eq!(lines(again.path(), &saved), before, "{url}");
            }
        });
    });
}

#[test]
fn a_backup_shows_one_moment_while_the_node_goes_on() {
    on_both(|db| {
        let Three { reader, .. } = &three(db);
        publish(reader, 300);
        let size = head(reader, &reader.origin).expect("own").size;
        let folder = tempfile::tempdir().expect("a folder");
        let dir = folder.path().join("backup");
        let tables = Cell::new(0);
        let saved = backup::save(db, &dir, &|_| {
            publish(reader, 1);
            tables.set(tables.get() + 1);
        })
        .expect("saved");
        assert_eq!(head(reader, &reader.origin).expect("own").size, size + tables.get());
        let url = format!("sqlite://{}", folder.path().join("restored.sqlite").display());
        load(&url, &dir, &saved, false).expect("restored");
        let restored = Site { db: Db::open(&url).expect("opens"), ..reader.clone() };
        let held = head(&restored, &reader.origin).expect("own");
        assert_eq!((held.size, held.folded_size), (size, size));
        let entries = restored.db.read(|read| log::entries(read, &reader.origin, 0, u64::MAX));
        let leaves: Vec<Hash> = entries.expect("read").iter().map(|e| leaf_hash(e)).collect();
        assert_eq!(root_of(&leaves), held.root);
    });
}

#[test]
fn a_restored_node_appends_and_signs_nothing_until_it_has_recovered() {
    on_both(|db| {
        let Three { root, reader, .. } = &three(db);
        log::publish_head(root).expect("signed");
        adopt_all(reader, root);
        publish(reader, 3);
        let folder = tempfile::tempdir().expect("a folder");
        let saved = save(db, folder.path());
        for url in targets(folder.path()) {
            load(&url, folder.path(), &saved, false).expect("restored");
            // On another machine, where the file of the last signed head is not.
            let restored = Site {
                db: Db::open(&url).expect("opens"),
                folder: tempfile::tempdir().expect("a folder").keep(),
                ..reader.clone()
            };
            let pending = restored.db.read(recovery::pending).expect("read").expect("needed");
            assert_eq!(
                (pending.cause, pending.since),
                (Cause::Restored, Timestamp::from_millis(9_000))
            );
            let outcome =
                restored.db.write(|write| log::append(write, &reader.origin, &[], site_now()));
            assert!(matches!(outcome, Err(Fault::Unrecovered)), "{outcome:?}");
            let refused = log::publish_head(&restored);
            assert!(matches!(refused, Err(Failure::Refused(HeadRefusal::Unrecovered))));
            restored.db.write(|write| recovery::finish(write, &restored, &[])).expect("finished");
            publish(&restored, 1);
            assert_eq!(head(&restored, &reader.origin).expect("own").checkpoint_size, 4);
            std::fs::remove_dir_all(&restored.folder).expect("removed");
        }
    });
}

fn site_now() -> Timestamp {
    Timestamp::from_millis(1000)
}

#[test]
fn a_database_put_back_by_hand_is_found_out_by_the_file_beside_it() {
    on_both(|db| {
        let Three { reader, .. } = &three(db);
        let pending = |site: &Site| site.db.read(recovery::pending).expect("read");
        recovery::beat(reader).expect("counted");
        let folder = tempfile::tempdir().expect("a folder");
        let saved = save(db, folder.path());
        recovery::beat(reader).expect("counted");
        assert_eq!(pending(reader), None);
        for url in targets(folder.path()) {
            load(&url, folder.path(), &saved, false).expect("restored");
            let back = Site { db: Db::open(&url).expect("opens"), ..reader.clone() };
            // As by a copied file: nothing in it says that it was restored.
            back.db.write(|write| recovery::finish(write, &back, &[])).expect("finished");
            recovery::beat(&back).expect("counted");
            assert_eq!(pending(&back).map(|pending| pending.cause), Some(Cause::Behind));
            back.db.write(|write| recovery::finish(write, &back, &[])).expect("finished");
            recovery::beat(&back).expect("counted");
            assert_eq!(pending(&back), None, "it is told once");
            std::fs::write(reader.folder.join("database-beat"), "2\n").expect("as before");
        }
    });
}

#[test]
fn what_would_be_overwritten_or_was_altered_is_refused() {
    on_both(|db| {
        let Three { reader, .. } = &three(db);
        publish(reader, 2);
        let folder = tempfile::tempdir().expect("a folder");
        let saved = save(db, folder.path());
        for url in targets(folder.path()) {
            load(&url, folder.path(), &saved, false).expect("restored");
            let occupied = load(&url, folder.path(), &saved, false);
            assert_eq!(occupied, Err(RestoreRefusal::Occupied));
            assert_eq!(RestoreRefusal::Occupied.code(), "backup.database_occupied");
            load(&url, folder.path(), &saved, true).expect("replaced");
            let mut newer = saved.clone();
            newer.schema.push("9999".to_owned());
            let marked = tempfile::tempdir().expect("a folder");
            let target = Target { url: &url, folder: marked.path(), replace: true };
            let outcome = backup::load(target, (folder.path(), &newer), site_now(), &|_| {});
            assert!(matches!(outcome, Err(Failure::Fault(Fault::Newer(_)))), "{outcome:?}");
            let kept = Site { db: Db::open(&url).expect("opens"), ..reader.clone() };
            assert_eq!(head(&kept, &reader.origin).expect("own").size, 2, "nothing was given up");
        }
        let table = folder.path().join("tables/log_tiles.jsonl");
        let text = fs::read_to_string(&table).expect("saved");
        for altered in [text.replacen('A', "B", 1), text.lines().skip(1).collect::<String>()] {
            fs::write(&table, altered).expect("written");
            let url = fresh_postgres();
            let refused = load(&url, folder.path(), &saved, false).expect_err("altered");
            assert_eq!(refused.code(), "backup.damaged");
        }
        fs::remove_file(&table).expect("removed");
        let refused = backup::verify(folder.path(), &saved).expect_err("missing");
        assert!(refused.to_string().contains("is missing"), "{refused}");
    });
}

#[test]
fn a_backup_of_an_older_program_is_brought_up_to_date() {
    on_both(|db| {
        let Three { reader, .. } = &three(db);
        publish(reader, 2);
        let folder = tempfile::tempdir().expect("a folder");
        let mut saved = save(db, folder.path());
        let schema = saved.schema.clone();
        saved.schema.retain(|version| version != "0011");
        assert_eq!(saved.schema.len() + 1, schema.len(), "the migration that made the table");
        saved.tables.retain(|table| table.name != "member_pasts");
        fs::remove_file(folder.path().join("tables/member_pasts.jsonl")).expect("removed");
        for url in targets(folder.path()) {
            load(&url, folder.path(), &saved, false).expect("restored");
            let restored = Site { db: Db::open(&url).expect("migrated"), ..reader.clone() };
            assert_eq!(head(&restored, &reader.origin).expect("own").size, 2);
            assert_eq!(save(&restored.db, &folder.path().join("again")).schema, schema);
            fs::remove_dir_all(folder.path().join("again")).expect("removed");
        }
    });
}

#[test]
fn a_name_of_a_table_is_never_a_statement() {
    on_sqlite(|db| {
        let folder = tempfile::tempdir().expect("a folder");
        let mut saved = save(db, folder.path());
        saved.tables[0].name = "logs\"; DROP TABLE logs; --".to_owned();
        let refused = backup::verify(folder.path(), &saved).expect_err("no name");
        assert!(refused.to_string().contains("no name of a table"), "{refused}");
    });
}

#[test]
fn a_table_left_out_one_too_many_or_rows_that_do_not_count_are_refused_before_anything_is_lost() {
    on_both(|db| {
        let Three { reader, .. } = &three(db);
        publish(reader, 2);
        let folder = tempfile::tempdir().expect("a folder");
        let saved = save(db, folder.path());
        let url = fresh_postgres();
        load(&url, folder.path(), &saved, false).expect("restored");
        let refused = |contents: &Contents, what: &str| {
            let refused = load(&url, folder.path(), contents, true).expect_err(what);
            assert_eq!(refused.code(), "backup.damaged");
            assert!(refused.to_string().contains(what), "{refused}");
            let kept = Site { db: Db::open(&url).expect("opens"), ..reader.clone() };
            assert_eq!(head(&kept, &reader.origin).expect("own").size, 2, "nothing was given up");
        };
        let without = |name: &str| {
            let mut contents = saved.clone();
            contents.tables.retain(|table| table.name != name);
            contents
        };
        refused(&without("audit_rows"), "the table audit_rows is left out");
        refused(&without("users"), "the table users is left out");
        let mut more = saved.clone();
        let extra = backup::Table { name: "planted".to_owned(), ..saved.tables[0].clone() };
        more.tables.push(extra);
        refused(&more, "no table planted");
        let mut twice = saved.clone();
        twice.tables.push(saved.tables[0].clone());
        refused(&twice, "named twice");
        let mut narrow = saved.clone();
        narrow.tables[0].columns.pop();
        refused(&narrow, "other columns");
        let mut short = saved.clone();
        short.tables.iter_mut().for_each(|table| table.rows += 1);
        refused(&short, "rows, not");
        fs::write(folder.path().join("tables/planted.jsonl"), "[]\n").expect("written");
        refused(&saved, "is not of it");
    });
}
