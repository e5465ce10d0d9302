//! Groups that memory has no room for: on disk, for as long as nothing is done to them.
//!
//! A group is in memory or on disk, and the one in memory counts: what the disk has of it is then older. Groups go to disk as whole
//! tables, after an epoch ([`Groups::evict`]); they come back before an epoch's rows are added to them ([`Groups::thaw`]). So all
//! that changes groups knows only of those in memory, and what reads all of them reads both, a piece at a time.
//!
//! A record on disk has the key group and a hash of the key for its id, and for its bytes the row that a state file would have, in
//! Arrow's row format. Two keys of one id stay in memory, both: they meet there, as the second to come looks for the id, too.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Field, Schema};
use arrow::row::{RowConverter, SortField};

use super::held::{Groups, Held, Pane, UNDATED, day, stripe_in, stripe_of};
use super::key::{KEY_GROUPS, Key};
use super::keyed::{STRIPES, stripe_len};
use super::pulse::Pulse;
use super::reduce::KeyedSpec;
use super::state_rows::{StateRows, broken, read, types};
use super::window::ALL_OF_TIME;
use crate::Result;
use crate::error::{Error, Kind};
use crate::schema::Stored;
use crate::state::scratch::Scratch;
use crate::state::shelf::{Record, Shelf};
use crate::time::Timestamp;

/// Groups that are encoded or decoded at once.
const PIECE: usize = 4_096;
/// Bytes of groups that are encoded or decoded at once, if they are large.
const BULK: usize = 4 << 20;
/// Bytes of a table that stays in memory: what is kept of a file, with its index, is not much less. Tests have small tables.
const LEAST: usize = if cfg!(test) { 1 } else { 4 << 10 };
/// Groups on disk from which on less than a stripe is merged at once.
const MANY: u64 = 1 << 18;
/// Where in an id its key group is; below it is the hash.
const GROUP_BIT: u32 = 68;

/// How groups are written to disk.
pub(super) struct Codec {
    spec: KeyedSpec,
    rows: RowConverter,
    scratch: Arc<Scratch>,
    /// Beats for each piece.
    pulse: Arc<Pulse>,
    /// The bits of a hash that are in an id: all of them, but in tests.
    pub(super) bits: u128,
}

/// The groups of a pane that are on disk.
pub(super) struct ColdPane {
    /// By stripe.
    shelves: [Shelf; STRIPES],
    /// Of groups with a time to live: their ids, by the event times of their last rows.
    calendars: [Shelf; STRIPES],
    /// The key groups that have records.
    key_groups: u128,
    /// How many groups have records, and how many of these are in memory.
    pub(super) records: u64,
    pub(super) shadowed: u64,
}

impl ColdPane {
    fn new(scratch: &Arc<Scratch>) -> Self {
        Self {
            shelves: std::array::from_fn(|_| Shelf::new(scratch, true)),
            calendars: std::array::from_fn(|_| Shelf::new(scratch, false)),
            key_groups: 0,
            records: 0,
            shadowed: 0,
        }
    }

    fn has(&self, key_group: u16) -> bool {
        self.key_groups >> (key_group % KEY_GROUPS) & 1 == 1
    }

    /// Groups that are on disk only.
    pub(super) fn len(&self) -> u64 {
        self.records - self.shadowed
    }

    /// Bytes of memory.
    pub(super) fn memory(&self) -> usize {
        size_of::<Self>() + self.shelves.iter().chain(&self.calendars).map(Shelf::memory).sum::<usize>()
    }

    /// Bytes on disk.
    pub(super) fn disk(&self) -> u64 {
        self.shelves.iter().chain(&self.calendars).map(Shelf::disk).sum()
    }
}

/// Encoded groups that are decoded together.
#[derive(Default)]
struct Encoded {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Encoded {
    fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.ends.push(self.bytes.len());
    }

    fn is_full(&self) -> bool {
        self.ends.len() >= PIECE || self.bytes.len() >= BULK
    }
}

