use super::*;

/// The names that are in the root after a power cut, for many seeds.
fn after_cuts(disk: &Disk) -> Vec<Vec<String>> {
    let names = |seed| {
        let mut disk = disk.clone();
        disk.cut_power(seed);
        disk.list(ROOT).unwrap().into_iter().map(|(name, _)| name).collect()
    };
    let mut all: Vec<Vec<String>> = (0..200).map(names).collect();
    all.sort();
    all.dedup();
    all
}

fn file(disk: &mut Disk, name: &str, content: &[u8]) -> Inode {
    let inode = disk.create(ROOT, name).unwrap();
    disk.write(inode, content);
    inode
}

#[test]
fn a_name_lasts_when_its_folder_is_synced() {
    let mut disk = Disk::default();
    let inode = file(&mut disk, "a", b"a");
    disk.sync_file(inode);
    assert_eq!(after_cuts(&disk), [vec![], vec!["a".to_owned()]], "a synced file may have no name");
    disk.sync_folder(ROOT);
    assert_eq!(after_cuts(&disk), [["a"]]);
}

#[test]
fn a_rename_is_kept_whole_or_not_at_all() {
    let mut disk = Disk::default();
    disk.make_folder(ROOT, "to").unwrap();
    let to = disk.folder(ROOT, "to").unwrap();
    file(&mut disk, "a", b"a");
    disk.sync_folder(ROOT);
    disk.rename(ROOT, "a", to, "b").unwrap();
    for seed in 0..200 {
        let mut disk = disk.clone();
        disk.cut_power(seed);
        assert_ne!(disk.file(ROOT, "a").is_ok(), disk.file(to, "b").is_ok());
    }
    disk.sync_folder(to);
    assert_eq!(after_cuts(&disk), [["to"]]);
}

#[test]
fn a_removed_name_may_come_back_and_one_in_the_middle_be_forgotten() {
    let mut disk = Disk::default();
    file(&mut disk, "a", b"a");
    disk.sync_folder(ROOT);
    disk.link(ROOT, "a", ROOT, "b").unwrap();
    disk.remove(ROOT, "a").unwrap();
    let names = after_cuts(&disk);
    assert_eq!(names, [vec![], vec!["a"], vec!["a", "b"], vec!["b"]]);
}

#[test]
fn a_folder_that_is_gone_was_empty_before() {
    let mut disk = Disk::default();
    disk.make_folder(ROOT, "d").unwrap();
    let inner = disk.folder(ROOT, "d").unwrap();
    let inode = disk.create(inner, "a").unwrap();
    disk.sync_folder(ROOT);
    disk.sync_folder(inner);
    disk.rename(inner, "a", ROOT, "a").unwrap();
    disk.remove_folder(ROOT, "d").unwrap();
    assert_eq!(disk.create(inner, "b").unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(after_cuts(&disk), [vec!["a"], vec!["a", "d"], vec!["d"]]);
    disk.sync_file(inode);
}

#[test]
fn what_is_synced_of_a_file_stays_and_the_rest_is_torn() {
    let mut disk = Disk::default();
    let inode = file(&mut disk, "a", &[1; 1000]);
    disk.sync_file(inode);
    disk.sync_folder(ROOT);
    disk.write(inode, &[2; 3000]);
    let cut = |seed| {
        let mut disk = disk.clone();
        disk.cut_power(seed);
        disk.content(inode).unwrap().as_ref().clone()
    };
    for seed in 0..200 {
        let content = cut(seed);
        assert!((1000..=4000).contains(&content.len()) && content[..1000] == [1; 1000]);
        assert!(content[1000..].chunks(BLOCK).all(|block| block.iter().all(|byte| *byte == block[0])));
        assert_eq!(content, cut(seed), "one seed, one disk");
    }
    assert!((0..200).any(|seed| cut(seed)[1000..].contains(&0)));
}

#[test]
fn a_lock_is_held_by_one_process_that_lives() {
    let mut disk = Disk::default();
    let inode = file(&mut disk, "LOCK", b"");
    let (one, other) = (Arc::new(Life::new(None, None)), Arc::new(Life::new(None, None)));
    assert!(disk.lock(inode, &one) && disk.lock(inode, &one) && !disk.lock(inode, &other));
    one.die();
    assert!(disk.lock(inode, &other));
    disk.unlock(inode, &one);
    assert!(!disk.lock(inode, &Arc::new(Life::new(None, None))));
}
