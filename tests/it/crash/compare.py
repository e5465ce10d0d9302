"""Compares the output of a run with what is expected, as DuckDB and as pyarrow read it: `compare.py FOLDER EXPECTED`."""
import json
import sys

import duckdb
import pyarrow.dataset

folder, expected = sys.argv[1], json.load(open(sys.argv[2]))

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
