//! What is left word of that came of the wish to become the program installed now.

use dt_cli::version::VERSION;
use dt_os::file;
use dt_service::{Place, Word};

/// Leaves word that we are what is installed now, or why we are not.
///
/// For who has asked: where it cannot be written nothing else is worse for it.
pub(crate) fn leave(place: &Place, refusal: Option<&str>) {
    let word = Word {
        version: VERSION.to_owned(),
        refusal: refusal.map(str::to_owned),
    };
    let text = word.encode();
    let _ = file::replace(
        place.file("version"),
        place.file("version.new"),
        0o644,
        text.as_bytes(),
    );
}
