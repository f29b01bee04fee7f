"""Which row of the call metadata belongs to which recording."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from pipeline.intake.reader import MetadataRow
from pipeline.messages import Message


def match_rows(
    rows: list[MetadataRow], paths_of: Mapping[str, list[Path]], inbox: Path, warnings: list[Message]
) -> tuple[dict[str, MetadataRow], int]:
    """The row of each recording (by SHA-256), and how many rows found theirs.

    A row names its recording by the path in the inbox, an absolute path, the file's name, or the name without
    its extension; without such a column, by its call id. A later row replaces an earlier one.
    """
    index: dict[str, set[str]] = defaultdict(set)
    for sha256, paths in paths_of.items():
        for path in paths:
            inside = path.relative_to(inbox)
            for key in (str(path), inside.as_posix(), inside.with_suffix("").as_posix(), path.name, path.stem):
                index[key.casefold()].add(sha256)
    row_of: dict[str, MetadataRow] = {}
    used = 0
    for row in rows:
        key = (row.file or row.cdr.call_id or "").replace("\\", "/").removeprefix("./").casefold()
        name = key.rsplit("/", 1)[-1]
        named = index.get(key) or index.get(name) or index.get(name.rsplit(".", 1)[0], set())
        if len(named) > 1:
            message = Message(
                "{place}: several recordings have this name; give their path in the inbox", place=row.place
            )
            warnings.append(message)
        elif named:
            (sha256,) = named
            used += 1
            if sha256 in row_of and row_of[sha256].cdr != row.cdr:
                message = Message(
                    "{place}: says something else than {other} of one recording",
                    place=row.place,
                    other=row_of[sha256].place,
                )
                warnings.append(message)
            row_of[sha256] = row
    return row_of, used
