//! x
/// x
pub fn file() {}
