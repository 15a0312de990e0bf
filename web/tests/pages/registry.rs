//! The pages of the public record: the nodes, one node, a log, one entry, and how to verify it all.

use lianshi_registry::{
    checkpoint::Checkpoint,
    checkpoint::vkey,
    id::Origin,
    inclusion::InclusionFile,
    merkle::{leaf_hash, verify_inclusion},
};
use lianshi_store::{log, quorum};
use serde_json::json;

use crate::support;

#[actix_web::test]
async fn the_federation_page_says_of_every_node_what_its_picture_shows_and_more() {
    let seeded = support::seeded(6);
    let app = app!(seeded);
    for (language, words) in [
        ("zh-CN", ["程序版本", "落后条目", "密钥指纹", "已隔离条目", "分叉证据", "自行验证"]),
        (
            "en",
            ["Program", "Entries behind", "Key fingerprint", "Quarantined", "Evidence", "Verify"],
        ),
    ] {
        let html = page!(&app, "/federation", language);
        for word in words {
            assert!(html.contains(word), "no {word} in {html}");
        }
        for node in ["ningbo", "yinzhou", "haishu"] {
            for link in ["/node/", "/registry/", "/verify/"] {
                assert!(html.contains(&format!("href=\"{link}{node}")), "{link}{node}");
            }
        }
        let key = vkey(&seeded.site.origin, seeded.site.log_key.public());
        assert!(html.contains(&hex::encode(key.id())), "the key as notes name it");
    }
}

#[actix_web::test]
async fn nodes_are_sorted_as_asked_and_an_unknown_order_is_the_usual_one() {
    let seeded = support::seeded(7);
    let app = app!(seeded);
    let order = |html: &str| -> Vec<String> {
        let names = html.split("class=\"node-name\" href=\"/node/").skip(1);
        names.map(|part| part.split('"').next().unwrap().to_owned()).collect()
    };
    let usual = ["ningbo", "haishu", "yinzhou"];
    assert_eq!(order(&page!(&app, "/federation")), usual);
    assert_eq!(order(&page!(&app, "/federation?sort=%3Cb%3E")), usual);
    assert_eq!(order(&page!(&app, "/federation?sort=contact")), ["yinzhou", "ningbo", "haishu"]);
    let largest = order(&page!(&app, "/federation?sort=entries"));
    assert_eq!(largest.first().map(String::as_str), Some("yinzhou"), "{largest:?}");
}

#[actix_web::test]
async fn a_node_shows_its_keys_its_logs_and_who_said_what_of_it() {
    let seeded = support::seeded(3);
    let change = |reason: &str| json!({"node": "yinzhou", "from_index": 4, "reason": reason});
    support::say(
        &seeded,
        "ningbo",
        &[
            ("member.suspended", change("例行<检查>")),
            ("member.reinstated", change("整改完成")),
            ("member.suspended", change("再次检查")),
        ],
    );
    let app = app!(seeded);
    let html = page!(&app, "/node/yinzhou");
    let at = log_size(&seeded, "ningbo");
    for part in [
        "鄞州区公共数据节点",
        "接纳节点",
        "中止节点",
        "恢复节点",
        "例行&#60;检查&#62;",
        "整改完成",
        "自该节点日志第 4 条起",
        "ningbo.example/yinzhou/1",
        "现行",
        "/registry/yinzhou/1",
        "/registry/ningbo/1/1\"",
        &format!("/registry/ningbo/1/{}\"", at - 1),
        &format!("/registry/ningbo/1/{}\"", at - 3),
        "日志签名",
        "见证签名",
        "合同与结算签章",
        "节点通信身份",
        "/catalog?node=yinzhou",
    ] {
        assert!(html.contains(part), "no {part} in {html}");
    }
    assert!(!html.contains("例行<检查>"));
    let en = page!(&app, "/node/yinzhou", "en");
    for part in ["Yinzhou District Node", "Suspended", "Cosigns as witness", "from entry 4"] {
        assert!(en.contains(part), "no {part} in {en}");
    }
    for unknown in ["nobody", "%3Cscript%3E", "..%2F..%2Fetc", "YINZHOU", "a%00b", "'%20OR%201=1"] {
        assert_eq!(status!(&app, &format!("/node/{unknown}")), 404, "{unknown}");
    }
}

