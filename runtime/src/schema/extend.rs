//! A row of columns that are known only by their type, with columns added, replaced and left out:
//! `select { .., date = ts.date() }` over a schema.

use std::marker::PhantomData;

use arrow::array::ArrayRef;
use arrow::datatypes::{Fields, SchemaRef};

use super::row::{Row, RowBuilder, schema_of};

/// The columns of the base that are left out.
pub trait LeftOut: Send + 'static {
    /// Their names.
    const NAMES: &'static [&'static str];
}

/// The row `base` with the columns of `named`. One that bears a name of the base takes its place; the others come last.
pub struct Extended<V, N, D> {
    base: V,
    named: N,
    left_out: PhantomData<fn() -> D>,
}

impl<V, N, D> Extended<V, N, D> {
    /// Puts the two together.
    #[inline]
    pub fn new(base: V, named: N) -> Self {
        Self { base, named, left_out: PhantomData }
    }
}

/// The builders of [`Extended`].
pub struct ExtendedBuilders<B, N, D> {
    base: B,
    named: N,
    /// For each column, whether it is of the base, and its number there.
    layout: Vec<(Side, usize)>,
    left_out: PhantomData<fn() -> D>,
}

#[derive(Clone, Copy)]
enum Side {
    Base,
    Named,
}

impl<V: Row, N: Row, D: LeftOut> Row for Extended<V, N, D> {
    type Builders = ExtendedBuilders<V::Builders, N::Builders, D>;
    #[inline]
    fn push(self, builders: &mut Self::Builders) {
        self.base.push(&mut builders.base);
        self.named.push(&mut builders.named);
    }
}

/// Where each column comes from, in the order of the output.
fn layout<D: LeftOut>(base: &Fields, named: &Fields) -> Vec<(Side, usize)> {
    let mut layout = Vec::new();
    for (index, field) in base.iter().enumerate() {
        match named.iter().position(|own| own.name() == field.name()) {
            Some(own) => layout.push((Side::Named, own)),
            None if D::NAMES.contains(&field.name().as_str()) => {}
            None => layout.push((Side::Base, index)),
        }
    }
    for (index, field) in named.iter().enumerate() {
        if !base.iter().any(|earlier| earlier.name() == field.name()) {
            layout.push((Side::Named, index));
        }
    }
    layout
}

impl<B: RowBuilder, N: RowBuilder, D: LeftOut> Default for ExtendedBuilders<B, N, D> {
    fn default() -> Self {
        let layout = layout::<D>(B::schema().fields(), N::schema().fields());
        Self { base: B::default(), named: N::default(), layout, left_out: PhantomData }
    }
}

impl<B: RowBuilder, N: RowBuilder, D: LeftOut> RowBuilder for ExtendedBuilders<B, N, D> {
    fn schema() -> SchemaRef {
        let (base, named) = (B::schema(), N::schema());
        let (base, named) = (base.fields(), named.fields());
        let fields = layout::<D>(base, named).into_iter().filter_map(|(side, index)| match side {
            Side::Base => base.get(index),
            Side::Named => named.get(index),
        });
        schema_of(fields.cloned().collect())
    }
    fn len(&self) -> usize {
        self.base.len()
    }
    #[inline]
    fn bulk(&self) -> usize {
        self.base.bulk() + self.named.bulk()
    }
    fn finish(&mut self) -> Vec<ArrayRef> {
        let (base, named) = (self.base.finish(), self.named.finish());
        let arrays = self.layout.iter().filter_map(|(side, index)| match side {
            Side::Base => base.get(*index),
            Side::Named => named.get(*index),
        });
        arrays.cloned().collect()
    }
}
