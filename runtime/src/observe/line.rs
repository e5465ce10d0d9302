//! The line of progress on a terminal.

use std::fmt::Write;
use std::time::Duration;

use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressStyle};

use super::printer::Printer;
use super::progress::Progress;
use crate::time::Timestamp;

/// How often the sign at the beginning of the line moves, so that a quiet pipeline does not look dead.
const TICK: Duration = Duration::from_millis(250);
/// How far a partition may be behind the one in the lead, in milliseconds of event time, before the line names it.
const BEHIND: u64 = 60_000;

/// One line on standard error, if that is a terminal; it is cut off where the terminal ends.
pub(crate) struct Line {
    printer: Option<Printer>,
    said: Said,
}

/// The line on the terminal, which may be stopped by Ctrl-S: only the thread that prints touches it.
struct Shown(ProgressBar);

/// Left where it is, the account or whatever is printed next would stand behind it.
impl Drop for Shown {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// What there is to say.
#[derive(Default)]
struct Said {
    /// The time from which on records are read.
    since: Option<Timestamp>,
    /// Rows read before the first epoch was committed.
    read: u64,
    /// What the last epoch came to; empty before the first.
    last: String,
    /// Over all epochs of the run.
    late: u64,
    bad: u64,
}

impl Line {
    pub(crate) fn new(shown: bool) -> Self {
        use std::io::IsTerminal;
        let mut line = Self { printer: None, said: Said::default() };
        if shown && std::io::stderr().is_terminal() {
            let bar = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg}") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(TICK);
            let shown = Shown(bar);
            line.printer = Printer::start(move |words| shown.0.set_message(words.to_owned())).ok();
        }
        line
    }

    /// The source is open.
    pub(crate) fn opened(&mut self, since: Option<Timestamp>) {
        self.said.since = since;
        self.say(Said::waiting);
    }

    /// Rows came, of an epoch that is not committed yet.
    pub(crate) fn reads(&mut self, rows: u64) {
        self.said.read += rows;
        if self.said.last.is_empty() {
            self.say(Said::reading);
        }
    }

    /// A fetch brought nothing.
    pub(crate) fn quiet(&self) {
        self.say(Said::waiting);
    }

    /// An epoch is committed.
    pub(crate) fn show(&mut self, progress: &Progress) {
        if self.printer.is_some() {
            self.said.epoch(progress);
            self.say(|said| said.last.clone());
        }
    }

    pub(crate) fn end(&mut self) {
        self.printer = None;
    }

    fn say(&self, words: impl Fn(&Said) -> String) {
        if let Some(printer) = &self.printer {
            printer.print(words(&self.said));
        }
    }
}

impl Said {
    fn waiting(&self) -> String {
        let nothing_yet = self.last.is_empty() && self.read == 0;
        let what = match self.since.filter(|_| nothing_yet) {
            Some(since) => format!("waits for records newer than {since}"),
            None => "waits for records".to_owned(),
        };
        if self.last.is_empty() { what } else { format!("{}; {what}", self.last) }
    }

    fn reading(&self) -> String {
        format!("{} rows read, the first epoch is not committed yet", HumanCount(self.read))
    }

    /// Most important things first, as a narrow terminal shows no more.
    fn epoch(&mut self, progress: &Progress) {
        let account = &progress.millstream;
        self.late += account.late;
        self.bad += account.skipped + account.dead_letters;
        let mut text =
            format!("epoch {}: {} rows/s", progress.batch_id, HumanCount(progress.input_rows_per_second as u64));
        // Writing to a string does not fail.
        if let Some(behind) = account.ms_behind_latest {
            let _ = write!(text, ", {} behind", duration(behind));
        }
        if self.late > 0 {
            let _ = write!(text, ", {} late", HumanCount(self.late));
        }
        if self.bad > 0 {
            let _ = write!(text, ", {} bad", HumanCount(self.bad));
        }
        let watermark = progress.event_time.get("watermark");
        let words = format!(", watermark {}", watermark.map_or("none yet", String::as_str));
        let held = account.watermark_held_by.as_ref();
        let holder = held.filter(|held| held.behind_ms.is_none_or(|behind| behind > BEHIND));
        if let Some(holder) = holder {
            let _ = write!(text, "{words} held by {}", holder.partition);
        }
        if !progress.state_operators.is_empty() {
            let keys = progress.state_operators.iter().map(|state| state.num_rows_total).sum();
            let bytes = progress.state_operators.iter().map(|state| state.memory_used_bytes).sum();
            let _ = write!(text, ", {} keys {}", HumanCount(keys), HumanBytes(bytes));
        }
        let _ = write!(text, ", {}", duration(progress.batch_duration));
        if holder.is_none() && (watermark.is_some() || held.is_some()) {
            text.push_str(&words);
        }
        self.last = text;
    }
}

/// Milliseconds in the unit that a person would take.
fn duration(millis: u64) -> String {
    let in_units = |unit: f64, name: &str| format!("{:.1} {name}", millis as f64 / unit);
    match millis {
        0..1_000 => format!("{millis} ms"),
        1_000..120_000 => in_units(1e3, "s"),
        120_000..7_200_000 => in_units(6e4, "min"),
        7_200_000..172_800_000 => in_units(3.6e6, "h"),
        _ => in_units(8.64e7, "days"),
    }
}

#[cfg(test)]
mod tests;
