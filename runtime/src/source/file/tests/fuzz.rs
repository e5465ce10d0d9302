//! Positions of files, as a checkpoint has them.

use super::super::position::{Position, Serial, parse, write};
use crate::testing::fuzz::fuzz;

#[test]
fn fuzz_positions_of_files() {
    let seeds: &[&[u8]] = &[
        br#"{"offset":12,"len":34,"mtime":-5,"head":"12:00ff","done":true}"#,
        br#"{"file":"a","files":3,"before":9,"offset":1}"#,
    ];
    let words: &[&[u8]] =
        &[b"18446744073709551616", b"-1", b"null", b"\"offset\":", b"\"head\":", b"1.5", b"{}", b"[]"];
    fuzz("positions of files", seeds, words, |bytes| {
        let Ok(value) = serde_json::from_slice(bytes) else { return 0 };
        let (one, serial) = (parse::<Position>("f", &value), parse::<Serial>("f", &value));
        if let Ok(position) = &one {
            assert_eq!(parse::<Position>("f", &write(position)).unwrap(), *position);
        }
        if let Ok(position) = &serial {
            assert_eq!(parse::<Serial>("f", &write(position)).unwrap(), *position);
        }
        1 + u8::from(one.is_ok()) + 2 * u8::from(serial.is_ok())
    });
}