#[actix_web::test]
async fn a_log_is_read_from_its_end_by_kind_and_by_index() {
    let seeded = support::seeded(27);
    let app = app!(seeded);
    let size = log_size(&seeded, "yinzhou");
    let html = page!(&app, "/registry/yinzhou/1");
    assert_eq!(rows(&html), (size - 25..size).rev().collect::<Vec<_>>());
    let older = format!("/registry/yinzhou/1?before={}", size - 25);
    assert!(html.contains(&format!("href=\"{older}\"")), "{html}");
    assert_eq!(
        rows(&page!(&app, &older)),
        (size.saturating_sub(50)..size - 25).rev().collect::<Vec<_>>()
    );

    let registered = page!(&app, "/registry/yinzhou/1?kind=product.registered");
    assert_eq!(rows(&registered).len(), 9, "{registered}");
    assert!(registered.contains("行政区划代码核验") && registered.contains("/products/330212-P-"));
    assert!(registered.contains("<option value=\"product.registered\" selected>"));
    let none = page!(&app, "/registry/yinzhou/1?kind=fork.witnessed", "en");
    assert!(none.contains("There is no entry of this kind"), "{none}");
    assert_eq!(rows(&page!(&app, "/registry/yinzhou/1?before=0")), Vec::<u64>::new());
    for junk in ["before=-1", "before=x", "before=99999999999999999999", "before=9999999"] {
        let html = page!(&app, &format!("/registry/yinzhou/1?{junk}"));
        assert_eq!(rows(&html).len(), 25, "{junk}");
    }
    let html = page!(&app, "/registry/yinzhou/1?kind=%22%3E%3Cscript%3Ealert(1)%3C/script%3E");
    assert!(!html.contains("<script>alert"), "{html}");
    for unknown in
        ["yinzhou/2", "yinzhou/01", "yinzhou/x", "yinzhou/-1", "yinzhou/4294967296", "nobody/1"]
    {
        assert_eq!(status!(&app, &format!("/registry/{unknown}")), 404, "{unknown}");
    }
}

#[actix_web::test]
async fn an_entry_is_shown_with_its_proof_once_its_head_is_signed() {
    let seeded = support::seeded(6);
    let app = app!(seeded);
    let path = "/registry/haishu/1/5";
    let html = page!(&app, path);
    assert!(html.contains("尚未被任何签名的检查点覆盖") && !html.contains("/5/proof"), "{html}");
    assert_eq!(status!(&app, &format!("{path}/proof")), 404, "nothing is signed yet");

    let published = log::publish_head(&seeded.site).unwrap();
    let origin = &seeded.site.origin;
    let entry = seeded.site.db.read(|read| log::entry(read, origin, 5)).unwrap().unwrap();
    let leaf = leaf_hash(&entry);
    let html = page!(&app, path);
    for part in [leaf.to_string().as_str(), "登记产品", "已签名", "/5/proof", "/5/entry"] {
        assert!(html.contains(part), "no {part} in {html}");
    }
    assert_eq!(page!(&app, &format!("{path}/entry")).into_bytes(), entry);
    let file = page!(&app, &format!("{path}/proof"));
    let file = InclusionFile::parse(file.as_bytes()).unwrap();
    let key = seeded.site.log_key.public();
    let head = Checkpoint::open(&file.checkpoint, origin, &key).unwrap();
    assert_eq!(head, published.checkpoint);
    verify_inclusion(leaf, (file.index, head.size), &file.hashes, head.root).unwrap();
    for hash in &file.hashes {
        assert!(html.contains(&hash.to_string()), "{hash}");
    }
    let en = page!(&app, path, "en");
    assert!(en.contains("Proof of inclusion") && en.contains("Download the proof"), "{en}");
    let size = log_size(&seeded, "haishu");
    for unknown in [format!("{size}"), "05".into(), "-1".into(), "x".into(), "5%22%0d%0a".into()] {
        for what in ["", "/entry", "/proof"] {
            let path = format!("/registry/haishu/1/{unknown}{what}");
            assert_eq!(status!(&app, &path), 404, "{path}");
        }
    }
}

