//! The line of progress on a terminal.

use indicatif::{ProgressBar, ProgressStyle};

use super::progress::Progress;

/// One line on standard error, if that is a terminal.
pub(crate) struct Line(Option<ProgressBar>);

impl Line {
    pub(crate) fn new(shown: bool) -> Self {
        use std::io::IsTerminal;
        if !shown || !std::io::stderr().is_terminal() {
            return Self(None);
        }
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
            bar.set_style(style);
        }
        Self(Some(bar))
    }

    pub(crate) fn show(&self, progress: &Progress) {
        let Some(bar) = &self.0 else { return };
        let account = &progress.millstream;
        let watermark = progress.event_time.get("watermark").map_or("none yet", String::as_str);
        let keys: u64 = progress.state_operators.iter().map(|state| state.num_rows_total).sum();
        bar.set_message(format!(
            "epoch {}: {:.0} rows/s, watermark {watermark}, {} late, {} bad, {keys} keys, {} ms",
            progress.batch_id,
            progress.input_rows_per_second,
            account.late,
            account.skipped + account.dead_letters,
            progress.batch_duration,
        ));
        bar.tick();
    }

    pub(crate) fn end(&self) {
        if let Some(bar) = &self.0 {
            bar.finish();
        }
    }
}
