//! The text as stages and lists of columns. Parsing never fails: what is wrong is reported and left out.

use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};

use crate::diag::{Diags, did_you_mean};
use crate::expression::expression;
use crate::split::ChainText;
use crate::stage::{self, Kind, Stage};
use crate::tokens::{Cursor, doubled_comma, inside, is_lone, is_punct, split_commas, stream, text};
use crate::words;

/// A chain of stages.
#[derive(Debug)]
pub(crate) struct Chain {
    /// The name of a stream: `let NAME = CHAIN;`.
    pub(crate) name: Option<Ident>,
    pub(crate) stages: Vec<Stage>,
}

/// Parses every chain.
pub(crate) fn chains(texts: Vec<ChainText>, diags: &mut Diags) -> Vec<Chain> {
    texts.into_iter().map(|text| chain(text, diags)).collect()
}

fn chain(text: ChainText, diags: &mut Diags) -> Chain {
    let mut slices = text.slices;
    let mut name = None;
    if let Some(first) = slices.first_mut()
        && let [TokenTree::Ident(word), rest @ ..] = first.tokens.as_slice()
        && word == words::LET
    {
        let taken = match rest {
            [TokenTree::Ident(given), equals, ..] if is_punct(Some(equals), '=') => {
                name = Some(given.clone());
                3
            }
            [TokenTree::Ident(given), ..] if given != words::FROM => {
                diags.push(
                    given,
                    format!("no `=` after `let {given}`"),
                    format!("write `let {given} = from SOURCE(..);`"),
                );
                name = Some(given.clone());
                2
            }
            rest => {
                diags.push(word, "`let` needs a name for the stream", "write `let readings = from SOURCE(..);`");
                name = Some(Ident::new(UNNAMED, word.span()));
                1 + usize::from(is_punct(rest.first(), '='))
            }
        };
        first.tokens.drain(..taken);
    }
    let stages = slices.into_iter().flat_map(|slice| stage::parse(slice, diags)).collect();
    Chain { name, stages }
}

/// One chain of several.
#[derive(Debug, Default)]
pub(crate) struct Joined {
    /// The chain that makes the pipeline: the one with an output, the stream it goes on from put before it.
    pub(crate) stages: Vec<Stage>,
    /// The names of streams, where they are given and where they are used.
    pub(crate) names: Vec<Ident>,
    /// The tokens of stages that are left out.
    pub(crate) left: Vec<TokenStream>,
}

/// Puts chains together.
pub(crate) fn join(chains: Vec<Chain>, diags: &mut Diags) -> Joined {
    let mut joined = Joined::default();
    let mut named: Vec<(Ident, Vec<Stage>)> = Vec::new();
    let mut output = false;
    for (index, chain) in chains.into_iter().enumerate() {
        let mut stages = chain.stages;
        // `from x; filter y`: the chain goes on.
        if index > 0
            && chain.name.is_none()
            && let Some(first) = stages.first()
            && !first.is(words::FROM)
            && first.is_known()
        {
            let word = &first.word;
            diags.push(word, format!("`;` before `{word}` ends the pipeline"), "write `|` instead of it");
            match named.last_mut().filter(|_| !output) {
                Some((_, earlier)) => earlier.extend(stages),
                None => joined.stages.extend(stages),
            }
            continue;
        }
        let continued = match stages.first().map(|stage| &stage.kind) {
            Some(Kind::From(from)) => from.stream().cloned(),
            _ => None,
        };
        if let Some(name) = continued
            && let Some(index) = find(&named, &name, diags)
        {
            let (_, earlier) = named.remove(index);
            stages.splice(..1, earlier);
            joined.names.push(name);
        }
        match chain.name {
            Some(name) if joined.names.contains(&name) => {
                diags.push(&name, format!("a second stream is named `{name}`"), "give it a name of its own");
                joined.left.extend(stages.into_iter().map(|stage| stage.raw));
            }
            Some(name) => {
                joined.names.push(name.clone());
                named.push((name, stages));
            }
            None if !output => {
                output = true;
                joined.stages = stages;
            }
            None => {
                if let Some(stage) = stages.first() {
                    diags.push(
                        &stage.word,
                        "several outputs in one pipeline are not supported yet",
                        "write a `pipeline!` for each of them",
                    );
                }
                joined.left.extend(stages.into_iter().map(|stage| stage.raw));
            }
        }
    }
    for (name, stages) in named.into_iter().filter(|(name, _)| name != UNNAMED) {
        diags.push(
            &name,
            format!("stream `{name}` goes nowhere"),
            format!("go on with `; from {name} | sink console()`"),
        );
        joined.left.extend(stages.into_iter().map(|stage| stage.raw));
    }
    joined
}

/// Where the stream is that `from NAME` goes on with. One without a name is meant by any, and a misspelt one is found, too.
fn find(named: &[(Ident, Vec<Stage>)], name: &Ident, diags: &mut Diags) -> Option<usize> {
    let place = |name: &str| named.iter().position(|(given, _)| given == name);
    place(&name.to_string()).or_else(|| place(UNNAMED)).or_else(|| {
        let names: Vec<String> = named.iter().map(|(given, _)| given.to_string()).collect();
        let near = did_you_mean(&name.to_string(), &names.iter().map(String::as_str).collect::<Vec<_>>())?.to_owned();
        diags.push(
            name,
            format!("no stream is named `{name}`; did you mean `{near}`?"),
            format!("write `from {near}`"),
        );
        place(&near)
    })
}

/// Stands for the name of a stream that has none, which has been said.
const UNNAMED: &str = "_";

