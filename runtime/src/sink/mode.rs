//! Output modes: which groups of an `agg` reach the sink, and when.

use super::Sink;

/// A sink that takes output in mode `M`.
///
/// It is a promise of the sink's author: what a sink that takes [`Update`] or [`Complete`] gets of an epoch are newer
/// values of groups that it may have got before.
#[diagnostic::on_unimplemented(
    message = "the sink `{Self}` does not take this `mode`",
    label = "this sink takes other modes",
    note = "files take `mode = append` only, since a row once written is not changed: take `mode = ..` away, and end groups by a window or by `ttl 1h`",
    note = "`console`, `collect`, `foreach` and `foreach_batch` take every mode; a sink of your own says what it takes by `impl Accepts<Append> for ..`"
)]
pub trait Accepts<M>: Sink {}

/// `mode = append`: a row is final when it is written. The default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Append;
/// `mode = update`: after every epoch the groups that changed in it, with their present values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Update;
/// `mode = complete`: after every epoch all groups that there ever were, with their present values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Complete;

/// One of [`Append`], [`Update`] and [`Complete`], as a type.
pub trait OutputMode {
    /// The same, as a value.
    const MODE: Mode;
}

impl OutputMode for Append {
    const MODE: Mode = Mode::Append;
}
impl OutputMode for Update {
    const MODE: Mode = Mode::Update;
}
impl OutputMode for Complete {
    const MODE: Mode = Mode::Complete;
}

/// Which groups reach the sink, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// A group once, when it has ended.
    #[default]
    Append,
    /// A group after every epoch in which it changed.
    Update,
    /// Every group after every epoch. None of them ever ends.
    Complete,
}

impl std::fmt::Display for Mode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Append => "append",
            Self::Update => "update",
            Self::Complete => "complete",
        })
    }
}
