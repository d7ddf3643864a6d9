"""Random records for other languages, and a judge of theirs: a line of JSON each, with the token, the record, and what is in
it in both codecs. `python -m tests.records make <count> <seed>`, or `check` of lines on standard input.
"""

from __future__ import annotations

import json
import random
import sys

from sojourn.codecs import JSON, MESSAGEPACK
from sojourn.keyring import Keyring
from sojourn.record import Opened, RecordHeader, RecordSettings, encode_record, open_record
from sojourn.token import create_token, parse_token
from sojourn.values import equal_values

from .random_values import random_value

_KEYRING = Keyring(["interop secret, of Java and Node: 0123456789"])
_OWNER = "DbEUZf9dZJeQ2x8rThQnxA"


def make(rng: random.Random) -> str:
    attributes = {f"name{i}": random_value(rng) for i in range(rng.randrange(5))}
    owner = rng.choice([None, _OWNER])
    meta = {} if owner is None else {"p": "ada", "zz": random_value(rng)}
    revision, schema = rng.randrange(1, 2**32 - 1), rng.randrange(65536)
    header = RecordHeader(revision, 1732440000000, 1732483200000, 1800000, schema, owner)
    settings = RecordSettings(rng.choice([JSON, MESSAGEPACK]), rng.randrange(3), rng.choice([None, 0]), max_bytes=1 << 20)
    token = create_token(_KEYRING)
    record = encode_record(header, attributes, meta, _KEYRING, token, settings)
    # As it is read: a value may be stored as another one, such as a tuple.
    opened = open_record(record, _KEYRING, token.id, token)
    assert isinstance(opened, Opened)
    return json.dumps(
        {
            "token": token.text,
            "record": record.hex(),
            "revision": revision,
            "deadline": header.deadline,
            "schema": schema,
            "owner": owner,
            "payload": MESSAGEPACK.encode(opened.attributes, opened.meta).hex(),
            "content": JSON.encode(opened.attributes, opened.meta).hex(),
        }
    )


def check(line: str) -> None:
    made = json.loads(line)
    token = parse_token(_KEYRING, made["token"])
    assert token is not None, line
    found = open_record(bytes.fromhex(made["record"]), _KEYRING, token.id, token)
    assert isinstance(found, Opened), line
    header = found.header
    assert (header.revision, header.deadline, header.schema, header.owner_tag) == (
        made["revision"],
        made["deadline"],
        made["schema"],
        made["owner"],
    ), line
    for other in (MESSAGEPACK.decode(bytes.fromhex(made["payload"])), JSON.decode(bytes.fromhex(made["content"]))):
        assert equal_values(found.attributes, other.attributes), line
        assert equal_values(found.meta, other.meta), line


def main() -> None:
    if sys.argv[1] == "make":
        rng = random.Random(int(sys.argv[3]))
        for _ in range(int(sys.argv[2])):
            sys.stdout.write(make(rng) + "\n")
        return
    right = 0
    for line in sys.stdin:
        check(line)
        right += 1
    sys.stdout.write(f"{right} right\n")


if __name__ == "__main__":
    main()
