//! The shards of a stream: which there are, which can be read, which can be forgotten.
//!
//! ```text
//!               parents drained in an earlier fetch          last record handed out            children begun
//!   listed -> Waiting ------------------------------> Reading ---------------------> Drained ---------------> forgotten
//! ```
//!
//! A child is read from the fetch on that follows the one in which its last parent was drained. Fetches are committed in
//! their order, so that a commit with a record of the child always comes after or with the one that says that its
//! parents are drained, and each key keeps its order.
//!
//! A drained shard stays in the service's list until its records are too old, up to a year. It is forgotten once records of
//! its children were handed out: that they were is what says, then and at later starts, that it was read to its end.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_kinesis::types::Shard as Described;
use serde_json::Value;
use tokio::time::Instant;

use super::position::{Origin, Position};
use super::reader::{Counters, Page};
use super::record::{HashRange, arrival};
use super::seen::Seen;
use crate::mutant::{self, Mutant};
use crate::source::{PartitionProgress, order_of};
use crate::time::Timestamp;

/// A shard as ListShards gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) id: String,
    pub(super) parents: Vec<String>,
    pub(super) hash_range: Option<[String; 2]>,
    /// Whether it was split or merged: it gets no more records.
    pub(super) closed: bool,
}

impl Listed {
    pub(super) fn new(shard: Described) -> Self {
        let closed = shard.sequence_number_range.is_some_and(|range| range.ending_sequence_number.is_some());
        let parents = [shard.parent_shard_id, shard.adjacent_parent_shard_id];
        Self {
            id: shard.shard_id,
            parents: parents.into_iter().flatten().filter(|id| !id.is_empty()).collect(),
            hash_range: shard.hash_key_range.map(|range| [range.starting_hash_key, range.ending_hash_key]),
            closed,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Not read yet: a parent has records left.
    Waiting,
    /// There is a reader for it.
    Reading,
    /// All of it was handed out.
    Drained,
}

/// What comes next from a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Front {
    /// Nothing has been read yet.
    Unknown,
    /// A record that arrived at this time or later.
    At(Timestamp),
    /// Nothing is left.
    CaughtUp,
}

impl Front {
    /// The time before which others should not go far on; none if nobody has to wait for it.
    pub(super) fn time(self) -> Option<Timestamp> {
        match self {
            Self::Unknown => Some(Timestamp::MIN),
            Self::At(time) => Some(time),
            Self::CaughtUp => None,
        }
    }
}

/// What is known of a shard.
pub(super) struct Shard {
    pub(super) id: Arc<str>,
    pub(super) order: u32,
    pub(super) parents: Vec<String>,
    pub(super) hash_range: Option<[String; 2]>,
    pub(super) range: Option<HashRange>,
    pub(super) state: State,
    /// After everything that was handed out.
    pub(super) position: Position,
    /// The position that the last fetch reported.
    pub(super) reported: Value,
    /// Whether the position comes from a checkpoint, so that what follows may have been lost meanwhile.
    pub(super) resumed: bool,
    /// Pages that wait to be handed out.
    pub(super) pages: VecDeque<Page>,
    pub(super) behind: Option<u64>,
    /// When the last record arrived that was handed out in this run.
    pub(super) reached: Option<Timestamp>,
    /// Empty pages in a row at the end, asked for after the present was declared.
    pub(super) ends_seen: u32,
    /// When the last record was handed out.
    pub(super) active: Instant,
    /// All that was there at the present was handed out.
    pub(super) done: bool,
    /// User records and bytes handed out in this fetch.
    pub(super) taken: u64,
    pub(super) bytes: u64,
    pub(super) counters: Arc<Counters>,
    /// When the service said that the shard is drained, in this run.
    pub(super) drained_at: Option<Instant>,
    /// Whether a fetch has said that it is drained.
    pub(super) drained_reported: bool,
    /// Since when it is not listed any more.
    pub(super) unlisted: Option<Instant>,
}

impl Shard {
    fn new(listed: Listed, position: Position, state: State) -> Self {
        let range = listed.hash_range.as_ref().and_then(|[first, last]| first.parse().ok().zip(last.parse().ok()));
        Self {
            order: order_of(&listed.id),
            id: listed.id.into(),
            parents: listed.parents,
            hash_range: listed.hash_range,
            range,
            state,
            reported: position.value(),
            position,
            resumed: false,
            pages: VecDeque::new(),
            behind: None,
            reached: None,
            ends_seen: 0,
            active: Instant::now(),
            done: false,
            taken: 0,
            bytes: 0,
            counters: Arc::default(),
            drained_at: None,
            drained_reported: false,
            unlisted: None,
        }
    }

