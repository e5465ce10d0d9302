//! Which words can be a column by their spelling alone.

/// The word without `r#`, which is how a column is called.
pub(super) fn unraw(word: &str) -> &str {
    word.strip_prefix("r#").unwrap_or(word)
}

/// A bare word that may be a column or a local: no keyword, no primitive type, no upper-case first letter.
pub(super) fn is_name(word: &str) -> bool {
    let upper = unraw(word).chars().next().is_some_and(char::is_uppercase);
    !upper && !is_keyword(word) && !is_primitive(word)
}

/// Keywords that cannot be written with `r#` either.
pub(super) fn is_path_keyword(word: &str) -> bool {
    matches!(word, "_" | "self" | "Self" | "super" | "crate")
}

pub(super) fn is_keyword(word: &str) -> bool {
    is_path_keyword(word) || KEYWORDS.split(' ').any(|keyword| keyword == word)
}

pub(super) fn is_primitive(word: &str) -> bool {
    PRIMITIVES.split(' ').any(|primitive| primitive == word)
}

/// Those of every edition; `gen` is none, since a crate of an older edition may have a field of that name.
const KEYWORDS: &str = "abstract as async await become box break const continue do dyn else enum extern false final fn \
    for if impl in let loop macro match mod move mut override priv pub ref return static struct trait true try type \
    typeof unsafe unsized use virtual where while yield";

const PRIMITIVES: &str = "bool char str i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize f16 f32 f64 f128";
