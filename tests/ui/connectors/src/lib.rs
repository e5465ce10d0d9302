//! The cases are in the folder beside this one.
