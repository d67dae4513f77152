//! The program `readproctitle`.

fn main() -> dt_cli::Exit {
    dt_cli::program(readproctitle::run)
}
