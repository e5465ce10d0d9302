//! Rules over several stages.

use crate::diag::Diags;
use crate::stage::Stage;
use crate::words;

/// Checks every rule.
pub(crate) fn all(stages: &[Stage], diags: &mut Diags) {
    ends(stages, diags);
    order(stages, diags);
    groups(stages, diags);
    closes(stages, diags);
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
    let mut grouped = false;
    let mut sunk = false;
    for (index, stage) in stages.iter().enumerate() {
        let (word, earlier) = (&stage.word, stages.get(..index).unwrap_or_default());
        if stage.is(words::FROM) && index > 0 {
            diags.push(word, "`from` begins a pipeline", "put it first; `union` and `join` are not supported yet");
        } else if sunk {
            diags.push(word, format!("`{word}` comes after `sink`"), "move it before `sink`, which ends the pipeline");
        } else if grouped && stage.is(words::DECODE) {
            diags.push(word, "`decode` must come before `group_by`", "move it up, directly after `from`");
        } else if grouped && stage.is(words::WATERMARK) {
            diags.push(word, "`watermark` must come before `group_by`", "move it up; a second `group_by` needs none");
        } else if [words::DECODE, words::WATERMARK].iter().any(|once| stage.is(once))
            && earlier.iter().any(|other| other.word == *word)
        {
            diags.push(word, format!("a second `{word}`"), "keep one of the two");
        }
        grouped |= stage.is(words::GROUP_BY);
        sunk |= stage.is(words::SINK);
    }
}

/// `.. | group_by {..} | filter x`, `.. | agg {..}`.
fn groups(stages: &[Stage], diags: &mut Diags) {
    // A `group_by` whose `agg` is not where it should be has been reported.
    let mut waiting = false;
    for (index, stage) in stages.iter().enumerate() {
        let next = stages.get(index + 1);
        let before = index.checked_sub(1).and_then(|at| stages.get(at));
        let of =
            |stage: Option<&Stage>, word: &str| stage.is_some_and(|stage| stage.is(word) || stage.stands_for(word));
        if stage.is(words::GROUP_BY) && !of(next, words::AGG) {
            diags.push(
                &stage.word,
                "`group_by` needs an `agg` directly after it",
                "write `| agg { n = count() }` after it",
            );
            waiting = true;
        }
        if stage.is(words::AGG) && !of(before, words::GROUP_BY) && !std::mem::take(&mut waiting) {
            diags.push(
                &stage.word,
                "`agg` needs a `group_by` directly before it",
                "write `| group_by { device_id, window = tumbling(1min) }` before it",
            );
        }
    }
}

/// `.. | group_by { k, w = tumbling(1min) } | agg {..} | sink x` without a watermark.
fn closes(stages: &[Stage], diags: &mut Diags) {
    let watermark = stages.iter().any(|stage| stage.is(words::WATERMARK) || stage.stands_for(words::WATERMARK));
    if !watermark && let Some(group) = stages.iter().find(|stage| stage.is(words::GROUP_BY)) {
        diags.push(
            &group.word,
            "append mode can never emit these groups: nothing closes them",
            "add `| watermark 10s` before it",
        );
    }
}
