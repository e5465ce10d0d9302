//! Figures of a source for the progress document.

use std::collections::BTreeMap;
use std::ops::Index;

use serde_json::{Value, json};

/// Figures by their names in the progress document: of a source as a whole, and of each of its partitions.
///
/// ```
/// use millstream::source::Metrics;
/// let mut metrics = Metrics::default();
/// metrics.gauge("msBehindLatest", 120.0);
/// metrics.count("numProcessedRecords", 10.0);
/// let mut later = Metrics::default();
/// later.gauge("msBehindLatest", 80.0);
/// later.count("numProcessedRecords", 5.0);
/// metrics.add(later);
/// assert_eq!((metrics["msBehindLatest"], metrics["numProcessedRecords"]), (80.0, 15.0));
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Metrics {
    gauges: BTreeMap<&'static str, f64>,
    counts: BTreeMap<&'static str, f64>,
    words: BTreeMap<&'static str, &'static str>,
    /// By the id of the partition.
    pub partitions: BTreeMap<String, Metrics>,
}

impl Metrics {
    /// Sets a figure that says how things stand, such as a lag: the latest holds.
    pub fn gauge(&mut self, name: &'static str, figure: f64) {
        self.gauges.insert(name, figure);
    }

    /// Adds to a figure that counts what has happened.
    pub fn count(&mut self, name: &'static str, figure: f64) {
        *self.counts.entry(name).or_default() += figure;
    }

    /// Says in a word how the source works, such as the mode of its consumer: the latest holds.
    pub fn word(&mut self, name: &'static str, word: &'static str) {
        self.words.insert(name, word);
    }

    /// Takes over what was said later.
    pub fn add(&mut self, later: Self) {
        self.gauges.extend(later.gauges);
        self.words.extend(later.words);
        for (name, figure) in later.counts {
            self.count(name, figure);
        }
        for (id, metrics) in later.partitions {
            self.partitions.entry(id).or_default().add(metrics);
        }
    }

    /// Figures that say how things stand.
    #[cfg(feature = "metrics")]
    pub(crate) fn gauges(&self) -> &BTreeMap<&'static str, f64> {
        &self.gauges
    }

    /// Takes away what says how things stand.
    #[cfg(feature = "metrics")]
    pub(crate) fn forget_gauges(&mut self) {
        self.gauges.clear();
    }

    /// Figures that count.
    #[cfg(feature = "metrics")]
    pub(crate) fn counts(&self) -> &BTreeMap<&'static str, f64> {
        &self.counts
    }

    /// The figures of the source, without those of its partitions.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let figures = self.gauges.iter().chain(&self.counts).map(|(name, figure)| (*name, json!(figure)));
        figures.chain(self.words.iter().map(|(name, word)| (*name, json!(word)))).collect()
    }
}

impl Index<&str> for Metrics {
    type Output = f64;
    /// A figure; 0 if it is not there.
    fn index(&self, name: &str) -> &f64 {
        self.gauges.get(name).or_else(|| self.counts.get(name)).unwrap_or(&0.0)
    }
}
