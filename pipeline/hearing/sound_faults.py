"""What was wrong with a recording that was heard all the same, in words."""

from __future__ import annotations

from pipeline.datatypes import SoundFault
from pipeline.messages import Message


def sound_fault_message(fault: SoundFault) -> Message:
    """One sentence: what of the recording was not heard, or not as it was meant to be."""
    values = {name: f"{value:g}" for name, value in fault.values.items()}
    match fault.kind:
        case "cut-short":
            return Message("{heard_s} s of sound are there, the file says {stated_s} s; copy it again", **values)
        case "undecoded":
            percent = f"{100 * fault.values.get('share', 0):.0f}"
            return Message("{percent} % of its packets are damaged and left out; copy it again", percent=percent)
        case "mixed-links":
            return Message("goes from stereo to mono or back; the whole is heard as mono")
        case "unheard-track":
            return Message("{tracks} more tracks of sound are not heard; export it with one or two alike", **values)
