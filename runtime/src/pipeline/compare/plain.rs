//! Everything that is not state: the source, stages without state, the watermark, sinks.

use super::super::descriptor::{Descriptor, SinkDescriptor, word_of};
use super::{Class, Comparison, Line};

/// Stages that are compared elsewhere.
const ELSEWHERE: [&str; 4] = ["group_by", "agg", "watermark", "sink"];
/// Stages that decide how many rows there are.
const CHOOSING: [&str; 2] = ["filter", "explode"];

impl Comparison {
    pub(super) fn source(&mut self, old: &Descriptor, new: &Descriptor) {
        let words = |of: &Descriptor| format!("{} `{}`", of.source, of.target);
        let (was, is) = (words(old), words(new));
        if was == is {
            self.push(Line::same(format!("the source {is}")));
        } else {
            let way = "positions are those of one source: start with a fresh checkpoint and a fresh output";
            self.line("C01", Class::Incompatible, "the source", &was, &is, way);
        }
        if old.decode != new.decode {
            let then = "records are decoded so from the next epoch on";
            self.line("C02", Class::Meaning, "decode", &old.decode, &new.decode, then);
        }
    }

    pub(super) fn stages(&mut self, old: &Descriptor, new: &Descriptor) {
        let own = |of: &Descriptor| -> Vec<String> {
            of.stages.iter().filter(|stage| !ELSEWHERE.contains(&word_of(stage))).cloned().collect()
        };
        let (old_stages, new_stages) = (own(old), own(new));
        for (was, is) in pairs(&old_stages, &new_stages) {
            let word = word_of(if is.is_empty() { &was } else { &is });
            // A stage that is changed in its place, or one that chooses among rows, makes other rows of the same columns.
            let meaning = (!was.is_empty() && !is.is_empty()) || CHOOSING.contains(&word);
            let (code, class) = if meaning { ("C04", Class::Meaning) } else { ("C03", Class::Compatible) };
            self.line(code, class, format!("the stage `{word}`"), &was, &is, "rows are made so from the next epoch on");
        }
        let delay = |of: &Descriptor| match of.watermark {
            Some(micros) => format!("{:?}", std::time::Duration::from_micros(micros.unsigned_abs())),
            None => "none".to_owned(),
        };
        if old.watermark != new.watermark {
            let then = "rows are late by the new one; the watermark itself does not go back";
            self.line("C05", Class::Meaning, "the delay of the watermark", &delay(old), &delay(new), then);
        }
        if old.mode != new.mode && ![&old.mode, &new.mode].iter().any(|mode| *mode == super::keyed::COMPLETE) {
            let then = "groups reach the sink so from the next epoch on";
            self.line("C06", Class::Meaning, "the mode of the sink", &old.mode, &new.mode, then);
        }
    }

    pub(super) fn sinks(&mut self, old: &Descriptor, new: &Descriptor) {
        for after in &new.sinks {
            let what = format!("the sink of {}", after.role);
            let Some(before) = old.sinks.iter().find(|before| before.role == after.role) else {
                let then = "it starts now: rows of earlier epochs are not in it";
                self.line("C30", Class::Compatible, what, "", &place(after), then);
                continue;
            };
            let before_line = self.lines.len();
            if place(before) != place(after) {
                let then = "rows of later epochs are in the new place, those of earlier ones stay where they are";
                self.line("C32", Class::Meaning, what.as_str(), &place(before), &place(after), then);
                self.moved.push(number(&after.role));
                continue;
            }
            self.columns(before, after);
            if before.options != after.options {
                let shown = |sink: &SinkDescriptor| match sink.options.first() {
                    Some((name, value)) => format!("{name} = {value}"),
                    None => "none".to_owned(),
                };
                let way = "one folder has one layout: choose a new folder for the sink, the checkpoint can stay";
                self.line(
                    "C34",
                    Class::Incompatible,
                    format!("the layout of `{}`", after.target),
                    &shown(before),
                    &shown(after),
                    way,
                );
            }
            if self.lines.len() == before_line {
                self.push(Line::same(format!("{what}, {}", place(after))));
            }
        }
        for before in old.sinks.iter().filter(|before| !new.sinks.iter().any(|after| after.role == before.role)) {
            let then = "what it has stays there";
            self.line("C31", Class::Compatible, format!("the sink of {}", before.role), &place(before), "", then);
        }
    }

