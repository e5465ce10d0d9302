#![allow(clippy::unwrap_used)]
use std::fmt::Debug;
use std::sync::Arc;

use super::super::super::input::At;
use super::super::super::keyed::Keyed;
use super::*;
use crate::agg::{collect, count, max, sum};
use crate::operator::chain::Settings;
use crate::state::scratch::Scratch;
use crate::time::secs;

/// Keeps what is given on, as text.
#[derive(Default)]
struct Given(Vec<String>);

impl<K: Key, A: Finish> Emit<K, A> for Given
where
    for<'a> K::Ref<'a>: Debug,
    for<'a> A::Out<'a>: Debug,
{
    fn group<'a>(&mut self, group: Group<'a, K, A>, _: &'a Bump) {
        let Group { key, window, values, number } = group;
        self.0.push(format!("{key:?} {window:?} {values:?} {number}"));
    }
    fn ready(&mut self) -> Result<Vec<RecordBatch>> {
        Ok(Vec::new())
    }
    fn take(&mut self, _: &EpochPlan, _: usize) -> Result<(Output, u64)> {
        Ok((Output::Rows(Vec::new()), 0))
    }
    fn begin(&mut self, _: &EpochPlan) {}
}

/// A number that looks like chance.
fn chance(of: u64) -> u64 {
    xxhash_rust::xxh3::xxh3_64(&of.to_le_bytes())
}

