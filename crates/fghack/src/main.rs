//! The program `fghack`.

fn main() -> dt_cli::Exit {
    dt_cli::program(fghack::run)
}
