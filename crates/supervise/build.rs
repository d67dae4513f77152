//! Links `supervise` so that it needs little memory.

#[path = "../../build/link.rs"]
mod link;

fn main() {
    link::link();
}
