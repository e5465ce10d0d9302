//! A budget of state: a run ends after a commit when it is used up, and the next one goes on. What is counted is what the
//! process has.

use super::world::World;

/// Epochs, keys, bytes of state and bytes of the process, as the program printed them.
fn figures(said: &str) -> Vec<[u64; 4]> {
    let line = |line: &str| line.split(' ').map(|word| word.parse().unwrap()).collect::<Vec<u64>>().try_into().unwrap();
    said.lines().map(line).collect()
}

#[test]
fn f_055_a_run_ends_after_a_commit_and_a_larger_budget_goes_on() {
    let world = World::new(400_000, Some(1_000_000), 20_000);
    let (said, errors) = world.run("run --checkpoint KEPT --state-budget 16mib", 71);
    let &[epoch, keys, bytes, _] = figures(&said).last().unwrap();
    assert!(bytes > 16 << 20 && bytes < 32 << 20, "{bytes}");
    let expected = format!("epoch {epoch} is committed, and the next start goes on after it\nhelp: ");
    assert!(errors.starts_with("error: the state of `per key`, ") && errors.contains(&expected), "{errors}");
    assert!(errors.contains(" keys in ") && errors.contains("is over the budget of 16.00 MiB"), "{errors}");
    assert_eq!(keys, epoch * 20_000, "each row of the first epochs has a key of its own");

    // Too small for what is there: nothing is read, and nothing changed.
    let (said, errors) = world.run("run --checkpoint KEPT --state-budget 8mib", 71);
    assert!(
        said.is_empty() && errors.contains("that is the state in the checkpoint, as far as it was read"),
        "{errors}"
    );

    let (said, _) = world.run("run --checkpoint KEPT --state-budget 1gib", 0);
    assert_eq!(figures(&said)[0][0], epoch + 1);
    world.compare();
}

#[test]
fn near_the_end_of_the_budget_epochs_are_smaller() {
    let world = World::new(10_000_000, Some(9_000_000), 1 << 40);
    let (said, _) = world.run("run --checkpoint KEPT --state-budget 256mib", 71);
    let figures = figures(&said);
    let rows: Vec<u64> = figures.windows(2).map(|of| of[1][1] - of[0][1]).collect();
    assert!(rows.len() > 2 && rows.last() < rows.iter().max(), "{rows:?}");
    let last = figures.last().unwrap()[2] >> 20;
    // Tables that are full double.
    assert!((256..512).contains(&last), "{last} MiB at the end");
}

/// The bytes that state is said to have are those that the process takes for it.
#[test]
#[cfg(target_os = "linux")]
fn bytes_of_state_are_bytes_of_memory() {
    let world = World::new(u64::MAX, Some(4_000_000), 50_000);
    let (said, _) = world.run("run --checkpoint KEPT --state-budget 300mib", 71);
    let figures = figures(&said);
    // From where epochs and files of state have the memory that they need.
    let (first, last) = (figures.iter().find(|of| of[2] > 60 << 20).unwrap(), figures.last().unwrap());
    let [state, process] = [2, 3].map(|at| (last[at] - first[at]) as f64 / f64::from(1 << 20));
    let keys = (last[1] - first[1]) as f64;
    println!("{keys} keys: {state:.0} MiB of state, {process:.0} MiB of the process: {:.2}", state / process);
    assert!((0.7..1.4).contains(&(state / process)), "{state} MiB of state, {process} MiB of memory");
}

/// A start with five million keys; only with `MILLSTREAM_LONG=1`, since it takes a while to make them.
#[test]
fn f_056_a_start_with_five_million_keys_takes_less_than_twenty_seconds() {
    if !crate::is_long() {
        return;
    }
    let mut world = World::new(5_000_000, Some(6_000_000), 1_000_000);
    (0..5).for_each(|_| drop(world.run("run --checkpoint KEPT --trigger once", 0)));
    world.epoch = 1_000;
    let begun = std::time::Instant::now();
    let (said, _) = world.run("run --checkpoint KEPT --trigger once", 0);
    let took = begun.elapsed();
    assert_eq!(figures(&said)[0][1], 5_000_000);
    println!("a start with five million keys, an epoch and the end: {took:.1?}");
    assert!(took.as_secs() < 20, "{took:?}");
}
