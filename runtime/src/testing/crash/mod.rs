//! `Pipeline::crash_test()`: whether a pipeline loses or doubles a row, wherever its process dies.
//!
//! ```
//! use millstream::prelude::*;
//!
//! # fn main() -> millstream::Result<()> {
//! let pipeline = pipeline! {
//!     from memory(["one", "two", "three", "four"])
//!     | decode text
//!     | select { line, letters = line.len() as u64 }
//!     | sink parquet("out/lines", partition_by = [letters])
//! };
//! let pipeline = pipeline.checkpoint("out/_checkpoint").max_rows_per_epoch(2);
//!
//! let report = pipeline.crash_test().run()?;
//! assert_eq!(report.rows, 4);
//! assert!(report.deaths > 100);
//! # Ok(()) }
//! ```
//!
//! The pipeline is the one that is run in earnest: nothing in it is changed for the test, and nothing of it gets outside. Its
//! folders are on a disk in memory, `s3://`, `gs://` and `az://` are buckets in memory, and what its sink would deliver is
//! kept instead. Below them is all of millstream's own code, down to the single call of the system or request to the
//! service. Those that leave something behind are counted: a folder made, a file made, written to, synced, linked, renamed or
//! removed, a folder synced; an object put, copied or deleted; an epoch delivered.
//!
//! The pipeline is run once to its end. Then, for every call, it is run on an empty machine until it dies *before* that call,
//! and again until it dies *after* it with the answer lost, and for every write until it dies with *half* of it written. With a
//! checkpoint in a bucket, where there are no locks, it is also *frozen* before the call, and goes on after another instance has
//! taken over and ended. Each time the pipeline is then started again and runs to its end. What has to hold:
//!
//! * When it dies, each file in an output is named by a commit, and is whole: its length and checksum are those of the commit. As
//!   this is looked at after every call, it is what a reader sees at any moment.
//! * The next start succeeds.
//! * At the end all files of all commits are there, none besides, nothing is staged, and their rows are those of the run that
//!   did not die, each as often. An epoch that was delivered twice had the same token and the same rows both times.
//!
//! With [`storms`](CrashTest::storms) the pipeline is besides run as it is in earnest, in simulated time: with all its workers, the
//! next epoch computed while one is committed, several requests on their way at once. Each call takes the time that a seed says,
//! and whose turn it is when several could go on is drawn by lot from it, so that the same seed is the same run.
//!
//! A test that fails says which deaths it was, one after the other, and the same test fails at the same place again.
//!
//! # What it needs
//!
//! A checkpoint; an input that can be read again and again and ends, by itself or by the trigger `AvailableNow`; and expressions
//! whose results are the same each time. Epochs have to be cut at the same places: use `max_rows_per_epoch` with windows, since
//! which rows are late depends on it. But in storms the run is one worker's, and each epoch is published before the next one is
//! computed; and data is synced (`Durability::PowerLoss`), whatever the pipeline's options say. A source that waits for something
//! outside, such as `kinesis`, is read in real time, and then a seed does not say everything. A small input is enough: the number of runs is
//! three times that of the calls, about 25 for each epoch.

mod outcome;
mod rows;
mod search;
mod storm;
#[cfg(test)]
mod tests;

use std::fmt;

use crate::pipeline::options::Trigger;
use crate::{Error, Pipeline, Result, error::Kind};

/// A crash test of a pipeline; made by [`Pipeline::crash_test`]. See the [module](self).
#[must_use = "nothing is tested before `run()`"]
#[derive(Clone)]
pub struct CrashTest {
    pub(super) pipeline: Pipeline,
    pub(super) before: Option<Pipeline>,
    pub(super) deaths: u32,
    pub(super) power_cuts: u64,
    pub(super) storms: u64,
    pub(super) share: u64,
    pub(super) seed: u64,
}

