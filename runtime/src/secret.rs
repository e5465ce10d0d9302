//! Passwords and keys: values that are given at run time and never shown.

use std::fmt;

use zeroize::Zeroizing;

/// A value that must not be seen: a password, a secret key, a token.
///
/// It comes from a `String`, that is from the environment, a file or a vault, and not from a text in the source code.
/// `Debug` shows that there is one and nothing of it, and its memory is wiped when it is dropped. What the clients of AWS make of
/// keys for themselves is theirs.
///
/// ```
/// use millstream::Secret;
/// let secret = Secret::from(String::from("hunter2"));
/// assert_eq!(format!("{secret:?}"), "Secret(..)");
/// assert_eq!(secret.expose(), "hunter2");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// The value itself. Do not log it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(value: String) -> Self {
        Self(Zeroizing::new(value))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// What an option that is a secret takes: a [`Secret`] or a `String`, or an `Option` of one.
///
/// A text in the source code is refused:
///
/// ```compile_fail,E0277
/// # fn access_key(_: impl millstream::secret::IntoSecret) {}
/// access_key("AKIAIOSFODNN7EXAMPLE");
/// ```
#[diagnostic::on_unimplemented(
    message = "a secret is not written into the source code",
    label = "this must be a `Secret` or a `String` from outside the program",
    note = "read it when the program runs, such as `std::env::var(\"AWS_SECRET_ACCESS_KEY\")?`"
)]
pub trait IntoSecret {
    /// The secret, if there is one.
    fn into_secret(self) -> Option<Secret>;
}

impl IntoSecret for Secret {
    fn into_secret(self) -> Option<Secret> {
        Some(self)
    }
}

impl IntoSecret for String {
    fn into_secret(self) -> Option<Secret> {
        Some(self.into())
    }
}

impl IntoSecret for Option<Secret> {
    fn into_secret(self) -> Option<Secret> {
        self
    }
}

impl IntoSecret for Option<String> {
    fn into_secret(self) -> Option<Secret> {
        self.map(Secret::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_wiped() {
        fn wiped(_: &impl zeroize::ZeroizeOnDrop) {}
        wiped(&Secret::from("hunter2".to_owned()).0);
    }
}
