//! The program `envuidgid`.

fn main() -> dt_cli::Exit {
    dt_cli::program(envuidgid::run)
}
