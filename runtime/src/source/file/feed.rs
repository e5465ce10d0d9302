//! The open source: which files there are, and whose turn it is.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use serde_json::Value;

use super::cursor::{Cursor, State};
use super::lane::Lane;
use super::packing::Packing;
use super::past::{Listed, Past};
use super::position::{Position, Serial, mtime, parse};
use super::{Options, Order, glob};
use crate::error::{Error, Kind};
use crate::source::{BoxFuture, ChunkSender, Feed, Fetched, Limits, Metrics, Resume};
use crate::{Result, clock};

/// Plain files that are open at the same time; others are opened again when it is their turn.
const OPEN_PLAIN: usize = 32;
/// Compressed files that are read side by side. Others wait until one of these has ended, as opening one again would
/// mean to decode it again from its start.
const OPEN_PACKED: usize = 32;

pub(super) struct FileFeed {
    options: Arc<Options>,
    /// By their numbers.
    lanes: Vec<Lane>,
    numbers: u32,
    /// Every file that was ever seen and is not forgotten.
    known: HashSet<String>,
    past: Past,
    /// Plain lanes that have been opened, the first one first.
    opened: VecDeque<u32>,
    scanned: Instant,
    /// Whether only what is there at the next look is wanted, and whether that look has been taken.
    stopping: bool,
    stopped: bool,
}

impl FileFeed {
    pub(super) async fn open(options: Arc<Options>, resume: Resume) -> Result<Self> {
        glob::check(&options.path)?;
        options.check_identity(resume.identity.as_ref())?;
        let found = list(&options).await?;
        if found.is_empty() && resume.partitions.is_empty() && options.follow.is_none() {
            let message = format!("no file matches `{}`", options.path);
            return Err(Error::new(Kind::Config, message).help(
                "check the path (a relative one counts from the folder the program was started in; names that begin with \
                 `.` or `_` are left out), or wait for files with `follow = 5s`",
            ));
        }
        let mut feed = Self {
            options,
            lanes: Vec::new(),
            numbers: 0,
            known: HashSet::new(),
            past: Past::default(),
            opened: VecDeque::new(),
            scanned: clock::monotonic(),
            stopping: false,
            stopped: false,
        };
        match feed.options.order {
            Order::Together => feed.resume_together(&resume)?,
            Order::OneAfterAnother => feed.resume_serial(&resume, &found)?,
        }
        feed.add(found)?;
        Ok(feed)
    }

    fn resume_together(&mut self, resume: &Resume) -> Result<()> {
        for (id, state) in &resume.partitions {
            if self.past.resume(&self.options.path, id, state)? {
                continue;
            }
            self.known.insert(id.clone());
            let at: Position = parse(id, &state.to)?;
            if state.drained {
                self.past.add(id, at.mtime);
            } else {
                let cursor = Cursor::new(id, at, &self.options);
                self.lane(id, Some(cursor));
            }
        }
        Ok(())
    }

    fn resume_serial(&mut self, resume: &Resume, found: &[Listed]) -> Result<()> {
        let id = self.options.path.clone();
        let Some(state) = resume.partitions.get(&id) else {
            self.lane(&id, None);
            return Ok(());
        };
        let serial: Serial = parse(&id, &state.to)?;
        let found = || found.iter().map(|(path, _)| path);
        let before = found().filter(|path| **path < serial.file);
        let count = before.clone().count() as u64;
        if count > serial.files {
            return Err(late(
                &format!("{count} files come before it by name, but only {} have been read", serial.files),
                &serial.file,
            ));
        }
        self.known.extend(before.cloned());
        if state.drained {
            self.known.extend(found().cloned());
            return Ok(());
        }
        let cursor = (!serial.file.is_empty()).then(|| Cursor::new(&serial.file, serial.at, &self.options));
        self.known.insert(serial.file);
        self.lane(&id, cursor);
        if let Some(lane) = self.lanes.first_mut() {
            (lane.files, lane.before) = (serial.files, serial.before);
        }
        Ok(())
    }

    fn lane(&mut self, id: &str, cursor: Option<Cursor>) {
        self.lanes.push(Lane::new(self.numbers, id, cursor));
        self.numbers += 1;
    }

