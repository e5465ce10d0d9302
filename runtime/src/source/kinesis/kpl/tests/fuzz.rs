//! Messages made at random and then damaged, sealed with the right MD5 so that nothing hides behind it: what [`open`] says of
//! them is what a decoder says that was written for this test, slowly and from the protobuf specification alone.
//!
//! `MILLSTREAM_SEED` begins elsewhere, `MILLSTREAM_LONG=1` takes ten times as many.

use super::*;
use crate::source::kinesis::pace::splitmix64;

struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        splitmix64(&mut self.0) % limit.max(1)
    }

    fn bytes(&mut self, most: u64) -> Vec<u8> {
        (0..self.below(most)).map(|_| self.below(256) as u8).collect()
    }
}

/// A field as the specification has it.
enum Naive {
    Number(u128),
    Bytes(Vec<u8>),
    Fixed,
}

/// All fields of a message, or `None` if it does not parse.
fn fields(message: &[u8]) -> Option<Vec<(u128, Naive)>> {
    let (mut at, mut found) = (0, Vec::new());
    let number = |at: &mut usize| {
        let mut value = 0_u128;
        for byte in 0..10 {
            let next = *message.get(*at)?;
            *at += 1;
            value += u128::from(next & 0x7F) * 128_u128.pow(byte);
            if next < 0x80 {
                return (value < 1 << 64).then_some(value);
            }
        }
        None
    };
    while at < message.len() {
        let tag = number(&mut at)?;
        let value = match tag % 8 {
            0 => Naive::Number(number(&mut at)?),
            kind @ (1 | 2 | 5) => {
                let length = if kind == 2 { number(&mut at)? } else { 4 + 4 * u128::from(kind == 1) };
                let end = u128::try_from(at).unwrap() + length;
                let end = usize::try_from(end).ok().filter(|end| *end <= message.len())?;
                let bytes = message[at..end].to_vec();
                at = end;
                if kind == 2 { Naive::Bytes(bytes) } else { Naive::Fixed }
            }
            _ => return None,
        };
        let field = tag / 8;
        if field == 0 || field >= 1 << 29 {
            return None;
        }
        found.push((field, value));
    }
    Some(found)
}

/// The user records of a message, or `None` if it is no aggregate.
fn naive(message: &[u8]) -> Option<Vec<Owned>> {
    let (mut keys, mut hash_keys, mut records) = (Vec::new(), Vec::new(), Vec::new());
    for field in fields(message)? {
        match field {
            (1, Naive::Bytes(key)) => keys.push(String::from_utf8(key).ok()?),
            (2, Naive::Bytes(key)) => hash_keys.push(String::from_utf8(key).ok()?),
            (3, Naive::Bytes(record)) => records.push(record),
            (1..=3, _) => return None,
            _ => {}
        }
    }
    let user = |record: Vec<u8>| {
        let (mut key, mut hash_key, mut data) = (None, None, None);
        for field in fields(&record)? {
            match field {
                (1, Naive::Number(index)) => key = Some(keys.get(usize::try_from(index).ok()?)?.clone()),
                (2, Naive::Number(index)) => hash_key = Some(hash_keys.get(usize::try_from(index).ok()?)?.clone()),
                (3, Naive::Bytes(bytes)) => data = Some(bytes),
                (1..=3, _) => return None,
                _ => {}
            }
        }
        Some((key?, hash_key, data?))
    };
    records.into_iter().map(user).collect()
}

/// A number with all its bits, or few of them, and sometimes with more bytes than it needs.
fn put_any_varint(out: &mut Vec<u8>, random: &mut Random) {
    let (bits, longer) = (random.below(64), random.below(8) == 0);
    put_varint(out, splitmix64(&mut random.0) >> bits);
    if longer && let Some(last) = out.last_mut() {
        *last |= 0x80;
        out.extend_from_slice(&[[0x80].repeat(random.below(10) as usize), vec![random.below(3) as u8]].concat());
    }
}

