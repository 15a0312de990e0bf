//! A slow caller keeps nobody waiting.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
};

use futures::future::join_all;

use crate::world::{WIDE, World};

#[actix_web::test]
async fn bodies_that_never_end_do_not_hold_up_others() {
    let world = World::new(WIDE);
    let server = world.serve();
    let call = world.call("verify");
    let head = format!(
        "POST {} HTTP/1.1\r\nhost: x\r\nauthorization: {}\r\ncontent-length: 100\r\n\r\n{{",
        call.path, call.headers["authorization"]
    );
    let mut stalled = Vec::new();
    for _ in 0..50 {
        let mut stream = TcpStream::connect(server.address).expect("connected");
        stream.write_all(head.as_bytes()).expect("sent");
        stalled.push(stream);
    }
    let replies = join_all((0..50).map(|_| world.verify("330213").send(&server))).await;
    assert!(replies.iter().all(|reply| reply.status == 200));
    let first = &mut stalled[0];
    first.set_nonblocking(true).expect("set");
    assert!(first.read(&mut [0; 1]).is_err(), "the stalled call is still waited for");
}
