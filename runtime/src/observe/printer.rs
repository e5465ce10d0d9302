//! Prints from a thread of its own: whoever does not read what is printed must not hold up the rows.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// Lines that wait to be printed, before further ones are lost.
const WAITING: usize = 1_024;
/// How long the end waits for what is left.
const LAST: Duration = Duration::from_secs(1);

/// A thread that prints.
pub(crate) struct Printer {
    lines: Option<SyncSender<String>>,
    /// Locked by nobody: it makes this one to be shared.
    ended: Mutex<Receiver<()>>,
}

impl Printer {
    /// Starts the thread, which prints each line by `print`.
    ///
    /// # Errors
    /// No thread can be started.
    pub(crate) fn start(mut print: impl FnMut(&str) + Send + 'static) -> std::io::Result<Self> {
        let (lines, waiting) = sync_channel::<String>(WAITING);
        let (end, ended) = sync_channel(1);
        thread::Builder::new().name("millstream-print".to_owned()).spawn(move || {
            waiting.into_iter().for_each(|line| print(&line));
            // What it prints to is let go before the end is told of.
            drop(print);
            end.send(()).ok();
        })?;
        Ok(Self { lines: Some(lines), ended: Mutex::new(ended) })
    }

    /// Prints a line, soon; `false` if it is lost, since too many wait already.
    pub(crate) fn print(&self, line: String) -> bool {
        self.lines.as_ref().is_some_and(|lines| lines.try_send(line).is_ok())
    }
}

/// Waits for what is left to be printed, but not for ever.
impl Drop for Printer {
    fn drop(&mut self) {
        self.lines = None;
        let ended = self.ended.get_mut().unwrap_or_else(PoisonError::into_inner);
        ended.recv_timeout(LAST).ok();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clock;

    #[test]
    fn f_093_who_does_not_read_loses_lines_and_holds_nobody_up() {
        let read = Arc::new(Mutex::new(Vec::new()));
        let reader = Arc::clone(&read);
        let printer = Printer::start(move |line| reader.lock().unwrap().push(line.to_owned())).unwrap();
        // Nobody reads.
        let stuck = read.lock().unwrap();
        let begun = clock::monotonic();
        let printed = (0..5_000).filter(|line| printer.print(line.to_string())).count();
        // One is at the reader.
        assert!((WAITING..=WAITING + 1).contains(&printed), "{printed}");
        assert!(begun.elapsed() < LAST);
        drop(stuck);
        drop(printer);
        assert_eq!(read.lock().unwrap().len(), printed);
    }
}