impl Codec {
    fn new<K: Stored, A: Stored>(spec: KeyedSpec, scratch: Arc<Scratch>, pulse: Arc<Pulse>) -> Result<Self> {
        let empty = StateRows::<K, A>::default().finish(&spec)?;
        let columns = empty.first().ok_or_else(|| broken(&spec))?.schema();
        let fields = columns.fields().iter().map(|field| SortField::new(field.data_type().clone())).collect();
        let rows = RowConverter::new(fields).map_err(|error| {
            let message = format!("the state of `{}` has a column that cannot be spilled to disk: {error}", spec.name);
            Error::new(Kind::Config, message)
                .help("run it without `.spill(..)`, and with the memory that its state needs")
        })?;
        Ok(Self { spec, rows, scratch, pulse, bits: u128::MAX })
    }

    /// The id of a key.
    fn id<K: Key>(&self, key_group: u16, key: &K, canonical: &mut Vec<u8>) -> u128 {
        canonical.clear();
        key.canonical(canonical);
        let hash = xxhash_rust::xxh3::xxh3_128(canonical) & self.bits;
        u128::from(key_group) << GROUP_BIT | (hash & ((1 << GROUP_BIT) - 1))
    }

    /// Decodes groups, and leaves none.
    fn decode<K: Stored, A: Stored>(&self, of: &mut Encoded, mut put: impl FnMut(u16, i64, K, A)) -> Result<()> {
        if of.ends.is_empty() {
            return Ok(());
        }
        self.pulse.beat();
        let (parser, mut begin) = (self.rows.parser(), 0);
        let rows = of.ends.iter().map(|&end| {
            let row = parser.parse(of.bytes.get(begin..end).unwrap_or_default());
            begin = end;
            row
        });
        let columns = self.rows.convert_rows(rows).map_err(|error| broken(&self.spec).caused_by(error))?;
        let types = types::<K>().len() + types::<A>().len();
        let names = self.spec.keys.iter().chain(self.spec.values).copied();
        debug_assert_eq!(types, names.clone().count());
        let fields: Vec<Field> = ["", ""]
            .into_iter()
            .chain(names)
            .zip(&columns)
            .map(|(name, column)| Field::new(name, column.data_type().clone(), true))
            .collect();
        let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
            .map_err(|error| broken(&self.spec).caused_by(error))?;
        of.bytes.clear();
        of.ends.clear();
        read(&self.spec, &batch, &|_| true, &mut put)
    }
}

/// Where the records of some key groups are in a shelf.
fn ids_of(key_groups: &Range<u16>) -> (u128, u128) {
    (u128::from(key_groups.start) << GROUP_BIT, (u128::from(key_groups.end) << GROUP_BIT) - 1)
}

/// Where in the id of an entry of a calendar its time is.
const TIME_BIT: u32 = 84;

/// The id of an entry of a calendar: the event time, of which all but the last second are enough for the order, and the id of the
/// group. Of two entries of a group and a second the later one is true.
fn entry_of(time: i64, id: u128) -> u128 {
    u128::from((time.cast_unsigned() ^ 1 << 63) >> 20) << TIME_BIT | id
}

impl<K: Key, A: Stored> Groups<K, A> {
    /// From now on groups may be put on disk.
    pub(super) fn spill_to(&mut self, spec: KeyedSpec, scratch: Arc<Scratch>, pulse: Arc<Pulse>) -> Result<()> {
        self.codec = Some(Codec::new::<K, A>(spec, scratch, pulse)?);
        Ok(())
    }

    /// All key groups, in ranges of which all groups of some panes fit into memory: a stripe, or one key group where the disk has
    /// many.
    pub(super) fn grains(&self, panes: Range<i64>) -> impl Iterator<Item = Range<u16>> + use<K, A> {
        let cold = self.panes.range(panes).filter_map(|(_, pane)| pane.cold.as_ref());
        let step = if cold.map(|cold| cold.records).sum::<u64>() > MANY { 1 } else { stripe_len() };
        (0..KEY_GROUPS).step_by(step.into()).map(move |low| low..low + step)
    }

    /// Whether some of these panes have groups on disk.
    pub(super) fn has_cold(&self, panes: Range<i64>) -> bool {
        self.codec.is_some() && self.panes.range(panes).any(|(_, pane)| pane.cold.is_some())
    }

