//! `group_by { k, a = EXPR, w = tumbling([COL,] 1min) } [name ".."]`: the keys and the window of the `agg` after it.

use proc_macro2::{Delimiter, Group, Ident, Literal, TokenStream, TokenTree};
use quote::{quote, quote_spanned};

use super::{Stage, first_or};
use crate::ast::{columns, nothing_left};
use crate::connector::plain;
use crate::diag::{Diags, did_you_mean};
use crate::expression::expression;
use crate::literal::{Length, is_length, length};
use crate::paths;
use crate::plan::{Pending, Plan, Time};
use crate::row::{Phase, ours, ours_at};
use crate::spans::{self, place};
use crate::tokens::{Cursor, inside, is_lone, split_commas, stream, text};
use crate::words;

#[derive(Debug)]
pub(crate) struct GroupBy {
    columns: Vec<(Ident, Column)>,
    name: Option<Literal>,
}

#[derive(Debug)]
enum Column {
    Taken,
    Value(TokenStream),
    Window(Window),
}

#[derive(Debug)]
struct Window {
    word: Ident,
    column: Option<TokenStream>,
    size: Length,
    every: Option<Length>,
    text: String,
}

pub(super) fn parse(word: &Ident, cursor: &mut Cursor<'_>, diags: &mut Diags) -> Option<GroupBy> {
    let example = "group_by { device_id, window = tumbling(1min) }";
    let list = columns(cursor, word, example, diags)?;
    if let Some(dots) = &list.rest {
        diags.push(dots, "`group_by` names its keys one by one", format!("write `{example}`"));
    }
    let mut columns = Vec::new();
    for item in &list.items {
        let column = match item.value.as_deref() {
            Some([TokenTree::Ident(kind), TokenTree::Group(group)])
                if group.delimiter() == Delimiter::Parenthesis
                    && words::WINDOWS.iter().any(|window| kind == window) =>
            {
                window(kind, &inside(group), diags).map(Column::Window)
            }
            Some([TokenTree::Ident(kind), TokenTree::Group(group)]) if meant(kind, group).is_some() => {
                let meant = meant(kind, group).unwrap_or_default();
                diags.push(
                    kind,
                    format!("unknown window `{kind}`; did you mean `{meant}`?"),
                    format!("write `{}`", example_of(meant)),
                );
                None
            }
            _ => item.expression(diags).map(|value| value.map_or(Column::Taken, Column::Value)),
        };
        columns.extend(column.map(|column| (item.name.clone(), column)));
    }
    let name = match cursor.word(words::NAME) {
        Some(name) => {
            let at = first_or(cursor, name);
            let literal = cursor.literal().filter(|literal| literal.to_string().starts_with('"'));
            if literal.is_none() {
                diags.push(at, "`name` needs a text", "write `name \"per_device\"`");
                cursor.rest();
            }
            literal.cloned()
        }
        None => None,
    };
    if let Some(ttl) = cursor.word(words::TTL) {
        diags.push(ttl, "`ttl` is not supported yet", "give the group a window: `window = tumbling(1min)`");
        cursor.rest();
    }
    if let Some(policy) = cursor.word(words::ELSE) {
        diags.push(policy, "a policy for late rows is not supported yet", "take it away: late rows are counted");
        cursor.rest();
    }
    nothing_left(cursor, word, diags);
    let mut windows = columns.iter().filter(|(_, column)| matches!(column, Column::Window(_)));
    match (windows.next(), windows.next()) {
        // A window that was not whole has been reported.
        (None, _) if columns.len() == list.items.len() => {
            diags.push(word, "`group_by` needs a window: its state would only grow", format!("write `{example}`"))
        }
        (Some(_), Some((second, _))) => diags.push(second, "a group has one window", "take one of the two away"),
        _ => {}
    }
    Some(GroupBy { columns, name })
}

fn example_of(window: &str) -> &'static str {
    match window {
        words::SLIDING => "sliding(10min, every = 1min)",
        words::SESSION => "session(30min)",
        _ => "tumbling(1min)",
    }
}

/// The window that a misspelt word, or one of another dialect, stands for. A call without a duration is a function's.
fn meant(kind: &Ident, arguments: &Group) -> Option<&'static str> {
    let tokens = inside(arguments);
    if arguments.delimiter() != Delimiter::Parenthesis || !split_commas(&tokens).into_iter().any(is_length) {
        return None;
    }
    let (kind, own) = (kind.to_string(), words::WINDOWS.iter());
    let other = words::WINDOW_ALIASES.iter().find(|(alias, _)| words::alike(&kind, alias)).map(|(_, ours)| *ours);
    let own = own.copied().find(|ours| words::alike(&kind, ours));
    own.or(other).or_else(|| did_you_mean(&kind, words::WINDOWS))
}