fn second(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

/// Runs epochs of rows by chance over two stages, one of which puts its groups on disk after each epoch, or some of them, and is started
/// again now and then. Gives how many keys were on disk only at most.
fn compare<K: Key, A: Finish>(
    (window, mode): (WindowSpec, Mode),
    bits: u128,
    mut row: impl FnMut(&mut Keyed<K, A>, u64, At),
) -> u64
where
    for<'a> K::Ref<'a>: Debug,
    for<'a> A::Out<'a>: Debug,
{
    let folder = tempfile::tempdir().unwrap();
    let scratch = Scratch::open(folder.path()).unwrap();
    let spec = KeyedSpec {
        name: "s".to_owned(),
        keys: &["k"],
        window_name: "",
        values: &["n", "total", "most", "all"],
        window,
    };
    let plain = || {
        let mut stage = Reduce::<K, A, Given>::new(spec.clone(), mode, Given::default());
        stage.log_changes(true);
        stage
    };
    let spilling = || {
        let mut stage = plain();
        stage.spill(Arc::clone(&scratch), Arc::default()).unwrap();
        stage.groups.codec.as_mut().unwrap().bits = bits;
        stage
    };
    let (mut whole, mut spilled) = (plain(), spilling());
    let (mut log, mut on_disk, mut watermark) = (Vec::new(), 0, None);
    for epoch in 0..40_u64 {
        let mut parts = Vec::new();
        for _ in 0..2 {
            let mut keyed = Keyed::<K, A>::new(window, Settings { mode, ..Settings::default() });
            let plan = EpochPlan { epoch, watermark, batch_time: second(0), horizon: second(0) };
            keyed.begin(&plan);
            for n in 0..if epoch % 7 == 3 { 0 } else { 80 } {
                let number = chance(epoch * 1_000 + n);
                // Seldom more than ten seconds late.
                let time = second((epoch * 5 + number % 13) as i64 - 6);
                row(&mut keyed, number >> 8, At { time, ..At::default() });
            }
            parts.push(keyed.drain(1).unwrap());
        }
        let plan = EpochPlan { epoch, watermark, batch_time: second(0), horizon: second(0) };
        let next = if epoch == 39 { Timestamp::MAX } else { second(epoch as i64 * 5 - 10) };
        for (stage, parts) in [&mut whole, &mut spilled].into_iter().zip(parts) {
            for part in parts {
                stage.merge(part, Some(next)).unwrap();
            }
            stage.close(&plan, Some(next), 1, &mut |_| Ok(())).unwrap();
        }
        watermark = Some(next);
        let given = [&mut whole, &mut spilled].map(|stage| {
            let mut given = std::mem::take(&mut stage.emit.0);
            given.sort_unstable();
            given
        });
        assert_eq!(given[0], given[1], "epoch {epoch}");
        assert_eq!(whole.keys(), spilled.keys(), "epoch {epoch}");
        assert_eq!(whole.removed(), spilled.removed(), "epoch {epoch}");
        log.push(spilled.changes().unwrap());
        whole.changes().unwrap();
        match epoch % 4 {
            0 => {}
            3 => spilled.evict(20_000).unwrap(),
            _ => spilled.evict(u64::MAX).unwrap(),
        }
        on_disk = on_disk.max(spilled.spilled().0);
        assert_eq!(whole.keys(), spilled.keys(), "epoch {epoch}, after its groups went to disk");
        if epoch % 10 == 9 {
            assert_eq!(state(&whole), state(&spilled), "epoch {epoch}");
            // From a snapshot, or from all changes; either goes to disk as it is read.
            let before = std::mem::replace(&mut spilled, spilling());
            let snapshot: Vec<_> =
                (0..KEY_GROUPS).step_by(4).map(|low| before.snapshot(low, low + 4).unwrap()).collect();
            for batches in if epoch % 20 == 9 { &snapshot } else { &log } {
                spilled.restore(batches, &|_| true).unwrap();
                spilled.evict(u64::MAX).unwrap();
            }
            spilled.restored(watermark).unwrap();
            assert_eq!(state(&whole), state(&spilled), "epoch {epoch}, after a start");
            assert_eq!(whole.keys(), spilled.keys(), "epoch {epoch}, after a start");
        }
    }
    on_disk
}

/// All state, as text.
fn state<K: Key, A: Finish>(of: &Reduce<K, A, Given>) -> Vec<String>
where
    for<'a> K::Ref<'a>: Debug,
    for<'a> A::Out<'a>: Debug,
{
    let batches = of.snapshot(0, KEY_GROUPS).unwrap();
    let rows = batches.iter().flat_map(|batch| (0..batch.num_rows()).map(|row| format!("{:?}", batch.slice(row, 1))));
    let mut rows: Vec<String> = rows.collect();
    rows.sort_unstable();
    rows
}

const MODES: [Mode; 3] = [Mode::Append, Mode::Update, Mode::Complete];

/// With text for keys and in lists, whatever the window and the mode.
#[test]
fn groups_on_disk_are_as_those_in_memory() {
    let windows = [
        WindowSpec::tumbling(secs(10)),
        WindowSpec::sliding(secs(30), secs(5)),
        WindowSpec::sliding(secs(15), secs(10)),
        WindowSpec::ttl(secs(25)),
        WindowSpec::never(),
    ];
    for window in windows {
        for mode in MODES {
            let on_disk = compare((window, mode), u128::MAX, |keyed, number, at| {
                let (key, text) = (format!("the key {}", number % 90), format!("{}", number % 7));
                let (key, text) = (key.as_str(), text.as_str());
                keyed.update((key,), at, (count(), sum(number as i64 % 100), max(text), collect(text)));
            });
            assert!(on_disk > 20, "{window} {mode:?}: {on_disk}");
        }
    }
}

/// Keys of one hash are told apart: both stay in memory.
#[test]
fn keys_of_one_id_are_not_mixed_up() {
    for window in [WindowSpec::tumbling(secs(10)), WindowSpec::sliding(secs(30), secs(5)), WindowSpec::ttl(secs(25))] {
        for mode in MODES {
            // Two bits besides the key group: some of 400 keys have the id of another, and some do not.
            let on_disk = compare((window, mode), 3, |keyed, number, at| {
                let key = number as i64 % 400;
                keyed.update((key,), at, (count(), sum(1_i64), max(key), collect(key)));
            });
            assert!(on_disk > 5, "{window} {mode:?}: {on_disk}");
        }
    }
}
