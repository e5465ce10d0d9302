//! `sink SINK(..) [as Out] [mode = append | update | complete]`: where rows go.

use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::{quote, quote_spanned};

use super::{Stage, first_or};
use crate::ast::nothing_left;
use crate::connector::{Connector, plain};
use crate::diag::{Diags, one_of};
use crate::paths::{self, Room};
use crate::plan::Plan;
use crate::row::{Base, ours, ours_at};
use crate::spans::{self, place};
use crate::tokens::{Cursor, stream};
use crate::words;

#[derive(Debug)]
pub(crate) struct Sink {
    sink: Connector,
    declared: Option<Declared>,
    /// `update` in `mode = update`; none is `append`.
    mode: Option<Ident>,
}

/// `as Out`: the struct that the row is checked against.
#[derive(Debug)]
pub(crate) struct Declared {
    schema: TokenStream,
}

pub(super) fn parse(word: &Ident, cursor: &mut Cursor<'_>, diags: &mut Diags) -> Option<Sink> {
    let sink = Connector::parse(cursor, Room::Sink, word, &[words::AS, words::MODE], diags)?;
    let declared = declared(cursor, diags);
    let mut given = None;
    if let Some(mode) = cursor.word(words::MODE) {
        let equals = cursor.lone('=');
        let at = first_or(cursor, mode);
        match cursor.ident().filter(|_| equals) {
            Some(value) if words::MODES.iter().any(|known| value == known) => given = Some(value.clone()),
            _ => diags.push(
                at,
                format!("`mode` is {}", one_of(words::MODES)),
                "write `mode = update`, or take it away: append is the default",
            ),
        }
    }
    nothing_left(cursor, word, diags);
    Some(Sink { sink, declared, mode: given })
}

/// Takes `as Out`.
pub(super) fn declared(cursor: &mut Cursor<'_>, diags: &mut Diags) -> Option<Declared> {
    let word = cursor.word(words::AS)?;
    let tokens = cursor.until_word(&[words::MODE]);
    if tokens.is_empty() || syn::parse2::<syn::Path>(stream(tokens)).is_err() {
        diags.push(
            word,
            "`as` needs the name of a struct",
            "write `as Out`, with `#[derive(StreamSchema)] struct Out { .. }`",
        );
        return None;
    }
    Some(Declared { schema: stream(tokens) })
}

impl Declared {
    /// Checks the row against the struct. The named columns are taken out of it by a pattern, so that rustc says which are
    /// too many or of another type, each at its name; what else there is, constants compare.
    pub(super) fn check(&self, plan: &mut Plan, whose: &TokenTree, diags: &mut Diags) {
        if plan.row.unknown {
            return;
        }
        let schema = &self.schema;
        let at = place(schema.clone().into_iter().last().map_or_else(|| whose.span(), |token| token.span()));
        let kept = plan.kept();
        let names: Vec<String> = kept.iter().map(|(name, _)| plain(name)).collect();
        let constant = match &plan.row.base {
            None => {
                let named_as = spans::at(&paths::named_as(), at);
                quote_spanned! { at => #named_as::<#schema>(&[#(#names),*]) }
            }
            Some(Base { of: Some(base), .. }) => {
                let unchanged = kept.is_empty() && plan.row.dropped.is_empty();
                if unchanged && base.to_string() == schema.to_string() {
                    return;
                }
                let dropped = plan.row.dropped.iter().map(plain);
                let extended_as = spans::at(&paths::extended_as(), at);
                quote_spanned! { at => #extended_as::<#schema, #base>(&[#(#names),*], &[#(#dropped),*]) }
            }
            Some(Base { of: None, .. }) => {
                diags.push(
                    schema,
                    "this row has no schema that could be compared with a struct",
                    "name its columns in a `select { a, b }` without `..`, or take the `as` away",
                );
                return;
            }
        };
        plan.item(quote_spanned! { at => const _: () = #constant; });
        if kept.is_empty() {
            return;
        }
        let (option, view_of, some) = (paths::option(), paths::view_of(), paths::some());
        let field = |index: usize, name: &Ident| ours_at(&format!("__field{index}"), name.span());
        let fields = kept.iter().enumerate().map(|(index, (name, _))| {
            let field = field(index, name);
            quote! { #name: #field }
        });
        let checks = kept.iter().enumerate().map(|(index, (name, value))| {
            let (field, column) = (field(index, name), ours_at("__column", name.span()));
            // An assignment: of a call rustc would show the function.
            quote_spanned! { place(name.span()) =>
                if let #some(mut #column) = #view_of(#field) {
                    #column = #value;
                }
            }
        });
        plan.statement(quote_spanned! { at =>
            if let #some(#schema { #(#fields,)* .. }) = #option::<&#schema>::None { #(#checks)* }
        });
    }
}

impl Sink {
    /// The mode's word, where one is given.
    pub(crate) fn mode(&self) -> Option<&Ident> {
        self.mode.as_ref()
    }

    pub(super) fn emit(&self, stage: &Stage, plan: &mut Plan, diags: &mut Diags) {
        for (key, columns) in self.sink.columns() {
            for column in columns {
                let value = plan.column(column, diags);
                let check = if key == words::PARTITION_BY {
                    let partition_key = spans::at(&paths::partition_key(), column.span());
                    let at = place(column.span());
                    quote_spanned! { at => #partition_key(#value); }
                } else {
                    quote! { let _ = &#value; }
                };
                plan.statement(quote! { if false { #check } });
            }
        }
        if let Some(declared) = &self.declared {
            declared.check(plan, &TokenTree::Ident(stage.word.clone()), diags);
        }
        let (at, out) = (place(stage.word.span()), ours_at("__out", stage.word.span()));
        let row = row(plan, stage);
        plan.statement(quote_spanned! { at => #out.emit(#row); });
        plan.end_closure("rows", TokenStream::new(), stage.word.span());
        let sink = self.sink.emit();
        let mode = self.mode.as_ref().and_then(|mode| match mode.to_string().as_str() {
            words::UPDATE => Some(spans::at(&paths::update(), mode.span())),
            words::COMPLETE => Some(spans::at(&paths::complete(), mode.span())),
            _ => None,
        });
        plan.sink(mode.as_ref(), &sink);
    }
}

/// The row as it is written.
fn row(plan: &mut Plan, stage: &Stage) -> TokenStream {
    let Some(base) = plan.row.base.clone() else {
        let row = plan.written(stage.word.span());
        return quote! { #row };
    };
    plan.rest |= base.schema;
    plan.except = plan.row.dropped.iter().chain(&plan.row.named).map(plain).collect();
    let base = ours_at(base.var, stage.word.span());
    if plan.row.dropped.is_empty() && plan.row.number.is_none() {
        return quote! { #base };
    }
    if plan.row.number.is_none() {
        plan.shape(Vec::new(), words::DROP);
    }
    let named = plan.written(stage.word.span());
    let (extended, left_out) = (paths::extended(), paths::left_out());
    let names: Vec<String> = plan.row.dropped.iter().map(plain).collect();
    let dropped = ours("__Dropped");
    plan.item(quote! {
        struct #dropped;
        impl #left_out for #dropped { const NAMES: &'static [&'static str] = &[#(#names),*]; }
    });
    let extended = spans::at(&extended, stage.word.span());
    quote_spanned! { place(stage.word.span()) => #extended::<_, _, #dropped>::new(#base, #named) }
}
