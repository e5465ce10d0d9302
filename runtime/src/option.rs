//! What options of sources and sinks take.

/// A text or an `Option` of one.
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
