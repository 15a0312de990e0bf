//! The HTTP interfaces, judged by programs nobody here wrote: the description is valid, a client
//! generated from it works, a fuzzer of descriptions finds nothing, the metrics parse. And what
//! every service of a node answers to methods, spellings of a scheme and garbage.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;
use support::demo::Demo;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// Examples of each operation that the fuzzer of descriptions makes up.
const EXAMPLES: &str = "12";
/// What it makes up is the same each time.
const SEED: &str = "20261128";
/// What every answer of every service carries.
const HEADERS: [&str; 4] = [
    "content-security-policy",
    "x-content-type-options",
    "x-frame-options",
    "cross-origin-resource-policy",
];

fn tool(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let tool = root.join("target/outside/interfaces/bin").join(name);
    assert!(tool.exists(), "{} is missing; run tests/run security", tool.display());
    tool
}

fn said(output: &Output) -> String {
    let all = [output.stdout.as_slice(), &output.stderr].concat();
    String::from_utf8_lossy(&all).into_owned()
}

fn well(command: &mut Command) -> String {
    let output = command.output().expect("the program starts");
    let said = said(&output);
    assert!(output.status.success(), "{command:?}\n{said}");
    said
}

/// The description of a node in a file of its own.
async fn description(demo: &Demo, folder: &Path) -> PathBuf {
    let url = format!("{}/api/v1/openapi.json", demo.node("yinzhou", "web"));
    let answer = reqwest::get(url).await.expect("answered");
    assert_eq!(answer.status(), 200);
    let path = folder.join("openapi.json");
    fs::write(&path, answer.bytes().await.expect("bytes")).expect("written");
    path
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_description_is_valid_and_names_every_service() {
    let demo = Demo::shared().await;
    let folder = tempfile::tempdir().expect("a folder");
    let path = description(demo, folder.path()).await;
    let validator = tool("openapi-spec-validator");
    well(Command::new(&validator).arg(&path));
    let text = fs::read_to_string(&path).expect("readable");
    let whole: Value = serde_json::from_str(&text).expect("JSON");
    for path in [
        "/api/v1/products",
        "/call/{product}/{operation}",
        "/log/{node}/{generation}/checkpoint",
        "/witness/add-checkpoint",
    ] {
        assert!(whole["paths"][path].is_object(), "{path} is not described");
    }
    assert_eq!(whole["servers"][0]["url"], demo.node("yinzhou", "web"));
    // The validator can say no.
    let mut broken = whole;
    broken["paths"]["/api/v1/products"]["get"]["responses"]["200"]
        .as_object_mut()
        .expect("a response")
        .remove("description");
    fs::write(&path, broken.to_string()).expect("written");
    let output = Command::new(&validator).arg(&path).output().expect("it starts");
    assert!(!output.status.success(), "a response without a description is valid");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_generated_client_calls_the_api() {
    let demo = Demo::shared().await;
    let folder = tempfile::tempdir().expect("a folder");
    let path = description(demo, folder.path()).await;
    let client = folder.path().join("lianshi_api");
    let generated = well(
        Command::new(tool("openapi-python-client"))
            .args(["generate", "--meta", "none", "--path"])
            .arg(&path)
            .arg("--output-path")
            .arg(&client)
            .env("PATH", tools_and_path()),
    );
    assert!(!generated.contains("WARNING"), "{generated}");
    let (_, _, token) = demo.account("haishu", "buyer");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("security/client.py");
    let output = well(
        Command::new(tool("python"))
            .arg(script)
            .arg(demo.node("haishu", "web"))
            .arg(token)
            .arg(demo.subscription("id"))
            .env("PYTHONPATH", folder.path()),
    );
    assert!(output.contains("the generated client agrees"), "{output}");
}

/// The generator runs a formatter that stands beside it.
fn tools_and_path() -> String {
    let tools = tool("python");
    let tools = tools.parent().expect("a folder").display().to_string();
    format!("{tools}:{}", std::env::var("PATH").unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fuzzer_of_descriptions_finds_nothing() {
    // It ends subscriptions too: a demo of its own.
    let demo = Demo::start().await;
    for (node, role) in [("haishu", "buyer"), ("yinzhou", "provider")] {
        let base = demo.node(node, "web");
        let (_, _, token) = demo.account(node, role);
        let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("security/schemathesis.toml");
        let output = Command::new(tool("schemathesis"))
            .arg("--config-file")
            .arg(config)
            .args(["run", &format!("{base}/api/v1/openapi.json"), "--url", &base])
            .args(["--max-examples", EXAMPLES, "--seed", SEED, "--no-color"])
            .args(["--header", &format!("Authorization: Bearer {token}")])
            .current_dir(&demo.data)
            .output()
            .expect("it starts");
        assert!(output.status.success(), "as {role}:\n{}", said(&output));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_metrics_pass_the_parser_of_prometheus() {
    let demo = Demo::shared().await;
    let promtool =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/outside/prometheus/usr/bin/promtool");
    assert!(promtool.exists(), "{} is missing; run tests/run security", promtool.display());
    let door = demo.door();
    let call = reqwest::Client::new().post(&door.url).bearer_auth("lk_none").json(&door.request);
    assert_eq!(call.send().await.expect("answered").status(), 401);
    let check = |text: &str| {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("metrics");
        fs::write(&path, text).expect("written");
        let file = fs::File::open(&path).expect("readable");
        Command::new(&promtool).args(["check", "metrics"]).stdin(file).output().expect("it starts")
    };
    for node in ["ningbo", "yinzhou", "haishu"] {
        let url = format!("{}/metrics", demo.node(node, "ops"));
        let text = reqwest::get(url).await.expect("answered").text().await.expect("text");
        assert!(text.contains("lianshi_log_size{"), "{text}");
        let output = check(&text);
        assert!(output.status.success(), "{node}: {}\n{text}", said(&output));
        let twice = format!("{text}{text}");
        assert!(!check(&twice).status.success(), "the parser can say no");
    }
}

/// Every service of a node with a path that answers `GET`.
fn readable(demo: &Demo) -> Vec<(String, &'static str)> {
    let (web, ops) = (demo.node("yinzhou", "web"), demo.node("yinzhou", "ops"));
    vec![
        (web.clone(), "/"),
        (web.clone(), "/catalog"),
        (web.clone(), "/api/v1/products"),
        (web.clone(), "/api/v1/openapi.json"),
        (web.clone(), "/log/yinzhou/1/checkpoint"),
        (web.clone(), "/log/yinzhou/1/tile/entries/000"),
        (web, "/witness/none/checkpoint"),
        (ops.clone(), "/healthz"),
        (ops.clone(), "/readyz"),
        (ops, "/metrics"),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn head_answers_like_get_and_unknown_methods_are_told_what_there_is() {
    let demo = Demo::shared().await;
    let client = reqwest::Client::new();
    for (base, path) in readable(demo) {
        let url = format!("{base}{path}");
        let got = client.get(&url).send().await.expect("answered");
        let head = client.head(&url).send().await.expect("answered");
        assert_eq!(head.status(), got.status(), "{url}");
        assert_eq!(head.headers().get("content-type"), got.headers().get("content-type"), "{url}");
        assert_eq!(head.bytes().await.expect("none").len(), 0, "{url}");
        for name in HEADERS {
            assert!(got.headers().contains_key(name), "{url} answers without {name}");
        }
        for method in ["TRACE", "BREW", "DELETE"] {
            let method = reqwest::Method::from_bytes(method.as_bytes()).expect("a method");
            let told = client.request(method.clone(), &url).send().await.expect("answered");
            assert_eq!(told.status(), 405, "{method} {url}");
            let allow = told.headers().get("allow").expect("Allow").to_str().expect("text");
            assert!(allow.contains("GET") && allow.contains("HEAD"), "{method} {url}: {allow}");
        }
    }
    let call = demo.door().url;
    for method in ["GET", "HEAD", "TRACE", "BREW"] {
        let method = reqwest::Method::from_bytes(method.as_bytes()).expect("a method");
        let told = client.request(method.clone(), &call).send().await.expect("answered");
        assert_eq!(
            (told.status().as_u16(), &told.headers()["allow"]),
            (405, &"POST".parse().unwrap())
        );
        for name in HEADERS {
            assert!(told.headers().contains_key(name), "{method} {call} answers without {name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bearer_is_read_in_any_case_by_every_service() {
    let demo = Demo::shared().await;
    let client = reqwest::Client::new();
    let (_, _, token) = demo.account("haishu", "buyer");
    let door = demo.door();
    for scheme in ["Bearer", "bearer", "BEARER", "bEaReR"] {
        let url = format!("{}/api/v1/subscriptions", demo.node("haishu", "web"));
        let answer = client.get(url).header("Authorization", format!("{scheme} {token}"));
        assert_eq!(answer.send().await.expect("answered").status(), 200, "{scheme}");
        let key = format!("{scheme} {}", door.key);
        let answer = client.post(&door.url).header("Authorization", key).json(&door.request);
        assert_eq!(answer.send().await.expect("answered").status(), 200, "{scheme}");
    }
    let url = format!("{}/api/v1/subscriptions", demo.node("haishu", "web"));
    for wrong in [format!("Basic {token}"), token.clone(), format!("Bearer{token}")] {
        let answer = client.get(&url).header("Authorization", &wrong).send().await;
        let answer = answer.expect("answered");
        assert_eq!(answer.status(), 401, "{wrong}");
        assert!(answer.headers().contains_key("www-authenticate"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_remains_of_a_plan_is_told_with_every_answer() {
    let demo = Demo::shared().await;
    let door = demo.door();
    let call = || {
        let call = reqwest::Client::new().post(&door.url).bearer_auth(&door.key);
        call.json(&door.request).send()
    };
    let remaining = |answer: &reqwest::Response| -> (u64, u64) {
        let text = answer.headers()["ratelimit"].to_str().expect("text").to_owned();
        let of = |name: &str| {
            let member = text.split(", ").find(|one| one.starts_with(&format!("\"{name}\";r=")));
            let member = member.unwrap_or_else(|| panic!("no {name} in {text}"));
            let digits = member.split(";r=").nth(1).expect("a number");
            digits.split(';').next().expect("digits").parse().expect("a number")
        };
        (of("minute"), of("month"))
    };
    let first = call().await.expect("answered");
    let policy = first.headers()["ratelimit-policy"].to_str().expect("text").to_owned();
    assert!(policy.contains("\"minute\";q=") && policy.contains(";w=60"), "{policy}");
    let max = policy.split("\"minute\";q=").nth(1).and_then(|rest| rest.split(';').next());
    let max: u64 = max.expect("a number").parse().expect("a number");
    let before = remaining(&first);
    assert!(before.0 < max, "this call counts: {before:?} of {policy}");
    let after = remaining(&call().await.expect("answered"));
    assert!(after.1 < before.1, "{before:?} then {after:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn malformed_requests_are_no_errors_of_the_node() {
    let demo = Demo::shared().await;
    let log = demo.data.join("demo.log");
    let errors = || {
        let text = fs::read_to_string(&log).expect("a log");
        // Those of the HTTP library: other tests of the shared demo have errors of their own.
        let is_error = |line: &&str| line.contains("ERROR") && line.contains("actix");
        let lines = text.lines().filter(is_error).map(str::to_owned);
        lines.collect::<Vec<_>>()
    };
    let before = errors().len();
    for part in ["web", "ops"] {
        let url = demo.node("yinzhou", part);
        let address = url.trim_start_matches("http://").to_owned();
        for garbage in [
            "\u{0}\u{1}\u{2}\r\n\r\n",
            "GARBAGE\r\n\r\n",
            "GET / HTTP/9.9\r\n\r\n",
            "GET /a b HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nHost\r\n\r\n",
            "POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
            "POST /login HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        ] {
            let mut stream = TcpStream::connect(&address).await.expect("connected");
            stream.write_all(garbage.as_bytes()).await.expect("sent");
            stream.shutdown().await.expect("half closed");
            let mut answer = Vec::new();
            // Refused, or hung up on: either is right.
            let _ = stream.read_to_end(&mut answer).await;
        }
    }
    let told = errors();
    assert_eq!(told.len(), before, "{:?}", told.get(before..));
}
