//! The JSON decoder against serde_json, which it has to agree with on what it takes, what it refuses, and every value.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[macro_use]
mod schema;
mod columns;
mod differential;
mod faults;
mod shapes;

use std::collections::BTreeMap;

use millstream::decode::{Decoder, Fault, Format, json};
use millstream::schema::Arena;
use millstream::schema::{All, Projection, Stored, StreamSchema};

schema!(Point PointView { 0 "x" x: f64, 1 "y" y: Option<f32> });
schema!(Doc DocView {
    0 "s" s: String,
    1 "o" o: Option<String>,
    2 "b" b: Option<bool>,
    3 "i" i: Option<i64>,
    4 "u" u: Option<u64>,
    5 "n" n: Option<i8>,
    6 "w" w: Option<u32>,
    7 "f" f: Option<f64>,
    8 "g" g: Option<f32>,
    9 "l" l: Option<Vec<i64>>,
    10 "t" t: Option<Vec<Option<String>>>,
    11 "p" p: Option<Point>,
    12 "m" m: Option<BTreeMap<String, f64>>,
    13 "ll" ll: Option<Vec<Vec<Point>>>,
});

/// Only field `s` of [`Doc`] is used.
struct OnlyS;
impl Projection for OnlyS {
    const NAMES: &'static [&'static str] = &["s"];
    const REST: bool = false;
}

/// The only row of a payload.
fn decode_with<T: StreamSchema, D: for<'a> Decoder<Row<'a> = T::View<'a>>>(
    decoder: &D,
    payload: &[u8],
    arena: &Arena,
) -> Result<T, Fault> {
    decode_after(decoder, payload, arena, &mut D::Scratch::default())
}

/// The same, by a decoder that remembers payloads from before.
fn decode_after<T: StreamSchema, D: for<'a> Decoder<Row<'a> = T::View<'a>>>(
    decoder: &D,
    payload: &[u8],
    arena: &Arena,
    scratch: &mut D::Scratch,
) -> Result<T, Fault> {
    let mut at = 0;
    let row = decoder.next(payload, &mut at, arena, scratch)?.expect("a row or a fault");
    assert!(decoder.next(payload, &mut at, arena, scratch).unwrap().is_none());
    Ok(T::own(row))
}

fn decode<T: StreamSchema>(payload: &[u8]) -> Result<T, Fault> {
    decode_with::<T, _>(&json().decoder::<T, All>(), payload, &Arena::new())
}

/// The rows of a payload of several documents, and the first fault.
fn lines(payload: &[u8]) -> (Vec<Doc>, Option<Fault>) {
    let (decoder, arena) = (json().lines().decoder::<Doc, All>(), Arena::new());
    let (mut at, mut scratch, mut rows, mut first) = (0, Default::default(), Vec::new(), None);
    while at <= payload.len() {
        let before = at;
        match decoder.next(payload, &mut at, &arena, &mut scratch) {
            Ok(Some(row)) => rows.push(Doc::own(row)),
            Ok(None) => break,
            Err(fault) => {
                assert!(at > before);
                first.get_or_insert(fault);
            }
        }
    }
    (rows, first)
}

/// Linear congruential: runs of one `MILLSTREAM_SEED` see the same documents.
struct Random(u64);

/// How often a random part is gone through: ten times as often with `MILLSTREAM_LONG=1`.
fn rounds(usual: usize) -> usize {
    if std::env::var("MILLSTREAM_LONG").is_ok_and(|long| long == "1") { usual * 10 } else { usual }
}

impl Random {
    /// Begins at `number`, plus `MILLSTREAM_SEED` if that is set.
    fn new(number: u64) -> Self {
        let seed =
            std::env::var("MILLSTREAM_SEED").map_or(0, |seed| seed.parse().expect("MILLSTREAM_SEED is a number"));
        println!("MILLSTREAM_SEED={seed}");
        Self(number + seed)
    }
    fn below(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % below
    }
    fn pick<'a>(&mut self, of: &'a [&'a [u8]]) -> &'a [u8] {
        of[self.below(of.len())]
    }
}
