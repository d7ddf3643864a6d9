"""With the Node implementation: each opens what the other has made, and both work on the same sessions in one Redis."""

from __future__ import annotations

import asyncio
import json
import random
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from sojourn import ExpiredSession, Sessions, counter
from sojourn.codecs import JSON, MESSAGEPACK
from sojourn.keyring import Keyring
from sojourn.principal import name_principal
from sojourn.record import Opened, RecordHeader, RecordSettings, encode_record, open_record
from sojourn.token import create_token, parse_token
from sojourn.values import MalformedPayload, equal_values

from . import web
from .conftest import SECRETS
from .random_values import random_value
from .servers import Server, until
from .test_expiry import expire, until_told
from .test_flask import application
from .test_starlette import fastapi

ROOT = Path(__file__).resolve().parents[3]
DIST = ROOT / "dist"
COUNT = 1_000
PREFIX = "interop"
KEYRING = Keyring(SECRETS)


class Node:
    def __init__(self, url: str, prefix: str, **options: Any) -> None:
        script = str(Path(__file__).with_name("interop.mjs"))
        self._process = subprocess.Popen(
            ["node", script, str(DIST)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
        )
        self("start", url=url, prefix=prefix, secrets=SECRETS, **options)

    def __call__(self, operation: str, **options: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"operation": operation, **options}) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        assert "error" not in answer, answer["error"]
        return answer["answer"]

    def stop(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write('{"operation":"stop"}\n')
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()


@pytest.fixture(scope="module")
def node(server: Server) -> Iterator[Node]:
    if shutil.which("node") is None or not (DIST / "index.js").is_file():
        pytest.skip("no node, or the library is not built (npm run build)")
    started = Node(server.url, PREFIX)
    yield started
    started.stop()


@pytest.fixture
def sessions(server: Server) -> Iterator[Sessions]:
    with Sessions(server.url, secrets=SECRETS, prefix=PREFIX, merge={"n": counter}) as made:
        yield made


def text_of(attributes: Any, meta: Any = None) -> str:
    return JSON.encode(attributes, meta or {}).decode()


def same(a: str, b: str) -> bool:
    """Two texts of the JSON codec that say the same."""
    left, right = JSON.decode(a.encode()), JSON.decode(b.encode())
    return equal_values(left.attributes, right.attributes) and equal_values(left.meta, right.meta)


def test_python_opens_what_node_has_made(node: Node) -> None:
    for made in node("make", count=COUNT, seed=7):
        token = parse_token(KEYRING, made["token"])
        assert token is not None
        found = open_record(bytes.fromhex(made["record"]), KEYRING, token.id, token)
        assert isinstance(found, Opened), made
        assert same(text_of(found.attributes, found.meta), made["content"]), made["content"]
        # And writes of it what it was, in either codec: nothing changes its kind on the way through Python.
        for codec in (MESSAGEPACK, JSON):
            again = codec.decode(codec.encode(found.attributes, found.meta))
            assert json.loads(text_of(again.attributes, again.meta)) == json.loads(text_of(found.attributes, found.meta))


def test_node_opens_what_python_has_made(node: Node) -> None:
    rng = random.Random(11)
    records, expected = [], []
    for _ in range(COUNT):
        attributes = {f"name{i}": random_value(rng) for i in range(rng.randrange(5))}
        owner = rng.choice([None, name_principal("ada", b"").tag])
        meta = {} if owner is None else {"p": "ada", "zz": random_value(rng)}
        header = RecordHeader(
            rng.randrange(1, 2**32 - 1), 1732440000000, 1732483200000, 1800000, rng.randrange(65536), owner
        )
        settings = RecordSettings(
            rng.choice([JSON, MESSAGEPACK]), rng.randrange(3), rng.choice([None, 0]), max_bytes=1 << 20
        )
        token = create_token(KEYRING)
        record = encode_record(header, attributes, meta, KEYRING, token, settings)
        opened = open_record(record, KEYRING, token.id, token)
        assert isinstance(opened, Opened)
        assert equal_values(opened.attributes, attributes)
        assert equal_values(opened.meta, meta)
        records.append({"token": token.text, "record": record.hex()})
        expected.append((text_of(opened.attributes, opened.meta), header))
    for found, (content, header) in zip(node("read", records=records), expected, strict=True):
        assert "reason" not in found, found
        assert same(found["content"], content), content
        assert (found["revision"], found["schema"], found["ownerTag"]) == (
            header.revision,
            header.schema,
            header.owner_tag,
        )


@pytest.mark.parametrize("codec", [MESSAGEPACK, JSON], ids=lambda codec: codec.name)
def test_both_refuse_the_same(node: Node, codec: Any) -> None:
    """Payloads with a byte or two changed: what one takes the other takes too, and reads as the same."""
    rng = random.Random(17)
    payloads = []
    for _ in range(4 * COUNT):
        value = random_value(rng)
        payload = bytearray(codec.encode({"a": value}, {"b": 1} if rng.random() < 0.2 else {}))
        for _ in range(rng.randrange(1, 3)):
            at = rng.randrange(len(payload))
            payload[at : at + rng.choice((0, 1, 1, 1, 2))] = rng.choice((b"", rng.randbytes(1), b"\xc7", b'"', b"0", b"$"))
        payloads.append(bytes(payload))
    answers = node("decode", codec=codec.name, payloads=[payload.hex() for payload in payloads])
    taken = 0
    for damaged, content in zip(payloads, answers, strict=True):
        try:
            found = codec.decode(damaged)
        except MalformedPayload:
            assert content is None, damaged
            continue
        assert content is not None, damaged
        assert same(text_of(found.attributes, found.meta), content), damaged
        taken += 1
    assert taken > 300


def test_sessions_of_both(node: Node, sessions: Sessions) -> None:
    rng = random.Random(13)
    for i in range(200):
        # A token made by Node is read by Python, and back.
        theirs = node("random", token=None, seed=i + 1)
        session = sessions.open(theirs["token"])
        assert session.id == theirs["id"]
        assert same(text_of(dict(session)), theirs["content"])
        session["own"] = random_value(rng)
        session.commit()
        back = node("get", token=theirs["token"])
        assert same(back["content"], text_of(dict(session)))
        kept, first = json.loads(back["content"])[0], json.loads(theirs["content"])[0]
        assert {name: kept[name] for name in first} == first, "what Python did not touch is as Node has written it"
        # And one made by Python.
        mine = sessions.open()
        mine["n"] = i
        mine.commit()
        node("set", token=mine.token, content=text_of({"n": i + 1, "node": True}))
        mine["n"] += 5
        mine.commit()
        assert (mine["n"], mine["node"]) == (i + 6, True), "both count"
        assert node("get", token=mine.token)["content"] == text_of({"n": i + 6, "node": True})


def test_sign_ins_and_sign_outs_of_both(node: Node, sessions: Sessions) -> None:
    theirs = node("set", token=None, content=text_of({"cart": [1]}), login="ada")
    session = sessions.open(theirs["token"])
    assert (session.principal, session.level, session["cart"]) == ("ada", 1, [1])
    mine = sessions.open()
    mine.login("ada", device="Python", kind="mobile", level=2)
    assert node("get", token=mine.token)["level"] == 2
    # Both may be of the same millisecond.
    listed = {(info.id, info.device, info.kind) for info in sessions.of("ada").list()}
    assert listed == {(theirs["id"], "Node", "web"), (mine.id, "Python", "mobile")}
    assert {(each["id"], each["device"], each["kind"]) for each in node("list", principal="ada")} == listed
    # Rotations of one lead the other on.
    rotated = node("rotate", token=theirs["token"])
    found = sessions.open(theirs["token"])
    assert found.token == rotated["token"]
    found.rotate()
    assert found.token == rotated["token"], "of two successors the browser would keep either"
    first = mine.token
    mine.rotate()
    assert node("get", token=first)["token"] == mine.token
    mine.step_up(3)
    assert node("get", token=first)["isNew"]
    assert node("stepUp", token=mine.token, level=4)["level"] == 4
    assert sessions.open(mine.token).is_new
    # A revocation by a former id follows the other's trails.
    assert sessions.revoke(mine.id or "")
    assert node("revoke", id=theirs["id"])["revoked"]
    assert sessions.of("ada").list() == []
    assert sessions.open(rotated["token"]).is_new
    # A sign-out of one is one of both.
    theirs = node("set", token=None, content=text_of({}), login="ada")
    sessions.open(theirs["token"]).logout()
    assert node("get", token=theirs["token"])["isNew"]
    mine = sessions.open()
    mine.login("ada")
    node("logout", token=mine.token)
    mine["n"] = 1
    mine.commit()
    assert mine.ended


def test_sign_ins_of_both_behind_frameworks(node: Node, server: Server) -> None:
    """Node, FastAPI and Flask as three applications of one site."""

    async def case() -> None:
        async with web.node(server.url, PREFIX) as asynchronous, web.browser(fastapi(asynchronous)) as one:
            with Sessions(server.url, secrets=SECRETS, prefix=PREFIX) as sessions:
                two = httpx.Client(transport=httpx.WSGITransport(app=application(sessions)), base_url="https://app.test")
                token = node("set", token=None, content=text_of({"cart": ["pear"]}), login="ada")["token"]
                cookie = {"cookie": f"{web.COOKIE}={token}"}
                assert (await one.get("/me", headers=cookie)).json() == {"principal": "ada"}
                assert two.get("/read", headers=cookie).json() == {"cart": ["pear"], "principal": "ada"}
                visited = two.get("/visit", headers=cookie).json()
                assert visited["cart"] == ["pear", "apple"]
                assert json.loads(node("get", token=token)["content"])[0] == {"cart": ["pear", "apple"], "n": 1}
                await one.post("/login/grace")
                grace = one.cookies[web.COOKIE]
                assert node("get", token=grace)["principal"] == "grace"
                two.get("/logout", headers={"cookie": f"{web.COOKIE}={grace}"})
                assert node("get", token=grace)["isNew"]
                assert (await one.get("/me")).status_code == 401
                node("logout", token=token)
                assert two.get("/read", headers=cookie).json() == {"principal": None}

    asyncio.run(case())


def test_expired_sessions_are_told_of_by_either(server: Server) -> None:
    if shutil.which("node") is None or not (DIST / "index.js").is_file():
        pytest.skip("no node, or the library is not built (npm run build)")
    prefix = "interop-expiry"
    node = Node(server.url, prefix, expiry="reliable")
    with Sessions(server.url, secrets=SECRETS, prefix=prefix, expiry="reliable") as sessions:
        try:
            made = node("set", token=None, content=text_of({}), login="ada")
            expire(server, prefix, made["id"])
            heard: list[ExpiredSession] = []
            until_told(sessions, heard.append, lambda: len(heard) == 1)
            assert heard == [ExpiredSession(made["id"], "ada", "web", "Node")]
            session = sessions.open()
            session.login("grace", device="Python")
            session_id = session.id
            expire(server, prefix, str(session_id))
            node("listen")
            until(lambda: node("expired"))
            assert node("expired") == [{"id": session_id, "principal": "grace", "device": "Python"}]
        finally:
            node.stop()
