//! The program `svscanctl`.

fn main() -> dt_cli::Exit {
    dt_cli::program(svscanctl::run)
}
