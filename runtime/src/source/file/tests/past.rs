//! Files that were read and are gone.

use std::time::SystemTime;

use super::*;

const MINUTE: Duration = Duration::from_secs(60);

fn write_at(path: &str, text: &str, at: SystemTime) {
    fs::write(path, text).unwrap();
    fs::File::options().write(true).open(path).unwrap().set_modified(at).unwrap();
}

/// Fetches until so many lines have come and, as files are looked for again, what is gone has been seen.
async fn lines(feed: &mut dyn Feed, checkpoint: &mut Checkpoint, many: usize) -> Result<Vec<String>> {
    let mut seen = Vec::new();
    for round in 0.. {
        // The folder is looked at again after ten milliseconds.
        tokio::time::sleep(Duration::from_millis(11)).await;
        let (lines, fetched) = fetch(feed, &limits(None, 1 << 20, Duration::from_millis(20))).await?;
        checkpoint.commit(feed, &fetched);
        seen.extend(lines.into_iter().map(|(_, _, text)| text));
        assert!(round < 1_000, "{} of {many} lines", seen.len());
        if seen.len() >= many && round >= 2 {
            break;
        }
    }
    Ok(seen)
}

#[test]
fn a_folder_that_gets_a_file_a_minute_does_not_make_the_checkpoint_grow() {
    const FILES: u32 = 3_000;
    const STEP: u32 = 50;
    let (_keep, dir) = folder();
    let source = file(&*dir).follow(Duration::from_millis(10)).max_file_age(60 * MINUTE);
    let begun = SystemTime::now() - FILES * MINUTE;
    let path = |number: u32| format!("{dir}/{number:05}.txt");
    run(async {
        let (mut checkpoint, mut seen, mut largest) = (Checkpoint::default(), Vec::new(), 0);
        let mut feed = source.open(Resume::default()).await.unwrap();
        for first in (0..FILES).step_by(STEP as usize) {
            for number in first..first + STEP {
                write_at(&path(number), &format!("{number}\n"), begun + number * MINUTE);
            }
            seen.extend(lines(&mut *feed, &mut checkpoint, STEP as usize).await.unwrap());
            (first..first + STEP).for_each(|number| fs::remove_file(path(number)).unwrap());
            largest = largest.max(checkpoint.partitions.len());
            if first % (7 * STEP) == 0 {
                feed = source.open(checkpoint.resume()).await.unwrap();
            }
        }
        assert_eq!(seen.len(), FILES as usize, "a file was read twice");
        let numbers: Vec<u32> = seen.iter().map(|line| line.parse().unwrap()).collect();
        assert_eq!(numbers.iter().collect::<std::collections::BTreeSet<_>>().len(), FILES as usize);
        // Those of an hour, those of the last steps, and what stands for all others.
        assert!(largest < 60 + 3 * STEP as usize, "{largest} entries");
        let own = checkpoint.partitions.get(&dir).unwrap();
        assert!(own.drained && own.to["forgotten"].as_u64().unwrap() > u64::from(FILES - 60 - 3 * STEP), "{own:?}");

        // What is forgotten and comes back is not read again.
        write_at(&path(7), "7\n", begun + 7 * MINUTE);
        for _ in 0..2 {
            let error = match source.open(checkpoint.resume()).await {
                Ok(mut feed) => lines(&mut *feed, &mut checkpoint, 1).await.unwrap_err(),
                Err(error) => error,
            };
            assert_eq!(error.kind(), Kind::Config);
            assert!(
                error.to_string().contains(&format!("`{}` has appeared and was last changed at", path(7))),
                "{error}"
            );
        }
        // With a time of its own it is another file.
        write_at(&path(7), "new\n", SystemTime::now());
        let mut feed = source.open(checkpoint.resume()).await.unwrap();
        assert_eq!(lines(&mut *feed, &mut checkpoint, 1).await.unwrap(), ["new"]);
    });
}

#[test]
fn a_file_that_stays_is_remembered_however_old() {
    let (_keep, dir) = folder();
    let source = file(&*dir).follow(Duration::from_millis(10)).max_file_age(MINUTE);
    let now = SystemTime::now();
    let path = |name: &str| format!("{dir}/{name}");
    write_at(&path("old"), "old\n", now - 1_000 * MINUTE);
    write_at(&path("gone"), "gone\n", now - 900 * MINUTE);
    write_at(&path("young"), "young\n", now);
    run(async {
        let mut checkpoint = Checkpoint::default();
        for start in 0..4 {
            let mut feed = source.open(checkpoint.resume()).await.unwrap();
            let many = if start == 0 { 3 } else { 0 };
            assert_eq!(lines(&mut *feed, &mut checkpoint, many).await.unwrap().len(), many);
            fs::remove_file(path("gone")).ok();
        }
        let left: Vec<&String> = checkpoint.partitions.keys().collect();
        assert_eq!(left, [&dir, &path("old"), &path("young")]);
        // It is older than the one that was forgotten, and goes on.
        append(&path("old"), "more\n");
        let mut feed = source.open(checkpoint.resume()).await.unwrap();
        assert_eq!(lines(&mut *feed, &mut checkpoint, 1).await.unwrap(), ["more"]);
        // A folder that is not there for a while forgets nothing.
        fs::rename(&dir, format!("{dir}.away")).unwrap();
        let mut feed = source.open(checkpoint.resume()).await.unwrap();
        lines(&mut *feed, &mut checkpoint, 0).await.unwrap();
        fs::rename(format!("{dir}.away"), &dir).unwrap();
        assert_eq!(checkpoint.partitions.len(), 3);
    });
}
