//! The input: files of readings with everything in them that happens to readings.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use crate::random::Random;

/// How a partition's clock goes: its share of the rows in percent, where it begins in seconds, milliseconds from one row to
/// the next. They drift apart, and the slowest is not always the same.
const CLOCKS: [(u64, i64, i64); 4] = [(40, 0, 36), (30, 90, 40), (20, -400, 44), (10, 600, 30)];

/// Everything below is JSON as it stands in a record.
const DEVICES: [&str; 12] = [
    r#""pump-1""#,
    r#""pump-2""#,
    r#""pump-10""#,
    r#""Pump-1""#,
    r#""sens\u00f6r-3""#,
    r#""sensör-4""#,
    r#""温度-5""#,
    r#""say \"six\"""#,
    r#""back\\slash\/7""#,
    r#""\ud83d\ude80 8""#,
    r#""tab\t9""#,
    r#""""#,
];
const COUNTRIES: [&str; 6] = [r#""DE""#, r#""Österreich""#, r#""\u65e5\u672c""#, r#""""#, r#""a/b=c""#, "null"];
const NOTES: [&str; 8] =
    ["calm ", "Calm ", r"na\u00efve ", "Grüße № ", r#"\"quoted\" "#, r"line\none ", r"\uD83D\uDE80\u00a0", "日本"];
const STATUSES: [&str; 8] = ["ok", "ok", "ok", "ok", "worn_out", "alarm", "alarm", "retired"];

/// Writes `rows` records into four files; gives the malformed ones, in no order.
pub(super) fn generate(folder: &Path, rows: u64) -> Vec<String> {
    let (mut malformed, seed) = (Vec::new(), crate::seed());
    let mut left = rows;
    for (partition, &(percent, start, step)) in CLOCKS.iter().enumerate() {
        let count = if partition + 1 == CLOCKS.len() { left } else { rows * percent / 100 + partition as u64 };
        left -= count;
        let mut random = Random(seed.wrapping_mul(16) + partition as u64);
        let mut out =
            BufWriter::with_capacity(1 << 20, File::create(folder.join(format!("part-{partition}.ndjson"))).unwrap());
        let mut before = (0, DEVICES[0], COUNTRIES[0]);
        for row in 0..count as i64 {
            if !random.in_thousand(30) || row == 0 {
                let mut micros = (start * 1_000 + row * step) * 1_000 + random.between(-60_000_000, 60_000_000);
                if random.in_thousand(20) {
                    micros -= random.between(0, 2_400_000_000);
                }
                // No two partitions share an instant, so that `first` and `last` have one answer.
                before =
                    (micros - micros.rem_euclid(4) + partition as i64, random.pick(&DEVICES), random.pick(&COUNTRIES));
            }
            let (mut text, wrong) = reading(&mut random, before);
            if wrong {
                malformed.push(text.clone());
            }
            text.push('\n');
            out.write_all(text.as_bytes()).unwrap();
        }
        out.flush().unwrap();
    }
    malformed
}

/// A record, and whether it is malformed.
fn reading(random: &mut Random, (micros, device, country): (i64, &str, &str)) -> (String, bool) {
    let status = random.pick(&STATUSES);
    let hundredths = if random.in_thousand(20) { -4_000 } else { random.between(-3_400, 6_000) };
    let temperature = match random.below(8) {
        0 => format!("{}", hundredths / 100),
        1 => format!("{hundredths}e-2"),
        _ => {
            format!("{}{}.{:02}", if hundredths < 0 { "-" } else { "" }, hundredths.abs() / 100, hundredths.abs() % 100)
        }
    };
    let mut fields = vec![
        ("ts", time(micros, random.in_thousand(100))),
        ("dev", device.to_owned()),
        ("country", country.to_owned()),
        ("status", format!("\"{status}\"")),
        ("temperature", temperature),
        ("humidity", maybe(random, |random| format!("0.{:03}", random.below(1_000)))),
        ("steps", random.between(-1_000_000_000_000_000, 9_000_000_000_000_000).to_string()),
        ("errors", maybe(random, |random| random.below(1 << 32).to_string())),
        ("note", format!("\"{}{}\"", random.pick(&NOTES), random.below(1_000))),
        ("location", {
            let floor = maybe(random, |random| random.between(-32_768, 32_768).to_string());
            format!(r#"{{"lat":{}.25,"lon":{}.5,"floor":{floor}}}"#, random.between(-89, 89), random.below(180))
        }),
        ("price", {
            let units = random.between(-50_000, 1_000_000_000);
            let sign = if units < 0 { "-" } else { "" };
            let price = format!("{sign}{}.{:04}", units.abs() / 10_000, units.abs() % 10_000);
            if random.in_thousand(300) { format!("\"{price}\"") } else { price }
        }),
        ("took", maybe(random, |random| format!("\"{}ms\"", random.below(100_000)))),
        // Nobody uses it, so it may be anything.
        ("serial", random.pick(&["17", "\"seventeen\"", "null", "[1, {\"x\": -0.0}]"]).to_owned()),
    ];
    // An absent field means the same as a null in an optional column.
    if random.in_thousand(500) {
        fields.retain(|(name, value)| value != "null" || *name == "serial");
    }
    let wrong = random.in_thousand(15);
    let fault = if wrong { random.below(20) } else { 20 };
    let swap = match fault {
        0 => Some(("temperature", "\"21.5\"")),
        1 => Some(("steps", "1.5")),
        2 => Some(("steps", "9223372036854775808")),
        3 => Some(("status", "\"melted\"")),
        4 => Some(("location", "null")),
        5 => Some(("location", r#"{"lon":1.0}"#)),
        6 => Some(("location", r#"{"lat":1.0,"lon":1.0,"floor":40000}"#)),
        7 => Some(("dev", "17")),
        8 => Some(("errors", "-1")),
        9 => Some(("errors", "4294967296")),
        10 => Some(("ts", "\"soon\"")),
        11 => Some(("humidity", "true")),
        12 => Some(("note", "null")),
        17 => Some(("price", "1.00001")),
        18 => Some(("price", "\"12,5\"")),
        19 => Some(("took", "\"12 ms\"")),
        _ => None,
    };
    if let Some((name, value)) = swap {
        fields.retain(|(field, _)| *field != name);
        fields.push((name, value.to_owned()));
    }
    if fault == 13 {
        let name = random.pick(&["ts", "dev", "status", "temperature", "steps", "note", "location"]);
        fields.retain(|(field, _)| *field != name);
    }
    let turn = random.below(fields.len() as u64) as usize;
    fields.rotate_left(turn);
    let space = if random.in_thousand(200) { " " } else { "" };
    let mut text = String::with_capacity(256);
    for (name, value) in &fields {
        text.push_str(if text.is_empty() { "{" } else { "," });
        text.extend([space, "\"", name, "\":", space, value]);
    }
    text.push('}');
    match fault {
        14 => {
            let end = 1 + random.below(text.len() as u64 - 1) as usize;
            text.truncate(text.floor_char_boundary(end));
        }
        15 => text.push_str(" x"),
        16 => text = " ".to_owned(),
        _ => {}
    }
    (text, wrong)
}

fn maybe(random: &mut Random, value: impl Fn(&mut Random) -> String) -> String {
    if random.in_thousand(150) { "null".to_owned() } else { value(random) }
}

/// RFC 3339, in UTC or two hours east of it.
fn time(micros: i64, east: bool) -> String {
    let (micros, zone) = if east { (micros + 7_200_000_000, "+02:00") } else { (micros, "Z") };
    // Counted from the midnight before the first row, in a month that is longer than any run.
    let micros = micros + 22 * 3_600_000_000;
    let (secs, micros) = (micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000));
    let (day, hour, minute, second) = (9 + secs / 86_400, secs / 3_600 % 24, secs / 60 % 60, secs % 60);
    format!("\"2025-03-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}{zone}\"")
}
