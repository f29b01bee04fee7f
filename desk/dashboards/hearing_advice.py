"""What layouts, faults and failures of recordings are called, and what to do about them."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.messages import Message

LAYOUT_TITLES: Mapping[str | None, Message] = {
    "stereo": Message("stereo"), "mono": Message("mono"), "fake-stereo": Message("the same on both channels"),
    "anti-phase": Message("channels in opposite phase"), "dead-channel": Message("one channel is silent"),
    None: Message("unknown"),
}  # fmt: skip

LAYOUT_ADVICE: Mapping[str | None, Message] = {
    "mono": Message("record each side on a channel of its own: who speaks and who interrupts is then sure"),
    "fake-stereo": Message("the recorder mixes both sides; have it write each on its own channel"),
    "anti-phase": Message("one channel is wired the wrong way round; have the line checked"),
    "dead-channel": Message("one side is not recorded; check the recorder’s tap or the port mirror"),
}

FAULT_TITLES: Mapping[str, Message] = {
    "cut-short": Message("cut short"), "undecoded": Message("partly damaged"),
    "mixed-links": Message("stereo and mono in turn"), "unheard-track": Message("a track was not heard"),
}  # fmt: skip

STAGE_TITLES: Mapping[str, Message] = {
    "ingest": Message("reading the inbox"), "decode": Message("decoding"), "hear": Message("transcribing"),
    "judge": Message("judging"), "excerpt": Message("cutting clips"), "publish": Message("publishing"),
}  # fmt: skip

_AGAIN = Message("copy the file again from the recorder")
_SETTING = Message("too large or too long: raise the limit in the settings (decode.*), or leave it out")
_SHARE = Message("the disk, the share or the machine failed; it is tried again the next night")
_RECORDER = Message("not what the recorder should write; have its export settings checked")

FAILURE_ADVICE: Mapping[str, Message] = {
    "empty": _AGAIN, "no-samples": _AGAIN, "damaged": _AGAIN, "missing": _AGAIN, "replaced": _AGAIN,
    "not-finite": _RECORDER, "not-audio": _RECORDER, "no-audio": _RECORDER, "bad-rate": _RECORDER,
    "too-many-channels": _RECORDER,
    "too-large": _SETTING, "too-long": _SETTING, "timeout": _SETTING,
    "unreadable": Message("give callqa’s account the right to read it"),
    "not-a-file": Message("a folder or device named like a recording; take it out of the inbox"),
    "outside-inbox": Message("a link out of the inbox; put the file itself there"),
    "metadata": Message("a table of calls that cannot be read; `callqa doctor` says why"),
    "machine": _SHARE, "stuck": _SHARE,
    "crashed": Message("memory may be short: `callqa doctor`"),
    "damaged-artefact": Message("delete what the message names and run `callqa nightly` to make it again"),
}  # fmt: skip
"""By the reason's code."""
