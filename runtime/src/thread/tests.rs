//! Threads, a tokio runtime and tasks in a schedule.

use super::*;

/// Threads and a runtime that send each other numbers at random times; gives what came, when, and all turns.
fn play(seed: u64) -> (Vec<(u64, u128)>, u64) {
    let schedule = Schedule::new(seed);
    let reserved = schedule.enter();
    let seat = Seat::current().unwrap();
    let came = Arc::new(Mutex::new(Vec::new()));
    let (told, mut tells) = tokio::sync::mpsc::channel(1);
    let (numbers, inbox) = channel();
    let heard = Arc::clone(&came);
    let listener = spawn("listener", move || {
        while let Some(number) = inbox.recv() {
            pause(Duration::from_secs(number % 3));
            let now = Seat::current().unwrap().schedule().now();
            // Held while others take their turns.
            let mut came = lock(&heard);
            pause(Duration::from_millis(1));
            came.push((number, now.as_millis()));
        }
    });
    let family = seat.begin_family();
    for from in 0..3_u64 {
        let (told, heard) = (told.clone(), Arc::clone(&came));
        let talk = move || {
            for number in 0..4 {
                pause(Duration::from_secs(60));
                lock(&heard).push((100, 0));
                assert!(send_to_runtime(&told, 10 * from + number));
            }
        };
        spawn("talker", talk).unwrap();
    }
    drop(told);
    let passing = async {
        while let Some(number) = tells.recv().await {
            seat.sleep(Duration::from_secs(1)).await;
            numbers.send(number).unwrap();
        }
    };
    block_on(passing).unwrap();
    seat.wait_for(family);
    drop(numbers);
    listener.unwrap().join();
    seat.wait_until_still();
    drop(reserved);
    let came = std::mem::take(&mut *came.lock().unwrap());
    (came, schedule.trace())
}

#[test]
fn a_seed_says_whose_turn_it_is() {
    let mut orders = std::collections::HashSet::new();
    for seed in 0..20 {
        let (came, turns) = play(seed);
        assert_eq!((&came, turns), (&play(seed).0, play(seed).1), "seed {seed}");
        let mut numbers: Vec<u64> = came.iter().map(|(number, _)| *number).filter(|number| *number < 100).collect();
        orders.insert(numbers.clone());
        numbers.sort_unstable();
        assert_eq!(numbers, [0, 1, 2, 3, 10, 11, 12, 13, 20, 21, 22, 23]);
        // Four minutes have gone by, in no time.
        assert!(came.iter().any(|(_, millis)| *millis > 239_000), "{came:?}");
    }
    assert!(orders.len() > 3, "{orders:?}");
}

#[test]
fn what_the_schedule_does_not_know_of_is_waited_for() {
    let schedule = Schedule::new(1);
    let reserved = schedule.enter();
    let (done, ended) = tokio::sync::oneshot::channel();
    // Not by `spawn` of this module.
    let outside = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(20));
        done.send(17).unwrap();
    });
    assert_eq!(block_on(ended).unwrap(), Ok(17));
    outside.join().unwrap();
    drop(reserved);
    assert!(Seat::current().is_none());
}

#[test]
fn a_panic_ends_a_turn() {
    let schedule = Schedule::new(1);
    let _reserved = schedule.enter();
    let thread = spawn("panics", || panic!("on purpose")).unwrap();
    thread.join();
    let seat = Seat::current().unwrap();
    let task = seat.start(async { panic!("on purpose, too") });
    seat.wait_for_task(task);
}
