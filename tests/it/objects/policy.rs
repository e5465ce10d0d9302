//! The permissions that the guide to operations lists are those that are needed, and no more.

use std::collections::BTreeSet;

use serde_json::Value;

use super::job::Job;
use super::proxy::Asked;

/// What a request needs: an action and what it is done to.
type Need = (&'static str, String);

fn needs(asked: &Asked) -> Vec<Need> {
    let (query, path) = (asked.query.as_str(), asked.path.clone());
    let has = |name: &str| query.split('&').any(|part| part.split('=').next() == Some(name));
    match asked.method.as_str() {
        "GET" if has("list-type") => vec![("s3:ListBucket", path)],
        "GET" | "HEAD" => vec![("s3:GetObject", path)],
        "PUT" => {
            let source = asked.source.clone().map(|source| ("s3:GetObject", source));
            source.into_iter().chain([("s3:PutObject", path)]).collect()
        }
        "POST" if has("uploads") || has("uploadId") => vec![("s3:PutObject", path)],
        "DELETE" if has("uploadId") => vec![("s3:AbortMultipartUpload", path)],
        "DELETE" => vec![("s3:DeleteObject", path)],
        _ => panic!("the policy knows nothing of {asked:?}"),
    }
}

/// The statements of the policy in the guide, as actions and kinds of places.
fn policy() -> BTreeSet<(String, String)> {
    let page = include_str!("../../../runtime/docs/operations.md");
    let (_, rest) = page.split_once("```json\n{\n  \"Version\"").unwrap();
    let (json, _) = rest.split_once("```").unwrap();
    let policy: Value = serde_json::from_str(&format!("{{\"Version\"{json}")).unwrap();
    let several = |value: &Value| match value {
        Value::Array(values) => values.iter().map(|value| value.as_str().unwrap().to_owned()).collect::<Vec<_>>(),
        one => vec![one.as_str().unwrap().to_owned()],
    };
    let mut allowed = BTreeSet::new();
    for statement in policy["Statement"].as_array().unwrap() {
        assert_eq!(statement["Effect"], "Allow");
        for resource in several(&statement["Resource"]) {
            let place = resource.trim_start_matches("arn:aws:s3:::").to_owned();
            allowed.extend(several(&statement["Action"]).into_iter().map(|action| (action, place.clone())));
        }
    }
    // KMS is called by S3.
    allowed.retain(|(action, _)| action.starts_with("s3:"));
    allowed
}

/// Compares the requests of a job with what the guide allows. Files in parts are the business of another test.
pub(super) fn check(job: &Job, bucket: &str) {
    let (allowed, mut used) = (policy(), BTreeSet::new());
    let place = |path: &str| {
        let path = path.trim_start_matches('/').trim_end_matches('/').replace("%2F", "/");
        let Some(inside) = path.strip_prefix(&format!("{bucket}/{}/", job.prefix())) else {
            return if path == bucket { "bucket".to_owned() } else { format!("elsewhere: {path}") };
        };
        match inside.split('/').next().unwrap_or_default() {
            "checkpoint" => "CHECKPOINT/*".to_owned(),
            "out.stage" | "bad.stage" => "OUTPUT.stage/*".to_owned(),
            "out" | "bad" => "OUTPUT/*".to_owned(),
            other => format!("elsewhere: {other}"),
        }
    };
    for asked in job.proxy.asked() {
        for (action, path) in needs(&asked) {
            let need = (action.to_owned(), place(&path));
            assert!(allowed.contains(&need), "the guide does not allow {need:?}: {asked:?}");
            used.insert(need);
        }
    }
    let idle: Vec<_> = allowed.difference(&used).filter(|(action, _)| action != "s3:AbortMultipartUpload").collect();
    assert!(idle.is_empty(), "the guide allows what is not needed: {idle:?}");
}
