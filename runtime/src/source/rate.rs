//! x
/// x
pub fn rate() {}
