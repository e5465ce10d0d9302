//! What can go wrong, in words a user can act on.
//!
//! Every error names what was wrong, where, and what to do. [`Kind`] decides the exit code of a program that is one
//! pipeline, so that a supervisor can tell "start me again" from "a person has to look".

use std::fmt;
use std::io::ErrorKind;

/// The result of everything that can fail in millstream.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The class of an [`Error`]; each has a stable exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// A record could not be decoded or computed, and its policy is `fail`; or too many could not. Exit code 65.
    Data,
    /// A source or another service could not be reached in time. Exit code 69.
    Unavailable,
    /// Data that the pipeline has not read yet is no longer there. Exit code 70.
    DataLoss,
    /// A bug: ours, or a panic in a user's function. Exit code 70.
    Internal,
    /// State has grown over its budget, [`Pipeline::state_budget`](crate::Pipeline::state_budget). Exit code 71.
    StateBudget,
    /// The output cannot be created or written. Exit code 73.
    Output,
    /// Nobody reads standard output any more, as behind `| head`. A program ends quietly then, with exit code 141: what a shell
    /// shows of a tool that SIGPIPE has ended.
    NoReader,
    /// Reading or writing a disk or a store failed, or what was read is corrupt. Exit code 74.
    Io,
    /// Another instance is running on the same checkpoint. Exit code 75.
    AlreadyRunning,
    /// A newer instance has taken over the checkpoint. Do not restart. Exit code 76.
    Fenced,
    /// The pipeline was started several times without a commit. Exit code 77.
    CrashLoop,
    /// The pipeline, its options or its checkpoint do not fit together. Exit code 78.
    Config,
}

impl Kind {
    /// The exit code of a process that ends with an error of this kind.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Data => 65,
            Self::Unavailable => 69,
            Self::DataLoss | Self::Internal => 70,
            Self::StateBudget => 71,
            Self::Output => 73,
            Self::NoReader => 141,
            Self::Io => 74,
            Self::AlreadyRunning => 75,
            Self::Fenced => 76,
            Self::CrashLoop => 77,
            Self::Config => 78,
        }
    }
}

/// An error with its place and its way out.
///
/// ```
/// use millstream::error::{Error, Kind};
/// let error = Error::new(Kind::Config, "the output and the checkpoint are the same folder `out`")
///     .help("give `.checkpoint(..)` a folder of its own");
/// assert_eq!(error.kind().exit_code(), 78);
/// assert_eq!(error.to_string(), "the output and the checkpoint are the same folder `out`; give `.checkpoint(..)` a folder of its own");
/// ```
pub struct Error(Box<Inner>);

struct Inner {
    kind: Kind,
    message: String,
    help: Option<String>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error of `kind`; `message` names what was wrong and where.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner { kind, message: message.into(), help: None, source: None }))
    }

    /// What the user can do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.0.help = Some(help.into());
        self
    }

    /// The error that caused this one.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// An input or output error of the operating system while `doing` something, such as "reading `in/a.json`".
    ///
    /// If it was made of the error of a store, it is that error, with what was being done.
    pub fn io(doing: impl fmt::Display, error: std::io::Error) -> Self {
        if let Some(inside) = Self::inside(&doing, &error) {
            return inside;
        }
        let (kind, help) = match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => (Kind::Io, Some("make room on that disk")),
            ErrorKind::ReadOnlyFilesystem => {
                (Kind::Output, Some("mount it for writing; a disk that fails is often mounted so"))
            }
            // EMFILE and ENFILE, which have no kind of their own.
            _ if cfg!(unix) && matches!(error.raw_os_error(), Some(23 | 24)) => {
                (Kind::Io, Some("let the process open more files, `ulimit -n`, or write to fewer at once"))
            }
            _ => (Kind::Io, None),
        };
        let told = Self::new(kind, format!("{doing}: {error}")).caused_by(error);
        help.into_iter().fold(told, Self::help)
    }

    /// Whether a disk had no more room, or a quota was used up.
    pub(crate) fn is_disk_full(&self) -> bool {
        // Whose log has gone on without it has nothing to wait for, whatever came before that.
        if matches!(self.kind(), Kind::Fenced | Kind::AlreadyRunning) {
            return false;
        }
        let full = |error: &std::io::Error| {
            matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
                || error.get_ref().and_then(|inside| inside.downcast_ref()).is_some_and(Self::is_disk_full)
        };
        let causes = std::iter::successors(std::error::Error::source(self), |error| error.source());
        causes.into_iter().any(|cause| cause.downcast_ref().is_some_and(full))
    }

    /// An error of standard output, or of what stands for it, while `doing` something: [`Kind::NoReader`] or [`Kind::Output`].
    pub fn printing(doing: impl fmt::Display, error: std::io::Error) -> Self {
        let (kind, help) = match error.kind() {
            ErrorKind::BrokenPipe => (Kind::NoReader, "whatever read the output has gone away"),
            _ => (Kind::Output, "whatever takes the output is full, or refuses it"),
        };
        Self::new(kind, format!("{doing}: {error}")).caused_by(error).help(help)
    }

    /// The error of a store that an error of a writer was made of, if it was, while `doing` something.
    pub(crate) fn inside(doing: impl fmt::Display, error: &std::io::Error) -> Option<Self> {
        let inside: &Self = error.get_ref()?.downcast_ref()?;
        let mut of_store = Self::new(inside.kind(), format!("{doing}: {}", inside.message()));
        of_store.0.help = inside.0.help.clone();
        if inside.is_disk_full() {
            of_store = of_store.caused_by(std::io::Error::from(ErrorKind::StorageFull));
        }
        Some(of_store)
    }

    /// The class of the error.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// What was wrong and where, without the advice.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The advice, if there is one.
    #[must_use]
    pub fn advice(&self) -> Option<&str> {
        self.0.help.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        match &self.0.help {
            Some(help) => write!(f, "; {help}"),
            None => Ok(()),
        }
    }
}

/// What a panic said.
pub(crate) fn text_of_panic(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
}

/// Debug reads like Display, so that `fn main() -> millstream::Result<()>` prints a sentence and not a structure.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}
