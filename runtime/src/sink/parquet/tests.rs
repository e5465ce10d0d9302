#![allow(clippy::unwrap_used, clippy::panic, clippy::cloned_ref_to_slice_refs)]
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use ::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use ::parquet::file::reader::FileReader;
use ::parquet::file::serialized_reader::SerializedFileReader;
use arrow::array::{
    ArrayRef, AsArray, BooleanArray, Date32Array, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray, UInt64Array,
};
use arrow::datatypes::Int64Type;

use super::path::{MAX_VALUE, NULL, encode};
use super::{Parquet, parquet, uncompressed, zstd_level};
use crate::error::Kind;
use crate::sink::{Connected, Sink, StageWriter, StagedFile, Staging, WriterContext};
use crate::store::{Durability, LocalOptions, LocalStore};

/// A folder that goes away with the test.
struct Scratch(std::path::PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("millstream-parquet-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn staging(sink: &Parquet, batch: &RecordBatch) -> Arc<dyn Staging> {
    match sink.connect(&batch.schema()).unwrap() {
        Connected::Staging(staging) => staging,
        Connected::Delivering(_) => panic!("parquet stages"),
    }
}

fn writer(sink: &Parquet, batch: &RecordBatch, stage: &Path, durability: Durability) -> Box<dyn StageWriter> {
    staging(sink, batch).writer(context(3, stage, durability))
}

fn context(worker: usize, stage: &Path, durability: Durability) -> WriterContext {
    let store = LocalStore::open(stage, LocalOptions { durability, private: false }).unwrap();
    WriterContext { worker, store: Arc::new(store), stage: String::new(), generation: 7 }
}

/// Writes batches as one epoch.
fn stage(sink: &Parquet, batches: &[RecordBatch], stage: &Path) -> crate::Result<Vec<StagedFile>> {
    let mut writer = writer(sink, &batches[0], stage, Durability::ProcessCrash);
    for batch in batches {
        writer.write(1, batch)?;
    }
    writer.seal(1)
}

fn read(path: &Path) -> Vec<RecordBatch> {
    let file = std::fs::File::open(path).unwrap();
    ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap().map(Result::unwrap).collect()
}

fn numbers(from: i64, to: i64) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(from..to))
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true))).unwrap()
}

/// The numbers in column `n` by folder.
fn by_folder(files: &[StagedFile], stage: &Path) -> BTreeMap<String, Vec<i64>> {
    let mut found: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for file in files {
        let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
        let rows = found.entry(folder).or_default();
        for batch in read(&stage.join(&file.stage)) {
            rows.extend(batch.column_by_name("n").unwrap().as_primitive::<Int64Type>().values());
        }
    }
    found
}

fn config_error(sink: &Parquet, batch: &RecordBatch) -> String {
    let error = sink.connect(&batch.schema()).err().unwrap();
    assert_eq!(error.kind(), Kind::Config);
    error.to_string()
}

#[test]
fn rows_read_back_as_they_were() {
    let scratch = Scratch::new("round-trip");
    let rows = batch(vec![
        ("n", numbers(0, 3)),
        ("s", Arc::new(StringArray::from(vec![Some("a"), None, Some("")]))),
        ("f", Arc::new(Float64Array::from(vec![1.5, f64::NEG_INFINITY, -0.0]))),
        ("ts", Arc::new(TimestampMicrosecondArray::from(vec![0, 1, -1]).with_timezone("UTC"))),
        ("u", Arc::new(UInt64Array::from(vec![0, u64::MAX, 1]))),
    ]);
    for sink in [parquet("out"), parquet("out").compression(uncompressed), parquet("out").compression(zstd_level(9))] {
        let stage_folder = scratch.0.join(format!("{:?}", sink.compression));
        let files = stage(&sink, std::slice::from_ref(&rows), &stage_folder).unwrap();
        assert_eq!(files.len(), 1);
        assert_eq!(read(&stage_folder.join(&files[0].stage)), [rows.clone()]);
        assert_eq!(files[0].rows, 3);
    }
}

#[test]
fn length_and_hash_are_those_of_the_file() {
    let scratch = Scratch::new("hash");
    let rows = batch(vec![("n", numbers(0, 100_000))]);
    for file in stage(&parquet("out").row_group_rows(10_000), &[rows], &scratch.0).unwrap() {
        let bytes = std::fs::read(scratch.0.join(&file.stage)).unwrap();
        assert_eq!(file.len, bytes.len() as u64);
        assert_eq!(file.xxh3, format!("{:032x}", xxhash_rust::xxh3::xxh3_128(&bytes)));
    }
}

