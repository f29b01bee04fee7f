"""What steps of releases and appeals are called."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.messages import Message

RELEASE_TITLES: Mapping[str, Message] = {
    "released": Message("released"),
    "withdrawn": Message("withdrawn"),
    "acknowledged": Message("acknowledged"),
}
APPEAL_TITLES: Mapping[str, Message] = {
    "open": Message("undecided"),
    "returned": Message("returned for more"),
    "supplemented": Message("added to"),
    "upheld": Message("upheld"),
    "rejected": Message("rejected"),
}
