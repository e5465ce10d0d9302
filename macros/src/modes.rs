//! Rules about groups and output modes: whether groups end when they must, and whether a mode makes sense.

use proc_macro2::Ident;

use crate::diag::Diags;
use crate::stage::group_by::End;
use crate::stage::{Kind, Stage};
use crate::words;

/// A stage with groups.
struct Keyed<'s> {
    word: &'s Ident,
    end: End,
    /// Whether its window names its time column.
    names_time: bool,
    late: Option<&'s Ident>,
    named: bool,
}

/// Which groups reach the sink.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Append,
    Update,
    Complete,
}

/// Checks every rule. What a broken stage was to be is not guessed at.
pub(crate) fn check(stages: &[Stage], diags: &mut Diags) {
    let of = |stage: &Stage, word: &str| stage.is(word) || stage.stands_for(word);
    let watermark = stages.iter().any(|stage| of(stage, words::WATERMARK));
    let Some(keyed) = keyed(stages) else { return };
    if let [_, _, ..] = keyed.as_slice() {
        for stage in keyed.iter().filter(|stage| !stage.named) {
            diags.warn(
                stage.word,
                "with several groups in a pipeline each needs a name that stays when its columns change: \
                 end it in `name \"per_device\"`",
            );
        }
    }
    let sink = stages.iter().find_map(|stage| match &stage.kind {
        Kind::Sink(sink) => Some(sink),
        _ => None,
    });
    let (mode, at) = match sink.map(|sink| sink.mode()) {
        // A sink that is missing or broken has been reported.
        None => return,
        Some(None) => (Mode::Append, None),
        Some(Some(word)) if word == words::UPDATE => (Mode::Update, Some(word)),
        Some(Some(word)) if word == words::COMPLETE => (Mode::Complete, Some(word)),
        Some(Some(word)) => (Mode::Append, Some(word)),
    };
    if let Some(at) = at.filter(|_| mode != Mode::Append) {
        mode_fits(at, &keyed, diags);
    }
    for (index, stage) in keyed.iter().enumerate() {
        stage.ends(mode, watermark, diags);
        stage.is_late(mode, index > 0, diags);
    }
}

/// The stages with groups, if all of them are whole.
fn keyed(stages: &[Stage]) -> Option<Vec<Keyed<'_>>> {
    let mut keyed: Vec<Keyed<'_>> = Vec::new();
    let mut grouped = false;
    for stage in stages {
        match &stage.kind {
            Kind::GroupBy(group) => {
                grouped = true;
                keyed.push(Keyed {
                    word: &stage.word,
                    end: group.end(),
                    names_time: group.names_time(),
                    late: group.late(),
                    named: group.is_named(),
                });
            }
            // Those of the group before it.
            Kind::Agg(_) if grouped => grouped = false,
            Kind::Agg(agg) => {
                let word = &stage.word;
                keyed.push(Keyed { word, end: End::Never, names_time: false, late: None, named: agg.is_named() });
            }
            _ if [words::GROUP_BY, words::AGG].iter().any(|word| stage.is(word) || stage.stands_for(word)) => {
                return None;
            }
            _ => {}
        }
    }
    Some(keyed)
}

/// `.. | filter x | sink s mode = update`, `.. | agg {..} | group_by {..} | agg {..} | sink s mode = update`.
fn mode_fits(at: &Ident, keyed: &[Keyed<'_>], diags: &mut Diags) {
    match keyed {
        [] => diags.push(
            at,
            format!("`mode = {at}` needs an `agg`: rows that are not in groups do not change"),
            "take it away: append is the default",
        ),
        [_] => {}
        [_, second, ..] => diags.push(
            second.word,
            format!("a second group cannot go on from groups that still change, as they do in `mode = {at}`"),
            "take the mode away, or write a pipeline for each of the two",
        ),
    }
}

impl Keyed<'_> {
    /// Groups must end, or be shown before they do.
    fn ends(&self, mode: Mode, watermark: bool, diags: &mut Diags) {
        let word = self.word;
        match (self.end, mode) {
            (End::Window, Mode::Append) if !watermark => diags.push(
                word,
                "append mode can never emit these groups: nothing closes them",
                "add `| watermark 10s` before it",
            ),
            (End::Window, Mode::Update) if !watermark => diags.push(
                word,
                "the state of these groups could only grow: nothing closes their windows",
                "add `| watermark 10s` before it, or write `mode = complete`, which keeps them all",
            ),
            (End::Window, Mode::Complete) if !watermark && !self.names_time => diags.push(
                word,
                "the window does not know the event time: there is no `watermark`",
                "name the column, as in `tumbling(ts, 1min)`, or add `| watermark 10s` before it",
            ),
            (End::Ttl, Mode::Append | Mode::Update) if !watermark => diags.push(
                word,
                "the state of these groups could only grow: `ttl` goes by event time, and there is no `watermark`",
                "add `| watermark 10s` before it",
            ),
            (End::Ttl, Mode::Complete) => diags.push(
                word,
                "`mode = complete` shows every group that there ever was, and `ttl` drops them",
                "write `ttl never`, or `mode = update`",
            ),
            (End::Never, Mode::Append) if word == words::AGG => diags.push(
                word,
                "append mode can never emit this row: without a `group_by` before it, `agg` is over all rows there will be",
                "write `mode = update` at the end of `sink`, or `| group_by { window = tumbling(1min) }` before it",
            ),
            (End::Never, Mode::Append) => diags.push(
                word,
                "append mode can never emit these groups: with `ttl never` they do not end",
                "write `mode = update` at the end of `sink`, or `ttl 1h`",
            ),
            _ => {}
        }
    }

    /// A policy for late rows needs rows that can be late.
    fn is_late(&self, mode: Mode, later: bool, diags: &mut Diags) {
        let Some(at) = self.late else { return };
        let why = match (self.end, mode) {
            (End::Never, _) => "nothing is late for groups that do not end",
            (_, Mode::Complete) => "nothing is late in `mode = complete`, which keeps every group",
            _ if later => "what is late for a second `group_by` are groups, which are counted",
            _ => return,
        };
        diags.push(at, why, "take the `else` away");
    }
}