#[test]
fn epochs_have_files_of_their_own_with_names_that_do_not_change() {
    let scratch = Scratch::new("epochs");
    let rows = batch(vec![("n", numbers(0, 10))]);
    let mut names = Vec::new();
    for _ in 0..2 {
        let _ = std::fs::remove_dir_all(scratch.0.join("stage"));
        let mut writer = writer(&parquet("out"), &rows, &scratch.0.join("stage"), Durability::PowerLoss);
        writer.write(41, &rows).unwrap();
        // The next epoch may begin before the one before is sealed.
        writer.write(42, &rows.slice(0, 4)).unwrap();
        writer.write(41, &rows).unwrap();
        let (one, two) = (writer.seal(41).unwrap(), writer.seal(42).unwrap());
        assert_eq!((one[0].rows, two[0].rows), (20, 4));
        assert_eq!(writer.seal(43).unwrap(), []);
        names.push((one[0].path.clone(), two[0].path.clone(), one[0].stage.clone()));
    }
    assert_eq!(names[0], names[1]);
    let (one, two, stage) = &names[0];
    assert!(one.starts_with("e0000000041-w003-000-") && one.ends_with(".parquet"), "{one}");
    assert_eq!(one.len(), "e0000000041-w003-000-abcdef.parquet".len());
    assert!(two.starts_with("e0000000042-w003-000-"), "{two}");
    assert_eq!(*stage, format!("e0000000041/{one}"));
}

#[test]
fn a_staged_file_that_is_there_is_never_overwritten() {
    let scratch = Scratch::new("exclusive");
    let rows = batch(vec![("n", numbers(0, 10))]);
    stage(&parquet("out"), std::slice::from_ref(&rows), &scratch.0).unwrap();
    let error = stage(&parquet("out"), &[rows], &scratch.0).unwrap_err();
    assert_eq!(error.kind(), Kind::Output);
}

#[cfg(unix)]
#[test]
fn a_link_in_place_of_the_folder_is_refused() {
    let scratch = Scratch::new("link");
    std::fs::create_dir(scratch.0.join("elsewhere")).unwrap();
    std::os::unix::fs::symlink(scratch.0.join("elsewhere"), scratch.0.join("e0000000001")).unwrap();
    let rows = batch(vec![("n", numbers(0, 10))]);
    let error = stage(&parquet("out"), &[rows], &scratch.0).unwrap_err();
    assert_eq!(error.kind(), Kind::Output);
    assert!(error.to_string().contains("e0000000001` is a link or a file, and not a folder; remove it"), "{error}");
}

#[test]
fn partitions_are_folders_and_leave_the_files() {
    let scratch = Scratch::new("partitions");
    let rows = batch(vec![
        ("date", Arc::new(Date32Array::from(vec![Some(20_455), Some(20_455), None, Some(20_456)]))),
        ("n", numbers(0, 4)),
        ("k", Arc::new(StringArray::from(vec!["a", "b/..", "", "a"]))),
    ]);
    let sink = parquet("out").partition_by(&["date", "k"]);
    let files = stage(&sink, std::slice::from_ref(&rows), &scratch.0).unwrap();
    let expected = [
        ("date=2026-01-02/k=a", vec![0]),
        ("date=2026-01-02/k=b%2F..", vec![1]),
        ("date=2026-01-03/k=a", vec![3]),
        ("date=__HIVE_DEFAULT_PARTITION__/k=", vec![2]),
    ];
    assert_eq!(by_folder(&files, &scratch.0), expected.map(|(folder, rows)| (folder.to_owned(), rows)).into());
    let inner = read(&scratch.0.join(&files[0].stage));
    assert_eq!(inner[0].schema().fields().iter().map(|field| field.name().clone()).collect::<Vec<_>>(), ["n"]);
}

#[test]
fn every_allowed_type_names_a_folder() {
    let scratch = Scratch::new("types");
    let rows = batch(vec![
        ("n", numbers(0, 2)),
        ("b", Arc::new(BooleanArray::from(vec![true, true]))),
        ("i", Arc::new(Int32Array::from(vec![-5, -5]))),
        ("u", Arc::new(UInt64Array::from(vec![u64::MAX, u64::MAX]))),
        ("ts", Arc::new(TimestampMicrosecondArray::from(vec![1_500_000; 2]).with_timezone("UTC"))),
    ]);
    let sink = parquet("out").partition_by(&["b", "i", "u", "ts"]);
    let files = stage(&sink, &[rows], &scratch.0).unwrap();
    let folder = "b=true/i=-5/u=18446744073709551615/ts=1970-01-01T00%3A00%3A01.5Z";
    assert_eq!(by_folder(&files, &scratch.0), [(folder.to_owned(), vec![0, 1])].into());
}

