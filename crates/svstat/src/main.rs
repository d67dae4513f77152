//! The program `svstat`.

fn main() -> dt_cli::Exit {
    dt_cli::program(svstat::run)
}
