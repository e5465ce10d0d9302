//! State larger than memory: what comes out is what comes out of a run that has all of it in memory, and the process stays small.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use super::world::World;
use crate::log::last_commit;

/// A command line with so much memory for state, and a folder for the rest.
fn line(world: &World, budget: &str) -> String {
    let folder = world.path("scratch");
    format!("run --checkpoint KEPT --state-budget {budget} --spill {}", folder.display())
}

/// The most memory that the program ever had, in MiB.
fn peak(world: &World) -> u64 {
    fs::read_to_string(world.path("peak")).unwrap().parse::<u64>().unwrap() >> 20
}

/// What is left of runs.
fn left(scratch: &Path) -> usize {
    fs::read_dir(scratch).map_or(0, Iterator::count)
}

/// Runs so many keys, each of which is seen again after half of all rows, in so much memory.
fn run_in(keys: u64, budget: &str, most: u64) {
    let world = World::new(keys, Some(keys * 3 / 2), 1 << 40);
    let begun = Instant::now();
    let (said, _) = world.run(&line(&world, budget), 0);
    let last = said.lines().rev().nth(1).unwrap_or_default().to_owned();
    println!(
        "{keys} keys in {:.1?}, {} MiB at most, epochs {}; {last}",
        begun.elapsed(),
        peak(&world),
        said.lines().count()
    );
    assert!(peak(&world) < most, "{} MiB", peak(&world));
    assert_eq!(left(&world.path("scratch")), 0);
    if keys <= 5_000_000 {
        world.compare();
    }
}

#[test]
#[cfg(target_os = "linux")]
fn state_larger_than_its_budget_goes_to_disk_and_comes_back() {
    // In memory it would be more than 250 MiB.
    run_in(2_000_000, "32mib", 256);
}

/// Fifty million keys; only with `MILLSTREAM_LONG=1`.
#[test]
#[cfg(target_os = "linux")]
fn fifty_million_keys_in_512_mib() {
    if crate::is_long() {
        run_in(50_000_000, "128mib", 512);
    }
}

#[test]
fn a_run_that_spills_goes_on_after_it_was_killed_and_after_one_that_does_not() {
    let world = World::new(150_000, Some(400_000), 10_000);
    let spilled = line(&world, "4mib");
    // Several starts, some of them killed.
    for run in 0..3 {
        let mut program = world.program(&spilled).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(400 + 300 * run));
        program.kill().unwrap();
        program.wait().unwrap();
    }
    // What memory alone keeps, and back to the disk.
    world.run("run --checkpoint KEPT --trigger once", 0);
    world.run(&spilled, 0);
    world.compare();
    assert_eq!(left(&world.path("scratch")), 0, "what the killed ones left is removed by the next");
}

#[test]
fn a_folder_that_cannot_be_used_is_refused_before_anything_is_read() {
    let world = World::new(1_000, Some(10_000), 1_000);
    fs::write(world.path("scratch"), "a file").unwrap();
    let (said, errors) = world.run(&line(&world, "4mib"), 74);
    assert!(said.is_empty() && errors.contains("state cannot be spilled to the folder `"), "{errors}");
}

#[test]
fn a_start_that_fails_leaves_nothing_on_the_scratch_disk() {
    let world = World::new(150_000, Some(400_000), 10_000);
    let mut program = world.program(&line(&world, "4mib")).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let said = std::io::BufReader::new(program.stdout.take().unwrap());
    assert_eq!(std::io::BufRead::lines(said).take(15).count(), 15);
    program.kill().unwrap();
    program.wait().unwrap();
    // A file of changes without which there is no state.
    let state = &last_commit(&world.path("kept")).operators["per key"];
    fs::remove_file(world.path("kept").join(&state.changelogs.last().unwrap().path)).unwrap();
    let (_, errors) = world.run(&line(&world, "4mib"), 74);
    assert!(errors.contains("it is not there"), "{errors}");
    assert_eq!(left(&world.path("scratch")), 0);
}

/// What fills the disk is the state itself: to wait for room would be for ever. The disk is in memory, for which this process has to
/// be root.
#[test]
#[cfg(target_os = "linux")]
fn a_full_scratch_disk_ends_the_run_and_is_named() {
    let world = World::new(400_000, Some(600_000), 50_000);
    let scratch = world.path("scratch");
    fs::create_dir(&scratch).unwrap();
    let mount = |command: &str, words: &[&str]| {
        let done = std::process::Command::new(command).args(words).arg(&scratch).output();
        done.is_ok_and(|done| done.status.success())
    };
    if !mount("mount", &["-t", "tmpfs", "-o", "size=4M", "millstream"]) {
        println!("skipped: it is not permitted to mount here");
        return;
    }
    let (_, errors) = world.run(&line(&world, "4mib"), 74);
    assert_eq!(left(&scratch), 0);
    assert!(mount("umount", &["-l"]));
    assert!(errors.contains(&scratch.display().to_string()) && errors.contains("scratch folder"), "{errors}");
    // With room it goes on where it was.
    world.run(&line(&world, "4mib"), 0);
    world.compare();
}

/// The same rows with and without a scratch folder, and from a checkpoint that the other one has made.
#[test]
fn a_checkpoint_is_the_same_with_and_without_it() {
    let outputs: Vec<_> = [[true, true], [false, false], [true, false], [false, true]]
        .into_iter()
        .map(|starts| {
            let world = World::new(60_000, Some(150_000), 5_000);
            let [first, second] =
                starts.map(|spills| if spills { line(&world, "2mib") } else { "run --checkpoint KEPT".to_owned() });
            // Killed when it has gone some way.
            let mut program = world.program(&first).stdout(std::process::Stdio::piped()).spawn().unwrap();
            let said = std::io::BufReader::new(program.stdout.take().unwrap());
            let epochs = std::io::BufRead::lines(said).take(10).count();
            program.kill().unwrap();
            program.wait().unwrap();
            assert_eq!(epochs, 10);
            world.run(&second, 0);
            world.compare();
            super::world::read(&world.path("out"))
        })
        .collect();
    assert!(outputs.windows(2).all(|pair| pair[0] == pair[1]));
}
