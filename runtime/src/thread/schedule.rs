//! Whose turn it is.
//!
//! What takes turns are threads, which run until they wait for something, and tasks, which are polled. Whoever ends his turn
//! chooses the next by lot among those that need not wait. A tokio runtime is a thread, too: its turn is until it would park.
//! Only when nothing can happen that the schedule knows of it does park, and waits for what comes from outside.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

thread_local! {
    static SEAT: RefCell<Option<Seat>> = const { RefCell::new(None) };
}

/// Who runs when, as a seed says.
#[derive(Debug)]
pub(crate) struct Schedule(Mutex<State>);

struct State {
    random: Random,
    /// Since the schedule began.
    now: Duration,
    /// The seat that has its turn. `None` before the first, and while only the world outside can bring something about.
    running: Option<usize>,
    seats: BTreeMap<usize, Place>,
    /// `None` while it is polled.
    tasks: BTreeMap<u64, Option<Task>>,
    woken: BTreeSet<u64>,
    /// Whether a task is being polled.
    polling: bool,
    /// Who is to be woken when, and whether by that a tokio runtime has something to do.
    timers: BTreeMap<(Duration, u64), (Waker, bool)>,
    /// For seats, families, tasks and timers.
    numbers: u64,
    /// Of all turns so far, and when they were.
    trace: DefaultHasher,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").field("now", &self.now).field("running", &self.running).finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Place {
    family: Family,
    until: Until,
    /// Of a seat that waits to be told: it was.
    told: bool,
    turn: Arc<Condvar>,
}

/// Threads of one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Family(u64);

/// What a thread waits for.
#[derive(Debug)]
pub(super) enum Until {
    /// Nothing: it has its turn, or may have it.
    Now,
    /// Something that a tokio runtime or another thread may have done in its turn; `again` if it was not that before.
    Told { again: bool },
    /// The same, of the tokio runtime of this thread: something that a thread of its process may have done.
    Parked,
    /// Something outside that wakes the tokio runtime.
    World,
    /// This count is another one.
    Changed(Arc<AtomicU64>, u64),
    /// A task is done.
    Done(u64),
    /// A thread has ended.
    Gone(usize),
    /// All other threads of the family have ended.
    Alone(Family),
    /// Nothing is on its way any more.
    Still,
}

#[derive(Debug, Clone, Copy, Hash)]
enum Turn {
    Seat(usize),
    Task(u64),
}

impl Schedule {
    pub(crate) fn new(seed: u64) -> Arc<Self> {
        Arc::new(Self(Mutex::new(State {
            random: Random(seed),
            now: Duration::ZERO,
            running: None,
            seats: BTreeMap::new(),
            tasks: BTreeMap::new(),
            woken: BTreeSet::new(),
            polling: false,
            timers: BTreeMap::new(),
            numbers: 0,
            trace: DefaultHasher::new(),
        })))
    }

    /// Takes the first seat for this thread, and the turn.
    pub(crate) fn enter(self: &Arc<Self>) -> Reserved {
        let family = self.lock().family();
        let seat = self.reserve(family);
        self.lock().running = Some(seat.number());
        seat.sit();
        seat
    }

    /// A number that says who has had his turn when: the same for the same seed.
    pub(crate) fn trace(&self) -> u64 {
        self.lock().trace.finish()
    }

    /// The simulated time since the beginning.
    pub(crate) fn now(&self) -> Duration {
        self.lock().now
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reserve(self: &Arc<Self>, family: Family) -> Reserved {
        let mut state = self.lock();
        let number = state.number() as usize;
        let place = Place { family, until: Until::Now, told: false, turn: Arc::default() };
        state.seats.insert(number, place);
        Reserved(Seat { schedule: Arc::clone(self), number, family })
    }

    /// Gives the turn to whom the lot falls on; tasks that it falls on are polled here.
    fn pass<'a>(self: &'a Arc<Self>, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        loop {
            let ready = state.ready();
            if ready.is_empty() {
                let Some(((at, _), (waker, tells))) = state.timers.pop_first() else {
                    state.rest();
                    return state;
                };
                state.now = at;
                drop(state);
                waker.wake();
                state = self.lock();
                if tells {
                    state.tell(None);
                }
                continue;
            }
            let lot = state.random.below(ready.len() as u64) as usize;
            let Some(&turn) = ready.get(lot) else { continue };
            let now = state.now;
            (now, turn).hash(&mut state.trace);
            match turn {
                Turn::Seat(number) => {
                    state.running = Some(number);
                    if let Some(place) = state.seats.get(&number) {
                        place.turn.notify_one();
                    }
                    return state;
                }
                Turn::Task(id) => state = self.poll(id, state),
            }
        }
    }

