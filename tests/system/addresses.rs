//! Where a node is: every `--host` gives one that starts and is reached, or a refusal that says
//! what to do; and a change of address is told until everybody knows it.

use std::path::Path;

use support::{
    Process, federation::Federation, free_ports, json, run, run_json, run_well, wait_for,
};

fn init(data: &Path, host: &[&str]) -> (u16, std::process::Output) {
    let port = free_ports(3);
    let port_text = port.to_string();
    let mut arguments = vec!["init", "--name", "ningbo", "--division", "330200"];
    arguments.extend(["--name-zh", "宁波", "--name-en", "Ningbo", "--found", "ningbo.example"]);
    arguments.extend(["--base-port", &port_text]);
    arguments.extend(host);
    (port, run(data, &arguments))
}

#[tokio::test]
async fn every_host_gives_a_node_that_is_reached() {
    let folder = tempfile::tempdir().expect("a folder");
    for (number, host) in ["::1", "localhost", "127.0.0.1", "0.0.0.0"].into_iter().enumerate() {
        let data = folder.path().join(number.to_string());
        let mut arguments = vec!["--host", host];
        if host == "0.0.0.0" {
            arguments.extend(["--public-url", "http://127.0.0.1"]);
        }
        let (port, made) = init(&data, &arguments);
        assert!(made.status.success(), "{host}: {}", String::from_utf8_lossy(&made.stderr));
        let data_text = data.display().to_string();
        let log = folder.path().join("serve.log");
        let process = Process::start(&["serve", "--data", &data_text], &log);
        let ready = format!("http://127.0.0.1:{}/readyz", port + 1);
        wait_for(&format!("{host}; see {}", log.display()), 60, || async {
            Some(reqwest::get(&ready).await.ok()?.status().is_success()).filter(|ready| *ready)
        })
        .await;
        let reached = match host {
            "::1" => format!("http://[::1]:{port}/"),
            "0.0.0.0" => format!("http://127.0.0.1:{port}/"),
            name => format!("http://{name}:{port}/"),
        };
        assert_eq!(reqwest::get(&reached).await.expect(host).status(), 200, "{host}");
        drop(process);
    }
}

#[test]
fn a_host_that_cannot_work_is_refused_and_nothing_is_made() {
    let folder = tempfile::tempdir().expect("a folder");
    for (host, advice) in [
        (vec!["--host", "0.0.0.0"], "--public-url"),
        (vec!["--host", "192.0.2.7"], "no address of this machine"),
        (vec!["--host", "no-such-host.invalid"], "neither an address nor a known name"),
        (vec!["--public-url", "https://node.example/lianshi"], "host of its own"),
    ] {
        let data = folder.path().join("node");
        let (_, refused) = init(&data, &host);
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && said.contains(advice), "{host:?}: {said}");
        assert!(!data.exists(), "{host:?} left something");
    }
}

#[test]
fn a_path_in_the_public_url_is_refused_before_anything_is_served() {
    let federation = Federation::found("");
    set_public_url(&federation.ningbo.data, "https://node.example/lianshi");
    let refused = run(&federation.ningbo.data, &["serve"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("host of its own"), "{said}");
}

fn set_public_url(data: &Path, url: &str) {
    let file = data.join("node.toml");
    let text = std::fs::read_to_string(&file).expect("node.toml");
    let lines = text.lines().map(|line| {
        if line.starts_with("public_url") {
            format!("public_url = \"{url}\"")
        } else {
            line.to_owned()
        }
    });
    std::fs::write(&file, lines.collect::<Vec<_>>().join("\n")).expect("written");
}

#[tokio::test]
async fn a_new_public_url_is_told_until_the_federation_knows_it() {
    let mut federation = Federation::found("");
    federation.start().await;
    let client = reqwest::Client::new();
    let seen_by = |node: &Path| {
        let members = run_json(node, &["member", "list"]);
        let rows = members.as_array().expect("members").clone();
        let row = rows.into_iter().find(|row| row["node"] == "yinzhou")?;
        row["public_url"].as_str().map(str::to_owned)
    };
    let data = federation.yinzhou.data.clone();
    wait_for("its own admission at yinzhou", 30, || async { seen_by(&data) }).await;
    federation.yinzhou.kill();
    set_public_url(&data, "https://yinzhou.example");
    federation.yinzhou.start().await;
    let log = std::fs::read_to_string(data.join("serve.log")).expect("a log");
    assert!(
        log.contains("lianshi member renew") && log.contains("https://yinzhou.example"),
        "{log}"
    );
    let status = run_well(&data, &["status"]);
    assert!(status.contains("not as admitted: public_url"), "{status}");
    run_well(&data, &["member", "renew"]);
    let application = data.join("application.toml").display().to_string();
    run_well(&federation.ningbo.data, &["member", "admit", &application]);
    wait_for("the new address at haishu", 30, || async {
        seen_by(&federation.haishu.data).filter(|url| url == "https://yinzhou.example")
    })
    .await;
    wait_for("nothing left to tell", 30, || async {
        let status = run_json(&data, &["status"]);
        status["not_as_admitted"].as_array()?.is_empty().then_some(())
    })
    .await;
    assert!(json(&client, &format!("{}/api/v1/products", federation.yinzhou.url)).await.is_some());
}
