//! A disk of 64 MiB that is really filled: by a load of data, which stops in time and takes its
//! rows back; and by somebody else, to the last byte, on which a node starts and is read.

use serde_json::Value;
use support::{Process, free_ports, small_disk::SmallDisk, wait_for};

const MIB: u32 = 64;

const DEFINITION: &str = r#"
synthetic = true
[[columns]]
name = "code"
[[columns]]
name = "first"
type = "month"
[[columns]]
name = "last"
type = "month"
optional = true
[lookup]
key = ["code"]
as_of = { field = "on", from = "first", through = "last" }
"#;

struct Scene {
    disk: SmallDisk,
    folder: tempfile::TempDir,
    port: u16,
    product: String,
}

impl Scene {
    /// A node on the small disk with one product.
    fn new() -> Self {
        let disk = SmallDisk::of_mib(MIB);
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("definition.toml"), DEFINITION).expect("written");
        let port = free_ports(3);
        let mut scene = Self { disk, folder, port, product: String::new() };
        let port_text = port.to_string();
        let mut init = vec!["init", "--name", "yinzhou", "--division", "330212"];
        init.extend(["--name-zh", "鄞州", "--name-en", "Yinzhou", "--found", "ningbo.example"]);
        init.extend(["--base-port", &port_text]);
        scene.well(&init);
        let application = scene.disk.path().join("node/application.toml").display().to_string();
        scene.well(&["member", "admit", &application]);
        let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/examples/division-code.toml");
        let published: Value =
            serde_json::from_str(&scene.well(&["catalog", "publish", example, "--json"]))
                .expect("JSON");
        scene.product = number_in(&published).expect("the product's number");
        scene
    }

    fn well(&self, arguments: &[&str]) -> String {
        let output = self.disk.run("node", arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?}: {said}");
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// The command that loads a file, for a shell.
    fn load(&self, file: &str) -> String {
        let definition = self.folder.path().join("definition.toml");
        format!(
            "{} dataset load --data node --product {} --operation verify --definition {} {file}",
            support::program().display(),
            self.product,
            definition.display()
        )
    }

    /// Rows of data sets on the disk, whatever their version.
    fn rows(&self) -> String {
        let count = "python3 -c \"import sqlite3; \
            print(sqlite3.connect('node/node.sqlite').execute(\
            'SELECT count(*) FROM dataset_rows').fetchone()[0])\"";
        String::from_utf8(self.disk.sh(count).stdout).expect("a number").trim().to_owned()
    }

    fn start(&self) -> Process {
        self.disk.start("node", &["serve"], &self.folder.path().join("serve.log"))
    }

    /// Waits until the file is there that may go.
    async fn spare(&self) {
        wait_for("the spare file", 30, || async {
            self.disk.sh("test -s node/disk-spare").status.success().then_some(())
        })
        .await;
    }

    async fn answers(&self) {
        let url = format!("http://127.0.0.1:{}/catalog", self.port);
        let log = self.folder.path().join("serve.log");
        wait_for(&format!("the catalog; see {}", log.display()), 60, || async {
            let page = reqwest::get(&url).await.ok()?;
            (page.status() == 200).then_some(())
        })
        .await;
    }
}

/// The first registration number of a product in what a command said.
fn number_in(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if text.contains("-P-") => Some(text.clone()),
        Value::Array(all) => all.iter().find_map(number_in),
        Value::Object(all) => all.values().find_map(number_in),
        _ => None,
    }
}

#[tokio::test]
async fn a_full_disk_stops_a_load_in_time_and_no_reader() {
    let scene = Scene::new();
    // Too large a file is refused before anything is read of it.
    let large = scene.folder.path().join("large.csv");
    std::fs::File::create(&large).expect("a file").set_len(100 << 20).expect("sparse");
    let refused = scene.disk.sh(&scene.load(&large.display().to_string()));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("MiB are needed"), "{said}");

    // One whose size nobody knows is stopped while there is room to take its rows back.
    let endless =
        "awk 'BEGIN { print \"code,first,last\"; for (i = 0; ; i++) print i \",2000-01,\" }'";
    let stopped = scene.disk.sh(&format!("{endless} | {}", scene.load("/dev/stdin")));
    let said = String::from_utf8_lossy(&stopped.stderr).into_owned();
    assert!(!stopped.status.success() && said.contains("the disk is full"), "{said}");
    assert_eq!(scene.rows(), "0", "the rows of a load that failed are gone at once");
    scene.well(&["audit", "verify"]);
    let few = "awk 'BEGIN { print \"code,first,last\"; for (i = 330200; i < 330300; i++) print i \",2000-01,\" }'";
    let loaded = scene.disk.sh(&format!("{few} | {}", scene.load("/dev/stdin")));
    assert!(loaded.status.success(), "{}", String::from_utf8_lossy(&loaded.stderr));
    assert_eq!(scene.rows(), "100");

    // Somebody else fills the disk to the last byte while the node is down, after a crash.
    let process = scene.start();
    scene.answers().await;
    scene.spare().await;
    process.kill();
    scene.disk.sh("cat /dev/zero > filler");
    let process = scene.start();
    scene.answers().await;
    scene.disk.sh("cat /dev/zero >> filler");
    scene.answers().await;
    scene.well(&["status"]);
    scene.disk.sh("rm filler");
    let code =
        lianshi_registry::uscc::complete("91330203MA2TEQT01").expect("fictitious").to_string();
    scene.well(&["user", "organization", "add", &code, "--name-zh", "甲", "--name-en", "A"]);

    // A node that was stopped needs a little room to begin reading: what is kept for that goes.
    let mut process = process;
    process.signal("TERM");
    assert!(process.ended_well_within(30).await);
    let mut process = scene.start();
    scene.answers().await;
    scene.spare().await;
    process.signal("TERM");
    assert!(process.ended_well_within(30).await);
    scene.disk.sh("cat /dev/zero > filler");
    let process = scene.start();
    scene.answers().await;
    assert!(!scene.disk.sh("test -e node/disk-spare").status.success(), "its room was needed");
    drop(process);
}
