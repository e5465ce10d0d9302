//! From stages to the expansion.

use proc_macro2::{Ident, TokenStream};
use quote::quote;

use crate::ast::Joined;
use crate::diag::Diags;
use crate::plan::Plan;
use crate::row::{Phase, Row, ours};
use crate::stage::{Kind, Stage};
use crate::{ast, check, paths, spans, split, words};

/// The pipeline of a text; whatever is wrong with it, an expression of type `Pipeline`.
///
/// ```text
/// {
///     #[cfg(rust_analyzer)]
///     let pipeline = variant! { what an editor shows };
///     #[cfg(not(rust_analyzer))]
///     let pipeline = variant! { what is wrong, and what rustc compiles };
///     pipeline
/// }
/// ```
pub(crate) fn expand(input: TokenStream) -> TokenStream {
    let shown = shown(input.clone());
    let One { faults, code, .. } = one(input);
    // Both are a macro's tokens, as those are not looked at where they are left out: half-typed code is none that rustc
    // could parse, and an editor would complete a name in the first code it finds it in.
    let (pipeline, variant) = (ours("__pipeline"), paths::variant());
    quote! {
        {
            #[allow(unexpected_cfgs)]
            let #pipeline = {
                #[cfg(rust_analyzer)]
                let #pipeline = #variant { #shown };
                #[cfg(not(rust_analyzer))]
                let #pipeline = #variant { { #faults #code } };
                #pipeline
            };
            #pipeline
        }
    }
}

/// What an editor shows.
pub(crate) fn shown(input: TokenStream) -> TokenStream {
    let One { code, words, .. } = spans::for_editors(|| one(input));
    // The words of stages are the names of modules, in which their documentation is.
    let stage = paths::stage();
    quote! {
        {
            #[allow(unused_imports)]
            use #stage::{#(#words as _),*};
            #code
        }
    }
}

/// What rustc compiles.
#[cfg(test)]
pub(crate) fn one_for_rustc(input: TokenStream) -> TokenStream {
    let One { faults, code, .. } = one(input);
    quote! { #faults #code }
}

/// One of the two expansions.
struct One {
    /// What is wrong.
    faults: Option<TokenStream>,
    /// A block of type `Pipeline`.
    code: TokenStream,
    /// The first words of the stages.
    words: Vec<Ident>,
}

fn one(input: TokenStream) -> One {
    let mut diags = Diags::default();
    let everything = input.clone();
    let chains = ast::chains(split::split(input), &mut diags);
    let Joined { stages, names, left } = ast::join(chains, &mut diags);
    if stages.is_empty() && diags.is_empty() {
        diags.push(
            &everything,
            "the pipeline is empty",
            "write `from SOURCE(..) | decode json as Reading | sink SINK(..)`",
        );
    }
    check::all(&stages, &mut diags);
    let mut plan = Plan::new(decodes(&stages));
    plan.streams(&names);
    left.into_iter().for_each(|tokens| plan.raw(tokens));
    if !stages.first().is_some_and(|stage| stage.is(words::FROM)) {
        plan.freeze();
    }
    for stage in &stages {
        write(stage, &mut plan, &mut diags);
    }
    if !spans::is_editor() {
        plan.item(diags.warnings());
    }
    let faults = diags.finish();
    let words = stages.iter().filter(|stage| !stage.is_wordless()).map(|stage| stage.word.clone()).collect();
    if faults.is_none() {
        return One { faults, code: plan.finish(), words };
    }
    if stages.is_empty() {
        plan.raw(everything);
    }
    One { faults, code: plan.finish_broken(), words }
}

/// Whether there is a `decode` in its place.
fn decodes(stages: &[Stage]) -> bool {
    let ends = |stage: &&Stage| ![words::GROUP_BY, words::AGG, words::SINK].iter().any(|word| stage.is(word));
    stages.iter().take_while(ends).any(|stage| stage.is(words::DECODE))
}

/// Writes one stage. A broken one is left out; if it would have changed the row, the chain that rustc checks ends before
/// it, and the stages after it are looked at for their own faults only.
fn write(stage: &Stage, plan: &mut Plan, diags: &mut Diags) {
    if plan.is_frozen() {
        plan.raw(stage.rest());
    }
    if misplaced(stage, plan) {
        // It has been said; nothing is known of the rows after it.
        if !plan.is_frozen() {
            plan.raw(stage.rest());
            plan.freeze();
        }
        plan.row = Row { unknown: true, ..Row::default() };
        plan.pending = None;
        return;
    }
    let before = diags.len();
    let saved = plan.clone();
    stage.emit(plan, diags);
    let broken = matches!(stage.kind, Kind::Broken);
    if !broken && diags.len() == before {
        return;
    }
    let after = std::mem::replace(plan, saved);
    if !plan.is_frozen() {
        plan.raw(stage.rest());
    }
    if stage.keeps_row() {
        return;
    }
    plan.freeze();
    if broken {
        plan.row = Row { unknown: true, ..Row::default() };
        plan.pending = None;
    } else {
        // The names are known, if not the types.
        let frozen = after.with_frozen_of(plan);
        *plan = frozen;
    }
}

/// Whether the plan has no place for a stage.
fn misplaced(stage: &Stage, plan: &Plan) -> bool {
    let grouped = plan.pending.is_some();
    match &stage.kind {
        Kind::Broken => false,
        _ if plan.is_sunk() => true,
        Kind::From(_) => plan.is_begun(),
        Kind::Decode(_) => grouped || plan.phase != Phase::Records,
        Kind::Agg(_) => false,
        _ => grouped,
    }
}

/// The value of a pipeline after a fault of ours.
pub(crate) fn fallback() -> TokenStream {
    paths::broken()
}
