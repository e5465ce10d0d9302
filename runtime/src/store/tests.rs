use super::*;

fn store(dir: &tempfile::TempDir) -> LocalStore {
    LocalStore::open(dir.path(), LocalOptions::default()).unwrap()
}

fn put(store: &LocalStore, path: &str, bytes: &[u8]) {
    let mut file = store.write_new_file(path).unwrap();
    file.write_all(bytes).unwrap();
    file.sync_and_close().unwrap();
}

#[test]
fn a_name_is_made_once() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(&dir);
    store.create_dirs("a/b").unwrap();
    assert!(matches!(store.create_only("a/b/c", b"one").unwrap(), Created::Created));
    assert!(matches!(store.create_only("a/b/c", b"two").unwrap(), Created::Exists));
    assert_eq!(store.read("a/b/c").unwrap().unwrap(), b"one");
    assert!(store.write_new_file("a/b/c").is_err());
    assert_eq!(store.list("a/b").unwrap().len(), 1, "no temporary file is left");
    assert_eq!(store.list("no/such").unwrap(), []);
    assert_eq!(store.read("no/such").unwrap(), None);
    assert_eq!(store.len("a/b/c").unwrap(), Some(3));
}

#[test]
fn a_rename_replaces_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(&dir);
    put(&store, "x", b"x");
    put(&store, "y", b"yy");
    assert_eq!(store.rename_no_replace("x", "y").unwrap(), Renamed::TargetExists);
    assert_eq!(store.rename_no_replace("z", "w").unwrap(), Renamed::SourceMissing);
    assert_eq!(store.rename_no_replace("x", "w").unwrap(), Renamed::Done);
    assert_eq!(store.read("y").unwrap().unwrap(), b"yy");
    assert_eq!((store.exists("x").unwrap(), store.exists("w").unwrap()), (false, true));
    assert!(store.same_filesystem("", "").unwrap());
}

#[cfg(unix)]
#[test]
fn nothing_leads_out_of_the_root() {
    let dir = tempfile::tempdir().unwrap();
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("secret"), "s").unwrap();
    let store = store(&dir);
    for path in ["..", "../x", "a/../../x", "/etc/passwd", "a//b", "./a", "a/", "a\0b"] {
        assert_eq!(store.read(path).unwrap_err().kind(), crate::error::Kind::Internal, "{path:?}");
        assert!(store.create_dirs(path).is_err(), "{path:?}");
    }
    std::os::unix::fs::symlink(outside.path(), dir.path().join("link")).unwrap();
    std::os::unix::fs::symlink(outside.path().join("secret"), dir.path().join("file")).unwrap();
    assert!(store.read("link/secret").is_err());
    assert!(store.read("file").is_err());
    assert!(store.create_dirs("link/x").is_err());
    assert!(store.create_only("link/new", b"").is_err());
    assert!(store.lock("file", "").is_err());
    // Whichever call meets it first.
    let met = [store.create_dirs("link/x"), store.sync_dir("link"), store.list("link/x").map(drop)];
    for error in met.map(Result::unwrap_err) {
        assert_eq!(error.kind(), crate::error::Kind::Output);
        assert!(error.message().ends_with("link` is a link or a file, and not a folder"), "{error}");
    }
    assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 1);
}

#[cfg(unix)]
#[test]
fn a_private_root_is_private() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("new");
    LocalStore::open(&root, LocalOptions::default()).unwrap();
    assert_eq!(std::fs::metadata(&root).unwrap().permissions().mode() & 0o777, 0o700);
    std::fs::set_permissions(&root, PermissionsExt::from_mode(0o777)).unwrap();
    let error = LocalStore::open(&root, LocalOptions::default()).unwrap_err();
    assert_eq!(error.kind(), crate::error::Kind::Config);
    assert!(error.to_string().contains("chmod go-w"), "{error}");
}

#[test]
fn a_lock_is_for_one() {
    let dir = tempfile::tempdir().unwrap();
    let (a, b) = (store(&dir), store(&dir));
    let Locked::Held(guard) = a.lock("LOCK", "pid 1").unwrap() else { panic!("free") };
    assert!(matches!(b.lock("LOCK", "pid 2").unwrap(), Locked::By(text) if text == "pid 1"));
    drop(guard);
    assert!(matches!(b.lock("LOCK", "pid 2").unwrap(), Locked::Held(_)));
}

#[test]
fn many_files_are_synced_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(&dir);
    let files = (0..9).map(|n| {
        let mut file = store.write_new_file(&format!("f{n}")).unwrap();
        file.write_all(b"content").unwrap();
        file
    });
    store.sync_files(files.collect()).unwrap();
    assert_eq!(store.list("").unwrap().len(), 9);
}

#[test]
fn any_text_makes_a_plain_part() {
    for (text, part) in [
        ("per_country", "per_country"),
        ("", "%"),
        (".", "%2E"),
        ("..", "%2E%2E"),
        ("a/b c", "a%2Fb%20c"),
        ("ä", "%C3%A4"),
    ] {
        assert_eq!(safe_part(text), part);
    }
    assert_ne!(safe_part(&"a".repeat(300)), safe_part(&"a".repeat(301)));
    assert!(safe_part(&"/".repeat(300)).len() <= 128);
}
