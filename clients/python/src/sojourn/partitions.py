"""The 1,024 partitions and their hash tags.

A tag is the first text of three characters (in a further region the second, the third, …), in the order 0-9 A-Z a-z,
whose Redis Cluster slot is 16 · partition. Slot rule: CRC-16/XMODEM modulo 16,384 (Redis Cluster specification).
"""

from __future__ import annotations

from binascii import crc_hqx
from functools import lru_cache
from itertools import product

PARTITIONS = 1024
#: Each partition has at least so many tags.
REGIONS = 8

_ALPHABET = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


@lru_cache(maxsize=2)
def _tags(regions: int) -> list[list[str]]:
    found: list[list[str]] = [[] for _ in range(PARTITIONS)]
    left = PARTITIONS * regions
    for letters in product(_ALPHABET, repeat=3):
        text = bytes(letters)
        slot = crc_hqx(text, 0) & 16383
        if slot % 16 != 0 or len(found[slot // 16]) == regions:
            continue
        found[slot // 16].append(text.decode("ascii"))
        left -= 1
        if left == 0:
            break
    return found


@lru_cache(maxsize=2)
def _places(regions: int) -> dict[str, tuple[int, int]]:
    tags = _tags(regions)
    return {tag: (number, region) for number, own in enumerate(tags) for region, tag in enumerate(own)}


def partition_tag(partition: int, region: int = 0) -> str:
    """The hash tag of a partition from 0 to 1,023 in a region from 0 to 7."""
    # All regions take a tenth of a second to find, and most deployments have one.
    return _tags(1 if region == 0 else REGIONS)[partition][region]


def place_of_tag(tag: str) -> tuple[int, int] | None:
    """Partition and region that a hash tag stands for, or None when it is none of ours."""
    return _places(1).get(tag) or _places(REGIONS).get(tag)
