"""The two codecs, by id, as a record's header has it, and by name, as the option has it."""

from __future__ import annotations

from .codec import Codec
from .codec_json import JsonForm
from .codec_messagepack import MessagePackForm

MESSAGEPACK = Codec(0, "messagepack", MessagePackForm())
JSON = Codec(1, "json", JsonForm())

_KNOWN: dict[int | str, Codec] = {key: codec for codec in (MESSAGEPACK, JSON) for key in (codec.id, codec.name)}


def codec_of(name: int | str) -> Codec | None:
    return _KNOWN.get(name)
