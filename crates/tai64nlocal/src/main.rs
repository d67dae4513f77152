//! The program `tai64nlocal`.

fn main() -> dt_cli::Exit {
    dt_cli::program(tai64nlocal::run)
}
