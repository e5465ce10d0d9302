//! A window of event time, as a column.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, StructArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Field, Fields};
use bumpalo::Bump;

use super::cell::{Cell, value_is_view};
use super::declared::Shape;
use super::{Builder, Column, Fault, Projection, Reader, Stored};
use crate::time::Timestamp;

/// A window of event time: from `start`, up to but without `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Window {
    /// The first instant that belongs to it.
    pub start: Timestamp,
    /// The first instant that no longer does.
    pub end: Timestamp,
}

impl Window {
    /// The last instant that belongs to it: the event time of a group of the window, as no window that covers it is late
    /// then.
    #[inline]
    #[must_use]
    pub const fn last_instant(self) -> Timestamp {
        self.end.saturating_add_micros(-1)
    }
}

/// The builder of a column of windows: a struct of `start` and `end`.
#[derive(Default)]
pub struct WindowBuilder {
    start: <Timestamp as Stored>::Builder,
    end: <Timestamp as Stored>::Builder,
}

fn window_fields() -> Fields {
    let time = <Timestamp as Stored>::data_type();
    Fields::from(vec![Field::new("start", time.clone(), false), Field::new("end", time, false)])
}

impl Builder for WindowBuilder {
    fn push_placeholder(&mut self) {
        self.start.push_placeholder();
        self.end.push_placeholder();
    }
    fn len(&self) -> usize {
        self.start.len()
    }
    #[inline]
    fn bulk(&self) -> usize {
        0
    }
    fn finish(&mut self, nulls: Option<NullBuffer>) -> ArrayRef {
        Arc::new(StructArray::new(window_fields(), vec![self.start.finish(None), self.end.finish(None)], nulls))
    }
}

impl Stored for Window {
    type View<'a> = Window;
    type Builder = WindowBuilder;
    const SHAPE: Shape = Shape::Named("Window");
    fn data_type() -> DataType {
        DataType::Struct(window_fields())
    }
    fn view(&self, _arena: &Bump) -> Window {
        *self
    }
    fn own(view: Window) -> Self {
        view
    }
    #[inline]
    fn push(view: Window, builder: &mut WindowBuilder) {
        Timestamp::push(view.start, &mut builder.start);
        Timestamp::push(view.end, &mut builder.end);
    }
    fn load(array: &dyn Array, row: usize) -> Option<Self> {
        let array = array.as_any().downcast_ref::<StructArray>()?;
        if row >= array.len() || array.is_null(row) {
            return None;
        }
        let part = |name| Timestamp::load(array.column_by_name(name)?, row);
        Some(Self { start: part("start")?, end: part("end")? })
    }
}

/// An object of `start` and `end`, which is how a format writes it.
impl Column for Window {
    fn read<'a, R: Reader<'a>, P: Projection>(reader: &mut R) -> Result<Self, Fault> {
        let (mut start, mut end) = (None, None);
        reader.object(|reader, key| {
            let (name, part) = match key {
                "start" => ("start", &mut start),
                "end" => ("end", &mut end),
                _ => return reader.skip(),
            };
            if part.is_some() {
                return Err(reader.duplicate(name));
            }
            *part = Some(reader.timestamp()?);
            Ok(())
        })?;
        let start = start.ok_or_else(|| reader.missing("start"))?;
        Ok(Self { start, end: end.ok_or_else(|| reader.missing("end"))? })
    }
    fn unread<'a>() -> Self::View<'a> {
        Self::default()
    }
}

impl Cell for Window {
    type Column = Window;
    #[inline]
    fn put(self, builder: &mut WindowBuilder) {
        <Window as Stored>::push(self, builder);
    }
}

value_is_view!(Window);
