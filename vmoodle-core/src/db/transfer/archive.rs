//! Files of dumps: written whole or not at all, read however they are packed.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use zstd::stream::{read, write};

/// zstd's own default: smaller files cost far more time than they save space.
const LEVEL: i32 = 3;

/// A file that is being written, under another name until it is whole. Dropped before its end, it is gone.
pub(super) struct Packing {
    encoder: Option<write::Encoder<'static, File>>,
    path: PathBuf,
}

impl Packing {
    /// Begins the file that will be `path`; takes the place of what a run that was cut off has left.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let mut this = Self { encoder: None, path: path.to_owned() };
        let file = File::options().write(true).create(true).truncate(true).mode(0o600).open(this.part())?;
        let mut encoder = write::Encoder::new(file, LEVEL)?;
        encoder.include_checksum(true)?;
        this.encoder = Some(encoder);
        Ok(this)
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.encoder.as_mut().map_or(Ok(()), |encoder| encoder.write_all(bytes))
    }

    /// Puts the whole file in its place, safe from a power cut; gives its size in bytes.
    pub(super) fn finish(mut self) -> io::Result<u64> {
        let Some(encoder) = self.encoder.take() else { return Ok(0) };
        let file = encoder.finish()?;
        file.sync_all()?;
        fs::rename(self.part(), &self.path)?;
        if let Some(folder) = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            File::open(folder)?.sync_all()?;
        }
        Ok(file.metadata()?.len())
    }

    fn part(&self) -> PathBuf {
        let mut name = self.path.as_os_str().to_owned();
        name.push(".part");
        name.into()
    }
}

impl Drop for Packing {
    fn drop(&mut self) {
        // Where it was renamed there is nothing left to remove.
        let _ = fs::remove_file(self.part());
    }
}

/// A file that is being read.
pub(super) struct Packed(Box<dyn Read + Send>);

impl Packed {
    /// Opens a file, and sees by its first octets how it is packed.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let mut magic = Vec::new();
        Read::by_ref(&mut file).take(5).read_to_end(&mut magic)?;
        let whole = io::Cursor::new(magic.clone()).chain(file);
        Ok(Self(match magic.as_slice() {
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Box::new(read::Decoder::new(whole)?),
            [0x1f, 0x8b, ..] => Box::new(MultiGzDecoder::new(whole)),
            b"PGDMP" => {
                let why = "an archive of `pg_dump`, not a script: `pg_restore --file=plain.sql` makes one of it";
                return Err(io::Error::new(io::ErrorKind::InvalidData, why));
            }
            _ => Box::new(whole),
        }))
    }

    pub(super) fn read(&mut self, chunk: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.0.read(chunk) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                done => return done,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(path: &Path) -> io::Result<String> {
        let mut packed = Packed::open(path)?;
        let (mut text, mut chunk) = (Vec::new(), [0; 7]);
        loop {
            let read = packed.read(&mut chunk)?;
            if read == 0 {
                return Ok(String::from_utf8(text).unwrap());
            }
            text.extend_from_slice(&chunk[..read]);
        }
    }

    #[test]
    fn a_file_is_there_whole_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.zst");
        let mut cut_off = Packing::create(&path).unwrap();
        cut_off.write(b"SELECT").unwrap();
        drop(cut_off);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        fs::write(dir.path().join("a.zst.part"), "left by a run that was killed").unwrap();
        let mut packing = Packing::create(&path).unwrap();
        packing.write(b"SELECT 1;\n").unwrap();
        assert!(!path.exists());
        assert_eq!(packing.finish().unwrap(), fs::metadata(&path).unwrap().len());
        assert_eq!((all(&path).unwrap().as_str(), fs::read_dir(dir.path()).unwrap().count()), ("SELECT 1;\n", 1));
        assert!(Packing::create(&dir.path().join("no/folder")).is_err());
    }

    #[test]
    fn a_file_is_read_however_it_is_packed_and_a_cut_one_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        for text in ["", "S", "SELECT 1;"] {
            fs::write(&path, text).unwrap();
            assert_eq!(all(&path).unwrap(), text);
        }
        let text = "INSERT INTO t VALUES (1);\n".repeat(1000);
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gzip.write_all(text.as_bytes()).unwrap();
        for packed in [gzip.finish().unwrap(), zstd::encode_all(text.as_bytes(), 3).unwrap()] {
            fs::write(&path, &packed).unwrap();
            assert_eq!(all(&path).unwrap(), text);
            fs::write(&path, &packed[..packed.len() - 9]).unwrap();
            assert!(all(&path).is_err());
        }
        fs::write(&path, "PGDMP and so on").unwrap();
        assert!(all(&path).unwrap_err().to_string().contains("pg_restore"));
    }
}
