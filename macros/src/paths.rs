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
    capture => [::millstream::__private::capture]
    apply => [::millstream::__private::apply]
    kept => [::millstream::__private::Kept]
    cloned => [::millstream::__private::Cloned]
    attempt => [::millstream::__private::Attempt]
    certain => [::millstream::__private::Certain]
    result => [::std::result::Result]
    explode => [::millstream::__private::explode]
    explode_outer => [::millstream::__private::explode_outer]
    extended_as => [::millstream::__private::extended]
    named_as => [::millstream::__private::named]
    fits => [::millstream::__private::fits]
    nothing => [::millstream::__private::nothing]
    window_time => [::millstream::__private::window_time]
    empty => [::millstream::__private::Empty {}]
    broken => [::millstream::__private::broken()]
    variant => [::millstream::__private::variant!]
    some => [::std::option::Option::Some]
    default => [::std::default::Default::default()]
    clone => [::std::clone::Clone::clone]
}

/// The module with everything that generated code may name besides the public API. Absolute, so that nothing in the
/// user's scope can stand in its way.
#[allow(dead_code)] // The derive's.
pub(crate) fn private() -> TokenStream {
    quote!(::millstream::__private)
}

/// The name of a row's struct.
pub(crate) fn row_struct(number: usize) -> Ident {
    format_ident!("__Row{number}")
}
