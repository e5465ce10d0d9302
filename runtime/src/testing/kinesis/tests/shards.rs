use super::*;
use aws_sdk_kinesis::types::{Shard, ShardFilter, ShardFilterType};

fn ids<'a>(shards: impl IntoIterator<Item = &'a Shard>) -> Vec<u32> {
    shards.into_iter().map(|shard| shard.shard_id().strip_prefix("shardId-").unwrap().parse().unwrap()).collect()
}

fn id(number: u32) -> String {
    format!("shardId-{number:012}")
}

#[test]
fn a_split_shard_ends_with_its_children() {
    run(async |server| {
        server.create_stream(STREAM, 1).unwrap();
        server.put(STREAM, "a", "before").unwrap();
        let client = server.client();
        let split = |hash: &str| {
            client.split_shard().stream_name(STREAM).shard_to_split(FIRST).new_starting_hash_key(hash).send()
        };
        assert_eq!(code(split("1").await), "InvalidArgumentException");
        split(&(1_u128 << 127).to_string()).await.unwrap();
        assert_eq!(code(split("1000").await), "InvalidArgumentException");
        server.put(STREAM, "a", "low").unwrap();
        server.put(STREAM, "b", "high").unwrap();

        let start = iterator(&client, FIRST, ShardIteratorType::TrimHorizon).await;
        let end = page(&client, &start).await;
        assert_eq!(
            (texts(&end), end.next_shard_iterator(), end.millis_behind_latest()),
            (vec!["before"], None, Some(0))
        );
        let children: Vec<_> =
            end.child_shards().iter().map(|child| (child.shard_id(), child.parent_shards())).collect();
        let parents = [FIRST.to_owned()];
        assert_eq!(children, [(id(1).as_str(), parents.as_slice()), (id(2).as_str(), parents.as_slice())]);
        assert_eq!(end.child_shards()[1].hash_key_range().unwrap().starting_hash_key(), (1_u128 << 127).to_string());
        for (child, expected) in [(1, "low"), (2, "high")] {
            let start = iterator(&client, &id(child), ShardIteratorType::TrimHorizon).await;
            let first = page(&client, &start).await;
            assert_eq!((texts(&first), first.next_shard_iterator().is_some()), (vec![expected], true));
        }
        let list = client.list_shards().stream_name(STREAM).send().await.unwrap();
        let parent = list.shards()[0].sequence_number_range().unwrap();
        let child = list.shards()[1].sequence_number_range().unwrap();
        assert!(parent.starting_sequence_number() < end.records()[0].sequence_number());
        assert!(end.records()[0].sequence_number() < parent.ending_sequence_number().unwrap());
        assert!(parent.ending_sequence_number().unwrap() < child.starting_sequence_number());
        assert_eq!((list.shards()[1].parent_shard_id(), child.ending_sequence_number()), (Some(FIRST), None));
    });
}

#[test]
fn two_shards_merge_if_they_touch() {
    run(async |server| {
        server.create_stream(STREAM, 3).unwrap();
        let client = server.client();
        let merge = |left, right| {
            client.merge_shards().stream_name(STREAM).shard_to_merge(id(left)).adjacent_shard_to_merge(id(right)).send()
        };
        assert_eq!(code(merge(0, 2).await), "InvalidArgumentException");
        merge(1, 0).await.unwrap();
        let list = client.list_shards().stream_name(STREAM).send().await.unwrap();
        let child = &list.shards()[3];
        assert_eq!((child.parent_shard_id(), child.adjacent_parent_shard_id()), (Some(id(1).as_str()), Some(FIRST)));
        let (range, last) = (child.hash_key_range().unwrap(), &list.shards()[1].hash_key_range().unwrap());
        assert_eq!((range.starting_hash_key(), range.ending_hash_key()), ("0", last.ending_hash_key()));
        let start = iterator(&client, FIRST, ShardIteratorType::Latest).await;
        let end = page(&client, &start).await;
        assert_eq!(end.next_shard_iterator(), None);
        assert_eq!(end.child_shards()[0].parent_shards(), [id(1), id(0)]);
    });
}

