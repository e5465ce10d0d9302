use super::*;

fn gzip_of(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn by_name_or_word_and_of_several_members() {
    let (_keep, dir) = folder();
    let text = |from: u32| (from..from + 500).map(|number| format!("line {number}\n")).collect::<String>();
    fs::write(format!("{dir}/a.gz"), [gzip_of(&text(0)), gzip_of(&text(500))].concat()).unwrap();
    fs::write(format!("{dir}/b.zst"), zstd_of(&text(1_000))).unwrap();
    fs::write(format!("{dir}/c"), text(1_500)).unwrap();
    for rows in [None, Some(70)] {
        let reference = epochs(&file(&*dir).chunk(300), rows, 4_000, usize::MAX);
        let mut seen: Vec<u32> =
            texts(&reference.concat()).iter().map(|line| line.trim_start_matches("line ").parse().unwrap()).collect();
        seen.sort_unstable();
        assert_eq!(seen, (0..2_000).collect::<Vec<_>>());
        assert_eq!(epochs(&file(&*dir).chunk(300), rows, 4_000, 1), reference);
    }
    fs::rename(format!("{dir}/a.gz"), format!("{dir}/a")).unwrap();
    assert_eq!(run(all(&file(format!("{dir}/a")).compression(gzip))).unwrap().len(), 1_000);
}

fn zstd_of(text: &str) -> Vec<u8> {
    ::zstd::stream::encode_all(text.as_bytes(), 1).unwrap()
}

#[test]
fn damaged_cut_and_replaced_files() {
    let (_keep, dir) = folder();
    let path = format!("{dir}/a.gz");
    let text: String = (0..5_000).map(|number| format!("line {number}\n")).collect();
    let whole = gzip_of(&text);
    fs::write(&path, whole.get(..whole.len() / 2).unwrap()).unwrap();
    let error = run(all(&file(&*path))).unwrap_err();
    assert_eq!(error.kind(), Kind::Data);
    assert!(error.to_string().contains("damaged or was not complete"), "{error}");

    fs::write(&path, &whole).unwrap();
    run(async {
        let mut feed = file(&*path).open(Resume::default()).await.unwrap();
        let (_, fetched) = fetch(&mut *feed, &limits(Some(10), 1 << 20, Duration::ZERO)).await.unwrap();
        let mut checkpoint = Checkpoint::default();
        checkpoint.commit(&*feed, &fetched);
        fs::write(&path, gzip_of(&text.replace("line", "enil"))).unwrap();
        let mut feed = file(&*path).open(checkpoint.resume()).await.unwrap();
        let error = fetch(&mut *feed, &limits(Some(10), 1 << 20, Duration::ZERO)).await.unwrap_err();
        assert_eq!(error.kind(), Kind::DataLoss);
    });
}

#[test]
fn f_040_bombs() {
    let (_keep, dir) = folder();
    let path = format!("{dir}/a.zst");
    let line = format!("{}\n", "x".repeat((1 << 20) - 1));
    let mut encoder = ::zstd::stream::write::Encoder::new(fs::File::create(&path).unwrap(), 1).unwrap();
    for _ in 0..80 {
        encoder.write_all(line.as_bytes()).unwrap();
    }
    encoder.finish().unwrap();
    let error = run(all(&file(&*path))).unwrap_err();
    assert_eq!(error.kind(), Kind::Data);
    assert!(error.to_string().contains("max_ratio"), "{error}");
    assert_eq!(run(all(&file(&*path).max_ratio(1_000_000))).unwrap().len(), 80);
}
