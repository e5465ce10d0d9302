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

use proc_macro2::{Ident, TokenStream, TokenTree};

use crate::diag::{Diags, did_you_mean, one_of};
use crate::plan::Plan;
use crate::split::Slice;
use crate::tokens::{Cursor, is_punct, stream, text};
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

/// Parses a stage; `None` if there is none, which has been said.
pub(crate) fn parse(slice: Slice, diags: &mut Diags) -> Option<Stage> {
    let raw = stream(&slice.tokens);
    let mut cursor = Cursor::new(&slice.tokens);
    let Some(word) = cursor.ident() else {
        match (slice.tokens.first(), slice.bar) {
            (Some(token), _) => {
                diags.push(token, "a stage begins with its word", format!("write one of {}", one_of(words::STAGES)))
            }
            (None, Some(bar)) => diags.push_at(
                bar,
                "no stage after this `|`",
                "write one, such as `sink console()`, or take the `|` away",
            ),
            (None, None) => {}
        }
        // Tokens without a word are kept for editors.
        let word = Ident::new("_", slice.bar.unwrap_or_else(proc_macro2::Span::call_site));
        return (!slice.tokens.is_empty()).then_some(Stage { word, raw, kind: Kind::Broken });
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
    if let Some((_, ours)) = words::ALIASES.iter().find(|(alias, _)| text.eq_ignore_ascii_case(alias)) {
        diags.push(word, format!("`{word}` is spelt `{ours}` here"), format!("write `{ours}`"));
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

/// The stage that a misspelt word, or one of another dialect, stands for.
fn meant(word: &str) -> Option<&'static str> {
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

    /// Whether the row is the same after it, so that what follows can be checked although it is broken.
    pub(crate) fn keeps_row(&self) -> bool {
        [words::FILTER, words::WATERMARK].iter().any(|word| self.is(word) || self.stands_for(word))
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
