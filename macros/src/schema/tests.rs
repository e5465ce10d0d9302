//! What can be said about the derive without compiling what it writes.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::quote;

use super::case::CASES;
use super::derive;
use crate::diag::did_you_mean;

#[test]
fn cases_are_those_of_serde() {
    let fields = CASES.map(|(_, case)| case.of_field("device_id"));
    let expected =
        ["device_id", "DEVICE_ID", "DeviceId", "deviceId", "device_id", "DEVICE_ID", "device-id", "DEVICE-ID"];
    assert_eq!(fields, expected);
    let variants = CASES.map(|(_, case)| case.of_variant("NotOk"));
    assert_eq!(variants, ["notok", "NOTOK", "NotOk", "notOk", "not_ok", "NOT_OK", "not-ok", "NOT-OK"]);
}

#[test]
fn near_words() {
    let words = ["rename", "alias", "default", "event_time", "format", "deny_unknown"];
    for (word, near) in [
        ("renmae", Some("rename")),
        ("eventtime", Some("event_time")),
        ("deny_unknown_fields", Some("deny_unknown")),
        ("Default", Some("default")),
        ("skip", None),
        ("flatten", None),
        ("", None),
    ] {
        assert_eq!(did_you_mean(word, &words), near, "{word}");
    }
}

/// All beginnings of the tokens, those of groups as well.
fn beginnings(tokens: TokenStream) -> Vec<TokenStream> {
    let (mut done, mut all) = (Vec::new(), vec![TokenStream::new()]);
    for token in tokens {
        if let TokenTree::Group(group) = &token {
            for inside in beginnings(group.stream()) {
                let group = TokenTree::from(Group::new(group.delimiter(), inside));
                all.push(done.iter().cloned().chain([group]).collect());
            }
        }
        done.push(token);
        all.push(done.iter().cloned().collect());
    }
    all
}

#[test]
fn half_written_schemas_do_not_panic() {
    let fields = quote! {
        #[stream(rename_all = "camelCase", deny_unknown)]
        pub struct Reading {
            #[stream(rename = "id", alias = "device", alias = "d")]
            device_id: String,
            #[stream(event_time, format = epoch_ms, default = Timestamp::from_micros(0))]
            ts: Timestamp,
        }
    };
    let variants = quote! {
        #[stream(rename_all = "lowercase")]
        enum Status {
            #[stream(rename = "ok", alias = "fine")]
            Ok,
            #[stream(other)]
            Unknown(u8),
        }
    };
    for schema in [fields, variants] {
        for beginning in beginnings(schema) {
            // An attribute at fault must not take the columns with it.
            let whole = beginning.clone().into_iter().last();
            let whole = matches!(whole, Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace);
            let text = derive(beginning.clone()).to_string();
            assert!(!text.is_empty() || !whole, "{beginning}");
        }
    }
}
