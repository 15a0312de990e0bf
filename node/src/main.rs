//! `lianshi`: see [`lianshi_node::cli`].

fn main() -> std::process::ExitCode {
    lianshi_node::cli::main()
}
