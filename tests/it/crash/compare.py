"""Compares the output of a run with what is expected, as DuckDB and as pyarrow read it: `compare.py FOLDER EXPECTED`."""
import datetime
import json
import sys

import duckdb
import pyarrow.dataset

folder, expected = sys.argv[1], json.load(open(sys.argv[2]))
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def plain(value):
    if isinstance(value, datetime.datetime):
        value = value if value.tzinfo else value.replace(tzinfo=datetime.timezone.utc)
        return (value - EPOCH) // datetime.timedelta(microseconds=1)
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, dict):
        return [plain(part) for part in value.values()]
    return value


def compare(reader, what, found, wanted):
    found, wanted = sorted(map(json.dumps, found)), sorted(map(json.dumps, wanted))
    if found != wanted:
        more, less = set(found) - set(wanted), set(wanted) - set(found)
        sys.exit(f"{reader} reads {len(found)} {what}, {len(wanted)} expected; more: {list(more)[:5]}; less: {list(less)[:5]}")
    print(f"{reader} reads the {len(found)} {what} that it should")


rows = duckdb.sql(f"select * from read_parquet('{folder}/out/**/*.parquet', hive_partitioning = true)")
bad = duckdb.sql(f"select raw from read_parquet('{folder}/bad/**/*.parquet')")
# DuckDB makes Python times of times with a zone only where pytz is there; pyarrow needs nothing.
rows = rows.to_arrow_table().to_pylist()
compare("DuckDB", "rows", [[plain(value) for value in row.values()] for row in rows], expected["rows"])
compare("DuckDB", "dead letters", [raw.decode() for (raw,) in bad.fetchall()], expected["bad"])

rows = pyarrow.dataset.dataset(f"{folder}/out", format="parquet", partitioning="hive").to_table().to_pylist()
bad = pyarrow.dataset.dataset(f"{folder}/bad", format="parquet").to_table(columns=["raw"]).to_pylist()
compare("pyarrow", "rows", [[plain(value) for value in row.values()] for row in rows], expected["rows"])
compare("pyarrow", "dead letters", [row["raw"].decode() for row in bad], expected["bad"])
