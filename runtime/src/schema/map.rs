//! `HashMap<String, V>` and `BTreeMap<String, V>`: a column of maps.
//!
//! The view is a slice of entries in the order of the record. In Arrow it is a map, as parquet and DuckDB know it.

use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasher;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, MapArray, StructArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Field, Fields};
use bumpalo::Bump;

use super::cell::Cell;
use super::column::{Builder, Column, Stored};
use super::declared::Shape;
use super::list::Ends;
use super::projection::Projection;
use super::text::StringBuilder;
use super::{Fault, Reader};

/// The builder of an array of maps.
pub struct MapBuilder<V: Stored> {
    keys: StringBuilder,
    values: V::Builder,
    ends: Ends,
}

impl<V: Stored> Default for MapBuilder<V> {
    fn default() -> Self {
        Self { keys: StringBuilder::default(), values: V::Builder::default(), ends: Ends::default() }
    }
}

impl<V: Stored> MapBuilder<V> {
    /// Appends a key and gives the builder its value goes to.
    #[inline]
    fn key(&mut self, key: &str) -> &mut V::Builder {
        self.keys.push(key);
        &mut self.values
    }

    /// Ends a map after its entries were appended.
    #[inline]
    fn end(&mut self) {
        self.ends.push(self.keys.len());
    }
}

impl<V: Stored> Builder for MapBuilder<V> {
    #[inline]
    fn push_placeholder(&mut self) {
        self.end();
    }
    fn len(&self) -> usize {
        self.ends.len()
    }
    #[inline]
    fn bulk(&self) -> usize {
        self.keys.len() + self.keys.bulk() + self.values.bulk()
    }
    fn finish(&mut self, nulls: Option<NullBuffer>) -> ArrayRef {
        let parts = vec![self.keys.finish(None), self.values.finish(None)];
        let entries = StructArray::new(entry_fields::<V>(), parts, None);
        Arc::new(MapArray::new(entries_field::<V>(), self.ends.take(), entries, nulls, false))
    }
}

fn entry_fields<V: Stored>() -> Fields {
    Fields::from(vec![Field::new("key", DataType::Utf8, false), Field::new("value", V::data_type(), V::NULLABLE)])
}

fn entries_field<V: Stored>() -> Arc<Field> {
    Arc::new(Field::new("entries", DataType::Struct(entry_fields::<V>()), false))
}

/// Reads the entries of one map.
fn load<V: Stored, M: FromIterator<(String, V)>>(array: &dyn Array, row: usize) -> Option<M> {
    let array = array.as_map_opt()?;
    if row >= array.len() || array.is_null(row) {
        return None;
    }
    let entries = array.value(row);
    let (keys, values) = (entries.columns().first()?, entries.columns().get(1)?);
    (0..entries.len())
        .map(|entry| Some((String::load(keys.as_ref(), entry)?, V::load(values.as_ref(), entry)?)))
        .collect()
}

/// Reads the fields of an object into the arena.
fn read<'a, R: Reader<'a>, V: Column, P: Projection>(reader: &mut R) -> Result<&'a [(&'a str, V::View<'a>)], Fault> {
    let arena = reader.arena();
    let mut entries = bumpalo::collections::Vec::new_in(arena);
    reader.object(|reader, key| {
        let value = V::read::<R, P>(reader).map_err(|fault| fault.within(short(key)))?;
        entries.push((key, value));
        Ok(())
    })?;
    let entries = entries.into_bump_slice();
    if twice(entries, arena) {
        return Err(reader.unexpected("each key once"));
    }
    Ok(entries)
}

/// The beginning of a key, for a fault: keys are as long as whoever wrote the record likes.
#[cold]
fn short(key: &str) -> &str {
    key.char_indices().nth(64).and_then(|(end, _)| key.get(..end)).unwrap_or(key)
}

/// Whether a key occurs more than once. Which of its values counts would be anybody's guess, so such maps are refused.
fn twice<V>(entries: &[(&str, V)], arena: &Bump) -> bool {
    if entries.len() <= 8 {
        let mut rest = entries;
        while let [(key, _), tail @ ..] = rest {
            if tail.iter().any(|(other, _)| other == key) {
                return true;
            }
            rest = tail;
        }
        return false;
    }
    let keys = arena.alloc_slice_fill_iter(entries.iter().map(|(key, _)| *key));
    keys.sort_unstable();
    keys.windows(2).any(|pair| matches!(pair, [one, other] if one == other))
}

macro_rules! map {
    ($type:ty, [$($hasher:ident)?]) => {
        impl<V: Stored $(, $hasher: BuildHasher + Default + Send + Sync + 'static)?> Stored for $type {
            type View<'a> = &'a [(&'a str, V::View<'a>)];
            type Builder = MapBuilder<V>;
            const SHAPE: Shape = Shape::MapOf(&V::SHAPE);
            fn data_type() -> DataType {
                DataType::Map(entries_field::<V>(), false)
            }
            fn view<'a>(&'a self, arena: &'a Bump) -> Self::View<'a> {
                arena.alloc_slice_fill_iter(self.iter().map(|(key, value)| (key.as_str(), value.view(arena))))
            }
            fn own(view: Self::View<'_>) -> Self {
                view.iter().map(|(key, value)| ((*key).to_owned(), V::own(*value))).collect()
            }
            fn push(view: Self::View<'_>, builder: &mut Self::Builder) {
                for (key, value) in view {
                    V::push(*value, builder.key(key));
                }
                builder.end();
            }
            fn push_owned(&self, builder: &mut Self::Builder) {
                for (key, value) in self {
                    value.push_owned(builder.key(key));
                }
                builder.end();
            }
            fn heap(&self) -> usize {
                let entry = size_of::<(String, V)>();
                self.iter().map(|(key, value)| entry + key.heap() + value.heap()).sum()
            }
            fn load(array: &dyn Array, row: usize) -> Option<Self> {
                load(array, row)
            }
        }

        impl<V: Column $(, $hasher: BuildHasher + Default + Send + Sync + 'static)?> Column for $type {
            fn read<'a, R: Reader<'a>, P: Projection>(reader: &mut R) -> Result<Self::View<'a>, Fault> {
                read::<R, V, P>(reader)
            }
            fn unread<'a>() -> Self::View<'a> {
                &[]
            }
        }
    };
}

map!(HashMap<String, V, S>, [S]);
map!(BTreeMap<String, V>, []);

impl<V: Cell> Cell for &[(&str, V)] {
    type Column = BTreeMap<String, V::Column>;
    #[inline]
    fn put(self, builder: &mut MapBuilder<V::Column>) {
        for (key, value) in self {
            value.put(builder.key(key));
        }
        builder.end();
    }
}