#[test]
fn a_text_that_is_the_folder_of_null_is_an_error() {
    let scratch = Scratch::new("marker");
    let rows = batch(vec![("n", numbers(0, 1)), ("k", Arc::new(StringArray::from(vec![NULL])))]);
    let error = stage(&parquet("out").partition_by(&["k"]), &[rows], &scratch.0).unwrap_err();
    assert_eq!(error.kind(), Kind::Data);
    assert_eq!(
        error.to_string(),
        "column `k` holds the text `__HIVE_DEFAULT_PARTITION__`, which is the folder of null; \
         filter these rows out, or replace the text in a `select`"
    );
}

#[test]
fn f_072_too_many_partitions_end_the_run() {
    let scratch = Scratch::new("explosion");
    let rows = batch(vec![("n", numbers(0, 50)), ("k", numbers(0, 50))]);
    let error = stage(&parquet("out").partition_by(&["k"]).max_partitions(49), &[rows], &scratch.0).unwrap_err();
    assert_eq!(error.kind(), Kind::Output);
    assert!(
        error.to_string().starts_with("the rows of an epoch have more than 49 different values of `k`; "),
        "{error}"
    );
}

#[test]
fn files_roll_and_row_groups_end() {
    let scratch = Scratch::new("roll");
    let noise = |seed: i64| {
        let mix = move |n: i64| xxhash_rust::xxh3::xxh3_64(&(n + seed).to_le_bytes()) as i64;
        batch(vec![("n", Arc::new(Int64Array::from_iter_values((0..1_000).map(mix))) as ArrayRef)])
    };
    let batches: Vec<_> = (0..20).map(|at| noise(at * 1_000)).collect();
    let files = stage(&parquet("out").max_file_size(32 << 10).row_group_rows(1_500), &batches, &scratch.0).unwrap();
    assert!(files.len() >= 3, "{}", files.len());
    assert_eq!(files.iter().map(|file| file.rows).sum::<u64>(), 20_000);
    assert!(files[2].path.starts_with("e0000000001-w003-002-"));
    let first = SerializedFileReader::new(std::fs::File::open(scratch.0.join(&files[0].stage)).unwrap()).unwrap();
    assert!(first.metadata().row_groups().iter().all(|group| group.num_rows() <= 1_500));
    assert!(first.metadata().num_row_groups() > 1);
    assert_eq!(
        first.metadata().file_metadata().created_by(),
        Some(concat!("millstream version ", env!("CARGO_PKG_VERSION")))
    );
}

/// The columns of a file that have a dictionary.
fn with_dictionaries(file: &StagedFile, stage: &Path) -> Vec<String> {
    let reader = SerializedFileReader::new(std::fs::File::open(stage.join(&file.stage)).unwrap()).unwrap();
    let columns = reader.metadata().row_group(0).columns();
    let with = columns.iter().filter(|column| column.dictionary_page_offset().is_some());
    with.map(|column| column.column_path().string()).collect()
}

#[test]
fn a_dictionary_that_was_given_up_is_not_begun_again() {
    let scratch = Scratch::new("dictionary");
    // A dictionary ends at 1 MiB.
    let few: ArrayRef = Arc::new(Int64Array::from_iter_values((0..200_000).map(|n| n % 7)));
    let rows = batch(vec![("n", numbers(0, 200_000)), ("few", few)]);
    let mut writer = writer(&parquet("out"), &rows, &scratch.0, Durability::ProcessCrash);
    let mut found = Vec::new();
    for epoch in 1..=2 {
        writer.write(epoch, &rows).unwrap();
        let files = writer.seal(epoch).unwrap();
        let read: usize = read(&scratch.0.join(&files[0].stage)).iter().map(RecordBatch::num_rows).sum();
        assert_eq!(read, 200_000);
        found.push(with_dictionaries(&files[0], &scratch.0));
    }
    assert_eq!(found, [vec!["n", "few"], vec!["few"]]);
}

#[test]
fn f_066_the_file_not_written_to_for_longest_is_ended_first() {
    let scratch = Scratch::new("lru");
    let of = |k: i64, n: i64| batch(vec![("n", numbers(n, n + 1)), ("k", numbers(k, k + 1))]);
    let sink = parquet("out").partition_by(&["k"]).max_open(2);
    // 2 pushes out 1, since 0 was written to after it; 1 then pushes out 0.
    let batches = [of(0, 0), of(1, 1), of(0, 2), of(2, 3), of(0, 4), of(1, 5)];
    let mut writer = writer(&sink, &batches[0], &scratch.0, Durability::PowerLoss);
    batches.iter().for_each(|batch| writer.write(1, batch).unwrap());
    let files = writer.seal(1).unwrap();
    let mut folders: Vec<_> = files.iter().map(|file| (&file.path[..3], file.rows)).collect();
    folders.sort_unstable();
    assert_eq!(folders, [("k=0", 3), ("k=1", 1), ("k=1", 1), ("k=2", 1)]);
}

