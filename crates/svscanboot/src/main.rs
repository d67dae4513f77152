//! The program `svscanboot`.

fn main() -> dt_cli::Exit {
    dt_cli::program(svscanboot::run)
}
