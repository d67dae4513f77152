//! The program `svc`.

fn main() -> dt_cli::Exit {
    dt_cli::program(svc::run)
}
