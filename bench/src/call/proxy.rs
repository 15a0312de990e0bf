//! nginx as an operator would set it up in front of a service: kept-alive connections, no access
//! log, in a folder of its own.

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, bail};

/// Longest nginx may take to answer after its start, in steps of [`STEP_MS`].
const STEPS: u32 = 100;
const STEP_MS: u64 = 50;

/// A running nginx; it ends when dropped.
pub struct Nginx {
    child: Child,
    address: SocketAddr,
}

impl Nginx {
    /// Starts it in front of `upstream`.
    pub async fn start(folder: &Path, upstream: SocketAddr) -> anyhow::Result<Self> {
        // Bound and let go: nginx wants a number, and nobody else is likely to take it meanwhile.
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let prefix = folder.join("nginx");
        fs::create_dir_all(prefix.join("temp"))?;
        let configuration = prefix.join("nginx.conf");
        fs::write(&configuration, settings(&prefix, address, upstream))?;
        let child = Command::new("nginx")
            .arg("-p")
            .arg(&prefix)
            .arg("-e")
            .arg(prefix.join("error.log"))
            .arg("-c")
            .arg(&configuration)
            .stderr(Stdio::null())
            .spawn()
            .context("nginx is needed: apt install nginx")?;
        let started = Self { child, address };
        for _ in 0..STEPS {
            if std::net::TcpStream::connect(address).is_ok() {
                return Ok(started);
            }
            tokio::time::sleep(Duration::from_millis(STEP_MS)).await;
        }
        let log = fs::read_to_string(prefix.join("error.log")).unwrap_or_default();
        bail!("nginx did not start: {log}")
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Asked first, so that the master ends its workers; killed when there is nobody to ask
        // with.
        let pid = self.child.id().to_string();
        let asked = Command::new("kill").args(["-s", "QUIT", &pid]).status();
        if !asked.is_ok_and(|status| status.success()) {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

fn settings(prefix: &Path, address: SocketAddr, upstream: SocketAddr) -> String {
    let temp = prefix.join("temp");
    let temp = temp.display();
    format!(
        "daemon off;\n\
         worker_processes 2;\n\
         pid {pid};\n\
         events {{ worker_connections 1024; }}\n\
         http {{\n\
         \x20 access_log off;\n\
         \x20 client_body_temp_path {temp}/body;\n\
         \x20 proxy_temp_path {temp}/proxy;\n\
         \x20 fastcgi_temp_path {temp}/fastcgi;\n\
         \x20 uwsgi_temp_path {temp}/uwsgi;\n\
         \x20 scgi_temp_path {temp}/scgi;\n\
         \x20 keepalive_requests 1000000;\n\
         \x20 upstream service {{\n\
         \x20   server {upstream};\n\
         \x20   keepalive 128;\n\
         \x20   keepalive_requests 1000000;\n\
         \x20 }}\n\
         \x20 server {{\n\
         \x20   listen {address};\n\
         \x20   location / {{\n\
         \x20     proxy_pass http://service;\n\
         \x20     proxy_http_version 1.1;\n\
         \x20     proxy_set_header Connection \"\";\n\
         \x20   }}\n\
         \x20 }}\n\
         }}\n",
        pid = prefix.join("nginx.pid").display(),
    )
}