    fn poll<'a>(self: &'a Arc<Self>, id: u64, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        state.woken.remove(&id);
        let Some(mut task) = state.tasks.get_mut(&id).and_then(Option::take) else { return state };
        state.polling = true;
        drop(state);
        let waker = Waker::from(Arc::new(Alarm { id, schedule: Arc::downgrade(self) }));
        // A panic ends the task; who waits for its answer learns that there is none.
        let polled = catch_unwind(AssertUnwindSafe(|| task.as_mut().poll(&mut Context::from_waker(&waker))));
        let pending = matches!(polled, Ok(Poll::Pending));
        let task = if pending {
            Some(task)
        } else {
            // What it holds may have timers, which are behind the lock.
            drop(task);
            None
        };
        let mut state = self.lock();
        state.polling = false;
        if pending {
            state.tasks.insert(id, task);
        } else {
            state.tasks.remove(&id);
        }
        state
    }
}

impl State {
    fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    fn family(&mut self) -> Family {
        Family(self.number())
    }

    /// All that need not wait.
    fn ready(&self) -> Vec<Turn> {
        let can = |place: &Place| match &place.until {
            Until::Now => true,
            Until::Told { .. } | Until::Parked => place.told,
            Until::World => false,
            Until::Changed(count, seen) => count.load(Ordering::Acquire) != *seen,
            Until::Done(task) => !self.tasks.contains_key(task),
            Until::Gone(seat) => !self.seats.contains_key(seat),
            Until::Alone(family) => self.seats.values().filter(|place| place.family == *family).count() == 1,
            Until::Still => self.tasks.is_empty(),
        };
        let seats = self.seats.iter().filter(|(_, place)| can(place)).map(|(number, _)| Turn::Seat(*number));
        let woken = self.woken.iter().filter(|id| self.tasks.contains_key(id)).map(|id| Turn::Task(*id));
        seats.chain(woken).collect()
    }

    /// Something was done that others may wait for: by a thread of this family, if runtimes of others need not know.
    fn tell(&mut self, by: Option<Family>) {
        for place in self.seats.values_mut() {
            place.told |= match place.until {
                Until::Told { .. } => true,
                Until::Parked => by.is_none_or(|family| family == place.family),
                _ => false,
            };
        }
    }

    /// A tokio runtime has ended its turn. Other runtimes wait for nothing that it does.
    fn tell_threads(&mut self) {
        let threads = self.seats.values_mut().filter(|place| matches!(place.until, Until::Told { .. }));
        threads.for_each(|place| place.told = true);
    }

    /// Only the world outside can bring something about.
    fn rest(&mut self) {
        self.running = None;
        for place in self.seats.values_mut().filter(|place| matches!(place.until, Until::Parked)) {
            place.until = Until::World;
            place.turn.notify_one();
        }
    }
}

/// The place of a thread in a schedule.
#[derive(Debug, Clone)]
pub(crate) struct Seat {
    schedule: Arc<Schedule>,
    number: usize,
    family: Family,
}

impl Seat {
    /// That of this thread.
    pub(crate) fn current() -> Option<Self> {
        SEAT.try_with(|seat| seat.borrow().clone()).ok().flatten()
    }

    pub(crate) fn schedule(&self) -> &Arc<Schedule> {
        &self.schedule
    }

    /// One for another thread.
    pub(super) fn beside(&self) -> Reserved {
        self.schedule.reserve(self.family)
    }

    /// What this thread starts from now on are the threads of another process.
    pub(crate) fn begin_family(&self) -> Family {
        let mut state = self.schedule.lock();
        let family = state.family();
        drop(state);
        SEAT.with_borrow_mut(|seat| seat.iter_mut().for_each(|seat| seat.family = family));
        if let Some(place) = self.schedule.lock().seats.get_mut(&self.number) {
            place.family = family;
        }
        family
    }

    /// Waits until this thread is the last of a process.
    pub(crate) fn wait_for(&self, family: Family) {
        self.wait(Until::Alone(family));
    }

    /// Waits until all that is on its way has arrived.
    pub(crate) fn wait_until_still(&self) {
        self.wait(Until::Still);
    }

    /// Begins a task, and gives its number.
    pub(crate) fn start(&self, task: impl Future<Output = ()> + Send + 'static) -> u64 {
        let mut state = self.schedule.lock();
        let id = state.number();
        // Tokio's budget for a turn is one of its runtimes.
        state.tasks.insert(id, Some(Box::pin(tokio::task::unconstrained(task))));
        state.woken.insert(id);
        id
    }

