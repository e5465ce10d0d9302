//! What a program says of how it differs from the one before: names that were others, state that is to be made anew.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StructArray};
use arrow::datatypes::{DataType, Field, Schema};

use super::compare::described;
use super::options::Checkpoint;
use super::{Pipeline, Plan};
use crate::Result;
use crate::error::{Error, Kind};
use crate::operator::state_rows::OURS;
use crate::schema::{Builder, Stored, StreamSchema};

/// What a program, or its command line, says of changes.
#[derive(Clone, Default)]
pub(crate) struct Changes {
    /// Keyed stages whose state may be dropped if it does not fit.
    pub drop: Vec<String>,
    /// Keyed stages whose state is dropped in any case, once.
    pub reset: Vec<String>,
    /// New keyed stages that may start empty.
    pub empty: Vec<String>,
    /// Keyed stages whose expressions are written otherwise and mean what they meant.
    pub same: Vec<String>,
    /// Keyed stages that had another name: the old one and the new one.
    pub stages: Vec<(String, String)>,
    /// Columns of keyed stages that had another name: the stage, the old one and the new one.
    pub columns: Vec<(String, String, String)>,
    /// The savepoint to begin from.
    pub savepoint: Option<Checkpoint>,
    /// What makes groups of other columns.
    pub migrations: Vec<Migration>,
}

impl Changes {
    /// Whether what a program says of changes is about its own keyed stages, and its migrations make the columns of these.
    ///
    /// # Errors
    /// What is not.
    pub(crate) fn check(&self, plan: &Plan) -> Result<()> {
        let wrong = |what: String, help: String| Err(Error::new(Kind::Config, what).help(help));
        let stage = |name: &str| plan.keyed.iter().find(|keyed| keyed.spec.name == name);
        let stages: Vec<String> = plan.keyed.iter().map(|keyed| format!("`{}`", keyed.spec.name)).collect();
        let stages = format!("the keyed stages are called {}", stages.join(", "));
        let renamed = self.stages.iter().map(|(_, new)| new).chain(self.columns.iter().map(|(stage, ..)| stage));
        let named = self.empty.iter().chain(&self.reset).chain(&self.same).chain(renamed);
        if let Some(name) = named.clone().find(|name| stage(name).is_none()) {
            return wrong(format!("there is no keyed stage `{name}`"), stages);
        }
        for migration in &self.migrations {
            let Some(keyed) = stage(&migration.stage) else {
                return wrong(format!("there is no keyed stage `{}` to migrate", migration.stage), stages);
            };
            let names = keyed.spec.keys.iter().chain(keyed.spec.values).map(|name| (*name).to_owned());
            let columns: Vec<_> = names.zip(keyed.keys.iter().chain(&keyed.values).cloned()).collect();
            let (mut has, mut gives) = (described(&columns), described(&migration.gives));
            has.sort_unstable();
            gives.sort_unstable();
            if has != gives {
                let list =
                    |of: &[(String, String)]| of.iter().map(|(name, of)| format!("{name} {of}")).collect::<Vec<_>>();
                return wrong(
                    format!(
                        "the migration of the keyed stage `{}` gives {}, and its columns are {}",
                        migration.stage,
                        list(&gives).join(", "),
                        list(&has).join(", ")
                    ),
                    "give the struct that it returns a field for each key and each aggregate, of its type".to_owned(),
                );
            }
        }
        Ok(())
    }
}

/// Makes the groups of a stage from those that an earlier pipeline has kept.
#[derive(Clone)]
pub(crate) struct Migration {
    pub stage: String,
    /// The columns that it takes.
    pub takes: Vec<(String, DataType)>,
    /// The columns that it gives.
    pub gives: Vec<(String, DataType)>,
    run: Arc<Run>,
}

/// The function on rows of state; `None` where a row cannot be taken.
type Run = dyn Fn(&RecordBatch) -> Option<RecordBatch> + Send + Sync;

impl Migration {
    fn new<Old: StreamSchema, New: StreamSchema>(
        stage: String,
        migrate: impl Fn(Old) -> New + Send + Sync + 'static,
    ) -> Self {
        let run = move |batch: &RecordBatch| {
            let schema = batch.schema();
            let (ours, fields) = schema.fields().split_at_checked(OURS)?;
            let (own, columns) = batch.columns().split_at_checked(OURS)?;
            let old = StructArray::try_new(fields.into(), columns.to_vec(), None).ok()?;
            let mut new = <New as Stored>::Builder::default();
            for row in 0..old.len() {
                migrate(Old::load(&old, row)?).push_owned(&mut new);
            }
            let new = new.finish(None);
            let fields = ours.iter().cloned().chain(new.as_struct_opt()?.fields().iter().cloned());
            // A column that must not be null is one that has none.
            let fields: Vec<Field> = fields.map(|field| field.as_ref().clone().with_nullable(true)).collect();
            let columns: Vec<ArrayRef> = own.iter().chain(new.as_struct_opt()?.columns()).cloned().collect();
            RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).ok()
        };
        Self { stage, takes: columns_of::<Old>(), gives: columns_of::<New>(), run: Arc::new(run) }
    }

    /// Makes new groups of old ones.
    ///
    /// # Errors
    /// The function panicked, or a group has a value that the function's argument cannot hold.
    pub(crate) fn run(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let stage = &self.stage;
        match catch_unwind(AssertUnwindSafe(|| (self.run)(batch))) {
            Ok(Some(migrated)) => Ok(migrated),
            Ok(None) => Err(Error::new(
                Kind::Config,
                format!("the migration of the keyed stage `{stage}` cannot take a group that is in the checkpoint"),
            )
            .help(
                "a column that may be null is an `Option` in what it takes, and an enum has all variants it ever had",
            )),
            Err(_) => Err(Error::new(Kind::Internal, format!("the migration of the keyed stage `{stage}` panicked"))
                .help("nothing was changed; mend it and start again")),
        }
    }
}