#[actix_web::test]
async fn an_entry_that_does_not_count_says_why_wherever_it_is_shown() {
    let seeded = support::seeded(3);
    let app = app!(seeded);
    let list = page!(&app, "/catalog?node=yinzhou");
    let product = list.split("href=\"/products/").nth(1).unwrap().split('"').next().unwrap();
    let plan = json!({"product": product, "code": "metered", "reason": "越权停用"});
    support::say(&seeded, "haishu", &[("plan.retired", plan)]);
    let index = log_size(&seeded, "haishu") - 1;
    let one = page!(&app, &format!("/registry/haishu/1/{index}"));
    assert!(one.contains("已隔离") && one.contains("越权停用"), "{one}");
    let list = page!(&app, "/registry/haishu/1");
    assert_eq!(list.matches("已隔离").count(), 1, "{list}");
    let federation = page!(&app, "/federation", "en");
    assert!(federation.contains(&format!("/registry/haishu/1/{index}")), "{federation}");
    let sorted = page!(&app, "/federation?sort=quarantined");
    let first = sorted.split("class=\"node-name\" href=\"/node/").nth(1).unwrap();
    assert!(first.starts_with("haishu"), "{first:.40}");
}

#[actix_web::test]
async fn the_page_to_verify_shows_the_key_and_the_policy_the_command_line_prints() {
    let seeded = support::seeded(3);
    let app = app!(seeded);
    for node in ["ningbo", "yinzhou", "haishu"] {
        let origin = Origin::parse(&format!("ningbo.example/{node}/1")).unwrap();
        let head = seeded.site.db.read(|read| log::head(read, &origin)).unwrap().unwrap();
        let key = vkey(&origin, head.log_key).to_string();
        let policy =
            seeded.site.db.read(|read| quorum::policy(read, &seeded.site, &origin)).unwrap();
        let html = page!(&app, &format!("/verify/{node}/1"));
        assert!(
            html.contains(&format!("<code class=\"hash\" id=\"vkey\">{}</code>", escaped(&key)))
        );
        assert!(html.contains(&escaped(&policy.to_string())), "{policy} in {html}");
        assert_eq!(page!(&app, &format!("/verify/{node}/1/vkey")), format!("{key}\n"));
        assert_eq!(page!(&app, &format!("/verify/{node}/1/policy")), policy.to_string());
        let url = format!("http://127.0.0.1:8820/log/{node}/1/");
        for command in [
            format!("lianshi log verify {url} --policy {node}-1.policy"),
            format!("fsck --ui=false --storage_url {url} --public_key {node}-1.vkey"),
            format!("aics-tlog verify-checkpoint --tiles {url}"),
            format!("./judge log {node}-1.policy {url}"),
        ] {
            assert!(html.contains(&command), "no {command} in {html}");
        }
    }
    let own = page!(&app, "/verify", "en");
    assert!(own.contains("ningbo.example/haishu/1") && own.contains("It does not prove"), "{own}");
    for unknown in ["nobody/1", "yinzhou/2", "yinzhou/01", "%3Cb%3E/1"] {
        for what in ["", "/vkey", "/policy"] {
            assert_eq!(status!(&app, &format!("/verify/{unknown}{what}")), 404, "{unknown}{what}");
        }
    }
}

/// The text as askama writes it.
fn escaped(text: &str) -> String {
    text.replace('&', "&#38;").replace('<', "&#60;").replace('>', "&#62;")
}

fn log_size(seeded: &support::Seeded, node: &str) -> u64 {
    let origin = Origin::parse(&format!("ningbo.example/{node}/1")).unwrap();
    seeded.site.db.read(|read| log::head(read, &origin)).unwrap().unwrap().size
}

/// The indexes of a list, in its order.
fn rows(html: &str) -> Vec<u64> {
    let links = html.split("class=\"figure\"><a href=\"/registry/").skip(1);
    let index = |link: &str| link.split('"').next()?.rsplit('/').next()?.parse().ok();
    links.filter_map(index).collect()
}
