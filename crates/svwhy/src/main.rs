//! The program `svwhy`.

fn main() -> dt_cli::Exit {
    dt_cli::program(svwhy::run)
}
