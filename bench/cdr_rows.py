"""What many rows of call metadata cost a scan: processor time and memory, each kind in a process of its own.

python bench/cdr_rows.py [--rows 100000] [--recordings 50]
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pipeline.intake.inbox import scan_inbox
from pipeline.settings import load_settings
from tests.support.cdrs import own_settings
from tests.support.inboxes import put

KINDS: dict[str, tuple[str, str, Callable[[int], str], Callable[[int], str]]] = {
    "table": (
        "cdr.csv",
        "file,call_id,start_time,agent,agent_name,team,direction,客户号码,wait,挂断方,note\n",
        lambda n: (
            f"r{n}.wav,c{n},2026-11-{n % 28 + 1:02d} 09:{n % 60:02d}:00,{1000 + n % 300},李娜,一组,呼入,"
            f"139{n:08d},{n % 90},坐席,第{n}单\n"
        ),
        lambda n: f"r{n}.wav",
    ),
    "asterisk": (
        "Master.csv",
        "",
        lambda n: (
            f'"","139{n:08d}","600","from-trunk","""Li"" <139{n:08d}>","PJSIP/trunk-{n:08x}",'
            f'"PJSIP/1001-{n:08x}","Queue","support,t,,,60","2026-11-20 01:31:00","2026-11-20 01:31:02",'
            f'"2026-11-20 01:35:40",280,278,"ANSWERED","DOCUMENTATION","{1795138260 + n}.{n}",""\n'
        ),
        lambda n: f"{1795138260 + n}.{n}.wav",
    ),
    "freepbx": (
        "cdr.csv",
        "calldate,clid,src,dst,dcontext,channel,dstchannel,lastapp,lastdata,duration,billsec,disposition,amaflags,"
        "accountcode,uniqueid,userfield,did,recordingfile,cnum,cnam,linkedid,peeraccount,sequence\n",
        lambda n: (
            f'2026-11-20 09:31:00,"""Li"" <139{n:08d}>",139{n:08d},600,ext-queues,PJSIP/trunk-{n:08x},'
            f'Local/1001@from-queue-{n:08x};1,Queue,"600,t,,",280,278,ANSWERED,3,,{1795138260 + n}.{n},,4001234567,'
            f"q-600-139{n:08d}-20261120-093100-{1795138260 + n}.{n}.wav,139{n:08d},Li,{1795138260 + n}.{n},,{n}\n"
        ),
        lambda n: f"q-600-139{n:08d}-20261120-093100-{1795138260 + n}.{n}.wav",
    ),
    "queue_log": (
        "queue_log",
        "",
        lambda n: f"{1795138540 + n}|{1795138260 + n}.{n}|support|Li Na|COMPLETEAGENT|15|263|1\n",
        lambda n: f"{1795138260 + n}.{n}.wav",
    ),
}


def measure(kind: str, rows: int, recordings: int) -> None:
    """Print what a scan of one file costs."""
    name, header, row, recording = KINDS[kind]
    with tempfile.TemporaryDirectory() as folder:
        settings, home = own_settings(load_settings(), Path(folder))
        inbox = settings.inbox_folder
        with (inbox / name).open("w", encoding="utf-8") as stream:
            stream.write(header)
            stream.writelines(map(row, range(rows)))
        for number in range(recordings):
            put(inbox / recording(number), number)
        began_s = time.process_time()
        scan = scan_inbox(settings, home)
        took_s = time.process_time() - began_s
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{kind}: {rows} rows, {scan.calls} calls, {scan.calls - scan.rows_unused} with a recording, "
        f"{took_s:.1f} s, {peak_mb:.0f} MB"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--recordings", type=int, default=50)
    parser.add_argument("--kind", choices=KINDS)
    arguments = parser.parse_args()
    if arguments.kind:
        measure(arguments.kind, arguments.rows, arguments.recordings)
        return
    for kind in KINDS:
        own = ["--kind", kind, "--rows", str(arguments.rows), "--recordings", str(arguments.recordings)]
        subprocess.run([sys.executable, __file__, *own], check=True)


if __name__ == "__main__":
    main()
