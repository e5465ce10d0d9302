use super::*;

/// A stream is not there while it is made, and its name is taken while it is removed.
#[test]
fn streams_take_their_time() {
    run(async |server| {
        let client = server.client();
        server.set_time(1_700_000_000_000);
        server.set_limits(Limits { transition: Duration::from_secs(10), ..Limits::default() });
        client.create_stream().stream_name(STREAM).shard_count(1).send().await.unwrap();
        let status = async || {
            let summary = client.describe_stream_summary().stream_name(STREAM).send().await.unwrap();
            summary.stream_description_summary.unwrap().stream_status
        };
        assert_eq!(status().await.as_str(), "CREATING");
        assert_eq!(code(client.list_shards().stream_name(STREAM).send().await), "ResourceInUseException");
        let put = || client.put_record().stream_name(STREAM).partition_key("k").data(b"x".to_vec().into()).send();
        assert_eq!(code(put().await), "ResourceNotFoundException");
        server.advance(Duration::from_secs(10));
        assert_eq!(status().await.as_str(), "ACTIVE");
        put().await.unwrap();

        let update = |count| client.update_shard_count().stream_name(STREAM).target_shard_count(count);
        let uniform = |count| update(count).scaling_type(aws_sdk_kinesis::types::ScalingType::UniformScaling).send();
        uniform(2).await.unwrap();
        assert_eq!(status().await.as_str(), "UPDATING");
        assert_eq!(code(uniform(4).await), "ResourceInUseException");
        put().await.unwrap();
        server.advance(Duration::from_secs(10));

        client.delete_stream().stream_name(STREAM).send().await.unwrap();
        assert_eq!(status().await.as_str(), "DELETING");
        let create = || client.create_stream().stream_name(STREAM).shard_count(1).send();
        assert_eq!(code(create().await), "ResourceInUseException");
        server.advance(Duration::from_secs(10));
        assert_eq!(code(put().await), "ResourceNotFoundException");
        create().await.unwrap();
    });
}

#[test]
fn records_are_kept_for_their_retention() {
    run(async |server| {
        let client = server.client();
        server.set_time(1_700_000_000_000);
        server.create_stream(STREAM, 1).unwrap();
        server.put(STREAM, "k", "1").unwrap();
        server.advance(Duration::from_secs(13 * 3_600));
        server.put(STREAM, "k", "2").unwrap();
        let first = iterator(&client, FIRST, ShardIteratorType::TrimHorizon).await;
        assert_eq!(texts(&page(&client, &first).await), ["1", "2"]);
        server.split(STREAM, FIRST).unwrap();
        server.advance(Duration::from_secs(12 * 3_600));
        let first = iterator(&client, FIRST, ShardIteratorType::TrimHorizon).await;
        assert_eq!(texts(&page(&client, &first).await), ["2"]);

        let increase =
            |hours| client.increase_stream_retention_period().stream_name(STREAM).retention_period_hours(hours);
        let decrease =
            |hours| client.decrease_stream_retention_period().stream_name(STREAM).retention_period_hours(hours);
        for wrong in [24, 12, 8_761] {
            assert_eq!(code(increase(wrong).send().await), "InvalidArgumentException");
        }
        increase(48).send().await.unwrap();
        let summary = client.describe_stream_summary().stream_name(STREAM).send().await.unwrap();
        assert_eq!(summary.stream_description_summary.unwrap().retention_period_hours, 48);
        server.advance(Duration::from_secs(20 * 3_600));
        assert_eq!(server.shards(STREAM).unwrap()[0].records, 1);
        for wrong in [48, 23] {
            assert_eq!(code(decrease(wrong).send().await), "InvalidArgumentException");
        }
        // The parent is closed for longer than that: it goes with its records.
        decrease(24).send().await.unwrap();
        let list = client.list_shards().stream_name(STREAM).send().await.unwrap();
        assert_eq!(list.shards().len(), 2);
        assert_eq!(
            code(
                client
                    .get_shard_iterator()
                    .stream_name(STREAM)
                    .shard_id(FIRST)
                    .shard_iterator_type("LATEST".into())
                    .send()
                    .await
            ),
            "ResourceNotFoundException"
        );
    });
}

#[test]
fn records_can_be_larger_if_the_stream_says_so() {
    run(async |server| {
        let client = server.client();
        server.create_stream(STREAM, 1).unwrap();
        let put = || client.put_record().stream_name(STREAM).partition_key("k").data(vec![0; 2 << 20].into()).send();
        assert_eq!(code(put().await), "InvalidArgumentException");
        let update = |kib| client.update_max_record_size().stream_arn(ARN).max_record_size_in_kib(kib).send();
        assert_eq!(code(update(10_241).await), "ValidationException");
        update(2_049).await.unwrap();
        put().await.unwrap();
    });
}
