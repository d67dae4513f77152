//! The program `trycode`.

fn main() -> dt_cli::Exit {
    dt_cli::program(trycode::run)
}
