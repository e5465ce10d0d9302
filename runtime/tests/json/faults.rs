//! What a fault says, limits, and that one record never changes another.

use millstream::time::{Date, Timestamp};

use super::*;

#[track_caller]
fn fault(payload: &str) -> (String, String, usize) {
    let fault = decode::<Doc>(payload.as_bytes()).unwrap_err();
    (fault.code().to_owned(), fault.column().to_owned(), fault.offset())
}

#[test]
fn a_fault_names_code_column_and_offset() {
    let at = |code: &str, column: &str, offset| (code.to_owned(), column.to_owned(), offset);
    assert_eq!(fault(""), at("EMPTY", "", 0));
    assert_eq!(fault(" \n"), at("EMPTY", "", 2));
    assert_eq!(fault("{\"s\":1}"), at("TYPE", "s", 5));
    assert_eq!(fault("{\"s\":null}"), at("TYPE", "s", 5));
    assert_eq!(fault("{\"i\":1.0}"), at("TYPE", "i", 5));
    assert_eq!(fault("{\"i\":\"1\"}"), at("TYPE", "i", 5));
    assert_eq!(fault("{\"i\": 9223372036854775808}"), at("RANGE", "i", 6));
    assert_eq!(fault("{\"u\":-1}"), at("RANGE", "u", 5));
    assert_eq!(fault("{\"n\":128}"), at("RANGE", "n", 5));
    assert_eq!(fault("{\"f\":1e400}"), at("RANGE", "f", 5));
    assert_eq!(fault("{\"p\":{\"x\":true}}"), at("TYPE", "p.x", 10));
    assert_eq!(fault("{\"p\":{}}"), at("MISSING", "p.x", 7));
    assert_eq!(fault("{\"o\":\"\"}"), at("MISSING", "s", 8));
    assert_eq!(fault("{\"s\":\"\",\"s\":\"\"}"), at("DUPLICATE", "s", 8));
    assert_eq!(fault("{\"s\":\"\"} x"), at("JSON_SYNTAX", "", 9));
    assert_eq!(fault("{\"s\":\"\"}{}"), at("JSON_SYNTAX", "", 8));
    assert_eq!(fault("{\"s\":\"\",}"), at("JSON_SYNTAX", "", 8));
    assert_eq!(fault("{\"s\":\"ab"), at("JSON_SYNTAX", "s", 8));
    assert_eq!(fault("{\"s\":\"\\ud800\"}"), at("JSON_SYNTAX", "s", 6));
    assert_eq!(fault("[{}]"), at("TYPE", "", 0));
    assert_eq!(fault("{\"m\":{\"a\":1,\"a\":2}}").0, "TYPE");
    let text = decode::<Doc>(b"{\"i\":true}").unwrap_err().to_string();
    assert_eq!(text, "column `i`: expected an integer, found a bool at byte 5 (TYPE)");
}

