//! The same promises on an object store: one in memory, whose every request is met by trouble.

use object_store::memory::InMemory;

use super::*;
use crate::store::object::tests::{Flaky, Trouble, objects};

const EPOCHS: u64 = 3;

/// A bucket with a checkpoint and an output.
struct Bucket(Arc<InMemory>);

impl Bucket {
    fn new() -> Self {
        Self(Arc::new(InMemory::new()))
    }

    fn options(&self, store: &Flaky, host: &str) -> OpenOptions {
        let mut options = OpenOptions::new("", "f1", json!({"plan": 1}), Instance::here("build 1"));
        options.root = Place::Store(store.store("ckpt"), String::new());
        options.sinks.insert("files".to_owned(), Place::Store(store.store("data"), "out".to_owned()));
        options.instance.host = host.to_owned();
        options.ignore_crash_loop = true;
        options.retention = Retention { slots: 2, micros: 0, most: 1_000, batch: 1 };
        options
    }

    fn open(&self, store: &Flaky, host: &str) -> Result<Opened> {
        Checkpoint::open(self.options(store, host), |_, _| Ok(()))
    }

    fn open_well(&self, host: &str) -> Opened {
        self.open(&Flaky::new(&self.0, None), host).unwrap()
    }

    /// All rows that a reader of the output sees.
    fn rows(&self) -> Vec<String> {
        objects(&self.0, "data/out").into_values().map(|bytes| String::from_utf8(bytes).unwrap()).collect()
    }

    fn staged(&self) -> Vec<String> {
        let mut staged: Vec<String> = objects(&self.0, "data/out.stage").into_keys().collect();
        // What a probe left that died is deleted after an hour.
        staged.retain(|path| !path.ends_with("OWNER") && !path.contains("/.probe-"));
        staged
    }

    /// See [`check`].
    fn check(&self, last: u64) {
        check(self.rows(), last);
    }

    /// See [`check_readers`].
    fn check_readers(&self) {
        check_readers(&self.rows(), &Log::new(Flaky::new(&self.0, None).store("ckpt")));
    }

    /// Runs what is left of the epochs, and checks what a start promises before it goes on.
    fn attempt(&self, store: &Flaky) -> Result<()> {
        let opened = self.open(store, "a")?;
        let last = opened.last.map_or(0, |last| last.epoch);
        self.check(last);
        assert_eq!(self.staged(), [""; 0], "nothing staged is left over");
        let checkpoint = opened.checkpoint;
        run_on(checkpoint, last, EPOCHS)
    }
}

#[test]
fn nothing_is_lost_or_doubled_wherever_a_process_dies() {
    let mut enumerated = 0;
    for death in [Trouble::DeathBefore, Trouble::DeathAfter] {
        for at in 0.. {
            let bucket = Bucket::new();
            let store = Flaky::new(&bucket.0, Some((death, at)));
            let outcome = bucket.attempt(&store);
            bucket.check_readers();
            if !store.dead() {
                outcome.unwrap();
                bucket.check(EPOCHS);
                break;
            }
            outcome.unwrap_err();
            // The second process dies as well, a little later each time, the third one gets through.
            let second = Flaky::new(&bucket.0, Some((death, (at * 7) % 61)));
            let _ = bucket.attempt(&second);
            bucket.check_readers();
            let third = Flaky::new(&bucket.0, None);
            bucket.attempt(&third).unwrap_or_else(|e| panic!("after a death at request {at}: {e}"));
            bucket.check(EPOCHS);
            assert_eq!(bucket.staged(), [""; 0]);
            enumerated += 1;
        }
    }
    println!("{enumerated} deaths");
    assert!(enumerated > 100, "{enumerated}");
}

/// Trouble that passes ends nothing: every request of a run is met by it in turn.
#[test]
fn a_run_goes_on_whatever_trouble_a_request_meets() {
    for trouble in [Trouble::Busy, Trouble::Lost, Trouble::AnswerLost, Trouble::Conflict] {
        // Several at a time, since each waits.
        let met = std::sync::atomic::AtomicU64::new(0);
        std::thread::scope(|scope| {
            for lane in 0..8 {
                let met = &met;
                scope.spawn(move || {
                    for at in (lane..).step_by(8) {
                        let bucket = Bucket::new();
                        let store = Flaky::new(&bucket.0, Some((trouble, at)));
                        bucket.attempt(&store).unwrap_or_else(|e| panic!("{trouble:?} at request {at}: {e}"));
                        bucket.check(EPOCHS);
                        if !store.happened() {
                            break;
                        }
                        met.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        assert!(met.into_inner() > 50);
    }
}

#[test]
fn the_log_decides_between_two_instances() {
    let bucket = Bucket::new();
    let error = a_zombie_is_refused(|host| bucket.open_well(host));
    assert!(error.to_string().contains("test://bucket/ckpt"), "{error}");
    bucket.check(4);
}

#[test]
fn one_of_many_at_once_stays() {
    let bucket = Bucket::new();
    run(&bucket.open_well("a").checkpoint, 1).unwrap();
    the_last_of_many_stays(|| bucket.open_well("b").checkpoint);
}

/// A listing that lags shows none of the slots of the last epochs.
#[test]
fn f_081_a_slot_that_no_listing_shows_is_found() {
    let bucket = Bucket::new();
    drop(bucket.open_well("a"));
    let lagging = Flaky::new(&bucket.0, None);
    let checkpoint = bucket.open(&lagging, "a").unwrap().checkpoint;
    run(&checkpoint, 1).unwrap();
    run(&checkpoint, 2).unwrap();
    lagging.lag();
    let opened = bucket.open(&lagging, "b").unwrap();
    assert_eq!((opened.last.unwrap().epoch, opened.checkpoint.generation()), (2, 3));
    assert_eq!(checkpoint.commit(Commit { epoch: 3, ..Commit::default() }).unwrap_err().kind(), Kind::Fenced);
}

#[test]
fn an_output_in_the_checkpoint_is_refused() {
    let bucket = Bucket::new();
    let store = Flaky::new(&bucket.0, None);
    let mut options = bucket.options(&store, "a");
    options.sinks.insert("files".to_owned(), Place::Store(store.store("ckpt"), "out".to_owned()));
    let error = Checkpoint::open(options, |_, _| Ok(())).unwrap_err();
    assert_eq!(error.kind(), Kind::Config);
    assert!(error.to_string().contains("lie in each other"), "{error}");
    assert!(objects(&bucket.0, "").is_empty());
}
