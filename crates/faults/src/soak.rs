//! Many services for a long time.
use clap::Args;
use crate::kit::Outcome;
/// How much of it.
#[derive(Args)]
pub struct Plan {
    /// How many services, each with a log
    #[arg(long, default_value_t = 200)]
    services: usize,
}
pub fn run(_: &Plan) -> Outcome<bool> { Ok(true) }
