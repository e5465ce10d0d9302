//! Console.
/// Console.
pub fn console() {}
