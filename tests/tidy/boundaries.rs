//! Rooms that must not know each other, proved on the resolved dependency graph.

use std::process::Command;

/// Packages a pure crate may never reach, in any way.
const IMPURE: [&str; 6] = ["diesel", "tokio", "actix-web", "libp2p", "getrandom", "rand"];

/// Whether `package` reaches `dependency` through normal dependencies.
fn reaches(package: &str, dependency: &str) -> bool {
    let output = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--locked",
            "--offline",
            "-e",
            "normal",
            "-p",
            package,
            "--prefix",
            "none",
            "-f",
            "{p}",
        ])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .output()
        .expect("cargo tree runs");
    assert!(
        output.status.success(),
        "cargo tree failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let listed = String::from_utf8_lossy(&output.stdout);
    assert!(listed.starts_with(package), "cargo tree described something else:\n{listed}");
    listed.lines().any(|line| line.split(' ').next() == Some(dependency))
}

#[test]
fn the_check_sees_a_dependency_that_is_there() {
    assert!(reaches("lianshi-store", "diesel"), "positive control: the store uses diesel");
    assert!(reaches("lianshi-node", "libp2p"), "positive control: the node uses libp2p");
    assert!(
        reaches("lianshi-market", "lianshi-registry"),
        "positive control: the market knows the registry"
    );
}

#[test]
fn pure_crates_know_no_machine() {
    for package in ["lianshi-registry", "lianshi-governance", "lianshi-market"] {
        for dependency in IMPURE {
            assert!(!reaches(package, dependency), "{package} reaches {dependency}");
        }
    }
}

#[test]
fn rooms_know_only_what_the_map_allows() {
    let never = [
        ("lianshi-registry", "lianshi-governance"),
        ("lianshi-registry", "lianshi-market"),
        ("lianshi-governance", "lianshi-market"),
        ("lianshi-market", "lianshi-governance"),
        ("lianshi-store", "lianshi-web"),
        ("lianshi-store", "lianshi-gateway"),
        ("lianshi-store", "actix-web"),
        ("lianshi-store", "libp2p"),
        ("lianshi-gateway", "lianshi-web"),
        ("lianshi-gateway", "libp2p"),
        ("lianshi-routes", "lianshi-web"),
        ("lianshi-routes", "lianshi-gateway"),
        ("lianshi-web", "lianshi-gateway"),
        ("lianshi-web", "libp2p"),
    ];
    for (package, dependency) in never {
        assert!(!reaches(package, dependency), "{package} reaches {dependency}");
    }
}

/// Diesel is reached by `web`, `gateway` and `node` through the store only: none names it itself.
#[test]
fn only_the_store_names_diesel() {
    for package in ["gateway", "routes", "web", "node", "registry", "governance", "market"] {
        let manifest = format!("{}/../{package}/Cargo.toml", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(&manifest).expect("the manifest");
        assert!(!text.contains("diesel"), "{package} names diesel");
    }
}
