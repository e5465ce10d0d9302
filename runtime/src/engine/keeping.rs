//! How workers keep the state of their keyed stages: whether its changes are remembered, and what becomes of it when memory has no
//! room for it.

use std::sync::Arc;

use super::budget::Budget;
use crate::Result;
#[cfg(feature = "spill")]
use crate::error::{Error, Kind};
use crate::operator::chain::{Chain, KeyedSide};
use crate::operator::pulse::Pulse;
#[cfg(feature = "spill")]
use crate::pipeline::Plan;
use crate::pipeline::options::Options;
#[cfg(feature = "spill")]
use crate::state::scratch::Scratch;

/// How state is kept.
#[derive(Clone)]
pub(super) struct Keeping {
    log_changes: bool,
    /// Where state goes, and the bytes of memory that a worker may have of it after an epoch.
    #[cfg(feature = "spill")]
    spill: Option<(Arc<Scratch>, u64)>,
}

/// The part of the budget that state may have after an epoch when the rest goes to disk: the other half is for the groups of the
/// next epoch.
#[cfg(feature = "spill")]
const PART: u64 = 2;

impl Keeping {
    #[cfg_attr(not(feature = "spill"), allow(unused_variables))]
    pub(super) fn new(log_changes: bool, options: &Options, budget: &Budget) -> Result<Self> {
        #[cfg(feature = "spill")]
        let spill = match &options.scratch {
            Some(scratch) => {
                let bytes = budget.bytes().ok_or_else(no_budget)?;
                let most = if options.scale().spill { 0 } else { bytes / PART / options.workers.max(1) as u64 };
                Some((Arc::clone(scratch), most))
            }
            None => None,
        };
        Ok(Self {
            log_changes,
            #[cfg(feature = "spill")]
            spill,
        })
    }

    /// Tells the stages of a worker.
    #[cfg_attr(not(feature = "spill"), allow(unused_variables))]
    pub(super) fn begin(&self, chain: &mut Chain, pulse: &Arc<Pulse>) -> Result<()> {
        for stage in &mut chain.keyed {
            stage.log_changes(self.log_changes);
            #[cfg(feature = "spill")]
            if let Some((scratch, _)) = &self.spill {
                stage.spill(Arc::clone(scratch), Arc::clone(pulse))?;
            }
        }
        Ok(())
    }

    /// Puts groups on disk if memory holds too much: as many as make it half of what it may be, so that it is not every time. Gives the bytes
    /// by which the state in memory is less, by stage.
    #[cfg_attr(not(feature = "spill"), allow(clippy::unnecessary_wraps, clippy::unused_self))]
    pub(super) fn relieve(&self, stages: &mut [Box<dyn KeyedSide>]) -> Result<Vec<u64>> {
        let freed = vec![0; stages.len()];
        #[cfg(feature = "spill")]
        if let Some((_, most)) = &self.spill {
            let mut freed = freed;
            let mut sizes: Vec<(u64, usize)> = stages.iter().map(|stage| stage.bytes()).zip(0..).collect();
            let mut used: u64 = sizes.iter().map(|(bytes, _)| bytes).sum();
            if used > *most {
                // The largest first.
                sizes.sort_unstable_by(|one, other| other.cmp(one));
                for (bytes, number) in sizes {
                    if used > most / 2
                        && let (Some(stage), Some(freed)) = (stages.get_mut(number), freed.get_mut(number))
                    {
                        stage.evict(used - most / 2)?;
                        *freed = bytes.saturating_sub(stage.bytes());
                        used -= *freed;
                    }
                }
            }
            return Ok(freed);
        }
        Ok(freed)
    }
}

/// Begins the scratch folder of a run, if it is to have one; what others have left is removed, on a thread that may wait.
///
/// # Errors
/// The folder cannot be used, or there is no state to put there.
#[cfg(feature = "spill")]
pub(super) async fn begin_scratch(plan: &Plan, options: &Options) -> Result<Option<Arc<Scratch>>> {
    let Some(folder) = options.spill.clone() else { return Ok(None) };
    if plan.keyed.is_empty() {
        return Err(Error::new(Kind::Config, "the pipeline has no state that could be spilled to disk")
            .help("leave out `.spill(..)` (`run --spill DIR`): only a `group_by` has state"));
    }
    let begun = tokio::task::spawn_blocking(move || Scratch::open(&folder)).await;
    begun
        .map_err(|error| {
            Error::new(Kind::Internal, "a scratch folder could not be begun").caused_by(error).help("please report it")
        })?
        .map(Some)
}

#[cfg(feature = "spill")]
fn no_budget() -> Error {
    Error::new(Kind::Config, "it is not known how much memory state may take before it goes to disk")
        .help("say it: `.state_budget(..)`, or `run --state-budget 2gib`")
}
