//! Windows of event time.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, StructArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Field, Fields};
use bumpalo::Bump;

use crate::schema::cell::{Cell, value_is_view};
use crate::schema::{Builder, Stored};
use crate::time::{Duration, Timestamp, micros};

/// A window of event time: from `start`, up to but without `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Window {
    /// The first instant that belongs to it.
    pub start: Timestamp,
    /// The first instant that no longer does.
    pub end: Timestamp,
}

/// How event time is cut into windows.
///
/// Windows start at multiples of their step since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowSpec {
    size: i64,
    every: i64,
}

impl WindowSpec {
    /// Windows of `size` side by side. A size under one microsecond counts as one.
    #[must_use]
    pub const fn tumbling(size: Duration) -> Self {
        Self::sliding(size, size)
    }

    /// Windows of `size` that start `every` so often; a row belongs to each that covers it.
    #[must_use]
    pub const fn sliding(size: Duration, every: Duration) -> Self {
        let (size, every) = (micros(size), micros(every));
        Self { size: if size < 1 { 1 } else { size }, every: if every < 1 { 1 } else { every } }
    }

    /// The length of a window in microseconds.
    #[must_use]
    pub const fn size(&self) -> i64 {
        self.size
    }

    /// The step between the starts of windows in microseconds.
    #[must_use]
    pub const fn every(&self) -> i64 {
        self.every
    }

    /// The length of a pane: the longest pieces of which every window is a whole number.
    #[must_use]
    pub const fn pane(&self) -> i64 {
        let (mut a, mut b) = (self.size, self.every);
        while b != 0 {
            (a, b) = (b, a % b);
        }
        a
    }

    /// The start of the pane that holds `at`.
    #[inline]
    #[must_use]
    pub const fn pane_of(&self, at: Timestamp) -> i64 {
        let pane = self.pane();
        at.micros().saturating_sub(at.micros().rem_euclid(pane))
    }

    /// When the last window that covers the pane starting at `pane` ends.
    #[must_use]
    pub const fn closes(&self, pane: i64) -> Timestamp {
        let last_start = pane.saturating_sub(pane.rem_euclid(self.every));
        Timestamp::from_micros(last_start.saturating_add(self.size))
    }
}

impl std::fmt::Display for WindowSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let duration = |micros: i64| Duration::from_micros(micros.unsigned_abs());
        if self.size == self.every {
            write!(f, "tumbling({:?})", duration(self.size))
        } else {
            write!(f, "sliding({:?}, every = {:?})", duration(self.size), duration(self.every))
        }
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
    fn finish(&mut self, nulls: Option<NullBuffer>) -> ArrayRef {
        Arc::new(StructArray::new(window_fields(), vec![self.start.finish(None), self.end.finish(None)], nulls))
    }
}

impl Stored for Window {
    type View<'a> = Window;
    type Builder = WindowBuilder;
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

impl Cell for Window {
    type Column = Window;
    #[inline]
    fn put(self, builder: &mut WindowBuilder) {
        <Window as Stored>::push(self, builder);
    }
}

value_is_view!(Window);
