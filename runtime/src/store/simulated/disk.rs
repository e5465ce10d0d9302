//! A disk in memory that knows what is synced.
//!
//! A file's content is safe up to where it was when the file was synced. The names in a folder are safe as they were when
//! the folder was synced; what was done to them since then is a list of steps, of which a power cut keeps some. A link, a
//! rename, a removal is one step: it is kept whole or not at all, but it may be kept though an earlier one is not.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::sync::{Arc, Weak};

use super::{Life, Random};

/// The number of a file or a folder.
pub(super) type Inode = usize;

/// The root.
pub(super) const ROOT: Inode = 0;

/// Bytes that a disk writes at once: of what is not synced, each block may be lost alone.
const BLOCK: usize = 512;

#[derive(Debug, Clone)]
enum Node {
    Folder { names: BTreeMap<String, Inode>, synced: BTreeMap<String, Inode>, removed: bool },
    File { content: Arc<Vec<u8>>, synced: usize },
}

impl Node {
    fn folder() -> Self {
        Self::Folder { names: BTreeMap::new(), synced: BTreeMap::new(), removed: false }
    }
}

/// A name that is given or taken.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Change {
    folder: Inode,
    name: String,
    to: Option<Inode>,
}

/// What was done to names at once, and is not synced.
#[derive(Debug, Clone)]
struct Step {
    changes: Vec<Change>,
    /// A folder that was removed: what was done in it before happened before.
    removed: Option<Inode>,
}

impl Step {
    fn touches(&self, folder: Inode) -> bool {
        self.changes.iter().any(|change| change.folder == folder)
    }
}

/// See the [module](self).
#[derive(Debug, Clone)]
pub(in crate::store) struct Disk {
    nodes: Vec<Node>,
    unsynced: Vec<Step>,
    locks: BTreeMap<Inode, Weak<Life>>,
}

impl Default for Disk {
    fn default() -> Self {
        Self { nodes: vec![Node::folder()], unsynced: Vec::new(), locks: BTreeMap::new() }
    }
}

impl Disk {
    fn names(&self, folder: Inode) -> io::Result<&BTreeMap<String, Inode>> {
        match self.nodes.get(folder) {
            Some(Node::Folder { names, removed: false, .. }) => Ok(names),
            Some(Node::Folder { .. }) => Err(ErrorKind::NotFound.into()),
            _ => Err(ErrorKind::NotADirectory.into()),
        }
    }

    fn find(&self, folder: Inode, name: &str) -> io::Result<Inode> {
        self.names(folder)?.get(name).copied().ok_or_else(|| ErrorKind::NotFound.into())
    }

    /// Refuses a name that is taken, and a folder that is gone.
    fn free(&self, folder: Inode, name: &str) -> io::Result<()> {
        if self.names(folder)?.contains_key(name) { Err(ErrorKind::AlreadyExists.into()) } else { Ok(()) }
    }

