//! Runs as they are in earnest: epochs, requests and workers overlap, in an order that a seed says, and under its weather.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::search::{self, Machine, Search, fault};
use crate::Result;
use crate::engine::Checkpoint;
use crate::error::{Error, Kind};
use crate::store::simulated::{Death, How, Random};
use crate::thread::{self, Schedule, Seat};

/// A storm that has passed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Passed {
    /// All turns that were taken, and when: the same for the same seed.
    pub turns: u64,
    /// What the processes did, in words.
    #[cfg(test)]
    pub calls: Vec<String>,
}

/// The longest time after which another instance starts.
const RIVAL: u64 = 60_000_000;

impl Search<'_> {
    /// Up to three processes die one after the other, or two run at once; then one ends what is left to do.
    pub(super) fn storm(&mut self, machine: &Machine, number: u64) -> Result<Passed> {
        let seed = self.test.seed.wrapping_mul(1_000_000).wrapping_add(number);
        let (machine, mut random) = (machine.fork(), Random(seed));
        let schedule = Schedule::new(random.below(u64::MAX));
        let reserved = schedule.enter();
        let mut storm = Storm {
            machine: &machine,
            random,
            passed: Passed::default(),
            story: vec![format!("a storm (storm {number}, seed {seed})")],
        };
        self.report.storms += 1;
        let in_a_bucket = matches!(self.test.pipeline.options.checkpoint, Some(Checkpoint::Object(_)));
        if in_a_bucket && storm.random.below(3) == 0 {
            self.rivals(&mut storm)?;
        } else {
            for _ in 0..storm.random.below(4) {
                self.dies(&mut storm)?;
            }
        }
        let process = machine.world.process(None, Some(storm.random.below(u64::MAX)));
        let ended = alone(|| search::begin(self.test, &machine.received, &process));
        self.report.starts += 1;
        storm.did(&process);
        ended.map_err(|error| fault(&storm.story, &format!("the next start failed: {error}")).caused_by(error))?;
        for when in ["", ", once all that was on its way has arrived"] {
            let wrong = |what: String| fault(&storm.story, &format!("{what}{when}"));
            let mut seen = self.look(&machine, &storm.story)?;
            // What a listing did not show was not deleted.
            seen.forget_staged();
            self.rows.check(&seen, &machine.received).map_err(wrong)?;
            Seat::current().iter().for_each(Seat::wait_until_still);
        }
        drop(reserved);
        storm.passed.turns = schedule.trace();
        Ok(storm.passed)
    }

    /// A process that dies at a call, if it makes so many; after that the power may fail, too.
    fn dies(&mut self, storm: &mut Storm<'_>) -> Result<()> {
        let machine = storm.machine;
        // It makes more calls than it would in good weather.
        let at = storm.random.below(2 * self.report.calls.max(1)) as usize;
        let how = [How::Before, How::After, How::Torn][storm.random.below(3) as usize % 3];
        let process = machine.world.process(Some(Death { at, how }), Some(storm.random.below(u64::MAX)));
        let ended = alone(|| search::begin(self.test, &machine.received, &process));
        self.report.starts += 1;
        storm.did(&process);
        if !process.life().dead() {
            ended.map_err(|error| fault(&storm.story, &error.to_string()).caused_by(error))?;
            return self.look(machine, &storm.story).map(drop);
        }
        self.report.deaths += 1;
        storm.story.push(format!("{} call {at} of its own", search::words(how)));
        self.look(machine, &storm.story)?;
        if self.test.power_cuts > 0 && storm.random.below(2) == 0 {
            self.report.power_cuts += 1;
            machine.world.cut_power(storm.random.below(u64::MAX));
            storm.story.push("then the power failed".to_owned());
            self.look(machine, &storm.story)?;
        }
        Ok(())
    }

    /// Two instances, of which the second starts while the first one runs. One of them is fenced, if they meet.
    fn rivals(&mut self, storm: &mut Storm<'_>) -> Result<()> {
        let machine = storm.machine;
        let [first, second] = [storm.random.below(u64::MAX), storm.random.below(u64::MAX)]
            .map(|seed| machine.world.process(None, Some(seed)));
        let wait = Duration::from_micros(storm.random.below(RIVAL) >> storm.random.below(16));
        storm.story.push(format!("another instance was started after {wait:?}"));
        let told = Arc::new(Mutex::new(None));
        let rival = {
            let (test, received, second, told) =
                (self.test.clone(), Arc::clone(&machine.received), second.clone(), Arc::clone(&told));
            move || {
                thread::pause(wait);
                let ended = search::begin(&test, &received, &second);
                *told.lock().unwrap_or_else(PoisonError::into_inner) = Some(ended);
            }
        };
        let ended = alone(|| {
            let rival = thread::spawn("millstream-rival", rival);
            let ended = search::begin(self.test, &machine.received, &first);
            rival.map(thread::Thread::join).map(|()| ended)
        });
        let ended = ended.map_err(|error| Error::io("starting the thread of an instance", error))?;
        let rival = told.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.report.starts += 2;
        self.report.rivals += 1;
        storm.did(&first);
        storm.did(&second);
        let mut won = false;
        for ended in rival.into_iter().chain([ended]) {
            match ended {
                Ok(()) => won = true,
                Err(error) if error.kind() == Kind::Fenced => {}
                Err(error) => return Err(fault(&storm.story, &error.to_string()).caused_by(error)),
            }
        }
        if !won {
            return Err(fault(&storm.story, "both instances were fenced"));
        }
        self.look(machine, &storm.story).map(drop)
    }
}

/// Runs a process, until the last of its threads has ended.
fn alone<T>(run: impl FnOnce() -> T) -> T {
    let family = Seat::current().map(|seat| seat.begin_family());
    let ended = run();
    if let (Some(seat), Some(family)) = (Seat::current(), family) {
        seat.wait_for(family);
    }
    ended
}

/// A storm that goes on.
struct Storm<'a> {
    machine: &'a Machine,
    random: Random,
    passed: Passed,
    story: Vec<String>,
}

impl Storm<'_> {
    /// Keeps what a process did.
    #[cfg_attr(not(test), allow(unused_variables, clippy::unused_self))]
    fn did(&mut self, process: &crate::store::simulated::Process) {
        #[cfg(test)]
        self.passed.calls.extend(process.life().calls());
    }
}
