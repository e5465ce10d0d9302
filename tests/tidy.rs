//! The rules of the house, as a test: who may import whom, how long a file may be, what must not be there.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Every Rust file below `folder`, with its path from the root.
fn sources(folder: &str) -> Vec<(String, String)> {
    let (mut found, mut folders) = (Vec::new(), vec![root().join(folder)]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
                found.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

/// Lines of code: without comments, without the module of tests that ends a file, and without the line after any other
/// `#[cfg(test)]` or `#[cfg(all(test, ..))]`.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines: Vec<&str> = text.lines().collect();
    let of_tests = |at: usize| lines[at] == "#[cfg(test)]" || lines[at].starts_with("#[cfg(all(test, ");
    let is_module = |at: usize| {
        let item = lines[at + 1..].iter().find(|line| !line.starts_with("#["));
        item.is_some_and(|item| item.starts_with("mod ") && item.ends_with('{'))
    };
    let end = (0..lines.len()).find(|&at| of_tests(at) && is_module(at)).unwrap_or(lines.len());
    let code = (0..end).filter(|&at| at == 0 || !of_tests(at - 1));
    let code = code.map(|at| (at + 1, lines[at].split("//").next().unwrap_or("")));
    code.collect::<Vec<_>>().into_iter()
}

#[test]
fn tests_of_a_file_are_no_code_of_it() {
    let rest = "\n#[allow(unused)]\nmod tests {\n    fn b() {}\n}\n";
    let lines = |text: &str| code(text).map(|(number, line)| format!("{number} {line}")).collect::<Vec<_>>();
    assert_eq!(lines(&format!("fn a() {{}} // a\n#[cfg(test)]{rest}")), ["1 fn a() {} "]);
    assert_eq!(lines("#[cfg(test)]\nmod tests;\nfn a() {}"), ["1 #[cfg(test)]", "3 fn a() {}"]);
}

fn is_test(name: &str) -> bool {
    name.contains("/tests/") || name.ends_with("/tests.rs")
}

/// The rooms of the runtime, lower ones first. A room may import those before its own line, and itself.
const RUNTIME: &[&[&str]] = &[
    &["error"],
    &["decimal"],
    &["time"],
    &["thread"],
    &["clock", "loopback", "mutant", "secret", "setting", "stage"],
    &["aws"],
    &["store"],
    &["schema"],
    &["agg", "encode", "source"],
    &["decode", "sink", "state"],
    &["operator"],
    &["checkpoint", "observe"],
    &["pipeline"],
    &["engine"],
    &["cli", "testing", "prelude", "guide", "expand", "lib"],
];

/// The rooms of the macros, lower ones first. Those of one line are read together: a chain is made of stages, and a stage
/// holds rows, connectors and lists of columns.
const MACROS: &[&[&str]] = &[
    &["words", "diag", "paths", "spans"],
    &["tokens", "split", "rust", "literal", "columns", "sql"],
    &["expression", "schema"],
    &["connector", "row"],
    &["plan"],
    &["ast", "stage"],
    &["check", "modes"],
    &["emit", "recover"],
    &["lib", "tests"],
];

fn imports_go_down(folder: &str, rooms: &[&[&str]], siblings: bool) {
    let rank = |room: &str| rooms.iter().position(|rooms| rooms.contains(&room));
    let mut faults = Vec::new();
    for (name, text) in sources(folder) {
        if is_test(&name) {
            continue;
        }
        let room = name.strip_prefix(folder).unwrap().trim_start_matches('/');
        let room = room.split(['/', '.']).next().unwrap();
        let Some(own) = rank(room) else {
            faults.push(format!("{name}: the room `{room}` has no place in the table"));
            continue;
        };
        for (number, line) in code(&text) {
            // What a macro writes as `$crate::` is looked up where it is used.
            for part in line.replace("$crate::", "").split("crate::").skip(1) {
                let used: String = part.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                let above = |used: usize| if siblings { used > own } else { used >= own };
                if used != room && rank(&used).is_some_and(above) {
                    faults.push(format!("{name}:{number}: `{room}` imports `{used}`, which is not below it"));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn rooms_of_the_runtime() {
    imports_go_down("runtime/src", RUNTIME, false);
}

#[test]
fn rooms_of_the_macros() {
    imports_go_down("macros/src", MACROS, true);
}

#[test]
fn rooms_of_the_readme() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let readme = readme.split_whitespace().collect::<Vec<_>>().join(" ");
    for rooms in [MACROS, RUNTIME] {
        let rooms = rooms.iter().map(|rooms| rooms.join(" ")).collect::<Vec<_>>().join(" <- ");
        assert!(readme.contains(&rooms), "the README's map of the code does not have this line: {rooms}");
    }
}

#[test]
fn no_file_has_two_jobs() {
    let mut faults = Vec::new();
    for folder in ["runtime", "macros", "tests", "examples"] {
        for (name, text) in sources(folder) {
            let lines = text.lines().count();
            if lines > 500 {
                faults.push(format!("{name} has {lines} lines"));
            }
        }
    }
    assert!(faults.is_empty(), "more than 500 lines:\n{}", faults.join("\n"));
}

#[test]
fn examples_are_short() {
    for (name, text) in sources("examples") {
        let lines = text.lines().count();
        let is_example = name.matches('/').count() == 1 && name != "examples/lib.rs";
        assert!(!is_example || lines <= 60, "{name} has {lines} lines, more than 60");
    }
}

/// What must not be in the runtime, and where it may be all the same.
#[test]
fn absences() {
    let rules: &[(&str, &[&str])] = &[
        ("SystemTime::now", &["runtime/src/clock.rs", "runtime/src/testing/kinesis/clock.rs"]),
        // Threads and tasks; every call that starts one has the word in it.
        (
            "spawn",
            &[
                "runtime/src/thread/",
                "runtime/src/engine/",
                "runtime/src/testing/",
                // Files are read by tokio's threads, shards by a task each.
                "runtime/src/source/file/",
                "runtime/src/source/kinesis/feed.rs",
                // What is printed may not be read.
                "runtime/src/observe/printer.rs",
                // A local disk syncs several files at once, in threads that end before the call returns; an object store
                // has a runtime of its own.
                "runtime/src/store/",
                // Figures are shown by a thread that answers whatever the run is doing.
                "runtime/src/observe/",
            ],
        ),
        ("unsafe {", &[]),
        // Where clippy lets code panic: a constant that is no decimal, an overflow, and to end the compilation.
        ("allow(clippy::panic", &["runtime/src/decimal.rs", "runtime/src/schema/declared.rs"]),
        ("allow(clippy::unwrap_used", &[]),
        ("allow(clippy::expect_used", &[]),
    ];
    let mut faults = Vec::new();
    for (name, text) in sources("runtime/src") {
        if is_test(&name) {
            continue;
        }
        for (number, line) in code(&text) {
            let of_the_reactor = text.contains("use tokio::time::Instant") || text.contains("tokio::time::{Instant");
            if line.contains("Instant::now") && !of_the_reactor && !line.contains("tokio::time") {
                let clocks = ["runtime/src/clock.rs", "runtime/src/testing/kinesis/clock.rs"];
                if !clocks.contains(&name.as_str()) {
                    faults.push(format!("{name}:{number}: `Instant::now`"));
                }
            }
            for (word, allowed) in rules {
                if line.contains(word) && !allowed.iter().any(|place| name.starts_with(place)) {
                    faults.push(format!("{name}:{number}: `{word}`"));
                }
            }
        }
    }
    for (name, text) in sources("macros/src") {
        if is_test(&name) {
            continue;
        }
        for (number, line) in code(&text) {
            let spells = line.contains("::millstream") || line.contains("millstream::");
            if spells && name != "macros/src/paths.rs" {
                faults.push(format!("{name}:{number}: a path into the runtime outside of paths.rs"));
            }
            // Sentences may name one as an example. `file`, `text`, `bytes` and `collect` are words of other things, too.
            let outside = line.replace("\\\"", "").split('"').step_by(2).collect::<Vec<_>>().join(" ");
            let mut words = outside.split(|c: char| !c.is_alphanumeric() && c != '_');
            let connectors =
                ["kinesis", "parquet", "json", "console", "socket", "memory", "rate", "foreach", "foreach_batch"];
            if let Some(connector) = words.find(|word| connectors.contains(word)) {
                faults.push(format!("{name}:{number}: the name of a connector or format, {connector}"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_packages_that_were_asked_for_are_in_use() {
    let manifests = ["macros", "runtime", "tests", "tests/ui", "examples"]
        .map(|package| fs::read_to_string(root().join(package).join("Cargo.toml")).unwrap())
        .join("\n");
    let code: String = ["macros", "runtime", "tests", "examples"]
        .iter()
        .flat_map(|folder| sources(folder))
        .map(|(_, text)| text)
        .collect();
    for package in [
        "syn",
        "quote",
        "proc-macro2",
        "tokio",
        "aws-sdk-kinesis",
        "aws-config",
        "serde",
        "serde_json",
        "arrow",
        "parquet",
        "trybuild",
    ] {
        let declared = manifests.lines().any(|line| {
            line.strip_prefix(package).is_some_and(|rest| rest.starts_with('.') || rest.trim_start().starts_with('='))
        });
        assert!(declared, "{package} is no direct dependency");
        let path = format!("{}::", package.replace('-', "_"));
        assert!(code.contains(&path), "{package} is not used");
    }
}

/// An error advises only what there is: a pipeline's own binary has the commands of its command line, and no other.
#[test]
fn no_message_advises_a_command_that_is_not_there() {
    let faults: Vec<_> = sources("runtime/src")
        .into_iter()
        .filter(|(_, text)| ["<your binary>", "fsck", "--drop-epoch-files"].iter().any(|words| text.contains(words)))
        .map(|(name, _)| name)
        .collect();
    assert!(faults.is_empty(), "{faults:?}");
}

/// An editor shows the documentation of a stage where its word stands.
#[test]
fn every_stage_is_documented() {
    let words = fs::read_to_string(root().join("macros/src/words.rs")).unwrap();
    let list = words.split("const STAGES: &[&str] = &[").nth(1).and_then(|rest| rest.split(']').next()).unwrap();
    let modules = fs::read_to_string(root().join("runtime/src/stage.rs")).unwrap();
    for stage in list.split(',').map(|word| word.trim().to_lowercase()).filter(|word| !word.is_empty()) {
        assert!(modules.contains(&format!("pub mod {stage} {{}}")), "runtime/src/stage.rs does not describe `{stage}`");
    }
}

/// What a macro writes, a program's author can look up: nothing that can be named is hidden, but for what stands in for a
/// feature that is off, and a macro that is documented where it is exported to.
#[test]
fn nothing_is_hidden() {
    let allowed = ["runtime/src/source/mod.rs", "runtime/src/source/file/mod.rs", "runtime/src/sink/mod.rs"];
    let mut faults = Vec::new();
    for (name, text) in sources("runtime/src") {
        let lines: Vec<&str> = text.lines().collect();
        for (number, line) in lines.iter().enumerate() {
            // What is further to the right is a method that has a default, or code of a macro.
            let macro_of_expand = lines.iter().skip(number).take(3).any(|line| *line == "macro_rules! __variant {");
            if *line == "#[doc(hidden)]" && !macro_of_expand && !allowed.contains(&name.as_str()) {
                faults.push(format!("{name}:{}: `#[doc(hidden)]`", number + 1));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The tests of a folder, as `file::name`; a file called `tests.rs` or `mod.rs` goes by the folder it is in.
fn tests(folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (name, text) in sources(folder) {
        let mut file = Path::new(&name).with_extension("");
        while file.ends_with("mod") || file.ends_with("tests") {
            file.pop();
        }
        let file = file.file_name().unwrap().to_str().unwrap();
        let bodies = text.split("#[test]").skip(1).filter_map(|rest| rest.split_once("fn ")?.1.split('(').next());
        found.extend(bodies.map(|name| format!("{file}::{name}")));
    }
    found
}

/// What stands between backticks in the last column of the tables whose last column is `test`.
fn tests_in_tables(document: &str) -> Vec<String> {
    let (mut names, mut inside) = (Vec::new(), false);
    for line in document.lines() {
        let last = line.trim_end_matches('|').rsplit('|').next().unwrap_or_default();
        if !line.starts_with('|') {
            inside = false;
        } else if last.trim() == "test" {
            inside = true;
        } else if inside && !line.starts_with("|---") {
            let named: Vec<_> = last.split('`').skip(1).step_by(2).map(str::to_owned).collect();
            assert!(!named.is_empty(), "no test is named: {line}");
            names.extend(named);
        }
    }
    names
}

/// Whoever gives a pipeline the permissions that the documentation lists has given all that it needs and no more.
#[test]
fn permissions_are_those_of_the_calls() {
    let docs = fs::read_to_string(root().join("runtime/docs/kinesis.md")).unwrap();
    let listed = docs.split("kinesis:").skip(1).map(|rest| rest.split(|c: char| !c.is_alphanumeric()).next().unwrap());
    // `kinesis::tests` and `kinesis:REGION` are no actions.
    let is_action = |word: &&str| word.starts_with(char::is_uppercase) && word.contains(char::is_lowercase);
    let listed: BTreeSet<&str> = listed.filter(is_action).collect();
    let mut called = BTreeSet::new();
    for (name, text) in ["source", "sink"].iter().flat_map(|room| sources(&format!("runtime/src/{room}/kinesis"))) {
        for (_, line) in code(&text).filter(|_| !is_test(&name)) {
            // The names before `()`, as in `self.sdk.get_records().shard_iterator(..)`.
            let mut parts: Vec<&str> = line.split("()").collect();
            parts.pop();
            let calls =
                parts.iter().filter_map(|part| part.rsplit(|c: char| !c.is_ascii_lowercase() && c != '_').next());
            for call in calls.filter(|call| is_operation(call)) {
                called.insert(call.split('_').map(capitalised).collect::<String>());
            }
        }
    }
    let called: BTreeSet<&str> = called.iter().map(String::as_str).collect();
    assert_eq!(listed, called, "what kinesis.md allows, and what is called");
}

fn capitalised(word: &str) -> String {
    word.chars().take(1).flat_map(char::to_uppercase).chain(word.chars().skip(1)).collect()
}

/// Whether a method is an operation of the service, by the words that begin and end one.
fn is_operation(call: &str) -> bool {
    let begins = ["get_", "list_", "describe_", "put_", "subscribe_", "register_", "deregister_"];
    let ends = ["_records", "_shards", "_iterator", "_shard", "_summary", "_consumer"];
    begins.iter().any(|begin| call.starts_with(begin)) && ends.iter().any(|end| call.ends_with(end))
}

/// The numbers in the name of a test: 75 and 76 of `f_075_076_trouble_passes`.
fn numbers(name: &str) -> Vec<u32> {
    let Some(rest) = name.strip_prefix("f_") else { return Vec::new() };
    let number = |part: &str| (part.len() == 3).then(|| part.parse().ok()).flatten();
    rest.split('_').map_while(number).collect()
}

#[test]
fn tests_that_a_table_names_exist() {
    let known: Vec<_> = ["runtime/src", "runtime/tests", "tests/it"].iter().flat_map(|folder| tests(folder)).collect();
    for (document, least) in [("kinesis", 50), ("survives", 50)] {
        let names = tests_in_tables(&fs::read_to_string(root().join(format!("runtime/docs/{document}.md"))).unwrap());
        assert!(names.len() > least, "{names:?}");
        let missing: Vec<_> = names.iter().filter(|name| !known.contains(name)).collect();
        assert!(missing.is_empty(), "{document}.md names tests that are not there: {missing:#?}");
    }
}

/// What is survived has a number, which its tests carry, or it stands among what is not covered.
#[test]
fn what_is_survived_has_its_tests() {
    let page = fs::read_to_string(root().join("runtime/docs/survives.md")).unwrap();
    let (tables, rest) = page.split_once("\n## Not covered\n").unwrap();
    let mut faults = Vec::new();
    for number in 31..=93 {
        let row = tables.lines().find(|line| line.starts_with(&format!("| F{number} |")));
        let own = |row: &str| tests_in_tables(&format!("| | test |\n{row}")).into_iter();
        let carries = |test: String| numbers(test.split("::").nth(1).unwrap_or_default()).contains(&number);
        let spoken_of = rest.split(|c: char| !c.is_alphanumeric()).any(|word| word == format!("F{number}"));
        match row {
            Some(row) if !own(row).any(carries) => faults.push(format!("no test of F{number} carries its number")),
            None if !spoken_of => faults.push(format!("F{number} is not in survives.md")),
            _ => {}
        }
    }
    for test in ["runtime/src", "runtime/tests", "tests/it"].iter().flat_map(|folder| tests(folder)) {
        let name = test.split("::").nth(1).unwrap_or_default();
        let told =
            numbers(name).into_iter().all(|number| !(31..=93).contains(&number) || page.contains(&format!("`{test}`")));
        if !told {
            faults.push(format!("survives.md does not name `{test}`"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
