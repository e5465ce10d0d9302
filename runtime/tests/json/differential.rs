//! Documents that both decode.

use millstream::decode::json::{JsonDecoder, Scratch};
use serde::Deserialize;

use super::*;

#[derive(Debug, Deserialize)]
#[allow(dead_code)]
#[serde(rename = "Point")]
struct SerdePoint {
    x: f64,
    y: Option<f32>,
}

/// Named and ordered as [`Doc`], so that both print the same.
#[derive(Debug, Deserialize)]
#[allow(dead_code)]
#[serde(rename = "Doc")]
struct SerdeDoc {
    s: String,
    o: Option<String>,
    b: Option<bool>,
    i: Option<i64>,
    u: Option<u64>,
    n: Option<i8>,
    w: Option<u32>,
    f: Option<f64>,
    g: Option<f32>,
    l: Option<Vec<i64>>,
    t: Option<Vec<Option<String>>>,
    p: Option<SerdePoint>,
    m: Option<BTreeMap<String, f64>>,
    ll: Option<Vec<Vec<SerdePoint>>>,
}

#[derive(Debug, Deserialize)]
#[allow(dead_code)]
struct SerdeS {
    s: String,
}

/// Whether the fault is one of the documented differences to serde_json.
fn stricter(fault: &Fault) -> bool {
    let text = fault.to_string();
    fault.code() == "LIMIT"
        || fault.code() == "UTF8"
        || text.contains("expected an object, found a list")
        || text.contains("expected each key once")
}

/// A decoder of [`Doc`].
trait Remembers {
    /// What a document comes to alone, and after others.
    fn twice(&self, payload: &[u8], arena: &Arena, scratch: &mut Scratch) -> (String, String);
}

impl<P: Projection> Remembers for JsonDecoder<Doc, P> {
    fn twice(&self, payload: &[u8], arena: &Arena, scratch: &mut Scratch) -> (String, String) {
        let fresh = decode_with::<Doc, _>(self, payload, arena);
        (format!("{fresh:?}"), format!("{:?}", decode_after::<Doc, _>(self, payload, arena, scratch)))
    }
}

pub(crate) struct Both {
    all: JsonDecoder<Doc, All>,
    only_s: JsonDecoder<Doc, OnlyS>,
    arena: Arena,
    /// What is remembered of the documents before.
    scratch: (Scratch, Scratch),
    pub(crate) taken: usize,
    refused: usize,
}

impl Both {
    pub(crate) fn new() -> Self {
        let (all, only_s) = (json().decoder(), json().decoder());
        Self { all, only_s, arena: Arena::new(), scratch: Default::default(), taken: 0, refused: 0 }
    }

    #[track_caller]
    pub(crate) fn check(&mut self, payload: &[u8]) {
        self.arena.reset();
        let shown = || String::from_utf8_lossy(payload).into_owned();
        // Whatever came before, a document means the same.
        for (decoder, scratch) in
            [(&self.all as &dyn Remembers, &mut self.scratch.0), (&self.only_s, &mut self.scratch.1)]
        {
            let (fresh, warm) = decoder.twice(payload, &self.arena, scratch);
            assert_eq!(warm, fresh, "{}", shown());
        }
        match (decode_with::<Doc, _>(&self.all, payload, &self.arena), serde_json::from_slice::<SerdeDoc>(payload)) {
            (Ok(own), Ok(theirs)) => {
                let theirs = format!("{theirs:?}").replace("SerdeDoc", "Doc").replace("SerdePoint", "Point");
                assert_eq!(format!("{own:?}"), theirs, "{}", shown());
                self.taken += 1;
            }
            (Err(fault), theirs) => {
                assert!(theirs.is_err() || stricter(&fault), "{fault}, but serde_json takes {}", shown());
                assert!(fault.offset() <= payload.len(), "{fault}: {}", shown());
                self.refused += 1;
            }
            (Ok(_), Err(error)) => panic!("serde_json refuses ({error}) what we take: {}", shown()),
        }
        match (decode_with::<Doc, _>(&self.only_s, payload, &self.arena), serde_json::from_slice::<SerdeS>(payload)) {
            (Ok(own), Ok(theirs)) => assert_eq!(own.s, theirs.s, "{}", shown()),
            (Err(fault), theirs) => {
                assert!(theirs.is_err() || stricter(&fault), "{fault}, but serde_json takes {}", shown());
            }
            (Ok(_), Err(error)) => panic!("serde_json refuses ({error}) what we take: {}", shown()),
        }
    }
}

