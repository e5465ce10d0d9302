"""Packs and opens aggregates with Amazon's own library for Python.

    aggregates.py pack SEED COUNT   prints lines {"record": HEX, "users": [[KEY, HASH_KEY or null, HEX], ..]}
    aggregates.py open              reads lines of HEX, prints lines [[KEY, HASH_KEY or null, HEX], ..]; null if a line is
                                    a plain record
"""

import base64
import json
import random
import sys

from aws_kinesis_agg.aggregator import AggRecord
from aws_kinesis_agg.deaggregator import deaggregate_records


def pack(seed, count):
    chance = random.Random(seed)
    for number in range(count):
        aggregate, users = AggRecord(), []
        # Now and then a large one.
        for _ in range(chance.choice([1, 2, 5, 20, 3_000 if number % 50 == 0 else 40])):
            key = "schlüssel-%d" % chance.randrange(chance.choice([1, 7, 400]))
            hash_key = str(chance.randrange(2**128)) if chance.random() < 0.4 else None
            data = chance.randbytes(chance.choice([0, 1, 100, 300]))
            if not aggregate.add_user_record(key, data, hash_key):
                break
            users.append([key, hash_key, data.hex()])
        print(json.dumps({"record": aggregate.get_contents()[2].hex(), "users": users}))


def read():
    for line in sys.stdin:
        data = base64.b64encode(bytes.fromhex(line)).decode()
        record = {"kinesisSchemaVersion": "1.0", "sequenceNumber": "1", "partitionKey": "outer"}
        record.update(data=data, approximateArrivalTimestamp=0)
        opened = deaggregate_records([{"kinesis": record}])
        if not opened[0]["kinesis"].get("aggregated"):
            print("null")
            continue
        users = [record["kinesis"] for record in opened]
        fields = lambda user: [user["partitionKey"], user["explicitHashKey"], base64.b64decode(user["data"]).hex()]
        print(json.dumps([fields(user) for user in users]))


if sys.argv[1] == "pack":
    pack(int(sys.argv[2]), int(sys.argv[3]))
else:
    read()
