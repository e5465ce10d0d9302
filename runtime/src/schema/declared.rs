//! `as Out`: whether a row is what was declared, checked while the pipeline is compiled.
//!
//! The columns of a schema that go through a pipeline as they are have no names in the macro, so it is their constants that
//! are compared. What is wrong is said by a panic of a constant, which rustc shows at the user's token; as the functions
//! here track their caller, it shows nothing of them.

use super::{Stored, StreamSchema};

/// The type of a column, as far as a constant can tell.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    /// Nothing is known; it fits everything.
    Unknown,
    /// A type by its name, such as `f64` or that of a nested schema.
    Named(&'static str),
    /// An `Option` of it.
    Optional(&'static Self),
    /// A `Vec` of it.
    ListOf(&'static Self),
    /// A map of `String` to it.
    MapOf(&'static Self),
}

impl Shape {
    const fn fits(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Unknown, _) | (_, Self::Unknown) => true,
            (Self::Named(own), Self::Named(other)) => same(own, other),
            (Self::Optional(own), Self::Optional(other))
            | (Self::ListOf(own), Self::ListOf(other))
            | (Self::MapOf(own), Self::MapOf(other)) => own.fits(other),
            _ => false,
        }
    }
}

/// Checks a row of named columns against `Out`: none may be missing. Those too many and their types rustc checks itself.
///
/// # Panics
/// A field of `Out` is no column of the row.
#[track_caller]
pub const fn named<Out: StreamSchema>(named: &[&str]) {
    let mut index = 0;
    while index < Out::FIELDS.len() {
        let field = Out::FIELDS[index];
        if !contains(named, field) {
            missing::<Out>(field);
        }
        index += 1;
    }
}

/// Checks the row of `Base` against `Out`, in which the columns `named` are new and `dropped` are gone.
///
/// # Panics
/// A column is missing, one is too many, or one is of another type.
#[track_caller]
pub const fn extended<Out: StreamSchema, Base: StreamSchema>(named: &[&str], dropped: &[&str]) {
    let mut index = 0;
    while index < Out::FIELDS.len() {
        let field = Out::FIELDS[index];
        if !contains(named, field) && (contains(dropped, field) || !contains(Base::FIELDS, field)) {
            missing::<Out>(field);
        }
        index += 1;
    }
    let mut index = 0;
    while index < Base::FIELDS.len() {
        let column = Base::FIELDS[index];
        if !contains(named, column) && !contains(dropped, column) {
            let Some(field) = position(Out::FIELDS, column) else {
                Text::new(&["`", Out::NAME, "` has no field for the column `", column, "` of the row"]).panic(&[
                    "add it, or take the column away: `drop { ",
                    column,
                    " }`",
                ]);
            };
            if index < Base::SHAPES.len() && field < Out::SHAPES.len() {
                let (is, declared) = (&Base::SHAPES[index], &Out::SHAPES[field]);
                if !is.fits(declared) {
                    Text::new(&["the column `", column, "` is `"])
                        .shape(is)
                        .add(&["`, and `", Out::NAME, "` declares `"])
                        .shape(declared)
                        .add(&["`"])
                        .panic(&["declare it so, or convert it: `select { .., ", column, " = EXPR }`"]);
                }
            }
        }
        index += 1;
    }
}

/// What a column must be to be this field of a declared struct. It is never there: its type is what a column is compared
/// with.
///
/// ```
/// # use millstream::schema::declared::view_of;
/// let city = "Berlin".to_owned();
/// if let Some(mut column) = view_of(&city) {
///     column = "text"; // `column = 1` does not compile.
/// }
/// ```
#[inline]
#[must_use]
pub fn view_of<T: Stored>(_field: &T) -> Option<T::View<'_>> {
    None
}

#[track_caller]
const fn missing<Out: StreamSchema>(field: &str) -> ! {
    Text::new(&["the row has no column `", field, "`, which `", Out::NAME, "` declares"]).panic(&[
        "make one, as in `select { .., ",
        field,
        " = EXPR }`, or take the field away",
    ])
}

const fn contains(names: &[&str], name: &str) -> bool {
    position(names, name).is_some()
}

const fn position(names: &[&str], name: &str) -> Option<usize> {
    let mut index = 0;
    while index < names.len() {
        if same(names[index], name) {
            return Some(index);
        }
        index += 1;
    }
    None
}

const fn same(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    if one.len() != other.len() {
        return false;
    }
    let mut index = 0;
    while index < one.len() {
        if one[index] != other[index] {
            return false;
        }
        index += 1;
    }
    true
}

/// A sentence that a constant puts together.
struct Text {
    bytes: [u8; 1 << 10],
    len: usize,
}

impl Text {
    const fn new(parts: &[&str]) -> Self {
        Self { bytes: [0; 1 << 10], len: 0 }.add(parts)
    }

    const fn add(mut self, parts: &[&str]) -> Self {
        let mut part = 0;
        while part < parts.len() {
            let bytes = parts[part].as_bytes();
            // A name that does not fit is left out as a whole, so that the text stays one.
            if self.len + bytes.len() <= self.bytes.len() {
                let mut index = 0;
                while index < bytes.len() {
                    self.bytes[self.len] = bytes[index];
                    self.len += 1;
                    index += 1;
                }
            }
            part += 1;
        }
        self
    }

    const fn shape(self, shape: &Shape) -> Self {
        match shape {
            Shape::Unknown => self.add(&["_"]),
            Shape::Named(name) => self.add(&[name]),
            Shape::Optional(of) => self.add(&["Option<"]).shape(of).add(&[">"]),
            Shape::ListOf(of) => self.add(&["Vec<"]).shape(of).add(&[">"]),
            Shape::MapOf(of) => self.add(&["BTreeMap<String, "]).shape(of).add(&[">"]),
        }
    }

    /// Ends the compilation: this is never called in a program that runs.
    #[allow(clippy::panic)]
    #[track_caller]
    const fn panic(self, help: &[&str]) -> ! {
        let text = self.add(&["; "]).add(help);
        match std::str::from_utf8(text.bytes.split_at(text.len).0) {
            Ok(text) => panic!("{}", text),
            Err(_) => panic!("the row is not what was declared"),
        }
    }
}
