//! The program `svup`.

fn main() -> dt_cli::Exit {
    dt_cli::program(svup::run)
}