/// What a crash test came to, if nothing was lost or doubled.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Rows of the output, each time.
    pub rows: u64,
    /// Calls of the run that did not die.
    pub calls: u64,
    /// Runs that died.
    pub deaths: u64,
    /// Of these and of those that had died before them, disks that lost what was not synced.
    pub power_cuts: u64,
    /// Runs that were frozen, and went on after another instance had taken over.
    pub frozen: u64,
    /// Storms.
    pub storms: u64,
    /// Of these, such with two instances at once.
    pub rivals: u64,
    /// Runs that were to die at a call that they did not make, and ended well: the source has cut its epochs at other places.
    pub missed: u64,
    /// Starts, over all.
    pub starts: u64,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rows, calls, deaths, power_cuts, frozen, storms, rivals, missed, starts } = self;
        write!(
            f,
            "{calls} calls, {deaths} deaths, {power_cuts} power cuts, {frozen} frozen, {storms} storms ({rivals} with two instances), {missed} missed; {starts} starts, {rows} \
             rows each time"
        )
    }
}

impl Pipeline {
    /// A test whether this pipeline loses or doubles a row, wherever its process dies; see
    /// [`testing::crash`](crate::testing::crash).
    pub fn crash_test(&self) -> CrashTest {
        CrashTest { pipeline: self.clone(), before: None, deaths: 1, power_cuts: 0, storms: 0, share: 1, seed: 0 }
    }
}

impl CrashTest {
    /// How many processes die, each while it recovers from the death of the one before; 1 by default. Every call of every one
    /// of them is tried, so the number of runs is taken to this power: use [`share`](Self::share) with more than one.
    pub fn deaths(mut self, in_a_row: u32) -> Self {
        self.deaths = in_a_row.max(1);
        self
    }

    /// Runs `pipeline` first, to the end that its trigger says, such as `Once`: an earlier version of the tested one, with the
    /// same checkpoint. What is tested is then how the new one takes over its state, from the first call on.
    pub fn after(mut self, pipeline: &Pipeline) -> Self {
        self.before = Some(pipeline.clone());
        self
    }

    /// How often, after each death, the power fails too; 0 by default. Each time the disk keeps another part of what is not
    /// synced: of contents some blocks, of names that were given or taken some. Buckets keep everything.
    pub fn power_cuts(mut self, each: u64) -> Self {
        self.power_cuts = each;
        self
    }

    /// How often the pipeline is also run as in earnest, in simulated time and bad weather; 0 by default. Calls take their time, some
    /// very long; the service is busy (503), connections are lost before a request, after it was carried out, and with it on its
    /// way, so that it is carried out later; names are about to be taken by others (409), listings do not show the last object.
    /// Up to three processes die at random calls, each while it recovers; with [`power_cuts`](Self::power_cuts) the power may fail,
    /// too; with a checkpoint in a bucket another instance may be started meanwhile. The last one ends in the same weather.
    pub fn storms(mut self, storms: u64) -> Self {
        self.storms = storms;
        self
    }

    /// Tries only one of so many calls, at each death; all by default. [`seed`](Self::seed) says which.
    pub fn share(mut self, one_of: u64) -> Self {
        self.share = one_of.max(1);
        self
    }

    /// Chooses among the shares, and what the disk keeps; 0 by default. The same seed is the same test.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Runs the test.
    ///
    /// # Errors
    /// The pipeline cannot be tested so ([`Kind::Config`]); or it fails without a crash, and this is its error; or a row was lost
    /// or doubled, a reader saw what it should not, or a start failed ([`Kind::Internal`]).
    pub fn run(self) -> Result<Report> {
        self.check()?;
        search::run(&self)
    }

    fn check(&self) -> Result<()> {
        let wrong = |what: &str, help: &str| Err(Error::new(Kind::Config, format!("crash test: {what}")).help(help));
        let (plan, options) = (&self.pipeline.plan, &self.pipeline.options);
        plan.check()?;
        if options.checkpoint.as_ref().and_then(|checkpoint| checkpoint.place()).is_none() {
            return wrong(
                "the pipeline has no checkpoint, so nothing is promised",
                "add `.checkpoint(\"out/_checkpoint\")`",
            );
        }
        let source = plan.source.describe();
        if !source.replayable {
            return wrong("the source cannot be read again", "take one that can be, such as `memory` or `file`");
        }
        if options.trigger == Trigger::Once || !(source.finite || options.trigger == Trigger::AvailableNow) {
            return wrong(
                "the pipeline has to read its input to the end, and does not end by itself",
                "add `.trigger(Trigger::AvailableNow)`",
            );
        }
        Ok(())
    }
}
