//! The same in object stores: real processes that are killed, on a network that loses requests and answers. The servers are such as
//! others wrote, and so are the readers.

mod azurite;
mod job;
mod options;
mod policy;
mod proxy;
mod server;
mod service;

use std::time::Duration;

use rustix::process::Signal;

use crate::crash::input::{MOST_ROWS, Random};
use crate::is_long;
use job::{Job, LONG, Places, Start};
use server::{BUCKET, SECRET_KEY, Server};
use service::Service;

#[test]
fn rows_on_s3_are_there_once_however_often_the_process_is_killed() {
    kill_often(s3(), "rows", Places::Bucket, 31);
}

#[test]
fn windows_on_s3_are_there_once_however_often_the_process_is_killed() {
    kill_often(s3(), "windows", Places::Bucket, 32);
}

#[test]
fn output_on_a_disk_with_its_checkpoint_on_s3() {
    kill_often(s3(), "windows", Places::OutputOnDisk, 33);
}

#[test]
fn output_on_s3_with_its_checkpoint_on_a_disk() {
    kill_often(s3(), "rows", Places::CheckpointOnDisk, 34);
}

#[test]
fn windows_on_azure_are_there_once_however_often_the_process_is_killed() {
    let server = azurite::with_account("objects::windows_on_azure_are_there_once_however_often_the_process_is_killed");
    kill_often(server.map(Service::Azure), "windows", Places::Bucket, 37);
}

/// The service on S3; `None` without a program.
fn s3() -> Option<Service> {
    Server::start().map(Service::S3)
}

fn kill_often(service: Option<Service>, mode: &'static str, places: Places, seed: u64) {
    let Some(service) = service else { return };
    let kills = match (is_long(), places) {
        (true, _) => 100,
        (false, Places::Bucket) => 8,
        (false, _) => 4,
    };
    let lines = if is_long() { 30_000 } else { 6_000 };
    let job = Job::new(&service, mode, places, lines, seed);
    let watch = job.watch();
    let mut random = Random(seed);
    let mut killed = 0;
    while killed < kills {
        let mut running =
            job.start(Start { workers: 1 + random.below(3), epoch_rows: 32 + random.below(64), ..Start::default() });
        let slots = job.slots();
        let more = 2 + random.below(8);
        assert!(running.wait_for(LONG, || job.slots() >= slots + more), "no progress: {}", running.errors());
        // Die anywhere in an epoch, not only at a commit.
        std::thread::sleep(Duration::from_millis(random.below(150)));
        assert!(running.kill(), "all was done after {killed} kills of {kills}: the input is too short");
        killed += 1;
    }
    let (code, errors) = job.start(Start { epoch_rows: MOST_ROWS, ..Start::default() }).end(LONG);
    assert_eq!(code, Some(0), "{errors}");
    let (looks, seen) = watch.end();
    let epoch = job.check(seen);
    println!("{mode}, {places:?}: {kills} kills in {epoch} epochs; {looks} looks; trouble {:?}", job.proxy.happened());
    assert!(job.proxy.happened().len() >= 3, "too little went wrong on the way");
    if places == Places::Bucket && matches!(service, Service::S3(_)) {
        policy::check(&job, BUCKET);
    }
    // A start with nothing to do changes nothing.
    let (code, errors) = job.start(Start { epoch_rows: MOST_ROWS, ..Start::default() }).end(LONG);
    assert_eq!(code, Some(0), "{errors}");
    job.check(seen);
}

#[test]
fn of_two_instances_on_s3_the_older_one_is_fenced() {
    older_one_is_fenced(s3());
}

#[test]
fn of_two_instances_on_azure_the_older_one_is_fenced() {
    let server = azurite::with_account("objects::of_two_instances_on_azure_the_older_one_is_fenced");
    older_one_is_fenced(server.map(Service::Azure));
}

fn older_one_is_fenced(service: Option<Service>) {
    let Some(service) = service else { return };
    for frozen in [false, true] {
        let job = Job::new(&service, "windows", Places::Bucket, 6_000, 35);
        job.proxy.calm();
        let start = Start { follow: true, ..Start::default() };
        let mut first = job.start(start);
        assert!(first.wait_for(LONG, || job.slots() >= 4), "{}", first.errors());
        if frozen {
            first.freeze();
        }
        let slots = job.slots();
        let mut second = job.start(start);
        assert!(second.wait_for(LONG, || job.slots() >= slots + 4), "{}", second.errors());
        assert_eq!(second.ended(), None, "{}", second.errors());
        if frozen {
            // Whatever it was doing, it does it now.
            first.signal(Signal::CONT);
        }
        let (code, errors) = first.end(LONG);
        println!("{errors}");
        assert_eq!((code, errors.contains("fenced by generation 2")), (Some(76), true), "{errors}");
        second.signal(Signal::TERM);
        let (code, errors) = second.end(LONG);
        assert_eq!(code, Some(0), "{errors}");
        let (code, errors) = job.start(Start { epoch_rows: MOST_ROWS, ..Start::default() }).end(LONG);
        assert_eq!(code, Some(0), "{errors}");
        job.check_rows();
    }
}

#[test]
fn a_wrong_key_of_s3_is_refused_in_words_that_hold_no_key() {
    wrong_key(s3(), "another-canary", ["SignatureDoesNotMatch", "s3://"], SECRET_KEY);
}

#[test]
fn a_wrong_key_of_azure_is_refused_in_words_that_hold_no_key() {
    let server = azurite::with_account("objects::a_wrong_key_of_azure_is_refused_in_words_that_hold_no_key");
    // `another-canary-key`.
    wrong_key(server.map(Service::Azure), "YW5vdGhlci1jYW5hcnkta2V5", ["AuthorizationFailure", "az://"], azurite::KEY);
}

fn wrong_key(service: Option<Service>, wrong: &'static str, words: [&str; 2], right: &str) {
    let Some(service) = service else { return };
    let job = Job::new(&service, "rows", Places::Bucket, 100, 36);
    job.proxy.calm();
    let (code, errors) = job.start(Start { secret: Some(wrong), ..Start::default() }).end(LONG);
    println!("{errors}");
    assert_eq!(code, Some(78), "{errors}");
    assert!(words.iter().all(|word| errors.contains(word)), "{errors}");
    assert!(!errors.contains(wrong) && !errors.contains(right), "{errors}");
}
