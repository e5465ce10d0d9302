//! What the macros write: everything that code made by [`pipeline!`](crate::pipeline!) and
//! [`StreamSchema`](macro@crate::StreamSchema) names, and here the few things that only such code has a use for.
//!
//! Everything but this module can be written by hand: [`pipeline::from`](crate::pipeline::from) begins a pipeline, and
//! [`schema::fields`](crate::schema::fields) shows a schema. `cargo expand` shows what a program's own became.
//!
//! # `pipeline!`
//!
//! | where | what is written |
//! |---|---|
//! | the chain | [`millstream::pipeline::from`](crate::pipeline::from) and the methods of what it returns |
//! | names of sources, formats, aggregates and sinks | looked up in [`millstream::source`](crate::source), [`millstream::decode`](crate::decode), [`millstream::agg`](crate::agg), [`millstream::sink`](crate::sink), then in the program's scope; options are methods |
//! | `{value}` | [`millstream::pipeline::capture`](crate::pipeline::capture) |
//! | `{value} + x`, `f({value})` | [`millstream::pipeline::taken`](crate::pipeline::taken) |
//! | `{value}`, the whole of an expression | [`millstream::expand::Kept`], [`millstream::expand::Cloned`] |
//! | any expression | [`millstream::expand::Attempt`], [`millstream::expand::Certain`] |
//! | `10s` | functions of [`millstream::time::Duration`](crate::time::Duration), such as `from_secs` |
//! | `decode json as T` | [`millstream::schema::StreamSchema`](crate::schema::StreamSchema) |
//! | the fields that are used | an implementation of [`millstream::schema::Projection`](crate::schema::Projection) |
//! | `filter` | [`millstream::schema::Predicate::keep`](crate::schema::Predicate::keep) |
//! | `select`, `agg` | a struct, and [`millstream::row!`](crate::row!) for it if it goes to a sink |
//! | `..` and `drop` up to a sink | [`millstream::schema::extend::Extended`](crate::schema::extend::Extended), [`millstream::schema::extend::LeftOut`](crate::schema::extend::LeftOut) |
//! | `explode` | [`millstream::operator::explode::items`](crate::operator::explode::items), [`millstream::operator::explode::items_or_none`](crate::operator::explode::items_or_none) |
//! | `watermark` without a column | [`millstream::schema::EventTime::event_time`](crate::schema::EventTime::event_time) |
//! | `group_by` | [`millstream::operator::reduce::KeyedSpec`](crate::operator::reduce::KeyedSpec), [`millstream::operator::WindowSpec`](crate::operator::WindowSpec) |
//! | a window over windows | [`millstream::schema::Window::last_instant`](crate::schema::Window::last_instant) |
//! | `agg` | [`millstream::agg::Update::apply`](crate::agg::Update::apply) |
//! | `as T` of `select` and `sink` | [`millstream::schema::declared::named`](crate::schema::declared::named), [`millstream::schema::declared::extended`](crate::schema::declared::extended), [`millstream::schema::declared::view_of`](crate::schema::declared::view_of) |
//! | `partition_by = [a]` | [`millstream::schema::kind::partition_key`](crate::schema::kind::partition_key) |
//! | `mode = update`, `mode = complete` | [`millstream::sink::Update`](crate::sink::Update), [`millstream::sink::Complete`](crate::sink::Complete) |
//! | for editors | the modules of [`millstream::stage`](crate::stage), and [`millstream::expand::variant`](variant!) |
//! | a text that is wrong | [`millstream::expand::Empty`], [`millstream::expand::broken`] |
//!
//! # `StreamSchema`
//!
//! | where | what is written |
//! |---|---|
//! | of every type | implementations of [`millstream::schema::Stored`](crate::schema::Stored), [`millstream::schema::Column`](crate::schema::Column), [`millstream::schema::Cell`](crate::schema::Cell), [`millstream::schema::Value`](crate::schema::Value), [`millstream::schema::Lend`](crate::schema::Lend) |
//! | of a struct | those of [`millstream::schema::StreamSchema`](crate::schema::StreamSchema), [`millstream::schema::Row`](crate::schema::Row), [`millstream::schema::RowBuilder`](crate::schema::RowBuilder), [`millstream::schema::Builder`](crate::schema::Builder), [`millstream::schema::EventTime`](crate::schema::EventTime) |
//! | its fields are read | [`millstream::schema::fields::take`](crate::schema::fields::take), [`millstream::schema::fields::field`](crate::schema::fields::field), [`millstream::schema::fields::field_or`](crate::schema::fields::field_or), [`millstream::schema::fields::read_as`](crate::schema::fields::read_as), the methods of [`millstream::schema::Reader`](crate::schema::Reader) and [`millstream::schema::Fault`](crate::schema::Fault), the formats of [`millstream::schema::format`](mod@crate::schema::format) |
//! | if they are used | [`millstream::schema::Projection`](crate::schema::Projection), [`millstream::schema::projection::uses`](crate::schema::projection::uses), [`millstream::schema::projection::Inside`](crate::schema::projection::Inside) |
//! | and kept | [`millstream::schema::fields::arrow_field`](crate::schema::fields::arrow_field), [`millstream::schema::fields::struct_array`](crate::schema::fields::struct_array), [`millstream::schema::fields::struct_at`](crate::schema::fields::struct_at), [`millstream::schema::fields::load_field`](crate::schema::fields::load_field), [`millstream::schema::fields::event_time`](crate::schema::fields::event_time), [`millstream::schema::row::schema_of`](crate::schema::row::schema_of) |
//! | what its types must be | [`millstream::schema::column::is_column`](crate::schema::column::is_column), [`millstream::schema::Shape`](crate::schema::Shape) |
//! | of an enum | [`millstream::schema::kind::UnitEnum`](crate::schema::kind::UnitEnum), [`millstream::schema::kind::is_unit_enum`](crate::schema::kind::is_unit_enum), [`millstream::schema::kind::PartitionKey`](crate::schema::kind::PartitionKey), [`millstream::schema::text::StringBuilder`](crate::schema::text::StringBuilder), [`millstream::schema::text::text_at`](crate::schema::text::text_at) |
//! | that is a key and has an order | [`millstream::operator::key::Key`](crate::operator::key::Key), [`millstream::operator::key::KeyRef`](crate::operator::key::KeyRef), [`millstream::operator::key::canonical_text`](crate::operator::key::canonical_text), [`millstream::agg::scalar::Scalar`](crate::agg::scalar::Scalar), [`millstream::agg::scalar::Ordered`](crate::agg::scalar::Ordered), [`millstream::agg::state::Required`](crate::agg::state::Required) |
//! | of a struct around one value | [`millstream::schema::Newtype`](crate::schema::Newtype), [`millstream::newtype!`](crate::newtype!) |
//! | all over | [`millstream::schema::Arena`](crate::schema::Arena), [`millstream::time::Timestamp`](crate::time::Timestamp), and what there is in [`millstream::schema::arrow`](mod@crate::schema::arrow) |