#[test]
fn row_groups_end_when_all_of_them_are_large() {
    let scratch = Scratch::new("budget");
    let rows =
        batch(vec![("n", numbers(0, 4_000)), ("k", Arc::new(Int64Array::from_iter_values((0..4_000).map(|n| n % 4))))]);
    let mut sink = super::writer::Files::new(&parquet("out").partition_by(&["k"]), &rows.schema()).unwrap();
    sink.buffered = 20_000;
    let mut writer = sink.writer(context(0, &scratch.0, Durability::ProcessCrash));
    (0..4).for_each(|_| writer.write(1, &rows).unwrap());
    let files = writer.seal(1).unwrap();
    assert_eq!(by_folder(&files, &scratch.0).values().map(Vec::len).collect::<Vec<_>>(), [4_000; 4]);
    let groups = files.iter().map(|file| {
        let file = std::fs::File::open(scratch.0.join(&file.stage)).unwrap();
        SerializedFileReader::new(file).unwrap().metadata().num_row_groups()
    });
    assert!(groups.sum::<usize>() > 4);
}

#[test]
fn many_partitions_are_synced_and_complete() {
    let scratch = Scratch::new("many");
    let rows = batch(vec![
        ("n", numbers(0, 3_000)),
        ("k", Arc::new(Int64Array::from_iter_values((0..3_000).map(|n| n % 300)))),
    ]);
    let mut writer =
        writer(&parquet("out").partition_by(&["k"]).max_open(100), &rows, &scratch.0, Durability::PowerLoss);
    writer.write(1, &rows).unwrap();
    let files = writer.seal(1).unwrap();
    assert_eq!(files.len(), 300);
    assert_eq!(files.iter().map(|file| &file.path).collect::<BTreeSet<_>>().len(), 300);
    assert_eq!(by_folder(&files, &scratch.0)["k=7"], (0..10).map(|n| n * 300 + 7).collect::<Vec<_>>());
}

#[test]
fn f_043_statistics_do_not_speak_of_chunks_with_nan() {
    let scratch = Scratch::new("nan");
    let rows = batch(vec![
        ("n", numbers(0, 3)),
        ("clean", Arc::new(Float64Array::from(vec![Some(1.0), None, Some(3.0)]))),
        ("f", Arc::new(Float64Array::from(vec![Some(1.0), None, Some(f64::NAN)]))),
    ]);
    let files = stage(&parquet("out"), &[rows], &scratch.0).unwrap();
    let reader = SerializedFileReader::new(std::fs::File::open(scratch.0.join(&files[0].stage)).unwrap()).unwrap();
    let statistics = |column: usize| reader.metadata().row_group(0).column(column).statistics().cloned().unwrap();
    assert!(statistics(0).min_bytes_opt().is_some());
    assert_eq!(statistics(1).max_bytes_opt(), Some(&3f64.to_le_bytes()[..]));
    assert_eq!((statistics(2).min_bytes_opt(), statistics(2).max_bytes_opt()), (None, None));
    assert_eq!(statistics(2).null_count_opt(), Some(1));
}

#[test]
fn a_float_in_a_list_or_struct_is_hidden_alike() {
    use arrow::array::{Float32Array, ListArray, StructArray};
    use arrow::buffer::OffsetBuffer;
    use arrow::datatypes::{DataType, Field, Fields};
    let scratch = Scratch::new("nested-nan");
    let item = Arc::new(Field::new("item", DataType::Float32, false));
    let values = Arc::new(Float32Array::from(vec![1.0, f32::NAN]));
    let list = ListArray::new(item, OffsetBuffer::from_lengths([2, 0]), values, None);
    let fields = Fields::from(vec![Field::new("x", DataType::Float32, false)]);
    let nested = StructArray::new(fields, vec![Arc::new(Float32Array::from(vec![f32::NAN, 2.0]))], None);
    let rows = batch(vec![("l", Arc::new(list)), ("s", Arc::new(nested))]);
    let files = stage(&parquet("out"), std::slice::from_ref(&rows), &scratch.0).unwrap();
    let path = scratch.0.join(&files[0].stage);
    let reader = SerializedFileReader::new(std::fs::File::open(&path).unwrap()).unwrap();
    for column in reader.metadata().row_group(0).columns() {
        assert_eq!(column.statistics().and_then(|statistics| statistics.max_bytes_opt()), None);
    }
    assert_eq!(read(&path)[0].num_rows(), 2);
}

