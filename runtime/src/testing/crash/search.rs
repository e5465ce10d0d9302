//! Tries every death.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use super::outcome::{Rows, Seen};
use super::{CrashTest, Report};
use crate::Result;
use crate::engine::Checkpoint;
use crate::engine::attempts;
use crate::engine::driver::Stop;
use crate::error::{Error, Kind};
use crate::pipeline::options::Options;
use crate::pipeline::rehearsal::{Received, Rehearsal};
use crate::store::Durability;
use crate::store::simulated::{Death, How, Process, World};
use crate::thread;

/// What outlives a process: its machine, and what it has delivered.
#[derive(Default)]
pub(super) struct Machine {
    pub(super) world: World,
    pub(super) received: Received,
}

impl Machine {
    pub(super) fn fork(&self) -> Self {
        let received = self.received.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Self { world: self.world.fork(), received: Received::new(Mutex::new(received)) }
    }
}

/// Runs a test, on a thread of its own: the caller's may be one of a tokio runtime.
pub(super) fn run(test: &CrashTest) -> Result<Report> {
    let machine = Machine::default();
    std::thread::scope(|scope| {
        let search = || {
            if let Some(before) = &test.before {
                let before = CrashTest { pipeline: before.clone(), ..test.clone() };
                begin(&before, &machine.received, &machine.world.process(None, None))?;
            }
            from(test, &machine)
        };
        let thread = std::thread::Builder::new().name("millstream-crash-test".to_owned()).spawn_scoped(scope, search);
        let thread = thread.map_err(|error| Error::io("starting the thread of a crash test", error))?;
        thread
            .join()
            .unwrap_or_else(|_| Err(Error::new(Kind::Internal, "the crash test panicked").help("please report it")))
    })
}

/// Tries everything, each time from a machine as this one is.
pub(super) fn from(test: &CrashTest, machine: &Machine) -> Result<Report> {
    let mut search = Search::new(test);
    search.explore(machine, &mut Vec::new(), test.deaths)?;
    (0..test.storms).try_for_each(|storm| search.storm(machine, storm).map(drop))?;
    Ok(search.report)
}

pub(super) struct Search<'a> {
    pub(super) test: &'a CrashTest,
    pub(super) report: Report,
    pub(super) rows: Rows,
    /// Counts the calls that could be tried.
    tried: u64,
}

impl<'a> Search<'a> {
    pub(super) fn new(test: &'a CrashTest) -> Self {
        Self { test, report: Report::default(), rows: Rows::default(), tried: test.seed }
    }

    /// Tries every death of a process that starts on a machine; what happened to that before is in `story`.
    fn explore(&mut self, machine: &Machine, story: &mut Vec<String>, deaths: u32) -> Result<()> {
        let calls = self.finish(&machine.fork(), story)?;
        if story.is_empty() {
            (self.report.calls, self.report.rows) = (calls.len() as u64, self.rows.expected() as u64);
        }
        for (at, call) in calls.iter().enumerate() {
            self.tried += 1;
            if !self.tried.is_multiple_of(self.test.share) {
                continue;
            }
            for how in [How::Before, How::After, How::Torn, How::Frozen] {
                let possible = match how {
                    How::Torn => call.starts_with("write "),
                    // Where there are locks, nobody takes over.
                    How::Frozen => matches!(self.test.pipeline.options.checkpoint, Some(Checkpoint::Object(_))),
                    How::Before | How::After => true,
                };
                if !possible {
                    continue;
                }
                story.push(format!("{} call {at} of its own, `{call}`", words(how)));
                match how {
                    How::Frozen => self.freeze(&machine.fork(), at, story)?,
                    _ => self.die(&machine.fork(), Death { at, how }, story, deaths)?,
                }
                story.pop();
            }
        }
        Ok(())
    }

    /// A process dies; what it leaves is looked at, and recovered from.
    fn die(&mut self, machine: &Machine, death: Death, story: &mut Vec<String>, deaths: u32) -> Result<()> {
        let process = machine.world.process(Some(death), None);
        // What a dead process says is heard by nobody.
        let ended = self.start(machine, &process);
        if !process.life().dead() {
            // A source such as Kinesis does not cut its epochs at the same places each time: it made fewer calls.
            self.report.missed += 1;
            return match ended {
                Ok(()) => self.settled(machine, story),
                Err(error) => Err(fault(story, &format!("it failed before that: {error}")).caused_by(error)),
            };
        }
        self.report.deaths += 1;
        self.look(machine, story)?;
        match deaths {
            0 | 1 => self.finish(&machine.fork(), story).map(drop)?,
            _ => self.explore(machine, story, deaths - 1)?,
        }
        for cut in 0..self.test.power_cuts {
            let machine = machine.fork();
            let seed = self.test.seed.wrapping_mul(1_000_000).wrapping_add(self.report.power_cuts);
            machine.world.cut_power(seed);
            self.report.power_cuts += 1;
            story.push(format!("then the power failed (cut {cut}, seed {seed})"));
            self.look(&machine, story)?;
            self.finish(&machine, story)?;
            story.pop();
        }
        Ok(())
    }