/// `{ .., a, b = EXPR }`.
#[derive(Debug)]
pub(crate) struct Columns {
    /// The `..` it begins with.
    pub(crate) rest: Option<TokenStream>,
    pub(crate) items: Vec<Item>,
}

/// `a` or `b = EXPR`.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) name: Ident,
    /// The raw tokens after `=`; none for a column taken as it is.
    pub(crate) value: Option<Vec<TokenTree>>,
}

/// Takes a list of columns. The example is for the help.
pub(crate) fn columns(cursor: &mut Cursor<'_>, whose: &Ident, example: &str, diags: &mut Diags) -> Option<Columns> {
    let before = diags.len();
    if is_punct(cursor.peek(), '*') {
        diags.push(cursor.next(), "all columns are written `..`", format!("write `{whose} {{ .. }}`"));
        return None;
    }
    let Some(group) = cursor.group(Delimiter::Brace) else {
        let (at, help) = match cursor.peek() {
            Some(TokenTree::Group(group)) => {
                (TokenTree::Group(group.clone()), format!("{whose} {{ {} }}", text(&group.stream())))
            }
            Some(first @ TokenTree::Ident(_)) => {
                let columns = cursor.until_word(&[words::TTL, words::ELSE, words::NAME, words::AS]);
                let (columns, rest) = (text(&stream(columns)), text(&stream(cursor.rest())));
                (first.clone(), format!("{whose} {{ {columns} }} {rest}").trim_end().to_owned())
            }
            other => (other.cloned().unwrap_or_else(|| TokenTree::Ident(whose.clone())), example.to_owned()),
        };
        diags.push(at, format!("`{whose}` needs a list of columns in braces"), format!("write `{help}`"));
        return None;
    };
    let tokens = inside(group);
    let mut list = Columns { rest: None, items: Vec::new() };
    for (index, piece) in split_commas(&tokens).into_iter().enumerate() {
        let mut cursor = Cursor::new(piece);
        if cursor.dots() {
            if index > 0 {
                diags.push(
                    stream(piece.get(..2).unwrap_or_default()),
                    "`..` comes first in a list of columns",
                    "write `{ .., a, b = EXPR }`",
                );
            }
            if !cursor.is_empty() {
                diags.push(stream(cursor.rest()), "nothing follows `..` but a comma", "write `{ .., a, b = EXPR }`");
            }
            list.rest = piece.get(..2).map(stream);
            continue;
        }
        match (piece, doubled_comma(&tokens)) {
            ([], Some(comma)) => diags.push(comma, "nothing before this `,`", "take it away"),
            _ => list.items.extend(item(piece, diags)),
        }
    }
    let mut seen: Vec<&Ident> = Vec::new();
    for Item { name, .. } in &list.items {
        if seen.contains(&name) {
            diags.push(name, format!("column `{name}` is named twice"), "give one of the two another name");
        }
        seen.push(name);
    }
    if list.items.is_empty() && list.rest.is_none() && diags.len() == before {
        diags.push(group, format!("`{whose}` needs at least one column"), format!("write `{example}`"));
    }
    (diags.len() == before).then_some(list)
}

fn item(piece: &[TokenTree], diags: &mut Diags) -> Option<Item> {
    match piece {
        [TokenTree::Ident(name)] => Some(Item { name: name.clone(), value: None }),
        [TokenTree::Ident(name), rest @ ..] if is_lone(rest.first(), rest.get(1), '=') => {
            let value = rest.get(1..).unwrap_or_default();
            if value.is_empty() {
                diags.push(name, format!("`{name}` has no value"), format!("write `{name} = EXPR`"));
                return None;
            }
            Some(Item { name: name.clone(), value: Some(value.to_vec()) })
        }
        [.., as_word, TokenTree::Ident(alias)] if as_word.to_string() == words::AS => {
            let value = stream(piece.get(..piece.len() - 2).unwrap_or_default());
            diags.push(stream(piece), "a name comes before its value", format!("write `{alias} = {value}`"));
            None
        }
        _ => {
            let (name, mut text) = (proposal(piece), text(&stream(piece)));
            // A window of another dialect.
            let alias = words::WINDOW_ALIASES.iter().find(|(alias, _)| words::alike(&name, alias));
            if let (Some((_, window)), Some(arguments)) = (alias, text.get(name.len()..)) {
                text = format!("{window}{arguments}");
            }
            diags.push(stream(piece), "this column has no name", format!("write `{name} = {text}`"));
            None
        }
    }
}

/// A name for a column that has none: `avg_temperature` for `avg(temperature)`.
fn proposal(tokens: &[TokenTree]) -> String {
    let ident = |token: &TokenTree| match token {
        TokenTree::Ident(ident) => Some(ident.to_string()),
        TokenTree::Group(group) => group.stream().into_iter().next().and_then(|first| match first {
            TokenTree::Ident(ident) => Some(ident.to_string()),
            _ => None,
        }),
        _ => None,
    };
    let words: Vec<String> = tokens.iter().filter_map(ident).take(2).collect();
    if words.is_empty() { "name".to_owned() } else { words.join("_") }
}

impl Item {
    /// The value as an expression; `None` for a column taken as it is.
    pub(crate) fn expression(&self, diags: &mut Diags) -> Option<Option<TokenStream>> {
        match &self.value {
            None => Some(None),
            Some(tokens) => expression(tokens, &self.name, "a = EXPR", diags).map(Some),
        }
    }
}

/// Reports tokens after the end of a stage.
pub(crate) fn nothing_left(cursor: &mut Cursor<'_>, whose: &Ident, diags: &mut Diags) {
    if !cursor.is_empty() {
        diags.push(
            stream(cursor.rest()),
            format!("`{whose}` ends before this"),
            "stages are separated by `|`; take this away or put a `|` before it",
        );
    }
}
