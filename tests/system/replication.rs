//! A product published at one node is shown by the others, with its age when the owner is away.

use std::path::Path;

use tests::{
    federation::{Federation, publish},
    wait_for,
};

/// How long a product may take to appear everywhere (DESIGN: two seconds), with room for a loaded
/// test machine.
const APPEARS_SECONDS: u64 = 2;

fn example() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/examples/division-code.toml")
}

async fn appears_everywhere(city_database: &str) {
    let mut federation = Federation::found(city_database);
    federation.start().await;
    let client = reqwest::Client::new();
    // The links stand when every node serves every other node's log.
    for node in [&federation.ningbo, &federation.yinzhou, &federation.haishu] {
        wait_for(&format!("{} to hold three logs", node.name), 30, || async {
            let digest =
                tests::json(&client, &format!("{}/api/v1/catalog/digest", node.url)).await?;
            (digest.get("heads")?.as_array()?.len() == 3).then_some(())
        })
        .await;
    }

    publish(&federation.yinzhou, &example());
    for node in [&federation.ningbo, &federation.haishu] {
        wait_for(&format!("the product at {}", node.name), APPEARS_SECONDS, || async {
            (node.count(&client, "").await? == 1).then_some(())
        })
        .await;
    }
    let digest = |url: String| {
        let client = client.clone();
        async move {
            let answer = tests::json(&client, &format!("{url}/api/v1/catalog/digest")).await?;
            answer.get("digest")?.as_str().map(str::to_owned)
        }
    };
    let expected = digest(federation.yinzhou.url.clone()).await.expect("a digest");
    for node in [&federation.ningbo, &federation.haishu] {
        wait_for(&format!("equal digests at {}", node.name), 10, || async {
            (digest(node.url.clone()).await? == expected).then_some(())
        })
        .await;
    }

    federation.yinzhou.kill();
    assert_eq!(federation.haishu.count(&client, "").await, Some(1), "haishu still shows it");
    federation.yinzhou.start().await;
    publish(&federation.yinzhou, &example());
    wait_for("a second product at haishu after yinzhou came back", 15, || async {
        (federation.haishu.count(&client, "").await? == 2).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_product_appears_everywhere_with_all_nodes_on_sqlite() {
    appears_everywhere("").await;
}

#[tokio::test]
async fn a_product_appears_everywhere_with_the_city_on_postgresql() {
    let cluster = std::env::var("LIANSHI_TEST_POSTGRES")
        .expect("LIANSHI_TEST_POSTGRES is not set; run the tests with tests/run");
    let name = format!("city_{}", std::process::id());
    let made = std::process::Command::new("psql")
        .args([&format!("{cluster}/postgres"), "-qc", &format!("CREATE DATABASE {name}")])
        .status()
        .expect("psql runs");
    assert!(made.success());
    appears_everywhere(&format!("{cluster}/{name}")).await;
}
