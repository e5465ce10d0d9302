//! Hosts that misbehave: disks that are full or read-only, folders that go away, few descriptors, requests to end at any
//! moment. What is mounted here is a disk in memory, for which this process has to be root.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;
use tempfile::TempDir;

use super::input::{Input, MOST_ROWS, Random};
use super::output::{files, read_all};
use super::victim::{Start, Victim};
use super::{LONG, check, end_and_check};
use crate::process::Running;
use crate::{is_long, seed};

/// Something that is mounted, until it is dropped.
struct Mounted(PathBuf);

impl Mounted {
    /// `None`, saying so, where this process may not mount.
    fn new(at: &Path, words: &[&str]) -> Option<Self> {
        let mounted = Command::new("mount").args(words).arg(at).output();
        if mounted.as_ref().is_ok_and(|mounted| mounted.status.success()) {
            return Some(Self(at.to_owned()));
        }
        writeln!(std::io::stderr(), "skipped: `mount {}` is not permitted here: {mounted:?}", words.join(" ")).ok();
        None
    }

    fn again(&self, options: &str) -> bool {
        let mounted = Command::new("mount").args(["-o", options]).arg(&self.0).output();
        mounted.is_ok_and(|mounted| mounted.status.success())
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        Command::new("umount").arg("-l").arg(&self.0).output().ok();
    }
}

/// Takes all the room that there is.
fn fill(path: &Path) {
    let mut file = File::create(path).unwrap();
    for size in [1 << 16, 1 << 12, 1] {
        let bytes = vec![b'x'; size];
        while file.write_all(&bytes).is_ok() {}
    }
}

/// Starts a victim in `mode`, by a command that begins with its program, in epochs of so many rows, with its output in
/// `output`. What it says goes to a folder of its own, since that of the victim may be full.
fn start(program: &mut Command, victim: &Victim, mode: &str, epoch_rows: u64, output: &Path) -> (Running, TempDir) {
    let said = TempDir::new().unwrap();
    let command = program.arg(mode).arg(victim.folder()).args(["3", &epoch_rows.to_string(), "power-loss", "60", "no"]);
    let running = Running::start(command.arg(output).arg(victim.path("checkpoint")), said.path());
    (running, said)
}

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_victim"))
}

/// A full disk is waited for: nothing is left staged, and when there is room the run goes on by itself, with every row once.
#[test]
fn f_065_a_full_disk_is_waited_for() {
    for mode in ["rows", "windows"] {
        let mut victim = Victim::new();
        let Some(_disk) = Mounted::new(victim.folder(), &["-t", "tmpfs", "-o", "size=48M", "millstream"]) else {
            return;
        };
        let input = Input::make(&victim.path("in"), 9_000, 31);
        let (mut running, _said) = start(&mut program(), &victim, mode, 40, victim.folder());
        for filled in 0..3 {
            assert!(running.wait_for(LONG, || victim.has_grown_by(12)), "{}", running.errors());
            assert_eq!(running.ended(), None, "it came to its end too soon: {}", running.errors());
            victim.read_log();
            fill(&victim.path("ballast"));
            // Long enough to meet it, to clean up, and to try in vain.
            std::thread::sleep(Duration::from_millis(1_500 + 700 * filled));
            assert_eq!(running.ended(), None, "it did not wait: {}", running.errors());
            let staged: u64 =
                files(&victim.path("out.stage")).iter().map(|path| fs::metadata(path).unwrap().len()).sum();
            assert!(staged < 1_000, "{staged} bytes of staged files are left on the full disk");
            fs::remove_file(victim.path("ballast")).unwrap();
        }
        let (code, errors) = running.end(LONG);
        assert_eq!(code, Some(0), "{errors}");
        let seen = read_all(&victim.path("out")).len();
        check(&mut victim, &input, mode, seen);
    }
}

