//! A small federation in temporary folders.

use std::{collections::BTreeMap, net::TcpListener, sync::Arc, time::Duration};

use actix_web::App;
use lianshi_node::{
    files::PEERS_MAX,
    folder::{CharterSource, Config, Folder},
    net::{self, LinkEvent, Listen, NetHandle, Peer, Serve},
    ops,
    peer::{self, Inbound, Letters, Peers},
};
use lianshi_registry::{
    entry::{Entry, Fact, Organization, OrganizationKind, Texts},
    id::{DivisionCode, FederationDomain, NodeName},
    key::KeyPair,
    time::Timestamp,
    uscc,
};
use lianshi_routes::proxies::Proxies;
use lianshi_store::{Site, accounts::SecondFactorRule, audit::Actor, catalog, log, members};
use tokio::sync::{Notify, mpsc};

/// What happens to the links of a false member.
pub type Links = mpsc::UnboundedReceiver<LinkEvent>;

pub struct Federation {
    nodes: BTreeMap<String, Node>,
    home: tempfile::TempDir,
}

struct Node {
    folder: Folder,
    site: Site,
    wake: Arc<Notify>,
    peers: Option<Peers>,
}

pub fn name(text: &str) -> NodeName {
    NodeName::parse(text).expect("valid")
}

/// Waits for a condition.
pub async fn eventually(limit: Duration, condition: impl Fn() -> bool) {
    let waited = tokio::time::timeout(limit, async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    waited.await.expect("the condition came true in time");
}

impl Federation {
    /// Ningbo is the root authority and has admitted yinzhou and haishu; none is started.
    pub fn new() -> Self {
        let home = tempfile::tempdir().expect("a folder");
        let mut federation = Self { nodes: BTreeMap::new(), home };
        for (node, division) in [("ningbo", "330200"), ("yinzhou", "330212"), ("haishu", "330203")]
        {
            federation.add(node, division);
        }
        let ningbo = &federation.nodes["ningbo"];
        lianshi_node::cli::member::admit_self(&ningbo.folder, &ningbo.site).expect("itself");
        for node in ["yinzhou", "haishu"] {
            let application = federation.nodes[node].folder.application();
            members::admit(&ningbo.site, &Actor::node(), &application).expect("admitted");
        }
        federation
    }

    pub fn add(&mut self, node: &str, division: &str) {
        let free = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound");
        let peer = format!("/ip4/127.0.0.1/tcp/{}", free.port());
        let config = Config {
            node: name(node),
            name: Texts { zh: "节点".to_owned(), en: node.to_owned() },
            division: DivisionCode::parse(division).expect("valid"),
            level: if node == "ningbo" { "city" } else { "district" }.to_owned(),
            generation: 1,
            database: String::new(),
            listen: "127.0.0.1:0".to_owned(),
            listen_ops: "127.0.0.1:0".to_owned(),
            listen_peer: peer.clone(),
            public_url: "http://127.0.0.1:1".to_owned(),
            peer_addresses: vec![peer],
            second_factor: SecondFactorRule::Required,
            proxies: Proxies::default(),
            mail: None,
            webhooks: Vec::new(),
        };
        let charter = match self.nodes.get("ningbo") {
            Some(root) => CharterSource::Join(root.folder.charter.clone()),
            None => CharterSource::Found(FederationDomain::parse("ningbo.example").expect("valid")),
        };
        let path = self.home.path().join(node);
        let folder = Folder::init(&path, config, charter).expect("a fresh folder");
        let wake = Arc::new(Notify::new());
        let nudge = Arc::clone(&wake);
        let site = folder.site(Arc::new(move || nudge.notify_waiters())).expect("a database");
        self.nodes.insert(node.to_owned(), Node { folder, site, wake, peers: None });
    }

    /// Lets the root authority admit a node that was added.
    pub fn admit(&self, node: &str) {
        let application = self.nodes[node].folder.application();
        members::admit(self.site("ningbo"), &Actor::node(), &application).expect("admitted");
    }

    /// From now on a node signs with another log key than the one it was admitted with.
    pub fn change_log_key(&mut self, node: &str) {
        let node = self.nodes.get_mut(node).expect("a node");
        node.site.log_key = KeyPair::from_seed([77; 32]);
    }

    /// Links a member that answers as the test likes; it lives as long as what is returned.
    pub async fn start_false(&self, node: &str, serve: Serve) -> (NetHandle, Links) {
        let folder = &self.nodes[node].folder;
        let listen = Listen::at(&folder.config.listen_peer);
        let (net, links) = net::start(&folder.keys.identity, &listen, serve).expect("started");
        let root = &self.nodes["ningbo"].folder;
        net.set_peers(vec![Peer {
            node: name("ningbo"),
            identity_key: root.keys.identity.public(),
            addresses: root.config.peer_addresses.clone(),
            kept: true,
        }])
        .await;
        (net, links)
    }

    /// Waits until what a peer gave was refused with a code.
    pub async fn refused(&self, limit: Duration, peer: &str, code: &str) {
        let refused = tokio::time::timeout(limit, async {
            while !self.has_refused(peer, code).await {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        refused.await.unwrap_or_else(|_| panic!("{peer} was not refused with {code}"));
    }

    /// Whether it was, by the counters of this process.
    async fn has_refused(&self, peer: &str, code: &str) -> bool {
        let site = self.site("ningbo").clone();
        let watch = ops::Watch::start(site.clone()).expect("a thread");
        let app = App::new().configure(|config| ops::configure(config, site, watch));
        let app = actix_web::test::init_service(app).await;
        let asked = actix_web::test::TestRequest::get().uri("/metrics").to_request();
        let text = actix_web::test::call_and_read_body(&app, asked).await;
        let text = String::from_utf8(text.to_vec()).expect("text");
        text.lines().any(|line| {
            line.starts_with("peer_refusals_total{")
                && line.contains(&format!("peer=\"{peer}\""))
                && line.contains(&format!("code=\"{code}\""))
        })
    }

    pub async fn start(&mut self, node: &str) {
        let peers = self.start_again(node).await.expect("started");
        self.nodes.get_mut(node).expect("a node").peers = Some(peers);
    }

    pub async fn start_again(&self, node: &str) -> anyhow::Result<Peers> {
        let node = &self.nodes[node];
        let letters: Letters = Arc::new(|from, kind, bytes| {
            if kind == "market.message" {
                let text = String::from_utf8_lossy(&bytes);
                Ok(format!("{from} {kind} {text}").into_bytes())
            } else {
                Err("no such room".to_owned())
            }
        });
        let inbound = Inbound { letters, connections: PEERS_MAX };
        peer::start(&node.folder, &node.site, Arc::clone(&node.wake), inbound).await
    }

    pub async fn stop(&mut self, node: &str) {
        let peers = self.nodes.get_mut(node).expect("a node").peers.take();
        peers.expect("started").stop().await;
    }

    pub fn net(&self, node: &str) -> NetHandle {
        self.nodes[node].peers.as_ref().expect("started").net.clone()
    }

    pub fn site(&self, node: &str) -> &Site {
        &self.nodes[node].site
    }

    /// Appends organizations to a node's log as a command beside the serving process does.
    pub fn publish(&self, node: &str, count: u64) {
        let site = self.nodes[node].folder.command_site().expect("opened");
        site.db
            .write(|write| {
                log::create_own(write, &site)?;
                let from = log::head(&mut write.as_read(), &site.origin)?.expect("own").size;
                let entries: Vec<Entry> = (from..from + count).map(|n| entry(&site, n)).collect();
                log::append(write, &site.origin, &entries, site.now())
            })
            .expect("appended");
    }

    /// Entries of a log that a node holds under a signed head.
    pub fn size_at(&self, node: &str, of: &str) -> u64 {
        self.head(node, of).map_or(0, |head| head.checkpoint_size)
    }

    pub fn confirmed_at(&self, node: &str, of: &str) -> Option<Timestamp> {
        self.head(node, of).expect("held").confirmed_at
    }

    fn head(&self, node: &str, of: &str) -> Option<log::Head> {
        let origin = &self.nodes[of].site.origin;
        self.nodes[node].site.db.read(|read| log::head(read, origin)).expect("read")
    }

    pub fn all_hold_the_same(&self, logs: usize) -> bool {
        let heads = |node: &Node| -> Vec<(String, u64, Vec<u8>)> {
            let heads = node.site.db.read(log::heads).expect("read");
            let part = |head: log::Head| {
                let root = head.root.bytes().to_vec();
                (head.origin.to_string(), head.checkpoint_size, root)
            };
            heads.into_iter().filter(|head| !head.checkpoint.is_empty()).map(part).collect()
        };
        let all: Vec<_> = self.nodes.values().map(heads).collect();
        all.iter().all(|heads| *heads == all[0]) && all[0].len() == logs
    }

    pub fn digest(&self, node: &str) -> Vec<u8> {
        let digest = self.nodes[node].site.db.read(catalog::digest).expect("read");
        digest.to_vec()
    }

    pub fn status_at(&self, node: &str, of: &str) -> &'static str {
        let member = self.nodes[node].site.db.read(|read| members::by_node(read, &name(of)));
        member.expect("read").map_or("unknown", |member| member.status().as_str())
    }
}

fn entry(site: &Site, number: u64) -> Entry {
    let organization = Organization {
        uscc: uscc::complete(&format!("91{}{number:09}", site.division)).expect("digits"),
        name: Texts { zh: "示例单位".to_owned(), en: "Example unit".to_owned() },
        kind: OrganizationKind::Provider,
        division: site.division.clone(),
    };
    Entry {
        at: site.now(),
        by: site.node.to_string(),
        fact: Fact::OrganizationListed(organization),
    }
}
