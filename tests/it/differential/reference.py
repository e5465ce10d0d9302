"""Computes with DuckDB what the pipeline of differential.rs computes, and compares.

Arguments: the folder of the input, the folder of the output, rows per epoch, the watermark's delay in seconds.
Prints one JSON document: the account, the number of groups, and what differs.
"""

import glob
import json
import sys

import duckdb

folder, output, quota, delay = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]) * 1_000_000
db = duckdb.connect()
db.execute("set threads = 2; set memory_limit = '6GB'")
db.execute(f"set temp_directory = '{folder}/duckdb'")

# Records, with their numbers within their files. A malformed one is a record, too.
PATHS = ["ts", "dev", "country", "status", "temperature", "humidity", "steps", "errors", "note"]
PATHS += ["location", "location.lat", "location.lon", "location.floor", "price", "took"]
FIELD = {name: f"f[{number + 1}]" for number, name in enumerate(PATHS)}


def text(name):
    return f"json_extract_string({FIELD[name]}, '$')"


def of(name, *types):
    return f"json_type({FIELD[name]}) in ({', '.join(repr(each) for each in types)})"


def null(name):
    return f"coalesce(json_type({FIELD[name]}), 'NULL') = 'NULL'"


def integer(name, low, high):
    return f"({of(name, 'BIGINT', 'UBIGINT')} and try_cast({text(name)} as hugeint) between {low} and {high})"


NUMBER = ("DOUBLE", "BIGINT", "UBIGINT")
OK = " and ".join([
    of("ts", "VARCHAR"),
    f"try_cast({text('ts')} as timestamptz) is not null",
    of("dev", "VARCHAR"),
    f"({null('country')} or {of('country', 'VARCHAR')})",
    f"{text('status')} in ('ok', 'worn_out', 'alarm', 'retired')",
    of("temperature", *NUMBER),
    f"({null('humidity')} or {of('humidity', *NUMBER)})",
    integer("steps", -(2**63), 2**63 - 1),
    f"({null('errors')} or {integer('errors', 0, 2**32 - 1)})",
    of("note", "VARCHAR"),
    of("location", "OBJECT"),
    of("location.lat", *NUMBER),
    of("location.lon", *NUMBER),
    f"({null('location.floor')} or {integer('location.floor', -(2**15), 2**15 - 1)})",
    of("price", "VARCHAR", *NUMBER),
    f"regexp_full_match({text('price')}, '-?[0-9]{{1,14}}([.][0-9]{{1,4}})?')",
    f"({null('took')} or regexp_full_match({text('took')}, '[0-9]+ms'))",
])
files = sorted(glob.glob(f"{folder}/*.ndjson"))
for partition, path in enumerate(files):
    paths = ", ".join(f"'$.{name}'" for name in PATHS)
    db.execute(f"""
        {"create table record as" if partition == 0 else "insert into record"}
        with line as (
            select row_number() over () as number, line
            from read_csv('{path}', columns = {{'line': 'VARCHAR'}}, delim = '\x01', quote = '', escape = '',
                header = false, auto_detect = false, parallel = false, nullstr = '\x02', new_line = '\\n')
        ), part as (
            select number, json_extract(case when json_valid(line) then line end, [{paths}]) as f from line
        ), judged as (
            select number, coalesce({OK}, false) as ok, f from part
        )
        select {partition} as partition, number, ok,
            case when ok then epoch_us(cast({text('ts')} as timestamptz)) end as micros,
            case when ok then {text('dev')} end as device,
            case when ok then {text('country')} end as country,
            case when ok then {text('status')} end as status,
            case when ok then cast({text('temperature')} as double) end as temperature,
            case when ok then cast(cast({text('humidity')} as float) as double) end as humidity,
            case when ok then cast({text('steps')} as bigint) end as steps,
            case when ok then cast({text('errors')} as bigint) end as errors,
            case when ok then {text('note')} end as note,
            case when ok then cast({text('location.lat')} as double) end as lat,
            case when ok then cast({text('location.floor')} as smallint) end as floor,
            case when ok then cast({text('price')} as decimal(18, 4)) end as price,
            case when ok then cast(replace({text('took')}, 'ms', '') as bigint) * 1000 end as took,
            coalesce(status <> 'retired' and temperature > -40.0 and abs(lat) < 88.5, false) as kept
        from judged""")

