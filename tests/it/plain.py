"""What the readers of outputs share: rows as plain values, and how they are compared. Stands before the text of each reader."""
import datetime
import json
import sys

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


