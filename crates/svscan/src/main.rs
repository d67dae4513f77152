//! The program `svscan`.

fn main() -> dt_cli::Exit {
    dt_cli::program(svscan::run)
}
