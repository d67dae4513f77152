//! The program `svwait`.

fn main() -> dt_cli::Exit {
    dt_cli::program(svwait::run)
}