    /// Whether it was begun, which it is once its parents have been read to their ends. Of one in a checkpoint a record says so.
    fn is_begun(&self) -> bool {
        self.state != State::Waiting || self.position.sequence_number.is_some()
    }

    /// Whether what it says of itself in a checkpoint tells that it was begun, and has what it inherits.
    fn tells_of_parents(&self) -> bool {
        match self.state {
            State::Waiting => false,
            State::Reading => self.position.sequence_number.is_some(),
            // Until its children are known a checkpoint does not have it as drained.
            State::Drained => self.drained_reported,
        }
    }

    /// All of it was handed out. Of a drained shard a checkpoint needs no more than that it is.
    pub(super) fn drain(&mut self, at: Instant) {
        self.state = State::Drained;
        self.pages.clear();
        self.drained_at = Some(at);
    }

    /// What comes next from it, as far as that is known.
    pub(super) fn front(&self) -> Front {
        match self.pages.iter().find_map(|page| page.records.front()) {
            Some(record) => Front::At(arrival(record)),
            None if self.behind == Some(0) => Front::CaughtUp,
            None => self.reached.map_or(Front::Unknown, Front::At),
        }
    }

    /// Whether it is known to have had nothing for so long.
    fn is_silent(&self, time: Duration) -> bool {
        self.counters.quiet.lasts(time, self.position.sequence_number.as_deref(), self.active)
    }

    /// Whether more can come from it in this run.
    pub(super) fn is_open(&self) -> bool {
        self.state == State::Reading && !self.done
    }

    /// What the fetch that ends now says of it; `awaited` are those whose children are not known. Called once for each
    /// fetch.
    pub(super) fn report(&mut self, partition: u32, idle_after: Duration, awaited: &[u32]) -> PartitionProgress {
        // Until its children are there to hold the watermark, it does.
        let drained = self.state == State::Drained && !awaited.contains(&partition);
        // There may be thousands in every commit that were drained long ago.
        let brief = drained && self.drained_reported;
        if brief {
            self.position = std::mem::take(&mut self.position).of_drained();
        }
        self.drained_reported = drained;
        let to = self.position.value();
        let from = std::mem::replace(&mut self.reported, to.clone());
        PartitionProgress {
            partition,
            id: self.id.to_string(),
            from,
            to,
            drained,
            idle: self.is_silent(idle_after) || (mutant::is(Mutant::ChildHoldsNothing) && self.state == State::Waiting),
            ms_behind: self.behind.filter(|_| !drained),
            parents: if brief { Vec::new() } else { self.parents.clone() },
            // That of a shard that waits is in the list, and there may be thousands.
            hash_range: self.hash_range.clone().filter(|_| self.state == State::Reading),
        }
    }
}

/// All shards that are known, by their number in this run.
#[derive(Default)]
pub(super) struct Shards {
    all: BTreeMap<u32, Shard>,
    /// Those that are not drained, in their order, and a few that are until a fetch ends. What is done for each page looks
    /// at these only: there may be many more that were drained long ago.
    active: Vec<u32>,
    numbers: HashMap<String, u32>,
    next: u32,
    /// When the last list was asked for.
    listed: Option<Instant>,
    /// How many are listed and forgotten.
    bygone: usize,
}

impl Shards {
    fn add(&mut self, shard: Shard) {
        self.numbers.insert(shard.id.to_string(), self.next);
        if shard.state != State::Drained {
            self.active.push(self.next);
        }
        self.all.insert(self.next, shard);
        self.next += 1;
    }

    /// A shard of a checkpoint. What it says of itself there is completed by the list.
    pub(super) fn resume(&mut self, id: &str, position: Position, drained: bool, parents: Vec<String>) {
        let listed = Listed { id: id.to_owned(), parents, hash_range: None, closed: false };
        let mut shard = Shard::new(listed, position, if drained { State::Drained } else { State::Waiting });
        shard.resumed = shard.position.sequence_number.is_some();
        shard.drained_reported = drained;
        self.add(shard);
    }