#[test]
fn f_033_depth_is_limited_whether_read_or_skipped() {
    let nested = |levels: usize| format!("{{\"s\":\"\",\"z\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
    assert!(decode::<Doc>(nested(63).as_bytes()).is_ok());
    assert_eq!(fault(&nested(64)), ("LIMIT".to_owned(), String::new(), 8 + 4 + 63));
    assert_eq!(decode::<Doc>("[".repeat(1_000_000).as_bytes()).unwrap_err().code(), "TYPE");
    let bomb = format!("{{\"z\":{}", "{\"a\":[".repeat(1_000_000));
    assert_eq!(decode::<Doc>(bomb.as_bytes()).unwrap_err().code(), "LIMIT");
    let deep = json().max_depth(1_000).decoder::<Doc, All>();
    assert!(decode_with::<Doc, _>(&deep, nested(127).as_bytes(), &Arena::new()).is_ok());
    assert!(decode_with::<Doc, _>(&deep, nested(128).as_bytes(), &Arena::new()).is_err());
    let shallow = json().max_depth(1).decoder::<Doc, All>();
    assert!(decode_with::<Doc, _>(&shallow, b"{\"s\":\"\"}", &Arena::new()).is_ok());
    assert!(decode_with::<Doc, _>(&shallow, b"{\"s\":\"\",\"l\":[]}", &Arena::new()).is_err());
}

#[test]
fn lengths_are_limited_whether_read_or_skipped() {
    let small = json().max_string(4).max_record(60).decoder::<Doc, All>();
    let code = |payload: &str| match decode_with::<Doc, _>(&small, payload.as_bytes(), &Arena::new()) {
        Ok(_) => "",
        Err(fault) => fault.code(),
    };
    assert_eq!(code("{\"s\":\"1234\"}"), "");
    assert_eq!(code("{\"s\":\"12345\"}"), "LIMIT");
    assert_eq!(code("{\"s\":\"12\\n\"}"), "");
    assert_eq!(code("{\"s\":\"123\\n\"}"), "LIMIT");
    assert_eq!(code("{\"s\":\"\",\"z\":\"12345\"}"), "LIMIT");
    assert_eq!(code("{\"s\":\"\",\"z\":[\"1234\"]}"), "");
    assert_eq!(code("{\"s\":\"\",\"12345\":0}"), "LIMIT");
    assert_eq!(code(&format!("{{\"s\":\"\"{}}}", " ".repeat(60))), "LIMIT");
    let items = format!("{{\"s\":\"\",\"l\":[{}0]}}", "0,".repeat(1_000_000));
    assert_eq!(fault(&items).0, "LIMIT");
    let fields = format!("{{\"s\":\"\"{}}}", ",\"z\":0".repeat(10_000));
    assert_eq!(fault(&fields).0, "LIMIT");
}

#[test]
fn unused_fields_are_checked_for_syntax_only_unless_strict() {
    let (arena, payload) = (Arena::new(), b"{\"s\":\"x\",\"i\":\"no integer\",\"f\":1e400,\"p\":[]}");
    let row = decode_with::<Doc, _>(&json().decoder::<Doc, OnlyS>(), payload, &arena).unwrap();
    assert_eq!((row.s.as_str(), row.i), ("x", None));
    let strict = json().strict().decoder::<Doc, OnlyS>();
    assert_eq!(decode_with::<Doc, _>(&strict, payload, &arena).unwrap_err().column(), "i");
    for broken in
        ["{\"s\":\"\",\"i\":01}", "{\"s\":\"\",\"i\":tru}", "{\"s\":\"\",\"i\":[1,]}", "{\"s\":\"\",\"i\":\"\\q\"}"]
    {
        let fault = decode_with::<Doc, _>(&json().decoder::<Doc, OnlyS>(), broken.as_bytes(), &arena).unwrap_err();
        assert_eq!(fault.code(), "JSON_SYNTAX", "{broken}");
    }
    assert_eq!(Format::describe(&json().lines().strict()), "json(lines, strict)");
}

#[test]
fn f_032_a_bad_record_never_changes_the_next_one() {
    let good = b"{\"s\":\"a\\nb\",\"t\":[\"x\",null],\"m\":{\"k\":1},\"i\":5}";
    let expected = decode::<Doc>(good).unwrap();
    let (decoder, arena, mut scratch) = (json().lines().decoder::<Doc, All>(), Arena::new(), Default::default());
    let single = json().decoder::<Doc, All>();
    for cut in 0..good.len() {
        for damage in [&b""[..], b"\"", b"\\", b"[[[[", b"\xff"] {
            let bad = [&good[..cut], damage].concat();
            let mut at = 0;
            let _ = single.next(&bad, &mut at, &arena, &mut scratch);
            assert_eq!(decode_with::<Doc, _>(&single, good, &arena).unwrap(), expected);
            let mut at = 0;
            let _ = decoder.next(&bad, &mut at, &arena, &mut scratch);
            let mut at = 0;
            let row = decoder.next(good, &mut at, &arena, &mut scratch).unwrap().unwrap();
            assert_eq!(Doc::own(row), expected);
        }
    }
}

#[test]
fn f_041_several_documents_in_a_record() {
    let names = |payload: &str| {
        let (rows, fault) = lines(payload.as_bytes());
        (
            rows.into_iter().map(|row| row.s).collect::<Vec<_>>().join("|"),
            fault.map(|fault| (fault.code(), fault.offset())),
        )
    };
    assert_eq!(names("{\"s\":\"a\"}\n{\"s\":\"b\"}\r\n\n{\"s\":\"c\"}\n"), ("a|b|c".to_owned(), None));
    assert_eq!(names("{\"s\":\"a\"}{\"s\":\"b\"} {\"s\":\"c\"}"), ("a|b|c".to_owned(), None));
    assert_eq!(names("{\n \"s\":\n \"a\"\n}\n{\"s\":\"b\"\n}"), ("a|b".to_owned(), None));
    assert_eq!(names("{\"s\":\"a\"}\n{\"s\":1}\n{\"s\":\"c\"}"), ("a|c".to_owned(), Some(("TYPE", 15))));
    assert_eq!(names("{\"s\":\n{\"s\":\"c\"}"), ("c".to_owned(), Some(("TYPE", 6))));
    assert_eq!(names("{\n \"s\": 1,\n \"m\":\n {\"k\": 1}\n}\n{\"s\":\"c\"}"), ("c".to_owned(), Some(("TYPE", 8))));
    assert_eq!(names("{\"s\":\"a\"},{\"s\":\"b\"}"), ("a".to_owned(), Some(("JSON_SYNTAX", 9))));
    assert_eq!(names(" \n"), (String::new(), Some(("EMPTY", 2))));
    assert_eq!(names("{\"s\":\"a\"}\n{\"s\":"), ("a".to_owned(), Some(("JSON_SYNTAX", 15))));
    // Lines longer than any window, and windows that end within a character.
    let long = "\u{20ac}".repeat(5_000);
    let payload = format!("{{\"s\":\"{long}\"}}\n{{\"s\":\"b\"}}{{\"s\":\"{long}\"}}").repeat(3);
    assert_eq!(lines(payload.as_bytes()).0.len(), 9);
    // Linear also without a line break.
    let many = "{\"s\":\"\"}".repeat(100_000);
    assert_eq!(lines(many.as_bytes()).0.len(), 100_000);
    let (rows, fault) = lines(&[many.as_bytes(), b"{\"s\":\"\xff\"}"].concat());
    let fault = fault.unwrap();
    assert_eq!((fault.code(), fault.offset()), ("UTF8", many.len() + 6));
    assert!(rows.len() > 99_000);
}

schema!(Times TimesView { 0 "at" at: Option<Timestamp>, 1 "day" day: Option<Date>, 2 "data" data: Option<Vec<u8>> });

#[test]
fn times_and_bytes_are_strings() {
    let row = decode::<Times>(br#"{"at":"2026-01-02T03:04:05.678Z","day":"2026-01-02","data":"aGVsbG8="}"#).unwrap();
    assert_eq!(row.at, Timestamp::parse_rfc3339("2026-01-02T03:04:05.678Z"));
    assert_eq!(row.day, Date::parse("2026-01-02"));
    assert_eq!(row.data.as_deref(), Some(&b"hello"[..]));
    for (text, bytes) in
        [("", Some(&b""[..])), ("AA==", Some(&[0])), ("/+8=", Some(&[0xff, 0xef])), ("AAEC", Some(&[0, 1, 2]))]
            .into_iter()
            .chain(
                ["A", "AA", "AA=", "AB==", "A===", "====", "AA==AA==", "AA=A", "_-8=", "AA A"].map(|text| (text, None)),
            )
    {
        let decoded = decode::<Times>(format!("{{\"data\":\"{text}\"}}").as_bytes());
        assert_eq!(decoded.ok().and_then(|row| row.data).as_deref(), bytes, "{text}");
    }
    for bad in ["{\"at\":\"yesterday\"}", "{\"at\":\"2026-01-02T03:04:05\"}", "{\"at\":1}", "{\"day\":\"2026-02-30\"}"]
    {
        assert_eq!(decode::<Times>(bad.as_bytes()).unwrap_err().code(), "TYPE", "{bad}");
    }
}

#[test]
fn rows_borrow_from_the_payload_and_cost_no_memory() {
    let (arena, decoder, mut at) = (Arena::new(), json().decoder::<Doc, All>(), 0);
    let payload = b"{\"s\":\"plain\",\"i\":1,\"f\":2.5,\"p\":{\"x\":1},\"z\":[1,2,{\"a\":\"b\\n\"}]}".to_vec();
    let row = decoder.next(&payload, &mut at, &arena, &mut Default::default()).unwrap().unwrap();
    assert!(payload.as_ptr_range().contains(&row.s.as_ptr()));
    assert_eq!(arena.allocated_bytes(), 0);
}

/// Numbers are taken as they are or not at all: nothing is rounded to an integer, wrapped or held at a limit.
#[test]
fn f_035_numbers_are_exact_or_faults() {
    let code = |column: &str, text: &str| match decode::<Doc>(format!("{{\"s\":\"\",\"{column}\":{text}}}").as_bytes())
    {
        Ok(_) => "",
        Err(fault) => fault.code(),
    };
    for (column, text, expected) in [
        ("i", "9223372036854775807", ""),
        ("i", "-9223372036854775808", ""),
        ("i", "9223372036854775808", "RANGE"),
        ("i", "12345678901234567890", "RANGE"),
        ("i", "1e3", "TYPE"),
        ("i", "1.0", "TYPE"),
        ("i", "-0", "TYPE"),
        ("u", "18446744073709551615", ""),
        ("u", "18446744073709551616", "RANGE"),
        ("u", "-1", "RANGE"),
        ("n", "127", ""),
        ("n", "128", "RANGE"),
        ("n", "-129", "RANGE"),
        ("f", "1e308", ""),
        ("f", "1e400", "RANGE"),
        ("f", "-1e400", "RANGE"),
        ("f", "-0.0", ""),
    ] {
        assert_eq!(code(column, text), expected, "`{column}`: {text}");
    }
    // What is no number of JSON is none here.
    for text in ["01", "+1", "0x1", "1.", ".5", "1e", "00.5", "NaN", "Infinity", "-", "1_000"] {
        for column in ["i", "f"] {
            assert!(matches!(code(column, text), "JSON_SYNTAX" | "TYPE"), "`{column}`: {text}");
        }
    }
}

/// Marks of byte order and UTF-16 are no JSON; an escaped NUL is text, a bare one is not.
#[test]
fn f_034_other_encodings_are_faults() {
    let code = |payload: &[u8]| decode::<Doc>(payload).map_or_else(|fault| fault.code(), |_| "");
    assert_eq!(code(b"\xef\xbb\xbf{\"s\":\"\"}"), "JSON_SYNTAX");
    let utf_16 = |order: fn(u16) -> [u8; 2]| "{\"s\":\"\"}".encode_utf16().flat_map(order).collect::<Vec<_>>();
    assert_ne!(code(&utf_16(u16::to_le_bytes)), "");
    assert_ne!(code(&utf_16(u16::to_be_bytes)), "");
    assert_eq!(code(b"{\"s\":\"a\\u0000b\"}"), "");
    assert_ne!(code(b"{\"s\":\"a\0b\"}"), "");
    for lone in ["\\ud800", "\\udc00", "\\ud800\\ud800", "\\ud800x"] {
        assert_eq!(code(format!("{{\"s\":\"{lone}\"}}").as_bytes()), "JSON_SYNTAX", "{lone}");
    }
}

/// A minute of 61 seconds has its last one; one of 62 is no time.
#[test]
fn f_052_leap_seconds() {
    let at = |text: &str| decode::<Times>(format!("{{\"at\":\"{text}\"}}").as_bytes()).ok().and_then(|row| row.at);
    let leap = at("2016-12-31T23:59:60Z").unwrap();
    assert!(leap >= at("2016-12-31T23:59:59Z").unwrap() && leap <= at("2017-01-01T00:00:00Z").unwrap(), "{leap}");
    assert!(at("2016-12-31T23:59:60.999Z").is_some());
    assert_eq!(at("2016-12-31T23:59:61Z"), None);
}
