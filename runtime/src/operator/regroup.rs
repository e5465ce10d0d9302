//! State that another pipeline has kept, made into that of this one: settled, so that each group is there once, then put
//! into the key groups of its keys as they are now.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, UInt32Array};
use arrow::compute::take_record_batch;
use arrow::datatypes::{DataType, Field, Schema};
use arrow::error::ArrowError;
use arrow::row::{RowConverter, SortField};

use super::key::{KEY_GROUPS, Key, key_group};
use super::reduce::KeyedSpec;
use super::state_rows::{OURS, StateRows, broken, read, unreadable, widened};
use super::window::ALL_OF_TIME;
use crate::Result;
use crate::agg::Finish;
use crate::schema::Stored;
use crate::sink::Mode;
use crate::time::Timestamp;

/// [`regroup`] for the keys and accumulators of a stage. Runs code of the user's, if types of theirs are among them.
pub(crate) type Regroup = fn(&KeyedSpec, Vec<RecordBatch>, Mode, Option<Timestamp>) -> Result<Vec<RecordBatch>>;

/// A column that is looked for: its name in the files, and what it is to be called and to be.
pub(crate) struct Wanted {
    pub(crate) was: String,
    pub(crate) name: String,
    pub(crate) of: DataType,
}

/// A batch of these columns only, behind our own.
pub(crate) fn pick(spec: &KeyedSpec, batch: &RecordBatch, wanted: &[Wanted]) -> Result<RecordBatch> {
    let schema = batch.schema();
    let ours = schema.fields().iter().zip(batch.columns()).take(OURS);
    let (mut fields, mut columns): (Vec<Field>, Vec<ArrayRef>) =
        ours.map(|(field, column)| (field.as_ref().clone(), Arc::clone(column))).unzip();
    for Wanted { was, name, of } in wanted {
        let at = schema.fields().iter().skip(OURS).position(|field| field.name() == was);
        let column = at.and_then(|at| batch.columns().get(OURS + at));
        let column = column.and_then(|column| widened(Arc::clone(column), of)).ok_or_else(|| unreadable(spec, name))?;
        fields.push(Field::new(name, of.clone(), true));
        columns.push(column);
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).map_err(|error| broken(spec).caused_by(error))
}

/// The latest row of each group. Batches are in the order in which they were written, each with the key groups it counts for;
/// all have the same columns, of which `keys` behind ours are keys.
pub(crate) fn settle(
    spec: &KeyedSpec,
    batches: &[(RecordBatch, Arc<Vec<bool>>)],
    keys: usize,
) -> Result<Vec<RecordBatch>> {
    settled(batches, keys, spec.window.is_windowed()).map_err(|error| broken(spec).caused_by(error))
}

fn settled(
    batches: &[(RecordBatch, Arc<Vec<bool>>)],
    keys: usize,
    windowed: bool,
) -> std::result::Result<Vec<RecordBatch>, ArrowError> {
    let Some((first, _)) = batches.first() else { return Ok(Vec::new()) };
    // The key group is one for a key; the second column is a part of what tells groups apart only if it is a pane.
    let identity: Vec<usize> = (0..OURS + keys).filter(|at| windowed || *at != 1).collect();
    let fields = first.schema().project(&identity)?;
    let fields = fields.fields().iter().map(|field| SortField::new(field.data_type().clone()));
    let converter = RowConverter::new(fields.collect())?;
    let mut latest = HashMap::new();
    for (number, (batch, counts)) in batches.iter().enumerate() {
        let rows = converter.convert_columns(batch.project(&identity)?.columns())?;
        for (at, row) in rows.iter().enumerate() {
            let group = batch.columns().first().and_then(|groups| u16::load(groups, at));
            if group.and_then(|group| counts.get(usize::from(group)).copied()).unwrap_or(false) {
                latest.insert(row.owned(), (number, at as u32));
            }
        }
    }
    let mut kept: Vec<Vec<u32>> = vec![Vec::new(); batches.len()];
    for (number, at) in latest.into_values() {
        if let Some(kept) = kept.get_mut(number) {
            kept.push(at);
        }
    }
    let taken = batches.iter().zip(kept).filter(|(_, kept)| !kept.is_empty());
    taken.map(|((batch, _), kept)| take_record_batch(batch, &UInt32Array::from(kept))).collect()
}

/// Rows of state for the files of a stage, from rows of which each group has one; groups that have become one are merged. What
/// had ended at `watermark` is left out, since it does not count any more. A batch is gone when its rows are read.
pub(crate) fn regroup<K: Key, A: Finish>(
    spec: &KeyedSpec,
    batches: Vec<RecordBatch>,
    mode: Mode,
    watermark: Option<Timestamp>,
) -> Result<Vec<RecordBatch>> {
    let windowed = spec.window.is_windowed();
    let mut groups: HashMap<Vec<u8>, (i64, K, A)> = HashMap::new();
    for batch in batches {
        read(spec, &batch, &|_| true, |_, place, key: K, state: A| {
            let (pane, last) = if windowed { (place, 0) } else { (ALL_OF_TIME, place) };
            if mode != Mode::Complete && spec.window.has_ended(pane, last, watermark) {
                return;
            }
            let mut identity = pane.to_le_bytes().to_vec();
            key.canonical(&mut identity);
            match groups.entry(identity) {
                Entry::Vacant(vacant) => drop(vacant.insert((place, key, state))),
                Entry::Occupied(mut held) => {
                    let held = held.get_mut();
                    held.0 = held.0.max(place);
                    held.2.merge(state);
                }
            }
        })?;
    }
    let (mut rows, mut canonical) = (StateRows::<K, A>::default(), Vec::new());
    for (place, key, state) in groups.into_values() {
        canonical.clear();
        key.canonical(&mut canonical);
        rows.push(key_group(&canonical, KEY_GROUPS), place, &key, &state);
    }
    rows.finish(spec)
}
