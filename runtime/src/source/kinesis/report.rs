//! What a fetch says at its end: how far each shard is, and the figures for the progress document.

use std::sync::atomic::Ordering::Relaxed;

use super::feed::KinesisFeed;
use super::reader::size;
use super::shards::{Shard, State};
use super::streams::Stream;
use crate::source::{Fetched, Metrics};

/// All that is told of the shards. Called once for each fetch.
pub(super) fn of(feed: &mut KinesisFeed) -> Fetched {
    let mut fetched = Fetched { exhausted: feed.is_exhausted(), ..Fetched::default() };
    figures(&mut feed.streams, &mut fetched.metrics);
    for stream in &mut feed.streams {
        let options = &stream.context.options;
        let (idle_after, memory) = (options.idle_after, options.tuning.memory);
        let forgotten = stream.shards.forget(memory);
        fetched.forgotten.extend(forgotten.iter().map(|shard| stream.id(shard)));
        let awaited = stream.shards.childless();
        let report = |(number, shard): (u32, &mut Shard)| (number, shard.report(number, idle_after, &awaited));
        let reports: Vec<_> = stream.shards.iter_mut().map(report).collect();
        fetched.partitions.extend(reports.into_iter().map(|(number, mut progress)| {
            (progress.partition, progress.id) = (stream.partition(number), stream.id(&progress.id));
            progress
        }));
    }
    fetched
}

/// The figures of each shard that can have changed, and of all together.
fn figures(streams: &mut [Stream], whole: &mut Metrics) {
    let (mut total, mut closed, mut prefetched) = (0.0, 0.0, 0);
    let mut behind = Vec::new();
    for stream in streams.iter_mut() {
        let (mut own, bygone) = (Vec::new(), stream.shards.bygone() as f64);
        (total, closed) = (total + bygone, closed + bygone);
        for (_, shard) in stream.shards.iter_mut() {
            let drained = shard.state == State::Drained;
            (total, closed) = (total + 1.0, closed + f64::from(drained));
            prefetched += shard.pages.iter().flat_map(|page| &page.records).map(size).sum::<usize>();
            // There may be thousands that were drained long ago.
            if drained && shard.drained_reported {
                continue;
            }
            let mut metrics = Metrics::default();
            if let Some(lag) = shard.behind.filter(|_| shard.state == State::Reading) {
                metrics.gauge("msBehindLatest", lag as f64);
                behind.push(lag as f64);
            }
            metrics.gauge("closed", f64::from(drained));
            let counters = &shard.counters;
            for (name, total, figure) in [
                ("numProcessedRecords", "numProcessedRecords", std::mem::take(&mut shard.taken)),
                ("numProcessedBytes", "numProcessedBytes", std::mem::take(&mut shard.bytes)),
                ("throttles", "numAwsRateLimitErrors", counters.throttles.swap(0, Relaxed)),
                ("expiredIterators", "expiredIterators", counters.expired_iterators.swap(0, Relaxed)),
            ] {
                metrics.count(name, figure as f64);
                whole.count(total, figure as f64);
            }
            own.push((shard.id.to_string(), metrics));
        }
        whole.partitions.extend(own.into_iter().map(|(shard, metrics)| (stream.id(&shard), metrics)));
    }
    if !behind.is_empty() {
        whole.gauge("avgMsBehindLatest", behind.iter().sum::<f64>() / behind.len() as f64);
        whole.gauge("maxMsBehindLatest", behind.iter().copied().fold(0.0, f64::max));
        whole.gauge("minMsBehindLatest", behind.iter().copied().fold(f64::INFINITY, f64::min));
    }
    let consumers = streams.iter().filter(|stream| stream.context.consumer.is_some()).count();
    whole.word("mode", if consumers > 0 { "efo" } else { "polling" });
    whole.gauge("numRegisteredConsumers", consumers as f64);
    whole.gauge("numStreams", streams.len() as f64);
    whole.gauge("numTotalShards", total);
    whole.gauge("numClosedShards", closed);
    whole.gauge("totalPrefetchedBytes", prefetched as f64);
}
