//! Documents that are written like the one before, or nearly so: the decoder tries the keys of the one before first.

use super::differential::Both;
use super::*;

/// Documents with keys of all lengths, so that they and what follows them begin and end at every place of a word.
fn document(len: usize, behind_colon: &str, behind_comma: &str) -> String {
    let key = "k".repeat(len);
    format!(
        "{{\"{key}\":{behind_colon}[1,{{\"s\":2}}],{behind_comma}\"s\":{behind_colon}\"{}\",{behind_comma}\
         \"f\":{behind_colon}-{}.{},{behind_comma}\"é{key}\":{behind_colon}null,{behind_comma}\
         \"p\":{behind_colon}{{\"x\":{behind_colon}{len}}},{behind_comma}\"u\":{behind_colon}{}}}",
        "é".repeat(len),
        "7".repeat(1 + len % 19),
        "3".repeat(1 + len % 23),
        "1".repeat(1 + len % 20),
    )
}

#[test]
fn keys_and_values_of_every_length() {
    let mut both = Both::new();
    for (behind_colon, behind_comma) in [("", ""), (" ", " "), ("", "\n  "), ("\t ", "")] {
        for len in 0..40 {
            let one = document(len, behind_colon, behind_comma);
            both.check(one.as_bytes());
            both.check(one.as_bytes());
            // Another one in between, to be forgotten again.
            both.check(document(39 - len, "", " ").as_bytes());
            both.check(one.as_bytes());
        }
    }
}

#[test]
fn cut_and_changed_after_a_whole_one() {
    let mut both = Both::new();
    for len in [1, 11, 12, 13, 14, 28, 29, 30, 31] {
        for behind in ["", " "] {
            let whole = document(len, behind, behind).into_bytes();
            for at in 0..whole.len() {
                both.check(&whole);
                both.check(&whole[..at]);
                // Without this one, such as the comma in front of a key.
                both.check(&whole);
                both.check(&[&whole[..at], &whole[at + 1..]].concat());
                for byte in *b"\"\\:,{}[] \ns0-.e\0" {
                    let mut changed = whole.clone();
                    changed[at] = byte;
                    both.check(&whole);
                    both.check(&changed);
                }
            }
        }
    }
}

#[test]
fn fields_in_another_order_twice_or_not_at_all() {
    let mut both = Both::new();
    let fields = ["\"s\":\"a\"", "\"i\":1", "\"other\":[]", "\"s\":\"b\"", "\"\\u0073\":\"c\"", "\"f\":2.5"];
    let mut random = Random::new(11);
    for _ in 0..rounds(5_000) {
        let count = random.below(6);
        let fields: Vec<&str> = (0..count).map(|_| fields[random.below(fields.len())]).collect();
        both.check(format!("{{{}}}", fields.join(",")).as_bytes());
    }
}

#[test]
fn lines_of_one_record_are_written_alike() {
    let lines = |behind: &str| -> Vec<String> { (0..40).map(|len| document(len % 3, behind, behind)).collect() };
    for behind in ["", " "] {
        let documents = lines(behind);
        let (rows, fault) = super::lines(documents.join("\n").as_bytes());
        assert!(fault.is_none(), "{fault:?}");
        let alone: Vec<Doc> = documents.iter().map(|one| decode::<Doc>(one.as_bytes()).unwrap()).collect();
        assert_eq!(format!("{rows:?}"), format!("{alone:?}"));
    }
}

#[test]
fn bytes_that_are_no_text_are_no_key_that_was_skipped() {
    let mut both = Both::new();
    for skipped in [format!("\"{}\":1", "k".repeat(40)), "\"\\u0061\":1".to_owned(), "\"a\" :1".to_owned()] {
        let whole = format!("{{{skipped},\"i\":2}}");
        for byte in [0, 0xff] {
            both.check(whole.as_bytes());
            both.check(&[b"{".as_slice(), &[byte; 40]].concat());
        }
    }
}

schema!(Inner InnerView { 0 "b" b: i64, 1 "a" a: i64 });
schema!(Outer OuterView { 0 "a" a: Option<Inner>, 1 "b" b: Option<Inner>, 2 "c" c: i64 });

#[test]
fn a_key_means_what_it_does_to_its_own_struct() {
    let (decoder, arena, mut scratch) = (json().decoder::<Outer, All>(), Arena::new(), Default::default());
    let mut random = Random::new(23);
    for _ in 0..rounds(2_000) {
        let [mut first, mut second] = ["{\"b\":1,\"a\":2}", "{\"a\":2,\"b\":1}"];
        if random.below(2) == 0 {
            std::mem::swap(&mut first, &mut second);
        }
        let mut fields = [format!("\"a\":{first}"), format!("\"b\":{second}"), "\"c\":3".to_owned()];
        fields.rotate_left(random.below(3));
        let payload = format!("{{{}}}", fields.join(","));
        let row = decode_after::<Outer, _>(&decoder, payload.as_bytes(), &arena, &mut scratch).unwrap();
        let inner = || Some(Inner { b: 1, a: 2 });
        assert_eq!(row, Outer { a: inner(), b: inner(), c: 3 }, "{payload}");
    }
}

#[test]
fn more_keys_than_are_kept() {
    let mut both = Both::new();
    let mut random = Random::new(29);
    for round in 0..40 {
        // Hundreds that differ in each document, so that the table is full soon, and known ones between them.
        let unknown = |number: usize| format!("\"z{}\":{number}", (round * 37 + number) % 1_000);
        let mut fields: Vec<String> = (0..60).map(unknown).collect();
        for known in ["\"s\":\"a\"", "\"i\":1", "\"p\":{\"x\":1,\"y\":2}", "\"f\":2.5", "\"m\":{\"x\":3,\"s\":4}"] {
            fields.insert(random.below(fields.len()), known.to_owned());
        }
        both.check(format!("{{{}}}", fields.join(",")).as_bytes());
    }
    assert_eq!(both.taken, 40);
}
