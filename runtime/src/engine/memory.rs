//! How much memory this process may have.

use std::fs;
use std::path::{Path, PathBuf};

/// The bytes of memory that the machine has, or fewer if a control group of Linux limits this process to them. `None` where
/// the system does not say.
pub(super) fn limit() -> Option<u64> {
    let mounts = Path::new("/sys/fs/cgroup");
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let limits =
        files(mounts, &groups).into_iter().filter_map(|file| fs::read_to_string(file).ok()?.trim().parse().ok());
    limits.chain(physical()).min()
}

/// The files in which limits of the groups of a process may stand: those of its own group and of each around it, since the
/// lowest counts. A container often sees its own group as the root, which is among them.
fn files(mounts: &Path, groups: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for line in groups.lines() {
        // `0::/path` in the second version, `4:memory:/path` in the first.
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { continue };
        let (mount, name) = match controllers {
            "" => (mounts.to_owned(), "memory.max"),
            of if of.split(',').any(|controller| controller == "memory") => {
                (mounts.join("memory"), "memory.limit_in_bytes")
            }
            _ => continue,
        };
        let group = Path::new(path.trim_start_matches('/'));
        files.extend(group.ancestors().map(|group| mount.join(group).join(name)));
    }
    files
}

/// The memory of the machine.
fn physical() -> Option<u64> {
    let told = fs::read_to_string("/proc/meminfo").ok()?;
    let line = told.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_looked_for_in_the_group_and_in_those_around_it() {
        let of = |groups: &str| {
            let files = files(Path::new("/g"), groups);
            files.into_iter().map(|file| file.display().to_string()).collect::<Vec<_>>()
        };
        assert_eq!(of("0::/a/b\n"), ["/g/a/b/memory.max", "/g/a/memory.max", "/g/memory.max"]);
        assert_eq!(of("0::/\n"), ["/g/memory.max"]);
        let first = "9:name=systemd:/\n5:cpu,cpuacct:/x\n4:memory:/pod\n";
        assert_eq!(of(first), ["/g/memory/pod/memory.limit_in_bytes", "/g/memory/memory.limit_in_bytes"]);
        assert!(of("").is_empty());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_linux_says_how_much_there_is() {
        assert!(limit().is_some_and(|limit| limit > 1 << 20));
    }
}
