//! The program `multilog`.

fn main() -> dt_cli::Exit {
    dt_cli::program(multilog::run)
}
