//! What rows can be grouped by.

use std::hash::{Hash, Hasher};

use super::short::{Parts, Short};
use crate::decimal::Decimal;
use crate::schema::Stored;
use crate::time::{Date, Duration, Timestamp, micros};

/// The number of key groups unless a checkpoint says otherwise: the grain in which state is moved between workers.
pub const KEY_GROUPS: u16 = 128;

/// A column that rows can be grouped by, borrowed: it finds its group in a table without being owned.
#[diagnostic::on_unimplemented(
    message = "a column of type `{Self}` cannot be a group key",
    label = "this is a `{Self}`",
    note = "keys are bool, integers, text, Timestamp, Date, Duration, Decimal, enums and Option of these; two floats are hardly ever equal: group by a bucket, as in `(temperature / 5.0) as i64`"
)]
pub trait KeyRef: Copy {
    /// The owned key.
    type Owned: Key;
    /// Owns the key; called only when it is new.
    fn to_key(self) -> Self::Owned;
    /// Whether it is this key.
    fn same(self, key: &Self::Owned) -> bool;
    /// Feeds the key to a hasher, as [`Key::key_ref`] of the owned key does.
    fn feed<H: Hasher>(self, hasher: &mut H);
    /// Adds the key to a number that is found more quickly, if it can be short; [`Key::lengthen`] must undo it.
    #[inline]
    fn shorten(self, short: &mut Short) {
        short.refuse();
    }
}

/// An owned key, part of the state.
pub trait Key: Stored {
    /// The key as later stages see it: as its column was before.
    type Ref<'a>: Copy;
    /// Borrows.
    fn key_ref(&self) -> Self::Ref<'_>;
    /// Whether it is the same key.
    fn equals(&self, other: &Self) -> bool;
    /// Feeds the key to a hasher.
    fn feed_key<H: Hasher>(&self, hasher: &mut H);
    /// Appends bytes that are the same for the same key on every machine and in every version: what key groups are made
    /// of.
    fn canonical(&self, out: &mut Vec<u8>);
    /// The key of what [`KeyRef::shorten`] has added; `None` if that adds nothing, the default.
    #[inline]
    fn lengthen(_parts: &mut Parts) -> Option<Self> {
        None
    }
    /// The names of the columns it is stored in, given those of the grouping columns.
    fn columns(&self) -> usize {
        1
    }
}

/// The key group of a key's canonical bytes: XXH3 modulo the number of groups. Fixed for the life of a checkpoint.
#[must_use]
pub fn key_group(canonical: &[u8], groups: u16) -> u16 {
    (xxhash_rust::xxh3::xxh3_64(canonical) % u64::from(groups.max(1))) as u16
}

macro_rules! plain_key {
    ($([$($param:tt)*] $type:ty, |$value:ident, $out:ident| $canonical:expr $(, $short:expr, |$part:ident| $long:expr)?;)*) => {$(
        impl<$($param)*> KeyRef for $type {
            type Owned = $type;
            #[inline]
            fn to_key(self) -> $type { self }
            #[inline]
            fn same(self, key: &$type) -> bool { self == *key }
            #[inline]
            fn feed<H: Hasher>(self, hasher: &mut H) { self.hash(hasher); }
            $(
                #[inline]
                fn shorten(self, short: &mut Short) {
                    let $value = self;
                    short.push(u128::from($short), 8 * size_of::<Self>() as u32);
                }
            )?
        }
        impl<$($param)*> Key for $type {
            type Ref<'a> = $type;
            #[inline]
            fn key_ref(&self) -> $type { *self }
            #[inline]
            fn equals(&self, other: &Self) -> bool { self == other }
            #[inline]
            fn feed_key<H: Hasher>(&self, hasher: &mut H) { self.hash(hasher); }
            fn canonical(&self, $out: &mut Vec<u8>) {
                let $value = *self;
                $out.extend_from_slice(&$canonical);
            }
            $(
                #[inline]
                fn lengthen(parts: &mut Parts) -> Option<Self> {
                    let $part = parts.take(8 * size_of::<Self>() as u32);
                    Some($long)
                }
            )?
        }
    )*};
}

