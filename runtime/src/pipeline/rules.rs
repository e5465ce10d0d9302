//! What must hold of a pipeline as a whole. `pipeline!` says most of it when it compiles; a pipeline that is written by
//! hand is told when it starts.

use super::{KeyedPlan, Plan};
use crate::Result;
use crate::error::{Error, Kind};
use crate::operator::input::Policy;
use crate::sink::Mode;

impl Plan {
    /// Whether groups end when they must and the output mode fits.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub(crate) fn check(&self) -> Result<()> {
        let names = self.keyed.iter().map(|keyed| keyed.spec.name.as_str());
        for (at, name) in names.clone().enumerate() {
            if names.clone().take(at).any(|earlier| earlier == name) {
                return Err(wrong(
                    format!("two keyed stages are named `{name}`: their state could not be told apart"),
                    "end one of the two `group_by` in `name \"..\"`",
                ));
            }
        }
        let mode = self.mode;
        match self.keyed.len() {
            0 if mode != Mode::Append => {
                let message = format!("mode {mode} needs a keyed stage: rows that are not in groups do not change");
                return Err(wrong(message, "take the mode away: append is the default"));
            }
            2.. if mode != Mode::Append => {
                let message = format!("mode {mode} needs a single keyed stage, there are {}", self.keyed.len());
                return Err(wrong(message, "take the mode away: append is the default"));
            }
            _ => {}
        }
        self.keyed.iter().try_for_each(|keyed| self.ends(keyed))
    }

    fn ends(&self, KeyedPlan { spec, .. }: &KeyedPlan) -> Result<()> {
        let (mode, name) = (self.mode, &spec.name);
        let never_late = mode == Mode::Complete || spec.window.is_endless();
        if mode == Mode::Append && spec.window.is_endless() {
            return Err(wrong(
                format!("the groups of `{name}` never end, so append mode can never emit them"),
                "use mode update or complete, or give them a window or a time to live",
            ));
        }
        if mode == Mode::Complete && spec.window.has_ttl() {
            return Err(wrong(
                format!("mode complete keeps every group, and `{name}` has a time to live"),
                "use `WindowSpec::never()`, or mode update",
            ));
        }
        if self.watermark.is_none() && !never_late {
            return Err(wrong(
                format!("the groups of `{name}` never end: there is no watermark"),
                "add a watermark before them",
            ));
        }
        if self.late != Policy::Skip && never_late {
            return Err(wrong(
                format!("there is a policy for rows that come too late for `{name}`, but none can"),
                "take it away",
            ));
        }
        Ok(())
    }
}

fn wrong(message: String, help: &str) -> Error {
    Error::new(Kind::Config, message).help(help)
}
