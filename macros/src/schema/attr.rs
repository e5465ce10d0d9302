//! The words in `#[stream(..)]`, as written.

use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{Attribute, Expr, Ident, LitStr, Meta, Path};

use super::case::Case;
use crate::diag::{Diags, did_you_mean, one_of};

/// What an attribute is written on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Struct,
    Enum,
    Field,
    Variant,
}

impl Place {
    const ALL: [Place; 4] = [Place::Struct, Place::Enum, Place::Field, Place::Variant];

    fn words(self) -> &'static [&'static str] {
        match self {
            Place::Struct => &["rename_all", "deny_unknown"],
            Place::Enum => &["rename_all"],
            Place::Field => &["rename", "alias", "default", "event_time", "format"],
            Place::Variant => &["rename", "alias", "other"],
        }
    }

    fn name(self) -> &'static str {
        match self {
            Place::Struct => "a struct",
            Place::Enum => "an enum",
            Place::Field => "a field",
            Place::Variant => "a variant",
        }
    }
}

/// What a missing field means.
pub(crate) enum Fallback {
    /// `default`: the type's own.
    OfType,
    /// `default = "text"`.
    Text(LitStr),
    /// `default = EXPR`.
    Value(Box<Expr>),
}

/// All that the attributes of one place say. A fault leaves its word out.
#[derive(Default)]
pub(crate) struct Attrs {
    pub(crate) rename_all: Option<Case>,
    pub(crate) deny_unknown: bool,
    pub(crate) rename: Option<LitStr>,
    pub(crate) aliases: Vec<LitStr>,
    pub(crate) fallback: Option<Fallback>,
    pub(crate) event_time: Option<Ident>,
    pub(crate) format: Option<Path>,
    pub(crate) other: Option<Ident>,
}

impl Attrs {
    /// Reads the attributes of one place.
    pub(crate) fn new(diags: &mut Diags, place: Place, attrs: &[Attribute]) -> Self {
        let mut own = Self::default();
        let mut seen: Vec<String> = Vec::new();
        let attrs = attrs.iter().filter(|attr| attr.path().is_ident("stream"));
        let words: Vec<_> = attrs.flat_map(|attr| words(diags, attr)).collect();
        for word in words {
            let name = word.name.to_string();
            if !place.words().contains(&name.as_str()) {
                misplaced(diags, place, &word.name);
            } else if name != "alias" && seen.contains(&name) {
                diags.push(&word.name, format!("`{name}` is given twice"), "remove one of the two");
            } else {
                own.set(diags, &name, &word);
            }
            seen.push(name);
        }
        own
    }

    fn set(&mut self, diags: &mut Diags, name: &str, word: &Word) {
        match name {
            "rename_all" => {
                self.rename_all = word.text(diags, "camelCase").and_then(|text| Case::parse(diags, &text));
            }
            "rename" => self.rename = word.text(diags, "name"),
            "alias" => self.aliases.extend(word.text(diags, "name")),
            "deny_unknown" => self.deny_unknown = word.flag(diags).is_some(),
            "event_time" => self.event_time = word.flag(diags),
            "other" => self.other = word.flag(diags),
            "default" => self.fallback = word.fallback(diags),
            "format" => self.format = word.path(diags),
            _ => {}
        }
    }
}

/// One word and what follows it up to the next comma.
struct Word {
    name: Ident,
    /// The tokens after `=`; `Err` holds tokens that are not behind a `=`.
    value: Option<Result<TokenStream, TokenStream>>,
}

