//! A link whose other end is there and says nothing more, as behind a cable that was pulled out.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use lianshi_node::net::{self, Answer, Listen, Serve};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use crate::{
    SETTLE,
    fair::{free_address, key, peer},
    nodes::eventually,
};

/// What is promised of a link that died.
const NOTICED: Duration = Duration::from_secs(30);

/// Carries bytes between a node and whoever connects, until it goes still.
async fn pass_on(listener: TcpListener, to: String, still: Arc<AtomicBool>) {
    while let Ok((near, _)) = listener.accept().await {
        let far = TcpStream::connect(&to).await.expect("it listens");
        let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
        tokio::spawn(carry(near_in, far_out, Arc::clone(&still)));
        tokio::spawn(carry(far_in, near_out, Arc::clone(&still)));
    }
}

async fn carry(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    still: Arc<AtomicBool>,
) {
    let mut bytes = [0; 4096];
    while let Ok(count) = from.read(&mut bytes).await {
        if still.load(Ordering::Relaxed) {
            // Both ends stay open: nothing tells either that the other is gone.
            std::future::pending::<()>().await;
        }
        if count == 0 || to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_that_goes_still_is_noticed_within_thirty_seconds() {
    let none: Serve = Arc::new(|_, _| Answer::Missing);
    let address = free_address();
    let (near, _near_links) =
        net::start(&key(1), &Listen::at(&free_address()), Arc::clone(&none)).expect("started");
    let (far, _far_links) = net::start(&key(2), &Listen::at(&address), none).expect("started");
    let between = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let through = format!("/ip4/127.0.0.1/tcp/{}", between.local_addr().expect("bound").port());
    let still = Arc::new(AtomicBool::new(false));
    let port = address.rsplit('/').next().expect("a port");
    let passing = tokio::spawn(pass_on(between, format!("127.0.0.1:{port}"), Arc::clone(&still)));
    far.set_peers(vec![peer("near", 1, Vec::new())]).await;
    near.set_peers(vec![peer("far", 2, vec![through])]).await;
    eventually(SETTLE, || near.connected().len() == 1 && far.connected().len() == 1).await;
    still.store(true, Ordering::Relaxed);
    eventually(NOTICED, || near.connected().is_empty() && far.connected().is_empty()).await;
    passing.abort();
    near.stop().await;
    far.stop().await;
}
