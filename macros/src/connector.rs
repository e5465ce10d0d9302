//! Sources, formats and sinks: `kinesis("readings", region = "us-west-2", start = latest)`.
//!
//! A one-segment name is looked up in millstream's module for the place, then in the user's scope; a path is taken as
//! written; `{x}` is a Rust value. Positional arguments go to the function, options become methods of what it returns, so
//! that rustc checks them at the user's own words.

use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};
use quote::{quote, quote_spanned};

use crate::diag::Diags;
use crate::expression::expression;
use crate::paths::Room;
use crate::spans::{self, instead_of};
use crate::tokens::{Cursor, doubled_comma, inside, is_lone, is_punct, split_commas, stream, text};
use crate::{literal, rust, words};

/// A source, format or sink.
#[derive(Debug, Clone)]
pub(crate) enum Connector {
    /// `{x}`, or a value with methods such as `rows.clone()`.
    Value(TokenStream),
    /// A name with or without arguments.
    Call(Call),
}

#[derive(Debug, Clone)]
pub(crate) struct Call {
    room: Room,
    path: TokenStream,
    /// The name, where the path is only that.
    single: Option<Ident>,
    args: Option<Vec<Arg>>,
    /// Methods behind the call, as in `rate(1_000).count(10)`: options as they are written outside of the language.
    methods: TokenStream,
}

#[derive(Debug, Clone)]
enum Arg {
    Positional(TokenStream),
    /// A format's `lines` in `json(lines)`.
    Flag(Ident),
    Option(Ident, Value),
}

#[derive(Debug, Clone)]
enum Value {
    /// The option's own word, an item of the connector's module.
    Word(Ident),
    /// A call of one: `at("2026-01-01T00:00:00Z")`.
    WordCall(Ident, TokenStream),
    /// Columns of the row.
    Columns(Vec<Ident>),
    Rust(TokenStream),
}

impl Connector {
    /// Takes a connector from the cursor. The stage word is for messages.
    pub(crate) fn parse(
        cursor: &mut Cursor<'_>,
        room: Room,
        whose: &Ident,
        ends: &[&str],
        diags: &mut Diags,
    ) -> Option<Self> {
        let ended = |word: &TokenTree| ends.iter().any(|end| matches!(word, TokenTree::Ident(word) if word == end));
        if cursor.peek().is_none_or(ended) {
            let (what, example) = match room {
                Room::Source => ("a source", "from kinesis(\"readings\", region = \"us-west-2\")"),
                Room::Decode => ("a format", "decode json as Reading"),
                Room::Agg => ("an aggregate", "n = count()"),
                Room::Sink if whose == words::SINK => ("a sink", "sink parquet(\"out\")"),
                Room::Sink => ("a sink", "dead_letter(parquet(\"out/bad\"))"),
            };
            diags.push(whose, format!("`{whose}` needs {what}"), format!("write `{example}`"));
            return None;
        }
        if let Some(value) = cursor.group(Delimiter::Brace) {
            return rust::value(value, diags).map(Self::Value);
        }
        let mut path = TokenStream::new();
        let mut segments = Vec::new();
        loop {
            if cursor.at_colons() {
                path.extend(cursor.next().cloned());
                path.extend(cursor.next().cloned());
            } else if segments.last().is_some() {
                break;
            }
            if is_punct(cursor.peek(), '<') {
                let rest = cursor.until_word(ends);
                path.extend(rest.iter().cloned());
                return expression(&path.into_iter().collect::<Vec<_>>(), whose, "", diags).map(Self::Value);
            }
            let Some(segment) = cursor.ident() else {
                let help = match cursor.peek() {
                    Some(TokenTree::Literal(path)) if room == Room::Source => format!("write `file({path})`"),
                    _ => "write a name such as `memory(..)`, a path, or `{value}` for a Rust value".to_owned(),
                };
                diags.push(
                    cursor.peek().map_or_else(|| TokenTree::Ident(whose.clone()), TokenTree::clone),
                    format!("`{whose}` needs a name here"),
                    help,
                );
                return None;
            };
            path.extend([TokenTree::Ident(segment.clone())]);
            segments.push(segment.clone());
        }
        let last = segments.last()?.clone();
        let single = (segments.len() == 1 && path.clone().into_iter().count() == 1).then(|| last.clone());
        let group = cursor.group(Delimiter::Parenthesis);
        let mut methods = TokenStream::new();
        if is_punct(cursor.peek(), '.') {
            let rest = cursor.until_word(ends);
            let mut whole = path.clone();
            whole.extend(group.cloned().map(TokenTree::Group));
            whole.extend(rest.iter().cloned());
            let whole = expression(&whole.into_iter().collect::<Vec<_>>(), whose, "", diags)?;
            if group.is_none() || single.is_none() {
                return Some(Self::Value(whole));
            }
            methods = literal::replace(stream(rest), diags);
        }
        if group.is_none()
            && let Some(next @ (TokenTree::Group(_) | TokenTree::Literal(_))) = cursor.peek()
        {
            let inner = text(&next.clone().into());
            diags.push(
                next,
                format!("what `{last}` takes stands in parentheses"),
                format!("write `{last}({})`", inner.replace("{ ", "{").replace(" }", "}")),
            );
            return None;
        }
        let args = match group {
            None => None,
            Some(group) => Some(arguments(&inside(group), room, &last, diags)?),
        };
        Some(Self::Call(Call { room, path, single, args, methods }))
    }

