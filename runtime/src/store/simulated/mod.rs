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

mod disk;
mod folder;
mod process;

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

/// What outlives a process.
#[derive(Debug, Default)]
pub(crate) struct World {
    disk: Arc<Mutex<Disk>>,
    #[cfg(feature = "_objects")]
    buckets: Buckets,
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
        }
    }

    /// A process, which may be going to die, and may be in a storm: requests to buckets fail as `storm` says.
    pub(crate) fn process(&self, death: Option<Death>, storm: Option<u64>) -> Process {
        Process {
            life: Arc::new(Life::new(death, storm)),
            disk: Arc::clone(&self.disk),
            #[cfg(feature = "_objects")]
            buckets: Arc::clone(&self.buckets),
        }
    }

    /// The power goes off and on again: of what is not synced, the disk keeps what `seed` says.
    pub(crate) fn cut_power(&self, seed: u64) {
        lock(&self.disk).cut_power(seed);
    }
}

/// Numbers that look random and are the same for each seed (splitmix64).
#[derive(Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % limit
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