/// Asked to end while it waits, it ends with what it waits for.
#[test]
fn f_065_a_wait_for_room_can_be_ended() {
    let mut victim = Victim::new();
    let Some(_disk) = Mounted::new(victim.folder(), &["-t", "tmpfs", "-o", "size=32M", "millstream"]) else { return };
    let input = Input::make(&victim.path("in"), 9_000, 32);
    let (mut running, _said) = start(&mut program(), &victim, "rows", 40, victim.folder());
    assert!(running.wait_for(LONG, || victim.has_grown_by(6)), "{}", running.errors());
    fill(&victim.path("ballast"));
    std::thread::sleep(Duration::from_secs(2));
    running.signal(Signal::TERM);
    let (code, errors) = running.end(Duration::from_secs(5));
    assert_eq!((code, errors.contains("make room")), (Some(74), true), "{errors}");
    fs::remove_file(victim.path("ballast")).unwrap();
    end_and_check(&mut victim, &input, Start::new("rows"));
}

/// A disk with room for the files of an epoch and not for its folders: it is full when the epoch is committed.
fn full_for_a_committed_epoch() -> Option<(Victim, PathBuf, Mounted)> {
    let victim = Victim::new();
    let output = victim.path("output");
    fs::create_dir(&output).unwrap();
    let disk = Mounted::new(&output, &["-t", "tmpfs", "-o", "nr_inodes=300", "millstream"])?;
    Input::make(&victim.path("in"), 500, 40);
    Some((victim, output, disk))
}

/// What is committed is shown when there is room, and counts as what this run has written.
#[test]
fn f_065_room_for_a_committed_epoch_is_waited_for() {
    let Some((mut victim, output, disk)) = full_for_a_committed_epoch() else { return };
    let (mut running, said) = start(&mut program(), &victim, "many", 400, &output);
    assert!(running.wait_for(LONG, || victim.has_grown_by(3)), "{}", running.errors());
    // That it waits shows only in that it has not ended a while later.
    std::thread::sleep(Duration::from_millis(1_500));
    assert_eq!(running.ended(), None, "it did not wait: {}", running.errors());
    assert!(disk.again("remount,nr_inodes=20000"));
    let (code, errors) = running.end(LONG);
    assert_eq!(code, Some(0), "{errors}");
    let summary = fs::read_to_string(said.path().join("output.txt")).unwrap();
    victim.read_log();
    let rows = read_all(&victim.path("output/out")).len();
    let told = format!("; {rows} rows out in {} epochs", victim.epoch());
    assert!(rows > 1_500 && summary.contains(&told), "{told}: {summary}");
}

/// A start that cannot show what is committed waits as well, and is none that tells of a crash loop.
#[test]
fn f_065_starts_that_wait_for_room_are_no_crash_loop() {
    let Some((mut victim, output, disk)) = full_for_a_committed_epoch() else { return };
    for started in 0..6 {
        let (mut running, _said) = start(&mut program(), &victim, "many", 400, &output);
        let waits = || victim.has_grown_by(if started == 0 { 3 } else { 2 });
        assert!(running.wait_for(LONG, waits), "{}", running.errors());
        // As above.
        std::thread::sleep(Duration::from_millis(200));
        assert_eq!(running.ended(), None, "it did not wait: {}", running.errors());
        running.signal(Signal::TERM);
        let (code, errors) = running.end(Duration::from_secs(5));
        assert_eq!((code, errors.contains("make room")), (Some(74), true), "{errors}");
        victim.read_log();
    }
    assert!(disk.again("remount,nr_inodes=20000"));
    let (code, errors) = start(&mut program(), &victim, "many", 400, &output).0.end(LONG);
    assert_eq!(code, Some(0), "{errors}");
}

/// Two hundred folders an epoch, three workers, and descriptors for a fraction of their files.
#[test]
fn f_066_few_descriptors_are_enough_for_many_folders() {
    let victim = Victim::new();
    Input::make(&victim.path("in"), 500, 33);
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -n 64 && exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_victim")]);
    let (mut running, said) = start(&mut limited, &victim, "many", 400, victim.folder());
    let (code, errors) = running.end(LONG);
    assert_eq!(code, Some(0), "{errors}");
    let summary = fs::read_to_string(said.path().join("output.txt")).unwrap();
    let rows = read_all(&victim.path("out")).len();
    assert!(rows > 1_500 && summary.contains(&format!("; {rows} rows out")), "{rows} rows: {summary}");
}