#[test]
fn shards_are_listed_in_pages() {
    run(async |server| {
        server.create_stream(STREAM, 5).unwrap();
        server.set_time(server.time());
        let client = server.client();
        let open = ShardFilter::builder().r#type(ShardFilterType::AtLatest).build().unwrap();
        server.split(STREAM, FIRST).unwrap();
        let first = client.list_shards().stream_name(STREAM).max_results(4).shard_filter(open).send().await.unwrap();
        assert_eq!(ids(first.shards()), [1, 2, 3, 4]);
        let token = first.next_token().unwrap();
        // The token carries the stream and the filter, and must come alone.
        let second = client.list_shards().next_token(token).max_results(2).send().await.unwrap();
        assert_eq!((ids(second.shards()), second.next_token()), (vec![5, 6], None));
        let both = client.list_shards().next_token(token).stream_name(STREAM).send().await;
        assert_eq!(code(both), "InvalidArgumentException");
        server.advance(Duration::from_secs(301));
        let expired = client.list_shards().next_token(token).send().await;
        assert_eq!(code(expired), "ExpiredNextTokenException");
        let after = client.list_shards().stream_name(STREAM).exclusive_start_shard_id(id(4)).send().await.unwrap();
        assert_eq!(ids(after.shards()), [5, 6]);
    });
}

#[test]
fn shards_are_filtered() {
    run(async |server| {
        server.set_time(1_000);
        server.create_stream(STREAM, 2).unwrap();
        server.set_time(2_000);
        server.split(STREAM, FIRST).unwrap(); // 2, 3
        server.set_time(3_000);
        server.merge(STREAM, &id(3), &id(1)).unwrap(); // 4
        let client = server.client();
        let list = async |kind: ShardFilterType, shard: Option<String>, seconds: Option<i64>| {
            let filter = ShardFilter::builder().r#type(kind).set_shard_id(shard);
            let filter = filter.set_timestamp(seconds.map(aws_sdk_kinesis::primitives::DateTime::from_secs));
            let request = client.list_shards().stream_name(STREAM).shard_filter(filter.build().unwrap());
            ids(request.send().await.unwrap().shards())
        };
        assert_eq!(list(ShardFilterType::FromTrimHorizon, None, None).await, [0, 1, 2, 3, 4]);
        assert_eq!(list(ShardFilterType::AtTrimHorizon, None, None).await, [0, 1]);
        assert_eq!(list(ShardFilterType::AtLatest, None, None).await, [2, 4]);
        assert_eq!(list(ShardFilterType::AfterShardId, Some(id(2)), None).await, [3, 4]);
        assert_eq!(list(ShardFilterType::AtTimestamp, None, Some(1)).await, [0, 1]);
        assert_eq!(list(ShardFilterType::FromTimestamp, None, Some(3)).await, [1, 2, 3, 4]);
        server.expire_shard(STREAM, FIRST).unwrap();
        assert_eq!(list(ShardFilterType::FromTrimHorizon, None, None).await, [1, 2, 3, 4]);
        assert_eq!(list(ShardFilterType::AtTrimHorizon, None, None).await, [1, 2, 3]);
        assert!(server.expire_shard(STREAM, &id(4)).is_err());
    });
}

#[test]
fn the_shard_count_is_updated_with_a_lineage() {
    run(async |server| {
        server.create_stream(STREAM, 3).unwrap();
        let client = server.client();
        let update = |target| {
            let request = client.update_shard_count().stream_name(STREAM).target_shard_count(target);
            request.scaling_type(aws_sdk_kinesis::types::ScalingType::UniformScaling).send()
        };
        for target in [6, 4, 8, 5] {
            update(target).await.unwrap();
            let shards = server.shards(STREAM).unwrap();
            let mut open: Vec<_> = shards.iter().filter(|shard| shard.open).collect();
            open.sort_by_key(|shard| shard.starting_hash_key);
            assert_eq!(open.len(), target as usize);
            assert_eq!((open[0].starting_hash_key, open[open.len() - 1].ending_hash_key), (0, u128::MAX));
            assert!(open.is_sorted_by(|left, right| left.ending_hash_key + 1 == right.starting_hash_key));
            let widths: Vec<u128> = open.iter().map(|shard| shard.ending_hash_key - shard.starting_hash_key).collect();
            assert!(widths.iter().max().unwrap() - widths.iter().min().unwrap() <= 1);
            assert!(shards.iter().skip(3).all(|shard| shard.parent.is_some()));
        }
        assert_eq!(code(update(11).await), "InvalidArgumentException");
    });
}
