//! The public pages: what a reader finds on them.

use lianshi_registry::{certificate, checkpoint::vkey, policy::Policy};

use crate::support;

#[actix_web::test]
async fn home_counts_what_is_there() {
    let seeded = support::seeded(12);
    let app = app!(seeded);
    let html = page!(&app, "/");
    assert!(html.contains("<dd>12<small>个</small></dd>"), "{html}");
    assert!(html.contains("鄞州区公共数据节点") && html.contains("行政区划代码核验"));
    assert_eq!(html.matches("class=\"card\"").count(), 6);
}

#[actix_web::test]
async fn an_empty_node_says_so() {
    let seeded = support::empty();
    let app = app!(seeded);
    assert!(page!(&app, "/").contains("目录中还没有产品"));
    assert!(page!(&app, "/catalog").contains("没有找到符合条件的产品"));
}

#[actix_web::test]
async fn words_inside_a_run_are_found_and_filters_narrow() {
    let seeded = support::seeded(27);
    let app = app!(seeded);
    let question = "/catalog?q=%E9%9B%86%E8%A3%85%E7%AE%B1";
    let html = page!(&app, question);
    assert!(html.contains("共 3 个产品") && html.contains("港口集装箱吞吐指数"), "{html}");
    assert!(html.contains("搜索“集装箱”"));
    let html = page!(&app, &format!("{question}&charge=paid"));
    assert!(html.contains("共 2 个产品"), "{html}");
    assert!(html.contains(&format!("href=\"{question}\"")), "a chip leads back");
    let html = page!(&app, "/catalog?sector=nothing");
    assert!(html.contains("没有找到符合条件的产品"));
}

#[actix_web::test]
async fn pages_are_linked_and_a_page_out_of_range_is_the_first() {
    let seeded = support::seeded(27);
    let app = app!(seeded);
    let html = page!(&app, "/catalog?page=2");
    assert!(html.contains("<title>产品目录 （第 2 页，共 2 页）"), "{html:.400}");
    assert_eq!(html.matches("class=\"result\"").count(), 7);
    for beyond in ["/catalog?page=99", "/catalog?page=x", "/catalog?page=0"] {
        let html = page!(&app, beyond);
        assert_eq!(html.matches("class=\"result\"").count(), 20, "{beyond}");
    }
}

#[actix_web::test]
async fn markup_in_a_question_is_text() {
    let seeded = support::seeded(1);
    let app = app!(seeded);
    let html = page!(&app, "/catalog?q=%3Cscript%3Ealert(1)%3C/script%3E%22");
    assert!(!html.contains("<script>alert"), "{html}");
}

#[actix_web::test]
async fn a_product_page_shows_plans_chain_certificate_and_provenance() {
    let seeded = support::seeded(3);
    let app = app!(seeded);
    let list = page!(&app, "/catalog?q=%E4%BB%A3%E7%A0%81%E6%A0%B8%E9%AA%8C");
    let number = list.split("href=\"/products/").nth(1).unwrap().split('"').next().unwrap();
    let html = page!(&app, &format!("/products/{number}"));
    for part in [
        number,
        "0.50 元／次，每月含 1,000 次",
        "4,500.00",
        "（10,000 − 1,000）× 0.50",
        "0.80 元／次",
        "33,920,000,000 条",
        "提供单位于 2026-01-05 确认（D-1）",
        "示授运〔2026〕7号",
        "宁波市公共数据授权运营管理实施细则",
        "33.33 %",
        "ningbo.example/yinzhou/1",
        "42 秒前",
        "登记凭证",
        "2028-08-31",
    ] {
        assert!(html.contains(part), "no {part} in {html}");
    }
    let html = page!(&app, &format!("/products/{number}?calls=1,001"));
    assert!(html.contains("<strong class=\"money\">0.50</strong>"), "{html}");
    let html = page!(&app, &format!("/products/{number}?calls=900000"));
    assert!(html.contains("超过本方案每月 200,000 次的上限"), "{html}");
    let entry = page!(&app, &format!("/products/{number}/entry"));
    assert!(entry.starts_with("{\"at\":") && entry.contains("product.registered"), "{entry}");
}

