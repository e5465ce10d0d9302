//! `rename_all`: serde's eight ways to write a name.

use syn::LitStr;

use crate::diag::{Diags, did_you_mean, one_of};

/// A way to write a name.
#[derive(Clone, Copy)]
pub(crate) enum Case {
    Lower,
    Upper,
    Pascal,
    Camel,
    Snake,
    ScreamingSnake,
    Kebab,
    ScreamingKebab,
}

pub(super) const CASES: [(&str, Case); 8] = [
    ("lowercase", Case::Lower),
    ("UPPERCASE", Case::Upper),
    ("PascalCase", Case::Pascal),
    ("camelCase", Case::Camel),
    ("snake_case", Case::Snake),
    ("SCREAMING_SNAKE_CASE", Case::ScreamingSnake),
    ("kebab-case", Case::Kebab),
    ("SCREAMING-KEBAB-CASE", Case::ScreamingKebab),
];

impl Case {
    /// Reads the name of a case, which is written as an example of itself.
    pub(crate) fn parse(diags: &mut Diags, text: &LitStr) -> Option<Self> {
        let name = text.value();
        let found = CASES.iter().find(|(case, _)| *case == name).map(|(_, case)| *case);
        if found.is_none() {
            let names = CASES.map(|(case, _)| case);
            let help = match did_you_mean(&name, &names) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("it is one of {}", one_of(&names)),
            };
            diags.push(text, format!("unknown case `{name}`"), help);
        }
        found
    }

    /// The name of a field, written `like_this` in Rust.
    pub(crate) fn of_field(self, name: &str) -> String {
        match self {
            Case::Lower | Case::Snake => name.to_owned(),
            Case::Upper | Case::ScreamingSnake => name.to_ascii_uppercase(),
            Case::Pascal => pascal(name),
            Case::Camel => small_first(&pascal(name)),
            Case::Kebab => name.replace('_', "-"),
            Case::ScreamingKebab => name.to_ascii_uppercase().replace('_', "-"),
        }
    }

    /// The name of a variant, written `LikeThis` in Rust.
    pub(crate) fn of_variant(self, name: &str) -> String {
        match self {
            Case::Pascal => name.to_owned(),
            Case::Lower => name.to_ascii_lowercase(),
            Case::Upper => name.to_ascii_uppercase(),
            Case::Camel => small_first(name),
            Case::Snake | Case::ScreamingSnake | Case::Kebab | Case::ScreamingKebab => self.of_field(&snake(name)),
        }
    }
}

fn pascal(name: &str) -> String {
    let mut out = String::new();
    let mut large = true;
    for letter in name.chars() {
        if letter == '_' {
            large = true;
        } else {
            out.push(if large { letter.to_ascii_uppercase() } else { letter });
            large = false;
        }
    }
    out
}

fn snake(name: &str) -> String {
    let mut out = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(letter.to_ascii_lowercase());
    }
    out
}

fn small_first(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(letters).collect()
}
