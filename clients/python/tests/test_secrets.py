"""A new secret, and the former one taken out: nobody is signed out, and the records say when that may be done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sojourn import OptionError
from sojourn.keyring import Keyring
from sojourn.keys import record_key
from sojourn.record import Opened, encode_record, next_revision, open_record
from sojourn.token import parse_token

from .conftest import Make
from .nodes import later, signed_in, stored, told
from .servers import Server

OLD, NEW = "a former secret: 0123456789abcdef0123", "a new secret: 0123456789abcdef0123456"
RING = Keyring([NEW, OLD])
# The age at which a token of a former secret is replaced, and what the clocks of two nodes may be apart: each has
# measured the server's for itself.
DUE = 10 * 60_000 + 1_000
IDS = {key.id: name for key, name in zip(RING.keys, ("new", "old"), strict=True)}


def test_two_with_the_same_key_id_are_refused() -> None:
    pair = ["secret 96 xxxxxxxxxxxxxxxxxxxxxx", "secret 135 xxxxxxxxxxxxxxxxxxxxx"]
    assert [Keyring([each]).primary.id for each in pair] == [58_690, 58_690]
    with pytest.raises(OptionError, match=r"`secrets\[2\]`: has the same key id as secrets\[1\]"):
        Keyring([OLD, *pair])


class Records:
    def __init__(self, server: Server, prefix: str) -> None:
        self._cli: Any = server.cli
        self._prefix = prefix

    def opened(self, session: Any) -> Opened:
        record = self._cli.get(record_key(self._prefix, session.id))
        found = open_record(record, RING, session.id, parse_token(RING, session.token))
        assert isinstance(found, Opened)
        return found

    def secrets(self, session: Any) -> tuple[str, str]:
        """With which its record is sealed, and its token signed."""
        signed = "new" if parse_token(Keyring([NEW]), session.token) else "old"
        return IDS[self.opened(session).key.id], signed

    def seal_anew(self, session: Any) -> None:
        """As whoever takes a secret out does it with a session whose client does not come."""
        header, attributes, meta, key = self.opened(session)
        token = parse_token(RING, session.token)
        assert token is not None
        header = header._replace(revision=next_revision(header.revision))
        settings = session._state.repository.settings.record
        record = encode_record(header, attributes, {**meta, "t": key.id}, RING, token, settings)
        self._cli.set(record_key(self._prefix, session.id), record, keepttl=True)


@pytest.fixture
def records(server: Server, prefix: str) -> Records:
    return Records(server, prefix)


def later_by(make: Make, secrets: list[str], age: int) -> Any:
    """A node where the tokens of before are of this age."""
    node = make(secrets=secrets)
    assert node.of("nobody").list() == [], "from now on it knows the time"
    later(node, age)
    return node


def changing(make: Make, age: int = DUE) -> Any:
    return later_by(make, [NEW, OLD], age)


def test_a_request_that_changes_nothing_brings_a_token_of_the_new_secret(make: Make, records: Records) -> None:
    first = stored(make(secrets=[OLD]), n=1)
    early = changing(make, DUE - 5_000).open(first.token)
    early.commit()
    assert early.token == first.token
    one, two = changing(make), changing(make)
    heard = told(one, "rotated")
    parallel = two.open(first.token)
    session = one.open(first.token)
    session.commit()
    assert session.cookie().value == session.token != first.token
    assert records.secrets(session) == ("new", "new")
    # Requests on their way go on.
    parallel["m"] = 1
    parallel.commit()
    assert (parallel.token, records.secrets(parallel)) == (session.token, ("new", "new"))
    assert two.open(first.token).token == session.token
    again = one.open(session.token)
    again.commit()
    assert (again.token, again["m"]) == (session.token, 1)
    assert len(heard) == 1, "once"


def test_who_has_come_is_signed_in_without_the_former_secret(make: Make, server: Server, prefix: str) -> None:
    before, between = make(secrets=[OLD, NEW]), changing(make)
    tokens = [signed_in(before, f"user{n % 3}").token for n in range(12)]
    changed = []
    for n, token in enumerate(tokens):
        session = between.open(token)
        if n % 2:
            session["n"] = n
        session.commit()
        changed.append(session.token)
    after = make(secrets=[NEW])
    assert [after.open(token).principal for token in changed] == [f"user{n % 3}" for n in range(12)]
    assert all(after.open(token).is_new for token in tokens)
    assert all(info.created_at is not None for info in after.of("user0").list()), "the index opens too"
    assert len(after.of("user0").list()) == 4
    held: list[Any] = [server.cli.get(key) for key in server.cli.scan_iter(f"{prefix}:*:s:*")]
    assert {IDS[int.from_bytes(record[14:16], "big")] for record in held if record[1] < 0x80} == {"new"}


WRITES: dict[str, Callable[[Any], Any]] = {
    "set": lambda session: session.set("n", 2),
    "update": lambda session: session.modify("n", lambda n: n + 1),
    "touch": lambda session: session.touch(),
    "rotate": lambda session: session.rotate(),
    "login": lambda session: session.login("ada"),
    "login of another": lambda session: session.login("grace"),
    "step-up": lambda session: session.step_up(2),
    "lifetime": lambda session: session.set_lifetime(idle_timeout="2h"),
    "refresh": lambda session: session.refresh(),
}


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("age", [0, DUE])
def test_a_record_is_never_sealed_with_another_secret_than_its_token_is_signed_with(
    make: Make, records: Records, age: int, write: str
) -> None:
    before, node = make(secrets=[OLD, NEW]), changing(make, age)
    session = signed_in(before)
    session["n"] = 1
    session.commit()
    assert records.secrets(session) == ("old", "old")
    late = node.open(session.token)
    late.send_headers()
    late["late"] = True
    late.settle()
    assert records.secrets(late) == ("old", "old"), "its cookie could not be set any more"
    behind = before.open(session.token)
    behind["behind"] = 1
    changed = node.open(session.token)
    WRITES[write](changed)
    assert records.secrets(changed) in {("old", "old"), ("new", "new")}
    changed.commit()
    is_new = age == DUE or changed.token != session.token
    expected = ("new", "new") if is_new else ("old", "old")
    assert records.secrets(changed) == expected
    # A node that has the former one first still: its write follows, and takes the secret of what it finds.
    behind.commit()
    if not behind.ended:
        assert (behind.token, records.secrets(behind)) == (changed.token, expected)


def test_nodes_that_have_them_in_another_order_do_not_replace_each_others_tokens(make: Make) -> None:
    token = stored(make(secrets=[OLD, NEW]), n=1).token
    before, after = later_by(make, [OLD, NEW], DUE), changing(make)
    heard = [told(node, "rotated") for node in (before, after)]
    for _ in range(3):
        for node in (after, before):
            session = node.open(token)
            session.commit()
            token = session.token
    assert [len(each) for each in heard] == [0, 1]


def test_two_secrets_with_one_id(make: Make) -> None:
    before, node = make(secrets=[OLD]), changing(make, 0)
    for each in (before, node):
        for key in each._repository.settings.keyring.keys:
            key.id = 7
    token = stored(before, n=1).token
    session = node.open(token)
    session["n"] = 2
    session.commit()
    assert before.open(token)["n"] == 2, "sealed with the one that has opened it"
    later(node, DUE)
    session = node.open(token)
    session.commit()
    assert session.token != token


RENEWALS: dict[str, Callable[[Any], Any]] = {
    "commit": lambda session: session.commit(),
    "rotate": lambda session: session.rotate(),
    "login": lambda session: session.login("ada"),
    "step-up": lambda session: session.step_up(2),
}


@pytest.mark.parametrize("renewal", RENEWALS)
def test_one_that_was_sealed_anew_while_nobody_was_there(make: Make, records: Records, renewal: str) -> None:
    node = changing(make, 0)
    first = signed_in(make(secrets=[OLD]))
    records.seal_anew(first)
    assert records.secrets(first) == ("new", "old")
    written = node.open(first.token)
    written["n"] = 1
    written.commit()
    assert written.token == first.token
    assert records.opened(written).meta["t"] == RING.keys[1].id, "kept while the token is the same"
    later(node, DUE)
    session = node.open(first.token)
    RENEWALS[renewal](session)
    assert session.token != first.token
    assert "t" not in records.opened(session).meta
    again = make(secrets=[NEW]).open(session.token)
    again.commit()
    assert (again.token, again.principal) == (session.token, "ada")
