use super::*;
use crate::source::BoxFuture;

/// Takes longer than a slice and says `full` at once.
struct Slow {
    calls: usize,
}

impl Feed for Slow {
    fn fetch<'a>(&'a mut self, _limits: &'a Limits, _out: &'a mut ChunkSender) -> BoxFuture<'a, Result<Fetched>> {
        Box::pin(async move {
            self.calls += 1;
            // Longer than the slice it was given: this is what the test is about.
            tokio::time::sleep(SLICE + Duration::from_millis(10)).await;
            Ok(Fetched { full: true, ..Fetched::default() })
        })
    }
}

#[tokio::test]
async fn what_is_full_is_not_asked_again_however_long_it_took() {
    let mut feed = Slow { calls: 0 };
    let (mut out, _chunks) = ChunkSender::bounded(1);
    let (_stop, stopped) = watch::channel(Stop::No);
    let until = clock::monotonic() + Duration::from_secs(60);
    let limits = Limits { bytes: 1, rows: Some(1), until, eager: false };
    in_slices(&mut feed, limits, &mut out, &stopped).await.unwrap();
    assert_eq!(feed.calls, 1);
}

#[test]
fn a_partition_that_is_forgotten_later_in_the_epoch_is_not_reported() {
    let partition = PartitionProgress {
        partition: 0,
        id: "p".to_owned(),
        from: serde_json::json!(0),
        to: serde_json::json!(0),
        drained: true,
        idle: false,
        ms_behind: None,
        parents: Vec::new(),
        hash_range: None,
    };
    let mut whole = Fetched { partitions: vec![partition], ..Fetched::default() };
    join(&mut whole, Fetched { forgotten: vec!["p".to_owned()], ..Fetched::default() });
    assert_eq!((whole.partitions, whole.forgotten), (vec![], vec!["p".to_owned()]));
}
