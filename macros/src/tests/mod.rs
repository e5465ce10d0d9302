//! Tests on tokens only.
