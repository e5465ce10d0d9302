//! The expansion of a plan: the Rust values it keeps, its chain, and the items of that.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use super::{Plan, RowStruct, is_name, ours_used};
use crate::row::ours;
use crate::tokens::is_punct;
use crate::{paths, spans};

impl Plan {
    /// The items of the chain: rows, the projection. They stand behind it, as everything must that holds a name once more: an
    /// editor looks at a half-typed text and at the same with one more word, and compares them by their places.
    pub(super) fn items(&self) -> TokenStream {
        let rows = self.rows.iter().enumerate().map(|(index, row)| row.emit(index + 1));
        let (projection, used, rest, event_time) = (paths::projection(), &self.used, self.rest, self.event_time);
        let except = &self.except;
        let (used_type, items) = (ours_used(), &self.items);
        quote! {
            #(#rows)*
            #items
            #[allow(dead_code)]
            struct #used_type;
            impl #projection for #used_type {
                const NAMES: &'static [&'static str] = &[#(#used),*];
                const REST: bool = #rest;
                const EXCEPT: &'static [&'static str] = &[#(#except),*];
                const EVENT_TIME: bool = #event_time;
            }
        }
    }

    /// The Rust values that the pipeline keeps, and what their methods come from.
    pub(super) fn captures(&self) -> TokenStream {
        let captures = self.captures.iter().enumerate().map(|(index, (ident, value))| {
            // A name is moved into the pipeline once, however often it stands in it.
            let same = |(_, other): &&(Ident, TokenStream)| is_name(value) && other.to_string() == value.to_string();
            match self.captures.iter().take(index).find(same) {
                Some((first, _)) => {
                    let clone = paths::clone();
                    quote! { let #ident = #clone(&#first); }
                }
                None => {
                    let capture = paths::capture();
                    let several = value.clone().into_iter().any(|token| is_punct(Some(&token), ';'));
                    let value = if several {
                        quote! { { #value } }
                    } else {
                        value.clone()
                    };
                    quote! { let #ident = #capture(#value); }
                }
            }
        });
        let (certain, cloned) = (paths::certain(), paths::cloned());
        quote! {
            #[allow(unused_imports)]
            use #certain as _;
            #[allow(unused_imports)]
            use #cloned as _;
            #(#captures)*
        }
    }

    /// The whole expansion without faults.
    pub(crate) fn finish(self) -> TokenStream {
        let (captures, items) = (self.captures(), self.items());
        let (chain, pipeline) = (&self.chain, ours("__pipeline"));
        quote! {
            {
                #captures
                #[allow(unused_assignments, unused_labels, unused_variables, unused_parens, unused_braces, clippy::all)]
                let #pipeline = #chain;
                #items
                #pipeline
            }
        }
    }

    /// The expansion with faults: what is whole is type-checked, what is not is kept for editors, and the value is a
    /// pipeline all the same.
    pub(crate) fn finish_broken(mut self) -> TokenStream {
        self.freeze();
        let (whole, broken) = (self.frozen, paths::broken());
        let raw = self.raw.iter().filter(|_| spans::is_editor());
        quote! {
            {
                #[allow(unused, clippy::all)]
                {
                    #whole
                    #({ #raw })*
                }
                #broken
            }
        }
    }
}

impl RowStruct {
    fn emit(&self, number: usize) -> TokenStream {
        let name = paths::row_struct(number);
        let (names, row) = (&self.names, paths::row());
        let types: Vec<Ident> = (0..names.len()).map(|index| format_ident!("C{index}")).collect();
        let written = self.written.then(|| {
            let builders = format_ident!("{name}Builders");
            let names = names.iter().map(spans::again);
            quote! { #row(#builders, #name { #(#names: #types),* }); }
        });
        quote! {
            #[allow(dead_code)]
            #[derive(Clone, Copy)]
            struct #name<#(#types),*> { #(#names: #types),* }
            #written
        }
    }
}