/// Values of all kinds, after the cases of JSONTestSuite.
const VALUES: &[&str] = &[
    "null",
    "true",
    "false",
    "nul",
    "nulll",
    "True",
    "tru",
    "0",
    "-0",
    "-",
    "+1",
    "01",
    "-01",
    "00",
    "1",
    "-1",
    "127",
    "128",
    "-128",
    "-129",
    "4294967295",
    "4294967296",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "-9223372036854775809",
    "18446744073709551615",
    "18446744073709551616",
    "100000000000000000000",
    "12345678901234567890123456789",
    "1.0",
    "1.",
    ".1",
    "1.e1",
    "1e",
    "1e+",
    "1e-",
    "1e5",
    "1E5",
    "1e+5",
    "1e-5",
    "1.5e300",
    "1e308",
    "1e309",
    "-1e309",
    "1e400",
    "-1e400",
    "1e-400",
    "-1e-400",
    "1e39",
    "3.4028235e38",
    "3.4028236e38",
    "3.5e38",
    "1e99999999999999999999",
    "0e99999999999999999999",
    "1e-99999999999999999999",
    "0.0",
    "-0.0",
    "0.1",
    "0.30000000000000004",
    "5e-324",
    "2e-324",
    "2.5e-324",
    "2.2250738585072011e-308",
    "1.7976931348623157e308",
    "1.7976931348623159e308",
    "9007199254740993",
    "9007199254740993.0",
    "123456789012345678901234567890.5",
    "0x1",
    "0b1",
    "1_000",
    "1,000",
    "NaN",
    "Infinity",
    "-Infinity",
    "inf",
    "1 2",
    "- 1",
    "1e1.5",
    "\u{ff11}",
    "\"\"",
    "\"a\"",
    "\"",
    "\"a",
    "'a'",
    "\"\\\"\"",
    "\"\\\\\"",
    "\"\\/\"",
    "\"\\b\\f\\n\\r\\t\"",
    "\"\\u0041\"",
    "\"\\u0000\"",
    "\"\\u00e9\"",
    "\"\\uD83D\\uDE00\"",
    "\"\\ud83d\"",
    "\"\\ude00\"",
    "\"\\ud83d\\u0041\"",
    "\"\\ud83dx\"",
    "\"\\ud83d\\n\"",
    "\"\\ud83d\\ud83d\"",
    "\"\\ud83d\\ude00x\"",
    "\"\\u12\"",
    "\"\\u12G4\"",
    "\"\\u+123\"",
    "\"\\U0041\"",
    "\"\\x41\"",
    "\"\\a\"",
    "\"\\",
    "\"\\\"",
    "\"\\u",
    "\"\\u0\"",
    "\"\\'\"",
    "\"\\\u{e9}\"",
    "\"\u{7f}\"",
    "\"\u{80}\"",
    "\"\u{2028}\"",
    "\"\u{1F600}\"",
    "\"\u{feff}\"",
    "\"\n\"",
    "\"\t\"",
    "\"\0\"",
    "\"\u{1f}\"",
    "\"longer than eight bytes, and than sixteen\"",
    "\"seven77\"",
    "\"eight888\"",
    "\"nine 9999\"",
    "\"1234567\\n\"",
    "\"12345678\\n9012345\\\"67\"",
    "[]",
    "[ ]",
    "[1]",
    "[1,]",
    "[,1]",
    "[1 2]",
    "[1,,2]",
    "[",
    "]",
    "[1",
    "[1}",
    "[1,2,3]",
    "[ 1 , 2 ]",
    "[null]",
    "[\"a\",null,\"b\\n\"]",
    "[[]]",
    "[[{\"x\":1}],[]]",
    "[[{\"x\":1,\"y\":2.5},{\"x\":-3}],[{\"x\":1e2}]]",
    "[1,\"a\"]",
    "[1.5]",
    "[[1]]",
    "{}",
    "{ }",
    "{\"x\":1}",
    "{\"x\":1,}",
    "{,}",
    "{\"x\"}",
    "{\"x\":}",
    "{\"x\",1}",
    "{x:1}",
    "{1:1}",
    "{null:1}",
    "{\"x\":1 \"y\":2}",
    "{\"x\":1,\"x\":2}",
    "{\"z\":1,\"z\":2,\"x\":0}",
    "{\"x\":1,\"y\":2}",
    "{\"\\u0078\":1}",
    "{\"x\" : 1 }",
    "{\"a\\nb\":1}",
    "{\"\":1}",
    "{\"\\ud800\":1}",
    "{\"\\ud800\":1,\"x\":1}",
    "{\"a\":{\"\\ud800\":1},\"x\":1}",
    "{",
    "}",
    "{\"x\":1",
    "{\"x\":1]",
    "",
    " ",
    "//",
    "/**/1",
    "1//",
    "1#",
    "\u{a0}1",
    "\u{c}1",
    "\u{b}1",
    "\u{feff}1",
    "\0",
    "<null>",
    "[<null>]",
    "*",
    "&",
    "{\"a\":[{},[],{\"b\":[1,[2,{\"c\":null}]]},\"]\",\"}\"],\"d\":true}",
];

