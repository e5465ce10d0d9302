//! Which file systems are not of this machine, or not of its kernel.

use std::path::Path;

use crate::error::{Error, Result};

/// The kind of file system that a folder is on, or would be made on, if it is one where locks, links and syncs may mean
/// less than on a local disk: such as `NFS`, by the numbers of `statfs(2)` on Linux; `None` on other systems.
///
/// # Errors
///
/// If the file system does not answer.
pub fn network_filesystem(folder: &Path) -> Result<Option<&'static str>> {
    let asking = |error| Error::io(format!("asking for the file system of `{}`", folder.display()), error);
    let absolute = std::path::absolute(folder).map_err(asking)?;
    let there = absolute.ancestors().find(|level| level.exists()).unwrap_or(Path::new("/"));
    #[cfg(target_os = "linux")]
    {
        // The field is as wide as a word here and there, the numbers have 32 bits.
        #[allow(clippy::unnecessary_cast, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let magic = rustix::fs::statfs(there).map_err(|error| asking(error.into()))?.f_type as u32;
        Ok(name(magic))
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = there;
        Ok(None)
    }
}

#[cfg(target_os = "linux")]
fn name(magic: u32) -> Option<&'static str> {
    Some(match magic {
        0x6969 => "NFS",
        0x517b | 0xfe53_4d42 | 0xff53_4d42 => "SMB",
        0x6573_5546 => "FUSE",
        0x0102_1997 => "9P",
        0x00c3_6400 => "Ceph",
        0x5346_414f | 0x6b41_4653 => "AFS",
        0x7375_7245 => "Coda",
        0x564c => "NCP",
        0x0bd0_0bd0 => "Lustre",
        0x0116_1970 => "GFS2",
        0x7461_636f => "OCFS2",
        _ => return None,
    })
}

#[cfg(all(test, target_os = "linux"))]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{name, network_filesystem};

    #[test]
    fn a_local_disk_and_memory_are_of_this_machine() {
        for folder in [std::env::temp_dir().join("not/there/yet"), "/dev/shm".into()] {
            assert_eq!(network_filesystem(&folder).unwrap(), None);
        }
        // What `statfs` says of ext4, XFS, Btrfs, ZFS, tmpfs and overlayfs.
        for local in [0xef53, 0x5846_5342, 0x9123_683e, 0x2fc1_2fc1, 0x0102_1994, 0x794c_7630] {
            assert_eq!(name(local), None);
        }
        assert_eq!((name(0x6969), name(0xfe53_4d42), name(0x6573_5546)), (Some("NFS"), Some("SMB"), Some("FUSE")));
    }
}
