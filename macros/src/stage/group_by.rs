//! `group_by { k, a = EXPR, w = tumbling([COL,] 1min) } [ttl D | ttl never] [else POLICY] [name ".."]`: the keys and the
//! window of the `agg` after it.

use proc_macro2::{Delimiter, Group, Ident, Literal, TokenStream, TokenTree};
use quote::{quote, quote_spanned};

use super::policy::{Policy, policy};
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
    ttl: Option<Ttl>,
    /// The word `else` and what follows it.
    late: Option<(Ident, Policy)>,
    name: Option<Literal>,
}

/// When groups without a window end.
#[derive(Debug)]
enum Ttl {
    After(Length),
    Never,
}

/// When the groups of a stage end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Window,
    Ttl,
    Never,
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
    let ttl_word = cursor.word(words::TTL);
    let ttl = ttl_word.and_then(|word| ttl(word, cursor, diags));
    let late = match cursor.word(words::ELSE) {
        Some(else_word) => Some((else_word.clone(), policy(else_word, cursor, diags)?)),
        None => None,
    };
    let name = name(cursor, diags);
    nothing_left(cursor, word, diags);
    let mut windows = columns.iter().filter(|(_, column)| matches!(column, Column::Window(_)));
    match (windows.next(), windows.next()) {
        // A window that was not whole has been reported.
        (None, _) if ttl_word.is_none() && columns.len() == list.items.len() => diags.push(
            word,
            "`group_by` needs a window or a `ttl`: its state would only grow",
            format!("write `{example}`, or end it in `ttl 1h`, or in `ttl never` if all keys fit into memory for good"),
        ),
        (Some(_), None) if ttl_word.is_some() => {
            diags.push(ttl_word, "groups of a window end with it: there is no place for `ttl`", "take it away");
        }
        (Some(_), Some((second, _))) => diags.push(second, "a group has one window", "take one of the two away"),
        _ => {}
    }
    Some(GroupBy { columns, ttl, late, name })
}

/// Takes `name ".."`.
pub(super) fn name(cursor: &mut Cursor<'_>, diags: &mut Diags) -> Option<Literal> {
    let name = cursor.word(words::NAME)?;
    let at = first_or(cursor, name);
    let literal = cursor.literal().filter(|literal| literal.to_string().starts_with('"'));
    if literal.is_none() {
        diags.push(at, "`name` needs a text", "write `name \"per_device\"`");
        cursor.rest();
    }
    literal.cloned()
}

/// Takes what follows `ttl`.
fn ttl(word: &Ident, cursor: &mut Cursor<'_>, diags: &mut Diags) -> Option<Ttl> {
    if cursor.word(words::NEVER).is_some() {
        return Some(Ttl::Never);
    }
    let ends =
        [words::ELSE, words::NAME].iter().any(|end| matches!(cursor.peek(), Some(TokenTree::Ident(at)) if at == end));
    let duration: Vec<TokenTree> = if ends { Vec::new() } else { cursor.next().cloned().into_iter().collect() };
    let length = length(&duration, word, "ttl 1h", diags)?;
    if length.micros == Some(0) {
        diags.push(stream(&duration), "a group cannot have no time to live", "write `ttl 1h`");
    }
    Some(Ttl::After(length))
}