    fn add(&mut self, node: Node) -> Inode {
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    fn step(&mut self, changes: Vec<Change>, removed: Option<Inode>) {
        for change in &changes {
            self.apply(change, false);
        }
        self.unsynced.push(Step { changes, removed });
    }

    fn apply(&mut self, change: &Change, to_synced: bool) {
        let Some(Node::Folder { names, synced, .. }) = self.nodes.get_mut(change.folder) else { return };
        let names = if to_synced { synced } else { names };
        match change.to {
            Some(inode) => names.insert(change.name.clone(), inode),
            None => names.remove(&change.name),
        };
    }

    pub(super) fn folder(&self, folder: Inode, name: &str) -> io::Result<Inode> {
        let inode = self.find(folder, name)?;
        self.names(inode).map(|_| inode)
    }

    pub(super) fn file(&self, folder: Inode, name: &str) -> io::Result<Inode> {
        let inode = self.find(folder, name)?;
        self.content(inode).map(|_| inode)
    }

    /// What is in a file.
    pub(super) fn content(&self, file: Inode) -> io::Result<&Arc<Vec<u8>>> {
        match self.nodes.get(file) {
            Some(Node::File { content, .. }) => Ok(content),
            _ => Err(ErrorKind::IsADirectory.into()),
        }
    }

    /// Each name, and whether it is that of a folder.
    pub(super) fn list(&self, folder: Inode) -> io::Result<Vec<(String, bool)>> {
        let is_folder = |inode: &Inode| matches!(self.nodes.get(*inode), Some(Node::Folder { .. }));
        Ok(self.names(folder)?.iter().map(|(name, inode)| (name.clone(), is_folder(inode))).collect())
    }

    pub(super) fn make_folder(&mut self, folder: Inode, name: &str) -> io::Result<()> {
        self.make(folder, name, Node::folder()).map(drop)
    }

    pub(super) fn create(&mut self, folder: Inode, name: &str) -> io::Result<Inode> {
        self.make(folder, name, Node::File { content: Arc::default(), synced: 0 })
    }

    fn make(&mut self, folder: Inode, name: &str, node: Node) -> io::Result<Inode> {
        self.free(folder, name)?;
        let inode = self.add(node);
        self.step(vec![Change { folder, name: name.to_owned(), to: Some(inode) }], None);
        Ok(inode)
    }

    pub(super) fn remove(&mut self, folder: Inode, name: &str) -> io::Result<()> {
        self.file(folder, name)?;
        self.step(vec![Change { folder, name: name.to_owned(), to: None }], None);
        Ok(())
    }

    pub(super) fn remove_folder(&mut self, folder: Inode, name: &str) -> io::Result<()> {
        let inode = self.folder(folder, name)?;
        if !self.names(inode)?.is_empty() {
            return Err(ErrorKind::DirectoryNotEmpty.into());
        }
        self.step(vec![Change { folder, name: name.to_owned(), to: None }], Some(inode));
        if let Some(Node::Folder { removed, .. }) = self.nodes.get_mut(inode) {
            *removed = true;
        }
        Ok(())
    }

    pub(super) fn rename(&mut self, folder: Inode, name: &str, to: Inode, new: &str) -> io::Result<()> {
        let inode = self.file(folder, name)?;
        self.free(to, new)?;
        let taken = Change { folder, name: name.to_owned(), to: None };
        self.step(vec![taken, Change { folder: to, name: new.to_owned(), to: Some(inode) }], None);
        Ok(())
    }

    pub(super) fn link(&mut self, folder: Inode, name: &str, to: Inode, new: &str) -> io::Result<()> {
        let inode = self.file(folder, name)?;
        self.free(to, new)?;
        self.step(vec![Change { folder: to, name: new.to_owned(), to: Some(inode) }], None);
        Ok(())
    }

    pub(super) fn write(&mut self, file: Inode, bytes: &[u8]) {
        if let Some(Node::File { content, .. }) = self.nodes.get_mut(file) {
            Arc::make_mut(content).extend_from_slice(bytes);
        }
    }

    pub(super) fn empty(&mut self, file: Inode) {
        if let Some(Node::File { content, synced }) = self.nodes.get_mut(file) {
            (*content, *synced) = (Arc::default(), 0);
        }
    }

    pub(super) fn sync_file(&mut self, file: Inode) {
        if let Some(Node::File { content, synced }) = self.nodes.get_mut(file) {
            *synced = content.len();
        }
    }

    /// The names in a folder last from now on.
    pub(super) fn sync_folder(&mut self, folder: Inode) {
        let steps = std::mem::take(&mut self.unsynced);
        let mut kept: Vec<bool> = steps.iter().map(|step| step.touches(folder)).collect();
        keep_what_comes_before(&steps, &mut kept);
        for (step, kept) in steps.into_iter().zip(kept) {
            if !kept {
                self.unsynced.push(step);
                continue;
            }
            step.changes.iter().for_each(|change| self.apply(change, true));
            // What it has undone does not come back.
            let undone =
                |old: &Change| step.changes.iter().any(|new| (new.folder, &new.name) == (old.folder, &old.name));
            for earlier in &mut self.unsynced {
                earlier.changes.retain(|old| !undone(old));
            }
        }
    }

    /// Takes the lock of a file for a process, unless one that lives has it.
    pub(super) fn lock(&mut self, file: Inode, life: &Arc<Life>) -> bool {
        let holder = self.locks.get(&file).and_then(Weak::upgrade);
        if holder.is_some_and(|holder| !holder.dead() && !Arc::ptr_eq(&holder, life)) {
            return false;
        }
        self.locks.insert(file, Arc::downgrade(life));
        true
    }

    pub(super) fn unlock(&mut self, file: Inode, life: &Arc<Life>) {
        if self.locks.get(&file).is_some_and(|holder| std::ptr::eq(holder.as_ptr(), Arc::as_ptr(life))) {
            self.locks.remove(&file);
        }
    }

    /// Keeps what is synced and, of the rest, what `seed` says: all, nothing, what came first, or anything.
    pub(in crate::store) fn cut_power(&mut self, seed: u64) {
        let mut random = Random(seed);
        let steps = std::mem::take(&mut self.unsynced);
        let first = random.below(steps.len() as u64 + 1) as usize;
        let way = random.below(8);
        let mut keep = |number: usize| match way {
            0 => true,
            1 => false,
            2 | 3 => number < first,
            _ => random.below(2) == 0,
        };
        let mut kept: Vec<bool> = (0..steps.len()).map(&mut keep).collect();
        keep_what_comes_before(&steps, &mut kept);
        for step in steps.iter().zip(kept).filter(|(_, kept)| *kept).map(|(step, _)| step) {
            step.changes.iter().for_each(|change| self.apply(change, true));
        }
        self.locks.clear();
        for node in &mut self.nodes {
            match node {
                Node::Folder { names, synced, removed } => {
                    names.clone_from(synced);
                    *removed = false;
                }
                Node::File { content, synced } if content.len() > *synced => {
                    let unsynced = content.len() - *synced;
                    let content = Arc::make_mut(content);
                    content.truncate(*synced + random.below(unsynced as u64 + 1) as usize);
                    for block in content.get_mut(*synced..).unwrap_or_default().chunks_mut(BLOCK) {
                        if random.below(3) == 0 {
                            block.fill(0);
                        }
                    }
                    *synced = content.len();
                }
                Node::File { .. } => {}
            }
        }
    }
}

/// Where the removal of a folder is kept, so is what has emptied it.
fn keep_what_comes_before(steps: &[Step], kept: &mut [bool]) {
    for later in (0..steps.len()).rev() {
        let removed = steps.get(later).and_then(|step| step.removed);
        if let (Some(folder), Some(true)) = (removed, kept.get(later)) {
            let before = steps.iter().zip(kept.iter_mut()).take(later);
            before.filter(|(step, _)| step.touches(folder)).for_each(|(_, kept)| *kept = true);
        }
    }
}

#[cfg(test)]
mod tests;