    /// Whether this is a bare name, as `readings` in `from readings`.
    pub(crate) fn bare_name(&self) -> Option<&Ident> {
        match self {
            Self::Call(Call { single: Some(name), args: None, .. }) => Some(name),
            _ => None,
        }
    }

    /// The columns that options name.
    pub(crate) fn columns(&self) -> Vec<(&Ident, &[Ident])> {
        let Self::Call(Call { args: Some(args), .. }) = self else { return Vec::new() };
        args.iter()
            .filter_map(|arg| match arg {
                Arg::Option(key, Value::Columns(columns)) => Some((key, columns.as_slice())),
                _ => None,
            })
            .collect()
    }

    /// An expression of Rust.
    pub(crate) fn emit(&self) -> TokenStream {
        match self {
            Self::Value(value) => value.clone(),
            Self::Call(call) => call.emit(),
        }
    }
}

impl Call {
    fn emit(&self) -> TokenStream {
        let import = self.room.import();
        let path = &self.path;
        let at =
            instead_of(path.clone().into_iter().last().map_or_else(proc_macro2::Span::call_site, |token| token.span()));
        let callee = match self.single {
            Some(_) => quote_spanned! { at => ({ #import #path }) },
            None => path.clone(),
        };
        let Some(args) = &self.args else {
            // A format's name calls it; a bare sink is a value, such as the handle of `collect`.
            return if self.room == Room::Decode {
                quote_spanned! { at => #callee() }
            } else {
                callee
            };
        };
        let positional = args.iter().filter_map(|arg| match arg {
            Arg::Positional(tokens) => Some(tokens),
            _ => None,
        });
        let methods = args.iter().filter_map(|arg| match arg {
            Arg::Positional(_) => None,
            Arg::Flag(name) => Some(quote_spanned! { name.span() => .#name() }),
            Arg::Option(name, value) => {
                let value = self.value(value);
                Some(quote_spanned! { name.span() => .#name(#value) })
            }
        });
        let more = &self.methods;
        quote_spanned! { at => #callee(#(#positional),*) #(#methods)* #more }
    }

    fn value(&self, value: &Value) -> TokenStream {
        let import = self.room.import();
        let path = &self.path;
        match value {
            // Blamed on the word: the call around it is the pipeline's.
            Value::Word(word) if self.single.is_some() => {
                let path = spans::moved(path, word.span());
                quote_spanned! { instead_of(word.span()) => { #import #path::#word } }
            }
            Value::Word(word) => quote! { #path::#word },
            Value::WordCall(word, args) if self.single.is_some() => {
                // The word is the connector's, or else a function in the user's scope.
                let path = spans::moved(path, word.span());
                quote_spanned! { instead_of(word.span()) => ({ #import #[allow(unused_imports)] use #path::*; #word })(#args) }
            }
            Value::WordCall(word, args) => quote! { #word(#args) },
            // Blamed on the first of them.
            Value::Columns(columns) => {
                let names = columns.iter().map(plain);
                let at = columns.first().map_or_else(proc_macro2::Span::mixed_site, |column| instead_of(column.span()));
                quote_spanned! { at => &[#(#names),*] }
            }
            Value::Rust(tokens) => tokens.clone(),
        }
    }
}

/// A column's name as text: without the `r#` of a raw identifier.
pub(crate) fn plain(column: &Ident) -> String {
    let text = column.to_string();
    text.strip_prefix("r#").map(str::to_owned).unwrap_or(text)
}

fn arguments(tokens: &[TokenTree], room: Room, connector: &Ident, diags: &mut Diags) -> Option<Vec<Arg>> {
    let before = diags.len();
    let mut args = Vec::new();
    let mut options: Vec<Ident> = Vec::new();
    for piece in split_commas(tokens) {
        let mut cursor = Cursor::new(piece);
        let option = is_lone(piece.get(1), piece.get(2), '=').then(|| cursor.ident()).flatten();
        if let Some(key) = option {
            cursor.next();
            if options.contains(key) {
                diags.push(key, format!("`{key}` is given twice"), format!("write `{key} = ..` once"));
            }
            options.push(key.clone());
            args.extend(value(cursor.rest(), key, diags).map(|value| Arg::Option(key.clone(), value)));
        } else if let [TokenTree::Ident(key), TokenTree::Punct(colon), value @ ..] = piece
            && colon.as_char() == ':'
            && !is_punct(value.first(), ':')
        {
            let value = text(&stream(value));
            diags.push(
                colon,
                format!("`{key}` and its value have `=` between them"),
                format!("write `{key} = {value}`"),
            );
        } else if let [TokenTree::Ident(flag)] = piece
            && room == Room::Decode
        {
            args.push(Arg::Flag(flag.clone()));
        } else if let [TokenTree::Ident(key)] = piece
            && !options.is_empty()
            && spans::is_editor()
        {
            // Behind options a name is one that is not typed to its end.
            args.push(Arg::Flag(key.clone()));
        } else if piece.is_empty() {
            diags.push(doubled_comma(tokens), "nothing before this `,`", "take it away");
        } else {
            if !options.is_empty() {
                diags.push(stream(piece), "positional arguments come before options", "move it to the front");
            }
            args.extend(argument(piece, connector, diags).map(Arg::Positional));
        }
    }
    (diags.len() == before).then_some(args)
}

fn argument(tokens: &[TokenTree], whose: &Ident, diags: &mut Diags) -> Option<TokenStream> {
    if let [TokenTree::Group(group)] = tokens
        && group.delimiter() == Delimiter::Brace
    {
        return rust::value(group, diags);
    }
    expression(tokens, whose, "key = value", diags)
}

fn value(tokens: &[TokenTree], key: &Ident, diags: &mut Diags) -> Option<Value> {
    match tokens {
        [TokenTree::Ident(_) | TokenTree::Literal(_)] if words::OF_COLUMNS.iter().any(|option| key == option) => {
            let column = text(&stream(tokens)).replace('"', "");
            diags.push(
                stream(tokens),
                format!("`{key}` takes a list of columns"),
                format!("write `{key} = [{column}]`"),
            );
            None
        }
        [TokenTree::Ident(word)] if !matches!(word.to_string().as_str(), "true" | "false") && !is_const(word) => {
            Some(Value::Word(word.clone()))
        }
        [TokenTree::Ident(word), TokenTree::Group(group)]
            if group.delimiter() == Delimiter::Parenthesis && !is_const(word) =>
        {
            let args = inside(group);
            let args = if args.is_empty() {
                TokenStream::new()
            } else {
                // Several arguments are checked one by one.
                let parts: Option<Vec<_>> =
                    split_commas(&args).into_iter().map(|part| argument(part, key, diags)).collect();
                let parts = parts?;
                quote! { #(#parts),* }
            };
            Some(Value::WordCall(word.clone(), args))
        }
        [TokenTree::Group(group)] if group.delimiter() == Delimiter::Bracket => {
            let items = inside(group);
            let mut columns: Vec<Ident> = Vec::new();
            for piece in split_commas(&items) {
                let [TokenTree::Ident(column)] = piece else { return argument(tokens, key, diags).map(Value::Rust) };
                if columns.contains(column) {
                    diags.push(column, format!("column `{column}` is named twice"), "name it once");
                }
                columns.push(column.clone());
            }
            Some(Value::Columns(columns))
        }
        [] => {
            diags.push(key, format!("option `{key}` has no value"), format!("write `{key} = ..`, or take it away"));
            None
        }
        _ => argument(tokens, key, diags).map(Value::Rust),
    }
}

/// Whether a name begins with a capital, as constants, types and variants do.
fn is_const(word: &Ident) -> bool {
    word.to_string().starts_with(char::is_uppercase)
}
