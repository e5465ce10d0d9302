use super::*;
use aws_sdk_kinesis::operation::subscribe_to_shard::SubscribeToShardOutput;
use aws_sdk_kinesis::types::{StartingPosition, SubscribeToShardEvent, SubscribeToShardEventStream};
use bytes::Bytes;

async fn register(client: &Client, name: &str) -> String {
    let answer = client.register_stream_consumer().stream_arn(ARN).consumer_name(name).send().await.unwrap();
    answer.consumer.unwrap().consumer_arn
}

fn at(kind: ShardIteratorType, number: Option<&str>) -> StartingPosition {
    StartingPosition::builder().r#type(kind).set_sequence_number(number.map(str::to_owned)).build().unwrap()
}

async fn subscribe(client: &Client, consumer: &str, at: StartingPosition) -> SubscribeToShardOutput {
    let request = client.subscribe_to_shard().consumer_arn(consumer).shard_id(FIRST).starting_position(at);
    request.send().await.unwrap()
}

/// The next event; none at the end.
async fn event(subscription: &mut SubscribeToShardOutput) -> Option<SubscribeToShardEvent> {
    match subscription.event_stream.recv().await.unwrap()? {
        SubscribeToShardEventStream::SubscribeToShardEvent(event) => Some(event),
        other => unreachable!("{other:?}"),
    }
}

/// Texts and continuation of the next event with records.
async fn records(subscription: &mut SubscribeToShardOutput) -> (Vec<String>, String) {
    loop {
        let event = event(subscription).await.unwrap();
        if !event.records.is_empty() {
            let text = |record: &aws_sdk_kinesis::types::Record| String::from_utf8_lossy(record.data().as_ref()).into();
            return (event.records().iter().map(text).collect(), event.continuation_sequence_number);
        }
    }
}

#[test]
fn consumers_come_and_go() {
    run(async |server| {
        let client = server.client();
        server.set_time(1_700_000_000_000);
        server.create_stream(STREAM, 1).unwrap();
        server.set_limits(Limits { transition: Duration::from_secs(1), consumers: 3, ..Limits::default() });
        let first = register(&client, "a").await;
        assert!(first.starts_with(&format!("{ARN}/consumer/a:1700000000")), "{first}");
        let status = async || {
            let described = client.describe_stream_consumer().consumer_arn(&first).send().await;
            described.map(|answer| answer.consumer_description.unwrap().consumer_status.as_str().to_owned())
        };
        let subscribe = || {
            let request = client.subscribe_to_shard().consumer_arn(&first).shard_id(FIRST);
            request.starting_position(at(ShardIteratorType::TrimHorizon, None)).send()
        };
        assert_eq!(status().await.unwrap(), "CREATING");
        assert_eq!(code(subscribe().await), "ResourceInUseException");
        server.advance(Duration::from_secs(1));
        assert_eq!(status().await.unwrap(), "ACTIVE");
        let mut subscription = subscribe().await.unwrap();

        let again = client.register_stream_consumer().stream_arn(ARN).consumer_name("a").send().await;
        assert_eq!(code(again), "ResourceInUseException");
        register(&client, "c").await;
        register(&client, "b").await;
        let fourth = client.register_stream_consumer().stream_arn(ARN).consumer_name("d").send().await;
        assert_eq!(code(fourth), "LimitExceededException");
        let names = async |token: Option<String>| {
            let request = client.list_stream_consumers().stream_arn(ARN).max_results(2).set_next_token(token);
            let page = request.send().await.unwrap();
            let names: Vec<_> = page.consumers().iter().map(|consumer| consumer.consumer_name.clone()).collect();
            (names.concat(), page.next_token)
        };
        let (page, token) = names(None).await;
        assert_eq!((page.as_str(), names(token).await), ("ab", ("c".to_owned(), None)));

        client.deregister_stream_consumer().consumer_arn(&first).send().await.unwrap();
        assert_eq!(status().await.unwrap(), "DELETING");
        server.advance(Duration::from_secs(1));
        assert_eq!(code(status().await), "ResourceNotFoundException");
        while let Ok(Some(_)) = subscription.event_stream.recv().await {}
        assert_eq!(code(subscribe().await), "ResourceNotFoundException");
        let summary = client.describe_stream_summary().stream_name(STREAM).send().await.unwrap();
        assert_eq!(summary.stream_description_summary.unwrap().consumer_count, Some(2));
    });
}

#[test]
fn events_go_on_where_the_last_left_off() {
    run(async |server| {
        let client = server.client();
        server.set_time(1_700_000_000_000);
        server.create_stream(STREAM, 1).unwrap();
        server.put(STREAM, "k", "1").unwrap();
        let consumer = register(&client, "a").await;
        let mut subscription = subscribe(&client, &consumer, at(ShardIteratorType::TrimHorizon, None)).await;
        let (texts, continuation) = records(&mut subscription).await;
        assert_eq!(texts, ["1"]);
        // Silence has events as well, with a place that is good for going on.
        let silent = event(&mut subscription).await.unwrap();
        assert_eq!((silent.records.len(), silent.millis_behind_latest), (0, 0));
        server.put(STREAM, "k", "2").unwrap();
        assert_eq!(records(&mut subscription).await.0, ["2"]);
        server.advance(Duration::from_secs(300));
        while event(&mut subscription).await.is_some() {}

        for number in [&continuation, &silent.continuation_sequence_number] {
            let after = at(ShardIteratorType::AfterSequenceNumber, Some(number));
            assert_eq!(records(&mut subscribe(&client, &consumer, after).await).await.0, ["2"]);
        }
        // A second subscription takes over, but not at once.
        server.set_limits(Limits { resubscription_gap: Duration::from_secs(5), ..Limits::default() });
        let latest = || at(ShardIteratorType::Latest, None);
        let request = client.subscribe_to_shard().consumer_arn(&consumer).shard_id(FIRST).starting_position(latest());
        assert_eq!(code(request.clone().send().await), "ResourceInUseException");
        server.advance(Duration::from_secs(5));
        let mut old = request.clone().send().await.unwrap();
        server.advance(Duration::from_secs(5));
        let mut new = request.send().await.unwrap();
        let error = loop {
            if let Err(error) = old.event_stream.recv().await {
                break error;
            }
        };
        assert_eq!(error.as_service_error().unwrap().meta().code(), Some("ResourceInUseException"));
        server.put(STREAM, "k", "3").unwrap();
        assert_eq!(records(&mut new).await.0, ["3"]);
    });
}

