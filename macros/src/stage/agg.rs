//! `agg { n = count(), mean = avg(temperature) }`: the aggregates of the groups before it. The row after it has the keys,
//! then the aggregates.

use proc_macro2::{Delimiter, Ident, Span, TokenStream, TokenTree};
use quote::{quote, quote_spanned};

use super::Stage;
use crate::ast::{columns, nothing_left};
use crate::connector::plain;
use crate::diag::Diags;
use crate::expression::expression;
use crate::paths::{self, Room};
use crate::plan::{Pending, Plan, Time};
use crate::row::{Row, ours, ours_at};
use crate::spans::{self, place};
use crate::tokens::{Cursor, inside, is_punct, split_commas, stream};
use crate::words;

#[derive(Debug)]
pub(crate) struct Agg {
    items: Vec<Aggregate>,
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
    nothing_left(cursor, word, diags);
    Some(Agg { items })
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
    pub(super) fn emit(&self, stage: &Stage, plan: &mut Plan, diags: &mut Diags) {
        let Some(Pending { columns, window, spec, at, word, .. }) = plan.pending.take() else { return };
        plan.line(stage.text());
        let mut updates = Vec::new();
        for (number, item) in self.items.iter().enumerate() {
            if let Some((key, _)) = columns.iter().find(|(key, _)| *key == item.name) {
                diags.push(
                    &item.name,
                    format!("`{key}` is a column of `group_by` already"),
                    format!("give the aggregate another name, such as `{key}_{}`", item.path),
                );
            }
            updates.push(item.emit(number, plan, diags));
        }
        let keys = columns.iter().filter_map(|(_, key)| key.as_ref());
        let (out, at) = (ours_at("__out", stage.word.span()), ours(&at));
        let keys = quote_spanned! { place(word) => (#(#keys,)*) };
        plan.statement(quote_spanned! { place(stage.word.span()) => #out.update(#keys, #at, (#(#updates,)*)); });
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
                keys.push(key);
            } else {
                row.push((name.clone(), quote! { #group.window }));
            }
        }
        let mut parts = Vec::new();
        for (number, item) in self.items.iter().enumerate() {
            let value = part('v', number, item.name.span());
            row.push((item.name.clone(), quote! { #value }));
            parts.push(value);
        }
        plan.statement(quote! {
            let (#(#keys,)*) = #group.key;
            let (#(#parts,)*) = #group.values;
        });
        plan.row = Row::default();
        plan.shape(row, words::AGG);
        plan.time = Time::Window(window);
    }
}

impl Aggregate {
    /// The call. Its arguments are bound before, so that neither hides the other: a name in an argument is the user's, and
    /// what rustc says about an argument is said there.
    fn emit(&self, number: usize, plan: &mut Plan, diags: &mut Diags) -> TokenStream {
        let at = plan.number();
        let mut args = Vec::new();
        for (index, arg) in self.args.iter().enumerate() {
            let value = plan.expression(arg, diags);
            let span = arg.clone().into_iter().next().map_or_else(Span::call_site, |token| token.span());
            let name = ours_at(&format!("__arg{at}_{number}_{index}"), span);
            plan.statement(quote! { let #name = #value; });
            args.push(name);
        }
        let path = &self.path;
        let span = place(path.clone().into_iter().last().map_or_else(Span::call_site, |token| token.span()));
        if !self.single {
            return quote_spanned! { span => #path(#(#args),*) };
        }
        let import = Room::Agg.import();
        quote_spanned! { span => { #import #path(#(#args),*) } }
    }
}
