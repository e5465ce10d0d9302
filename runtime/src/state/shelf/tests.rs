#![allow(clippy::unwrap_used)]
use std::collections::BTreeMap;

use super::*;

/// A number that looks like chance.
fn mixed(of: u64) -> u128 {
    xxhash_rust::xxh3::xxh3_128(&of.to_le_bytes())
}

fn shelf(folder: &tempfile::TempDir) -> Shelf {
    Shelf::new(&Scratch::open(folder.path()).unwrap(), true)
}

fn put(shelf: &mut Shelf, records: &BTreeMap<u128, (i64, Vec<u8>)>) {
    let fill = |out: &mut Writing| {
        records.iter().try_for_each(|(&id, (time, bytes))| out.push(Record { id, time: *time, bytes }))
    };
    shelf.put(records.len(), fill).unwrap();
}

type Records = BTreeMap<u128, (i64, Vec<u8>)>;

fn scanned(shelf: &Shelf, from: u128, to: u128) -> Records {
    let (mut scan, mut all) = (shelf.scan(from, to).unwrap(), Records::new());
    while let Some(record) = scan.next().unwrap() {
        assert!(all.last_key_value().is_none_or(|(last, _)| *last < record.id), "in order");
        all.insert(record.id, (record.time, record.bytes.to_vec()));
    }
    all
}

fn found(shelf: &Shelf, ids: &[u128]) -> Records {
    let mut all = Records::new();
    let take = |record: Record<'_>| {
        assert!(all.insert(record.id, (record.time, record.bytes.to_vec())).is_none(), "once");
        Ok(())
    };
    shelf.find(ids.to_vec(), take).unwrap();
    all
}

/// Against a map in memory: bulks of all sizes, of which many take the place of earlier records.
#[test]
fn the_newest_record_of_each_id_is_found_and_read_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let (mut shelf, mut all) = (shelf(&folder), Records::new());
    let mut rows = 0;
    for bulk in 0..60_u64 {
        let len = if bulk % 20 == 7 { 5_000 } else { 100 + bulk * 10 };
        let record = |n: u64| {
            let number = mixed(bulk * 1_000_000 + n) as u64;
            let bytes = vec![number as u8; if number.is_multiple_of(1_000) { 30_000 } else { (number % 90) as usize }];
            (mixed(number % 20_000), ((bulk * 10) as i64, bytes))
        };
        let records: Records = (0..len).map(record).collect();
        rows += records.len();
        put(&mut shelf, &records);
        all.extend(records);
        assert!(shelf.runs.len() < 8, "{} files after {rows} records", shelf.runs.len());
        if bulk % 10 == 9 {
            assert_eq!(scanned(&shelf, 0, u128::MAX), all);
            let mut ids: Vec<u128> = (0..25_000).step_by(7).map(mixed).collect();
            ids.sort_unstable();
            let expected: Records = ids.iter().filter_map(|id| Some((*id, all.get(id)?.clone()))).collect();
            assert_eq!(found(&shelf, &ids), expected);
            let (from, to) = (u128::MAX / 3, u128::MAX / 2);
            assert_eq!(scanned(&shelf, from, to), all.range(from..=to).map(|(k, v)| (*k, v.clone())).collect());
        }
    }
    assert!(found(&shelf, &[]).is_empty());
    // Files are merged as they come, so little is there twice.
    let bytes: u64 = all.values().map(|(_, bytes)| 28 + bytes.len() as u64).sum();
    assert!(shelf.disk() < bytes * 2, "{} bytes for {bytes}", shelf.disk());
    let (memory, folder) = (shelf.memory(), shelf.scratch.create().unwrap().0.parent().unwrap().to_owned());
    assert!(memory < 100_000, "{memory}");
    drop(shelf);
    assert!(!folder.exists());
}

#[test]
fn records_that_are_too_old_are_as_if_they_were_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let mut shelf = shelf(&folder);
    let records = |ids: std::ops::Range<u128>, time: i64| ids.map(|id| (id, (time, vec![7]))).collect::<Records>();
    put(&mut shelf, &records(0..100, 10));
    put(&mut shelf, &records(50..60, 20));
    assert_eq!(shelf.runs.len(), 2);
    shelf.forget(20);
    assert_eq!(scanned(&shelf, 0, 999), records(50..60, 20));
    assert_eq!(found(&shelf, &[49, 50, 70]), records(50..51, 20));
    // The file that has none that lives is gone.
    assert_eq!((shelf.runs.len(), shelf.runs[0].records), (1, 10));
    shelf.forget(21);
    assert!(scanned(&shelf, 0, 999).is_empty() && found(&shelf, &[50]).is_empty());
    assert_eq!((shelf.runs.len(), shelf.disk()), (0, 0));
    // One that dies goes when its file is merged, if not before.
    put(&mut shelf, &Records::from([(1, (21, vec![7])), (2, (40, vec![7]))]));
    shelf.forget(30);
    put(&mut shelf, &records(3..5, 40));
    assert_eq!((shelf.runs.len(), shelf.runs[0].records), (1, 3));
}

#[test]
fn a_file_that_was_changed_is_an_error_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut shelf = shelf(&folder);
    put(&mut shelf, &(0..2_000).map(|n| (mixed(n), (0, b"text".to_vec()))).collect());
    let file = shelf.scratch.create().unwrap().0.with_file_name("0");
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[20_000] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let mut scan = shelf.scan(0, u128::MAX).unwrap();
    let error = loop {
        match scan.next() {
            Ok(Some(_)) => {}
            Ok(None) => unreachable!("all was read"),
            Err(error) => break error,
        }
    };
    assert!(error.message().contains("is not as it was written"), "{error}");
}
