"""CPU seconds of DuckDB for a job: python duck.py JOB INPUT OUTPUT."""
import sys
import time

import duckdb

job, source, target = sys.argv[1:]
readings = f"""read_json('{source}', format='newline_delimited', columns={{device_id: 'VARCHAR', ts: 'TIMESTAMPTZ',
    temperature: 'DOUBLE', country: 'VARCHAR', status: 'VARCHAR', seq: 'UBIGINT'}})"""
lines = f"read_csv('{source}', header=false, columns={{line: 'VARCHAR'}}, delim='\\x01', quote='', escape='')"
query = {
    "W1": f"SELECT device_id, ts, temperature, country, status, seq FROM {readings} WHERE temperature > 5.0",
    "W2": f"""SELECT device_id, time_bucket(INTERVAL 1 MINUTE, ts) AS start, count(*) AS n, avg(temperature) AS mean,
        max(temperature) AS hottest FROM {readings} GROUP BY ALL""",
    "W3": f"SELECT word, count(*) AS n FROM (SELECT unnest(string_split(line, ' ')) AS word FROM {lines}) GROUP BY ALL",
}[job]
connection = duckdb.connect()
connection.execute("SET threads = 1; SET preserve_insertion_order = false; SET TimeZone = 'UTC'")
begun = time.process_time()
connection.execute(f"COPY ({query}) TO '{target}' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)")
print(time.process_time() - begun)
