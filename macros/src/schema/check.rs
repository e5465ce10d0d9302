//! From what the user wrote to a schema without faults.

use std::collections::HashMap;

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::{
    Attribute, Data, DataEnum, DataStruct, DeriveInput, Fields, FieldsUnnamed, Ident, LitStr, Path, Type, Visibility,
};

use super::attr::{Attrs, Fallback, Place};
use crate::diag::Diags;

/// A struct or an enum that is a schema.
pub(crate) enum Schema {
    Struct(Struct),
    Enum(UnitEnum),
    Newtype(Newtype),
}

/// A struct with named fields.
pub(crate) struct Struct {
    pub(crate) ident: Ident,
    pub(crate) vis: Visibility,
    pub(crate) deny_unknown: bool,
    pub(crate) fields: Vec<Field>,
    /// The number of the field that is event time.
    pub(crate) event_time: Option<usize>,
}

/// A struct around one value.
pub(crate) struct Newtype {
    pub(crate) ident: Ident,
    pub(crate) inner: Box<Type>,
}

/// One field.
pub(crate) struct Field {
    pub(crate) ident: Ident,
    pub(crate) vis: Visibility,
    pub(crate) ty: Type,
    pub(crate) docs: Vec<Attribute>,
    /// The name of the column.
    pub(crate) column: String,
    pub(crate) names: Names,
    pub(crate) fallback: Option<Fallback>,
    pub(crate) format: Option<Path>,
    /// Whether its type is surely a column, as far as one can tell from its name; spares rustc and readers of the
    /// documentation a bound.
    pub(crate) plain: bool,
    /// Whether its type was found at fault already.
    pub(crate) refused: bool,
}

/// What a field or variant is called on the wire.
pub(crate) struct Names {
    /// The name it is known by.
    pub(crate) wire: String,
    /// Other names that are read.
    pub(crate) aliases: Vec<String>,
}

