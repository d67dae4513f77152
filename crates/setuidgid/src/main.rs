//! The program `setuidgid`.

fn main() -> dt_cli::Exit {
    dt_cli::program(setuidgid::run)
}
