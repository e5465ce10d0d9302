//! Rules over several stages.

use proc_macro2::Ident;

use crate::diag::Diags;
use crate::stage::Stage;
use crate::words;

/// Checks every rule.
pub(crate) fn all(stages: &[Stage], diags: &mut Diags) {
    ends(stages, diags);
    order(stages, diags);
    groups(stages, diags);
    crate::modes::check(stages, diags);
}

/// `filter a > 1 | sink x` and `from x | filter a > 1`.
fn ends(stages: &[Stage], diags: &mut Diags) {
    if let Some(first) = stages.first()
        && !first.is(words::FROM)
        && !first.stands_for(words::FROM)
        && !first.is_wordless()
    {
        diags.push(
            &first.word,
            format!("a pipeline begins with `from`, not with `{}`", first.word),
            "write `from SOURCE(..)` before it, such as `from kinesis(\"readings\", region = \"us-west-2\")`",
        );
    }
    if let Some(last) = stages.last()
        && !stages.iter().any(|stage| stage.is(words::SINK) || stage.stands_for(words::SINK))
    {
        diags.push(
            &last.word,
            "the pipeline has no `sink`",
            "write `| sink SINK(..)` at its end, such as `| sink console()`",
        );
    }
}

/// `.. | group_by {..} | agg {..} | decode json as T`, a second `from`, `decode` or `watermark`, a stage after `sink`.
fn order(stages: &[Stage], diags: &mut Diags) {
    let mut grouped: Option<&Ident> = None;
    let mut sunk = false;
    for (index, stage) in stages.iter().enumerate() {
        let (word, earlier) = (&stage.word, stages.get(..index).unwrap_or_default());
        if stage.is(words::FROM) && index > 0 {
            diags.push(word, "`from` begins a pipeline", "put it first; `union` and `join` are not supported yet");
        } else if sunk {
            diags.push(word, format!("`{word}` comes after `sink`"), "move it before `sink`, which ends the pipeline");
        } else if let Some(first) = grouped.filter(|_| stage.is(words::DECODE)) {
            diags.push(word, format!("`decode` must come before `{first}`"), "move it up, directly after `from`");
        } else if let Some(first) = grouped.filter(|_| stage.is(words::WATERMARK)) {
            let help = "move it up; a second `group_by` needs none";
            diags.push(word, format!("`watermark` must come before `{first}`"), help);
        } else if [words::DECODE, words::WATERMARK].iter().any(|once| stage.is(once))
            && earlier.iter().any(|other| other.word == *word)
        {
            diags.push(word, format!("a second `{word}`"), "keep one of the two");
        }
        if stage.is(words::GROUP_BY) || stage.is(words::AGG) {
            grouped = grouped.or(Some(word));
        }
        sunk |= stage.is(words::SINK);
    }
}

/// `.. | group_by {..} | filter x`.
fn groups(stages: &[Stage], diags: &mut Diags) {
    for (index, stage) in stages.iter().enumerate() {
        let next = stages.get(index + 1);
        let of =
            |stage: Option<&Stage>, word: &str| stage.is_some_and(|stage| stage.is(word) || stage.stands_for(word));
        if stage.is(words::GROUP_BY) && !of(next, words::AGG) {
            diags.push(
                &stage.word,
                "`group_by` needs an `agg` directly after it",
                "write `| agg { n = count() }` after it",
            );
        }
    }
}
