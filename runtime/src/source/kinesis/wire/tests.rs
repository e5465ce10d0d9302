//! Answers read by [`Answer`] and by the SDK's own reader must be the same.

use aws_smithy_json::codec::{JsonCodec, JsonCodecSettings};
use aws_smithy_schema::codec::Codec;

use super::answer::NO_RECORDS;
use super::*;

/// What the SDK makes of it.
fn by_sdk(body: &[u8]) -> Result<GetRecordsOutput, SerdeError> {
    let codec = JsonCodec::new(JsonCodecSettings::builder().use_json_name(false).build());
    GetRecordsOutput::deserialize(&mut Codec::create_deserializer(&codec, body))
}

fn by_us(body: &[u8]) -> Result<GetRecordsOutput, SerdeError> {
    GetRecordsOutput::deserialize(&mut Answer::new(body))
}

/// The SDK makes a float of a time, which is exact to the microsecond today and less so in a thousand years: where theirs is as near to ours
/// as that, it is ours.
fn as_near_as_floats(ours: &GetRecordsOutput, mut theirs: GetRecordsOutput) -> GetRecordsOutput {
    for (ours, theirs) in ours.records.iter().zip(&mut theirs.records) {
        let times = (&ours.approximate_arrival_timestamp, &mut theirs.approximate_arrival_timestamp);
        if let (Some(ours), Some(theirs)) = times
            && ours.as_nanos().abs_diff(theirs.as_nanos()) <= 1_000 + u128::from(ours.secs().unsigned_abs()) / 1_000_000
        {
            *theirs = *ours;
        }
    }
    theirs
}

#[track_caller]
fn same(body: &[u8]) -> Option<GetRecordsOutput> {
    match (by_us(body), by_sdk(body)) {
        (Ok(ours), Ok(theirs)) => {
            assert_eq!(ours, as_near_as_floats(&ours, theirs), "{}", String::from_utf8_lossy(body));
            Some(ours)
        }
        (Err(_), Err(_)) => None,
        // To the SDK it is the end of a shard.
        (Err(error), Ok(theirs)) if body.trim_ascii().is_empty() || error.to_string().contains(NO_RECORDS) => {
            assert!(theirs.records.is_empty(), "{}", String::from_utf8_lossy(body));
            None
        }
        (ours, theirs) => panic!("{ours:?}\n{theirs:?}\n{}", String::from_utf8_lossy(body)),
    }
}

/// What a server writes, in its order and with its blanks.
const ANSWERS: &[&str] = &[
    // The service.
    r#"{"MillisBehindLatest":0,"NextShardIterator":"AAAAAAAAAAH+/=","Records":[{"ApproximateArrivalTimestamp":1.767225600123E9,"Data":"aGVsbG8=","PartitionKey":"k","SequenceNumber":"49590338271490256608559692538361571095921575989136588898"}]}"#,
    // Servers for tests.
    r#"{"NextShardIterator":"AAA","Records":[{"SequenceNumber":"1","ApproximateArrivalTimestamp":1767225600.123,"Data":"","PartitionKey":"\u00e4\"\\/\ud83d\ude00","EncryptionType":"NONE"}],"MillisBehindLatest":12345678901,"ChildShards":[]}"#,
    r#" { "Records" : [ ] , "MillisBehindLatest" : 0 , "ChildShards" : [ { "ShardId" : "shardId-000000000001" , "ParentShards" : [ "shardId-000000000000" ] , "HashKeyRange" : { "StartingHashKey" : "0" , "EndingHashKey" : "340282366920938463463374607431768211455" } } ] } "#,
    r#"{"NextShardIterator":null,"Records":[{"SequenceNumber":"1","Data":"YQ==","PartitionKey":null,"ApproximateArrivalTimestamp":null,"EncryptionType":"KMS"}],"ChildShards":null}"#,
    // Members that nobody knows, and a slash that some languages escape.
    r#"{"__type":"x","New":{"a":[1,-2.5e7,{"b":"]}\""}],"c":true},"Records":[{"New":[],"SequenceNumber":"1","Data":"\/\/\/\/","ApproximateArrivalTimestamp":1767225600}]}"#,
    r#"{"Records":[{},{"Data":"YQ=="}]}"#,
    r#"{"Records":[]}"#,
];

#[test]
fn what_servers_write() {
    for answer in ANSWERS {
        same(answer.as_bytes()).unwrap_or_else(|| panic!("no reader takes {answer}"));
    }
    let records = same(ANSWERS[1].as_bytes()).unwrap().records;
    assert_eq!(records[0].partition_key(), Some("ä\"\\/😀"));
    let first = GetRecordsOutput::deserialize(&mut Answer::new(ANSWERS[1].as_bytes())).unwrap();
    assert_eq!(first.records[0].approximate_arrival_timestamp.unwrap().subsec_nanos(), 123_000_000);
}

