"""Reads the output of a run as somebody else would: `reader.py watch|compare ENDPOINT|- ACCESS SECRET BASE [EXPECTED]`.

ENDPOINT is `-` for a local disk. `watch` reads over and over until its input ends, and fails at the first thing that is wrong.
"""
import json
import sys
import threading
import time

import duckdb
import pyarrow.dataset
import pyarrow.fs
import pyarrow.parquet

what, endpoint, access, secret, base = sys.argv[1:6]
if endpoint == "-":
    files = pyarrow.fs.LocalFileSystem()
else:
    files = pyarrow.fs.S3FileSystem(
        access_key=access, secret_key=secret, endpoint_override=endpoint, scheme="http", region="us-east-1"
    )


def watch():
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    known, keys, looks = {}, set(), 0
    while True:
        last = ended.is_set()
        selector = pyarrow.fs.FileSelector(f"{base}/out", allow_not_found=True, recursive=True)
        found = {info.path: info.size for info in files.get_file_info(selector) if info.is_file}
        for path, size in known.items():
            if found.get(path) != size:
                sys.exit(f"{path} has changed from {size} to {found.get(path)} bytes")
        for path in found.keys() - known.keys():
            if not path.endswith(".parquet"):
                sys.exit(f"{path} is there")
            table = pyarrow.parquet.ParquetFile(files.open_input_file(path)).read()
            # The first two columns are the key in both modes.
            for key in zip(*(table.column(number).to_pylist() for number in (0, 1))):
                key = json.dumps([plain(part) for part in key])
                if key in keys:
                    sys.exit(f"{key} is there twice, the second time in {path}")
                keys.add(key)
        known, looks = found, looks + 1
        if last:
            print(json.dumps([looks, len(keys)]))
            return
        time.sleep(0.05)


def compare_all(expected):
    out = pyarrow.dataset.dataset(f"{base}/out", filesystem=files, format="parquet", partitioning="hive")
    bad = pyarrow.dataset.dataset(f"{base}/bad", filesystem=files, format="parquet").to_table(columns=["raw"])
    rows = out.to_table().to_pylist()
    compare("pyarrow", "rows", [[plain(value) for value in row.values()] for row in rows], expected["rows"])
    compare("pyarrow", "dead letters", [row["raw"].decode() for row in bad.to_pylist()], expected["bad"])
    # DuckDB itself reads S3 by an extension that has to be downloaded, so it reads through pyarrow's files.
    rows = duckdb.sql("select * from out").to_arrow_table().to_pylist()
    compare("DuckDB", "rows", [[plain(value) for value in row.values()] for row in rows], expected["rows"])


if what == "watch":
    watch()
else:
    compare_all(json.load(open(sys.argv[6])))
