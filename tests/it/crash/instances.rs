//! Several instances at once, signals, and a changed pipeline.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::LONG;
use super::input::{Input, MOST_ROWS};
use super::output::read_all;
use super::victim::{Start, Victim};
use crate::process::Running;

/// A victim that is at work and has more to read for a while, or waits for more.
fn at_work(start: Start) -> (Victim, Input, Running) {
    let mut victim = Victim::new();
    let input = Input::make(&victim.path("in"), 9_000, 21);
    let mut running = victim.start(Start { follow: true, ..start });
    assert!(running.wait_for(LONG, || victim.has_grown_by(6)), "{}", running.errors());
    assert_eq!(running.ended(), None, "{}", running.errors());
    victim.read_log();
    (victim, input, running)
}

#[test]
fn f_087_091_a_second_instance_is_refused_even_if_the_first_is_frozen() {
    let start = Start::new("rows");
    let (victim, _, mut first) = at_work(start);
    let said = format!("is already running: pid {} on host ", first.pid());
    let (code, errors) = victim.start(start).end(LONG);
    assert_eq!((code, errors.contains(&said)), (Some(75), true), "{errors}");
    assert_eq!(first.ended(), None);

    first.freeze();
    let before = victim.everything();
    let (code, errors) = victim.start(start).end(LONG);
    assert_eq!((code, errors.contains(&said)), (Some(75), true), "{errors}");
    assert_eq!(victim.everything(), before, "an instance that was refused has written something");

    // The first one goes on as if nothing had been.
    first.signal(Signal::CONT);
    first.signal(Signal::TERM);
    let (code, errors) = first.end(LONG);
    assert_eq!(code, Some(0), "{errors}");
}

#[test]
fn f_088_a_frozen_instance_that_was_replaced_is_fenced() {
    let start = Start::new("windows");
    let (mut victim, input, mut first) = at_work(start);
    first.freeze();
    // As on a file system without locks, or after somebody has "cleaned up".
    std::fs::remove_file(victim.path("checkpoint/LOCK")).unwrap();
    victim.read_log();
    let mut second = victim.start(Start { follow: true, ..start });
    assert!(second.wait_for(LONG, || victim.has_grown_by(5)), "{}", second.errors());
    assert_eq!(second.ended(), None, "{}", second.errors());

    // Whatever the first one was doing when it was frozen, it does it now.
    first.signal(Signal::CONT);
    let (code, errors) = first.end(LONG);
    println!("{errors}");
    assert_eq!((code, errors.contains("fenced by generation 2")), (Some(76), true), "{errors}");
    second.signal(Signal::TERM);
    let (code, errors) = second.end(LONG);
    assert_eq!(code, Some(0), "{errors}");

    super::end_and_check(&mut victim, &input, start);
}

#[test]
fn a_request_to_end_is_heeded_and_the_next_start_goes_on() {
    for mode in ["rows", "windows"] {
        let (mut victim, input, mut first) = at_work(Start::new(mode));
        first.signal(Signal::TERM);
        let asked = Instant::now();
        let (code, errors) = first.end(Duration::from_secs(5));
        assert_eq!(code, Some(0), "{errors}");
        println!("{mode}: ended {:?} after SIGTERM", asked.elapsed());
        victim.read_log();
        let epoch = victim.epoch();
        assert!(!victim.last.as_ref().unwrap().drained);

        let mut next = victim.start(Start { epoch_rows: MOST_ROWS, workers: 3, ..Start::new(mode) });
        let (code, errors) = next.end(LONG);
        assert_eq!(code, Some(0), "{errors}");
        let seen = read_all(&victim.path("out")).len();
        super::check(&mut victim, &input, mode, seen);
        assert!(victim.epoch() > epoch);
    }
}

#[test]
fn a_changed_pipeline_is_refused_by_name() {
    let start = Start::new("windows");
    let (victim, _, mut first) = at_work(start);
    first.signal(Signal::TERM);
    let (code, errors) = first.end(LONG);
    assert_eq!(code, Some(0), "{errors}");
    let before = victim.everything();
    let (code, errors) = victim.start(Start { window: 120, ..start }).end(LONG);
    assert_eq!(code, Some(78), "{errors}");
    println!("{errors}");
    for words in ["the pipeline was changed", "per device", "window"] {
        assert!(errors.contains(words), "`{words}` is not in: {errors}");
    }
    assert_eq!(victim.everything(), before, "an instance that was refused has written something");
}