    /// A process is frozen, another one takes over and ends, and the first one goes on.
    fn freeze(&mut self, machine: &Machine, at: usize, story: &[String]) -> Result<()> {
        let process = machine.world.process(Some(Death { at, how: How::Frozen }), None);
        let (older, newer) = (&process, machine.world.process(None, None));
        let newer = std::thread::scope(|scope| {
            let start = || begin(self.test, &machine.received, older);
            let thread = std::thread::Builder::new().name("millstream-frozen".to_owned()).spawn_scoped(scope, start);
            let thread = thread.map_err(|error| Error::io("starting the thread of a frozen process", error))?;
            older.life().wait_for_frost();
            let ended = begin(self.test, &machine.received, &newer);
            older.life().thaw();
            // Mostly it is fenced; it may also have had nothing left to do, or have been about to start.
            thread.join().ok();
            ended
        });
        self.report.frozen += 1;
        self.report.starts += 2;
        newer
            .map_err(|error| fault(story, &format!("the instance that took over failed: {error}")).caused_by(error))?;
        self.look(machine, story)?;
        self.finish(machine, story).map(drop)
    }

    /// A start that nothing happens to, and what it leaves. Gives its calls.
    pub(super) fn finish(&mut self, machine: &Machine, story: &[String]) -> Result<Vec<String>> {
        let process = machine.world.process(None, None);
        let ended = self.start(machine, &process);
        ended.map_err(|error| match story {
            [] => error,
            _ => fault(story, &format!("the next start failed: {error}")).caused_by(error),
        })?;
        self.settled(machine, story)?;
        Ok(process.life().calls())
    }

    /// Whether everything is as it has to be at the end.
    fn settled(&mut self, machine: &Machine, story: &[String]) -> Result<()> {
        let seen = self.look(machine, story)?;
        self.rows.check(&seen, &machine.received).map_err(|what| fault(story, &what))
    }

    /// Looks at the outputs as readers do.
    pub(super) fn look(&mut self, machine: &Machine, story: &[String]) -> Result<Seen> {
        // To look makes folders.
        let looker = machine.fork();
        let options = options(self.test, &looker.received, &looker.world.process(None, None));
        Seen::by_readers(&self.test.pipeline.plan, &options).map_err(|what| fault(story, &what))
    }

    fn start(&mut self, machine: &Machine, process: &Process) -> Result<()> {
        self.report.starts += 1;
        begin(self.test, &machine.received, process)
    }
}

/// Runs a process to its end.
pub(super) fn begin(test: &CrashTest, received: &Received, process: &Process) -> Result<()> {
    let (_stop, stopped) = watch::channel(Stop::No);
    let options = options(test, received, process);
    let ended = thread::block_on(attempts::run(test.pipeline.plan.clone(), options, stopped))
        .map_err(|error| Error::io("starting the tokio runtime", error));
    process.life().end();
    ended?.map(drop)
}

/// A storm by itself.
#[cfg(test)]
pub(super) fn storm(test: &CrashTest, number: u64) -> Result<super::storm::Passed> {
    let machine = Machine::default();
    let mut search = Search::new(test);
    search.finish(&machine.fork(), &[])?;
    search.storm(&machine, number)
}

/// The pipeline's options, on a simulated machine.
fn options(test: &CrashTest, received: &Received, process: &Process) -> Options {
    let mut options = test.pipeline.options.clone();
    // More starts without a commit than this are a crash loop, by design.
    options.ignore_crash_loop |= test.deaths > 3 || process.life().overlaps();
    options.durability = Durability::PowerLoss;
    if !process.life().overlaps() {
        options.workers = 1;
    }
    (options.listener, options.progress) = (None, false);
    #[cfg(feature = "metrics")]
    {
        options.shown_at = Default::default();
    }
    options.rehearsal = Some(Rehearsal { process: process.clone(), received: Arc::clone(received) });
    options
}

pub(super) fn words(how: How) -> &'static str {
    match how {
        How::Before => "a process died before",
        How::After => "a process died after",
        How::Torn => "a process died in the middle of",
        How::Frozen => "a process was frozen, until another one had taken over and ended, before",
    }
}

/// What has gone wrong, after all that happened.
pub(super) fn fault(story: &[String], what: &str) -> Error {
    let story = match story {
        [] => "nothing happened".to_owned(),
        story => story.join(", "),
    };
    Error::new(Kind::Internal, format!("crash test: {story}: {what}"))
}