plain_key! {
    [] bool, |value, out| [u8::from(value)], u8::from(value), |part| part != 0;
    [] i8, |value, out| value.to_le_bytes(), value.cast_unsigned(), |part| part as i8;
    [] i16, |value, out| value.to_le_bytes(), value.cast_unsigned(), |part| part as i16;
    [] i32, |value, out| value.to_le_bytes(), value.cast_unsigned(), |part| part as i32;
    [] i64, |value, out| value.to_le_bytes(), value.cast_unsigned(), |part| part as i64;
    [] u8, |value, out| value.to_le_bytes(), value, |part| part as u8;
    [] u16, |value, out| value.to_le_bytes(), value, |part| part as u16;
    [] u32, |value, out| value.to_le_bytes(), value, |part| part as u32;
    [] u64, |value, out| value.to_le_bytes(), value, |part| part as u64;
    [] Timestamp, |value, out| value.micros().to_le_bytes(), value.micros().cast_unsigned(), |part| Timestamp::from_micros(part as i64);
    [] Date, |value, out| value.days().to_le_bytes(), value.days().cast_unsigned(), |part| Date::from_days(part as i32);
    [] Duration, |value, out| micros(value).to_le_bytes();
    [const P: u8, const S: u8] Decimal<P, S>, |value, out| value.units().to_le_bytes();
}

impl KeyRef for &str {
    type Owned = String;
    fn to_key(self) -> String {
        self.to_owned()
    }
    #[inline]
    fn same(self, key: &String) -> bool {
        self == key
    }
    #[inline]
    fn feed<H: Hasher>(self, hasher: &mut H) {
        self.hash(hasher);
    }
    #[inline]
    fn shorten(self, short: &mut Short) {
        short.push_bytes(self.as_bytes());
    }
}

impl Key for String {
    type Ref<'a> = &'a str;
    #[inline]
    fn key_ref(&self) -> &str {
        self
    }
    #[inline]
    fn equals(&self, other: &Self) -> bool {
        self == other
    }
    #[inline]
    fn feed_key<H: Hasher>(&self, hasher: &mut H) {
        self.as_str().hash(hasher);
    }
    fn canonical(&self, out: &mut Vec<u8>) {
        canonical_text(self, out);
    }
    #[inline]
    fn lengthen(parts: &mut Parts) -> Option<Self> {
        let (len, bytes) = parts.take_bytes();
        Some(std::str::from_utf8(bytes.get(..len)?).ok()?.to_owned())
    }
}

/// Appends text to a key's [canonical bytes](Key::canonical), as the key `String` does.
pub fn canonical_text(text: &str, out: &mut Vec<u8>) {
    // The length goes first, so that ("ab", "c") and ("a", "bc") differ.
    out.extend_from_slice(&(text.len() as u64).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

impl<K: KeyRef> KeyRef for Option<K> {
    type Owned = Option<K::Owned>;
    fn to_key(self) -> Self::Owned {
        self.map(K::to_key)
    }
    #[inline]
    fn same(self, key: &Self::Owned) -> bool {
        match (self, key) {
            (Some(own), Some(key)) => own.same(key),
            (None, None) => true,
            _ => false,
        }
    }
    #[inline]
    fn feed<H: Hasher>(self, hasher: &mut H) {
        hasher.write_u8(u8::from(self.is_some()));
        if let Some(own) = self {
            own.feed(hasher);
        }
    }
    #[inline]
    fn shorten(self, short: &mut Short) {
        short.push(u128::from(self.is_some()), 8);
        if let Some(own) = self {
            own.shorten(short);
        }
    }
}

impl<K: Key> Key for Option<K> {
    type Ref<'a> = Option<K::Ref<'a>>;
    #[inline]
    fn key_ref(&self) -> Self::Ref<'_> {
        self.as_ref().map(K::key_ref)
    }
    #[inline]
    fn equals(&self, other: &Self) -> bool {
        match (self, other) {
            (Some(own), Some(other)) => own.equals(other),
            (None, None) => true,
            _ => false,
        }
    }
    #[inline]
    fn feed_key<H: Hasher>(&self, hasher: &mut H) {
        hasher.write_u8(u8::from(self.is_some()));
        if let Some(own) = self {
            own.feed_key(hasher);
        }
    }
    fn canonical(&self, out: &mut Vec<u8>) {
        out.push(u8::from(self.is_some()));
        if let Some(own) = self {
            own.canonical(out);
        }
    }
    #[inline]
    fn lengthen(parts: &mut Parts) -> Option<Self> {
        if parts.take(8) == 0 { Some(None) } else { K::lengthen(parts).map(Some) }
    }
}
