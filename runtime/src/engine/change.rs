//! Going on from the checkpoint of a pipeline that was another: its state is made to be that of this one, once, and the log
//! says so before the first epoch.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::book::{Book, Undelivered};
use super::ledger::sink_id;
use crate::checkpoint::restore::Reading;
use crate::checkpoint::{Change, Commit, OperatorFiles, StateKind};
use crate::error::{Error, Kind, text_of_panic};
use crate::operator::key::KEY_GROUPS;
use crate::operator::regroup::{Wanted, pick, settle};
use crate::pipeline::changes::Changes;
use crate::pipeline::compare::{Carry, Class, Comparison, How};
use crate::pipeline::{KeyedPlan, Plan};
use crate::time::Timestamp;
use crate::{Result, clock};

/// Rows of the earlier pipeline that were committed and not delivered cannot go to a sink that takes others.
pub(super) fn check_undelivered(undelivered: &Undelivered, plan: &Plan, of: &Comparison) -> Result<()> {
    let gone = |sink: usize| match sink {
        0 => false,
        1 => plan.dead_letters.is_none(),
        _ => plan.late_letters.is_none(),
    };
    // Of one that is gone it is told when the rows are to be delivered, unless the state is changed before that.
    let other = undelivered.iter().find(|(sink, _)| gone(*sink) && of.changes_state() || of.moved.contains(sink));
    let Some((sink, batches)) = other else { return Ok(()) };
    let rows: usize = batches.iter().map(arrow::array::RecordBatch::num_rows).sum();
    Err(Error::new(
        Kind::Config,
        format!("{rows} rows are committed and not delivered to the `{}` as it was", sink_id(*sink)),
    )
    .help("start the earlier build once and stop it in good order, then start this one"))
}

impl Book {
    /// Makes the state in the checkpoint that of this pipeline, and logs what is different from now on.
    pub(super) fn change(
        &mut self,
        comparison: &Comparison,
        last: &Commit,
        plan: &Plan,
        changes: &Changes,
    ) -> Result<()> {
        let epoch = last.epoch + 1;
        comparison.log(epoch);
        if !comparison.changes_state() {
            return Ok(());
        }
        let mut operators = BTreeMap::new();
        for (carry, keyed) in comparison.carried.iter().zip(&plan.keyed) {
            let Some(from) = &carry.from else { continue };
            let files = match carry.how {
                How::Empty => continue,
                How::AsItIs => self.operators.get(from).cloned().unwrap_or_default(),
                How::Anew | How::Migrate(_) => self.carry(carry, from, keyed, last, plan, changes)?,
            };
            operators.insert(carry.name.clone(), files);
        }
        let of_state = comparison.lines.iter().filter(|line| line.class > Class::Same);
        let change = Change {
            epoch,
            wall_time: clock::now().micros(),
            changes: of_state.map(|line| format!("{line}; {}", line.then)).collect(),
            operators: operators.clone(),
            ..Change::default()
        };
        self.checkpoint.change(change)?;
        self.operators = operators;
        Ok(())
    }

    /// Writes the state of a stage anew: with its columns as they are now, in the key groups of its keys as they are now.
    fn carry(
        &self,
        carry: &Carry,
        from: &str,
        keyed: &KeyedPlan,
        last: &Commit,
        plan: &Plan,
        changes: &Changes,
    ) -> Result<OperatorFiles> {
        let spec = &keyed.spec;
        let migration = match carry.how {
            How::Migrate(at) => changes.migrations.get(at),
            _ => None,
        };
        let wanted: Vec<Wanted> = match migration {
            Some(migration) => {
                let mut columns = migration.takes.clone();
                // Keys first, by which groups are told apart.
                columns.sort_by_key(|(name, _)| !carry.keys.contains(name));
                columns.into_iter().map(|(name, of)| Wanted { was: name.clone(), name, of }).collect()
            }
            None => {
                let columns = spec.keys.iter().zip(&keyed.keys).chain(spec.values.iter().zip(&keyed.values));
                // A column that is renamed now may have the name of one that was dropped and is still in older files.
                let was = |name: &str| {
                    let was = carry.renamed.iter().find(|(_, new)| new == name).map(|(old, _)| old.as_str());
                    was.unwrap_or(name).to_owned()
                };
                columns.map(|(name, of)| Wanted { was: was(name), name: name.to_string(), of: of.clone() }).collect()
            }
        };
        let (mut reading, mut picked) = (Reading::new(self.checkpoint.store().as_ref(), KEY_GROUPS), Vec::new());
        let files = self.operators.get(from).cloned().unwrap_or_default();
        reading.operator(&files, |read| {
            for batch in &read.batches {
                picked.push((pick(spec, batch, &wanted)?, Arc::clone(&read.groups)));
            }
            Ok(())
        })?;
        // A snapshot for which an older one stood in is taken anew here, with all others.
        reading.finish()?;
        let mut rows = settle(spec, &picked, carry.keys.len())?;
        // From here on the state is in memory twice at most.
        drop(picked);
        if let Some(migration) = migration {
            rows = rows.into_iter().map(|batch| migration.run(&batch)).collect::<Result<Vec<_>>>()?;
        }
        let watermark = last.watermark.map(Timestamp::from_micros);
        // Keys and accumulators of the user's own are read, merged and written by their code.
        let regrouped = catch_unwind(AssertUnwindSafe(|| (keyed.regroup)(spec, rows, plan.mode, watermark)));
        let rows = regrouped.unwrap_or_else(|panic| Err(panicked(carry, panic.as_ref())))?;
        let snapshot = self.write(&carry.name, StateKind::Snapshot, (0, KEY_GROUPS), last.epoch, &rows)?;
        self.checkpoint.store().sync_dir(crate::store::parent(&snapshot.path))?;
        Ok(OperatorFiles { snapshots: vec![snapshot], ..OperatorFiles::default() })
    }
}

fn panicked(carry: &Carry, panic: &(dyn Any + Send)) -> Error {
    let (stage, text) = (&carry.name, text_of_panic(panic));
    Error::new(Kind::Internal, format!("a key or an aggregate of the keyed stage `{stage}` panicked: {text}"))
        .help("the state was to be made that of this pipeline, and nothing was changed; mend it and start again")
}