fn window(kind: &Ident, tokens: &[TokenTree], diags: &mut Diags) -> Option<Window> {
    if kind == words::SESSION {
        diags.push(
            kind,
            "`session` windows are not supported yet",
            "use `tumbling(1min)` or `sliding(10min, every = 1min)`",
        );
        return None;
    }
    let sliding = kind == words::SLIDING;
    let example = if sliding { example_of(words::SLIDING) } else { example_of(words::TUMBLING) };
    let (mut positional, mut every) = (Vec::new(), None);
    for piece in split_commas(tokens) {
        match piece {
            [TokenTree::Ident(option), rest @ ..] if is_lone(rest.first(), rest.get(1), '=') => {
                if !sliding || option != words::EVERY {
                    diags.push(option, format!("`{kind}` has no option `{option}`"), format!("write `{example}`"));
                }
                every = length(rest.get(1..).unwrap_or_default(), option, "every = 1min", diags);
            }
            _ => positional.push(piece),
        }
    }
    let (column, size) = match positional.as_slice() {
        [size, step] if sliding && is_length(size) && is_length(step) => {
            let [size, step] = [size, step].map(|length| text(&stream(length)));
            diags.push(
                positional.get(1).map(|step| stream(step)),
                "how often a window starts is named",
                format!("write `sliding({size}, every = {step})`"),
            );
            return None;
        }
        [size] => (None, *size),
        [column, size] => (Some(expression(column, kind, example, diags)?), *size),
        _ => {
            let at = positional.get(2).map_or_else(|| quote! { #kind }, |piece| stream(piece));
            diags.push(
                at,
                format!("`{kind}` takes a duration, and a time column before it if need be"),
                format!("write `{example}`"),
            );
            return None;
        }
    };
    let size = length(size, kind, example, diags)?;
    if size.micros == Some(0) {
        diags.push(kind, "a window cannot have no length", format!("write `{example}`"));
    }
    if sliding {
        match &every {
            None => diags.push(kind, "`sliding` needs to know how often it starts", format!("write `{example}`")),
            Some(every)
                if every.micros == Some(0)
                    || every.micros.zip(size.micros).is_some_and(|(every, size)| every > size) =>
            {
                diags.push(
                    kind,
                    "a sliding window must start at least once in its length",
                    format!("write `{example}`"),
                );
            }
            Some(_) => {}
        }
    }
    Some(Window { word: kind.clone(), column, size, every, text: format!("{kind}({})", text(&stream(tokens))) })
}

impl GroupBy {
    pub(super) fn emit(&self, stage: &Stage, plan: &mut Plan, diags: &mut Diags) {
        plan.line(stage.text());
        let number = plan.number();
        let (mut pending, mut keys, mut words) = (Vec::new(), Vec::new(), Vec::new());
        let (mut window_name, mut spec) = (None, TokenStream::new());
        for (name, column) in &self.columns {
            let value = match column {
                Column::Taken => plan.column(name, diags),
                Column::Value(value) => plan.value(name, value, diags),
                Column::Window(window) => {
                    window.emit(number, plan, diags);
                    spec = window.spec();
                    words.push(window.text.clone());
                    window_name = Some(name.clone());
                    pending.push((name.clone(), None));
                    continue;
                }
            };
            let key = ours_at(&format!("__key{number}_{}", keys.len()), name.span());
            plan.statement(quote! { let #key = #value; });
            keys.push(plain(name));
            words.push(plain(name));
            pending.push((name.clone(), Some(key)));
        }
        let Some(window) = window_name else { return };
        let (text, name) = match &self.name {
            Some(name) => (name.to_string(), quote! { #name }),
            None => {
                let name = words.join(", ");
                (format!("{name:?}"), quote! { #name })
            }
        };
        if !plan.name_stage(text.clone()) {
            diags.push(
                &stage.word,
                format!("a second group is named {text}: a checkpoint could not tell their state apart"),
                "end one of the two in a name of its own, as in `name \"per_device\"`",
            );
        }
        let text = plain(&window);
        let (keys, name) = if spans::is_editor() { (Vec::new(), quote! { "" }) } else { (keys, name) };
        plan.pending = Some(Pending {
            columns: pending,
            window,
            spec: quote! { window_name: #text, keys: &[#(#keys),*], window: #spec, name: #name.to_owned(), },
            at: format!("__at{number}"),
            word: stage.word.span(),
            raw: stage.raw.clone(),
        });
    }
}

impl Window {
    /// The row's place in time: `let __at1 = ..;`
    fn emit(&self, number: usize, plan: &mut Plan, diags: &mut Diags) {
        let (at, input) = (ours(&format!("__at{number}")), ours_at("__input", self.word.span()));
        let place = place(self.word.span());
        let time = match (&self.column, &plan.time) {
            (Some(column), _) => {
                let column = plan.expression(column, diags);
                quote_spanned! { place => #input.time(#column) }
            }
            (None, Time::Watermark) => {
                let at = ours("__at");
                quote! { #at }
            }
            (None, Time::Window(column)) => {
                let (column, window_time) = (column.clone(), paths::window_time());
                let column = plan.column(&column, diags);
                quote! { #input.time(#window_time(#column)) }
            }
            (None, Time::None) => {
                if plan.phase == Phase::Groups && !plan.row.unknown {
                    diags.push(
                        &self.word,
                        format!("`{}` does not know the event time: the window of the group before is gone", self.word),
                        format!("name the column, as in `{}(ts, ..)`, or keep the window", self.word),
                    );
                }
                // Without a watermark it has been said that there is none; what follows is still checked.
                paths::default()
            }
        };
        plan.statement(quote! { let #at = #time; });
    }

    fn spec(&self) -> TokenStream {
        let (spec, size) = (paths::window_spec(), &self.size.tokens);
        match self.every.as_ref().map(|every| &every.tokens) {
            Some(every) => quote! { #spec::sliding(#size, #every) },
            None => quote! { #spec::tumbling(#size) },
        }
    }
}
