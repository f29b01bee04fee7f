"""Which files are call metadata, by the settings or by their look."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import BadSetting
from pipeline.intake.inbox import scan_inbox
from pipeline.intake.sources import leg_readers
from pipeline.settings import Ingest, Settings
from pipeline.storage.home import Home
from tests.support.inboxes import put, with_ingest

TABLE = "file,start_time,agent\na.wav,2026-11-20 09:31:00,{agent}\n"


@pytest.mark.parametrize("name", ["CDR.CSV", "Cdr.csv", "calls of today.csv", "export/2026/11.tsv"])
def test_a_table_is_found_wherever_it_lies(here: Settings, inbox: Path, tmp_home: Home, name: str) -> None:
    put(inbox / "a.wav")
    (inbox / name).parent.mkdir(parents=True, exist_ok=True)
    (inbox / name).write_text(TABLE.format(agent=1))
    found = scan_inbox(here, tmp_home)
    assert found.recordings[0].cdr.agent_id == "1"
    assert [(file.path, file.source, file.legs) for file in found.metadata] == [(inbox / name, "table", 1)]


def test_the_settings_may_name_several_files_and_folders(here: Settings, inbox: Path, tmp_home: Home) -> None:
    put(inbox / "a.wav")
    (inbox / "more").mkdir()
    (inbox / "one.csv").write_text(TABLE.format(agent=1))
    (inbox / "two.csv").write_text(TABLE.format(agent=2))
    (inbox / "more" / "three.csv").write_text("file,start_time,agent,team\na.wav,2026-11-20 09:31:00,3,T\n")
    chosen = with_ingest(here, metadata=("two.csv", str(inbox / "more")))
    found = scan_inbox(chosen, tmp_home)
    assert (found.recordings[0].cdr.agent_id, found.recordings[0].cdr.team) == ("2", "T")
    assert [file.path.name for file in found.metadata] == ["two.csv", "three.csv"]


def test_what_looks_like_a_table_and_is_none_of_calls_is_named(here: Settings, inbox: Path, tmp_home: Home) -> None:
    put(inbox / "a.wav")
    (inbox / "prices.csv").write_text("article,price\nx,1\n")
    (inbox / "notes.txt").write_text("call the agent, please\n")
    (inbox / "a.json").write_text('{"id": "a", "turns": [{"start": 0.5, "text": "x"}]}')
    found = scan_inbox(here, tmp_home)
    assert (found.unread, found.metadata, found.failures) == ((inbox / "prices.csv",), (), ())


def test_a_source_that_is_named_reads_and_one_that_there_is_not_is_refused(
    here: Settings, inbox: Path, tmp_home: Home
) -> None:
    put(inbox / "1795138260.18.wav")
    row = '"","13812345678","600","x","","PJSIP/trunk-1","PJSIP/1001-2","Queue","q","2026-11-20 01:31:00",'
    (inbox / "cdr.csv").write_text(
        row + '"2026-11-20 01:31:02","2026-11-20 01:35:40",280,278,"ANSWERED","DOCUMENTATION","1795138260.18",""\n'
    )
    assert scan_inbox(with_ingest(here, source="asterisk"), tmp_home).metadata[0].source == "asterisk"
    with pytest.raises(BadSetting, match=r"no such source; there are auto, .*twilio"):
        scan_inbox(with_ingest(here, source="asteriks"), tmp_home)
    (failure,) = scan_inbox(with_ingest(here, source="table", metadata="cdr.csv"), tmp_home).failures
    assert failure.reason == "metadata"


@pytest.mark.parametrize(
    "source",
    [reader.source for reader in leg_readers(Ingest()) if reader.source != "table"],  # type: ignore[call-arg]
)
@pytest.mark.parametrize("text", ["a,b,c\n1,2,3\n", '[{"a": 1}]', ""])
def test_a_file_of_which_the_named_source_reads_nothing_is_a_failure(
    here: Settings, inbox: Path, tmp_home: Home, source: str, text: str
) -> None:
    (inbox / "calls.json").write_text(text)
    found = scan_inbox(with_ingest(here, source=source, metadata="calls.json"), tmp_home)
    assert [failure.reason for failure in found.failures] == ["metadata"]
    assert found.calls == 0
