"""Reads the output of a run as somebody else would: `reader.py watch|compare disk|s3|azure ADDRESS NAME KEY BASE [EXPECTED]`.

`watch` reads over and over until its input ends, and fails at the first thing that is wrong.
"""
import json
import sys
import threading
import time

import duckdb
import pyarrow.dataset
import pyarrow.fs
import pyarrow.parquet

what, service, address, name, key, base = sys.argv[1:7]
if service == "disk":
    files = pyarrow.fs.LocalFileSystem()
elif service == "s3":
    files = pyarrow.fs.S3FileSystem(
        access_key=name, secret_key=key, endpoint_override=address, scheme="http", region="us-east-1"
    )
else:
    files = pyarrow.fs.AzureFileSystem(
        name, account_key=key, blob_storage_authority=address, blob_storage_scheme="http",
        dfs_storage_authority=address, dfs_storage_scheme="http",
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


def dataset(name, **options):
    # Not the folder itself: without an object of its own Azure does not know it.
    selector = pyarrow.fs.FileSelector(f"{base}/{name}", recursive=True)
    found = [info.path for info in files.get_file_info(selector) if info.is_file]
    return pyarrow.dataset.dataset(found, filesystem=files, format="parquet", **options)


def compare_all(expected):
    out = dataset("out", partitioning="hive")
    bad = dataset("bad").to_table(columns=["raw"])
    rows = out.to_table().to_pylist()
    compare("pyarrow", "rows", [[plain(value) for value in row.values()] for row in rows], expected["rows"])
    compare("pyarrow", "dead letters", [row["raw"].decode() for row in bad.to_pylist()], expected["bad"])
    # DuckDB itself reads object stores by extensions that have to be downloaded, so it reads through pyarrow's files.
    rows = duckdb.sql("select * from out").to_arrow_table().to_pylist()
    compare("DuckDB", "rows", [[plain(value) for value in row.values()] for row in rows], expected["rows"])


if what == "watch":
    watch()
else:
    compare_all(json.load(open(sys.argv[7])))