#[actix_web::test]
async fn a_paused_product_says_why_and_takes_no_orders() {
    let seeded = support::seeded(6);
    let app = app!(seeded);
    let list = page!(&app, "/catalog?status=paused");
    let number = list.split("href=\"/products/").nth(1).unwrap().split('"').next().unwrap();
    let html = page!(&app, &format!("/products/{number}"));
    assert!(html.contains("运营单位暂停了本产品") && html.contains("上游数据资源例行核对"));
    assert!(!html.contains("申请订购"), "{html}");
}

#[actix_web::test]
async fn the_federation_page_shows_heads_and_digest() {
    let seeded = support::seeded(3);
    let app = app!(seeded);
    let html = page!(&app, "/federation");
    let digest = seeded.site.db.read(lianshi_store::catalog::digest).unwrap();
    let hex = hex::encode(digest);
    for part in
        [hex.as_str(), "ningbo.example/haishu/1", "42 秒前", "本节点", "/log/yinzhou/1/checkpoint"]
    {
        assert!(html.contains(part), "no {part} in {html}");
    }
}

#[actix_web::test]
async fn a_replica_shows_its_age_or_that_it_was_never_confirmed() {
    let seeded = support::seeded(3);
    let app = app!(seeded);
    let list = page!(&app, "/catalog?node=yinzhou");
    let number = list.split("href=\"/products/").nth(1).unwrap().split('"').next().unwrap();
    let product = format!("/products/{number}");
    for (from_now_ms, zh, en) in [
        (
            Some(-3_600_000),
            "1 小时前与所属节点核对一致",
            "confirmed with the owning node 1 hour ago",
        ),
        // Written before the clock was set back.
        (
            Some(3_600_000),
            "0 秒前与所属节点核对一致",
            "confirmed with the owning node 0 seconds ago",
        ),
        (None, "从未与所属节点核对", "never confirmed with the owning node"),
    ] {
        support::set_confirmed(&seeded, from_now_ms);
        let html = page!(&app, &product);
        assert!(html.contains(zh), "no {zh} in {html}");
        let html = page!(&app, &product, "en");
        assert!(html.contains(en), "no {en} in {html}");
    }
    for path in ["/", "/federation"] {
        assert!(page!(&app, path).contains("从未核对"), "{path}");
        assert!(page!(&app, path, "en").contains("Never confirmed"), "{path}");
    }
}

#[actix_web::test]
async fn a_certificate_is_checked_by_its_number() {
    let seeded = support::seeded(6);
    let app = app!(seeded);
    let list = page!(&app, "/catalog?status=paused");
    let number = list.split("href=\"/products/").nth(1).unwrap().split('"').next().unwrap();
    let html = page!(&app, &format!("/certificate/{number}"));
    for part in ["凭证有效", number, "示例数据运营有限公司", "2028-08-31", "ed25519:"]
    {
        assert!(html.contains(part), "no {part} in {html}");
    }
    for unknown in ["330212-P-2026-0009999-X", "junk", "%3Cb%3E"] {
        let html = page!(&app, &format!("/certificate/{unknown}"));
        assert!(html.contains("查无此凭证") && !html.contains("<b>"), "{html}");
    }
}

#[actix_web::test]
async fn a_certificate_is_taken_away_as_a_file_that_proves_itself() {
    let seeded = support::seeded(6);
    let app = app!(seeded);
    let list = page!(&app, "/catalog");
    let at = list.find("/products/330203-P-").expect("a product of this node") + 10;
    let number = list[at..].split('"').next().unwrap();
    let path = format!("/certificate/{number}/proof");
    assert_eq!(status!(&app, &path), 404, "nothing is signed yet");
    let html = page!(&app, &format!("/certificate/{number}"));
    assert!(html.contains("仅本地") && !html.contains(&path), "{html}");

    lianshi_store::log::publish_head(&seeded.site).unwrap();
    let html = page!(&app, &format!("/certificate/{number}"));
    for part in ["已签名", &path, "<svg viewBox=", "扫码查看当前状态"] {
        assert!(html.contains(part), "no {part} in {html}");
    }
    let file = page!(&app, &path);
    let key = vkey(&seeded.site.origin, seeded.site.log_key.public());
    let proved = certificate::prove(file.as_bytes(), &Policy::of_log(key)).unwrap();
    assert_eq!(proved.product.number.as_str(), number);
    assert_eq!(status!(&app, "/certificate/330212-P-2026-0009999-X/proof"), 404);
}