#[test]
fn the_cases_of_the_test_suite() {
    let mut both = Both::new();
    for value in VALUES {
        both.check(value.as_bytes());
        both.check(format!(" \n{value}\t\r").as_bytes());
        for key in ["s", "o", "b", "i", "u", "n", "w", "f", "g", "l", "t", "p", "m", "ll", "unknown"] {
            let second = if key == "s" { "o" } else { "s" };
            both.check(format!("{{\"{key}\":{value},\"{second}\":\"\"}}").as_bytes());
            both.check(format!("{{\"{second}\" : \"\" , \"{key}\" : {value} }}").as_bytes());
            both.check(format!("{{\"{second}\":\"\",\"{key}\":[{value},{value}]}}").as_bytes());
            both.check(format!("{{\"{second}\":\"\",\"{key}\":{{\"k\":{value}}}}}").as_bytes());
        }
    }
    assert!(both.taken > 800 && both.refused > 5_000, "{} {}", both.taken, both.refused);
}

#[test]
fn f_034_invalid_utf8_is_refused_everywhere() {
    for bad in [&b"\xff"[..], b"\xc0\x80", b"\xe2\x82", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\x80", b"\xf0\x9f\x98"]
    {
        for (before, after) in
            [("{\"s\":\"", "\"}"), ("{\"s\":\"\",\"z\":\"", "\"}"), ("{\"s\":\"\",\"z", "\":1}"), ("{\"s\":\"\"}", "")]
        {
            let payload = [before.as_bytes(), bad, after.as_bytes()].concat();
            let fault = decode::<Doc>(&payload).unwrap_err();
            assert_eq!((fault.code(), fault.offset()), ("UTF8", before.len()), "{fault}");
        }
    }
}

const SEEDS: &[&str] = &[
    r#"{"s":"a","o":null,"b":true,"i":-12,"u":18446744073709551615,"n":-128,"w":7,"f":21.5,"g":0.1,"l":[1,2,3]}"#,
    r#"{"s":"\u00e9\ud83d\ude00\n","z":{"a":[1,{"b":[]},"x\"y"],"c":1e5},"t":["a",null,"b\\"],"p":{"x":1e3,"y":null}}"#,
    "{ \"s\" : \"h\u{e9}llo w\u{f6}rld, a longer one\" ,\r\n\t\"m\" : { \"k\" : 1 , \"l\" : 2.5e-3 } , \"ll\" : [ [ {\"x\":0} ] , [ ] ] }",
    r#"{"l":[],"s":"","f":0.30000000000000004,"g":16777217,"i":9223372036854775807,"unknown":[[[[null,false]]]]}"#,
];

#[test]
fn mutated_documents() {
    let tokens: &[&[u8]] = &[
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b"\"",
        b"\\",
        b"0",
        b"1",
        b"9",
        b"-",
        b"+",
        b".",
        b"e",
        b"E",
        b" ",
        b"\n",
        b"\0",
        b"\x1f",
        b"\x7f",
        b"\x80",
        b"\xff",
        b"u",
        b"\\u",
        b"\\ud800",
        b"\\udc00",
        b"null",
        b"true",
        b"false",
        b"\"s\":",
        b"\"i\":1,",
        b"99999999999",
        b"[]",
        b"{}",
        b"1e5",
        b"e-7",
        b"0.",
        b"\"\"",
        b"\xc3\xa9",
    ];
    let (mut random, mut both) = (Random::new(7), Both::new());
    let mut document = Vec::new();
    for _ in 0..rounds(200_000) {
        document.clear();
        document.extend_from_slice(SEEDS[random.below(SEEDS.len())].as_bytes());
        for _ in 0..1 + random.below(2) {
            let at = random.below(document.len() + 1);
            let until = (at + random.below(4)).min(document.len());
            match random.below(5) {
                0 => document.truncate(at.max(1)),
                1 => drop(document.drain(at..until)),
                2 => drop(document.splice(at..until, random.pick(tokens).iter().copied())),
                3 => drop(document.splice(at..at, random.pick(tokens).iter().copied())),
                _ => {
                    let piece = document[at..(at + random.below(24)).min(document.len())].to_vec();
                    let to = random.below(document.len() + 1);
                    drop(document.splice(to..to, piece));
                }
            }
        }
        both.check(&document);
    }
    assert!(both.taken > 20_000 && both.refused > 20_000, "{} {}", both.taken, both.refused);
}

#[test]
fn documents_cut_at_each_byte() {
    let mut both = Both::new();
    for seed in SEEDS {
        both.check(seed.as_bytes());
        for end in 0..seed.len() {
            both.check(&seed.as_bytes()[..end]);
        }
    }
    assert_eq!(both.taken, SEEDS.len());
}

schema!(Numbers NumbersView { 0 "f" f: f64, 1 "g" g: Option<f32> });

#[test]
fn floats_are_the_nearest_ones() {
    let (mut random, decoder, mut arena) = (Random::new(11), json().decoder::<Numbers, All>(), Arena::new());
    for round in 0..rounds(60_000) {
        let mut number = String::new();
        if random.below(2) == 0 {
            number.push('-');
        }
        let whole = random.below(if round % 3 == 0 { 26 } else { 6 });
        number.push_str(if whole == 0 { "0" } else { ["1", "2", "5", "9"][random.below(4)] });
        for _ in 1..whole {
            number.push(char::from(b'0' + random.below(10) as u8));
        }
        if random.below(4) > 0 {
            number.push('.');
            for _ in 0..1 + random.below(if round % 5 == 0 { 40 } else { 8 }) {
                number.push(char::from(b'0' + random.below(10) as u8));
            }
        }
        if random.below(3) == 0 {
            let limit = if round % 7 == 0 { 330 } else { 25 };
            number.push_str(&format!("e{}", random.below(2 * limit) as i64 - limit as i64));
        }
        let std: f64 = number.parse().unwrap();
        let single: f32 = number.parse().unwrap();
        arena.reset();
        let own = decode_with::<Numbers, _>(&decoder, format!("{{\"f\":{number}}}").as_bytes(), &arena);
        match own {
            Ok(own) => {
                assert_eq!(own.f.to_bits(), std.to_bits(), "{number}");
                assert_eq!(own.f.to_bits(), serde_json::from_str::<f64>(&number).unwrap().to_bits(), "{number}");
            }
            Err(fault) => assert!(std.is_infinite() && fault.code() == "RANGE", "{number}: {fault}"),
        }
        let payload = format!("{{\"f\":0,\"g\":{number}}}");
        match decode_with::<Numbers, _>(&decoder, payload.as_bytes(), &arena) {
            Ok(own) => assert_eq!(own.g.unwrap().to_bits(), single.to_bits(), "{number}"),
            Err(fault) => assert!(single.is_infinite() && fault.code() == "RANGE", "{number}: {fault}"),
        }
    }
}
