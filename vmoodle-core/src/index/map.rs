//! The one file of the core with `unsafe`: an index file mapped into memory.
#![allow(unsafe_code)]
#![allow(clippy::cast_ptr_alignment, reason = "the mapping is page-aligned")]

use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use memmap2::Mmap;
use rkyv::rancor;

use super::format::{ArchivedPayload, Fault, HEADER_LEN, Header, Payload, SUPERSEDED_AT, check};

/// A whole, checked index. Readers of one file share its pages; none has a copy.
pub(super) struct Mapped {
    bytes: Mmap,
    pub(super) header: Header,
}

impl Mapped {
    /// Opens and checks a file: length, checksum and every offset within it, once.
    pub(super) fn open(path: &Path) -> Result<Self, Fault> {
        let file = File::open(path).map_err(|e| match e.kind() {
            ErrorKind::NotFound => Fault::Missing,
            _ => Fault::Unreadable(e.to_string()),
        })?;
        // SAFETY: the file is replaced by rename only, so the pages of an opened one never change but for the
        // superseded word, which is read atomically and never through a reference to the archive. Somebody who
        // truncates the file in place ends the process with SIGBUS, whatever a reader does: mode 0600 and the
        // publisher's rename are what keeps that from happening.
        let bytes = unsafe { Mmap::map(&file) }.map_err(|e| match file.metadata() {
            Ok(meta) if meta.len() == 0 => Fault::Torn,
            _ => Fault::Unreadable(e.to_string()),
        })?;
        let header = check(&bytes)?;
        // The checksum says the file is what a publisher wrote; this says that what was written can be walked.
        rkyv::access::<ArchivedPayload, rancor::Error>(&bytes[HEADER_LEN..]).map_err(|_| Fault::Torn)?;
        Ok(Self { bytes, header })
    }

    /// The archived farm.
    pub(super) fn payload(&self) -> &ArchivedPayload {
        // SAFETY: `open` checked these very bytes, and they do not change (see there).
        unsafe { rkyv::access_unchecked::<rkyv::Archived<Payload>>(&self.bytes[HEADER_LEN..]) }
    }

    /// Whether a newer index took this one's place, as its publisher noted in the mapping.
    pub(super) fn is_superseded(&self) -> bool {
        // SAFETY: the word is inside the mapping (its length was checked) and aligned (the mapping is page-aligned and
        // 48 is a multiple of 8). It is only ever loaded, which std::sync::atomic allows on read-only memory for
        // relaxed loads of this size; the publisher's store comes through another mapping of the same page.
        let word = unsafe { AtomicU64::from_ptr(self.bytes.as_ptr().add(SUPERSEDED_AT).cast::<u64>().cast_mut()) };
        word.load(Ordering::Relaxed) != 0
    }

    /// The file's size in bytes.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }
}
