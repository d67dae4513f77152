//! The program `pgrphack`.

fn main() -> dt_cli::Exit {
    dt_cli::program(pgrphack::run)
}
