//! How much a folder holds and how much its disk still takes.

use std::fs;
use std::io;
use std::path::Path;

use super::failed;
use crate::error::Result;

/// How many files a folder holds, all below it counted, and how many octets they have. Links count as nothing; what is
/// deleted meanwhile does neither.
pub fn size(folder: &Path) -> Result<(u64, u64)> {
    let (mut files, mut octets) = (0, 0);
    let mut waiting = vec![folder.to_owned()];
    while let Some(place) = waiting.pop() {
        let entries = match fs::read_dir(&place) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound && place != folder => continue,
            Err(error) => return Err(failed("read", &place)(error)),
        };
        for entry in entries {
            let entry = entry.map_err(failed("read", &place))?;
            match entry.metadata() {
                Ok(meta) if meta.is_dir() => waiting.push(entry.path()),
                Ok(meta) if meta.is_file() => {
                    files += 1;
                    octets += meta.len();
                }
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(failed("read", &entry.path())(error));
                }
                _ => {}
            }
        }
    }
    Ok((files, octets))
}

/// How many octets the disk of a path still takes from this user. Of a path that is not there yet, the folder counts in
/// which it will be.
pub fn free(path: &Path) -> Result<u64> {
    let there = path.ancestors().find(|place| place.exists()).unwrap_or(path);
    let disk = rustix::fs::statvfs(there).map_err(io::Error::from).map_err(failed("read the disk of", there))?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_folder_is_as_large_as_its_files_and_links_are_not_followed() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("one");
        fs::create_dir_all(folder.join("in/side")).unwrap();
        fs::write(folder.join("a"), "12345").unwrap();
        fs::write(folder.join("in/side/b"), "123").unwrap();
        symlink(place.path(), folder.join("in/up")).unwrap();
        assert_eq!(size(&folder).unwrap(), (2, 8));
        assert!(size(&place.path().join("none")).is_err());
    }

    #[test]
    fn a_folder_to_come_has_the_free_space_of_the_one_it_will_be_in() {
        let place = tempfile::tempdir().unwrap();
        assert!(free(place.path()).unwrap() > 0);
        assert!(free(&place.path().join("to/come")).unwrap() > 0);
    }
}
