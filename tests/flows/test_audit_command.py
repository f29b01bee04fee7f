"""``callqa audit``: what was asked is in the log without its words, and the log can be checked."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from pipeline.datatypes import CDR
from pipeline.results.store import build_database
from pipeline.settings import load_settings
from pipeline.storage import artefacts, audit
from pipeline.storage.audit import audit_file
from pipeline.storage.home import Home, RecordingRecord
from pipeline.storage.keys import home_chain
from tests.support.nights import callqa, environment


def test_a_call_has_its_id_while_it_is_stored_and_a_hash_afterwards(tmp_home: Home, tmp_path: Path) -> None:
    sha256 = "ab" * 32
    record = RecordingRecord(sha256, 1, ("/in/a.wav",), datetime.now(UTC), CDR(call_id="20261116-0007"))
    artefacts.write(tmp_home.recording(sha256), record)
    audit.record(tmp_home, "show", calls=[sha256])
    env = environment(tmp_path / "prefect", CALLQA_HOME=str(tmp_home.root))
    assert "20261116-0007" in callqa("audit", "--call", "20261116-0007", env=env).stdout
    assert "20261116-0007" not in audit_file(tmp_home).read_text()
    tmp_home.recording(sha256).unlink()
    assert sha256[:16] in callqa("audit", "--call", sha256, env=env).stdout


def test_a_query_is_recorded_without_its_words_and_the_log_can_be_checked(tmp_home: Home, tmp_path: Path) -> None:
    home_chain(tmp_home)
    build_database(tmp_home, load_settings())
    env = environment(tmp_path / "prefect", CALLQA_HOME=str(tmp_home.root))
    assert callqa("sql", "SELECT count(*) FROM calls WHERE call_id = 'Petrov'", env=env).returncode == 0
    (entry,) = json.loads(callqa("audit", "--json", env=env).stdout)
    assert entry["action"] == "query"
    assert {name: entry["details"][name] for name in ("characters", "tables")} == {"characters": 51, "tables": "calls"}
    assert len(entry["details"]["query"]) == 32
    assert "Petrov" not in audit_file(tmp_home).read_text()

    whole = callqa("audit", "verify", "--json", env=env)
    assert whole.returncode == 0
    head = json.loads(whole.stdout)["head"]
    audit_file(tmp_home).write_text("")
    gone = callqa("audit", "verify", "--head", head, env=env)
    assert (gone.returncode, "not in it" in gone.stdout) == (1, True)