    /// Takes in files that were not known yet.
    fn add(&mut self, found: Vec<Listed>) -> Result<()> {
        for file in found {
            if self.known.contains(&file.0) {
                continue;
            }
            self.past.check(&file)?;
            let (path, _) = file;
            self.known.insert(path.clone());
            Packing::of(&path, self.options.compression).check(&path)?;
            match self.options.order {
                Order::Together => {
                    let cursor = Cursor::new(&path, Position::default(), &self.options);
                    self.lane(&path, Some(cursor));
                }
                Order::OneAfterAnother => {
                    let Some(lane) = self.lanes.first_mut() else { continue };
                    if let Some(cursor) = lane.cursor.as_ref().filter(|cursor| *path < *cursor.path) {
                        return Err(late(&format!("`{path}` has been added"), &cursor.path));
                    }
                    let place = lane.queue.partition_point(|other| *other < path);
                    lane.queue.insert(place, path);
                }
            }
        }
        Ok(())
    }

    /// Looks for new files, and whether those that were read to their ends have changed.
    async fn scan(&mut self) -> Result<()> {
        let waiting: Vec<(u32, String)> = self
            .lanes
            .iter()
            .filter_map(|lane| Some((lane.number, lane.cursor.as_ref()?)))
            .filter(|(_, cursor)| cursor.state == State::CaughtUp)
            .map(|(number, cursor)| (number, cursor.path.to_string()))
            .collect();
        let options = Arc::clone(&self.options);
        let (found, looks) = blocking(&self.options, move || {
            let looks: Vec<_> = waiting.into_iter().map(|(number, path)| (number, std::fs::metadata(&path))).collect();
            Ok((glob::list(&options.path)?, looks))
        })
        .await?;
        for (number, look) in looks {
            let Ok(index) = self.lanes.binary_search_by_key(&number, |lane| lane.number) else { continue };
            let Some(cursor) = self.lanes.get_mut(index).and_then(|lane| lane.cursor.as_mut()) else { continue };
            // What cannot be looked at is opened, which says what is wrong with it.
            let same = look.is_ok_and(|look| look.len() == cursor.at.len && mtime(&look) == cursor.at.mtime);
            if !same {
                cursor.state = State::Reading;
            }
        }
        self.past.look(&found, self.options.max_file_age);
        self.add(found)?;
        self.scanned = clock::monotonic();
        Ok(())
    }

    /// The lanes to read in this fetch, those first of which the least has been read: that is known from the positions
    /// alone, and lets none starve.
    fn turns(&self) -> Vec<u32> {
        let mut turns: Vec<&Lane> = self.lanes.iter().filter(|lane| !lane.drained).collect();
        let mut packed = 0;
        if self.options.order == Order::Together {
            turns.sort_unstable_by(|left, right| {
                (left.read_so_far() == 0, &left.id).cmp(&(right.read_so_far() == 0, &right.id))
            });
            turns.retain(|lane| {
                packed += usize::from(lane.packed());
                !lane.packed() || packed <= OPEN_PACKED
            });
        }
        turns.sort_unstable_by(|left, right| (left.read_so_far(), &left.id).cmp(&(right.read_so_far(), &right.id)));
        turns.into_iter().map(|lane| lane.number).collect()
    }
}

