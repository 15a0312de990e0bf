//! A slow caller keeps nobody waiting and is told; a busy node says when to come back.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
};

use futures::future::join_all;
use serde_json::Value;

use crate::world::{Server, WIDE, World};

/// Sends the head of a call, with more header lines, and the beginning of a body.
fn begin(world: &World, server: &Server, lines: &str, body: &str) -> TcpStream {
    let call = world.call("verify");
    let text = format!(
        "POST {} HTTP/1.1\r\nhost: x\r\nauthorization: {}\r\n{lines}\r\n{body}",
        call.path, call.headers["authorization"]
    );
    let mut stream = TcpStream::connect(server.address).expect("connected");
    stream.write_all(text.as_bytes()).expect("sent");
    stream
}

/// Waits for the answer; gives its status and code.
async fn answer(mut stream: TcpStream) -> (u16, String) {
    let read = actix_web::rt::task::spawn_blocking(move || {
        let mut bytes = Vec::new();
        // An answer to a body that never ended may be followed by a reset.
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = stream.read(&mut buffer) {
            bytes.extend_from_slice(&buffer[..count]);
            if bytes.ends_with(b"}") {
                break;
            }
        }
        String::from_utf8(bytes).expect("text")
    });
    let text = read.await.expect("read");
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{text}"));
    let status = head.split(' ').nth(1).expect("a status").parse().expect("digits");
    let problem: Value = serde_json::from_str(body).unwrap_or_else(|_| panic!("{text}"));
    (status, problem["code"].as_str().expect("a code").to_owned())
}

#[actix_web::test]
async fn bodies_that_never_end_do_not_hold_up_others_and_are_told() {
    let world = World::new(WIDE);
    let server = world.serve();
    let mut stalled: Vec<TcpStream> =
        (0..50).map(|_| begin(&world, &server, "content-length: 100\r\n", "{")).collect();
    let replies = join_all((0..50).map(|_| world.verify("330213").send(&server))).await;
    assert!(replies.iter().all(|reply| reply.status == 200));
    let mut first = stalled.swap_remove(0);
    first.set_nonblocking(true).expect("set");
    assert!(first.read(&mut [0; 1]).is_err(), "the stalled call is still waited for");
    first.set_nonblocking(false).expect("set");
    assert_eq!(answer(first).await, (408, "call.body_too_slow".to_owned()));
    assert_eq!(world.calls_metered(), 50);
}

#[actix_web::test]
async fn a_body_that_breaks_off_is_not_taken_for_a_call() {
    let world = World::new(WIDE);
    let server = world.serve();
    let body = r#"{"code":"330213"}"#;
    let torn = format!("content-length: {}\r\n", body.len() + 1);
    let stream = begin(&world, &server, &torn, body);
    stream.shutdown(std::net::Shutdown::Write).expect("shut");
    assert_eq!(answer(stream).await, (400, "call.body_unreadable".to_owned()));
    assert_eq!(world.calls_metered(), 0);
}

#[actix_web::test]
async fn a_node_without_a_free_connection_says_when_to_come_back() {
    let world = World::new(WIDE);
    let server = world.serve();
    let held = world.hold_connections();
    let reply = world.verify("330213").send(&server).await;
    assert_eq!(reply.refusal(), (503, "call.busy"));
    assert_eq!(
        (reply.headers["retry-after"].as_str(), &reply.body["retry_after_s"]),
        ("1", &1.into())
    );
    held.release();
    assert_eq!(world.verify("330213").send(&server).await.status, 200);
    assert_eq!(world.calls_metered(), 1);
}
