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

/// How our objects are called: not as what a start deletes, since another instance may be starting, and would make us
/// take the store for one that overwrites.
const PREFIX: &str = ".probe-";

/// Seconds after which an object of a probe is one that a process left which died.
const OLD: i64 = 3600;

/// Makes two objects in a folder, each more than once, reads one, and deletes them.
pub(super) fn probe(folder: &Folder, dir: &str) -> Result<()> {
    let nonce = RandomState::new().hash_one(std::process::id());
    let paths = ["a", "b"].map(|name| join(dir, &format!("{PREFIX}{nonce:016x}-{name}")));
    let kept = promises(folder, &paths, nonce);
    let mut done = match &kept {
        Ok(()) => left(folder, dir)?,
        Err(_) => Vec::new(),
    };
    done.extend(paths);
    // Why the one failed says more than why the other did.
    kept.and(folder.remove_many(&done))
}

/// What dead processes left, by the clock of the store: ours are the newest objects.
fn left(folder: &Folder, dir: &str) -> Result<Vec<String>> {
    let (folder, path, key) = (folder.clone(), dir.to_owned(), folder.key(dir)?);
    bridge::run(async move {
        let prefix = (!key.as_ref().is_empty()).then_some(&key);
        let list = || folder.store().list_with_delimiter(prefix);
        let listed =
            folder.request(&mut folder.call(), list).await.map_err(|fault| folder.error("listing", &path, &fault))?;
        let probes = listed.objects.iter().filter_map(|object| {
            let name = object.location.filename().filter(|name| name.starts_with(PREFIX))?;
            Some((name, object.last_modified.timestamp()))
        });
        let now = probes.clone().map(|(_, time)| time).max().unwrap_or_default();
        let old = probes.filter(|(_, time)| now - time > OLD);
        Ok(old.map(|(name, _)| join(&path, name)).collect())
    })
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
