//! The only place that spells a path into the runtime.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

/// The module in which a one-segment name is looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Room {
    Source,
    Decode,
    Agg,
    Sink,
}

impl Room {
    /// `use ::millstream::source::*;`, in a block of its own.
    pub(crate) fn import(self) -> TokenStream {
        let module = match self {
            Self::Source => format_ident!("source"),
            Self::Decode => format_ident!("decode"),
            Self::Agg => format_ident!("agg"),
            Self::Sink => format_ident!("sink"),
        };
        quote! { #[allow(unused_imports)] use ::millstream::#module::*; }
    }
}

/// Functions that take nothing of the user's and so need no span.
macro_rules! paths {
    ($($name:ident => [$($path:tt)*])*) => {$(
        pub(crate) fn $name() -> TokenStream { quote! { $($path)* } }
    )*};
}

paths! {
    from => [::millstream::pipeline::from]
    stage => [::millstream::stage]
    schema => [::millstream::schema::StreamSchema]
    predicate => [::millstream::schema::Predicate::keep]
    event_time => [::millstream::schema::EventTime::event_time]
    projection => [::millstream::schema::Projection]
    partition_key => [::millstream::schema::kind::partition_key]
    extended => [::millstream::schema::extend::Extended]
    left_out => [::millstream::schema::extend::LeftOut]
    duration => [::millstream::time::Duration]
    keyed_spec => [::millstream::operator::reduce::KeyedSpec]
    window_spec => [::millstream::operator::WindowSpec]
    update => [::millstream::sink::Update]
    complete => [::millstream::sink::Complete]
    row => [::millstream::row!]
    capture => [::millstream::pipeline::capture]
    taken => [::millstream::pipeline::taken]
    apply => [::millstream::agg::Update::apply]
    items => [::millstream::operator::explode::items]
    items_or_none => [::millstream::operator::explode::items_or_none]
    extended_as => [::millstream::schema::declared::extended]
    named_as => [::millstream::schema::declared::named]
    view_of => [::millstream::schema::declared::view_of]
    last_instant => [::millstream::schema::Window::last_instant]
    kept => [::millstream::expand::Kept]
    cloned => [::millstream::expand::Cloned]
    attempt => [::millstream::expand::Attempt]
    certain => [::millstream::expand::Certain]
    empty => [::millstream::expand::Empty {}]
    broken => [::millstream::expand::broken()]
    variant => [::millstream::expand::variant!]
    result => [::std::result::Result]
    some => [::std::option::Option::Some]
    option => [::std::option::Option]
    default => [::std::default::Default::default()]
    clone => [::std::clone::Clone::clone]
}

/// The runtime, of which the derive names much. Absolute, so that nothing in the user's scope can stand in its way.
pub(crate) fn runtime() -> TokenStream {
    quote!(::millstream)
}

/// The name of a row's struct.
pub(crate) fn row_struct(number: usize) -> Ident {
    format_ident!("__Row{number}")
}
