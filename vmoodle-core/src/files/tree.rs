//! How much a disk still takes.

use std::io;
use std::path::Path;

use super::failed;
use crate::error::Result;

/// How many octets the disk of a path still takes from this user. Of a path that is not there yet, the folder counts in
/// which it will be.
pub fn free(path: &Path) -> Result<u64> {
    let there = path.ancestors().find(|place| place.exists()).unwrap_or(path);
    let disk = rustix::fs::statvfs(there).map_err(io::Error::from).map_err(failed("read the disk of", there))?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_to_come_has_the_free_space_of_the_one_it_will_be_in() {
        let place = tempfile::tempdir().unwrap();
        assert!(free(place.path()).unwrap() > 0);
        assert!(free(&place.path().join("to/come")).unwrap() > 0);
    }
}