    /// What the parents of a shard have read of millstream's own sinks.
    pub(super) fn inherited(&self, number: u32) -> Seen {
        let mut seen = Seen::default();
        let parents = self.all.get(&number).map_or(&[][..], |shard| &shard.parents);
        for parent in parents.iter().filter_map(|id| self.all.get(self.numbers.get(id)?)) {
            seen.inherit(&parent.position.seen);
        }
        seen
    }

    /// The number of a shard.
    pub(super) fn number(&self, id: &str) -> Option<u32> {
        self.numbers.get(id).copied()
    }

    pub(super) fn get_mut(&mut self, number: u32) -> Option<&mut Shard> {
        self.all.get_mut(&number)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &Shard)> {
        self.all.iter().map(|(number, shard)| (*number, shard))
    }

    /// Those that are not drained.
    pub(super) fn active(&self) -> impl Iterator<Item = (u32, &Shard)> {
        let known = self.active.iter().filter_map(|number| Some((*number, self.all.get(number)?)));
        known.filter(|(_, shard)| shard.state != State::Drained)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (u32, &mut Shard)> {
        self.all.iter_mut().map(|(number, shard)| (*number, shard))
    }

    /// Takes over a list that was asked for at `asked`. New shards begin at `origin`. Gives the numbers of those that
    /// are gone and were never read.
    pub(super) fn update(&mut self, list: Vec<Listed>, origin: Origin, asked: Instant) -> Vec<u32> {
        let mut listed = HashSet::with_capacity(list.len());
        let mut new = Vec::new();
        for entry in list {
            match self.numbers.get(&entry.id) {
                Some(number) => {
                    listed.insert(*number);
                    if let Some(shard) = self.all.get_mut(number) {
                        // A position in a checkpoint does not have to know them.
                        if shard.range.is_none() {
                            let range = entry.hash_range.as_ref();
                            shard.range = range.and_then(|[first, last]| first.parse().ok().zip(last.parse().ok()));
                            shard.hash_range = entry.hash_range;
                        }
                        if shard.parents.is_empty() {
                            shard.parents = entry.parents;
                        }
                    }
                }
                None => new.push(entry),
            }
        }
        let ended = self.ended(&new);
        self.bygone = ended.len();
        for entry in new.into_iter().filter(|entry| !ended.contains(&entry.id)) {
            listed.insert(self.next);
            let late = mutant::is(Mutant::ChildAtLatest) && !entry.parents.is_empty();
            let origin = if late { Origin::At(crate::clock::now()) } else { origin };
            self.add(Shard::new(entry, Position::start(origin), State::Waiting));
        }
        self.listed = Some(asked);
        let mut gone = Vec::new();
        for (number, shard) in &mut self.all {
            if listed.contains(number) {
                shard.unlisted = None;
            } else {
                shard.unlisted.get_or_insert(asked);
                if shard.state == State::Waiting {
                    gone.push(*number);
                }
            }
        }
        gone
    }

    /// Those of a list that are not known because they were read to their ends and forgotten: a descendant was begun.
    fn ended(&self, new: &[Listed]) -> HashSet<String> {
        let new: HashMap<&str, &Listed> = new.iter().map(|entry| (entry.id.as_str(), entry)).collect();
        let begun = self.all.values().filter(|shard| shard.is_begun());
        let mut walk: Vec<&str> = begun.flat_map(|shard| shard.parents.iter().map(String::as_str)).collect();
        let mut ended = HashSet::new();
        while let Some(id) = walk.pop() {
            if let Some(entry) = new.get(id)
                && ended.insert(entry.id.clone())
            {
                walk.extend(entry.parents.iter().map(String::as_str));
            }
        }
        ended
    }

    /// How many are listed that were forgotten.
    pub(super) fn bygone(&self) -> usize {
        self.bygone
    }

    /// The shards that wait and whose parents were all drained in earlier fetches, or are not known any more.
    pub(super) fn ready(&self) -> Vec<u32> {
        let waiting = self.active().filter(|(_, shard)| shard.state == State::Waiting);
        waiting.filter(|(_, shard)| self.parents_drained(shard)).map(|(number, _)| number).collect()
    }

    fn parents_drained(&self, shard: &Shard) -> bool {
        shard.parents.iter().all(|parent| {
            let parent = self.numbers.get(parent).and_then(|number| self.all.get(number));
            parent.is_none_or(|parent| parent.state == State::Drained)
        })
    }

    /// Whether the children of a drained shard were in the last list.
    pub(super) fn children_listed(&self, shard: &Shard) -> bool {
        shard.drained_at.is_none_or(|drained| self.listed.is_some_and(|listed| listed >= drained))
    }

    /// The drained shards whose children may be in the next list: none is known, and no list was asked for since.
    pub(super) fn childless(&self) -> Vec<u32> {
        let unlisted = self.iter().filter(|(_, shard)| shard.state == State::Drained && !self.children_listed(shard));
        self.without_a_child(unlisted).map(|(number, _)| number).collect()
    }

    /// Whether a drained shard should have children that no list has named yet.
    pub(super) fn orphaned(&self, since: Instant) -> bool {
        let recent = self.iter().filter(|(_, shard)| shard.drained_at.is_some_and(|drained| drained >= since));
        self.without_a_child(recent).next().is_some()
    }

    /// Those of `some` that no shard has as a parent. There may be thousands of both.
    fn without_a_child<'a>(
        &'a self,
        some: impl Iterator<Item = (u32, &'a Shard)>,
    ) -> impl Iterator<Item = (u32, &'a Shard)> {
        let mut some = some.peekable();
        let mut parents = HashSet::new();
        if some.peek().is_some() {
            parents.extend(self.all.values().flat_map(|shard| shard.parents.iter().map(String::as_str)));
        }
        some.filter(move |(_, shard)| !parents.contains(&*shard.id))
    }

    /// Forgets drained shards that no start needs to know of: children say that they were read, or the service does not
    /// know them any more and no waiting child needs them. Gives their ids. Called once for each fetch.
    pub(super) fn forget(&mut self, memory: Duration) -> Vec<String> {
        self.active = self.active().map(|(number, _)| number).collect();
        let reported = |shard: &Shard| shard.state == State::Drained && shard.drained_reported;
        if !self.all.values().any(reported) {
            return Vec::new();
        }
        let waiting = self.all.values().filter(|shard| shard.state == State::Waiting);
        let needed: HashSet<&str> = waiting.flat_map(|shard| shard.parents.iter().map(String::as_str)).collect();
        let covered = self.covered();
        let forgettable = |shard: &&Shard| {
            let unlisted = shard.unlisted.is_some_and(|since| since.elapsed() >= memory);
            let covered = covered.get(&*shard.id) == Some(&[true; 2]);
            // The oldest first: a parent that is known would miss its child.
            let oldest = !shard.parents.iter().any(|parent| self.numbers.contains_key(parent));
            reported(shard) && ((covered && oldest) || (unlisted && !needed.contains(&*shard.id)))
        };
        let forgotten: Vec<Arc<str>> =
            self.all.values().filter(forgettable).map(|shard| Arc::clone(&shard.id)).collect();
        for number in forgotten.iter().filter_map(|id| self.numbers.remove(&**id)) {
            let listed = self.all.remove(&number).is_some_and(|shard| shard.unlisted.is_none());
            self.bygone += usize::from(listed);
        }
        forgotten.iter().map(ToString::to_string).collect()
    }

    /// Of each parent whether the first and the last of its hash keys are with children that tell of it: it was split into
    /// two or merged into one, so that these have all the others as well.
    fn covered(&self) -> HashMap<&str, [bool; 2]> {
        let mut covered = HashMap::<&str, [bool; 2]>::new();
        for child in self.all.values().filter(|shard| shard.tells_of_parents()) {
            for id in &child.parents {
                let parent = self.numbers.get(id).and_then(|number| self.all.get(number)?.range);
                let (Some((first, last)), Some(range)) = (parent, child.range) else { continue };
                let ends = covered.entry(id).or_default();
                for (end, key) in ends.iter_mut().zip([first, last]) {
                    *end |= range.0 <= key && key <= range.1;
                }
            }
        }
        covered
    }
}