/// `９９９９` and `abc` were once answered with the price of 10,000.
#[actix_web::test]
async fn the_calculator_works_with_what_was_typed_or_says_that_it_cannot() {
    let seeded = support::seeded(1);
    let app = app!(seeded);
    let list = page!(&app, "/catalog");
    let number = list.split("href=\"/products/").nth(1).unwrap().split('"').next().unwrap();
    let ask = |calls: &str| format!("/products/{number}?calls={calls}");
    // ¥0.50 a call, 1,000 included.
    for (typed, amount) in [
        ("9999", "4,499.50"),
        ("%EF%BC%99%EF%BC%99%EF%BC%99%EF%BC%99", "4,499.50"),
        ("10,000", "4,500.00"),
        ("0", "0.00"),
    ] {
        let html = page!(&app, &ask(typed));
        assert!(html.contains(&format!(">{amount}</strong>")), "{typed}: {html}");
        assert_eq!(status!(&app, &ask(typed)), 200, "{typed}");
    }
    for typed in ["abc", "-1", "1.5", "1e3", "2000000000", "", "10%2C00"] {
        let html = page!(&app, &ask(typed), "en");
        assert_eq!(status!(&app, &ask(typed)), 422, "{typed}");
        assert!(!html.contains("4,500.00") && !html.contains("4,499.50"), "{typed}: {html}");
        let kept = typed.replace("%2C", ",");
        for part in [
            format!("name=\"calls\" inputmode=\"numeric\" value=\"{kept}\""),
            "id=\"calls-error\"".to_owned(),
            "aria-invalid=\"true\"".to_owned(),
            "Enter a whole number from 0 to 1,000,000,000".to_owned(),
        ] {
            assert!(html.contains(&part), "{typed}: no {part} in {html}");
        }
    }
    let html = page!(&app, &format!("/products/{number}"));
    assert!(html.contains("value=\"10000\"") && html.contains(">4,500.00</strong>"), "{html}");
}

/// English pages once showed `y / yinzhou` and unmarked Chinese.
#[actix_web::test]
async fn english_pages_have_english_names_and_mark_what_is_chinese() {
    let seeded = support::seeded(12);
    let app = app!(seeded);
    let home = page!(&app, "/", "en");
    for name in ["Yinzhou District", "Haishu District", "Ningbo City Node"] {
        assert!(home.contains(&format!(">{name}")), "no {name} in {home}");
    }
    for short in [">y</text>", ">yinzhou</text>", ">h</text>", ">haishu</text>"] {
        assert!(!home.contains(short), "{short} in {home}");
    }
    let list = page!(&app, "/catalog");
    let number = list.split("href=\"/products/").nth(1).unwrap().split('"').next().unwrap();
    for path in [
        "/".to_owned(),
        "/catalog".to_owned(),
        "/federation".to_owned(),
        "/node/yinzhou".to_owned(),
        "/registry/yinzhou/1".to_owned(),
        "/registry/yinzhou/1/0".to_owned(),
        "/verify".to_owned(),
        format!("/products/{number}"),
        format!("/certificate/{number}"),
        "/login".to_owned(),
        "/nowhere".to_owned(),
    ] {
        let html = page!(&app, &path, "en");
        assert_eq!(unmarked(&html), Vec::<String>::new(), "{path}");
    }
    let product = page!(&app, &format!("/products/{number}"), "en");
    assert!(product.contains("<span lang=\"zh-CN\">示授运〔2026〕7号</span>"), "{product}");
}

/// Texts with Chinese characters outside every element that says so, apart from the page's title.
fn unmarked(html: &str) -> Vec<String> {
    let mut depth = 0_usize;
    let mut found = Vec::new();
    let mut title = false;
    for part in html.split('<').skip(1) {
        let (tag, text) = part.split_once('>').unwrap_or((part, ""));
        if tag.starts_with('/') {
            depth = depth.saturating_sub(1);
            title &= !tag.starts_with("/title");
        } else if depth > 0 || tag.contains(" lang=\"zh-CN\"") {
            let closes = !tag.ends_with('/') && !tag.starts_with("br") && !tag.starts_with("input");
            depth += usize::from(closes);
        } else if tag.starts_with("title") {
            title = true;
        }
        let chinese = text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
        if chinese && depth == 0 && !title {
            found.push(text.to_owned());
        }
    }
    found
}
