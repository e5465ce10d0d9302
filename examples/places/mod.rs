//! Where text can be read from: a file that is removed again, a port of this machine.

use std::io::Write;
use std::net::TcpListener;

use millstream::{Error, Result};

/// A file among the temporary ones; it is removed when this is dropped.
pub struct TempFile(std::path::PathBuf);

impl TempFile {
    /// Writes it.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn new(name: &str, text: &str) -> Result<Self> {
        let path = std::env::temp_dir().join(format!("{}-{name}", std::process::id()));
        std::fs::write(&path, text).map_err(|error| Error::io("writing the file", error))?;
        Ok(Self(path))
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> String {
        self.0.display().to_string()
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).ok();
    }
}

/// Sends a text to the first that connects, and gives the address to connect to.
///
/// # Errors
/// There is no port.
pub fn serve_once(text: String) -> Result<String> {
    let io = |error| Error::io("listening", error);
    let listener = TcpListener::bind("127.0.0.1:0").map_err(io)?;
    let address = listener.local_addr().map_err(io)?;
    std::thread::spawn(move || listener.accept().and_then(|(mut to, _)| to.write_all(text.as_bytes())));
    Ok(address.to_string())
}
