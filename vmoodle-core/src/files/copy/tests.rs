use std::collections::BTreeMap;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use super::super::remove;
use super::*;
use crate::error::Kind;

const HASH: &str = "filedir/da/39/da39a3ee5e6b4b0d3255bfef95601890afd80709";

/// A dataroot with some of everything, and where its copy will be.
fn dataroot() -> (tempfile::TempDir, PathBuf, PathBuf) {
    let place = tempfile::tempdir().unwrap();
    let (source, target) = (place.path().join("école d'été 🏫"), place.path().join("copy's 🎒"));
    let files = [
        (HASH, "content"),
        ("filedir/da/39/da39a3ee5e6b4b0d3255bfef95601890afd80709.tmp", "half"),
        ("filedir/warning.txt", "do not touch"),
        ("muc/config.php", "<?php"),
        ("secret/key/sodium.key", "key"),
        ("repository/l'été/🎒 x.txt", "text"),
        ("cache/a/b", "cached"),
        ("localcache/bootstrap.php", "cached"),
        ("temp/x", "temporary"),
        ("sessions/sess_1", "somebody"),
        ("lock/cron", ""),
        ("trashdir/da/39/x", "deleted"),
        ("climaintenance.html", "closed"),
    ];
    for (path, text) in files {
        let path = source.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    chmod(&source.join("secret/key/sodium.key"), 0o400);
    chmod(&source.join("secret/key"), 0o2710);
    chmod(&source.join("filedir"), 0o2777);
    (place, source, target)
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// Every path below a folder with its mode, and its text if it is a file.
fn picture(folder: &Path) -> BTreeMap<PathBuf, (u32, Option<String>)> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(place) = waiting.pop() {
        let meta = fs::symlink_metadata(&place).unwrap();
        let text = meta.is_file().then(|| fs::read_to_string(&place).unwrap());
        if meta.is_dir() {
            waiting.extend(fs::read_dir(&place).unwrap().map(|entry| entry.unwrap().path()));
        }
        found.insert(place.strip_prefix(folder).unwrap().to_owned(), (meta.mode() & 0o7777, text));
    }
    found
}

/// The picture that a copy should give: the source's without what is left.
fn wanted(source: &Path) -> BTreeMap<PathBuf, (u32, Option<String>)> {
    let mut wanted = picture(source);
    wanted.retain(|path, _| rule(path) != Rule::Leave);
    wanted
}

#[test]
fn a_copy_holds_what_a_site_needs_with_its_modes_and_no_cache() {
    let (_place, source, target) = dataroot();
    let done = copy_tree(&source, &target).unwrap();
    assert_eq!(picture(&target), wanted(&source));
    for left in ["cache", "localcache", "temp", "sessions", "lock", "trashdir", "climaintenance.html"] {
        assert!(!target.join(left).exists(), "{left}");
    }
    assert_eq!((done.files, done.octets), (5, 7 + 12 + 5 + 3 + 4));
    assert_eq!(done.shared + done.copied, 5);
}

#[test]
fn content_shares_an_inode_where_blocks_cannot_be_cloned_and_nothing_else_does() {
    let (_place, source, target) = dataroot();
    let owner = Owner::of(source.parent().unwrap()).unwrap();
    let mut run = Run { owner, clones: false, links: true, done: Copied::default() };
    run.folder(&source, &target, Path::new(""), &fs::metadata(&source).unwrap()).unwrap();
    assert_eq!((run.done.shared, run.done.copied), (1, 4));
    let inode = |folder: &Path, path: &str| fs::metadata(folder.join(path)).unwrap().ino();
    assert_eq!(inode(&source, HASH), inode(&target, HASH));
    for own in ["muc/config.php", "filedir/warning.txt"] {
        assert_ne!(inode(&source, own), inode(&target, own), "{own}");
    }
}

#[test]
fn content_that_cannot_be_shared_is_copied() {
    let (_place, source, target) = dataroot();
    let owner = Owner::of(source.parent().unwrap()).unwrap();
    let mut run = Run { owner, clones: false, links: false, done: Copied::default() };
    run.folder(&source, &target, Path::new(""), &fs::metadata(&source).unwrap()).unwrap();
    assert_eq!((run.done.shared, run.done.copied), (0, 5));
    assert_eq!(picture(&target), wanted(&source));
    assert_ne!(fs::metadata(source.join(HASH)).unwrap().ino(), fs::metadata(target.join(HASH)).unwrap().ino());
}

#[test]
fn a_copy_that_was_killed_is_finished_by_the_next_run() {
    let (_place, source, target) = dataroot();
    copy_tree(&source, &target).unwrap();
    // As a kill leaves it: a file half written, another missing, one of the wrong size, one with older text.
    let content = target.join(HASH);
    fs::hard_link(source.join(HASH), content.with_file_name(PART)).unwrap();
    fs::remove_file(&content).unwrap();
    fs::write(&content, "con").unwrap();
    fs::write(target.join("muc").join(PART), "half").unwrap();
    fs::remove_file(target.join("muc/config.php")).unwrap();
    fs::write(target.join("filedir/warning.txt"), "old text ...").unwrap();
    let again = copy_tree(&source, &target).unwrap();
    assert_eq!(picture(&target), wanted(&source));
    assert_eq!(again.files, 5);
    let third = copy_tree(&source, &target).unwrap();
    assert_eq!((third.files, third.shared, third.copied), (5, 0, 4));
}

#[test]
fn a_folder_that_nobody_may_write_to_is_copied_twice_and_removed() {
    let (place, source, target) = dataroot();
    chmod(&source.join("secret/key"), 0o500);
    for _ in 0..2 {
        copy_tree(&source, &target).unwrap();
        assert_eq!(picture(&target), wanted(&source));
    }
    for folder in [source, target] {
        remove(&folder).unwrap();
    }
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
}

#[test]
fn what_root_copies_belongs_to_the_owner_of_the_folder_it_is_in() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let (place, source, _) = dataroot();
    let school = place.path().join("school");
    fs::create_dir(&school).unwrap();
    std::os::unix::fs::chown(&school, Some(12_345), Some(23_456)).unwrap();
    let target = school.join("data");
    // One inode has one owner, so content of another owner is no hard link.
    let owner = Owner::of(&school).unwrap();
    let mut run = Run { owner, clones: false, links: true, done: Copied::default() };
    run.folder(&source, &target, Path::new(""), &fs::metadata(&source).unwrap()).unwrap();
    assert_eq!((run.done.shared, run.done.copied), (0, 5));
    for path in ["", "secret/key", "muc/config.php", HASH] {
        let meta = fs::metadata(target.join(path)).unwrap();
        assert_eq!((meta.uid(), meta.gid()), (12_345, 23_456), "{path}");
    }
    assert_eq!(fs::metadata(source.join(HASH)).unwrap().uid(), 0);
    assert_eq!(picture(&target), wanted(&source));
}