    /// Blocks until a task has ended.
    pub(crate) fn wait_for_task(&self, id: u64) {
        self.wait(Until::Done(id));
    }

    /// Waits for a time.
    pub(crate) fn sleep(&self, time: Duration) -> Sleep {
        Sleep { schedule: Arc::clone(&self.schedule), until: self.schedule.now() + time, timer: None }
    }

    /// Ends this turn, and waits. `false` if it is to wait for the world outside.
    pub(super) fn wait(&self, until: Until) -> bool {
        let mut state = self.schedule.lock();
        match until {
            // Who waits for a request has done nothing yet that others wait for, and who looks again nothing at all.
            Until::Done(_) | Until::Told { again: true } => {}
            Until::Parked => state.tell_threads(),
            _ => state.tell(Some(self.family)),
        }
        let Some(place) = state.seats.get_mut(&self.number) else { return true };
        (place.until, place.told) = (until, false);
        let turn = Arc::clone(&place.turn);
        state = self.schedule.pass(state);
        loop {
            let running = state.running == Some(self.number);
            let Some(place) = state.seats.get_mut(&self.number) else { return true };
            if running {
                place.until = Until::Now;
                return true;
            }
            if matches!(place.until, Until::World) {
                return false;
            }
            state = turn.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The world outside has brought something about.
    fn resume(&self) {
        let mut state = self.schedule.lock();
        let Some(place) = state.seats.get_mut(&self.number).filter(|place| matches!(place.until, Until::World)) else {
            return;
        };
        let turn = Arc::clone(&place.turn);
        if state.running.is_none() {
            state.running = Some(self.number);
        }
        if let Some(place) = state.seats.get_mut(&self.number) {
            place.until = Until::Now;
        }
        while state.running != Some(self.number) {
            state = turn.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// A seat for a thread that has it to itself, and leaves it at its end.
#[derive(Debug)]
pub(crate) struct Reserved(Seat);

impl Reserved {
    pub(super) fn number(&self) -> usize {
        self.0.number
    }

    /// Takes it for this thread, and waits for the turn.
    pub(super) fn sit(&self) {
        SEAT.set(Some(self.0.clone()));
        let mut state = self.0.schedule.lock();
        while state.running != Some(self.0.number) {
            let Some(turn) = state.seats.get(&self.0.number).map(|place| Arc::clone(&place.turn)) else { return };
            state = turn.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        let Seat { schedule, number, family } = &self.0;
        if Seat::current().is_some_and(|seat| seat.number == *number) {
            SEAT.set(None);
        }
        let mut state = schedule.lock();
        state.seats.remove(number);
        if state.running == Some(*number) {
            state.tell(Some(*family));
            drop(schedule.pass(state));
        }
    }
}

/// Wakes a task.
struct Alarm {
    id: u64,
    schedule: Weak<Schedule>,
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        if let Some(schedule) = self.schedule.upgrade() {
            schedule.lock().woken.insert(self.id);
        }
    }
}

/// A wait for a simulated time.
#[derive(Debug)]
pub(crate) struct Sleep {
    schedule: Arc<Schedule>,
    until: Duration,
    timer: Option<(Duration, u64)>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let schedule = Arc::clone(&self.schedule);
        let mut state = schedule.lock();
        if state.now >= self.until {
            return Poll::Ready(());
        }
        let timer = self.timer.unwrap_or_else(|| (self.until, state.number()));
        self.timer = Some(timer);
        let tells = !state.polling;
        state.timers.insert(timer, (context.waker().clone(), tells));
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(timer) = self.timer {
            self.schedule.lock().timers.remove(&timer);
        }
    }
}

/// Runs something on a tokio runtime of its own, which takes its turns if this thread has a seat.
///
/// # Errors
/// The runtime cannot be started.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> io::Result<T> {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all();
    if Seat::current().is_some() {
        builder.on_thread_park(|| {
            // Others have had their turns, so the runtime looks again what there is to do: with a task it does not park.
            if Seat::current().is_some_and(|seat| seat.wait(Until::Parked)) {
                tokio::spawn(std::future::ready(()));
            }
        });
        builder.on_thread_unpark(|| Seat::current().iter().for_each(Seat::resume));
    }
    Ok(builder.build()?.block_on(future))
}

/// Numbers that look random and are the same for each seed (splitmix64).
#[derive(Debug, Clone)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % limit
    }
}
