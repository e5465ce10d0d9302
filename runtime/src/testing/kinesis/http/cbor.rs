//! CBOR, as SDKs that prefer it send it: read into JSON and written from JSON, so that the operations know only one.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Number, Value};

/// So that a body of open brackets is no deep recursion.
const DEPTH: usize = 32;

/// JSON of CBOR: bytes become base64, a time becomes seconds. `None` if it is no CBOR.
pub(super) fn to_json(cbor: &[u8]) -> Option<Vec<u8>> {
    let mut reader = Reader(cbor);
    let value = reader.item(DEPTH)?;
    reader.0.is_empty().then(|| value.to_string().into_bytes())
}

/// CBOR of the JSON of an answer: `Data` becomes bytes, a `..Timestamp` becomes milliseconds.
pub(super) fn from_json(json: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(json.len());
    // What the server has written can be read.
    write(&mut out, "", &serde_json::from_slice(json).unwrap_or_default());
    out
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    /// The major type of the next item, its five bits, and the number they stand for; none if it has no length.
    fn head(&mut self) -> Option<(u8, u8, Option<u64>)> {
        let first = *self.take(1)?.first()?;
        let (major, bits) = (first >> 5, first & 31);
        let number = match bits {
            0..=23 => Some(u64::from(bits)),
            24..=27 => {
                let bytes = self.take(1 << (bits - 24))?;
                Some(bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
            }
            31 => None,
            _ => return None,
        };
        Some((major, bits, number))
    }

    /// Takes the byte that ends what has no length, if it is next.
    fn ends(&mut self) -> bool {
        let ends = self.0.first() == Some(&0xFF);
        if ends {
            self.0 = self.0.get(1..).unwrap_or_default();
        }
        ends
    }

    /// The bytes of a text or of bytes, of one piece or of several.
    fn bytes(&mut self, number: Option<u64>) -> Option<Vec<u8>> {
        let Some(length) = number else {
            let mut all = Vec::new();
            while !self.ends() {
                let (_, _, length) = self.head()?;
                all.extend_from_slice(self.take(usize::try_from(length?).ok()?)?);
            }
            return Some(all);
        };
        self.take(usize::try_from(length).ok()?).map(<[u8]>::to_vec)
    }

    fn item(&mut self, depth: usize) -> Option<Value> {
        let depth = depth.checked_sub(1)?;
        let (major, bits, number) = self.head()?;
        Some(match major {
            0 => Value::from(number?),
            1 => Value::from(-1 - i64::try_from(number?).ok()?),
            2 => Value::from(STANDARD.encode(self.bytes(number)?)),
            3 => Value::from(String::from_utf8(self.bytes(number)?).ok()?),
            4 => {
                let mut items = Vec::new();
                while number.map_or_else(|| !self.ends(), |number| (items.len() as u64) < number) {
                    items.push(self.item(depth)?);
                }
                Value::from(items)
            }
            5 => {
                let (mut members, mut count) = (Map::new(), 0);
                while number.map_or_else(|| !self.ends(), |number| count < number) {
                    let Value::String(name) = self.item(depth)? else { return None };
                    members.insert(name, self.item(depth)?);
                    count += 1;
                }
                Value::from(members)
            }
            // The tag of a time in milliseconds, where a standard CBOR has seconds.
            6 if number == Some(1) => Value::from(self.item(depth)?.as_f64()? / 1_000.0),
            6 => self.item(depth)?,
            _ => match bits {
                20 | 21 => Value::from(bits == 21),
                22 | 23 => Value::Null,
                26 => Value::from(f64::from(f32::from_bits(u32::try_from(number?).ok()?))),
                27 => Value::from(f64::from_bits(number?)),
                _ => return None,
            },
        })
    }
}

fn head(out: &mut Vec<u8>, major: u8, number: u64) {
    let major = major << 5;
    match number {
        0..=23 => out.push(major | number as u8),
        24..=0xFF => out.extend([major | 24, number as u8]),
        0x100..=0xFFFF => {
            out.push(major | 25);
            out.extend((number as u16).to_be_bytes());
        }
        0x1_0000..=0xFFFF_FFFF => {
            out.push(major | 26);
            out.extend((number as u32).to_be_bytes());
        }
        _ => {
            out.push(major | 27);
            out.extend(number.to_be_bytes());
        }
    }
}

/// Writes the value of the member `name`.
fn write(out: &mut Vec<u8>, name: &str, value: &Value) {
    match value {
        Value::Null => out.push(0xF6),
        Value::Bool(value) => out.push(if *value { 0xF5 } else { 0xF4 }),
        Value::Number(value) => write_number(out, name, value),
        Value::String(text) => {
            let bytes = (name == "Data").then(|| STANDARD.decode(text).ok()).flatten();
            match bytes {
                Some(bytes) => {
                    head(out, 2, bytes.len() as u64);
                    out.extend(bytes);
                }
                None => {
                    head(out, 3, text.len() as u64);
                    out.extend(text.bytes());
                }
            }
        }
        Value::Array(items) => {
            head(out, 4, items.len() as u64);
            items.iter().for_each(|item| write(out, "", item));
        }
        Value::Object(members) => {
            // A member without a value is left out, as in JSON's `null`.
            let members = || members.iter().filter(|(_, value)| !value.is_null());
            head(out, 5, members().count() as u64);
            for (name, value) in members() {
                head(out, 3, name.len() as u64);
                out.extend(name.bytes());
                write(out, name, value);
            }
        }
    }
}

fn write_number(out: &mut Vec<u8>, name: &str, number: &Number) {
    if name.ends_with("Timestamp") {
        let millis = (number.as_f64().unwrap_or_default() * 1_000.0).round() as i64;
        head(out, 6, 1);
        head(out, 0, millis.unsigned_abs());
    } else if let Some(number) = number.as_u64() {
        head(out, 0, number);
    } else if let Some(number) = number.as_i64() {
        head(out, 1, number.unsigned_abs() - 1);
    } else {
        out.push(0xFB);
        out.extend(number.as_f64().unwrap_or_default().to_be_bytes());
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that fails is meant to panic")]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn there_and_back() {
        let value = json!({
            "Data": "aGVsbG8=", "Name": "aGVsbG8=", "ApproximateArrivalTimestamp": 1_700_000_000.123, "n": [0, 23, 24, 255,
            256, 65_535, 65_536, 4_294_967_295_u64, 4_294_967_296_u64, -1, -500, 1.5, true, false], "none": null,
        });
        let mut expected = value.clone();
        expected.as_object_mut().unwrap().remove("none");
        let cbor = from_json(value.to_string().as_bytes());
        assert!(cbor.windows(6).any(|bytes| bytes == b"\x45hello"));
        let back: Value = serde_json::from_slice(&to_json(&cbor).unwrap()).unwrap();
        assert_eq!(back, expected);
        // Nothing that is cut is read, and nothing panics.
        assert!((0..cbor.len()).all(|end| to_json(&cbor[..end]).is_none()));
        assert_eq!(to_json(&[0x81; 10_000]), None);
    }

    #[test]
    fn lengths_may_be_left_open() {
        let open = b"\xBF\x61a\x9F\x01\x02\xFF\x61b\x7F\x61x\x61y\xFF\xFF";
        assert_eq!(to_json(open).unwrap(), br#"{"a":[1,2],"b":"xy"}"#);
    }

    #[test]
    fn fuzz_cbor() {
        let seeds: &[&[u8]] = &[
            b"\xa2\x64Data\x43abc\x61n\x18\x2a",
            b"\xbf\x61a\x9f\x01\x20\xf6\xf5\xff\xff",
            b"\xc1\xfb\x41\xd9\x53\x00\x00\x00\x00\x00",
        ];
        let words: &[&[u8]] =
            &[b"\x5f", b"\xff", b"\x1b\xff\xff\xff\xff\xff\xff\xff\xff", b"\x9f", b"\xf9\x7e\x00", b"\xc1"];
        crate::testing::fuzz::fuzz("cbor", seeds, words, |bytes| {
            let json = to_json(bytes)?;
            // What was read can be written.
            from_json(&json);
            Some(json.len())
        });
    }
}
