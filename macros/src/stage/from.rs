//! `from SOURCE(..)`: where records come from. `from NAME` goes on with a stream that `let` has named.

use proc_macro2::Ident;
use quote::quote;

use super::Stage;
use crate::ast::nothing_left;
use crate::connector::Connector;
use crate::diag::Diags;
use crate::paths::{self, Room};
use crate::plan::Plan;
use crate::row::{Base, Row};
use crate::spans;
use crate::tokens::Cursor;

#[derive(Debug)]
pub(crate) struct From {
    source: Connector,
}

pub(super) fn parse(word: &Ident, cursor: &mut Cursor<'_>, diags: &mut Diags) -> Option<From> {
    let source = Connector::parse(cursor, Room::Source, word, &[], diags)?;
    nothing_left(cursor, word, diags);
    Some(From { source })
}

impl From {
    /// The name in `from NAME`.
    pub(crate) fn stream(&self) -> Option<&Ident> {
        self.source.bare_name()
    }

    pub(super) fn emit(&self, _stage: &Stage, plan: &mut Plan, diags: &mut Diags) {
        // For an editor it may be a source that is not typed to its end.
        if let Some(name) = self.stream()
            && !spans::is_editor()
        {
            diags.push(
                name,
                format!("no stream is named `{name}`"),
                format!("write `from {name}(..)` for a source, `from {{{name}}}` for a Rust value, or `let {name} = ..;` before it"),
            );
        }
        let (from, source) = (paths::from(), self.source.emit());
        plan.chain(quote! { #from(#source) });
        if !plan.decodes {
            plan.chain(quote! { .undecoded() });
            let input = crate::row::ours("__input");
            plan.statement(quote! { #input.undecoded(); });
        }
        plan.row = Row { base: Some(Base { var: "__item", schema: false, of: None }), ..Row::default() };
    }
}
