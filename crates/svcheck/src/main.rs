//! `svcheck`: what will go wrong with a service directory.
fn main() -> dt_cli::Exit {
    dt_cli::program(svcheck::run)
}
