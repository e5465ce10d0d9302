//! A new object on its way.
//!
//! A small one is sent in one piece; of a larger one the parts are sent as they come, and the object is there when all
//! of them are. Nothing of it is there before, and nothing is pending when a commit names it.

use std::collections::VecDeque;
use std::io::{self, Write};

use object_store::path::Path;
use object_store::{MultipartUpload, PutMode, PutPayload};

use super::bridge::{self, Task};
use super::{Folder, fault};
use crate::error::{Error, Kind, Result};
use crate::mutant::{self, Mutant};
use crate::store::DurableFile;

/// Bytes of a part. S3 takes 10,000 of them, each but the last of at least 5 MiB and, at some services, all alike.
pub(super) const PART: usize = 8 << 20;
/// Parts of one file that are on their way at once.
const FLYING: usize = 4;

pub(super) struct ObjectFile {
    folder: Folder,
    path: Path,
    /// For messages.
    shown: String,
    /// What is not yet sent: less than a part.
    buffer: Vec<u8>,
    /// Bytes written.
    len: u64,
    upload: Option<Box<dyn MultipartUpload>>,
    parts: VecDeque<Task<Result<()>>>,
    ending: Option<Result<Task<Result<()>>>>,
}

impl ObjectFile {
    pub(super) fn new(folder: Folder, path: Path, shown: String) -> Self {
        Self { folder, path, shown, buffer: Vec::new(), len: 0, upload: None, parts: VecDeque::new(), ending: None }
    }

    fn send_part(&mut self) -> Result<()> {
        let payload = PutPayload::from(std::mem::take(&mut self.buffer));
        let upload = match &mut self.upload {
            Some(upload) => upload,
            none => {
                let (folder, path) = (self.folder.clone(), self.path.clone());
                let shown = self.shown.clone();
                let begun = bridge::run(async move {
                    let begin = || folder.store().put_multipart_opts(&path, Default::default());
                    folder
                        .request(&mut folder.call(), begin)
                        .await
                        .map_err(|fault| fault::error("beginning", &shown, &fault))
                })?;
                none.insert(begun)
            }
        };
        while self.parts.len() >= FLYING {
            self.parts.pop_front().map_or(Ok(Ok(())), Task::wait)??;
        }
        let (part, folder, shown) = (upload.put_part(payload), self.folder.clone(), self.shown.clone());
        self.parts.push_back(bridge::spawn(async move {
            let _permit = folder.permit().await;
            folder.call().of(part).await.map_err(|fault| fault::error("writing a part of", &shown, &fault))
        })?);
        Ok(())
    }

    /// What is left to do, on its way.
    fn end(&mut self) -> Result<Task<Result<()>>> {
        if self.upload.is_some() && !self.buffer.is_empty() {
            self.send_part()?;
        }
        let parts = std::mem::take(&mut self.parts);
        let (folder, path, shown) = (self.folder.clone(), self.path.clone(), self.shown.clone());
        let Some(mut upload) = self.upload.take() else {
            let payload = PutPayload::from(std::mem::take(&mut self.buffer));
            return bridge::spawn(async move {
                let _permit = folder.permit().await;
                // Nobody else uses the name, so to send it again after a lost answer does no harm.
                let put = || folder.store().put_opts(&path, payload.clone(), PutMode::Overwrite.into());
                folder
                    .request(&mut folder.call(), put)
                    .await
                    .map(drop)
                    .map_err(|fault| fault::error("writing", &shown, &fault))
            });
        };
        if let Err(error) = parts.into_iter().try_for_each(|part| part.wait()?) {
            self.upload = Some(upload);
            return Err(error);
        }
        let len = self.len;
        bridge::spawn(async move {
            let Err(fault) = folder.call().of(upload.complete()).await else { return Ok(()) };
            // If it was only the answer that was lost, asking again says that there is no such upload.
            if folder.length(&mut folder.call(), &path).await.is_ok_and(|found| found == Some(len)) {
                return Ok(());
            }
            upload.abort().await.ok();
            Err(fault::error("completing", &shown, &fault))
        })
    }
}

impl Write for ObjectFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let part = self.folder.0.limits.part;
        let taken = bytes.len().min(part - self.buffer.len());
        self.buffer.extend_from_slice(bytes.get(..taken).unwrap_or(bytes));
        self.len += taken as u64;
        if self.buffer.len() == part {
            self.send_part().map_err(io::Error::other)?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl DurableFile for ObjectFile {
    fn begin_sync(&mut self) {
        if self.ending.is_none() {
            self.ending = Some(self.end());
        }
    }

    fn is_descriptor(&self) -> bool {
        false
    }

    fn sync_and_close(mut self: Box<Self>) -> Result<()> {
        self.begin_sync();
        match self.ending.take() {
            Some(ending) if mutant::is(Mutant::UploadNotAwaited) => ending.map(drop),
            Some(ending) => ending?.wait()?,
            None => Err(Error::new(Kind::Internal, format!("`{}` was ended twice", self.shown))),
        }
    }
}

/// Parts of a file that nobody wants any more would be stored, and paid for.
impl Drop for ObjectFile {
    fn drop(&mut self) {
        if let Some(mut upload) = self.upload.take() {
            let parts = std::mem::take(&mut self.parts);
            bridge::spawn(async move {
                drop(parts);
                upload.abort().await.ok();
            })
            .ok();
        }
    }
}
