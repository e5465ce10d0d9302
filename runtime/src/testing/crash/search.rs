//! Tries every death.

use std::sync::{Mutex, PoisonError};

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
use crate::store::simulated::{Death, How, Process, Random, World};

/// What outlives a process: its machine, and what it has delivered.
#[derive(Default)]
struct Machine {
    world: World,
    received: Received,
}

impl Machine {
    fn fork(&self) -> Self {
        let received = self.received.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Self { world: self.world.fork(), received: Received::new(Mutex::new(received)) }
    }
}

/// Runs a test, on a thread of its own: the caller's may be one of a tokio runtime.
pub(super) fn run(test: &CrashTest) -> Result<Report> {
    let search = || {
        let mut search = Search { test, report: Report::default(), rows: Rows::default(), tried: test.seed };
        let machine = Machine::default();
        if let Some(before) = &test.before {
            let before = CrashTest { pipeline: before.clone(), ..test.clone() };
            Search::begin(&before, &machine, &machine.world.process(None, None))?;
        }
        search.explore(&machine, &mut Vec::new(), test.deaths)?;
        (0..test.storms).try_for_each(|storm| search.storm(&machine, storm))?;
        Ok(search.report)
    };
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("millstream-crash-test".to_owned()).spawn_scoped(scope, search);
        let thread = thread.map_err(|error| Error::io("starting the thread of a crash test", error))?;
        thread
            .join()
            .unwrap_or_else(|_| Err(Error::new(Kind::Internal, "the crash test panicked").help("please report it")))
    })
}

struct Search<'a> {
    test: &'a CrashTest,
    report: Report,
    rows: Rows,
    /// Counts the calls that could be tried.
    tried: u64,
}

impl Search<'_> {
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

    /// While requests fail, a process dies, and another one recovers.
    fn storm(&mut self, machine: &Machine, number: u64) -> Result<()> {
        let seed = self.test.seed.wrapping_mul(1_000_000).wrapping_add(number);
        let machine = machine.fork();
        // It makes more calls than it would in good weather.
        let at = Random(seed).below(2 * self.report.calls.max(1)) as usize;
        let (how, story) = (How::After, &mut vec![format!("requests failed at random (storm {number}, seed {seed})")]);
        let process = machine.world.process(Some(Death { at, how }), Some(seed));
        let ended = self.start(&machine, &process);
        self.report.storms += 1;
        if process.life().dead() {
            self.report.deaths += 1;
            story.push(format!("{} call {at} of its own", words(how)));
        } else {
            ended.map_err(|error| fault(story, &error.to_string()).caused_by(error))?;
        }
        self.look(&machine, story)?;
        let process = machine.world.process(None, Some(!seed));
        let ended = self.start(&machine, &process);
        ended.map_err(|error| fault(story, &format!("the next start failed: {error}")).caused_by(error))?;
        let mut seen = self.look(&machine, story)?;
        // What a listing did not show was not deleted.
        seen.forget_staged();
        self.rows.check(&seen, &machine.received).map_err(|what| fault(story, &what))
    }

    /// A process is frozen, another one takes over and ends, and the first one goes on.
    fn freeze(&mut self, machine: &Machine, at: usize, story: &[String]) -> Result<()> {
        let process = machine.world.process(Some(Death { at, how: How::Frozen }), None);
        let (older, newer) = (&process, machine.world.process(None, None));
        let newer = std::thread::scope(|scope| {
            let start = || Self::begin(self.test, machine, older);
            let thread = std::thread::Builder::new().name("millstream-frozen".to_owned()).spawn_scoped(scope, start);
            let thread = thread.map_err(|error| Error::io("starting the thread of a frozen process", error))?;
            older.life().wait_for_frost();
            let ended = Self::begin(self.test, machine, &newer);
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
    fn finish(&mut self, machine: &Machine, story: &[String]) -> Result<Vec<String>> {
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
    fn look(&mut self, machine: &Machine, story: &[String]) -> Result<Seen> {
        // To look makes folders.
        let looker = machine.fork();
        let options = options(self.test, &looker, &looker.world.process(None, None));
        Seen::by_readers(&self.test.pipeline.plan, &options).map_err(|what| fault(story, &what))
    }

    fn start(&mut self, machine: &Machine, process: &Process) -> Result<()> {
        self.report.starts += 1;
        Self::begin(self.test, machine, process)
    }

    fn begin(test: &CrashTest, machine: &Machine, process: &Process) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let (_stop, stopped) = watch::channel(Stop::No);
        let ended = runtime.map_err(|error| Error::io("starting the tokio runtime", error)).and_then(|runtime| {
            runtime.block_on(attempts::run(test.pipeline.plan.clone(), options(test, machine, process), stopped))
        });
        process.life().end();
        ended.map(drop)
    }
}

/// What a process does that nothing happens to but a storm.
#[cfg(test)]
pub(super) fn calls(test: &CrashTest, storm: u64) -> Result<Vec<String>> {
    let machine = Machine::default();
    let process = machine.world.process(None, Some(storm));
    Search::begin(test, &machine, &process).map(|()| process.life().calls())
}

/// The pipeline's options, on a simulated machine.
fn options(test: &CrashTest, machine: &Machine, process: &Process) -> Options {
    let received = Received::clone(&machine.received);
    let mut options = test.pipeline.options.clone();
    // More starts without a commit than this are a crash loop, by design.
    options.ignore_crash_loop |= test.deaths > 3;
    (options.workers, options.durability) = (1, Durability::PowerLoss);
    (options.listener, options.progress) = (None, false);
    #[cfg(feature = "metrics")]
    {
        options.shown_at = Default::default();
    }
    options.rehearsal = Some(Rehearsal { process: process.clone(), received });
    options
}

fn words(how: How) -> &'static str {
    match how {
        How::Before => "a process died before",
        How::After => "a process died after",
        How::Torn => "a process died in the middle of",
        How::Frozen => "a process was frozen, until another one had taken over and ended, before",
    }
}

/// What has gone wrong, after all that happened.
fn fault(story: &[String], what: &str) -> Error {
    let story = match story {
        [] => "nothing happened".to_owned(),
        story => story.join(", "),
    };
    Error::new(Kind::Internal, format!("crash test: {story}: {what}"))
}