    /// The groups that are on disk only, and the bytes there.
    pub(super) fn spilled(&self) -> (u64, u64) {
        let cold = self.panes.values().filter_map(|pane| pane.cold.as_ref());
        cold.fold((0, 0), |(keys, bytes), cold| (keys + cold.len(), bytes + cold.disk()))
    }

    /// Makes a group of a record.
    fn held(&self, key_group: u16, last: i64, key: K, state: A) -> Held<K, A> {
        Held { hash: self.hash(&key, key_group), key, state, last, key_group, changed: false, stored: true }
    }

    fn is_hot(pane: &Pane<K, A>, held: &Held<K, A>) -> bool {
        pane.find(held.hash, &held.key).is_some()
    }

    /// Gives those of these keys of a pane that are on disk only, a piece at a time.
    pub(super) fn look_up<'k>(
        &self,
        at: i64,
        keys: impl Iterator<Item = (u16, &'k K)>,
        mut each: impl FnMut(Vec<Held<K, A>>) -> Result<()>,
    ) -> Result<()> {
        let Some((codec, pane, cold)) = self.cold(at) else { return Ok(()) };
        let (mut wanted, mut canonical) = (vec![Vec::new(); STRIPES], Vec::new());
        for (key_group, key) in keys.filter(|(key_group, _)| cold.has(*key_group)) {
            let hash = self.hash(key, key_group);
            if pane.find(hash, key).is_none() {
                wanted[stripe_in(hash)].push(codec.id(key_group, key, &mut canonical));
            }
        }
        for (shelf, mut ids) in cold.shelves.iter().zip(wanted) {
            ids.sort_unstable();
            ids.dedup();
            self.find(codec, pane, shelf, ids, |_, _| true, &mut each)?;
        }
        Ok(())
    }

    fn cold(&self, at: i64) -> Option<(&Codec, &Pane<K, A>, &ColdPane)> {
        let pane = self.panes.get(&at)?;
        Some((self.codec.as_ref()?, pane, pane.cold.as_deref()?))
    }

    /// Gives the groups of a shelf that have these ids and are not in memory.
    fn find(
        &self,
        codec: &Codec,
        pane: &Pane<K, A>,
        shelf: &Shelf,
        ids: Vec<u128>,
        wanted: impl Fn(u128, i64) -> bool,
        each: &mut impl FnMut(Vec<Held<K, A>>) -> Result<()>,
    ) -> Result<()> {
        let mut encoded = Encoded::default();
        if !ids.is_empty() {
            shelf.find(ids, |record| {
                if wanted(record.id, record.time) {
                    encoded.push(record.bytes);
                }
                if encoded.is_full() { self.give(codec, pane, &mut encoded, each) } else { Ok(()) }
            })?;
        }
        self.give(codec, pane, &mut encoded, each)
    }

    /// Decodes groups, and gives those that are not in memory.
    fn give(
        &self,
        codec: &Codec,
        pane: &Pane<K, A>,
        encoded: &mut Encoded,
        each: &mut impl FnMut(Vec<Held<K, A>>) -> Result<()>,
    ) -> Result<()> {
        let mut groups = Vec::with_capacity(encoded.ends.len());
        codec.decode(encoded, |key_group, last, key, state| groups.push(self.held(key_group, last, key, state)))?;
        groups.retain(|held| !Self::is_hot(pane, held));
        if groups.is_empty() { Ok(()) } else { each(groups) }
    }