fn columns_of<T: StreamSchema>() -> Vec<(String, DataType)> {
    T::fields().iter().map(|field| (field.name().clone(), field.data_type().clone())).collect()
}

/// How a pipeline goes on from the checkpoint of an earlier one; see the guide's
/// [operations](crate::guide::operations#changing-a-running-pipeline).
impl Pipeline {
    /// Says that the keyed stage `new` was called `old` before: its state is its own from now on. Of a stage without
    /// `name ".."` the name is that of its keys and window, as `explain` shows it.
    ///
    /// May stay in the program: where there is no stage `old` in the checkpoint, it means nothing.
    pub fn renamed_stage(mut self, old: impl Into<String>, new: impl Into<String>) -> Self {
        self.options.changes.stages.push((old.into(), new.into()));
        self
    }

    /// Says that in the keyed stage `stage` the key or aggregate `new` was called `old` before.
    ///
    /// May stay in the program: where there is no column `old` in the checkpoint, it means nothing.
    pub fn renamed_column(mut self, stage: impl Into<String>, old: impl Into<String>, new: impl Into<String>) -> Self {
        self.options.changes.columns.push((stage.into(), old.into(), new.into()));
        self
    }

    /// Makes the groups of the keyed stage `stage` from those of an earlier pipeline with other keys or aggregates.
    ///
    /// `Old` has a field for each key and each aggregate as the checkpoint has them, `New` one for each that the stage has
    /// now; a field of an aggregate is of the type of its accumulator, which [`agg::saved`](crate::agg::saved) has. The
    /// function is called for each group, and for each pane of a window; groups that get one key are merged. It runs at
    /// the first start that finds state of the earlier pipeline, and never again: the log says that it is done.
    ///
    /// May stay in the program: it is not called while the stage is what it was.
    ///
    /// ```
    /// # fn main() -> millstream::Result<()> {
    /// use millstream::agg::saved;
    /// use millstream::prelude::*;
    ///
    /// #[derive(StreamSchema)]
    /// struct PerCountry { country: String, n: saved::Count }
    ///
    /// #[derive(StreamSchema)]
    /// struct PerPlace { country: String, city: String, n: saved::Count, hot: saved::Count }
    /// # #[derive(StreamSchema)]
    /// # struct Reading { #[stream(event_time)] ts: Timestamp, country: String, city: String, temperature: f64 }
    ///
    /// let pipeline = pipeline! {
    ///     from memory([r#"{"ts": "2026-01-01T00:00:01Z", "country": "NO", "city": "Oslo", "temperature": -3.0}"#])
    ///     | decode json as Reading
    ///     | watermark 10s
    ///     | group_by { country, city, w = tumbling(1h) } name "per place"
    ///     | agg { n = count(), hot = count_if(temperature > 30.0) }
    ///     | sink collect()
    /// };
    /// let pipeline = pipeline.migrate("per place", |old: PerCountry| PerPlace {
    ///     country: old.country, city: String::new(), n: old.n, hot: saved::Count { count: 0 },
    /// });
    /// # pipeline.run_blocking()?; Ok(()) }
    /// ```
    ///
    /// # Errors
    /// At the start ([`Kind::Config`]): `New` does not have the columns of the stage, or `Old` not those of the checkpoint.
    pub fn migrate<Old: StreamSchema, New: StreamSchema>(
        mut self,
        stage: impl Into<String>,
        migrate: impl Fn(Old) -> New + Send + Sync + 'static,
    ) -> Self {
        self.options.changes.migrations.push(Migration::new(stage.into(), migrate));
        self
    }

    /// Takes the loss of the state that the checkpoint has of the keyed stage `stage`, if it does not fit the stage or the
    /// stage is gone: a stage of this name starts empty. State that fits is kept, so that a restart does not drop it again.
    pub fn drop_state(mut self, stage: impl Into<String>) -> Self {
        self.options.changes.drop.push(stage.into());
        self
    }

    /// Takes it that the new keyed stage `stage` has missed the rows that were read before: it starts empty.
    pub fn start_empty(mut self, stage: impl Into<String>) -> Self {
        self.options.changes.empty.push(stage.into());
        self
    }

    /// Says that keys and aggregates of the keyed stage `stage` mean what they meant, though their expressions are written
    /// otherwise, as after a field was renamed.
    pub fn same_expressions(mut self, stage: impl Into<String>) -> Self {
        self.options.changes.same.push(stage.into());
        self
    }

    /// Begins from a savepoint: the checkpoint has to be fresh, and the pipeline is another than the one that was saved, with
    /// outputs of its own.
    ///
    /// May stay: a checkpoint that has begun from it goes on.
    pub fn from_savepoint(mut self, savepoint: impl Into<Checkpoint>) -> Self {
        self.options.changes.savepoint = Some(savepoint.into());
        self
    }
}
