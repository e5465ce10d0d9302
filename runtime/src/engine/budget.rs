//! The budget of state: a warning at four fifths of it, an end after a commit when it is used up.
//!
//! State is counted where it changes, by group and not by row, and looked at once an epoch; an event pays nothing for it.

use indicatif::{BinaryBytes, HumanCount};

use super::commit::EpochWork;
use super::memory;
use crate::error::{Error, Kind};
use crate::observe::STATE;
use crate::pipeline::Plan;
use crate::pipeline::options::{Checkpoint, Options};
use crate::time::Timestamp;

/// The share of the memory that state may have unless the pipeline says otherwise, in percent. The rest is for the epochs at
/// hand, snapshots that are being written, and the system.
const SHARE: u64 = 70;
/// The bytes of state that a byte of payload is taken to make before an epoch has shown it: short records of many keys make that
/// much.
const UNSEEN: u64 = 64;
/// The same at least, whatever epochs show.
const MADE: u64 = 8;
/// The least payload that an epoch may have all the same.
const LEAST: usize = 1 << 20;

/// What state may use, and does.
pub(super) struct Budget {
    /// `None` where the system does not say how much memory there is, and the pipeline neither.
    bytes: Option<u64>,
    /// Whether the pipeline said it.
    given: bool,
    /// Whether it has a checkpoint.
    kept: bool,
    used: u64,
    /// The bytes of state that a byte of payload made of late, once there was an epoch.
    made: Option<u64>,
    warned: bool,
}

/// The state of one keyed stage.
struct Use<'a> {
    name: &'a str,
    keys: u64,
    bytes: u64,
    /// How many windows have groups, and when the oldest began; not known of state that is being read back.
    open: Option<(u64, Timestamp)>,
}

impl Use<'_> {
    /// What of its windows there is to be said to somebody who looks for the reason.
    fn windows(&self, watermark: Option<Timestamp>) -> String {
        let Some((windows, oldest)) = self.open else { return String::new() };
        let stands = match watermark {
            Some(watermark) => format!("the watermark stands at {watermark}"),
            None => "there is no watermark yet".to_owned(),
        };
        let (windows, are) = (HumanCount(windows), if windows == 1 { "window is" } else { "windows are" });
        format!(" ({windows} {are} open, the oldest since {oldest}; {stands})")
    }
}

impl Budget {
    pub(super) fn of(options: &Options) -> Self {
        let share = || memory::limit().map(|limit| limit / 100 * SHARE);
        Self {
            bytes: options.state_budget.or_else(share),
            given: options.state_budget.is_some(),
            kept: options.checkpoint.as_ref().is_some_and(|checkpoint| *checkpoint != Checkpoint::None),
            used: 0,
            made: None,
            warned: false,
        }
    }

    /// The bytes that state may take, if that is known.
    #[cfg(feature = "spill")]
    pub(super) fn bytes(&self) -> Option<u64> {
        self.bytes
    }

    /// The bytes of payload that the next epoch may have, of `most` that the pipeline allows: as much as makes half of the state
    /// that there is room for. So the last epoch does not go far beyond the budget, and the source is slowed down.
    pub(super) fn payload(&self, most: usize) -> usize {
        let Some(bytes) = self.bytes else { return most };
        let made = self.made.unwrap_or(UNSEEN);
        let left = usize::try_from(bytes.saturating_sub(self.used) / 2 / made).unwrap_or(usize::MAX);
        most.min(left.max(LEAST))
    }

    /// Takes in the state after an epoch, which is about to be committed. An error if it is over the budget: the run is to
    /// end after that commit.
    pub(super) fn epoch(&mut self, plan: &Plan, work: &EpochWork) -> Result<(), Error> {
        let (finished, epoch, before) = (&work.finished, work.plan.epoch, self.used);
        let state = plan.keyed.iter().enumerate().map(|(stage, keyed)| {
            let of_stage = finished.iter().filter_map(|finished| finished.state.get(stage));
            let (keys, bytes) = of_stage.fold((0, 0), |(keys, bytes), of| (keys + of.keys, bytes + of.bytes));
            // Every worker has some groups of most windows.
            let open = finished.iter().filter_map(|finished| finished.state.get(stage)?.open);
            let open = open.reduce(|one, other| (one.0.max(other.0), one.1.min(other.1)));
            Use { name: &keyed.spec.name, keys, bytes, open }
        });
        let state: Vec<Use<'_>> = state.collect();
        let then = if self.kept {
            format!("epoch {epoch} is committed, and the next start goes on after it")
        } else {
            "without a checkpoint nothing is kept, and the next start begins anew".to_owned()
        };
        let within = self.take(&state, work.watermark, &then);
        // What went to disk was made as well.
        let evicted: u64 = finished.iter().flat_map(|finished| &finished.state).map(|of| of.evicted).sum();
        // Where so little was read that it says nothing, nothing is concluded.
        if work.bytes >= LEAST as u64 / 16 {
            let made = (self.used + evicted).saturating_sub(before).div_ceil(work.bytes);
            // What was once is forgotten by and by: a quarter of it with each epoch.
            self.made = Some(made.max(MADE).max(self.made.unwrap_or(0) / 4 * 3));
        }
        within
    }

