//! Aggregates as the Kinesis Producer Library writes them.

use crate::source::kinesis::kpl::{MAGIC, put_bytes, put_number};
use md5::{Digest, Md5};

/// One Kinesis record that holds `records`, pairs of partition key and data, in this order.
///
/// ```
/// use millstream::source::kinesis::kpl;
/// use millstream::testing::kinesis::kpl_aggregate;
/// let packed = kpl_aggregate(&[("a", b"one"), ("b", b"two")]);
/// let opened = kpl::open(&packed).unwrap();
/// assert_eq!(opened.records().map(|record| record.data).collect::<Vec<_>>(), [b"one", b"two"]);
/// ```
#[must_use]
pub fn kpl_aggregate(records: &[(&str, &[u8])]) -> Vec<u8> {
    let keyed: Vec<_> = records.iter().map(|&(key, data)| (key, None, data)).collect();
    kpl_aggregate_with_hash_keys(&keyed)
}

/// As [`kpl_aggregate`], with the explicit hash key (a decimal number) of each record in the middle.
#[must_use]
pub fn kpl_aggregate_with_hash_keys(records: &[(&str, Option<&str>, &[u8])]) -> Vec<u8> {
    let (mut keys, mut hash_keys, mut body) = (Table::default(), Table::default(), Vec::new());
    for &(key, hash_key, data) in records {
        let mut record = Vec::with_capacity(data.len() + 16);
        put_number(&mut record, 1, keys.index(key));
        if let Some(hash_key) = hash_key {
            put_number(&mut record, 2, hash_keys.index(hash_key));
        }
        put_bytes(&mut record, 3, data);
        put_bytes(&mut body, 3, &record);
    }
    let mut message = Vec::with_capacity(body.len() + 64);
    keys.0.iter().for_each(|key| put_bytes(&mut message, 1, key.as_bytes()));
    hash_keys.0.iter().for_each(|key| put_bytes(&mut message, 2, key.as_bytes()));
    message.extend_from_slice(&body);
    let digest = Md5::digest(&message);
    [&MAGIC, message.as_slice(), digest.as_slice()].concat()
}

/// The distinct keys in the order of their first use.
#[derive(Default)]
struct Table<'a>(Vec<&'a str>);

impl<'a> Table<'a> {
    fn index(&mut self, key: &'a str) -> u64 {
        let index = self.0.iter().position(|known| *known == key).unwrap_or_else(|| {
            self.0.push(key);
            self.0.len() - 1
        });
        index as u64
    }
}
