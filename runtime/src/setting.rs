//! Values of options.

/// What an option of type `T` takes: a `T`, or an `Option` of one where `None` leaves the default.
///
/// ```
/// use millstream::setting::Setting;
/// fn limit(rows: impl Setting<u64>) -> u64 { rows.given().unwrap_or(100) }
/// assert_eq!((limit(5), limit(Some(6)), limit(None)), (5, 6, 100));
/// ```
#[diagnostic::on_unimplemented(
    message = "this option takes `{T}`, not `{Self}`",
    label = "this must be `{T}`",
    note = "durations are written `10s` or `5min`, sizes `64mib`, Rust values `{{value}}`; an option's own words have no quotes"
)]
pub trait Setting<T> {
    /// The value, if there is one.
    fn given(self) -> Option<T>;
}

impl<T> Setting<T> for T {
    fn given(self) -> Option<T> {
        Some(self)
    }
}

#[diagnostic::do_not_recommend]
impl<T> Setting<T> for Option<T> {
    fn given(self) -> Option<T> {
        self
    }
}

/// A text or an `Option` of one, for options.
#[diagnostic::on_unimplemented(
    message = "this option takes text, not `{Self}`",
    label = "this must be text",
    note = "write it in quotes, or `{{value}}` for a Rust value"
)]
pub trait IntoText {
    /// The text, if there is one.
    fn into_text(self) -> Option<String>;
}

macro_rules! texts {
    ($($type:ty: $self:ident => $text:expr;)*) => {$(
        impl IntoText for $type {
            fn into_text($self) -> Option<String> {
                $text
            }
        }
    )*};
}

texts! {
    &str: self => Some(self.to_owned());
    String: self => Some(self);
    Option<&str>: self => self.map(str::to_owned);
    Option<String>: self => self;
}

/// Columns of the row, for options: `[a, b]` in a pipeline, `&["a", "b"]` in Rust; or an `Option` of them where `None` leaves
/// the default.
#[diagnostic::on_unimplemented(
    message = "this option takes columns of the row, not `{Self}`",
    label = "this must be a list of columns",
    note = "write `[date, country]` in a pipeline, `&[\"date\", \"country\"]` in Rust"
)]
pub trait Columns {
    /// The columns, if there are some.
    fn given(self) -> Option<&'static [&'static str]>;
}

impl Columns for &'static [&'static str] {
    fn given(self) -> Option<&'static [&'static str]> {
        Some(self)
    }
}

impl<const N: usize> Columns for &'static [&'static str; N] {
    fn given(self) -> Option<&'static [&'static str]> {
        Some(self)
    }
}

#[diagnostic::do_not_recommend]
impl<C: Columns> Columns for Option<C> {
    fn given(self) -> Option<&'static [&'static str]> {
        self.and_then(C::given)
    }
}

/// One column of the row, for options: `[a]` in a pipeline, `&["a"]` in Rust; or an `Option` of it.
#[diagnostic::on_unimplemented(
    message = "this option takes one column of the row, not `{Self}`",
    label = "this must be a list of one column",
    note = "write `[user_id]` in a pipeline, `&[\"user_id\"]` in Rust"
)]
pub trait OneColumn {
    /// The column, if there is one.
    fn given(self) -> Option<&'static str>;
}

impl OneColumn for &'static [&'static str; 1] {
    fn given(self) -> Option<&'static str> {
        let [column] = self;
        Some(column)
    }
}

#[diagnostic::do_not_recommend]
impl<C: OneColumn> OneColumn for Option<C> {
    fn given(self) -> Option<&'static str> {
        self.and_then(C::given)
    }
}
