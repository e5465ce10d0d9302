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