    fn columns(&mut self, before: &SinkDescriptor, after: &SinkDescriptor) {
        let (code, class, then) = if before.files || after.files {
            let way = "readers take the columns of a folder from one of its files: choose a new folder for the sink, the \
                       checkpoint can stay";
            ("C33", Class::Incompatible, way)
        } else {
            ("C35", Class::Meaning, "who takes the rows gets the new columns from the next epoch on")
        };
        let mut changed = false;
        let what = |name: &str| format!("the column `{name}` of the sink `{}`", after.target);
        for (name, was) in &before.columns {
            let is = after.columns.iter().find(|(other, _)| other == name).map_or("", |(_, is)| is);
            if was != is {
                changed = true;
                self.line(code, class, what(name), was, is, then);
            }
        }
        for (name, is) in &after.columns {
            if !before.columns.iter().any(|(other, _)| other == name) {
                changed = true;
                self.line(code, class, what(name), "", is, then);
            }
        }
        let names = |sink: &SinkDescriptor| sink.columns.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        if changed || names(before) != names(after) {
            self.moved.push(number(&after.role));
        }
    }
}

fn place(sink: &SinkDescriptor) -> String {
    format!("{} `{}`", sink.kind, sink.target)
}

/// The number of a sink in commits.
fn number(role: &str) -> usize {
    match role {
        "rows" => 0,
        "dead letters" => 1,
        _ => 2,
    }
}

/// What differs between two chains, by their longest common part: a stage that was and the one in its place that begins with
/// the same word, or one of the two alone.
fn pairs(old: &[String], new: &[String]) -> Vec<(String, String)> {
    let mut common = vec![vec![0_usize; new.len() + 1]; old.len() + 1];
    let at = |common: &[Vec<usize>], i: usize, j: usize| common.get(i).and_then(|row| row.get(j)).copied().unwrap_or(0);
    for (i, was) in old.iter().enumerate().rev() {
        for (j, is) in new.iter().enumerate().rev() {
            let longest = if was == is {
                at(&common, i + 1, j + 1) + 1
            } else {
                at(&common, i + 1, j).max(at(&common, i, j + 1))
            };
            if let Some(cell) = common.get_mut(i).and_then(|row| row.get_mut(j)) {
                *cell = longest;
            }
        }
    }
    let (mut i, mut j) = (0, 0);
    let (mut gone, mut come, mut found) = (Vec::new(), Vec::new(), Vec::new());
    loop {
        match (old.get(i), new.get(j)) {
            (Some(was), Some(is)) if was == is => {
                settle(&mut gone, &mut come, &mut found);
                (i, j) = (i + 1, j + 1);
            }
            (Some(was), is) if is.is_none() || at(&common, i + 1, j) >= at(&common, i, j + 1) => {
                gone.push(was.clone());
                i += 1;
            }
            (_, Some(is)) => {
                come.push(is.clone());
                j += 1;
            }
            _ => break,
        }
    }
    settle(&mut gone, &mut come, &mut found);
    found
}

fn settle(gone: &mut Vec<String>, come: &mut Vec<String>, found: &mut Vec<(String, String)>) {
    for was in gone.drain(..) {
        let same = come.iter().position(|is| word_of(is) == word_of(&was));
        let is = same.map(|at| come.remove(at)).unwrap_or_default();
        found.push((was, is));
    }
    found.extend(come.drain(..).map(|is| (String::new(), is)));
}
