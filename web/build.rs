//! Texts, templates and assets are compiled in: a new file among them must make a new build.

fn main() {
    for folder in ["locales", "templates", "assets"] {
        println!("cargo:rerun-if-changed={folder}");
    }
}
