//! `agg { n = count(), mean = avg(temperature) }`: the aggregates of the groups before it. The row after it has the keys,
//! then the aggregates. Without `group_by`, `agg {..} [name ".."]` is over one group of all rows.

use proc_macro2::{Delimiter, Ident, Literal, Span, TokenStream, TokenTree};
use quote::{quote, quote_spanned};

use super::Stage;
use super::group_by::{name, untimed};
use crate::ast::{columns, nothing_left};
use crate::connector::plain;
use crate::diag::Diags;
use crate::expression::expression;
use crate::paths::{self, Room};
use crate::plan::{Pending, Plan, Time};
use crate::row::{Row, ours, ours_at, tuple};
use crate::spans::{self, place};
use crate::tokens::{Cursor, inside, is_punct, split_commas, stream};
use crate::words;

#[derive(Debug)]
pub(crate) struct Agg {
    items: Vec<Aggregate>,
    name: Option<Literal>,
}

#[derive(Debug)]
struct Aggregate {
    name: Ident,
    /// `avg`, or a path.
    path: TokenStream,
    single: bool,
    args: Vec<TokenStream>,
}

pub(super) fn parse(word: &Ident, cursor: &mut Cursor<'_>, diags: &mut Diags) -> Option<Agg> {
    let list = columns(cursor, word, "agg { n = count(), mean = avg(temperature) }", diags)?;
    if let Some(dots) = &list.rest {
        diags.push(dots, "the keys are kept without `..`", "take it away");
    }
    let mut items = Vec::new();
    for item in list.items {
        match item.value {
            None => diags.push(
                &item.name,
                format!("`{}` is no aggregate", item.name),
                format!("write `{} = last({})`, or add it to the keys", item.name, item.name),
            ),
            Some(value) => items.extend(aggregate(item.name, &value, diags)),
        }
    }
    let name = name(cursor, diags);
    nothing_left(cursor, word, diags);
    Some(Agg { items, name })
}

fn aggregate(name: Ident, value: &[TokenTree], diags: &mut Diags) -> Option<Aggregate> {
    if let Some((TokenTree::Group(group), path)) = value.split_last()
        && group.delimiter() == Delimiter::Parenthesis
        && !path.is_empty()
        && path.iter().all(|token| matches!(token, TokenTree::Ident(_)) || is_punct(Some(token), ':'))
        && syn::parse2::<syn::Path>(stream(path)).is_ok()
    {
        let inner = inside(group);
        let mut args = Vec::new();
        for arg in split_commas(&inner) {
            args.push(expression(arg, &name, "mean = avg(temperature)", diags)?);
        }
        return Some(Aggregate { name, path: stream(path), single: path.len() == 1, args });
    }
    if spans::is_editor()
        && value.iter().all(|token| matches!(token, TokenTree::Ident(_)) || is_punct(Some(token), ':'))
    {
        // A name that is not typed to its end.
        return Some(Aggregate { name, path: stream(value), single: value.len() == 1, args: Vec::new() });
    }
    diags.push(
        stream(value),
        format!("`{name}` must be one aggregate call"),
        "arithmetic over aggregates goes into a following `select`, that over columns into the call: `sum(a * b)`",
    );
    None
}

impl Agg {
    /// Whether a name is given.
    pub(crate) fn is_named(&self) -> bool {
        self.name.is_some()
    }

