//! Looking at the state in a checkpoint, for `state show` and `state dump`: at its last commit, without its lock, and without
//! writing anything. The pipeline may run meanwhile.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{Field, Int64Type, Schema};

use crate::Result;
use crate::checkpoint::restore::Reading;
use crate::checkpoint::{Commit, KEY_GROUPS, Log, OperatorFiles};
use crate::error::{Error, Kind};
use crate::operator::chain::KeyedSide;
use crate::operator::keyed::stripe_len;
use crate::operator::reduce::KeyedSpec;
use crate::operator::state_rows::OURS;
use crate::operator::window::Window;
use crate::pipeline::Plan;
use crate::schema::{Builder, Column};
use crate::store::{Durability, Place, Store};
use crate::time::Timestamp;

/// How often it is begun again when a running pipeline deletes what it no longer needs.
const ATTEMPTS: usize = 5;

/// The state after a commit.
pub(crate) struct State {
    pub epoch: u64,
    pub watermark: Option<Timestamp>,
    pub operators: Vec<Operator>,
}

/// The state of a keyed stage.
pub(crate) struct Operator {
    pub name: String,
    pub files: OperatorFiles,
    /// `None` if the pipeline has no stage of this name.
    pub groups: Option<Groups>,
}

/// The groups of a keyed stage.
pub(crate) struct Groups {
    spec: KeyedSpec,
    side: Box<dyn KeyedSide>,
}

/// Reads the state of the last commit; of one keyed stage only, if its name is given.
///
/// # Errors
/// There is no commit, or no such stage; a file is missing or corrupt; the pipeline is another one.
pub(crate) fn read(plan: &Plan, place: &Place, only: Option<&str>) -> Result<State> {
    let name = place.name()?;
    let nothing = || {
        Error::new(Kind::Config, format!("there is no checkpoint with a commit in `{name}`"))
            .help("give the folder or URL that the pipeline was run with; its first epoch has to be committed")
    };
    if matches!(place, Place::Local(root) if !root.is_dir()) {
        return Err(nothing());
    }
    let store = place.open(Durability::ProcessCrash)?;
    let mut commit = last_commit(&store)?.ok_or_else(nothing)?;
    for _ in 1..ATTEMPTS {
        match of_commit(plan, store.as_ref(), &commit, only) {
            Err(error) if error.kind() == Kind::Io => {
                let newer = last_commit(&store)?.ok_or_else(nothing)?;
                if newer.epoch == commit.epoch {
                    return Err(error);
                }
                commit = newer;
            }
            read => return read,
        }
    }
    of_commit(plan, store.as_ref(), &commit, only)
}

fn last_commit(store: &Arc<dyn Store>) -> Result<Option<Commit>> {
    Log::new(Arc::clone(store)).settled()
}

fn of_commit(plan: &Plan, store: &dyn Store, commit: &Commit, only: Option<&str>) -> Result<State> {
    if let Some(unknown) = only.filter(|only| !commit.operators.contains_key(*only)) {
        let known: Vec<String> = commit.operators.keys().map(|name| format!("`{name}`")).collect();
        let message = format!("there is no state of `{unknown}` in epoch {}", commit.epoch);
        return Err(Error::new(Kind::Config, message).help(format!("the stages with state are {}", known.join(", "))));
    }
    let watermark = commit.watermark.map(Timestamp::from_micros);
    let mut sides: Vec<_> = plan.keyed.iter().zip((plan.chain)().keyed).collect();
    let mut reading = Reading::new(store, KEY_GROUPS);
    let mut operators = Vec::new();
    for (name, files) in commit.operators.iter().filter(|(name, _)| only.is_none_or(|only| only == *name)) {
        let side = sides.iter().position(|(keyed, _)| keyed.spec.name == *name).map(|at| sides.swap_remove(at));
        let mut groups = side.map(|(keyed, side)| Groups { spec: keyed.spec.clone(), side });
        if let Some(Groups { side, .. }) = &mut groups {
            reading.operator(files, |rows| {
                side.restore(&rows.batches, &|group| rows.groups.get(usize::from(group)).copied().unwrap_or(false))
            })?;
            side.restored(watermark)?;
        }
        operators.push(Operator { name: name.clone(), files: files.clone(), groups });
    }
    reading.finish()?;
    Ok(State { epoch: commit.epoch, watermark, operators })
}

impl Groups {
    pub(crate) fn keys(&self) -> u64 {
        self.side.keys()
    }

    /// The memory that they take.
    pub(crate) fn bytes(&self) -> u64 {
        self.side.bytes()
    }

    /// The names of the columns by which groups are told apart, without the window.
    pub(crate) fn key_columns(&self) -> &'static [&'static str] {
        self.spec.keys
    }

    /// The oldest window, or pane of one; of groups without a window the oldest last row. With the word for it.
    pub(crate) fn oldest(&self) -> Result<Option<(&'static str, Timestamp)>> {
        let mut oldest: Option<i64> = None;
        self.each(|batch| {
            let places = batch.columns().get(1).and_then(|places| places.as_primitive_opt::<Int64Type>());
            oldest = places.and_then(arrow::compute::min).into_iter().chain(oldest).min();
            Ok(())
        })?;
        let word = if self.spec.window.is_windowed() { "oldest window" } else { "oldest last row" };
        Ok(oldest.map(|oldest| (word, Timestamp::from_micros(oldest))))
    }

    /// The groups as rows: keys, window or time of the last row, accumulators. At least one batch, if without rows.
    pub(crate) fn rows(&self, mut take: impl FnMut(&RecordBatch) -> Result<()>) -> Result<()> {
        self.each(|batch| take(&self.readable(batch)?))
    }

    /// The rows as state files have them, stripe by stripe.
    fn each(&self, mut take: impl FnMut(&RecordBatch) -> Result<()>) -> Result<()> {
        for low in (0..KEY_GROUPS).step_by(usize::from(stripe_len())) {
            let batches = self.side.snapshot(low, low + stripe_len())?;
            batches.iter().try_for_each(&mut take)?;
        }
        Ok(())
    }

    fn readable(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let broken = || Error::new(Kind::Internal, "state has no column of times").help("please report it");
        let places = batch.columns().get(1).and_then(|places| places.as_primitive_opt::<Int64Type>());
        let places = places.ok_or_else(broken)?.values();
        let window = self.spec.window;
        let (name, times) = if window.is_windowed() {
            let end = |start: i64| Timestamp::from_micros(start.saturating_add(window.pane()));
            let panes = places.iter().map(|&start| Window { start: Timestamp::from_micros(start), end: end(start) });
            // Sliding windows are kept as the panes that they share.
            (if window.pane() == window.size() { self.spec.window_name } else { "pane" }, column(panes))
        } else {
            ("last_row", column(places.iter().copied().map(Timestamp::from_micros)))
        };
        let schema = batch.schema();
        let of_user = schema.fields().iter().map(Arc::clone).zip(batch.columns().iter().map(Arc::clone)).skip(OURS);
        let mut columns: Vec<_> = of_user.collect();
        let time = Arc::new(Field::new(name, times.data_type().clone(), false));
        columns.insert(self.spec.keys.len().min(columns.len()), (time, times));
        let (fields, columns): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
        RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).map_err(|error| broken().caused_by(error))
    }
}

/// Values as a column.
fn column<T: Column>(values: impl Iterator<Item = T>) -> ArrayRef {
    let mut builder = T::Builder::default();
    values.for_each(|value| value.push_owned(&mut builder));
    builder.finish(None)
}