    /// Brings those of these keys that are on disk back to memory.
    pub(super) fn thaw<'k>(&mut self, at: i64, keys: impl Iterator<Item = (u16, &'k K)>) -> Result<()>
    where
        K: 'k,
    {
        let mut thawed = Vec::new();
        self.look_up(at, keys, |groups| {
            thawed.push(groups);
            Ok(())
        })?;
        let Some(pane) = self.panes.get_mut(&at) else { return Ok(()) };
        for held in thawed.into_iter().flatten() {
            if self.window.has_ttl() {
                self.calendar.entry(day(self.window, held.last)).or_default().push(held.hash);
            }
            pane.heap += held.heap();
            if let Some(cold) = &mut pane.cold {
                cold.shadowed += 1;
            }
            pane.tables[stripe_in(held.hash)].insert_unique(held.hash, held, |held| held.hash);
        }
        Ok(())
    }

    /// Gives the groups of some panes and key groups that are on disk only, each piece with its pane.
    pub(super) fn cold_of(
        &self,
        panes: Range<i64>,
        key_groups: Range<u16>,
        each: &mut dyn FnMut(i64, Vec<Held<K, A>>) -> Result<()>,
    ) -> Result<()> {
        let (from, to) = ids_of(&key_groups);
        let stripes = stripe_of(key_groups.start)..=stripe_of(key_groups.end.saturating_sub(1));
        for (&at, pane) in self.panes.range(panes) {
            let Some((codec, _, cold)) = self.cold(at) else { continue };
            for stripe in stripes.clone() {
                let (mut scan, mut encoded) = (cold.shelves[stripe].scan(from, to)?, Encoded::default());
                while let Some(record) = scan.next()? {
                    encoded.push(record.bytes);
                    if encoded.is_full() {
                        self.give(codec, pane, &mut encoded, &mut |groups| each(at, groups))?;
                    }
                }
                self.give(codec, pane, &mut encoded, &mut |groups| each(at, groups))?;
            }
        }
        Ok(())
    }

    /// Gives the groups on disk whose time to live has run out, and forgets them. Those in memory are
    /// [`Self::take_ended`]'s.
    pub(super) fn end_cold(
        &mut self,
        watermark: Timestamp,
        mut each: impl FnMut(Vec<Held<K, A>>) -> Result<()>,
    ) -> Result<u64> {
        let Some((codec, pane, cold)) = self.cold(ALL_OF_TIME) else { return Ok(0) };
        let ttl = self.window.size();
        // Those with earlier times have ended.
        let before = if watermark == Timestamp::MAX {
            i64::MAX
        } else {
            watermark.micros().saturating_sub(ttl).saturating_add(1)
        };
        let mut ended = 0;
        for (shelf, calendar) in cold.shelves.iter().zip(&cold.calendars) {
            // What is earlier is dead, and has been looked at.
            let mut scan = calendar.scan(entry_of(calendar.dead_before(), 0), entry_of(before, (1 << TIME_BIT) - 1))?;
            loop {
                let mut due = Vec::new();
                while due.len() < PIECE * 4
                    && let Some(Record { time, bytes, .. }) = scan.next()?
                {
                    let id = bytes.first_chunk().ok_or_else(|| broken(&codec.spec))?;
                    if time < before {
                        due.push((u128::from_le_bytes(*id), time));
                    }
                }
                if due.is_empty() {
                    break;
                }
                due.sort_unstable();
                let mut ids: Vec<u128> = due.iter().map(|(id, _)| *id).collect();
                ids.dedup();
                // An entry that a later row of the group has made untrue is passed over.
                let is_due = |id: u128, time: i64| due.binary_search(&(id, time)).is_ok();
                self.find(codec, pane, shelf, ids, is_due, &mut |groups| {
                    ended += groups.len() as u64;
                    each(groups)
                })?;
            }
        }
        if let Some(cold) = self.panes.get_mut(&ALL_OF_TIME).and_then(|pane| pane.cold.as_mut()) {
            cold.records -= ended;
            cold.shelves.iter_mut().chain(&mut cold.calendars).for_each(|shelf| shelf.forget(before));
        }
        Ok(ended)
    }

    /// Puts groups on disk until memory has so many bytes less, the largest tables first.
    pub(super) fn evict(&mut self, bytes: u64) -> Result<()> {
        let mut tables = Vec::new();
        for (&at, pane) in &self.panes {
            // What text and lists hold is counted by pane.
            let hot = pane.tables.iter().map(|table| table.len()).sum::<usize>().max(1);
            for (stripe, table) in pane.tables.iter().enumerate() {
                let heap = (pane.heap as u128 * table.len() as u128 / hot as u128) as usize;
                tables.push((heap + table.allocation_size(), at, stripe));
            }
        }
        tables.sort_unstable_by(|one, other| other.cmp(one));
        let mut freed = 0;
        for (size, at, stripe) in tables {
            if freed >= bytes || size < LEAST {
                break;
            }
            if self.evict_table(at, stripe)? {
                freed += size as u64;
            }
        }
        Ok(())
    }

    /// Puts a table on disk; gives whether it went.
    fn evict_table(&mut self, at: i64, stripe: usize) -> Result<bool> {
        let (Some(codec), Some(pane)) = (&self.codec, self.panes.get_mut(&at)) else { return Ok(false) };
        let ttl = self.window.has_ttl();
        // Before the first watermark all of them would come back at once.
        if ttl && pane.tables[stripe].iter().all(|held| held.last == UNDATED) {
            return Ok(false);
        }
        let table = std::mem::take(&mut pane.tables[stripe]);
        pane.heap -= table.iter().map(Held::heap).sum::<usize>();
        let mut canonical = Vec::new();
        let mut groups: Vec<(u128, Held<K, A>)> =
            table.into_iter().map(|held| (codec.id(held.key_group, &held.key, &mut canonical), held)).collect();
        groups.sort_unstable_by_key(|(id, _)| *id);
        // Keys of one id, and groups that have no time yet to end at.
        let same = |at: usize| groups.get(at).map(|(id, _)| *id);
        let stays = |at: usize| {
            let twin = same(at) == same(at + 1) || at > 0 && same(at) == same(at - 1);
            twin || ttl && groups.get(at).is_some_and(|(_, held)| held.last == UNDATED)
        };
        let stay: Vec<bool> = (0..groups.len()).map(stays).collect();
        let (mut kept, mut going) = (Vec::new(), Vec::with_capacity(groups.len()));
        for (group, stays) in groups.into_iter().zip(stay) {
            if stays { kept.push(group.1) } else { going.push(group) }
        }
        let cold = pane.cold.get_or_insert_with(|| Box::new(ColdPane::new(&codec.scratch)));
        cold.shelves[stripe].put(going.len(), |out| {
            let mut rows = StateRows::default();
            let mut rest = going.as_slice();
            while !rest.is_empty() {
                codec.pulse.beat();
                let mut bytes = 0;
                let fits = |(_, held): &&(u128, Held<K, A>)| {
                    bytes += size_of::<Held<K, A>>() + held.heap();
                    bytes < BULK
                };
                let len = rest.iter().take(PIECE).take_while(fits).count().max(1);
                let piece;
                (piece, rest) = rest.split_at(len);
                piece.iter().for_each(|(_, held)| rows.push(held.key_group, held.last, &held.key, &held.state));
                let mut ids = piece.iter();
                for batch in rows.finish(&codec.spec)? {
                    let encoded = codec.rows.convert_columns(batch.columns());
                    let encoded = encoded.map_err(|error| broken(&codec.spec).caused_by(error))?;
                    for (row, (id, held)) in encoded.iter().zip(ids.by_ref()) {
                        let time = if ttl { held.last } else { 0 };
                        out.push(Record { id: *id, time, bytes: row.data() })?;
                    }
                }
            }
            Ok(())
        })?;
        if ttl {
            let mut entries: Vec<(u128, i64, u128)> =
                going.iter().map(|(id, held)| (entry_of(held.last, *id), held.last, *id)).collect();
            entries.sort_unstable();
            entries.dedup_by_key(|(entry, ..)| *entry);
            cold.calendars[stripe].put(entries.len(), |out| {
                let mut entries = entries.iter();
                entries.try_for_each(|(entry, time, id)| {
                    out.push(Record { id: *entry, time: *time, bytes: &id.to_le_bytes() })
                })
            })?;
            for hashes in self.calendar.values_mut() {
                hashes.retain(|hash| stripe_in(*hash) != stripe);
                hashes.shrink_to_fit();
            }
            self.calendar.retain(|_, hashes| !hashes.is_empty());
        }
        for (_, held) in &going {
            cold.key_groups |= 1 << (held.key_group % KEY_GROUPS);
            let before = if held.stored { &mut cold.shadowed } else { &mut cold.records };
            *before = if held.stored { *before - 1 } else { *before + 1 };
        }
        drop(going);
        for held in kept {
            if ttl {
                self.calendar.entry(day(self.window, held.last)).or_default().push(held.hash);
            }
            pane.heap += held.heap();
            pane.tables[stripe].insert_unique(held.hash, held, |held| held.hash);
        }
        Ok(true)
    }
}
