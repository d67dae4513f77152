//! The program `svcheck`.

fn main() -> dt_cli::Exit {
    dt_cli::program(svcheck::run)
}
