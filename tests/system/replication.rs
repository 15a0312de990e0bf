//! A product published at one node is shown by the others, with its age when the owner is away.

use std::path::Path;

use serde_json::Value;
use support::{
    federation::{Federation, Node, publish},
    run_json, wait_for,
};

/// How long a product may take to appear everywhere (DESIGN: two seconds), with room for a loaded
/// test machine.
const APPEARS_SECONDS: u64 = 2;

fn example() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/examples/division-code.toml")
}

/// What a node says of the one product it shows: number and where that was read.
async fn provenance(node: &Node) -> Option<(String, Value)> {
    let client = reqwest::Client::new();
    let list = support::json(&client, &format!("{}/api/v1/products", node.url)).await?;
    let number = list["items"][0]["number"].as_str()?.to_owned();
    let product = format!("{}/api/v1/products/{number}", node.url);
    let provenance = support::json(&client, &product).await?["provenance"].take();
    Some((number, provenance))
}

/// The product page of a node in a language.
async fn page(node: &Node, number: &str, language: &str) -> String {
    let url = format!("{}/products/{number}", node.url);
    let asked = reqwest::Client::new().get(url).header("accept-language", language);
    asked.send().await.expect("an answer").text().await.expect("a page")
}

/// Waits until a node says that its copy is older than some seconds; gives when it was confirmed.
async fn aged(node: &Node, seconds: i64) -> Value {
    wait_for(&format!("{seconds} seconds of age at {}", node.name), 30, || async {
        let (_, provenance) = provenance(node).await?;
        let age = provenance["age_seconds"].as_i64()?;
        (age >= seconds).then(|| provenance["confirmed_at"].clone())
    })
    .await
}

async fn appears_everywhere(city_database: &str) {
    let mut federation = Federation::found(city_database);
    federation.start().await;
    let client = reqwest::Client::new();
    // The links stand when every node serves every other node's log.
    for node in [&federation.ningbo, &federation.yinzhou, &federation.haishu] {
        wait_for(&format!("{} to hold three logs", node.name), 30, || async {
            let digest =
                support::json(&client, &format!("{}/api/v1/catalog/digest", node.url)).await?;
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
            let answer = support::json(&client, &format!("{url}/api/v1/catalog/digest")).await?;
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
    let confirmed = aged(&federation.haishu, 2).await;
    assert_eq!(aged(&federation.haishu, 3).await, confirmed, "nobody confirms for yinzhou");
    let (number, _) = provenance(&federation.haishu).await.expect("still shown");
    let chinese = page(&federation.haishu, &number, "zh-CN").await;
    assert!(chinese.contains("秒前与所属节点核对一致"), "{chinese}");
    let english = page(&federation.haishu, &number, "en").await;
    assert!(english.contains("A replica, confirmed with the owning node"), "{english}");
    federation.yinzhou.start().await;
    publish(&federation.yinzhou, &example());
    wait_for("a second product at haishu after yinzhou came back", 15, || async {
        (federation.haishu.count(&client, "").await? == 2).then_some(())
    })
    .await;
    wait_for("a fresh confirmation", 15, || async {
        let (_, provenance) = provenance(&federation.haishu).await?;
        (provenance["confirmed_at"].is_string() && provenance["confirmed_at"] != confirmed)
            .then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_copy_had_from_others_says_that_its_owner_never_confirmed_it() {
    let mut federation = Federation::found("");
    let client = reqwest::Client::new();
    federation.ningbo.start().await;
    federation.yinzhou.start().await;
    publish(&federation.yinzhou, &example());
    wait_for("the product at ningbo", 30, || async {
        (federation.ningbo.count(&client, "").await? == 1).then_some(())
    })
    .await;
    federation.yinzhou.kill();

    federation.haishu.start().await;
    let haishu = &federation.haishu;
    let (number, known) =
        wait_for("the product at haishu, from ningbo", 30, || provenance(haishu)).await;
    assert_eq!((&known["confirmed_at"], &known["age_seconds"]), (&Value::Null, &Value::Null));
    for (language, words) in
        [("zh-CN", "从未与所属节点核对"), ("en", "never confirmed with the owning node")]
    {
        let page = page(haishu, &number, language).await;
        assert!(page.contains(words) && !page.contains("1970-01"), "{page}");
    }
    let logs = run_json(&haishu.data, &["log", "list"]);
    let replica =
        logs.as_array().expect("logs").iter().find(|log| log["origin"] == known["origin"]);
    assert_eq!(replica.expect("yinzhou's log")["confirmed_at"], Value::Null);

    federation.yinzhou.start().await;
    wait_for("yinzhou's own word", 30, || async {
        let (_, known) = provenance(&federation.haishu).await?;
        known["confirmed_at"].is_string().then_some(())
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
