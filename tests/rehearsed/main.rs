//! `lianshi`, built so that a rehearsal can end it at a named point.

fn main() -> std::process::ExitCode {
    lianshi_node::cli::main()
}