#[test]
fn times() {
    let times = [
        "0",
        "1",
        "1767225600",
        "1767225600.0",
        "1767225600.1",
        "1767225600.123456",
        "1767225600.123456789",
        "1767225600.1234567891",
        "1.767225600123E9",
        "1767225600123e-3",
        "17672225600.123",
        "99999999999.999",
        "-1",
        "-1.5",
        "00.5",
        "1.",
        ".5",
        "-",
        "9e99",
        "999999999999",
        "9999999999999",
        "99999999999999999999",
        "\"2026-01-01T00:00:00Z\"",
        "\"1767225600\"",
        "true",
        "1767225600 ",
        "1767225600\t.5",
        "1767225600x",
        "1767225600.5.5",
        "1e",
        "{}",
        "[1]",
        "nul",
        "null",
        "nullx",
    ];
    for time in times {
        same(format!(r#"{{"Records":[{{"ApproximateArrivalTimestamp":{time}}}]}}"#).as_bytes());
        same(format!(r#"{{"Records":[{{"ApproximateArrivalTimestamp":{time},"SequenceNumber":"1"}}]}}"#).as_bytes());
    }
}

/// The SDK takes a body that is empty, and any object, for an answer without records and without an iterator, which is
/// the end of a shard.
#[test]
fn an_answer_has_records() {
    assert!(by_us(b" \n").is_err());
    for body in [
        "",
        "{}",
        r#"{"message":"the service is being mended"}"#,
        r#"{"Records":null}"#,
        r#"{"NextShardIterator":"AAA","MillisBehindLatest":0}"#,
        r#"{"ChildShards":[{"ShardId":"shardId-000000000001"}],"New":{"Records":[]}}"#,
    ] {
        assert!(by_sdk(body.as_bytes()).is_ok(), "{body}");
        assert!(by_us(body.as_bytes()).is_err(), "{body}");
    }
    // The end of a shard.
    for body in [r#"{"Records":[],"MillisBehindLatest":0}"#, r#"{"\u0052ecords":[]}"#] {
        assert!(by_us(body.as_bytes()).unwrap().next_shard_iterator.is_none(), "{body}");
    }
}

#[test]
fn answers_that_were_cut_are_errors() {
    for answer in ANSWERS {
        let answer = answer.trim_end().as_bytes();
        for end in 1..answer.len() {
            assert!(by_us(&answer[..end]).is_err(), "{}", String::from_utf8_lossy(&answer[..end]));
        }
    }
}

/// Whatever comes, the two readers are of one opinion.
#[test]
fn fuzz_answers_to_get_records() {
    let seeds: Vec<&[u8]> = ANSWERS.iter().map(|answer| answer.as_bytes()).collect();
    let words: &[&[u8]] = &[
        b"\"Records\":[",
        b"\"Data\":\"YQ==\"",
        b"\"SequenceNumber\":\"1\"",
        b"\"ApproximateArrivalTimestamp\":1767225600.5",
        b"\"ChildShards\":[]",
        b"null",
        b"\\u00e4",
        b"\\",
        b"},{",
    ];
    crate::testing::fuzz::fuzz("answers to GetRecords", &seeds, words, |bytes| {
        let read = by_us(bytes).map(|answer| (answer.records.len(), answer.next_shard_iterator.is_some()));
        same(bytes);
        read.map_err(|error| error.to_string().chars().take(60).collect::<String>())
    });
}

#[test]
fn random_answers() {
    for seed in 0..4_000 {
        let body = Writer::answer(seed);
        let value: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(same(body.as_bytes()).is_some(), value.get("Records").is_some(), "seed {seed}: {body}");
    }
}

/// Bytes that are other than they were, gone, or there twice.
#[test]
fn random_damage() {
    for seed in 0..4_000 {
        let mut random = Random(seed);
        let mut body = Writer::answer(seed).into_bytes();
        for _ in 0..1 + random.below(4) {
            let (from, length) = (random.below(body.len()), random.below(4));
            let to = (from + length).min(body.len());
            match random.below(4) {
                0 => body[from] = random.below(256) as u8,
                1 => body[from] = *random.of(b"{}[]\",:\\0n "),
                2 => drop(body.drain(from..to)),
                _ => body.extend_from_within(from..to),
            }
            if body.is_empty() {
                break;
            }
        }
        if !body.trim_ascii().is_empty() {
            same(&body);
        }
    }
}

struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % limit.max(1)
    }

    fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}

/// Writes answers as no server would, but as JSON allows.
struct Writer(Random, String);

/// The name of a member, and what writes its value.
type Member<'a> = (&'a str, fn(&mut Writer));

impl Writer {
    fn answer(seed: u64) -> String {
        let mut writer = Self(Random(seed), String::new());
        writer.object(&[
            ("Records", |writer| writer.list(40, Self::record)),
            ("NextShardIterator", Self::text),
            ("MillisBehindLatest", Self::whole_number),
            ("ChildShards", |writer| writer.list(3, Self::child)),
        ]);
        writer.1
    }

    fn record(&mut self) {
        self.object(&[
            ("SequenceNumber", Self::text),
            ("ApproximateArrivalTimestamp", Self::time),
            ("Data", Self::payload),
            ("PartitionKey", Self::text),
            ("EncryptionType", |writer| writer.1 += *writer.0.of(&["\"NONE\"", "\"KMS\"", "\"NEW\""])),
        ]);
    }

    fn child(&mut self) {
        self.object(&[
            ("ShardId", Self::text),
            ("ParentShards", |writer| writer.list(3, Self::text)),
            ("HashKeyRange", |writer| {
                writer.object(&[("StartingHashKey", Self::text), ("EndingHashKey", Self::text)]);
            }),
        ]);
    }

    fn blank(&mut self) {
        if self.0.below(4) == 0 {
            self.1 += *self.0.of(&[" ", "\n", "\t\r\n  "]);
        }
    }

    /// In any order, with some missing, some null, some twice, and some that nobody knows.
    fn object(&mut self, members: &[Member<'_>]) {
        self.blank();
        self.1 += "{";
        let from = self.0.below(members.len());
        let mut comma = "";
        for at in 0..members.len() + self.0.below(3) {
            let (name, value) = members[(from + at) % members.len()];
            let choice = self.0.below(20);
            if choice == 0 {
                continue;
            }
            self.1 += std::mem::replace(&mut comma, ",");
            self.blank();
            match choice {
                1 => self.1 += "\"New\"",
                2 => self.1 += &format!("\"\\u{:04x}{}\"", name.as_bytes()[0], &name[1..]),
                _ => self.1 += &format!("\"{name}\""),
            }
            self.blank();
            self.1 += ":";
            self.blank();
            match choice {
                1 => self.anything(3),
                3 if name != "Records" => self.1 += "null",
                _ => value(self),
            }
            self.blank();
        }
        self.1 += "}";
    }

    fn list(&mut self, most: usize, element: fn(&mut Self)) {
        self.1 += "[";
        for at in 0..self.0.below(most + 1) {
            self.1 += if at > 0 { "," } else { "" };
            self.blank();
            element(self);
            self.blank();
        }
        self.1 += "]";
    }

    fn anything(&mut self, depth: usize) {
        match self.0.below(if depth == 0 { 4 } else { 6 }) {
            0 => self.text(),
            1 => self.1 += *self.0.of(&["true", "false", "null", "-0.5e-7", "12"]),
            2 => self.whole_number(),
            3 => self.payload(),
            4 => {
                self.1 += "[";
                self.anything(depth - 1);
                self.1 += ",";
                self.anything(depth - 1);
                self.1 += "]";
            }
            _ => {
                self.1 += "{\"Records\":";
                self.anything(depth - 1);
                self.1 += "}";
            }
        }
    }

    fn text(&mut self) {
        let parts = [
            "a",
            "shardId-000000000000",
            "\\\"",
            "\\\\",
            "\\/",
            "\\n",
            "\\u00e4",
            "\\ud83d\\ude00",
            "ä",
            "😀",
            "}",
            ",",
        ];
        self.1 += "\"";
        for _ in 0..self.0.below(6) {
            self.1 += *self.0.of(&parts);
        }
        self.1 += "\"";
    }

    fn payload(&mut self) {
        let data: Vec<u8> = (0..self.0.below(120)).map(|_| self.0.below(256) as u8).collect();
        let text = aws_smithy_types::base64::encode(&data);
        let text = if self.0.below(10) == 0 { text.replace('/', "\\/") } else { text };
        self.1 += &format!("\"{text}\"");
    }

    fn whole_number(&mut self) {
        self.1 += *self.0.of(&["0", "1", "-1", "1234567890123", "9223372036854775807"]);
    }

    fn time(&mut self) {
        let (seconds, nanos) = (self.0.below(4_000_000_000), self.0.below(1_000_000_000));
        self.1 += &match self.0.below(8) {
            0 => seconds.to_string(),
            1 => format!("{}e-3", seconds * 1_000 + nanos % 1_000),
            2 => format!("{seconds}.{:06}", nanos / 1_000),
            _ => format!("{seconds}.{:03}", nanos / 1_000_000),
        };
    }
}
