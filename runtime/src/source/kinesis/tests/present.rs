use super::*;

/// Fetches until nothing more will come.
async fn drain(reading: &mut Reading) -> Vec<Got> {
    let mut all = Vec::new();
    let deadline = Instant::now() + PATIENCE;
    loop {
        let limits = Limits { until: Instant::now() + Duration::from_secs(5), eager: false, ..eager() };
        let (fetched, got) = reading.fetch(&limits).await;
        all.extend(got);
        if fetched.exhausted {
            return all;
        }
        assert!(Instant::now() < deadline);
    }
}

#[test]
fn what_is_there_now_and_no_more() {
    run(async |server| {
        server.create_stream(STREAM, 2).unwrap();
        for index in 0..20 {
            server.put_at(STREAM, &format!("k{index}"), index.to_string(), now() - 1_000).unwrap();
        }
        server.faults().times("GetRecords", 10, Fault::EmptyPage);
        let mut reading = Reading::start(source(&server).max_records_per_fetch(3)).await;
        reading.feed.stop_at_present();
        // What comes later waits for the next run.
        server.put_at(STREAM, "k1", "later", now() + 5).unwrap();
        let got = drain(&mut reading).await;
        assert_eq!(got.len(), 20);
        assert!(got.iter().all(|got| got.text != "later"));
        // The present is a time in milliseconds: let it pass the last record.
        tokio::time::sleep(Duration::from_millis(10)).await;
        let mut reading = reading.restart().await;
        reading.feed.stop_at_present();
        assert_eq!(texts(&drain(&mut reading).await), ["later"]);
        let mut reading = reading.restart().await;
        reading.feed.stop_at_present();
        let start = Instant::now();
        assert_eq!(texts(&drain(&mut reading).await), Vec::<&str>::new());
        assert!(start.elapsed() < PATIENCE);
    });
}

#[test]
fn children_of_shards_that_end_count() {
    run(async |server| {
        server.create_stream(STREAM, 1).unwrap();
        let mut shard = FIRST.to_owned();
        for round in 0..5 {
            server.put_at(STREAM, "k", round.to_string(), now() - 1_000).unwrap();
            let [left, right] = server.split(STREAM, &shard).unwrap();
            shard = server.merge(STREAM, &left, &right).unwrap();
        }
        server.put_at(STREAM, "k", "5", now() - 1_000).unwrap();
        for faults in [0, 1_000] {
            server.faults().times("GetRecords", faults, Fault::LateEnd);
            let mut reading = Reading::start(source(&server)).await;
            reading.feed.stop_at_present();
            assert_eq!(texts(&drain(&mut reading).await), ["0", "1", "2", "3", "4", "5"]);
        }
    });
}

/// A stream that never falls silent.
#[test]
fn a_busy_stream_ends_too() {
    run(async |server| {
        server.create_stream(STREAM, 1).unwrap();
        server.put(STREAM, "k", "0").unwrap();
        let mut reading = Reading::start(source(&server)).await;
        // As above.
        tokio::time::sleep(Duration::from_millis(3)).await;
        reading.feed.stop_at_present();
        let busy = async {
            loop {
                server.put(STREAM, "k", "more").unwrap();
                // Records go on coming, a few in each millisecond.
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::select! {
            got = drain(&mut reading) => assert!(got[0].text == "0" && got.len() < 100),
            () = busy => {}
        }
    });
}