    /// Takes in state that is being read back from the checkpoint, before there is more of it than fits.
    #[cfg(feature = "parquet")]
    pub(super) fn restored(&mut self, plan: &Plan, stages: &[[u64; 3]]) -> Result<(), Error> {
        let named = plan.keyed.iter().zip(stages);
        let state = named.map(|(keyed, &[keys, bytes, _])| Use { name: &keyed.spec.name, keys, bytes, open: None });
        self.take(
            &state.collect::<Vec<_>>(),
            None,
            "that is the state in the checkpoint, as far as it was read; nothing was changed",
        )
    }

    fn take(&mut self, state: &[Use<'_>], watermark: Option<Timestamp>, then: &str) -> Result<(), Error> {
        self.used = state.iter().map(|of| of.bytes).sum();
        let (Some(budget), Some(largest)) = (self.bytes, state.iter().max_by_key(|of| of.bytes)) else { return Ok(()) };
        let Use { name, keys, bytes, .. } = *largest;
        if self.used > budget {
            return Err(self.over(budget, (largest, watermark), then));
        }
        if self.used > budget / 5 * 4 && !self.warned {
            let message =
                "state has used four fifths of its budget; when it is used up the pipeline ends after a commit";
            tracing::warn!(target: STATE, operator = name, keys, bytes, used = self.used, budget, message);
        }
        // Once, until there is much less again.
        self.warned = self.used > budget / 5 * if self.warned { 3 } else { 4 };
        Ok(())
    }

    fn over(&self, budget: u64, (largest, watermark): (&Use<'_>, Option<Timestamp>), then: &str) -> Error {
        let Use { name, keys, bytes, .. } = *largest;
        let windows = largest.windows(watermark);
        let others = match self.used - bytes {
            0 => String::new(),
            others => format!(" and {} of other stages", BinaryBytes(others)),
        };
        let whose = if self.given { "" } else { ", 70 % of the memory that this process may have" };
        let message = format!(
            "the state of `{name}`, {} keys in {}{windows}{others}, is over the budget of {}{whose}; {then}",
            HumanCount(keys),
            BinaryBytes(bytes),
            BinaryBytes(budget),
        );
        Error::new(Kind::StateBudget, message).help(
            "start it on a machine with more memory, or with a larger `.state_budget(..)` (`run --state-budget 8gib`), or with a \
             smaller delay of the watermark, so that windows close earlier; fewer keys, a shorter window or a `ttl` are another \
             pipeline, which begins with a fresh checkpoint",
        )
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn take(budget: &mut Budget, bytes: u64) -> Result<(), Error> {
        budget.take(&[Use { name: "a", keys: 1, bytes, open: None }], None, "so it is")
    }

    fn budget(bytes: u64) -> Budget {
        Budget::of(&Options { state_budget: Some(bytes), ..Options::default() })
    }

    #[test]
    fn epochs_are_smaller_the_less_is_left() {
        assert_eq!(budget(16 << 30).payload(64 << 20), 64 << 20);
        let mut of = budget(1 << 30);
        assert_eq!(of.payload(64 << 20), 8 << 20);
        of.made = Some(8);
        assert_eq!(of.payload(64 << 20), 64 << 20);
        take(&mut of, 1 << 29).unwrap();
        assert_eq!(of.payload(64 << 20), 32 << 20);
        take(&mut of, 1 << 30).unwrap();
        assert_eq!(of.payload(64 << 20), 1 << 20);
        assert_eq!(of.payload(1_000), 1_000);
    }

    #[test]
    fn it_warns_once_until_there_is_much_less() {
        let mut of = budget(100);
        let mut after = |bytes| {
            take(&mut of, bytes).unwrap();
            of.warned
        };
        assert_eq!(
            [70, 80, 81, 90, 70, 61, 60, 81].map(&mut after),
            [false, false, true, true, true, true, false, true]
        );
    }

    #[test]
    fn the_largest_stage_is_named() {
        let state = [("small", 5, 1 << 20), ("large", 1_234_567, 8 << 20)];
        let open = Some((61, Timestamp::from_micros(0)));
        let state = state.map(|(name, keys, bytes)| Use { name, keys, bytes, open });
        let at = Some(Timestamp::from_micros(5_000_000));
        let error = budget(3 << 20).take(&state, at, "so it is").unwrap_err();
        assert_eq!(error.kind(), Kind::StateBudget);
        assert_eq!(
            error.message(),
            "the state of `large`, 1,234,567 keys in 8.00 MiB (61 windows are open, the oldest since \
             1970-01-01T00:00:00Z; the watermark stands at 1970-01-01T00:00:05Z) and 1.00 MiB of other stages, is over the \
             budget of 3.00 MiB; so it is"
        );
    }

    #[test]
    fn without_an_option_it_is_a_share_of_the_memory() {
        let of = Budget::of(&Options::default());
        assert_eq!(of.bytes, memory::limit().map(|limit| limit / 100 * 70));
    }
}
