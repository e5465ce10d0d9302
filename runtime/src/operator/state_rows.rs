//! The state of a keyed stage as rows: what is written to the checkpoint and read back.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Int64Array, RecordBatch, UInt16Array};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use super::reduce::KeyedSpec;
use crate::Result;
use crate::error::{Error, Kind};
use crate::schema::row::{Limits, too_large};
use crate::schema::{Builder, Stored};

/// The columns that every state file begins with: the key group, and the start of the pane or, where there are no windows,
/// the event time of the last row. Those of the user follow, whatever they are called.
pub(crate) const OURS: usize = 2;
const GROUP: &str = "key_group";
const PANE: &str = "pane";
const LAST: &str = "last_row";

/// Rows of state under construction.
pub(super) struct StateRows<K: Stored, A: Stored> {
    groups: Vec<u16>,
    places: Vec<i64>,
    keys: K::Builder,
    states: A::Builder,
    /// The columns of the batches that are full.
    full: Vec<Vec<ArrayRef>>,
    /// Whether a group was too large for any batch.
    too_large: bool,
    limits: Limits,
}

impl<K: Stored, A: Stored> Default for StateRows<K, A> {
    fn default() -> Self {
        Self {
            groups: Vec::new(),
            places: Vec::new(),
            keys: K::Builder::default(),
            states: A::Builder::default(),
            full: Vec::new(),
            too_large: false,
            limits: Limits::ARROW,
        }
    }
}

impl<K: Stored, A: Stored> StateRows<K, A> {
    /// Adds a row; `place` is its pane or the time of its last row.
    pub(super) fn push(&mut self, key_group: u16, place: i64, key: &K, state: &A) {
        self.groups.push(key_group);
        self.places.push(place);
        key.push_owned(&mut self.keys);
        state.push_owned(&mut self.states);
        if self.bulk() >= self.limits.cut {
            self.cut();
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.groups.is_empty() && self.full.is_empty() && !self.too_large
    }

    fn bulk(&self) -> usize {
        self.keys.bulk() + self.states.bulk()
    }

    /// Ends the batch under construction.
    fn cut(&mut self) {
        if self.bulk() > self.limits.most {
            *self = Self { too_large: true, limits: self.limits, ..Self::default() };
            return;
        }
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(UInt16Array::from(std::mem::take(&mut self.groups))),
            Arc::new(Int64Array::from(std::mem::take(&mut self.places))),
        ];
        self.keys.columns(&mut columns);
        self.states.columns(&mut columns);
        self.full.push(columns);
    }

    /// Takes the rows, as one batch at least.
    pub(super) fn finish(&mut self, spec: &KeyedSpec) -> Result<Vec<RecordBatch>> {
        if !self.groups.is_empty() || self.full.is_empty() {
            self.cut();
        }
        if self.too_large {
            return Err(too_large(&format!("the state of a group of `{}`", spec.name)));
        }
        let place = if spec.window.is_windowed() { PANE } else { LAST };
        let names = [GROUP, place].into_iter().chain(spec.keys.iter().copied()).chain(spec.values.iter().copied());
        let names: Vec<&str> = names.collect();
        let batch = |columns: Vec<ArrayRef>| {
            let fields: Vec<Field> = names
                .iter()
                .zip(&columns)
                .enumerate()
                .map(|(at, (name, column))| Field::new(*name, column.data_type().clone(), at >= OURS))
                .collect();
            let schema: SchemaRef = Arc::new(Schema::new(fields));
            RecordBatch::try_new(schema, columns).map_err(|error| broken(spec).caused_by(error))
        };
        std::mem::take(&mut self.full).into_iter().map(batch).collect()
    }
}

/// Reads rows of state, those of the key groups that `wanted` names: key group, pane or time of the last row, key and
/// accumulator.
pub(super) fn read<K: Stored, A: Stored>(
    spec: &KeyedSpec,
    batch: &RecordBatch,
    wanted: &dyn Fn(u16) -> bool,
    mut put: impl FnMut(u16, i64, K, A),
) -> Result<()> {
    if batch.num_rows() == 0 {
        return Ok(());
    }
    let ours = |at: usize, name: &str| batch.columns().get(at).ok_or_else(|| unreadable(spec, name));
    let (groups, places) = (ours(0, GROUP)?, ours(1, PANE)?);
    let schema = batch.schema();
    let users = |name: &str| {
        let mut named =
            schema.fields().iter().zip(batch.columns()).skip(OURS).filter(|(field, _)| field.name() == name);
        named.next().map(|(_, column)| Arc::clone(column)).ok_or_else(|| unreadable(spec, name))
    };
    let gather = |names: &[&str], types: Vec<DataType>| {
        let columns =
            names.iter().zip(types).map(|(name, of)| widened(users(name)?, &of).ok_or_else(|| unreadable(spec, name)));
        columns.collect::<Result<Vec<_>>>()
    };
    let (keys, states) = (gather(spec.keys, types::<K>())?, gather(spec.values, types::<A>())?);
    for row in 0..batch.num_rows() {
        let group = u16::load(groups, row).ok_or_else(|| unreadable(spec, GROUP))?;
        if !wanted(group) {
            continue;
        }
        let place = i64::load(places, row).ok_or_else(|| unreadable(spec, PANE))?;
        let key = K::load_columns(&mut keys.iter(), row).ok_or_else(|| not_held(spec, spec.keys))?;
        let state = A::load_columns(&mut states.iter(), row).ok_or_else(|| not_held(spec, spec.values))?;
        put(group, place, key, state);
    }
    Ok(())
}

