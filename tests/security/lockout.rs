//! Guessing passwords from behind nginx and beside it: whoever guesses is slowed where he is, and
//! nobody else is kept out, whatever the headers say.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use reqwest::{Client, Response, header};
use support::{federation::Federation, free_ports, run_well, wait_for};

const PASSWORD: &str = "vexing otter, seven quartz lagoons";

/// nginx in front of a node, in a folder of its own.
struct Nginx {
    process: Child,
    url: String,
}

impl Nginx {
    async fn start(folder: &Path, node: &str) -> Self {
        let port = free_ports(1);
        let node = node.trim_start_matches("http://");
        let at = |name: &str| folder.join(name).display().to_string();
        let config = format!(
            "daemon off; master_process off; pid {pid}; error_log {log};\n\
             events {{}}\n\
             http {{\n\
               access_log off;\n\
               client_body_temp_path {body}; proxy_temp_path {proxy};\n\
               fastcgi_temp_path {other}; uwsgi_temp_path {other}; scgi_temp_path {other};\n\
               server {{\n\
                 listen 0.0.0.0:{port};\n\
                 location / {{\n\
                   proxy_pass http://{node};\n\
                   proxy_set_header Host $http_host;\n\
                   proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;\n\
                 }}\n\
               }}\n\
             }}\n",
            pid = at("nginx.pid"),
            log = at("nginx.log"),
            body = at("body"),
            proxy = at("proxy"),
            other = at("other"),
        );
        let file = folder.join("nginx.conf");
        fs::write(&file, config).expect("its configuration");
        let nginx = ["/usr/sbin/nginx", "/usr/bin/nginx", "/usr/local/sbin/nginx"];
        let nginx = nginx.iter().find(|path| Path::new(path).exists());
        let nginx = nginx.expect("nginx, which tests/run installs");
        let process = Command::new(nginx)
            .arg("-p")
            .arg(folder)
            .arg("-c")
            .arg(&file)
            .stderr(Stdio::null())
            .spawn()
            .expect("nginx starts");
        let nginx = Self { process, url: format!("http://127.0.0.1:{port}") };
        wait_for(&format!("nginx; see {}", at("nginx.log")), 20, || async {
            Some(reqwest::get(&nginx.url).await.ok()?.status()).filter(|status| *status == 200)
        })
        .await;
        nginx
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Already gone is as good.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Somebody at an address of loopback.
fn at(address: &str) -> Client {
    let no_redirect = reqwest::redirect::Policy::none();
    let builder = Client::builder().local_address(address.parse().ok()).redirect(no_redirect);
    builder.build().expect("a client")
}

/// Signs in, with more headers.
async fn sign_in(
    client: &Client,
    url: &str,
    (login, password): (&str, &str),
    headers: &[(&'static str, &str)],
) -> Response {
    let form = [("login", login), ("password", password), ("next", "/"), ("csrf", "")];
    let mut request = client.post(format!("{url}/login")).form(&form);
    request = request.header("Sec-Fetch-Site", "same-origin");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.expect("an answer")
}

/// The cookie that makes a browser known, as the browser would send it back.
fn device(answer: &Response) -> String {
    let cookies = answer.headers().get_all(header::SET_COOKIE);
    let mut texts = cookies.iter().map(|cookie| cookie.to_str().expect("a text"));
    let device = texts.find(|text| text.starts_with("__Host-lianshi-device-")).expect("the cookie");
    device.split(';').next().expect("name and value").to_owned()
}

fn password_file(folder: &Path) -> PathBuf {
    let file = folder.join("password");
    fs::write(&file, PASSWORD).expect("written");
    // A password that others may read is not taken.
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("closed");
    file
}

/// The city's node with two people, behind a proxy it trusts.
async fn scene(folder: &Path) -> (Federation, Nginx) {
    let mut federation = Federation::found("");
    let data = federation.ningbo.data.clone();
    let node_toml = data.join("node.toml");
    let mut text = fs::read_to_string(&node_toml).expect("node.toml");
    text.push_str("\n[proxies]\ntrusted = [\"127.0.0.1\"]\n");
    fs::write(&node_toml, text).expect("written");
    let code = "91330203MA2TEQT01";
    let code = lianshi_registry::uscc::complete(code).expect("a fictitious code").to_string();
    let organization = ["user", "organization", "add", &code, "--name-zh", "甲", "--name-en", "A"];
    run_well(&data, &organization);
    let file = password_file(folder).display().to_string();
    for login in ["victim", "neighbor"] {
        let mut add = vec!["user", "add", login, "--organization", &code, "--role", "buyer"];
        add.extend(["--password-file", &file]);
        run_well(&data, &add);
    }
    federation.ningbo.start().await;
    let nginx = Nginx::start(folder, &federation.ningbo.url).await;
    (federation, nginx)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_guesses_behind_a_proxy_keeps_nobody_else_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let (federation, nginx) = scene(folder.path()).await;
    let (attacker, victim) = (at("127.0.0.2"), at("127.0.0.3"));
    let own = ("victim", PASSWORD);

    let known = sign_in(&victim, &nginx.url, own, &[]).await;
    assert_eq!(known.status(), 303, "{:?}", known.text().await);
    let device = device(&known);

    for guess in 0..40 {
        let login = format!("login-{guess}");
        // A header of his own invention helps him as little as it hurts others.
        let invented = format!("198.51.100.{guess}");
        let headers = [("X-Forwarded-For", invented.as_str()), ("Forwarded", "for=127.0.0.3")];
        let answer = sign_in(&attacker, &nginx.url, (&login, "wrong guess"), &headers).await;
        let expected = if guess < 30 { 422 } else { 429 };
        assert_eq!(answer.status(), expected, "guess {guess}");
    }
    let strange = sign_in(&attacker, &nginx.url, ("neighbor", PASSWORD), &[]).await;
    assert_eq!(strange.status(), 429, "his address waits, whoever it is");
    let elsewhere = sign_in(&victim, &nginx.url, ("neighbor", PASSWORD), &[]).await;
    assert_eq!(elsewhere.status(), 303, "everybody else comes from another address");
    let same_office = sign_in(&attacker, &nginx.url, own, &[("Cookie", device.as_str())]).await;
    assert_eq!(same_office.status(), 303, "a browser that signed in before is let through");

    // Beside the proxy nobody is believed.
    let direct = at("127.0.0.4");
    for guess in 0..31 {
        let (login, invented) = (format!("login-{guess}"), format!("198.51.100.{guess}"));
        let headers = [("X-Forwarded-For", invented.as_str())];
        let url = &federation.ningbo.url;
        let answer = sign_in(&direct, url, (&login, "wrong guess"), &headers).await;
        assert_eq!(answer.status(), if guess < 30 { 422 } else { 429 }, "guess {guess}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_address_cannot_fill_the_queue_of_passwords() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_federation, nginx) = scene(folder.path()).await;
    let (own, victim) = (("victim", PASSWORD), at("127.0.0.3"));
    // Made before: while clients are made one by one, passwords are checked one by one.
    let attackers = ["127.0.0.2", "127.0.0.4", "127.0.0.5"].map(at);
    let mut all = Vec::new();
    for attacker in attackers {
        let flood: Vec<_> = (0..100)
            .map(|guess| {
                let (client, url) = (attacker.clone(), nginx.url.clone());
                tokio::spawn(async move {
                    let login = format!("login-{guess}");
                    sign_in(&client, &url, (&login, "wrong guess"), &[]).await.status().as_u16()
                })
            })
            .collect();
        for _ in 0..5 {
            let answer = sign_in(&victim, &nginx.url, own, &[]).await;
            assert_eq!(answer.status(), 303, "others wait their turn and get it");
        }
        let mut heard = Vec::new();
        for guess in flood {
            heard.push(guess.await.expect("ran"));
        }
        assert!(heard.iter().all(|status| matches!(status, 422 | 429 | 503)), "{heard:?}");
        // A machine that is slow to send is quick enough to check: then another address tries.
        if heard.contains(&503) {
            return;
        }
        all.push(heard);
    }
    panic!("more than may wait were sent at once, and nobody was sent away: {all:?}");
}
