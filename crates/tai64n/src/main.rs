//! The program `tai64n`.

fn main() -> dt_cli::Exit {
    dt_cli::program(tai64n::run)
}
