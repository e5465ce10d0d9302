//! A reader over a tree of JSON, for tests of derived code that must not depend on the real format.

use std::fmt;

use bumpalo::Bump;
use millstream::decode::{Fault, Found, Reader};
use millstream::schema::{Column, Projection};
use millstream::time::{Date, Timestamp};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// JSON that keeps the order of keys and the repeated ones.
#[derive(Debug)]
pub enum Tree {
    Null,
    Bool(bool),
    Number(serde_json::Number),
    Text(String),
    List(Vec<Tree>),
    Object(Vec<(String, Tree)>),
}

impl Tree {
    pub fn parse(text: &str) -> Self {
        serde_json::from_str(text).unwrap()
    }

    /// Decodes one record of type `T`.
    pub fn read<'a, T: Column, P: Projection>(&'a self, arena: &'a Bump) -> Result<T::View<'a>, String> {
        T::read::<_, P>(&mut TreeReader { at: self, arena }).map_err(|fault| fault.to_string())
    }
}

pub struct TreeReader<'a> {
    at: &'a Tree,
    arena: &'a Bump,
}

impl TreeReader<'_> {
    fn number<T>(&self, name: &'static str, take: impl Fn(&serde_json::Number) -> Option<T>) -> Result<T, Fault> {
        match self.at {
            Tree::Number(number) => take(number).ok_or_else(|| self.out_of_range(name)),
            _ => Err(self.unexpected(name)),
        }
    }
}

impl<'a> Reader<'a> for TreeReader<'a> {
    fn null(&mut self) -> Result<bool, Fault> {
        Ok(matches!(self.at, Tree::Null))
    }
    fn bool(&mut self) -> Result<bool, Fault> {
        match self.at {
            Tree::Bool(value) => Ok(*value),
            _ => Err(self.unexpected("bool")),
        }
    }
    fn i64(&mut self) -> Result<i64, Fault> {
        self.number("i64", serde_json::Number::as_i64)
    }
    fn u64(&mut self) -> Result<u64, Fault> {
        self.number("u64", serde_json::Number::as_u64)
    }
    fn f64(&mut self) -> Result<f64, Fault> {
        self.number("f64", serde_json::Number::as_f64)
    }
    fn f32(&mut self) -> Result<f32, Fault> {
        self.f64().map(|value| value as f32)
    }
    fn str(&mut self) -> Result<&'a str, Fault> {
        match self.at {
            Tree::Text(text) => Ok(text),
            _ => Err(self.unexpected("string")),
        }
    }
    fn bytes(&mut self) -> Result<&'a [u8], Fault> {
        self.str().map(str::as_bytes)
    }
    fn timestamp(&mut self) -> Result<Timestamp, Fault> {
        Timestamp::parse_rfc3339(self.str()?).ok_or_else(|| self.unexpected("a time of RFC 3339"))
    }
    fn date(&mut self) -> Result<Date, Fault> {
        Date::parse(self.str()?).ok_or_else(|| self.unexpected("a day"))
    }
    fn list(&mut self, mut item: impl FnMut(&mut Self) -> Result<(), Fault>) -> Result<(), Fault> {
        let Tree::List(items) = self.at else { return Err(self.unexpected("list")) };
        items.iter().try_for_each(|at| item(&mut TreeReader { at, arena: self.arena }))
    }
    fn object(&mut self, mut field: impl FnMut(&mut Self, &'a str) -> Result<(), Fault>) -> Result<(), Fault> {
        let Tree::Object(entries) = self.at else { return Err(self.unexpected("object")) };
        entries.iter().try_for_each(|(key, at)| field(&mut TreeReader { at, arena: self.arena }, key))
    }
    fn skip(&mut self) -> Result<(), Fault> {
        Ok(())
    }
    fn arena(&self) -> &'a Bump {
        self.arena
    }
    fn out_of_range(&self, expected: &'static str) -> Fault {
        Fault::new("RANGE", 0, expected, Found::Text(&self.at.to_string()))
    }
    fn unexpected(&self, expected: &'static str) -> Fault {
        Fault::new("TYPE", 0, expected, Found::Text(&self.at.to_string()))
    }
    fn missing(&self, column: &'static str) -> Fault {
        Fault::new("MISSING", 0, "a value", Found::Nothing).within(column)
    }
    fn duplicate(&self, column: &'static str) -> Fault {
        Fault::new("DUPLICATE", 0, "one value", Found::Text(column)).within(column)
    }
}

impl fmt::Display for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Tree::Null => f.write_str("null"),
            Tree::Bool(value) => write!(f, "{value}"),
            Tree::Number(number) => write!(f, "{number}"),
            Tree::Text(text) => f.write_str(text),
            Tree::List(_) => f.write_str("[..]"),
            Tree::Object(_) => f.write_str("{..}"),
        }
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Build;
        impl<'de> Visitor<'de> for Build {
            type Value = Tree;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("JSON")
            }
            fn visit_unit<E>(self) -> Result<Tree, E> {
                Ok(Tree::Null)
            }
            fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
                Ok(Tree::Bool(value))
            }
            fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
                Ok(Tree::Number(value.into()))
            }
            fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
                Ok(Tree::Number(value.into()))
            }
            fn visit_f64<E>(self, value: f64) -> Result<Tree, E> {
                Ok(serde_json::Number::from_f64(value).map_or(Tree::Null, Tree::Number))
            }
            fn visit_str<E>(self, text: &str) -> Result<Tree, E> {
                Ok(Tree::Text(text.to_owned()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Tree, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element()? {
                    items.push(item);
                }
                Ok(Tree::List(items))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Tree::Object(entries))
            }
        }
        deserializer.deserialize_any(Build)
    }
}
