//! The program `svok`.

fn main() -> dt_cli::Exit {
    dt_cli::program(svok::run)
}
