//! The stages: a file each, with its grammar, its rule and its code.

pub(crate) mod agg;
mod decode;
mod drop;
mod explode;
mod filter;
mod from;
pub(crate) mod group_by;
mod policy;
mod select;
mod sink;
mod watermark;

use proc_macro2::{Ident, Span, TokenStream, TokenTree};

use crate::diag::{Diags, did_you_mean, one_of};
use crate::plan::Plan;
use crate::split::Slice;
use crate::tokens::{Cursor, ends_operand, is_punct, stream, text};
use crate::words;

/// A stage of the user's.
#[derive(Debug)]
pub(crate) struct Stage {
    /// Its first word.
    pub(crate) word: Ident,
    /// All its tokens.
    pub(crate) raw: TokenStream,
    pub(crate) kind: Kind,
}

/// What a stage is.
#[derive(Debug)]
pub(crate) enum Kind {
    From(from::From),
    Decode(decode::Decode),
    Filter(filter::Filter),
    Select(select::Select),
    Drop(drop::Drop),
    Explode(explode::Explode),
    Watermark(watermark::Watermark),
    GroupBy(group_by::GroupBy),
    Agg(agg::Agg),
    Sink(sink::Sink),
    /// What is wrong with it has been said.
    Broken,
}

macro_rules! stages {
    ($($word:ident $kind:ident $module:ident;)*) => {
        fn known(word: &Ident, cursor: &mut Cursor<'_>, diags: &mut Diags) -> Option<Kind> {
            match word.to_string().as_str() {
                $(words::$word => $module::parse(word, cursor, diags).map(Kind::$kind),)*
                other => {
                    unknown(word, other, cursor, diags);
                    None
                }
            }
        }

        impl Stage {
            /// Writes the stage into the plan.
            pub(crate) fn emit(&self, plan: &mut Plan, diags: &mut Diags) {
                match &self.kind {
                    $(Kind::$kind(stage) => stage.emit(self, plan, diags),)*
                    Kind::Broken => {}
                }
            }
        }
    };
}

stages! {
    FROM From from;
    DECODE Decode decode;
    FILTER Filter filter;
    SELECT Select select;
    DROP Drop drop;
    EXPLODE Explode explode;
    WATERMARK Watermark watermark;
    GROUP_BY GroupBy group_by;
    AGG Agg agg;
    SINK Sink sink;
}

/// Parses a slice: one stage, or none, which has been said; more where a `|` is missing between them.
pub(crate) fn parse(slice: Slice, diags: &mut Diags) -> Vec<Stage> {
    let mut stages = Vec::new();
    let Slice { bar, tokens } = slice;
    let mut rest = tokens.as_slice();
    if let (Some(bar), true) = (bar, is_punct(rest.first(), '>')) {
        diags.push_at(bar, "`|>` is spelt `|` here", "write `|`");
        rest = rest.get(1..).unwrap_or_default();
    }
    loop {
        let before = diags.len();
        let stage = one(bar, rest, diags);
        // A stage that is whole has no other behind it, so this is looked for in broken ones only.
        let Some(at) = (diags.len() > before).then(|| next_stage(rest)).flatten() else {
            stages.extend(stage);
            return stages;
        };
        diags.back_to(before);
        let (first, second) = rest.split_at(at);
        stages.extend(one(bar, first, diags));
        match second {
            [TokenTree::Punct(_), TokenTree::Punct(_), after @ ..] => {
                diags.push(stream(second.get(..2).unwrap_or_default()), "`||` does not end a stage", "write `|`");
                rest = after;
            }
            _ => {
                let word = stream(second.get(..1).unwrap_or_default());
                diags.push(&word, format!("no `|` before `{word}`"), format!("write `| {word}`"));
                rest = second;
            }
        }
    }
}

/// Where another stage begins: with its word after an operand, where Rust could not go on, or with `||` before its word.
fn next_stage(tokens: &[TokenTree]) -> Option<usize> {
    let word = |token: Option<&TokenTree>| matches!(token, Some(TokenTree::Ident(word)) if words::STAGES.iter().any(|stage| word == stage));
    (1..tokens.len()).find(|at| {
        let get = |back: usize| at.checked_sub(back).and_then(|at| tokens.get(at));
        let bars = is_punct(get(0), '|') && is_punct(tokens.get(at + 1), '|') && word(tokens.get(at + 2));
        // The second token of a stage may be a column of that name.
        bars || (*at > 1 && word(get(0)) && get(1).is_some_and(ends_operand))
    })
}

