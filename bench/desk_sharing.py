"""How quick the page of the week's best and worst is with the excerpts of a million calls, and what picking costs.

    python bench/desk_sharing.py                     # 100 teams, 13 weeks, 55 indicators: 429,000 picked excerpts

The page asks one table that is made when the database is published; here it is filled with as many rows as a million
calls of a year make, in a database of a few real calls. Told is the processor's time of this process for an answer,
median of 15: on a busy machine only that means anything. Then the picking itself, for a week of 20,000 calls and 1.1
million verdicts; and cutting ten seconds out of an hour, near its beginning and near its end, its ffmpeg included.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(CHECKOUT)]

import duckdb

from desk.calls.sound_making import SoundSource, cut_sound
from pipeline.datatypes import CDR
from pipeline.hearing.ffmpeg import ffmpeg_executable
from pipeline.results.team_excerpts import TEAM_EXCERPTS
from pipeline.settings import Settings
from pipeline.storage.files import file_sha256
from pipeline.storage.home import RecordingRecord
from pipeline.timeline import Span
from tests.support.desks import signed_in
from tests.support.factories import NIGHT
from tests.support.judged_desks import make_judged_desk

TEAMS, WEEKS, RULES = 100, 13, 55
TIMES = 15

FILLED = f"""CREATE OR REPLACE TABLE totals.team_excerpts AS
    SELECT DATE '2025-03-03' - INTERVAL (w) WEEK AS week, 'company' AS company, 'team' || t AS team,
        'rule' || r AS rule_id, kind, sha256(w || ' ' || t || ' ' || r || kind || n) AS sha256,
        'a' || (t * 10 + n) AS agent_id, '张三' AS agent_name, TIMESTAMPTZ '2025-03-03 09:00:00+08' AS started_at,
        (hash(w, t, r, n) % 100)::DOUBLE AS score, 1 AS occurrences, 'reason' AS reason,
        '您好，很高兴为您服务，请问有什么可以帮您？' AS quote, '很高兴为您服务' AS matched
    FROM range({WEEKS}) weeks(w), range({TEAMS}) teams(t), range({RULES}) rules(r),
        (VALUES ('best'), ('worst')) kinds(kind), range(3) places(n)
    ORDER BY week, team, rule_id, kind"""

CALLS = """CREATE VIEW calls AS SELECT sha256('c' || i) AS sha256, DATE '2025-03-03' AS week, 'company' AS company,
    'team' || (i % 100) AS team, 'a' || (i % 2000) AS agent_id, '张三' AS agent_name,
    TIMESTAMPTZ '2025-03-03 09:00:00+08' AS started_at, (60 + hash(i) % 41)::DOUBLE AS score FROM range(20000) t(i)"""

VERDICTS = """COPY (SELECT sha256('c' || i) AS sha256, 'rule' || r AS rule_id,
        CASE WHEN hash(i, r) % 10 < 6 THEN 'pass' WHEN hash(i, r) % 10 < 7 THEN 'fail' ELSE 'not_applicable' END
            AS outcome, (hash(i, r, 1) % 3)::INTEGER AS occurrences, 'reason' AS reason,
        CASE WHEN hash(i, r) % 10 < 7 AND r % 2 = 0 THEN [{'start_s': 1.5, 'quote': '您好，很高兴为您服务，' || i,
            'matched': '您好'}] ELSE [] END AS evidence
    FROM range(20000) t(i), range(55) s(r) ORDER BY i, r) TO '$file' (COMPRESSION zstd)"""


def cpu_ms(work: Callable[[], object]) -> float:
    begun = time.process_time()
    work()
    return (time.process_time() - begun) * 1000


def median_ms(work: Callable[[], object]) -> float:
    work()
    return statistics.median(cpu_ms(work) for _ in range(TIMES))


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        desk, _ = make_judged_desk(Path(folder), 3)
        with duckdb.connect(str(desk.home.database)) as connection:
            connection.execute(FILLED)
            rows = connection.execute("SELECT count(*) FROM totals.team_excerpts").fetchone()
        print(f"{rows[0] if rows else 0:,} picked excerpts")
        boss = signed_in(desk, "administrator", "boss")
        lead = signed_in(desk, "supervisor", "lead", teams=("team3", "team4", "team5"))
        for who, client, address in (
            ("a lead of three teams", lead, "/sharing"),
            ("an administrator, all teams", boss, "/sharing"),
            ("an administrator, one team, an earlier week", boss, "/sharing?week=2025-01-06&team=team7"),
        ):
            assert 'class="candidate"' in client.get(address).text
            print(f"{who:48} {median_ms(lambda c=client, a=address: c.get(a)):8.0f} ms")  # type: ignore[misc]
        file = f"{folder}/verdicts.parquet"
        with duckdb.connect(config={"memory_limit": "1GB", "threads": "2"}) as connection:
            connection.execute(CALLS)
            connection.execute(VERDICTS.replace("$file", file))
            connection.execute(f"CREATE VIEW verdicts AS FROM '{file}'")
            query = TEAM_EXCERPTS["team_excerpts"]
            spent = cpu_ms(lambda: connection.execute(query).fetchall())
            print(f"{'picking, when a week of 20,000 calls is published':48} {spent:8.0f} ms")
        _cutting(Path(folder), desk.settings)


def _cutting(folder: Path, settings: Settings) -> None:
    """Ten seconds out of an hour of 8 kHz µ-law, both sides, and of the same as MP3."""
    wave, mp3 = folder / "hour.wav", folder / "hour.mp3"
    program = [ffmpeg_executable("auto"), "-hide_banner", "-loglevel", "error", "-y"]
    noise = ["-f", "lavfi", "-i", "anoisesrc=d=3600:r=8000:a=0.1", "-f", "lavfi", "-i", "sine=d=3600:r=8000"]
    both = ["-filter_complex", "[0:a][1:a]amerge=inputs=2", "-c:a", "pcm_mulaw", str(wave)]
    subprocess.run([*program, *noise, *both], check=True)
    subprocess.run([*program, "-i", str(wave), "-b:a", "32k", str(mp3)], check=True)
    for file in (wave, mp3):
        sha256 = file_sha256(file)
        source = SoundSource(
            sha256, RecordingRecord(sha256, file.stat().st_size, (str(file),), NIGHT, CDR()), "stereo", 3600.0, ()
        )
        for at_s in (60.0, 3000.0):
            begun = os.times()
            cut_sound(source, Span(at_s, at_s + 10.0), 32, settings)
            spent = sum(os.times()[:4]) - sum(begun[:4])
            print(f"{f'ten seconds from {at_s:.0f} s of an hour as {file.suffix[1:]}':48} {1000 * spent:8.0f} ms")


if __name__ == "__main__":
    main()