impl ToTokens for Names {
    /// A pattern of all names.
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let Names { wire, aliases } = self;
        tokens.extend(quote!(#wire #(| #aliases)*));
    }
}

/// An enum without data.
pub(crate) struct UnitEnum {
    pub(crate) ident: Ident,
    pub(crate) variants: Vec<Variant>,
    /// The number of the variant that stands for unknown values.
    pub(crate) other: Option<usize>,
}

/// One variant.
pub(crate) struct Variant {
    pub(crate) ident: Ident,
    pub(crate) names: Names,
}

/// Checks the whole. `None` when there is nothing that code could be made for; otherwise a schema, less what is faulty.
pub(crate) fn check(diags: &mut Diags, input: DeriveInput) -> Option<Schema> {
    let generic = !input.generics.params.is_empty();
    if generic {
        let message = format!("the schema `{}` cannot have generic parameters", input.ident);
        diags.push(
            &input.generics,
            message,
            "write the types of the columns; a schema owns them, so no lifetimes either",
        );
    }
    // The faults of the fields are reported even when the whole has one.
    let schema = match input.data {
        Data::Struct(DataStruct { fields: Fields::Unnamed(fields), .. }) if fields.unnamed.len() == 1 => {
            newtype(diags, &input.attrs, input.ident, fields).map(Schema::Newtype)
        }
        Data::Struct(data) => structure(diags, &input.attrs, input.ident, input.vis, data).map(Schema::Struct),
        Data::Enum(data) => enumeration(diags, &input.attrs, input.ident, data).map(Schema::Enum),
        Data::Union(data) => {
            let help = "write a struct with one field for each column";
            diags.push(data.union_token, format!("the union `{}` cannot be a schema", input.ident), help);
            None
        }
    };
    schema.filter(|_| !generic)
}

fn newtype(diags: &mut Diags, attrs: &[Attribute], ident: Ident, fields: FieldsUnnamed) -> Option<Newtype> {
    let field = fields.unnamed.into_iter().next()?;
    for attr in attrs.iter().chain(&field.attrs).filter(|attr| attr.path().is_ident("stream")) {
        let message = format!("`{ident}` is written as its value is, so nothing is said about it here");
        diags.push(attr, message, "move it to the field whose type it is");
    }
    (!reference(diags, &field.ty)).then_some(Newtype { ident, inner: Box::new(field.ty) })
}

fn structure(
    diags: &mut Diags,
    attrs: &[Attribute],
    ident: Ident,
    vis: Visibility,
    data: DataStruct,
) -> Option<Struct> {
    let container = Attrs::new(diags, Place::Struct, attrs);
    let named = match data.fields {
        Fields::Named(named) if !named.named.is_empty() => named.named,
        Fields::Unnamed(unnamed) => {
            let message = format!("the fields of `{ident}` have no names, which columns need");
            diags.push(
                unnamed,
                message,
                "name them: `{ device_id: String, .. }`; a struct around one value needs no name",
            );
            return None;
        }
        Fields::Named(_) | Fields::Unit => {
            let message = format!("`{ident}` has no fields, so a row of it has no columns");
            diags.push(ident, message, "add a field, or decode with `text` or `bytes`, which need no schema");
            return None;
        }
    };
    let (mut taken, mut fields) = (Taken::default(), Vec::new());
    let mut event_time: Option<(usize, Ident)> = None;
    for (index, field) in named.into_iter().enumerate() {
        let Some(ident) = field.ident else { continue };
        let own = Attrs::new(diags, Place::Field, &field.attrs);
        let column = ident.unraw().to_string();
        let wire = container.rename_all.map_or_else(|| column.clone(), |case| case.of_field(&column));
        match (&event_time, own.event_time) {
            (None, Some(word)) => event_time = Some((index, word)),
            (Some((first, _)), Some(word)) => {
                let first = fields.get(*first).map_or("", |field: &Field| &field.column);
                let message = format!("`{column}` and `{first}` are both marked `event_time`");
                diags.push(word, message, "mark one, and name the other where it is meant: `watermark other 10s`");
            }
            (_, None) => {}
        }
        fields.push(Field {
            names: taken.add(diags, &ident, wire, own.rename, own.aliases),
            docs: field.attrs.into_iter().filter(|attr| attr.path().is_ident("doc")).collect(),
            vis: field.vis,
            plain: plain(&field.ty),
            refused: reference(diags, &field.ty),
            ty: field.ty,
            fallback: own.fallback,
            format: own.format,
            column,
            ident,
        });
    }
    let event_time = event_time.map(|(index, _)| index);
    Some(Struct { ident, vis, deny_unknown: container.deny_unknown, fields, event_time })
}

/// Whether the type is spelt like one of Rust's own or ours that are columns. If it is another one of that name, rustc says
/// more about it than it needs to, and no less.
fn plain(ty: &Type) -> bool {
    const PLAIN: [&str; 15] = [
        "bool",
        "i8",
        "i16",
        "i32",
        "i64",
        "u8",
        "u16",
        "u32",
        "u64",
        "f32",
        "f64",
        "String",
        "Timestamp",
        "Date",
        "Duration",
    ];
    matches!(ty, Type::Path(path) if PLAIN.iter().any(|plain| path.path.is_ident(plain)))
}

/// Says that a field cannot be a reference; about its lifetime rustc would have more to say than helps.
fn reference(diags: &mut Diags, ty: &Type) -> bool {
    let Type::Reference(reference) = ty else { return false };
    let elem = &reference.elem;
    let owned = match quote!(#elem).to_string().as_str() {
        "str" => "`String`; expressions see it as `&str`",
        "[u8]" => "`Vec<u8>`; expressions see it as `&[u8]`",
        _ => "the type without `&`",
    };
    diags.push(ty, "a schema owns its columns, so a field cannot be a reference", format!("write {owned}"));
    true
}

fn enumeration(diags: &mut Diags, attrs: &[Attribute], ident: Ident, data: DataEnum) -> Option<UnitEnum> {
    let container = Attrs::new(diags, Place::Enum, attrs);
    if data.variants.is_empty() {
        let message = format!("`{ident}` has no variants, so a column of it has no values");
        diags.push(&ident, message, "add one for each text that may be on the wire");
        return None;
    }
    let (mut taken, mut variants) = (Taken::default(), Vec::new());
    let mut other: Option<usize> = None;
    let mut whole = true;
    for (index, variant) in data.variants.into_iter().enumerate() {
        let own = Attrs::new(diags, Place::Variant, &variant.attrs);
        let name = variant.ident.unraw().to_string();
        if !matches!(variant.fields, Fields::Unit) {
            let message = format!("the variant `{name}` has data, which no column can hold");
            diags.push(&variant.fields, message, format!("write `{name}` alone, and a struct for the data"));
            whole = false;
        }
        match (other, own.other) {
            (None, Some(_)) => other = Some(index),
            (Some(first), Some(word)) => {
                let first = variants.get(first).map_or(String::new(), |first: &Variant| first.ident.to_string());
                let message = format!("`{name}` and `{first}` are both marked `other`");
                diags.push(word, message, "one variant stands for all unknown values");
            }
            (_, None) => {}
        }
        let wire = container.rename_all.map_or_else(|| name.clone(), |case| case.of_variant(&name));
        let names = taken.add(diags, &variant.ident, wire, own.rename, own.aliases);
        variants.push(Variant { ident: variant.ident, names });
    }
    whole.then_some(UnitEnum { ident, variants, other })
}

/// Which names on the wire are taken, and by what.
#[derive(Default)]
struct Taken(HashMap<String, Ident>);

impl Taken {
    /// The names of one field or variant.
    fn add(
        &mut self,
        diags: &mut Diags,
        owner: &Ident,
        wire: String,
        rename: Option<LitStr>,
        aliases: Vec<LitStr>,
    ) -> Names {
        let (wire, at) = match rename {
            Some(text) => (text.value(), quote!(#text)),
            None => (wire, quote!(#owner)),
        };
        self.take(diags, owner, &wire, at);
        let aliases = aliases.into_iter().map(|text| (text.value(), quote!(#text)));
        let aliases = aliases.filter_map(|(name, at)| self.take(diags, owner, &name, at).then_some(name)).collect();
        Names { wire, aliases }
    }

    fn take(&mut self, diags: &mut Diags, owner: &Ident, name: &str, at: TokenStream) -> bool {
        let Some(taken) = self.0.get(name) else {
            self.0.insert(name.to_owned(), owner.clone());
            return true;
        };
        if taken == owner {
            diags.push(at, format!("`{owner}` has the name `{name}` already"), "remove this one");
        } else {
            let message = format!("`{owner}` and `{taken}` are both called `{name}` on the wire");
            diags.push(at, message, "give one of them another name: `#[stream(rename = \"name\")]`");
        }
        false
    }
}

/// The same name, resolved as the user's but located at the derive: an editor that looks for the user's token finds the
/// declaration and nothing else.
pub(crate) fn quiet(ident: &Ident) -> Ident {
    let mut ident = ident.clone();
    ident.set_span(Span::call_site().resolved_at(ident.span()));
    ident
}
