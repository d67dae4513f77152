//! The program `softlimit`.

fn main() -> dt_cli::Exit {
    dt_cli::program(softlimit::run)
}
