//! The program that the crash tests kill.

fn main() {}
