"""The audit log: who did what, in a chain that shows every change, whatever becomes of the processes that write it."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.errors import CallQAError
from pipeline.storage import audit
from pipeline.storage.audit import MOST_NAMED, audit_entries, audit_file, verify_audit
from pipeline.storage.home import Home

WRITER = """
import sys
from pathlib import Path
from pipeline.storage import audit
from pipeline.storage.home import Home
for number in range(int(sys.argv[2])):
    audit.record(Home(Path(sys.argv[1])), "query", number=number)
"""


def writer(home: Home, entries: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", WRITER, str(home.root), str(entries)])


def filled(home: Home, entries: int = 5) -> list[bytes]:
    for number in range(entries):
        audit.record(home, "query", number=number)
    return audit_file(home).read_bytes().splitlines(keepends=True)


def test_an_entry_says_who_where_when_and_what(tmp_home: Home) -> None:
    audit.record(tmp_home, "show", calls=["ab" * 32], run="a1")
    audit.record(tmp_home, "play", user="Wei")
    first, second = audit_entries(tmp_home)
    assert (first.action, first.calls, first.details) == ("show", ("ab" * 8,), {"count": 1, "run": "a1"})
    assert (bool(first.user), bool(first.host), first.at.tzinfo is not None) == (True, True, True)
    assert second.user == "Wei"
    assert stat.S_IMODE(audit_file(tmp_home).stat().st_mode) == 0o600


def test_no_number_and_no_long_list_gets_into_it(tmp_home: Home) -> None:
    audit.record(tmp_home, "forget", calls=[*map(str, range(301))], reason="by 13912345678\n")
    assert "13912345678" not in audit_file(tmp_home).read_text()
    (entry,) = audit_entries(tmp_home)
    assert (len(entry.calls), entry.details["count"]) == (MOST_NAMED, 301)


def test_a_whole_chain_verifies_and_its_head_is_known_later(tmp_home: Home) -> None:
    assert verify_audit(tmp_home).entries == 0
    filled(tmp_home, 3)
    head = verify_audit(tmp_home).head
    filled(tmp_home, 2)
    check = verify_audit(tmp_home, head[:16])
    assert (check.entries, check.fault, check.knows_head) == (5, None, True)
    assert check.head != head


@pytest.mark.parametrize("change", ["change", "remove", "insert", "swap", "cut the beginning"])
def test_any_change_breaks_the_chain(tmp_home: Home, change: str) -> None:
    lines = filled(tmp_home)
    if change == "change":
        lines[2] = lines[2].replace(b'"number": 2', b'"number": 9')
    elif change == "remove":
        del lines[2]
    elif change == "insert":
        lines.insert(2, lines[2])
    elif change == "swap":
        lines[2:4] = reversed(lines[2:4])
    else:
        del lines[0]
    audit_file(tmp_home).write_bytes(b"".join(lines))
    check = verify_audit(tmp_home)
    assert check.fault is not None
    assert check.line in (1, 3, 4)


def test_only_a_head_kept_elsewhere_shows_a_log_written_anew_or_cut_off(tmp_home: Home) -> None:
    lines = filled(tmp_home)
    head = verify_audit(tmp_home).head
    audit_file(tmp_home).write_bytes(b"".join(lines[:-1]))
    assert verify_audit(tmp_home).fault is None
    assert not verify_audit(tmp_home, head).knows_head


@pytest.mark.parametrize("left", [1, 40, -1])
def test_what_a_power_cut_leaves_of_a_line_is_told_and_the_chain_goes_on(tmp_home: Home, left: int) -> None:
    lines = filled(tmp_home)
    audit_file(tmp_home).write_bytes(b"".join(lines[:-1]) + lines[-1][:left])
    is_whole = left == -1  # all but the end of the line: nothing is lost
    torn = verify_audit(tmp_home)
    assert (torn.fault, torn.ends_torn) == (None, not is_whole)
    filled(tmp_home, 1)
    mended = verify_audit(tmp_home)
    assert (mended.fault, mended.torn, mended.entries) == (None, int(not is_whole), 5 + is_whole)


def test_a_line_that_is_no_entry_is_a_fault_unless_the_next_one_tells_of_it(tmp_home: Home) -> None:
    lines = filled(tmp_home, 2)
    garbage = b"nothing\n"
    entry = json.loads(lines[1])
    entry["before"] = hashlib.sha256(garbage[:-1]).hexdigest()
    audit_file(tmp_home).write_bytes(lines[0] + garbage + json.dumps(entry).encode() + b"\n")
    assert verify_audit(tmp_home).line == 3


def test_processes_that_write_at_once_and_are_killed_leave_a_chain(tmp_home: Home) -> None:
    for seed in range(2):
        processes = [writer(tmp_home, 100_000) for _ in range(2)]
        grown = verify_audit(tmp_home).entries + 10
        while len(list(audit_entries(tmp_home))) < grown:
            time.sleep(0.02)
        time.sleep(random.Random(seed).random() / 50)
        for process in processes:
            process.send_signal(signal.SIGKILL)
            process.wait()
    filled(tmp_home, 1)
    check = verify_audit(tmp_home)
    assert check.fault is None
    assert check.entries > 10


def test_what_cannot_be_recorded_is_refused(tmp_home: Home) -> None:
    filled(tmp_home, 1)
    whole = audit_file(tmp_home).read_bytes()
    limited = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (600, 600)); import signal; "
    limited += "signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
    process = subprocess.run(
        [sys.executable, "-c", limited + WRITER, str(tmp_home.root), "9"], capture_output=True, check=False
    )
    assert b"CallQAError" in process.stderr
    assert b"not done" in process.stderr
    check = verify_audit(tmp_home)
    assert (check.fault, check.torn) == (None, 0)
    assert audit_file(tmp_home).read_bytes().startswith(whole)


def test_in_a_home_shared_with_a_group_its_members_are_recorded_too(tmp_home: Home) -> None:
    tmp_home.root.mkdir()
    tmp_home.root.chmod(0o2750)
    audit.record(tmp_home, "query")
    assert stat.S_IMODE(audit_file(tmp_home).stat().st_mode) == 0o660
    tmp_home.root.chmod(0o700)
    audit.record(tmp_home, "query")
    assert stat.S_IMODE(audit_file(tmp_home).stat().st_mode) == 0o600


def test_a_link_in_its_place_is_not_followed(tmp_home: Home, tmp_path: Path) -> None:
    tmp_home.root.mkdir()
    os.symlink(tmp_path / "elsewhere", audit_file(tmp_home))
    with pytest.raises(CallQAError):
        audit.record(tmp_home, "query")
    assert not (tmp_path / "elsewhere").exists()
