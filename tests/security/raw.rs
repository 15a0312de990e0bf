//! HTTP/1.1 as an attacker writes it: the request target goes out byte for byte, where a client
//! library would tidy it up first.

use std::{collections::BTreeMap, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// Longest an answer may take.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// One request.
#[derive(Debug, Clone, Default)]
pub struct Request<'a> {
    pub method: &'a str,
    /// The target as it is written on the wire.
    pub target: &'a str,
    pub headers: Vec<(&'a str, String)>,
    pub body: &'a str,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    /// Names in lower case; the last one of a name wins.
    pub headers: BTreeMap<String, String>,
    /// Name and value of every cookie set.
    pub cookies: Vec<String>,
    pub body: String,
}

impl Reply {
    /// A header; empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

/// Sends one request on a connection of its own to `http://host:port`.
pub async fn ask(base: &str, request: &Request<'_>) -> Reply {
    let host = base.strip_prefix("http://").expect("a plain address");
    let Request { method, target, headers, body } = request;
    let mut text = format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    if !body.is_empty() || *method == "POST" {
        text.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    text.push_str("\r\n");
    text.push_str(body);
    let exchange = async {
        let mut stream = TcpStream::connect(host).await.expect("the server listens");
        stream.write_all(text.as_bytes()).await.expect("the server reads");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.expect("the server answers");
        answer
    };
    let answer = tokio::time::timeout(ANSWER_LIMIT, exchange).await;
    read(&answer.unwrap_or_else(|_| panic!("no answer to {method} {target}")))
}

fn read(answer: &[u8]) -> Reply {
    let text = String::from_utf8_lossy(answer);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).expect("a status line");
    let headers = lines.filter_map(|line| line.split_once(':'));
    let headers: Vec<(String, String)> =
        headers.map(|(name, value)| (name.to_lowercase(), value.trim().to_owned())).collect();
    let set = headers.iter().filter(|(name, _)| name == "set-cookie");
    Reply {
        cookies: set.filter_map(|(_, value)| Some(value.split(';').next()?.to_owned())).collect(),
        status: status.parse().expect("a number"),
        headers: headers.into_iter().collect(),
        body: body.to_owned(),
    }
}
