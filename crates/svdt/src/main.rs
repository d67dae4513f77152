//! The program `svdt`.

fn main() -> dt_cli::Exit {
    dt_cli::program(svdt::run)
}
