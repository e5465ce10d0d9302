//! What the examples share: made-up records, the stream to read, a look at the output.

pub mod own;
mod places;
#[cfg(feature = "kinesis")]
pub mod stream;
#[cfg(feature = "parquet")]
pub mod table;

use std::fmt::Display;
use std::io::{self, Write as _};

use millstream::Result;
use millstream::error::{Error, Kind};
use millstream::time::{Timestamp, secs};

pub use places::{TempFile, serve_once};

/// Prints a line. When nobody reads it, as behind `| head`, the program ends without a word, as a tool does that SIGPIPE
/// ends: `println!` would panic.
///
/// # Errors
/// Standard output is full, or refuses the line.
pub fn say(line: impl Display) -> Result<()> {
    quietly(writeln!(io::stdout(), "{line}").map_err(|error| Error::printing("printing a line", error)))
}

/// Says what came of a run.
///
/// # Errors
/// What ended it.
pub fn end(run: Result<impl Display>) -> Result<()> {
    say(quietly(run)?)
}

fn quietly<T>(result: Result<T>) -> Result<T> {
    if let Some(error) = result.as_ref().err().filter(|error| error.kind() == Kind::NoReader) {
        std::process::exit(error.kind().exit_code().into());
    }
    result
}

/// A folder for the output of the example `name` that is not there yet.
#[must_use]
pub fn fresh_folder(name: &str) -> String {
    let mut folders = (1..).map(|number| format!("target/out/{name}-{number}"));
    folders.find(|folder| !std::path::Path::new(folder).exists()).unwrap_or_default()
}

/// The folder that the command line names, or one for the example `name` that is not there yet; says which, and how to go
/// on there.
///
/// # Errors
/// As [`say`].
pub fn folder(name: &str) -> Result<String> {
    let folder = std::env::args().nth(1).unwrap_or_else(|| fresh_folder(name));
    say(format_args!("writing to {folder}; `-- {folder}` goes on there"))?;
    Ok(folder)
}

/// The time of the first made-up record.
fn beginning() -> Timestamp {
    Timestamp::parse_rfc3339("2026-01-01T00:00:00Z").unwrap_or_default()
}

/// Ten minutes of made-up readings, one a second from one of six devices: pairs of partition key and JSON. One in fifty
/// is of a faulty sensor, and one in all is broken.
pub fn readings() -> impl Iterator<Item = (String, String)> {
    (0..600_u32).map(|n| {
        let (device, ts) = (format!("device-{}", n % 6), beginning() + secs(n.into()));
        let temperature = 20.0 + f64::from(n * 7 % 50) / 10.0 + f64::from(n % 6);
        let status = if n % 50 == 49 { "faulty" } else { "ok" };
        let reading = match n {
            300 => r#"{"device_id": "device-0", "ts": "#.to_owned(),
            _ => format!(
                r#"{{"device_id": "{device}", "ts": "{ts}", "temperature": {temperature:.1}, "status": "{status}"}}"#
            ),
        };
        (device, reading)
    })
}

/// Three minutes of made-up sentences, one every ten seconds: the time, a key and the text.
pub fn sentences() -> impl Iterator<Item = (Timestamp, String, String)> {
    let texts = ["the miller sold the flour", "the river turns the wheel", "flour and water make bread"];
    texts
        .into_iter()
        .cycle()
        .take(18)
        .enumerate()
        .map(|(n, text)| (beginning() + secs(10 * n as u64), format!("speaker-{}", n % 4), text.to_owned()))
}