/// What cannot be written ends the run with 73 and names the path.
fn ends_with_73(mut running: Running, names: &str) {
    let (code, errors) = running.end(LONG);
    assert_eq!((code, errors.contains(names)), (Some(73), true), "{errors}");
    assert!(errors.contains("; "), "no advice: {errors}");
}

#[test]
fn f_067_an_output_that_becomes_read_only_ends_the_run() {
    let victim = Victim::new();
    let output = victim.path("output");
    fs::create_dir(&output).unwrap();
    let Some(disk) = Mounted::new(&output, &["-t", "tmpfs", "millstream"]) else { return };
    Input::make(&victim.path("in"), 20_000, 34);
    let (mut running, _said) = start(&mut program(), &victim, "rows", 400, &output);
    assert!(running.wait_for(LONG, || victim.has_grown_by(6)), "{}", running.errors());
    // Not while a file is open for writing: at some moment none is.
    let become_read_only = (0..20_000).any(|_| disk.again("remount,ro"));
    assert!(become_read_only, "{}", running.errors());
    ends_with_73(running, "output/");
}

#[test]
fn f_067_an_output_that_is_replaced_by_a_link_ends_the_run() {
    let victim = Victim::new();
    let outside = tempfile::tempdir().unwrap();
    Input::make(&victim.path("in"), 20_000, 35);
    let (mut running, _said) = start(&mut program(), &victim, "rows", 400, victim.folder());
    assert!(running.wait_for(LONG, || victim.has_grown_by(6)), "{}", running.errors());
    fs::rename(victim.path("out"), victim.path("moved")).unwrap();
    std::os::unix::fs::symlink(outside.path(), victim.path("out")).unwrap();
    ends_with_73(running, "/out");
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0, "something was written through the link");
}

#[test]
fn f_067_a_stage_that_is_removed_ends_the_run() {
    let victim = Victim::new();
    Input::make(&victim.path("in"), 20_000, 36);
    let (mut running, _said) = start(&mut program(), &victim, "rows", 400, victim.folder());
    assert!(running.wait_for(LONG, || victim.has_grown_by(6)), "{}", running.errors());
    while running.ended().is_none() {
        // It may make the folder again, until it happens between two calls.
        fs::remove_dir_all(victim.path("out.stage")).ok();
    }
    let (code, errors) = running.end(LONG);
    assert!(matches!(code, Some(70 | 73 | 74)) && errors.contains("out.stage"), "{code:?} {errors}");
}

/// Whenever it is asked to end, it does so in good order and in time, and the next start goes on.
#[test]
fn f_084_a_request_to_end_at_any_moment() {
    let mut victim = Victim::new();
    let mut random = Random(seed() + 15);
    let input = Input::make(&victim.path("in"), 9_000, seed() + 15);
    let (asked, mut ended, mut slowest) = (if is_long() { 500 } else { 20 }, 0, Duration::ZERO);
    while ended < asked {
        victim.read_log();
        let mut running = victim.start(Start {
            workers: 1 + random.below(3),
            epoch_rows: 8 + random.below(24),
            ..Start::new("windows")
        });
        std::thread::sleep(Duration::from_micros(random.below(150_000)));
        if running.ended().is_some() {
            break;
        }
        running.signal(Signal::TERM);
        let begun = std::time::Instant::now();
        let (code, errors) = running.end(Duration::from_secs(25));
        slowest = slowest.max(begun.elapsed());
        // Before it listens it has done nothing that a signal could disturb.
        let unborn = code.is_none() && victim.read_log().is_empty();
        assert!(code == Some(0) || unborn, "{code:?} {errors}");
        ended += 1;
    }
    println!("{ended} requests to end, the slowest took {slowest:?}");
    assert!(ended >= asked / 2, "all was done after {ended} requests");
    end_and_check(&mut victim, &input, Start::new("windows"));
}

