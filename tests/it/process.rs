//! A process that a test starts, watches and kills.

use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

/// A running process. It does not outlive its test.
pub(crate) struct Running {
    child: Child,
    errors: PathBuf,
}

impl Running {
    /// Starts it; what it prints is added to `output.txt` in the folder, its errors are in `errors.txt`.
    pub(crate) fn start(command: &mut Command, folder: &Path) -> Self {
        let log = |name: &str| File::options().create(true).append(true).open(folder.join(name)).unwrap();
        let errors = folder.join("errors.txt");
        fs::write(&errors, "").unwrap();
        let command = command.stdin(Stdio::null()).stdout(log("output.txt")).stderr(log("errors.txt"));
        Self { child: command.spawn().unwrap(), errors }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn errors(&self) -> String {
        fs::read_to_string(&self.errors).unwrap()
    }

    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Stops it for the time being, and waits until all its threads have stopped.
    pub(crate) fn freeze(&self) {
        self.signal(Signal::STOP);
        let (_, status) = waitpid(Some(Pid::from_child(&self.child)), WaitOptions::UNTRACED).unwrap().unwrap();
        assert!(status.stopped(), "{status:?}");
    }

    /// Waits until it is `ready`, it has ended, or the time is over, when it gives `false`.
    pub(crate) fn wait_for(&mut self, within: Duration, ready: impl Fn() -> bool) -> bool {
        let begun = Instant::now();
        while !ready() && self.ended().is_none() {
            if begun.elapsed() > within {
                return false;
            }
            // Look again, soon: it is to be killed at any moment of its work.
            std::thread::sleep(Duration::from_millis(1));
        }
        true
    }

    /// Waits for its end, but not for ever. Gives the exit code and what it said.
    pub(crate) fn end(&mut self, within: Duration) -> (Option<i32>, String) {
        assert!(self.wait_for(within, || false), "it did not end in {within:?}: {}", self.errors());
        (self.ended().unwrap().code(), self.errors())
    }

    /// Kills it. `false` if it had ended before.
    pub(crate) fn kill(mut self) -> bool {
        self.child.kill().unwrap();
        let status = self.child.wait().unwrap();
        if status.signal() == Some(9) {
            return true;
        }
        assert_eq!(status.code(), Some(0), "it ended by itself: {}", self.errors());
        false
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.ended().is_none() {
            self.child.kill().ok();
            self.child.wait().ok();
        }
    }
}
