//! From stages to the expansion.

use proc_macro2::TokenStream;

use crate::diag::Diags;
use crate::plan::{Plan, Row};
use crate::stage::{Kind, Stage};
use crate::{ast, check, paths, split, words};

/// The pipeline of a text; whatever is wrong with it, an expression of type `Pipeline`.
pub(crate) fn expand(input: TokenStream) -> TokenStream {
    let mut diags = Diags::default();
    let empty = input.is_empty();
    let everything = input.clone();
    let chains = ast::chains(split::split(input), &mut diags);
    let stages = ast::join(chains, &mut diags);
    if stages.is_empty() && diags.is_empty() {
        let at = if empty { TokenStream::new() } else { everything.clone() };
        diags.push(at, "the pipeline is empty", "write `from SOURCE(..) | decode json as Reading | sink SINK(..)`");
    }
    check::all(&stages, &mut diags);
    let decodes = stages.iter().any(|stage| stage.is(words::DECODE));
    let mut plan = Plan::new(decodes);
    for stage in &stages {
        write(stage, &mut plan, &mut diags);
    }
    match diags.finish() {
        None => plan.finish(),
        Some(faults) => {
            if stages.is_empty() {
                plan.raw(everything);
            }
            plan.finish_broken(faults)
        }
    }
}

/// Writes one stage. A broken one is left out; if it would have changed the row, the chain that rustc checks ends before
/// it, and the stages after it are looked at for their own faults only.
fn write(stage: &Stage, plan: &mut Plan, diags: &mut Diags) {
    if plan.is_frozen() {
        plan.raw(stage.raw.clone());
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
        plan.raw(stage.raw.clone());
    }
    if stage.keeps_row() {
        plan.time = if stage.is(words::FILTER) { after.time } else { crate::plan::Time::Watermark };
        if !stage.is(words::FILTER) {
            plan.freeze();
        }
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

/// The value of a pipeline after a fault of ours.
pub(crate) fn fallback() -> TokenStream {
    paths::broken()
}
