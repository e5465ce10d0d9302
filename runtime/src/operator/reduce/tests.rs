use super::super::input::At;
use super::super::keyed::Keyed;
use super::*;
use crate::agg::{Update, collect, count, count_distinct, max};
use crate::operator::chain::Settings;
use crate::operator::key::KeyRef;
use crate::operator::short::Short;
use crate::time::{Duration, secs};

/// Counts the groups that are given on.
#[derive(Default)]
struct Given(usize);

impl<K: Key, A: Finish> Emit<K, A> for Given {
    fn group<'a>(&mut self, _: Group<'a, K, A>, _: &'a Bump) {
        self.0 += 1;
    }
    fn ready(&mut self) -> Result<Vec<RecordBatch>> {
        Ok(Vec::new())
    }
    fn take(&mut self, _: &EpochPlan, _: usize) -> Result<(Output, u64)> {
        Ok((Output::Rows(Vec::new()), 0))
    }
    fn begin(&mut self, _: &EpochPlan) {}
}

fn second(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

fn stage<K: Key, A: Finish>(window: WindowSpec, values: &'static [&'static str]) -> Reduce<K, A, Given> {
    let spec = KeyedSpec { name: "s".to_owned(), keys: &["k"], window_name: "", values, window };
    let mut stage = Reduce::new(spec, Mode::Append, Given::default());
    stage.log_changes(true);
    stage
}

/// A stage that was started again with this state.
fn restarted<K: Key, A: Finish>(
    of: &Reduce<K, A, Given>,
    state: &[RecordBatch],
    watermark: Timestamp,
) -> Reduce<K, A, Given> {
    let mut again = stage(of.spec.window, of.spec.values);
    again.restore(state, &|_| true).unwrap();
    again.restored(Some(watermark)).unwrap();
    again
}

/// An epoch of some rows, all of one time, that moves the watermark from `before` to `after`.
fn epoch<K: Key, A: Finish, Q: KeyRef<Owned = K>, U: Update<State = A>>(
    stage: &mut Reduce<K, A, Given>,
    time: Timestamp,
    rows: impl IntoIterator<Item = (Q, U)>,
    (before, after): (Option<Timestamp>, Option<Timestamp>),
) {
    let mut keyed = Keyed::<K, A>::new(stage.spec.window, Settings::default());
    for (key, update) in rows {
        keyed.update(key, At { time, ..At::default() }, update);
    }
    for part in keyed.drain(1).unwrap() {
        stage.merge(part, after).unwrap();
    }
    let plan = EpochPlan { epoch: 1, watermark: before, batch_time: second(0), horizon: second(0) };
    stage.close(&plan, after, 1, &mut |_| Ok(())).unwrap();
}

/// Groups of rows without an event time live from the first watermark on. A start after their end does not bring them back:
/// their rows would be there twice.
#[test]
fn a_group_without_event_times_ends_once_over_a_restart() {
    let window = WindowSpec::ttl(secs(60));
    let mut first = stage(window, &["v"]);
    let mut log = Vec::new();
    let none = || [((7_i64,), (count(),))].into_iter().take(0);
    epoch(&mut first, Timestamp::MIN, [((7_i64,), (count(),))], (None, None));
    log.extend(first.changes().unwrap());
    epoch(&mut first, Timestamp::MIN, none(), (None, Some(second(100))));
    log.extend(first.changes().unwrap());
    assert_eq!((first.keys(), first.emit.0, first.removed()), (1, 0, 0));
    epoch(&mut first, Timestamp::MIN, none(), (Some(second(100)), Some(second(160))));
    assert_eq!((first.keys(), first.emit.0, first.removed()), (0, 1, 1));
    assert!(first.changes().unwrap().is_empty());

    for (stopped, keys) in [(second(130), 1), (second(160), 0)] {
        let mut again = restarted(&first, &log, stopped);
        assert_eq!(again.keys(), keys, "stopped at {stopped}");
        epoch(&mut again, Timestamp::MIN, none(), (Some(stopped), Some(second(170))));
        assert_eq!(again.emit.0 as u64, keys, "stopped at {stopped}");
    }
}

/// At the end of the input nothing waits for a time to end at.
#[test]
fn a_group_without_event_times_ends_with_the_input() {
    let mut stage = stage(WindowSpec::ttl(secs(60)), &["v"]);
    epoch(&mut stage, Timestamp::MIN, [((7_i64,), (count(),))], (None, Some(Timestamp::MAX)));
    assert_eq!((stage.keys(), stage.emit.0), (0, 1));
}

