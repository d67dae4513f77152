//! The program `envini`.

fn main() -> dt_cli::Exit {
    dt_cli::program(envini::run)
}