/// The place of a row in a group that never ends: by its event time, if it has one.
pub(super) fn untimed(at: &str, word: &Ident, plan: &mut Plan) {
    let (at, input) = (ours(at), ours_at("__input", word.span()));
    let time = known_time(word, plan).unwrap_or_else(|| quote_spanned! { place(word.span()) => #input.untimed() });
    plan.statement(quote! { let #at = #time; });
}

/// The row's place in time, as the stages before have left it.
fn known_time(word: &Ident, plan: &mut Plan) -> Option<TokenStream> {
    let (input, place) = (ours_at("__input", word.span()), place(word.span()));
    match plan.time.clone() {
        Time::None => None,
        Time::Watermark => {
            let at = ours("__at");
            Some(quote_spanned! { place => #at })
        }
        Time::Window(column) => {
            // It is a column of the row, or it would have been forgotten.
            let (column, last_instant) = (plan.column(&column, &mut Diags::default()), paths::last_instant());
            Some(quote_spanned! { place => #input.time(#last_instant(#column)) })
        }
        Time::Ttl => {
            let (group, last_instant) = (ours("__item"), paths::last_instant());
            Some(quote_spanned! { place => #input.time(#last_instant(#group.window)) })
        }
    }
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
    /// When its groups end.
    pub(crate) fn end(&self) -> End {
        match self.ttl {
            None => End::Window,
            Some(Ttl::After(_)) => End::Ttl,
            Some(Ttl::Never) => End::Never,
        }
    }

    /// Whether its window names its time column.
    pub(crate) fn names_time(&self) -> bool {
        self.columns.iter().any(|(_, column)| matches!(column, Column::Window(window) if window.names_time()))
    }

    /// The word `else`, if there is a policy for late rows.
    pub(crate) fn late(&self) -> Option<&Ident> {
        self.late.as_ref().map(|(word, _)| word)
    }

    /// Whether a name is given.
    pub(crate) fn is_named(&self) -> bool {
        self.name.is_some()
    }

    pub(super) fn emit(&self, stage: &Stage, plan: &mut Plan, diags: &mut Diags) {
        plan.line(stage.text());
        let number = plan.number();
        let (mut pending, mut keys, mut words) = (Vec::new(), Vec::new(), Vec::new());
        let (mut time, mut window_name, mut spec) = (Time::None, String::new(), TokenStream::new());
        for (name, column) in &self.columns {
            let value = match column {
                Column::Taken => plan.column(name, diags),
                Column::Value(value) => plan.value(name, value, diags),
                Column::Window(window) => {
                    window.emit(number, plan, diags);
                    spec = window.spec();
                    words.push(window.text.clone());
                    window_name = plain(name);
                    time = Time::Window(name.clone());
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
        let at = format!("__at{number}");
        let window_spec = paths::window_spec();
        match &self.ttl {
            None => {}
            Some(Ttl::Never) => {
                untimed(&at, &stage.word, plan);
                spec = quote! { #window_spec::never() };
            }
            Some(Ttl::After(ttl)) => {
                if known_time(&stage.word, plan).is_none() && plan.phase == Phase::Groups && !plan.row.unknown {
                    diags.push(
                        &stage.word,
                        "`ttl` does not know the event time: the window of the group before is gone",
                        "keep the window, or write `ttl never` with `mode = update`",
                    );
                }
                untimed(&at, &stage.word, plan);
                let ttl = &ttl.tokens;
                spec = quote! { #window_spec::ttl(#ttl) };
                time = Time::Ttl;
            }
        }
        if let Some((_, policy)) = self.late.as_ref().filter(|_| plan.phase != Phase::Groups) {
            plan.chain(policy.emit("late"));
        }
        let name = plan.name_stage(&stage.word, self.name.as_ref(), &words.join(", "), diags);
        let (keys, name) = if spans::is_editor() { (Vec::new(), quote! { "" }) } else { (keys, name) };
        plan.pending = Some(Pending {
            columns: pending,
            time,
            spec: quote! { window_name: #window_name, keys: &[#(#keys),*], window: #spec, name: #name.to_owned(), },
            at,
            word: stage.word.span(),
            raw: stage.raw.clone(),
        });
    }
}

impl Window {
    /// Whether the time column is named.
    fn names_time(&self) -> bool {
        self.column.is_some()
    }

    /// The row's place in time: `let __at1 = ..;`
    fn emit(&self, number: usize, plan: &mut Plan, diags: &mut Diags) {
        let (at, input) = (ours(&format!("__at{number}")), ours_at("__input", self.word.span()));
        let place = place(self.word.span());
        let time = match &self.column {
            Some(column) => {
                let column = plan.expression(column, diags);
                quote_spanned! { place => #input.time(#column) }
            }
            None => known_time(&self.word, plan).unwrap_or_else(|| {
                if plan.phase == Phase::Groups && !plan.row.unknown {
                    diags.push(
                        &self.word,
                        format!("`{}` does not know the event time: the window of the group before is gone", self.word),
                        format!("name the column, as in `{}(ts, ..)`, or keep the window", self.word),
                    );
                }
                // Without a watermark it has been said that there is none; what follows is still checked.
                paths::default()
            }),
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