#[test]
fn a_link_inside_is_refused_by_name_and_one_that_is_left_is_not() {
    let (place, source, target) = dataroot();
    fs::remove_dir_all(source.join("cache")).unwrap();
    symlink(place.path(), source.join("cache")).unwrap();
    copy_tree(&source, &target).unwrap();
    symlink("/etc", source.join("repository/up")).unwrap();
    let error = copy_tree(&source, &target).unwrap_err();
    assert_eq!(error.kind(), Kind::FilesFailed);
    assert!(error.to_string().contains("repository/up` is a link"), "{error}");
    assert!(!target.join("repository/up").exists());
}

#[test]
fn a_link_in_the_target_is_not_written_through() {
    let (place, source, target) = dataroot();
    let other = place.path().join("other");
    fs::create_dir(&other).unwrap();
    fs::create_dir(&target).unwrap();
    symlink(&other, target.join("muc")).unwrap();
    assert_eq!(copy_tree(&source, &target).unwrap_err().kind(), Kind::FilesFailed);
    assert_eq!(fs::read_dir(&other).unwrap().count(), 0);
}

#[test]
fn a_copy_into_its_own_source_and_one_of_nothing_are_refused() {
    let (place, source, _) = dataroot();
    for target in [source.join("copy"), source.clone(), place.path().to_owned()] {
        let error = copy_tree(&source, &target).unwrap_err();
        assert_eq!(error.kind(), Kind::FilesFailed);
        assert!(error.to_string().contains("lie in each other"), "{error}");
    }
    let none = place.path().join("none");
    assert_eq!(copy_tree(&none, &place.path().join("copy")).unwrap_err().kind(), Kind::FilesFailed);
}

#[test]
fn a_copy_apart_holds_no_inode_of_the_source() {
    let (_place, source, target) = dataroot();
    let done = copy_tree_apart(&source, &target).unwrap();
    assert!(done.files > 0);
    let inode = |root: &Path| fs::metadata(root.join(HASH)).unwrap().ino();
    assert_ne!(inode(&source), inode(&target));
    fs::write(target.join(HASH), "CONTENT").unwrap();
    assert_eq!(fs::read_to_string(source.join(HASH)).unwrap(), "content");
}
