//! Whether a store keeps its promises: one that lets two writers make one name cannot keep two instances of a pipeline
//! apart.

use std::hash::{BuildHasher, RandomState};

use futures_util::future::join_all;
use object_store::PutPayload;

use super::{Folder, bridge};
use crate::error::{Error, Kind, Result};
use crate::store::{Created, Store, join};

/// Writers that try to make one name at once.
const RIVALS: usize = 4;

/// Probes before a store is refused: another instance that starts may have taken our objects for what a dead one left,
/// and deleted them.
const PROBES: usize = 3;

/// Makes two objects in a folder, each more than once, reads one, and deletes them.
pub(super) fn probe(folder: &Folder, dir: &str) -> Result<()> {
    let mut outcome = Ok(());
    for _ in 0..PROBES {
        let nonce = RandomState::new().hash_one(std::process::id());
        // Named as what a start deletes, for the case that we die here.
        let paths = ["a", "b"].map(|name| join(dir, &format!(".tmp-probe-{nonce:016x}-{name}")));
        outcome = promises(folder, &paths, nonce);
        folder.remove_many(&paths)?;
        if outcome.is_ok() {
            break;
        }
    }
    outcome
}

fn promises(folder: &Folder, paths: &[String; 2], nonce: u64) -> Result<()> {
    let broken = |what: &str| {
        let root = folder.describe("");
        Error::new(Kind::Config, format!("`{root}` cannot hold a pipeline's files: {what}"))
            .help("use a store that honours `If-None-Match: *`, as Amazon S3 does, and answers with what was written")
    };
    let [one, many] = paths;
    let text = format!("{nonce:016x}");
    match folder.create_only(one, text.as_bytes())? {
        // An answer may have been lost.
        Created::Created | Created::Exists => {}
        Created::Unknown(error) => return Err(error),
    }
    match folder.create_only(one, b"another")? {
        Created::Exists => {}
        Created::Created => {
            return Err(broken("it overwrites an object that it was asked to create only if there is none"));
        }
        Created::Unknown(error) => return Err(error),
    }
    if folder.read(one)?.as_deref() != Some(text.as_bytes()) {
        return Err(broken("it does not give back what was just written"));
    }
    let (folder, path, key) = (folder.clone(), many.clone(), folder.key(many)?);
    let outcomes = bridge::run(async move {
        let create = |rival| folder.create(&path, &key, PutPayload::from(format!("{nonce:016x}-{rival}").into_bytes()));
        Ok(join_all((0..RIVALS).map(create)).await)
    })?;
    let mut winners = 0;
    for outcome in outcomes {
        winners += usize::from(matches!(outcome?, Created::Created));
    }
    // None, if the answer to the one was lost.
    if winners > 1 {
        return Err(broken(&format!("it let {winners} of {RIVALS} writers create one object")));
    }
    Ok(())
}