# Which record is in which epoch: of each file that has not ended, the next `quota / files that have not ended`, rounded up.
lengths = dict(db.execute("select partition, count(*) from record group by all").fetchall())
taken = {partition: 0 for partition in lengths}
cuts, ends = [], []
while any(taken[partition] < lengths[partition] for partition in lengths):
    unfinished = [partition for partition in lengths if taken[partition] < lengths[partition]]
    share = -(-quota // len(unfinished))
    for partition in unfinished:
        cuts.append((partition, len(ends), taken[partition]))
        taken[partition] = min(taken[partition] + share, lengths[partition])
    ends.append({partition for partition in lengths if taken[partition] == lengths[partition]})
db.execute("create table cut (partition integer, epoch integer, before bigint)")
db.executemany("insert into cut values (?, ?, ?)", cuts)
db.execute("""
    create table row as select record.*, epoch, micros - micros % 60_000_000 as start
    from record asof join cut on record.partition = cut.partition and record.number > cut.before""")

# The watermark at the start of each epoch.
latest = {}
for partition, epoch, at in db.execute("select partition, epoch, max(micros) from row where ok and kept group by all").fetchall():
    latest[partition, epoch] = at
marks, mark, seen = [], None, {partition: None for partition in lengths}
for epoch, ended in enumerate(ends):
    marks.append((epoch, mark))
    for partition in lengths:
        times = [time for time in (seen[partition], latest.get((partition, epoch))) if time is not None]
        seen[partition] = max(times, default=None)
    waiting = [seen[partition] for partition in lengths if partition not in ended]
    if waiting and None not in waiting:
        mark = max(min(waiting) - delay, mark if mark is not None else min(waiting) - delay)
db.execute("create table mark (epoch integer, mark bigint)")
db.executemany("insert into mark values (?, ?)", marks)
db.execute("""
    create table judged as select row.*, coalesce(start + 60_000_000 <= mark, false) as late
    from row join mark using (epoch)""")
account = db.execute("""
    select count(*), count(*) filter (not ok), count(*) filter (ok and not kept), count(*) filter (ok and kept and late),
        count(*) filter (ok and kept and not late) from judged""").fetchone()

# The groups. Rows of one price go by event time, then by their number.
RANK = "(cast(price * 10000 as hugeint) * 10_000_000_000_000_000 {0} micros) * 1_000_000_000 {0} number"
EXACT = {
    "n": "count(*)",
    "alarms": "count(*) filter (status = 'alarm')",
    "steps": "sum(steps)",
    "errors": "sum(errors)",
    "coldest": "min(temperature)",
    "highest": "max(floor)",
    "greatest": "max(note)",
    "first": "arg_min(note, micros::hugeint * 1_000_000_000 + number)",
    "last": "arg_max(errors, micros::hugeint * 1_000_000_000 + number) filter (errors is not null)",
    "takings": "sum(price)",
    "cheapest": "min(price)",
    "dearest": f"arg_max(note, {RANK.format('-')})",
    "floor_of_cheapest": f"arg_min({{'it': floor}}, {RANK.format('+')}).it",
    "notes": "count(distinct note)",
    "floors": "count(distinct floor)",
    "all_steps": "list(steps order by micros, number)",
    "all_errors": "coalesce(list(errors order by micros, number) filter (errors is not null), [])",
    "busy": "sum(took)",
    "label": "device || '@' || coalesce(country, '?')",
    "date": "cast(make_timestamp(start) as date)",
}
FLOAT = {
    "heat": "fsum(temperature)",
    "damp": "favg(humidity)",
    "spread": "stddev_samp(temperature)",
    "above": "favg(temperature) - min(temperature)",
    "mean_price": "avg(price)",
    "share": "count(*) filter (status = 'alarm') / count(*)",
}
columns = ", ".join(f"{expression} as \"{name}\"" for name, expression in (EXACT | FLOAT).items())
db.execute(f"""
    create table expected as select start, device, country, {columns} from judged where ok and kept and not late
    group by start, device, country""")
db.execute(f"""
    create table found as select * exclude ("window"), epoch_us("window".start) as start,
        epoch_us("window"."end") as ending
    from read_parquet('{output}/**/*.parquet', hive_partitioning = true, hive_types = {{'date': date}})""")
db.execute("""
    create table pair as select expected, found from expected full join found
    on expected.start = found.start and expected.device = found.device
        and expected.country is not distinct from found.country""")
WRONG = {"missing": "found is null", "too many": "expected is null"}
WRONG["window"] = "found.ending <> found.start + 60_000_000"
WRONG["type"] = "typeof(found.takings) <> 'DECIMAL(38,4)' or typeof(found.cheapest) <> 'DECIMAL(18,4)'"
WRONG["type"] += " or typeof(found.all_steps) <> 'BIGINT[]' or typeof(found.busy) <> 'BIGINT'"
WRONG |= {name: f"expected.\"{name}\" is distinct from found.\"{name}\"" for name in EXACT}
for name in FLOAT:
    left, right = f"expected.\"{name}\"", f"found.\"{name}\""
    close = f"abs({left} - {right}) <= greatest(1e-9 * abs({left}), 1e-12)"
    WRONG[name] = f"{left} is distinct from {right} and not coalesce({close}, false)"
differences = {}
for name, wrong in WRONG.items():
    both = "true" if name in ("missing", "too many") else "expected is not null and found is not null"
    count, example = db.execute(
        f"select count(*), any_value({{'expected': expected, 'found': found}})::varchar from pair where {both} and ({wrong})"
    ).fetchone()
    if count:
        differences[name] = {"groups": count, "example": example}
groups = db.execute("select count(*) from expected").fetchone()[0]
names = ["rows", "skipped", "filtered", "late", "used"]
print(json.dumps(dict(zip(names, account)) | {"epochs": len(ends), "groups": groups, "differences": differences}))
