"""Which way a call goes, by the context that it began in and the channels at its two ends.

The names of contexts are the house's own; those known here are FreePBX's, Issabel's and the samples', by how they
begin. Source: configs/samples/extensions.conf.sample, FreePBX's module core.
"""

from __future__ import annotations

from pipeline.intake.reader import Direction
from pipeline.intake.readers.asterisk_channels import is_local, is_trunk, line_of
from pipeline.numbers import is_telephone_number

_INBOUND = ("from-trunk", "from-pstn", "from-did", "from-digital", "from-analog", "from-zaptel", "from-dahdi",
            "from-sip-external", "from-outside", "from-provider", "from-external", "ext-did", "inbound", "incoming",
            "public", "pstn", "ivr-inbound")  # fmt: skip
_OUTBOUND = ("outbound", "outgoing", "outrt-", "macro-dialout", "dialout", "to-trunk", "to-pstn", "dialer",
             "autodial")  # fmt: skip
_INTERNAL = ("from-internal", "internal", "from-local", "phones", "agents", "users", "from-phones", "from-agents",
             "from-sip", "office")  # fmt: skip
# where FreePBX leads a call on, whoever it comes from
_WITHIN = ("ext-", "ivr-", "app-", "timeconditions", "macro-", "sub-")


def is_known_context(context: str) -> bool:
    """Whether a context's name says where its calls come from, or that it does not say."""
    return not context or context.casefold().startswith(_INBOUND + _OUTBOUND + _INTERNAL + _WITHIN)


def direction_of(context: str, channel: str, other: str, source: str, dialled: str) -> Direction | None:
    """By the context where its name is known, else by which side is an extension's and which a trunk's.

    `channel` began the call and `other` was called, "" for none; `source` and `dialled` are their numbers. Between two
    extensions there is no direction.
    """
    context = context.casefold()
    caller_line = line_of(channel)
    if is_local(channel) and not caller_line:
        return None
    if context.startswith(_INBOUND):
        return "inbound"
    if context.startswith(_OUTBOUND):
        return "outbound"
    if is_trunk(channel):
        if (line_of(other) and is_telephone_number(source)) or context.startswith(_WITHIN):
            return "inbound"
        if not context.startswith(_INTERNAL):
            return None if is_trunk(other) else "inbound"
    if is_trunk(other):
        return "outbound"
    return "outbound" if not other and is_telephone_number(dialled) else None
