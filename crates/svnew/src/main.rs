//! The program `svnew`.

fn main() -> dt_cli::Exit {
    dt_cli::program(svnew::run)
}
