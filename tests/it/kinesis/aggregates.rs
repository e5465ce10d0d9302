//! Aggregates against Amazon's own library for Python, `aws-kinesis-agg`: each opens what the other has packed.

use std::io::Write;
use std::process::{Command, Stdio};

use millstream::source::kinesis::kpl;
use millstream::testing::kinesis::kpl_aggregate_with_hash_keys;
use serde::Deserialize;

use super::independent::python;

/// Partition key, explicit hash key, and data in hexadecimal.
type User = (String, Option<String>, String);

/// An aggregate that the library has made.
#[derive(Deserialize)]
struct Packed {
    record: String,
    users: Vec<User>,
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

/// What the script prints, line by line; none without the library.
fn script(arguments: &[&str], input: &str) -> Option<Vec<String>> {
    let mut command = Command::new(python("aws_kinesis_agg.aggregator")?);
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/it/kinesis/aggregates.py")).args(arguments);
    let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = process.stdin.take().unwrap();
    // Both pipes are bounded: who writes all before it reads may wait for ever.
    let output = std::thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(input.as_bytes()).unwrap());
        process.wait_with_output().unwrap()
    });
    assert!(output.status.success());
    Some(String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect())
}

fn opened(record: &[u8]) -> Option<Vec<User>> {
    let aggregate = kpl::open(record)?;
    let user = |user: kpl::UserRecord<'_>| {
        (user.partition_key.to_owned(), user.explicit_hash_key.map(str::to_owned), hex(user.data))
    };
    Some(aggregate.records().map(user).collect())
}

#[test]
fn what_the_library_packs_is_opened() {
    let (seed, count) = (crate::seed().to_string(), if crate::is_long() { 5_000 } else { 500 });
    let Some(lines) = script(&["pack", &seed, &count.to_string()], "") else { return };
    assert_eq!(lines.len(), count);
    let mut users = 0;
    for line in lines {
        let packed: Packed = serde_json::from_str(&line).unwrap();
        users += packed.users.len();
        let record = bytes(&packed.record);
        assert_eq!(opened(&record).unwrap(), packed.users);
        // The same, damaged in transit: a plain record.
        let mut damaged = record;
        let middle = damaged.len() / 2;
        damaged[middle] ^= 1;
        assert!(kpl::open(&damaged).is_none());
    }
    println!("{count} aggregates of {users} records");
}

#[test]
fn the_library_opens_what_is_packed_here() {
    let text =
        |number: usize| (format!("schlüssel-{}", number % 7), (number * 1_000).to_string(), vec![b'x'; number % 300]);
    let mut records = Vec::new();
    for length in [1, 2, 30, 2_000] {
        let texts: Vec<_> = (0..length).map(text).collect();
        for hashed in [false, true] {
            // The library takes the first hash key for a record that has none while others have one.
            let users: Vec<_> = texts
                .iter()
                .map(|(key, hash_key, data)| (key.as_str(), hashed.then_some(hash_key.as_str()), data.as_slice()))
                .collect();
            records.push(kpl_aggregate_with_hash_keys(&users));
        }
    }
    // Not one of these is an aggregate.
    records.extend([b"{}".to_vec(), kpl::MAGIC.to_vec(), [kpl::MAGIC.as_slice(), &[1; 40]].concat()]);
    let input: String = records.iter().map(|record| hex(record) + "\n").collect();
    let Some(lines) = script(&["open"], &input) else { return };
    assert_eq!(lines.len(), records.len());
    for (line, record) in lines.iter().zip(&records) {
        assert_eq!(serde_json::from_str::<Option<Vec<User>>>(line).unwrap(), opened(record));
    }
}
