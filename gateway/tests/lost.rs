//! A database that hangs up, or is not there, is nobody's fault: a call is told when to come back,
//! and goes on when the database is back.

use std::process::Command;

use crate::world::{WIDE, World};

/// A database in the test cluster, and the door it is asked through.
struct Cluster {
    url: String,
    name: String,
}

impl Cluster {
    fn new() -> Self {
        let url = std::env::var("LIANSHI_TEST_POSTGRES")
            .expect("LIANSHI_TEST_POSTGRES is not set; run the tests with tests/run");
        let cluster = Self { url, name: format!("gateway_{}", std::process::id()) };
        cluster.run(&format!("CREATE DATABASE {}", cluster.name));
        cluster
    }

    fn run(&self, sql: &str) {
        let maintenance = format!("{}/postgres", self.url);
        let done = Command::new("psql").args([&maintenance, "-qXc", sql]).output();
        let done = done.expect("psql runs");
        assert!(done.status.success(), "{sql}: {}", String::from_utf8_lossy(&done.stderr));
    }

    /// Ends every connection to the database.
    fn hang_up(&self) {
        self.run(&format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'",
            self.name
        ));
    }

    fn let_in(&self, open: bool) {
        self.run(&format!("ALTER DATABASE {} ALLOW_CONNECTIONS {open}", self.name));
    }
}

#[actix_web::test]
async fn a_call_that_loses_its_database_is_told_when_to_come_back() {
    let cluster = Cluster::new();
    let world = World::on(&format!("{}/{}", cluster.url, cluster.name), WIDE);
    let server = world.serve();
    let call = || world.verify("330213");
    assert_eq!(call().send(&server).await.status, 200);
    // It hung up while nobody called: nobody sees it.
    cluster.hang_up();
    assert_eq!(call().send(&server).await.status, 200);

    // It hangs up in the middle of a call, which waits for a lock that is held here.
    let mut held = Command::new("psql");
    held.args([&format!("{}/{}", cluster.url, cluster.name), "-qX"]);
    let mut held = held.stdin(std::process::Stdio::piped()).spawn().expect("psql runs");
    let lock = "BEGIN; LOCK TABLE usage_events IN SHARE MODE; SELECT pg_sleep(60);\n";
    std::io::Write::write_all(held.stdin.as_mut().expect("piped"), lock.as_bytes()).expect("asked");
    let waiting = format!(
        "DO $$ BEGIN WHILE NOT EXISTS (SELECT FROM pg_stat_activity WHERE datname = '{}' \
         AND wait_event_type = 'Lock') LOOP PERFORM pg_sleep(0.02); \
         PERFORM pg_stat_clear_snapshot(); END LOOP; END $$",
        cluster.name
    );
    let locked = format!(
        "DO $$ BEGIN WHILE NOT EXISTS (SELECT FROM pg_stat_activity WHERE datname = '{}' \
         AND wait_event = 'PgSleep') LOOP PERFORM pg_sleep(0.02); \
         PERFORM pg_stat_clear_snapshot(); END LOOP; END $$",
        cluster.name
    );
    cluster.run(&locked);
    let hang_up = actix_web::rt::task::spawn_blocking(move || {
        cluster.run(&waiting);
        cluster.hang_up();
        cluster
    });
    let reply = call().send(&server).await;
    assert_eq!(reply.refusal(), (503, "call.busy"));
    assert_eq!(reply.headers["retry-after"], "1");
    let cluster = hang_up.await.expect("ran");
    held.kill().expect("killed");
    held.wait().expect("gone");

    // It is down.
    cluster.let_in(false);
    cluster.hang_up();
    let reply = call().send(&server).await;
    assert_eq!(reply.refusal(), (503, "call.busy"));
    assert_eq!(reply.headers["retry-after"], "1");
    cluster.let_in(true);
    assert_eq!(call().send(&server).await.status, 200);
    assert_eq!(world.calls_metered(), 3, "what was refused was not charged");
}
