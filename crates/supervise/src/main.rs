//! The program `supervise`.

fn main() -> dt_cli::Exit {
    dt_cli::program(supervise::run)
}