use crate::Pipeline;
use crate::decode::Fault;
use crate::schema::kind::Reason;
use crate::schema::{Lend, Rows};

/// The value of an expression: itself, or what is in its `Ok`. By hand this is a `match` or nothing at all; a macro does not
/// know whether the expression is a `Result`. The type does: its own method goes before that of the trait [`Certain`].
///
/// ```
/// use millstream::expand::{Attempt, Certain};
/// assert_eq!(Attempt(1.5).__value().ok(), Some(1.5));
/// assert_eq!(Attempt("1.5".parse::<f64>()).__value().ok(), Some(1.5));
/// assert!(Attempt("much".parse::<f64>()).__value().is_err());
/// ```
pub struct Attempt<T>(pub T);

impl<T, E> Attempt<Result<T, E>> {
    /// The `Ok`.
    ///
    /// # Errors
    /// The `Err`, as a fault of the row.
    #[inline]
    pub fn __value(self) -> Result<T, Fault>
    where
        E: Reason,
    {
        self.0.map_err(Fault::computed)
    }
}

/// The value of an expression that is no `Result`; see [`Attempt`].
pub trait Certain {
    /// What the expression gives.
    type Value;
    /// The value.
    ///
    /// # Errors
    /// None.
    fn __value(self) -> Result<Self::Value, Fault>;
}

impl<T> Certain for Attempt<T> {
    type Value = T;
    #[inline]
    fn __value(self) -> Result<T, Fault> {
        Ok(self.0)
    }
}

/// A Rust value that a pipeline has kept and that is the whole of an expression: `x = {fallback}`. By hand this is
/// `fallback.as_str()` or `fallback.clone()`; a macro does not know the type. Text and lists are lent, everything else is
/// cloned, by the trait [`Cloned`].
///
/// ```
/// use millstream::expand::{Cloned, Kept};
/// let (text, number) = (String::from("a"), 1.5);
/// let lent: &str = Kept(&text).__kept();
/// assert_eq!((lent, Kept(&number).__kept()), ("a", 1.5));
/// ```
pub struct Kept<'k, T>(pub &'k T);

impl<'k, T: Owned> Kept<'k, T> {
    /// The value as a column has it.
    #[inline]
    #[must_use]
    pub fn __kept(self) -> <T as Lend<'k>>::View
    where
        T: Lend<'k>,
    {
        self.0.lend()
    }
}

/// What [`Kept`] lends. Numbers are not here: a trait would take the type from a literal that has none yet.
pub trait Owned {}

impl Owned for String {}
impl Owned for Option<String> {}
impl<T> Owned for Vec<T> {}

/// A kept value that is cloned; see [`Kept`].
pub trait Cloned<T> {
    /// The clone.
    fn __kept(self) -> T;
}

impl<T: Clone> Cloned<T> for Kept<'_, T> {
    #[inline]
    fn __kept(self) -> T {
        self.0.clone()
    }
}

/// The row of a pipeline whose text is wrong: what is whole of it is compiled as far as it goes.
#[derive(Clone, Copy)]
pub struct Empty {}

crate::row!(EmptyBuilders, Empty {});

/// The value of a pipeline whose text is wrong. It is never run, as the program does not compile.
pub fn broken() -> Pipeline {
    crate::pipeline::from(crate::source::memory(Vec::<Vec<u8>>::new()))
        .undecoded()
        .rows(|_, _, _: &mut Rows<EmptyBuilders>| {})
        .sink(crate::sink::collect())
}

#[doc(hidden)]
#[macro_export]
macro_rules! __variant {
    ($($tokens:tt)*) => { $($tokens)* };
}

/// Its tokens, as they are. A pipeline is written twice, once for compilers and once for editors; what is behind a `cfg` and
/// the tokens of a macro nobody parses, so that half-typed text is no fault there.
#[doc(inline)]
pub use crate::__variant as variant;
