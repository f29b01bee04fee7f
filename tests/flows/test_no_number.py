"""No telephone number that an inbox holds, in a table or in a file's name, is in anything that is written or told."""

from __future__ import annotations

import io
import re
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest
from backports import zstd

from flows.cli.summary import print_metadata, print_summary
from flows.night import Night
from pipeline.settings import Ingest, Settings
from pipeline.storage import artefacts
from pipeline.storage.home import Home
from tests.support.inboxes import put
from tests.support.rulebooks import hotlines
from tests.support.talk import heard_call

FINGERPRINT = "f" * 64
CALLER, DIALLED, HOTLINE, LANDLINE, LOCAL, ABROAD = (
    "13900001234", "13900005678", "4001234567", "02288880001", "88886666", "12125550123",
)  # fmt: skip

TABLES = {
    "in/cdr.csv": "file,call_id,start_time,agent,agent_name,direction,caller,called,remark,callback,order_id\n"
    f"a.wav,C-1,2026-11-20 09:31:00,1001,Li Na {CALLER},in,+86 {CALLER[:3]}-{CALLER[3:7]}-{CALLER[7:]},{HOTLINE},"
    f"回电 {LANDLINE[:3]}-{LANDLINE[3:]} 或 0{DIALLED},{LOCAL},20261120-7\n"
    f"b.wav,C-2-{DIALLED},2026-11-20 09:35:00,0{CALLER},,out,{HOTLINE},9{DIALLED},tel:+{ABROAD},{LOCAL},7\n",
    "odd/export.csv": "录音文件名,开始时间,工号,呼叫类型,主叫号码,被叫号码,挂断方,备注\n"
    f"{CALLER}.wav,2026-11-20 10:00:00,1001,外呼,{LANDLINE},{DIALLED},被叫,客户{DIALLED}说\n",
    "odd/Master.csv": f'"","{CALLER}","600","from-trunk","""Zhang"" <{CALLER}>","PJSIP/trunk-1","PJSIP/1001-2","Queue",'
    '"support,t,,,60","2026-11-20 01:31:00","2026-11-20 01:31:02","2026-11-20 01:35:40",280,278,"ANSWERED",'
    f'"DOCUMENTATION","1795138260.18","{CALLER}"\n',
    "odd/broken.csv": f"{CALLER},{DIALLED},2026-11-20 09:31:00\n",
}
NAMES = (
    "in/a.wav", "in/b.wav", f"odd/{CALLER}.wav", f"q-600-{CALLER}-20261120-093100-1795138260.18.wav",
    f"out-0{DIALLED}-1001-20261120-100000-1795140000.20.wav", f"20261120-093100_{CALLER}-all.wav",
    f"2026-11-20-09-31-00.{HOTLINE}.{CALLER}.7b1c5c2e-0f6e-4b7c-9a51-000000000001.wav",
    f"[Li]_{CALLER}-1001_20261120093100(5001).wav", f"{CALLER}/{DIALLED}/{LOCAL}.wav", f"+{ABROAD}.wav",
)  # fmt: skip


def everything_below(folder: Path) -> Iterator[tuple[str, str]]:
    """Whatever a folder holds by name, unpacked, and the names themselves."""
    for path in sorted(folder.rglob("*")):
        yield "name", path.relative_to(folder).as_posix()
        if not path.is_file():
            continue
        data = path.read_bytes()
        yield path.name, data.decode("latin-1")
        if path.suffix == ".zst":
            yield path.name, zstd.decompress(data).decode("latin-1")
        elif zipfile.is_zipfile(io.BytesIO(data)):
            with zipfile.ZipFile(path) as packed:
                for name in packed.namelist():
                    yield f"{path.name}/{name}", packed.read(name).decode("latin-1")
        elif path.suffix == ".duckdb":
            with duckdb.connect(str(path), read_only=True) as database:
                for schema, table in database.execute("SELECT schema_name, table_name FROM duckdb_tables()").fetchall():
                    yield f"{path.name}/{table}", str(database.execute(f'FROM "{schema}"."{table}"').fetchall())
        elif path.suffix == ".parquet":
            yield f"{path.parent.name}/{path.name}", str(duckdb.execute("FROM read_parquet(?)", [str(path)]).fetchall())


def found_in(text: str, number: str) -> bool:
    """Whether a number stands in a text, in whatever groups."""
    return re.search(r"[-\s.()%20]{0,3}".join(number), text) is not None


def copied(shared: Path, inbox: Path) -> set[str]:
    """Put the samples of telephone systems into an inbox; the numbers that are in them."""
    numbers = set()
    for folder in ("pbx-samples", "field-cases/11-cdr-texts"):
        for file in sorted((shared / folder).rglob("*")):
            if file.is_file() and file.name != "README":
                target = inbox / "samples" / file.parent.name / file.name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, target)
                numbers |= set(re.findall(r"(?<!\d)0?(1[3-9]\d{9}|400\d{7}|2288880001)(?!\d)", file.read_text("utf-8")))
    for seed, name in enumerate((shared / "pbx-samples" / "freepbx" / "names.txt").read_text().splitlines()):
        put(inbox / name.split()[0], 100 + seed)
    return numbers


@pytest.mark.slow
@pytest.mark.parametrize("with_samples", [False, True])
def test_no_number_gets_out(
    settings: Settings,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    request: pytest.FixtureRequest,
    with_samples: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("flows.night.rulebooks_in_force", lambda _: hotlines())  # read once
    inbox, home = tmp_path / "inbox", tmp_path / "home"
    for seed, name in enumerate(NAMES):
        put(inbox / name, seed)
    (inbox / f"{CALLER}-empty.wav").touch()
    for name, text in TABLES.items():
        (inbox / name).write_text(text, encoding="utf-8")
    numbers = {CALLER, DIALLED, HOTLINE, LANDLINE, LOCAL, ABROAD}
    if with_samples:
        numbers |= copied(request.getfixturevalue("shared"), inbox)
    paths = settings.paths.model_copy(update={"inbox": inbox, "home": home})
    for _ in range(2):
        night = Night(settings.model_copy(update={"paths": paths, "ingest": Ingest(settle_s=0)}), FINGERPRINT)
        night.scan()
        print_metadata(night)
        for record in Home(home).recording_records():
            heard = heard_call([("ch0", 0.0, 0.02, "您好，请讲。"), ("ch1", 0.03, 0.04, "你们真让我失望。")])
            heard = replace(heard, sha256=record.sha256, fingerprint=FINGERPRINT)
            artefacts.write(night.home.transcript(record.sha256, FINGERPRINT), heard)
            assert any(file.is_file() for file in record.files), "a masked path leads to its file"
        night.plan_judging()
        for shard in range(night.judge_shards):
            night.judge(shard)
        night.cut_clips()
        night.build_database()
        night.write_report()
        print_summary(night, json_output=False)
        print_summary(night, json_output=True)
    told = capsys.readouterr()
    leaks = {
        (place, number[-4:])
        for place, text in [*everything_below(home), ("stdout", told.out), ("stderr", told.err)]
        for number in numbers
        if found_in(text, number)
    }
    assert leaks == set()
    assert len(list(Home(home).files("judged"))) >= len(NAMES)
