//! What the examples print is what their headers show, and they connect to nothing but this machine.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

#[path = "../../tests/skip.rs"]
#[allow(unreachable_pub, reason = "it is a module of a library, too")]
mod skip;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// Every example: its name and its program.
const EXAMPLES: [(&str, &str); 8] = [
    ("by_hand", env!("CARGO_BIN_EXE_by_hand")),
    ("hello", env!("CARGO_BIN_EXE_hello")),
    ("iot_to_parquet", env!("CARGO_BIN_EXE_iot_to_parquet")),
    ("nested_etl", env!("CARGO_BIN_EXE_nested_etl")),
    ("own_connector", env!("CARGO_BIN_EXE_own_connector")),
    ("restart", RESTART),
    ("switch_source", env!("CARGO_BIN_EXE_switch_source")),
    ("wordcount", env!("CARGO_BIN_EXE_wordcount")),
];

/// The one that is killed.
const RESTART: &str = env!("CARGO_BIN_EXE_restart");

/// An empty folder that is removed when it is dropped.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("millstream-example-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

/// What a program prints that is run in `folder`, and so begins with `target/out/NAME-1`; nothing about AWS is in its
/// environment.
fn output(mut command: Command, folder: &Folder) -> String {
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("AWS_")) {
        command.env_remove(name);
    }
    let ran = command.current_dir(&folder.0).output().unwrap();
    assert!(ran.status.success(), "{command:?}: {}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8(ran.stdout).unwrap()
}

/// The block in the header of an example; a line `...` stands for lines that are left out.
fn header(name: &str) -> Option<Vec<String>> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name).with_extension("rs")).unwrap();
    let lines = text.lines().take_while(|line| line.starts_with("//!"));
    let block = lines.skip_while(|line| *line != "//! ```text").skip(1).take_while(|line| *line != "//! ```");
    let block: Vec<String> = block.map(|line| line.trim_start_matches("//!").replacen(' ', "", 1)).collect();
    (!block.is_empty()).then_some(block)
}

/// Whether `lines` are those of `block`, whose `...` stand for any.
fn is_shown(lines: &[&str], block: &[String]) -> bool {
    match block.split_first() {
        None => lines.is_empty(),
        Some((first, rest)) if first == "..." => (0..=lines.len()).any(|from| is_shown(&lines[from..], rest)),
        Some((first, rest)) => lines.first() == Some(&first.as_str()) && is_shown(&lines[1..], rest),
    }
}

#[test]
fn examples_print_what_their_headers_show_each_time() {
    for (name, program) in EXAMPLES {
        let folder = Folder::new(name);
        let first = without_chance(&output(Command::new(program), &folder));
        let block = header(name).unwrap_or_else(|| {
            assert_eq!(name, "by_hand", "{name} does not show what it prints");
            // Its header says that it prints what this one does.
            header("iot_to_parquet").unwrap().iter().map(|line| line.replace("iot_to_parquet", name)).collect()
        });
        let block: Vec<String> = block.iter().map(|line| without_chance(line)).collect();
        let lines: Vec<&str> = first.lines().collect();
        assert!(is_shown(&lines, &block), "{name} shows\n{}\n\nand prints\n\n{first}", block.join("\n"));
        if name == "restart" {
            continue;
        }
        // Only the number of the folder differs.
        let second = without_chance(&output(Command::new(program), &folder));
        assert_eq!(second.replace(&format!("{name}-2"), &format!("{name}-1")), first);
    }
}

/// A text with `#` for what chance decides: the number of a process after `kill -9`, and how many epochs a run of
/// `restart`, which is paced by a clock, is cut into.
fn without_chance(text: &str) -> String {
    ["kill -9 ", "20000 rows out in "].iter().fold(text.to_owned(), |text, mark| match text.split_once(mark) {
        Some((before, after)) => format!("{before}{mark}#{}", after.trim_start_matches(|c: char| c.is_ascii_digit())),
        None => text,
    })
}

/// As `NAME | head` does when it has seen enough: no panic, no complaint, and the exit code of a tool that SIGPIPE ends.
#[test]
fn examples_end_quietly_when_nobody_reads() {
    for (name, program) in EXAMPLES {
        let folder = Folder::new(&format!("{name}-unread"));
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let ended = Command::new(program).current_dir(&folder.0).stdout(writer).output().unwrap();
        assert_eq!((ended.status.code(), String::from_utf8_lossy(&ended.stderr)), (Some(141), "".into()), "{name}");
    }
}

#[test]
fn restart_has_each_number_once_after_it_was_killed() {
    let folder = Folder::new("killed");
    let epochs = folder.0.join("target/out/restart/numbers");
    let there = || fs::read_dir(&epochs).map_or(0, Iterator::count);
    for more in 1..3 {
        let before = there();
        let mut running = Command::new(RESTART).current_dir(&folder.0).stdout(Stdio::null()).spawn().unwrap();
        while there() < before + more {
            assert!(running.try_wait().unwrap().is_none(), "it has ended before it was killed");
            // Look again.
            std::thread::sleep(Duration::from_millis(10));
        }
        // SIGKILL on Unix.
        running.kill().unwrap();
        running.wait().unwrap();
    }
    let printed = output(Command::new(RESTART), &folder);
    let lines: Vec<&str> = printed.lines().collect();
    assert_eq!(lines[2], "20000 numbers in target/out/restart/numbers, 20000 of them different");
    assert!(!lines[1].starts_with("20000 rows in"), "it has begun anew: {printed}");
    // Nothing is left to do.
    let again = output(Command::new(RESTART), &folder);
    assert_eq!(
        again.lines().collect::<Vec<_>>()[1..],
        ["0 rows in = 0 used + 0 filtered + 0 late + 0 skipped + 0 dead letters; 0 rows out in 0 epochs", lines[2],]
    );
}

#[test]
fn examples_connect_to_this_machine_only() {
    if !Command::new("strace").args(["-f", "-qq", "true"]).output().is_ok_and(|traced| traced.status.success()) {
        return skip::missing("there is no strace, or it is not allowed");
    }
    for (name, program) in EXAMPLES {
        let folder = Folder::new(&format!("{name}-traced"));
        let calls = folder.0.join("calls");
        let mut traced = Command::new("strace");
        traced.args(["-f", "-qq", "-e", "trace=connect,sendto,sendmsg,sendmmsg", "-o"]).arg(&calls).arg(program);
        output(traced, &folder);
        for call in fs::read_to_string(calls)
            .unwrap()
            .lines()
            .filter(|call| call.contains("sin_addr") || call.contains("sin6_addr"))
        {
            assert!(call.contains("\"127.0.0.1\"") || call.contains("\"::1\""), "{name} connects elsewhere: {call}");
        }
    }
}

#[test]
fn every_example_is_tested() {
    let manifest = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).unwrap();
    let bins = manifest.split("[[bin]]").skip(1).map(|lines| lines.split('"').nth(1).unwrap());
    let mut bins: Vec<&str> = bins.collect();
    bins.sort_unstable();
    // It serves until it is killed, and prints one line.
    bins.retain(|bin| *bin != "kinesis_server");
    assert_eq!(bins, EXAMPLES.map(|(name, _)| name));
}