#[test]
fn connecting_refuses_what_cannot_work() {
    let rows = batch(vec![
        ("n", numbers(0, 1)),
        ("f", Arc::new(Float64Array::from(vec![1.0]))),
        ("a b", Arc::new(StringArray::from(vec!["a"]))),
    ]);
    let says = |sink: Parquet, words: &str| {
        let error = config_error(&sink, &rows);
        assert!(error.contains(words), "{error}");
    };
    if !cfg!(feature = "s3") {
        says(parquet("s3://bucket/out"), "built without the feature `s3`");
    }
    says(parquet("s4://bucket/out"), "this is no place that millstream knows");
    says(parquet("out").region("eu-west-1"), "options of an object store are given");
    says(parquet(""), "the path of sink parquet is empty");
    says(parquet("out").partition_by(&["date"]), "names `date`, which is no column; the columns are n, f, a b");
    says(parquet("out").partition_by(&["f"]), "names `f`, which is Float64; name columns of text");
    says(parquet("out").partition_by(&["n", "n"]), "names `n` twice");
    says(parquet("out").partition_by(&["a b"]), "cannot name a folder");
    says(parquet("out").max_file_size(2 << 30), "`max_file_size` is 2147483648; give a number from 1 to 1073741824");
    says(parquet("out").row_group_rows(0), "`row_group_rows` is 0");
    says(parquet("out").compression(zstd_level(23)), "`zstd_level` is 23");
    let nine = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];
    let wide = batch(nine.iter().map(|name| (*name, numbers(0, 1))).chain([("n", numbers(0, 1))]).collect());
    let sink = parquet("out").partition_by(&["a", "b", "c", "d", "e", "f", "g", "h", "i"]);
    assert!(config_error(&sink, &wide).starts_with("`partition_by` names 9 columns; "));
    let alone = batch(vec![("n", numbers(0, 1))]);
    assert!(
        config_error(&parquet("out").partition_by(&["n"]), &alone).starts_with("every column is in `partition_by`")
    );
}

/// What readers of the layout do to a value.
fn decode(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((first, tail)) = rest.split_first() {
        if *first == b'%' {
            bytes.push(u8::from_str_radix(std::str::from_utf8(&tail[..2]).unwrap(), 16).unwrap());
            rest = &tail[2..];
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8(bytes).unwrap()
}

#[test]
fn any_text_is_one_folder_below_the_root_and_reads_back() {
    let alphabet: Vec<char> = "ab.%/\\=~:*?\"<>|'\0\n\r\t .._-NULLnullé漢🦀%2F\u{202e}\u{feff}".chars().collect();
    let fixed = [".", "..", "...", "", "null", "NULL", "nullx", "%", "%2E", "../../etc/passwd", "~", "a/b", "C:\\x"];
    let mut texts: BTreeSet<String> = fixed.iter().map(|text| (*text).to_owned()).collect();
    texts.extend((0..300).map(|len| "漢".repeat(len)));
    texts.extend((0..300).map(|len| "a".repeat(len)));
    // A generator of its own, so that a failure is the same each time.
    let mut state = 42u64;
    let mut next = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    for _ in 0..20_000 {
        let len = next(60);
        texts.insert((0..len).map(|_| alphabet[next(alphabet.len())]).collect());
    }
    let mut names = BTreeSet::new();
    for text in &texts {
        let mut name = String::new();
        encode(text, &mut name);
        assert!(name.len() <= MAX_VALUE, "{name}");
        assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-%~".contains(&byte)), "{name}");
        assert!(name != "." && name != "..");
        match name.split_once('~') {
            None => assert_eq!(decode(&name), *text),
            Some((start, hash)) => {
                assert!(text.starts_with(&decode(start)) && start.len() > 80 && hash.len() == 32, "{name}");
            }
        }
        let path = Path::new("out").join(format!("c={name}")).join("file.parquet");
        assert_eq!(path.components().count(), 3);
        assert!(names.insert(name), "{text}");
    }
}

#[test]
fn text_after_the_first_value_does_not_matter_to_its_encoding() {
    let mut out = "date=2026-01-02/k=".to_owned();
    encode(&"x".repeat(200), &mut out);
    assert_eq!(out.len(), "date=2026-01-02/k=".len() + MAX_VALUE);
}