/// The bytes of text and lists come and go with their groups, also over a restart.
#[test]
fn text_and_lists_are_in_the_size_of_the_state() {
    let long = "x".repeat(1_000);
    let text = long.as_str();
    let window = WindowSpec::ttl(secs(60));
    let rows = |n: i64| {
        (0..n).map(move |number| {
            let key = if number % 2 == 0 { "even" } else { text };
            ((key,), (max(text), count_distinct(number), collect(text)))
        })
    };
    let mut of_text = stage(window, &["most", "numbers", "all"]);
    epoch(&mut of_text, second(1), rows(1), (None, None));
    // The largest, and one in the list.
    let one = of_text.bytes();
    assert!((2_000..4_000).contains(&one), "{one}");
    epoch(&mut of_text, second(1), rows(100), (None, Some(second(0))));
    // A hundred more in lists, the other key, and its largest; the sets and the places of the lists are small.
    let many = of_text.bytes();
    assert!((one + 102_000..one + 112_000).contains(&many), "{one}, {many}");

    let again = restarted(&of_text, &of_text.snapshot(0, u16::MAX).unwrap(), second(0));
    assert!(again.bytes().abs_diff(many) < 8_000, "{many}, {}", again.bytes());

    epoch(&mut of_text, second(1), rows(0), (Some(second(0)), Some(second(61))));
    let empty = of_text.bytes();
    assert!(of_text.keys() == 0 && empty < 4_000, "{empty}");
}

/// Windows that were closed take their bytes along.
#[test]
fn closed_windows_hold_no_bytes() {
    let mut stage = stage(WindowSpec::tumbling(secs(10)), &["v"]);
    let long = "x".repeat(1_000);
    epoch(&mut stage, second(1), [((long.as_str(),), (count(),))], (None, Some(second(5))));
    assert!(stage.bytes() > 1_000);
    epoch(&mut stage, second(11), [(("y",), (count(),))], (Some(second(5)), Some(second(10))));
    assert!(stage.bytes() < 2_000, "{}", stage.bytes());
    assert_eq!((stage.keys(), stage.emit.0, stage.removed()), (1, 1, 1));
}

/// Keys of every length, times that go to and fro, accumulators that wait for their group and one that does not.
#[test]
fn every_row_reaches_its_group() {
    let keys: Vec<String> = (0..40).map(|number| "k".repeat(number)).collect();
    let rows = || (0..5_000).map(|row| (keys[row * 7 % 40].as_str(), second((row * row % 31) as i64), row as i64));
    let mut counted = Keyed::new(WindowSpec::tumbling(secs(10)), Settings::default());
    let mut listed = Keyed::new(WindowSpec::tumbling(secs(10)), Settings::default());
    let mut expected = std::collections::BTreeMap::<(i64, String), (i64, i64)>::new();
    for (key, time, value) in rows() {
        let at = At { time, ..At::default() };
        counted.update((key,), at, (count(), max(value)));
        listed.update((key,), at, (count(), collect(value)));
        let (number, most) = expected.entry((time.micros() / 10_000_000, key.to_owned())).or_default();
        (*number, *most) = (*number + 1, value.max(*most));
    }
    let arena = Bump::new();
    let found = groups(counted, |state| state.finish(&arena).unwrap());
    assert_eq!(found, Vec::from_iter(expected.clone()));
    let found = groups(listed, |state| {
        state.finish(&arena).map(|(n, list)| (n, list.iter().copied().max().unwrap_or(0))).unwrap()
    });
    assert_eq!(found, Vec::from_iter(expected));
}

/// What was gathered, by window and key.
fn groups<A: Finish, T: Ord>(mut of: Keyed<(String,), A>, result: impl Fn(&A) -> T) -> Vec<((i64, String), T)> {
    let parts = of.drain(1).unwrap().into_iter().map(|part| *part.downcast::<Partial<(String,), A>>().unwrap());
    let panes = parts.flat_map(|part| part.panes);
    let rows = panes.flat_map(|(pane, groups)| groups.into_iter().map(move |group| (pane / 10_000_000, group)));
    let mut all: Vec<_> = rows.map(|(pane, (_, _, (key,), state))| ((pane, key), result(&state))).collect();
    all.sort();
    all
}

/// A key that becomes short and does not come back.
#[derive(Clone, Copy)]
struct OneWay(u64);

impl KeyRef for OneWay {
    type Owned = Duration;
    fn to_key(self) -> Duration {
        Duration::from_micros(self.0)
    }
    fn same(self, key: &Duration) -> bool {
        self.to_key() == *key
    }
    fn feed<H: std::hash::Hasher>(self, hasher: &mut H) {
        self.to_key().feed(hasher);
    }
    fn shorten(self, short: &mut Short) {
        short.push(self.0.into(), 64);
    }
}

#[test]
fn a_key_that_does_not_come_back_ends_the_run_and_loses_no_row() {
    let mut keyed = Keyed::<(Duration,), _>::new(WindowSpec::tumbling(secs(10)), Settings::default());
    keyed.update((OneWay(7),), At::default(), (count(),));
    let error = keyed.drain(1).unwrap_err();
    assert!(error.advice().unwrap().contains("`Key::lengthen` must undo"), "{error}");
}