/// A field that [`open`] does not know, or knows otherwise.
fn put_any_field(out: &mut Vec<u8>, random: &mut Random) {
    match random.below(6) {
        0 => put_any_varint(out, random),
        1 => put_number(out, random.below(6), random.below(300)),
        2 => put_bytes(out, 100, &random.bytes(30)),
        3 => {
            put_varint(out, 9 << 3 | 1);
            out.extend_from_slice(&[7; 8]);
        }
        4 => {
            // A length that is not there, up to the largest.
            put_varint(out, (1 + random.below(5)) << 3 | 2);
            put_any_varint(out, random);
        }
        _ => put_bytes(out, 1 + random.below(200), &random.bytes(12)),
    }
}

/// A message as producers write them, with now and then something else between.
fn message(random: &mut Random) -> Vec<u8> {
    let (mut out, strange) = (Vec::new(), random.below(3) == 0);
    let (keys, hash_keys) = (1 + random.below(4), random.below(3));
    let tables_last = random.below(4) == 0;
    let mut tables = Vec::new();
    for key in 0..keys {
        put_bytes(&mut tables, 1, format!("key-{key}").as_bytes());
    }
    for key in 0..hash_keys {
        put_bytes(&mut tables, 2, (u128::MAX - u128::from(key)).to_string().as_bytes());
    }
    if !tables_last {
        out.append(&mut tables);
    }
    for _ in 0..random.below(6) {
        let mut record = Vec::new();
        // Indices are in the table, but for one in fifty.
        let beyond = u64::from(random.below(50) == 0);
        put_number(&mut record, 1, random.below(keys) + beyond * keys);
        if hash_keys > 0 && random.below(2) == 0 {
            put_number(&mut record, 2, random.below(hash_keys));
        }
        if strange && random.below(4) == 0 {
            put_any_field(&mut record, random);
        }
        put_bytes(&mut record, 3, &random.bytes(40));
        put_bytes(&mut out, 3, &record);
        if strange && random.below(6) == 0 {
            put_any_field(&mut out, random);
        }
    }
    out.append(&mut tables);
    out
}

/// Cuts, flips, doubles or inserts.
fn damage(message: &mut Vec<u8>, random: &mut Random) {
    let at = random.below(message.len() as u64) as usize;
    match random.below(5) {
        0 => message.truncate(at),
        1 => message.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << random.below(8)),
        2 => {
            let mut number = Vec::new();
            put_any_varint(&mut number, random);
            message.splice(at..at, number);
        }
        3 => drop(message.drain(at..(at + random.below(8) as usize).min(message.len()))),
        _ => {
            let copy = message[at..].to_vec();
            message.extend_from_slice(&copy);
        }
    }
}

fn number(variable: &str) -> u64 {
    std::env::var(variable).ok().and_then(|number| number.parse().ok()).unwrap_or(0)
}

#[test]
fn damaged_messages_are_read_exactly_or_not_at_all() {
    let seed = number("MILLSTREAM_SEED");
    println!("MILLSTREAM_SEED={seed}");
    let count = if number("MILLSTREAM_LONG") == 1 { 2_000_000 } else { 200_000 };
    let mut random = Random(seed);
    let (mut whole, mut plain) = (0, 0);
    for round in 0..count {
        let mut message = message(&mut random);
        for _ in 0..random.below(4) {
            damage(&mut message, &mut random);
        }
        let (found, expected) = (read(&sealed(&message)), naive(&message));
        assert_eq!(found, expected, "round {round}: {message:02x?}");
        *(if found.is_some() { &mut whole } else { &mut plain }) += 1;
    }
    println!("{whole} aggregates, {plain} plain records");
    assert!(whole > count / 5 && plain > count / 5, "only one kind is tested");
}

#[test]
fn random_bytes_are_plain_records() {
    let mut random = Random(number("MILLSTREAM_SEED"));
    for _ in 0..100_000 {
        let bytes = random.bytes(100);
        // Whatever follows the magic: its digest is another one.
        assert!(open(&bytes).is_none() && open(&[&MAGIC, bytes.as_slice()].concat()).is_none(), "{bytes:02x?}");
    }
}