#[test]
fn a_closed_shard_ends_with_its_children_here_too() {
    run(async |server| {
        let client = server.client();
        server.create_stream(STREAM, 1).unwrap();
        server.put(STREAM, "k", "1").unwrap();
        let consumer = register(&client, "a").await;
        let children = server.split(STREAM, FIRST).unwrap();
        for _ in 0..2 {
            let mut subscription = subscribe(&client, &consumer, at(ShardIteratorType::TrimHorizon, None)).await;
            let last = event(&mut subscription).await.unwrap();
            let named: Vec<_> = last.child_shards().iter().map(|child| child.shard_id.clone()).collect();
            assert_eq!((last.records.len(), last.continuation_sequence_number.as_str()), (1, ""));
            assert_eq!(named, children);
            assert_eq!(event(&mut subscription).await, None);
        }
    });
}

#[test]
fn faults_of_events() {
    run(async |server| {
        let client = server.client();
        server.create_stream(STREAM, 1).unwrap();
        server.put(STREAM, "k", "1").unwrap();
        let consumer = register(&client, "a").await;
        for fault in [Fault::CutConnection, Fault::CutAnswer, Fault::error("KMSDisabledException")] {
            server.faults().next("SubscribeToShardEvent", fault.clone());
            let mut subscription = subscribe(&client, &consumer, at(ShardIteratorType::TrimHorizon, None)).await;
            let error = subscription.event_stream.recv().await;
            match fault {
                Fault::Error { code: expected } => {
                    let error = error.unwrap_err();
                    assert_eq!(error.as_service_error().unwrap().meta().code(), Some(expected.as_str()));
                }
                // A stream that is cut between two events may look as if it had ended.
                Fault::CutConnection => assert!(!matches!(error, Ok(Some(_)))),
                _ => assert!(error.is_err(), "{error:?}"),
            }
        }
    });
}

/// A client of HTTP/2 in CBOR, as the SDK for Java is one.
#[test]
fn cbor_over_http_2() {
    run(async |server| {
        server.create_stream(STREAM, 1).unwrap();
        server.put_at(STREAM, "k", "hello", 1_700_000_000_123).unwrap();
        let consumer = register(&server.client(), "a").await;
        let address = server.endpoint().replace("http://", "");
        let connection = tokio::net::TcpStream::connect(address).await.unwrap();
        let (mut client, driver) = h2::client::handshake(connection).await.unwrap();
        tokio::spawn(driver);
        let mut call = async |operation: &str, body: serde_json::Value| {
            let request = ::http::Request::post(server.endpoint())
                .header("x-amz-target", format!("Kinesis_20131202.{operation}"))
                .header("content-type", "application/x-amz-cbor-1.1");
            client = client.clone().ready().await.unwrap();
            let (answer, mut stream) = client.send_request(request.body(()).unwrap(), false).unwrap();
            let body = http::Format::Cbor.write(body.to_string().into_bytes());
            stream.send_data(Bytes::from(body), true).unwrap();
            answer.await.unwrap()
        };
        let put = serde_json::json!({ "StreamName": STREAM, "PartitionKey": "k", "Data": "d29ybGQ=" });
        let mut answer = call("PutRecord", put).await;
        assert_eq!(
            (answer.status().as_u16(), answer.headers()["content-type"].to_str().unwrap()),
            (200, "application/x-amz-cbor-1.1")
        );
        let body = answer.body_mut().data().await.unwrap().unwrap();
        assert!(memchr::memmem::find(&body, b"SequenceNumber\x78\x38").is_some());
        assert_eq!(server.shards(STREAM).unwrap()[0].records, 2);

        let at = serde_json::json!({ "Type": "TRIM_HORIZON" });
        let body = serde_json::json!({ "ConsumerARN": consumer, "ShardId": FIRST, "StartingPosition": at });
        let mut events = call("SubscribeToShard", body).await.into_body();
        let mut all = Vec::new();
        while memchr::memmem::find(&all, b"Data\x45world").is_none() {
            let data = events.data().await.unwrap().unwrap();
            events.flow_control().release_capacity(data.len()).unwrap();
            all.extend_from_slice(&data);
        }
        // Bytes are bytes, a time has its tag.
        assert!(memchr::memmem::find(&all, b"Data\x45hello").is_some());
        assert!(memchr::memmem::find(&all, b"ApproximateArrivalTimestamp\xC1\x1B\0\0\x01\x8B").is_some());
    });
}
