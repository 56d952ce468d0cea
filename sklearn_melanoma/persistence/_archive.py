"""Limits on archives of skops, checked before any object is created.

A small file can hold gigabytes of zeros. Or it can hold a few nodes that refer to each other so often that visiting all
of them never ends.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from io import BytesIO
from typing import Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

# A forest of 1 000 trees, fitted on 3 000 images, has 5 002 entries of 79 MB, and 63 000 nodes in 15 MB of text.
MAX_FILE_BYTES = 2**30
MAX_UNPACKED_BYTES = 2**30
MAX_ENTRIES = 100_000
MAX_TEXT_BYTES = 2**26
MAX_TEXT_ITEMS = 3_000_000  # commas and brackets; each can make an object of about 70 bytes
MAX_NODES = 500_000
MAX_DEPTH = 200

SCHEMA = "schema.json"  # the entry in which skops describes all objects
_ENTRY = b"PK\x01\x02"  # start of each entry in the list of entries


def check_archive(content: bytes) -> None:
    """Check that an archive of skops takes no more memory and time than a large model.

    Parameters
    ----------
    content : bytes
        The archive.

    Raises
    ------
    ValueError
        If it exceeds a limit; the message names it.
    zipfile.BadZipFile, json.JSONDecodeError
        If it is not an archive, or its description is not JSON.
    """
    sizes = _measure_entries(content)
    if SCHEMA not in sizes:
        return  # skops raises an error
    with ZipFile(BytesIO(content)) as archive:
        schema = parse_json(archive.read(SCHEMA))
        try:
            nodes, n_visits = _count_nodes(schema)
        except RecursionError:
            raise ValueError(f"its objects are nested more than {MAX_DEPTH} deep") from None
        if n_visits > MAX_NODES:
            raise ValueError(f"it describes more than {MAX_NODES:,} objects, counted at each place that refers to them")
        used = {(str(node.get("__id__", id(node))), str(node["file"])) for node in nodes}
        total = sum(sizes.get(file, 0) for _, file in used)
        for file in {str(node["file"]) for node in nodes if node.get("__loader__") == "SparseMatrixNode"}:
            if file in sizes:  # an archive inside the archive
                total += sum(_measure_entries(archive.read(file)).values())
    if total > MAX_UNPACKED_BYTES:
        raise ValueError(f"its arrays have {total:,} bytes, more than {MAX_UNPACKED_BYTES:,}")


def parse_json(text: bytes) -> Any:
    """Return the content of a JSON text of limited size.

    Parameters
    ----------
    text : bytes
        The text.

    Returns
    -------
    object
        Its content.

    Raises
    ------
    ValueError
        If the text is not JSON or exceeds a limit.
    """
    if len(text) > MAX_TEXT_BYTES:
        raise ValueError(f"its description has {len(text):,} bytes, more than {MAX_TEXT_BYTES:,}")
    if sum(map(text.count, (b",", b"[", b"{"))) > MAX_TEXT_ITEMS:
        raise ValueError(f"its description has more than {MAX_TEXT_ITEMS:,} items")
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("its description is nested too deep") from None


def _measure_entries(content: bytes) -> dict[str, int]:
    """Return the unpacked size of each entry."""
    if content.count(_ENTRY) > MAX_ENTRIES:  # checked before a list of the entries is made
        raise ValueError(f"it has more than {MAX_ENTRIES:,} entries")
    with ZipFile(BytesIO(content)) as archive:
        entries = archive.infolist()
    total = sum(entry.file_size for entry in entries)
    if total > MAX_UNPACKED_BYTES:
        raise ValueError(f"its entries unpack to {total:,} bytes, more than {MAX_UNPACKED_BYTES:,}")
    for entry in entries:
        if entry.compress_type not in (ZIP_STORED, ZIP_DEFLATED):  # other compressions may need gigabytes
            raise ValueError(f"its entry {entry.filename!r} is neither stored nor deflated")
    return {entry.filename: entry.file_size for entry in entries}


def _count_nodes(schema: Any) -> tuple[list[dict[str, Any]], int]:
    """Return the nodes that refer to an entry, and the number of visits to nodes, where repeated ones count again.

    skops writes a repeated object once more, and reads the first one of each id.
    """
    by_id: dict[Any, list[dict[str, Any]]] = defaultdict(list)
    with_file = []
    for node in _iterate_nodes(schema):
        if "file" in node:
            with_file.append(node)
        if _has_id(node):
            by_id[node["__id__"]].append(node)
    sizes: dict[Any, int] = {}

    def count(value: Any) -> int:
        if isinstance(value, list):
            return 1 + sum(map(count, value))
        if not isinstance(value, dict):
            return 0
        if not _has_id(value):
            return 1 + sum(map(count, value.values()))
        identity = value["__id__"]
        if identity not in sizes:
            sizes[identity] = 1  # an object that contains itself is visited once
            sizes[identity] = max(1 + sum(map(count, node.values())) for node in by_id[identity])
        return sizes[identity]

    return with_file, count(schema)


def _iterate_nodes(schema: Any) -> Iterator[dict[str, Any]]:
    pending = [(schema, 0)]
    while pending:
        value, depth = pending.pop()
        if depth > MAX_DEPTH:
            raise RecursionError
        if isinstance(value, dict):
            yield value
            pending += [(child, depth + 1) for child in value.values()]
        elif isinstance(value, list):
            pending += [(child, depth + 1) for child in value]


def _has_id(node: dict[str, Any]) -> bool:
    return isinstance(node.get("__id__"), int | float | str)
