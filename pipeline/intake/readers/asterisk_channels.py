"""What the names that Asterisk gives channels, queue members and calls tell: whose line it is, and when it began.

A channel is called `technology/peer-number`, such as PJSIP/1001-00000013; a queue's member is the same without the
number, or a name. Source: main/channel.c, channels/*.c, main/core_local.c.
"""

from __future__ import annotations

import re
from functools import lru_cache

from pipeline.intake.reader import ReleaseRecord

_TECHNOLOGY = re.compile(r"[A-Za-z][A-Za-z0-9_]*/")
_INSTANCE = re.compile(r"-[0-9a-fA-F]+\Z")
_LINE = re.compile(r"\d{2,6}")
# 1001, or FreePBX's FMPR-1001 and FMGL-1001#, before the context of a Local channel
_LOCAL_LINE = re.compile(r"(?:^|[-_])(\d{2,6})#?\Z")

_NUMBERED_SPANS = frozenset({"dahdi", "zap", "misdn", "khomp", "capi", "dgv", "woomera", "alsa", "console"})
"""Technologies whose peers are numbers of circuits, not extensions."""

_UNIQUE_ID = re.compile(r"(?:.*-)?(\d{9,10})\.\d{1,9}", re.DOTALL)
_UNIQUE_ID_IN_NAME = re.compile(r"(?:^|[^\d.])(\d{10}\.\d{1,9})\.[A-Za-z]\w{0,4}\Z")

_NUMBER_WITHIN = re.compile(r"\d{7}")

# what Asterisk up to 11 writes before and after the name of a channel that is moved
_MOVED = re.compile(r"\A(?:AsyncGoto|Transfered|Parked|Bridge|Masqueraded)/|<(?:ZOMBIE|MASQ|SURROGATE)>\Z")


def is_channel(text: str) -> bool:
    """Whether a text names a channel or a queue member's interface, and not a person."""
    return _TECHNOLOGY.match(text) is not None


def is_local(channel: str) -> bool:
    """Whether it is one half of a Local channel, which stands between two real ones."""
    return channel[:6].casefold() == "local/"


@lru_cache(4096)
def peer_of(channel: str) -> str:
    """The peer, extension or circuit behind a channel or interface: PJSIP/1001-00000013 → 1001; "" for no channel."""
    channel = _MOVED.sub("", channel)
    if not (technology := _TECHNOLOGY.match(channel)):
        return ""
    rest = channel[technology.end() :]
    if is_local(channel):
        name = rest.split("@")[0].split("/")[0]
        return line[1] if (line := _LOCAL_LINE.search(name)) else name
    parts = rest.split("/")
    if technology[0][:-1].casefold() in _NUMBERED_SPANS and len(parts) > 1 and parts[0][:1] in "irgRG":
        parts = parts[1:]
    name = parts[0].split("@")[0].split(";")[0]
    return _INSTANCE.sub("", name) or name


def agent_of(channel: str) -> str:
    """The peer behind an agent's channel or interface, such as 1001 or lina; "" for a telephone number."""
    peer = peer_of(channel)
    return "" if _NUMBER_WITHIN.search(peer) else peer


@lru_cache(4096)
def line_of(channel: str) -> str:
    """The extension whose line a channel is; "" for a trunk, which has a name, a circuit's or a telephone number."""
    peer = peer_of(channel)
    if _MOVED.sub("", channel).split("/")[0].casefold() in _NUMBERED_SPANS:
        return ""
    return peer if _LINE.fullmatch(peer) else ""


def is_trunk(channel: str) -> bool:
    """Whether a channel is a line to the outside, by its name: no extension's, and no Local one."""
    return is_channel(channel) and not is_local(channel) and not line_of(channel)


def epoch_of(unique_id: str) -> float | None:
    """When a channel was made, in whole seconds since 1970: what stands after the dot only counts channels."""
    found = _UNIQUE_ID.fullmatch(unique_id)
    return float(found[1]) if found else None


def id_in_name(recording: str) -> str:
    """The uniqueid at the end of a recording's name, as FreePBX and Issabel write it; "" without one."""
    found = _UNIQUE_ID_IN_NAME.search(recording)
    return found[1] if found else ""


def release_by(source: str, caller: str, callee: str, method: str) -> ReleaseRecord | None:
    """Who hung up by a `hangupsource`, the name of the channel that did; "" where nobody said.

    `caller` and `callee` are the channels of the leg. An extension opposite a line to the outside is an agent
    whatever the direction. The dialplan hangs up for reasons of its own, so that is not sure.
    """
    if source.casefold().startswith("dialplan"):
        return ReleaseRecord("system", method, is_sure=False)
    if not is_channel(source) or is_local(source):
        return None
    if source == caller:
        return ReleaseRecord("caller", method)
    if source == callee:
        return ReleaseRecord("callee", method)
    return ReleaseRecord("agent", method) if line_of(source) else None