impl FileFeed {
    async fn read(&mut self, limits: &Limits, out: &mut ChunkSender) -> Result<Fetched> {
        // What was drained has been reported, and the engine keeps it.
        for drained in self.lanes.extract_if(.., |lane| lane.drained) {
            let mtime = drained.cursor.map_or(0, |cursor| cursor.at.mtime);
            self.past.add(&drained.id, mtime);
        }
        let following = self.options.follow;
        if self.stopping && !self.stopped {
            self.scan().await?;
            self.bound();
            self.stopped = true;
        } else if following.is_some_and(|interval| clock::since(self.scanned) >= interval) && !self.stopping {
            self.scan().await?;
        }
        // A file that has rows in this epoch must not be forgotten in it: its event times count for the watermark.
        let forgotten = if out.sent() == (0, 0) { self.past.forget(&mut self.known) } else { Vec::new() };
        for lane in &mut self.lanes {
            lane.rows = 0;
            lane.from = lane.position(&self.options);
        }
        let mut turns = self.turns();
        let share = limits.rows.map(|rows| rows.div_ceil((turns.len() as u64).max(1)));
        let mut bytes = 0;
        'fetch: loop {
            let (mut progress, mut full) = (false, false);
            for &number in &turns {
                let Ok(index) = self.lanes.binary_search_by_key(&number, |lane| lane.number) else { continue };
                if self.lanes.get(index).is_none_or(Lane::caught_up) {
                    continue;
                }
                self.make_room(index);
                let Some(lane) = self.lanes.get_mut(index) else { continue };
                let left = share.map_or(u64::MAX, |share| share.saturating_sub(lane.rows));
                if left == 0 {
                    full |= !lane.drained;
                    continue;
                }
                let read = lane.read(&self.options, self.options.chunk, left, out.spare());
                let Some(chunk) = read.await? else { continue };
                progress = true;
                bytes += chunk.data.len();
                if !out.send(chunk).await || bytes >= limits.bytes {
                    break 'fetch;
                }
                // A limit of rows alone decides what is in an epoch; the time does so only where there is none.
                if limits.rows.is_none() && clock::monotonic() >= limits.until {
                    break 'fetch;
                }
            }
            if progress {
                if share.is_none() {
                    turns = self.turns();
                }
                continue;
            }
            let Some(interval) = following.filter(|_| !self.stopping && !full) else { break };
            let now = clock::monotonic();
            if now >= limits.until || (limits.eager && bytes > 0) {
                break;
            }
            clock::sleep_until((self.scanned + interval).min(limits.until)).await;
            if clock::monotonic() >= self.scanned + interval {
                let known = self.numbers;
                self.scan().await?;
                for lane in self.lanes.iter_mut().filter(|lane| lane.number >= known) {
                    lane.from = lane.position(&self.options);
                }
                turns = self.turns();
            }
        }
        for lane in &mut self.lanes {
            lane.settle(&self.options);
        }
        let waiting = self.lanes.iter().filter(|lane| !lane.drained && !lane.caught_up()).count();
        let ends = following.is_none() || self.stopped;
        let at_share =
            |lane: &Lane| share.is_some_and(|share| lane.rows >= share) && !lane.drained && !lane.caught_up();
        let mut metrics = Metrics::default();
        metrics.gauge("filesWaiting", waiting as f64);
        let files = self.lanes.iter().map(|lane| lane.progress(&self.options));
        Ok(Fetched {
            partitions: files.chain(self.past.progress(&self.options.path)).collect(),
            forgotten,
            exhausted: ends && waiting == 0,
            full: bytes >= limits.bytes || self.lanes.iter().any(at_share),
            metrics,
        })
    }

    /// Binds every file to the length it has now.
    fn bound(&mut self) {
        for lane in &mut self.lanes {
            lane.bound();
        }
    }

    /// Closes the plain file that was opened first when too many are open and this one is not.
    fn make_room(&mut self, index: usize) {
        let Some(lane) = self.lanes.get(index) else { return };
        if lane.is_open() || lane.packed() {
            return;
        }
        let number = lane.number;
        self.opened.retain(|other| *other != number);
        while self.opened.len() >= OPEN_PLAIN {
            let Some(first) = self.opened.pop_front() else { break };
            let Ok(index) = self.lanes.binary_search_by_key(&first, |lane| lane.number) else { continue };
            if let Some(cursor) = self.lanes.get_mut(index).and_then(|lane| lane.cursor.as_mut()) {
                cursor.close();
            }
        }
        self.opened.push_back(number);
    }
}

impl Feed for FileFeed {
    fn fetch<'a>(&'a mut self, limits: &'a Limits, out: &'a mut ChunkSender) -> BoxFuture<'a, Result<Fetched>> {
        Box::pin(self.read(limits, out))
    }

    fn identity(&self) -> Value {
        self.options.identity()
    }

    fn stop_at_present(&mut self) {
        self.stopping = self.options.follow.is_some();
    }
}

async fn list(options: &Arc<Options>) -> Result<Vec<Listed>> {
    let shared = Arc::clone(options);
    blocking(options, move || glob::list(&shared.path)).await
}

/// Runs what waits for a disk where it holds up no other source.
async fn blocking<T: Send + 'static>(
    options: &Options,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        Error::new(Kind::Internal, format!("looking for `{}` was broken off", options.path)).caused_by(error)
    })?
}

fn late(what: &str, file: &str) -> Error {
    Error::new(Kind::Config, format!("files are read one after another by name, and reading is at `{file}`: {what}"))
        .help(
            "new files need names that sort after those that have been read; or read all side by side with \
         `order = together` and a new checkpoint",
        )
}