/// The types of the columns that values become.
pub(crate) fn types<T: Stored>() -> Vec<DataType> {
    let mut columns = Vec::new();
    T::Builder::default().columns(&mut columns);
    columns.iter().map(|column| column.data_type().clone()).collect()
}

/// A column of an earlier pipeline, whose numbers may have been narrower; which ones may, the comparison of the two has said.
pub(super) fn widened(column: ArrayRef, to: &DataType) -> Option<ArrayRef> {
    if column.data_type() == to {
        return Some(column);
    }
    let exactly = CastOptions { safe: false, ..CastOptions::default() };
    cast_with_options(&column, to, &exactly).ok()
}

/// What a bug of ours is.
pub(super) fn broken(spec: &KeyedSpec) -> Error {
    Error::new(Kind::Internal, format!("the state of `{}` does not have the columns it should have", spec.name))
        .help("this is a bug in millstream, please report it")
}

pub(super) fn unreadable(spec: &KeyedSpec, column: &str) -> Error {
    Error::new(
        Kind::Config,
        format!(
            "the state of `{}` in the checkpoint has no column `{column}` of the type this pipeline needs",
            spec.name
        ),
    )
    .help("the pipeline was changed since; start it with a fresh checkpoint, or with the one it was changed from")
}

/// A value that was of the type of its column once.
fn not_held(spec: &KeyedSpec, columns: &[&str]) -> Error {
    let (stage, columns) = (&spec.name, columns.join("`, `"));
    Error::new(
        Kind::Config,
        format!("a group of `{stage}` in the checkpoint has a value in `{columns}` that this pipeline's type cannot hold"),
    )
    .help(
        "an enum keeps every variant that it ever had, or has one with `#[stream(other)]`: put back what was removed; or \
         migrate the state; or start with a fresh checkpoint",
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::operator::window::WindowSpec;
    use crate::time::secs;

    type Text = StateRows<(String,), (Vec<String>,)>;

    fn spec() -> KeyedSpec {
        let window = WindowSpec::tumbling(secs(60));
        KeyedSpec { name: "s".to_owned(), keys: &["k"], window_name: "", values: &["v"], window }
    }

    fn rows() -> Text {
        StateRows { limits: Limits { cut: 100, most: 200 }, ..StateRows::default() }
    }

    #[test]
    fn a_batch_of_state_is_cut_before_its_text_passes_the_offsets_of_arrow() {
        let mut rows = rows();
        let value = |n: usize| (vec!["v".repeat(20), n.to_string()],);
        for n in 0..10 {
            rows.push(n, 0, &(format!("key {n}"),), &value(n.into()));
        }
        let batches = rows.finish(&spec()).unwrap();
        assert_eq!(batches.iter().map(RecordBatch::num_rows).collect::<Vec<_>>(), [4, 4, 2]);
        let mut found = Vec::new();
        for batch in &batches {
            read::<(String,), (Vec<String>,)>(&spec(), batch, &|_| true, |group, _, key, state| {
                assert_eq!((key.0, state), (format!("key {group}"), value(group.into())));
                found.push(group);
            })
            .unwrap();
        }
        assert_eq!(found, (0..10).collect::<Vec<u16>>());
        // Nothing is left, and a batch without rows has the columns.
        assert!(rows.is_empty());
        assert_eq!(rows.finish(&spec()).unwrap()[0].num_columns(), 4);
    }

    #[test]
    fn a_group_that_no_batch_can_hold_is_an_error_and_not_a_panic() {
        let mut rows = rows();
        rows.push(0, 0, &("k".to_owned(),), &(vec!["v".repeat(201)],));
        assert!(!rows.is_empty(), "an epoch without it would be committed");
        rows.push(1, 0, &("l".to_owned(),), &(Vec::new(),));
        let error = rows.finish(&spec()).unwrap_err();
        assert_eq!(error.kind(), Kind::Data);
        assert!(error.to_string().contains("the state of a group of `s` are more than 2 GiB"), "{error}");
    }
}
