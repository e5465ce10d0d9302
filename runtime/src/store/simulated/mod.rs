//! A machine in memory: a disk and buckets that outlive the processes which use them, and processes that die.
//!
//! What a [`LocalStore`](super::LocalStore) does to a disk, and a store of objects to a bucket, it does here through the
//! same code, down to the single call of the system or request to the service. Each call that leaves something behind is
//! counted, and a process can die at any of them; from then on every call of it fails. What is on the disk is kept apart
//! from what is synced, so that a power cut can take away what nobody was promised.
//!
//! * `disk`: names and contents, synced and not.
//! * `folder`: open folders and files.
//! * `process`: counting calls, and dying.
//! * `scale`: what is done more often than in earnest.
//! * `weather`: how long calls take in a storm, and what goes wrong.

mod disk;
mod folder;
mod process;
mod scale;
mod weather;

#[cfg(feature = "_objects")]
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

#[cfg(feature = "_objects")]
use object_store::memory::InMemory;

pub(in crate::store) use self::disk::Disk;
pub(in crate::store) use self::folder::{File, Folder};
#[cfg_attr(not(feature = "parquet"), allow(unused_imports))] // of crash tests
pub(crate) use self::process::{Death, How, Life, Process};
#[cfg(feature = "_objects")]
pub(in crate::store) use self::process::{Died, Fate};
pub(crate) use self::scale::Scale;
#[cfg(feature = "_objects")]
pub(in crate::store) use self::weather::{Trouble, Weather};
pub(crate) use crate::thread::Random;

/// What outlives a process.
#[derive(Debug, Default)]
pub(crate) struct World {
    disk: Arc<Mutex<Disk>>,
    #[cfg(feature = "_objects")]
    buckets: Buckets,
    pub(crate) scale: Scale,
}

/// Buckets by their URLs.
#[cfg(feature = "_objects")]
type Buckets = Arc<Mutex<BTreeMap<String, Arc<InMemory>>>>;

impl World {
    /// Another world, which is as this one is now.
    pub(crate) fn fork(&self) -> Self {
        Self {
            disk: Arc::new(Mutex::new(lock(&self.disk).clone())),
            #[cfg(feature = "_objects")]
            buckets: {
                let buckets = lock(&self.buckets);
                let forked = buckets.iter().map(|(name, bucket)| (name.clone(), Arc::new(bucket.fork())));
                Arc::new(Mutex::new(forked.collect()))
            },
            scale: self.scale,
        }
    }

    /// A process, which may be going to die, and may be in a storm: calls take as long as `storm` says, and requests fail. Then
    /// it has to have a seat in a schedule.
    pub(crate) fn process(&self, death: Option<Death>, storm: Option<u64>) -> Process {
        Process {
            life: Arc::new(Life::new(death, storm)),
            disk: Arc::clone(&self.disk),
            #[cfg(feature = "_objects")]
            buckets: Arc::clone(&self.buckets),
            scale: self.scale,
        }
    }

    /// The power goes off and on again: of what is not synced, the disk keeps what `seed` says.
    pub(crate) fn cut_power(&self, seed: u64) {
        lock(&self.disk).cut_power(seed);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
