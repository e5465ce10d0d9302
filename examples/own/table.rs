//! What stands for a table in DynamoDB.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use millstream::Result;
use millstream::error::{Error, Kind};

/// Items that are added to; clones are the same table.
#[derive(Clone, Default)]
pub struct Table(Arc<Mutex<Stored>>);

#[derive(Default)]
struct Stored {
    items: BTreeMap<String, Item>,
    /// How many updates it takes until it goes away, once.
    answers: Option<usize>,
}

/// What is stored by a name.
#[derive(Debug, Default)]
struct Item {
    total: f64,
    /// The idempotency key of what was last added.
    last: (u64, u64),
}

impl Table {
    /// Takes so many updates, and answers none of the next.
    pub fn goes_away_after(&self, updates: usize) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).answers = Some(updates);
    }

    /// Adds to an item what was not added to it yet: `UpdateItem` with `ADD total :value SET last = :key`, on the condition
    /// `attribute_not_exists(last) OR last < :key`.
    ///
    /// # Errors
    /// The table is away.
    pub fn add_once(&self, name: String, value: f64, key: (u64, u64)) -> Result<()> {
        let mut stored = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if stored.answers == Some(0) {
            stored.answers = None;
            return Err(Error::new(Kind::Unavailable, "the table does not answer").help("start again once it does"));
        }
        stored.answers = stored.answers.map(|left| left - 1);
        let item = stored.items.entry(name).or_default();
        if item.last < key {
            *item = Item { total: item.total + value, last: key };
        }
        Ok(())
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0.lock().unwrap_or_else(PoisonError::into_inner).items)
    }
}
