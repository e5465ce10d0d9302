//! Shows the figures of a run to others, in a thread of its own: it answers even when the run's thread is stuck in a function
//! of the user's.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use super::figures::Figures;
use super::{RUN, serve};
use crate::error::{Error, Result};

/// How long the end of a run waits for a collector to take the last figures.
const LAST: Duration = Duration::from_secs(2);

/// Figures that one thread gathers and another shows.
pub(crate) type Shared = Arc<Mutex<Figures>>;

/// Figures are whole between any two statements that change them, so a panic while they were held does no harm.
pub(crate) fn lock(figures: &Shared) -> MutexGuard<'_, Figures> {
    figures.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where figures are shown.
#[derive(Debug, Clone, Default)]
pub(crate) struct Places {
    /// The address of a port.
    pub port: Option<String>,
    #[cfg(feature = "otlp")]
    pub collector: Option<super::otlp::Collector>,
}

/// What shows the figures; they are shown until it is dropped.
pub(crate) struct Monitor {
    figures: Shared,
    stop: oneshot::Sender<()>,
    ended: oneshot::Receiver<()>,
}

impl Monitor {
    /// Begins to show the figures of a run; `None` if nobody wants to see them.
    ///
    /// # Errors
    /// The port cannot be had, or the collector's address is none.
    pub(crate) fn start(places: &Places, pipeline: Option<&str>) -> Result<Option<Self>> {
        let listener = places.port.as_deref().map(serve::bind).transpose()?;
        #[cfg(feature = "otlp")]
        let exporter = places.collector.as_ref().map(super::otlp::Exporter::new).transpose()?;
        #[cfg(feature = "otlp")]
        let wanted = listener.is_some() || exporter.is_some();
        #[cfg(not(feature = "otlp"))]
        let wanted = listener.is_some();
        if !wanted {
            return Ok(None);
        }
        if let Some(address) = listener.as_ref().and_then(|listener| listener.local_addr().ok()) {
            tracing::info!(target: RUN, %address, "metrics are at http://{address}/metrics");
        }
        let figures = Arc::new(Mutex::new(Figures::new(pipeline.map(str::to_owned))));
        let shown = Arc::clone(&figures);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Error::io("starting what shows metrics", error))?;
        let ((stop, stopped), (done, ended)) = (oneshot::channel::<()>(), oneshot::channel());
        let entered = runtime.enter();
        let listener = listener.map(tokio::net::TcpListener::from_std).transpose();
        let listener = listener.map_err(|error| Error::io("opening the port for metrics", error))?;
        drop(entered);
        let show = async move {
            let serving = async {
                match listener {
                    Some(listener) => serve::serve(listener, &shown).await,
                    None => std::future::pending().await,
                }
            };
            #[cfg(feature = "otlp")]
            let exporting = async {
                match &exporter {
                    Some(exporter) => exporter.run(&shown).await,
                    None => std::future::pending().await,
                }
            };
            #[cfg(not(feature = "otlp"))]
            let exporting = std::future::pending::<std::convert::Infallible>();
            tokio::select! {
                _ = stopped => {}
                never = serving => match never {},
                never = exporting => match never {},
            }
            #[cfg(feature = "otlp")]
            if let Some(exporter) = &exporter {
                exporter.export(&shown).await;
            }
        };
        std::thread::Builder::new()
            .name("millstream-monitor".to_owned())
            .spawn(move || {
                runtime.block_on(show);
                // Nobody waits for it when the run has failed at its start.
                done.send(()).ok();
            })
            .map_err(|error| Error::io("starting the thread that shows metrics", error))?;
        Ok(Some(Self { figures, stop, ended }))
    }

    /// Where the figures are gathered.
    pub(crate) fn figures(&self) -> Shared {
        Arc::clone(&self.figures)
    }

    /// The run has ended: shows the last figures to who gathers them.
    pub(crate) async fn end(self) {
        drop(self.stop);
        tokio::time::timeout(LAST, self.ended).await.ok();
    }
}
