"""Compares the state in the checkpoint of `FOLDER` with `FOLDER/expected.json`, as DuckDB and as pyarrow read it."""
import duckdb
import pyarrow.parquet

folder = sys.argv[1]
wanted = json.load(open(f"{folder}/expected.json"))
keys, place = wanted["keys"], wanted["place"]


def by_duckdb(path):
    return duckdb.sql(f"select * from read_parquet('{path}')").to_arrow_table().to_pylist()


def by_pyarrow(path):
    return pyarrow.parquet.read_table(path).to_pylist()


def shaped(value, like):
    """A value as it is in JSON; of a struct, the fields that the other one has."""
    if isinstance(like, dict):
        return {name: shaped(value[name], like[name]) for name in like}
    return plain(value)


def state(reader, read):
    """For each key the last row: snapshots, then the changes after the snapshot of the key's group, epoch by epoch."""
    def rows(file):
        found = read(f"{folder}/checkpoint/{file['path']}")
        if len(found) != file["rows"]:
            sys.exit(f"{reader} reads {len(found)} rows of {file['path']}, {file['rows']} are named by the commit")
        return found

    kept, epochs = {}, {}
    by_window = place == "pane"
    for file in wanted["snapshots"] + sorted(wanted["changes"], key=lambda file: file["epoch"]):
        if file in wanted["snapshots"]:
            epochs.update({group: file["epoch"] for group in range(file["lo"], file["hi"] + 1)})
        for row in rows(file):
            if file in wanted["snapshots"] or file["epoch"] > epochs.get(row["key_group"], 0):
                kept[tuple(row[key] for key in keys) + ((row[place],) if by_window else ())] = row
    # What has ended is not deleted: the watermark of the commit says so.
    return [row for row in kept.values() if row[place] + wanted["life"] > wanted["watermark"]]


for reader, read in [("DuckDB", by_duckdb), ("pyarrow", by_pyarrow)]:
    found = state(reader, read)
    names = {"key_group", *wanted["rows"][0]}
    if found and set(found[0]) != names:
        sys.exit(f"{reader} reads the columns {list(found[0])}, expected are {sorted(names)}")
    compare(reader, "groups", [shaped(row, wanted["rows"][0]) for row in found], wanted["rows"])

# As the manual has it.
if not duckdb.sql(f"select * from '{folder}/checkpoint/state/*/*.parquet' limit 10").to_arrow_table().num_rows:
    sys.exit("the manual's query finds nothing")