impl Word {
    /// `word`, which takes no value.
    fn flag(&self, diags: &mut Diags) -> Option<Ident> {
        match &self.value {
            None => Some(self.name.clone()),
            Some(Ok(tokens) | Err(tokens)) => {
                let name = &self.name;
                diags.push(quote!(#name #tokens), format!("`{name}` takes no value"), format!("write `{name}`"));
                None
            }
        }
    }

    /// The tokens of `word = TOKENS`.
    fn value(&self, diags: &mut Diags, example: &str) -> Option<&TokenStream> {
        match &self.value {
            Some(Ok(tokens)) if !tokens.is_empty() => Some(tokens),
            _ => {
                let name = &self.name;
                let message = format!("`{name}` needs a value after `=`");
                diags.push(name, message, format!("write `{name} = {example}`"));
                None
            }
        }
    }

    /// `word = "text"`.
    fn text(&self, diags: &mut Diags, example: &str) -> Option<LitStr> {
        let tokens = self.value(diags, &format!("\"{example}\""))?;
        match syn::parse2::<LitStr>(tokens.clone()) {
            Ok(text) if !text.value().is_empty() => Some(text),
            Ok(text) => {
                diags.push(text, format!("`{}` must not be empty", self.name), "write the name that is on the wire");
                None
            }
            Err(_) => {
                let help = match syn::parse2::<Ident>(tokens.clone()) {
                    Ok(bare) => format!("put it in quotes: `{} = \"{bare}\"`", self.name),
                    Err(_) => format!("write `{} = \"{example}\"`", self.name),
                };
                diags.push(tokens, format!("`{}` needs a string", self.name), help);
                None
            }
        }
    }

    /// `format = PATH`.
    fn path(&self, diags: &mut Diags) -> Option<Path> {
        let tokens = self.value(diags, "epoch_ms")?;
        if let Ok(path) = syn::parse2::<Path>(tokens.clone()) {
            return Some(path);
        }
        let help = match syn::parse2::<LitStr>(tokens.clone()) {
            Ok(text) => format!("without quotes: `format = {}`", text.value()),
            Err(_) => "write `format = epoch_ms`, or the path of a format of your own".to_owned(),
        };
        diags.push(tokens, "`format` needs the name of a format", help);
        None
    }

    /// `default`, `default = "text"` or `default = EXPR`.
    fn fallback(&self, diags: &mut Diags) -> Option<Fallback> {
        if self.value.is_none() {
            return Some(Fallback::OfType);
        }
        let tokens = self.value(diags, "0")?;
        if let Ok(text) = syn::parse2::<LitStr>(tokens.clone()) {
            return Some(Fallback::Text(text));
        }
        match syn::parse2::<Expr>(tokens.clone()) {
            Ok(value) => Some(Fallback::Value(Box::new(value))),
            Err(_) => {
                let message = "`default` needs an expression after `=`";
                diags.push(tokens, message, "write `default`, or a value such as `default = 0`");
                None
            }
        }
    }
}

/// Takes an attribute apart at its commas, so that a fault in one word leaves the others whole.
fn words(diags: &mut Diags, attr: &Attribute) -> Vec<Word> {
    let Meta::List(list) = &attr.meta else {
        diags.push(attr, "`stream` needs words in parentheses", "write `#[stream(event_time)]`");
        return Vec::new();
    };
    let mut words = Vec::new();
    let mut tokens = list.tokens.clone().into_iter().peekable();
    while tokens.peek().is_some() {
        let piece: Vec<TokenTree> = tokens.by_ref().take_while(|token| !is_punct(token, ',')).collect();
        match piece.split_first() {
            Some((TokenTree::Ident(name), rest)) => {
                let value = match rest.split_first() {
                    None => None,
                    Some((equals, value)) if is_punct(equals, '=') => Some(Ok(value.iter().cloned().collect())),
                    Some(_) => Some(Err(rest.iter().cloned().collect())),
                };
                words.push(Word { name: name.clone(), value });
            }
            Some(_) => {
                let piece: TokenStream = piece.into_iter().collect();
                let message = format!("`{}` is no word of `#[stream]`", piece.to_token_stream());
                diags.push(piece, message, "each begins with a word, such as `rename = \"name\"`");
            }
            None => {}
        }
    }
    words
}

fn is_punct(token: &TokenTree, char: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == char)
}

/// Says where a word belongs, or which was meant.
fn misplaced(diags: &mut Diags, place: Place, word: &Ident) {
    let name = word.to_string();
    let homes: Vec<_> = Place::ALL.into_iter().filter(|home| home.words().contains(&name.as_str())).collect();
    if !homes.is_empty() {
        let homes: Vec<_> = homes.into_iter().map(Place::name).collect();
        let message = format!("`{name}` cannot stand on {}", place.name());
        diags.push(word, message, format!("it belongs on {}", homes.join(" or ")));
        return;
    }
    let help = match did_you_mean(&name, place.words()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("{} takes {}", place.name(), one_of(place.words())),
    };
    diags.push(word, format!("unknown word `{name}` in `#[stream]`"), help);
}
