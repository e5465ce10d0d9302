//! `Pipeline::test()`: a pipeline in a unit test, without threads, files, network or sleeping.

use std::time::Duration;

use arrow::array::RecordBatch;

use crate::error::{Error, Kind};
use crate::operator::chain::{Chain, EpochPlan, Output};
use crate::operator::dead_letters::DeadLetter;
use crate::operator::input::Counts;
use crate::operator::pulse::Pulse;
use crate::pipeline::Plan;
use crate::schema::StreamSchema;
use crate::schema::batch::read_rows;
use crate::time::Timestamp;
use crate::{Pipeline, Result};

/// A pipeline under test: push records, end epochs, look at rows. Made by [`Pipeline::test`].
///
/// What the pipeline's source and sink would do is left out; everything between them runs as it always does.
pub struct TestRun {
    plan: Plan,
    chain: Chain,
    pushed: u64,
    epoch: u64,
    clock: Timestamp,
    max_future_skew: Duration,
    latest: Option<Timestamp>,
    watermark: Option<Timestamp>,
    counts: Counts,
    rows: Vec<RecordBatch>,
    dead_letters: Vec<DeadLetter>,
}

impl Pipeline {
    /// A run of this pipeline in a unit test. Its clock stands at 2026-01-01T00:00:00Z until it is advanced.
    #[must_use]
    pub fn test(&self) -> TestRun {
        TestRun {
            chain: (self.plan.chain)(),
            plan: self.plan.clone(),
            pushed: 0,
            epoch: 1,
            clock: Timestamp::parse_rfc3339("2026-01-01T00:00:00Z").unwrap_or_default(),
            max_future_skew: self.options.max_future_skew,
            latest: None,
            watermark: None,
            counts: Counts::default(),
            rows: Vec::new(),
            dead_letters: Vec::new(),
        }
    }
}

impl TestRun {
    /// Pushes records, as the source would give them: for `decode json` each is a JSON text.
    ///
    /// # Errors
    /// The pipeline is not sound; a record cannot be decoded, or a row is late, and the policy is `fail`; or the source does not support tests.
    pub fn push<T: Into<Vec<u8>>>(&mut self, records: impl IntoIterator<Item = T>) -> Result<&mut Self> {
        self.plan.check()?;
        let records: Vec<Vec<u8>> = records.into_iter().map(Into::into).collect();
        let count = records.len() as u64;
        let Some(chunk) = self.plan.source.test_chunk(records, self.pushed) else {
            let kind = self.plan.source.describe().kind;
            return Err(Error::new(
                Kind::Config,
                format!("the source `{kind}` cannot be stood in for by pushed records"),
            )
            .help("implement `Source::test_meta` for it, or test on the source `memory`"));
        };
        self.pushed += count;
        let plan = self.epoch_plan();
        let report = self.chain.map.chunk(&chunk, &plan, &mut self.dead_letters, &Pulse::default())?;
        self.counts += report.counts;
        self.latest = self.latest.max(report.max_event_time);
        Ok(self)
    }

    /// Ends the epoch: moves the watermark, ends groups, gives on what the output mode says. Records pushed from now on are judged by the new watermark.
    ///
    /// # Errors
    /// An aggregate's result cannot be represented.
    pub fn end_epoch(&mut self) -> Result<&mut Self> {
        let reached = self.plan.watermark.and_then(|delay| self.latest.map(|latest| latest - delay));
        self.close(self.watermark.max(reached))
    }

    /// Ends the input: closes every window.
    ///
    /// # Errors
    /// As [`Self::end_epoch`].
    pub fn end(&mut self) -> Result<&mut Self> {
        self.close(Some(Timestamp::MAX))
    }

    /// Moves the clock, which decides which event times are too far in the future to move the watermark.
    pub fn advance(&mut self, by: Duration) -> &mut Self {
        self.clock = self.clock + by;
        self
    }

    /// Takes the rows that have reached the sink, as rows of `T`.
    ///
    /// # Errors
    /// `T` has other columns.
    pub fn rows<T: StreamSchema>(&mut self) -> Result<Vec<T>> {
        read_rows::<T>(&self.batches())
    }

    /// Takes the rows that have reached the sink, as record batches.
    pub fn batches(&mut self) -> Vec<RecordBatch> {
        std::mem::take(&mut self.rows)
    }

    /// Counts of the rows so far, late ones included once their epoch has ended.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Takes the records that went to the dead letters, those of late rows included.
    pub fn dead_letters(&mut self) -> Vec<DeadLetter> {
        std::mem::take(&mut self.dead_letters)
    }

    /// Where the watermark stands.
    #[must_use]
    pub fn watermark(&self) -> Option<Timestamp> {
        self.watermark
    }

    fn epoch_plan(&self) -> EpochPlan {
        let horizon = self.clock + self.max_future_skew;
        EpochPlan { epoch: self.epoch, watermark: self.watermark, batch_time: self.clock, horizon }
    }

    fn close(&mut self, watermark: Option<Timestamp>) -> Result<&mut Self> {
        let plan = self.epoch_plan();
        let (mut output, late) = self.chain.map.seal(1)?;
        self.counts.late += late;
        for stage in &mut self.chain.keyed {
            if let Output::Parts(parts) = output {
                for part in parts {
                    stage.merge(part, watermark)?;
                }
            }
            (output, _) = stage.close(&plan, watermark, 1, &mut |rows| {
                self.rows.extend(rows);
                Ok(())
            })?;
        }
        if let Output::Rows(rows) = output {
            self.rows.extend(rows);
        }
        self.watermark = watermark;
        self.epoch += 1;
        Ok(self)
    }
}
