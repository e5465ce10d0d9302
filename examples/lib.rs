//! What the examples share: nothing yet; each stands alone.
