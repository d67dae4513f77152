//! The program `envdir`.

fn main() -> dt_cli::Exit {
    dt_cli::program(envdir::run)
}
