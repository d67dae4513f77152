//! The program `setuser`.

fn main() -> dt_cli::Exit {
    dt_cli::program(setuser::run)
}
