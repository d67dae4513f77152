//! The program `setlock`.

fn main() -> dt_cli::Exit {
    dt_cli::program(setlock::run)
}