fn one(bar: Option<Span>, tokens: &[TokenTree], diags: &mut Diags) -> Option<Stage> {
    let raw = stream(tokens);
    let mut cursor = Cursor::new(tokens);
    let Some(word) = cursor.ident() else {
        match (tokens.first(), bar) {
            (Some(token), _) => diags.push(
                token,
                "a stage begins with its word",
                format!("write one of {}; bit-or stands inside of `(..)`", one_of(words::STAGES)),
            ),
            (None, Some(bar)) => diags.push_at(
                bar,
                "no stage after this `|`",
                "write one, such as `sink console()`, or take the `|` away",
            ),
            (None, None) => {}
        }
        // Tokens without a word are kept for editors.
        let word = Ident::new("_", bar.unwrap_or_else(Span::call_site));
        return (!tokens.is_empty()).then_some(Stage { word, raw, kind: Kind::Broken });
    };
    let before = diags.len();
    let mut kind = known(word, &mut cursor, diags);
    if diags.len() > before {
        kind = None;
    }
    Some(Stage { word: word.clone(), raw, kind: kind.unwrap_or(Kind::Broken) })
}

fn unknown(word: &Ident, text: &str, cursor: &mut Cursor<'_>, diags: &mut Diags) {
    let all = one_of(words::STAGES);
    if let Some((_, message, help)) = words::ELSEWHERE.iter().find(|(other, ..)| words::alike(text, other)) {
        diags.push(word, message, help);
    } else if let Some(ours) = spelt(text) {
        if words::LATER.contains(&ours) {
            diags.push(
                word,
                format!("`{word}` is spelt `{ours}` here, and is not supported yet"),
                format!("the stages are {all}"),
            );
        } else {
            diags.push(word, format!("`{word}` is spelt `{ours}` here"), format!("write `{ours}`"));
        }
    } else if words::LATER.contains(&text) {
        diags.push(word, format!("stage `{word}` is not supported yet"), format!("the stages are {all}"));
    } else if is_punct(cursor.peek(), '|') {
        diags.push(word, "`||` does not end a stage", "write one `|`");
    } else {
        match meant(text) {
            Some(near) => {
                diags.push(word, format!("unknown stage `{word}`; did you mean `{near}`?"), format!("write `{near}`"));
            }
            None => diags.push(word, format!("unknown stage `{word}`"), format!("the stages are {all}")),
        }
    }
}

/// What a word of another dialect, or one in capitals, is called here.
fn spelt(word: &str) -> Option<&'static str> {
    let own = words::STAGES.iter().chain(words::LATER).find(|ours| words::alike(word, ours) && **ours != word);
    own.copied().or_else(|| words::ALIASES.iter().find(|(alias, _)| words::alike(word, alias)).map(|(_, ours)| *ours))
}

/// The stage that a misspelt word, or one of another dialect, stands for.
fn meant(word: &str) -> Option<&'static str> {
    if let Some(ours) = spelt(word) {
        return Some(ours);
    }
    let aliases = words::ALIASES.iter().map(|(alias, _)| *alias);
    let known: Vec<&'static str> = words::STAGES.iter().copied().chain(aliases).collect();
    let near = did_you_mean(word, &known)?;
    Some(words::ALIASES.iter().find(|(alias, _)| *alias == near).map_or(near, |(_, ours)| *ours))
}

impl Stage {
    /// The stage in the user's words, on one line.
    pub(crate) fn text(&self) -> String {
        text(&self.raw)
    }

    /// Its tokens behind the word.
    pub(crate) fn rest(&self) -> TokenStream {
        self.raw.clone().into_iter().skip(usize::from(!self.is_wordless())).collect()
    }

    /// Whether the row is the same after it, so that what follows can be checked although it is broken.
    pub(crate) fn keeps_row(&self) -> bool {
        [words::FILTER, words::WATERMARK].iter().any(|word| self.is(word) || self.stands_for(word))
    }

    /// Whether it has no word.
    pub(crate) fn is_wordless(&self) -> bool {
        self.word == "_"
    }

    /// Whether its word, right or wrong, is one of a stage.
    pub(crate) fn is_known(&self) -> bool {
        let text = self.word.to_string();
        words::STAGES.contains(&text.as_str()) || meant(&text).is_some()
    }

    /// Whether `word` was probably meant.
    pub(crate) fn stands_for(&self, word: &str) -> bool {
        let text = self.word.to_string();
        !words::STAGES.contains(&text.as_str()) && meant(&text) == Some(word)
    }

    /// Whether this is the stage `word`, broken or not.
    pub(crate) fn is(&self, word: &str) -> bool {
        self.word == word
    }
}

/// What stands in a list of tokens for a message: the first token, or the stage's word.
pub(crate) fn first_or(cursor: &Cursor<'_>, word: &Ident) -> TokenTree {
    cursor.peek().cloned().unwrap_or_else(|| TokenTree::Ident(word.clone()))
}