/// Fails with EIO at the `EIO_AT`th sync of a file and at each after it.
const FAILING_DISK: &str = r#"
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
static atomic_int calls;
static int fail(void) { errno = EIO; return -1; }
static int broken(void) { const char *at = getenv("EIO_AT"); return at && ++calls >= atoi(at); }
#include <sys/syscall.h>
#include <unistd.h>
int fsync(int fd) { return broken() ? fail() : (int)syscall(SYS_fsync, fd); }
int fdatasync(int fd) { return broken() ? fail() : (int)syscall(SYS_fdatasync, fd); }
"#;

/// A disk that fails to sync ends the run before the commit: what it lost is not trusted, and is made again by the next start.
#[cfg(target_os = "linux")]
#[test]
fn f_068_a_disk_that_fails_ends_the_run() {
    let shim = tempfile::tempdir().unwrap();
    let (source, library) = (shim.path().join("failing.c"), shim.path().join("failing.so"));
    fs::write(&source, FAILING_DISK).unwrap();
    let compiled = Command::new("cc").args(["-shared", "-fPIC", "-o"]).args([&library, &source]).output();
    if !compiled.as_ref().is_ok_and(|compiled| compiled.status.success()) {
        return millstream_tests::skip::missing("a disk that fails, as there is no C compiler");
    }
    let mut victim = Victim::new();
    let input = Input::make(&victim.path("in"), 9_000, 37);
    let mut random = Random(seed() + 16);
    for _ in 0..if is_long() { 100 } else { 8 } {
        let mut failing = program();
        failing.env("LD_PRELOAD", &library).env("EIO_AT", (1 + random.below(60)).to_string());
        let (mut running, _said) = start(&mut failing, &victim, "windows", 100, victim.folder());
        let (code, errors) = running.end(LONG);
        assert!(code == Some(74) && errors.contains("os error 5") || code == Some(0), "{code:?} {errors}");
        // Five starts without a commit are a crash loop, by design.
        victim.read_log();
        if victim.starts >= 3 {
            let mut sound = victim.start(Start { epoch_rows: 100, ..Start::new("windows") });
            assert!(sound.wait_for(LONG, || victim.has_grown_by(3)), "{}", sound.errors());
            sound.signal(Signal::TERM);
            assert_eq!(sound.end(LONG).0, Some(0));
        }
    }
    end_and_check(&mut victim, &input, Start::new("windows"));
}

/// Files are renamed into the output, so both folders have to be on one disk; that is looked at before anything is read.
#[test]
fn f_070_an_output_on_a_disk_of_its_own_is_refused() {
    let victim = Victim::new();
    Input::make(&victim.path("in"), 100, 38);
    fs::create_dir(victim.path("out")).unwrap();
    let Some(_disk) = Mounted::new(&victim.path("out"), &["-t", "tmpfs", "millstream"]) else { return };
    let (code, errors) = victim.start(Start::new("rows")).end(LONG);
    assert_eq!((code, errors.contains("different file systems")), (Some(78), true), "{errors}");
    assert_eq!(read_all(&victim.path("out")).len(), 0);
}

/// What readers do with files that are published is their business: they are not made again, and others are left alone.
#[test]
fn f_071_published_files_may_be_taken_away() {
    let victim = Victim::new();
    let input = Input::make(&victim.path("in"), 1_000, 39);
    let mut running = victim.start(Start { follow: true, ..Start::new("rows") });
    let all_read = || read_all(&victim.path("out")).len() as u64 > input.lines / 2;
    assert!(running.wait_for(LONG, all_read), "{}", running.errors());
    running.signal(Signal::TERM);
    let (code, errors) = running.end(LONG);
    assert_eq!(code, Some(0), "{errors}");
    let taken = files(&victim.path("out"));
    taken.iter().for_each(|path| fs::remove_file(path).unwrap());
    let stranger = victim.path("out/compacted.parquet");
    fs::write(&stranger, "not ours").unwrap();
    let (code, errors) = victim.start(Start { epoch_rows: MOST_ROWS, ..Start::new("rows") }).end(LONG);
    assert_eq!(code, Some(0), "{errors}");
    assert!(taken.iter().all(|path| !path.exists()), "a file that was taken away was made again");
    assert_eq!(fs::read(stranger).unwrap(), b"not ours");
}
