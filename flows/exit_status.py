"""What the exit status of ``callqa`` says: one table, for the help page, the runbook and the code."""

from __future__ import annotations

import signal

from pipeline.messages import Message

DONE, FAILED, USAGE, INCOMPLETE, UNFIT, INTERRUPTED = 0, 1, 2, 3, 78, 130
READER_GONE = 128 + signal.SIGPIPE
"""What a shell calls a program whose reader has left (`callqa … | head`): nothing is wrong and nothing is said."""

EXIT_STATUSES: dict[int, Message] = {
    DONE: Message("all done"),
    FAILED: Message("an error, told in one line; or what was checked has faults"),
    USAGE: Message("the command line was not understood"),
    INCOMPLETE: Message(
        "a run is done, but recordings could not be heard or judged, clips not be cut, or files of the home are damaged"
    ),
    UNFIT: Message("`callqa worker` on a machine that cannot do the work; do not start it again as it is"),
    INTERRUPTED: Message("interrupted by Ctrl-C or SIGTERM; the next run resumes"),
    READER_GONE: Message("whoever read the output has left"),
}