    pub(super) fn emit(&self, stage: &Stage, plan: &mut Plan, diags: &mut Diags) {
        let pending = match plan.pending.take() {
            Some(pending) => {
                if let Some(name) = &self.name {
                    diags.push(
                        name,
                        "a group is named where it begins",
                        format!("write `group_by {{ .. }} name {name}`"),
                    );
                }
                pending
            }
            // The group before it is broken.
            None if plan.row.unknown => return,
            None => all_rows(self.name.as_ref(), stage, plan, diags),
        };
        let Pending { columns, time, spec, at, word, .. } = pending;
        plan.line(stage.text());
        let (mut states, mut applied) = (Vec::new(), TokenStream::new());
        for (number, item) in self.items.iter().enumerate() {
            if let Some((key, _)) = columns.iter().find(|(key, _)| *key == item.name) {
                diags.push(
                    &item.name,
                    format!("`{key}` is a column of `group_by` already"),
                    format!("give the aggregate another name, such as `{key}_{}`", item.path),
                );
            }
            let (update, span) = item.emit(number, plan, diags);
            let state = ours_at(&format!("__state{number}"), span);
            let (at, apply) = (ours(&at), spans::at(&paths::apply(), span));
            applied.extend(quote_spanned! { place(span) => #apply(#update, #state, #at); });
            states.push(quote! { #state });
        }
        let keys = columns.iter().filter_map(|(_, key)| key.as_ref());
        let (out, at) = (ours_at("__out", stage.word.span()), ours(&at));
        let keys = tuple(keys.map(|key| quote! { #key }).collect(), place(word));
        let states = tuple(states, Span::mixed_site());
        let group = quote_spanned! { place(stage.word.span()) => #out.group(#keys, #at) };
        let some = paths::some();
        let done = quote_spanned! { place(stage.word.span()) => #out.applied(); };
        plan.statement(quote! { if let #some(#states) = #group { #applied #done } });
        let values: Vec<String> = self.items.iter().map(|item| plain(&item.name)).collect();
        let keyed_spec = paths::keyed_spec();
        plan.end_closure("keyed", quote! { #keyed_spec { #spec values: &[#(#values),*] }, }, stage.word.span());

        let group = ours("__item");
        let part = |letter: char, number: usize, at: Span| ours_at(&format!("__{letter}{number}"), at);
        let (mut row, mut keys) = (Vec::new(), Vec::new());
        for (name, key) in &columns {
            if key.is_some() {
                let key = part('k', keys.len(), name.span());
                row.push((name.clone(), quote! { #key }));
                keys.push(quote! { #key });
            } else {
                row.push((name.clone(), quote! { #group.window }));
            }
        }
        let mut parts = Vec::new();
        for (number, item) in self.items.iter().enumerate() {
            let value = part('v', number, item.name.span());
            row.push((item.name.clone(), quote! { #value }));
            parts.push(quote! { #value });
        }
        let (keys, parts) = (tuple(keys, Span::mixed_site()), tuple(parts, Span::mixed_site()));
        plan.statement(quote! {
            let #keys = #group.key;
            let #parts = #group.values;
        });
        plan.row = Row::default();
        plan.shape(row, words::AGG);
        plan.time = time;
    }
}

/// The group of all rows.
fn all_rows(name: Option<&Literal>, stage: &Stage, plan: &mut Plan, diags: &mut Diags) -> Pending {
    let at = format!("__at{}", plan.number());
    untimed(&at, &stage.word, plan);
    let name = plan.name_stage(&stage.word, name, "all rows", diags);
    let spec = paths::window_spec();
    Pending {
        columns: Vec::new(),
        time: Time::None,
        spec: quote! { window_name: "", keys: &[], window: #spec::never(), name: #name.to_owned(), },
        at,
        word: stage.word.span(),
        raw: TokenStream::new(),
    }
}

impl Aggregate {
    /// The call, bound to a variable; gives the variable and its place. The arguments are bound before, so that neither hides the other: a
    /// name in an argument is the user's, and what rustc says about an argument is said there. The variable stands where the
    /// first argument does, since a column of the wrong type is noticed where it is used.
    fn emit(&self, number: usize, plan: &mut Plan, diags: &mut Diags) -> (Ident, Span) {
        let at = plan.number();
        let mut args = Vec::new();
        let mut blamed = None;
        for (index, arg) in self.args.iter().enumerate() {
            let value = plan.expression_of(&self.name, arg, diags);
            let span = arg.clone().into_iter().next().map_or_else(Span::call_site, |token| token.span());
            blamed = blamed.or(Some(span));
            let name = ours_at(&format!("__arg{at}_{number}_{index}"), span);
            plan.statement(quote! { let #name = #value; });
            args.push(name);
        }
        let path = &self.path;
        let callee = path.clone().into_iter().last().map_or_else(Span::call_site, |token| token.span());
        let call = if self.single {
            let import = Room::Agg.import();
            quote_spanned! { place(callee) => { #import #path(#(#args),*) } }
        } else {
            quote_spanned! { place(callee) => #path(#(#args),*) }
        };
        let blamed = blamed.unwrap_or(callee);
        let update = ours_at(&format!("__update{at}_{number}"), blamed);
        plan.statement(quote_spanned! { place(callee) => let #update = #call; });
        (update, blamed)
    }
}
