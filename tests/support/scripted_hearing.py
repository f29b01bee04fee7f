"""Hearing by script, for nights whose hearing is not the matter: what is said in a recording follows from its hash.

``python -m tests.support.scripted_hearing worker …`` is ``callqa worker …`` so (any command), and with an
engines' fingerprint that needs no models.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

from pipeline.datatypes import Segment, SpeakerSpan, Transcript, Word
from pipeline.storage import artefacts
from pipeline.storage.home import Home
from pipeline.timeline import Span

FINGERPRINT = "5c" * 32

LINES = (
    ("您好，客服中心，工号一零零一，很高兴为您服务，请问有什么可以帮您？", "我想问一下我的快递怎么还没有到？"),
    ("请问您的订单号是多少？", "我不记得了，你帮我查一下吧。"),
    ("好的，请您稍等，我帮您查询一下。", "快一点，我已经等了三天了，我要投诉你们！"),
    ("非常抱歉给您带来不便，我马上帮您催促。", "那什么时候能到呢？"),
    ("预计明天下午送到，您看可以吗？", "好吧，那就这样。"),
    ("这个我不清楚，你自己打电话问吧。", "你这是什么态度？"),
    ("请问还有其他可以帮您的吗？", "没有了，谢谢。"),
    ("感谢您的来电，祝您生活愉快，再见。", "再见。"),
)
"""What agent and customer say, in pairs."""

TURN_S = 4.0


def scripted_transcript(sha256: str) -> Transcript:
    """A two-sided call of 8 to 16 turns."""
    draw = random.Random(sha256)
    pairs = draw.randint(4, 8)
    segments: list[Segment] = []
    voiced: tuple[list[Span], list[Span]] = ([], [])
    for number in range(pairs):
        said = LINES[0] if number == 0 else LINES[-1] if number == pairs - 1 else draw.choice(LINES[1:-1])
        for channel, text in enumerate(said):
            start_s = (2 * number + channel) * TURN_S + 0.5
            span = Span(start_s, start_s + 3.0)
            step_s = span.duration_s / len(text)
            words = tuple(
                Word(Span(start_s + i * step_s, start_s + (i + 1) * step_s), piece, 0.95, channel)
                for i, piece in enumerate(text)
            )
            segments.append(Segment(span, channel, text, text, words, "zh", -0.1, 0.01, 1.0))
            voiced[channel].append(span)
    return Transcript(
        sha256=sha256,
        duration_s=2 * pairs * TURN_S,
        layout="stereo",
        language="zh",
        language_probability=1.0,
        voiced=tuple(map(tuple, voiced)),
        segments=tuple(segments),
        speakers=tuple(SpeakerSpan(segment.span, f"ch{segment.channel}") for segment in segments),
        overlap_heard=True,
        events=(),
        line_ends=(),
        levels_dbfs=((), ()),
        coverage=1.0,
        fingerprint=FINGERPRINT,
        provenance={},
        timings_s={},
    )


def script_hearing(takes_s: float = 0.0, first: Callable[[Path], None] = lambda path: None) -> None:
    """Replace, in this process, the processes that hear and what cuts clips, for there is no sound.

    `first` is called with every recording's path before it is heard.
    """
    import flows.engines
    import flows.shards
    import pipeline.results.excerpts as excerpts
    from flows.worker_pool import WorkerOutcome, WorkerPool

    def hear(self: WorkerPool, sha256: str, path: Path, decoded: object = None, halves: object = ()) -> WorkerOutcome:
        first(path)
        time.sleep(takes_s)
        heard = scripted_transcript(sha256)
        artefacts.write(Home(self.settings.paths.home).transcript(sha256, FINGERPRINT), heard)
        return WorkerOutcome(sha256, heard.duration_s, takes_s)

    WorkerPool.hear = hear  # type: ignore[assignment, method-assign]
    flows.engines.fingerprint = flows.shards.fingerprint = lambda settings: FINGERPRINT  # type: ignore[attr-defined]
    excerpts.cut_excerpts = lambda *given, **named: ()


def killer(path: Path) -> None:
    """A recording called "killer" ends whoever hears it."""
    if path.stem == "killer":
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    script_hearing(float(os.environ.get("SCRIPTED_S", "0")), killer)
    from flows.cli import main

    main()
