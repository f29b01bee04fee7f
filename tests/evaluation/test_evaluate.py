"""`evaluate` on the samples: scripted without engines, heard with them; and what it says of bad truths."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from flows.cli import app
from flows.engines import load_engines
from flows.options import given
from models.scripted import ScriptedRecognizer
from models.vad import SileroVoiceActivity
from pipeline.errors import BadSetting, BadTruth, CallQAError
from pipeline.evaluation.degrade import AS_RECORDED, CODECS, Codec, Rendering
from pipeline.evaluation.evaluate import Bench, evaluate_all
from pipeline.evaluation.matrix import every_combination, matrix, one_at_a_time
from pipeline.evaluation.metrics import ErrorCount, RuleCount
from pipeline.evaluation.score import Score
from pipeline.evaluation.tables import evaluation_tables, matrix_table
from pipeline.evaluation.truth import Truth, call_from_truth, cdr_from_truth, find_labelled
from pipeline.run import Engines
from pipeline.settings import CHECKOUT, Settings, load_settings
from pipeline.timeline import Span
from tests.support.rulebooks import hotlines

FIGURES = {
    "cer", "wer", "cpcer", "cpwer", "der", "der_collar", "role_accuracy", "roles", "hangup", "rules", "rtf",
    "peak_memory_mb",
}  # fmt: skip
RUDE = "20261117-163719-2336-baggage"
RUDE_EN = "20261119-104156-412-lost-parcel"

# one process loads the models
pytestmark = pytest.mark.xdist_group("evaluate")


def _copied(samples: Path, target: Path, *names: str, suffixes: tuple[str, ...] = (".json", ".wav")) -> Path:
    for name in names:
        for suffix in suffixes:
            shutil.copy(samples / f"{name}{suffix}", target)
    return target


def _shown(result: dict[str, Any], language: str) -> str:
    console = Console(width=200, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(evaluation_tables(result, language))
    return console.export_text()


def judged_scripts(folder: Path, settings: Settings, use_cdr: bool = True, limit: int | None = None) -> dict[str, Any]:
    labelled = find_labelled(folder, settings, scripted=True).spread(limit)
    return evaluate_all(labelled, Bench(settings, None, hotlines(), use_cdr=use_cdr))


@pytest.fixture
def replaying(samples: Path) -> Engines:
    """Real voice activity, and the words of one sample's truth."""
    truth = Truth.model_validate_json((samples / f"{RUDE}.json").read_text(encoding="utf-8"))
    lines: dict[int, list[tuple[Span, str]]] = {0: [], 1: []}
    for turn in truth.turns:
        lines[0 if turn.role == "agent" else 1].append((turn.span, turn.text or ""))
    return Engines(SileroVoiceActivity(0.5), ScriptedRecognizer(lines, "zh"), None)


@pytest.fixture(scope="module")
def scripted(samples: Path) -> dict[str, Any]:
    return judged_scripts(samples, load_settings())


@pytest.mark.slow
def test_scripted_judges_every_sample_without_hearing(samples: Path, scripted: dict[str, Any]) -> None:
    result = scripted
    assert len(result["files"]) == 12
    assert not result["skipped"]
    pooled = result["pooled"]
    assert set(pooled) >= FIGURES
    assert all(set(figures) == set(pooled) for figures in result["files"].values())
    assert all(pooled[name] is None for name in ("cer", "wer", "cpcer", "cpwer", "der", "der_collar", "role_accuracy"))
    assert pooled["rtf"]["total"] is None
    rules = pooled["rules"]
    assert set(rules["per_rule"]) >= {"greeting", "name-usage", "hang-up-order", "dead-air", "closing"}
    # perfect engines: what is missed now is the rules' own fault
    assert rules["precision"] >= 0.9
    assert rules["recall"] >= 0.85
    labelled = sum(rules["per_rule"][rule]["labelled"] for rule in rules["per_rule"]) + sum(
        rules["not_judged"].values()
    )
    truths = [json.loads(path.read_text(encoding="utf-8")) for path in samples.glob("*.json")]
    assert labelled == sum(len(truth["labels"]) for truth in truths)


@pytest.mark.slow
def test_scripted_needs_no_recording(samples: Path, settings: Settings, tmp_path: Path) -> None:
    _copied(samples, tmp_path, RUDE, suffixes=(".json",))
    result = judged_scripts(tmp_path, settings, use_cdr=False)
    assert result["files"][RUDE]["rules"]["per_rule"]["forbidden-phrases"]["true_fails"] == 1


@pytest.mark.slow
def test_the_result_is_json_and_can_be_shown_in_both_languages(scripted: dict[str, Any]) -> None:
    assert json.loads(json.dumps(scripted)) == scripted
    assert "hang-up-order" in _shown(scripted, "en")
    assert "查准率" in _shown(scripted, "zh")


@pytest.fixture
def as_given(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("file", "home"):  # the command sets them
        monkeypatch.setattr(given, name, getattr(given, name))


@pytest.mark.slow
def test_figures_are_shown_though_their_file_cannot_be_written(samples: Path, tmp_path: Path, as_given: None) -> None:
    settings = tmp_path / "callqa.toml"
    settings.write_text("[paths]\nrulebooks = {}\n", encoding="utf-8")
    arguments = ["--settings", str(settings), "evaluate", str(samples), "--scripted", "--limit", "1"]
    done = CliRunner().invoke(app, [*arguments, "--json", str(settings / "figures.json")])
    assert isinstance(done.exception, CallQAError)
    assert "cannot be written" in str(done.exception)
    assert "20261116-093105-001-booking" in done.stdout, "progress goes to stderr"


def test_scores_pool_over_counts() -> None:
    short = Score(cer=ErrorCount(2, 2), rules={"greeting": RuleCount(true_fails=1)}, timings_s={"words": 1.0})
    long = Score(cer=ErrorCount(0, 8), rules={"greeting": RuleCount(missed_fails=1)}, timings_s={"words": 2.0})
    both = short + long
    assert both.cer.rate == pytest.approx(0.2)
    assert both.rules["greeting"].recall == pytest.approx(0.5)
    assert both.timings_s == {"words": 3.0}


def test_the_cdr_of_a_truth() -> None:
    cdr = cdr_from_truth({"agent_id": "001", "ring_count": 2, "source": "somewhere", "release_party": "agent"})
    assert (cdr.agent_id, cdr.ring_count, cdr.release_party) == ("001", 2, "agent")
    assert cdr.extra == {"source": "somewhere"}
    assert cdr.channel_map is None
    with pytest.raises(BadTruth, match="ring_count"):
        cdr_from_truth({"ring_count": "many"})


def test_a_truth_without_words_or_roles_is_still_one() -> None:
    truth = Truth.model_validate(
        {"language": "en", "turns": [{"speaker": "A", "start_s": 0, "end_s": 1, "text": None}], "labels": {}}
    )
    assert not truth.worded
    assert truth.turns[0].voice == "A"


def test_bad_truths_are_told_by_name_and_the_rest_is_scored(samples: Path, settings: Settings, tmp_path: Path) -> None:
    _copied(samples, tmp_path, RUDE)
    (tmp_path / "broken.json").write_text("{", encoding="utf-8")
    (tmp_path / "list.json").write_text("[1]", encoding="utf-8")
    (tmp_path / "deep.json").write_text("[" * 100_000, encoding="utf-8")
    (tmp_path / "label.json").write_text('{"language": "zh", "turns": [], "labels": {"greeting": "秘密"}}', "utf-8")
    (tmp_path / "lonely.json").write_text('{"language": "zh", "turns": []}', encoding="utf-8")
    (tmp_path / "twin.json").write_text((tmp_path / f"{RUDE}.json").read_text("utf-8"), encoding="utf-8")
    labelled = find_labelled(tmp_path, settings)
    skipped = labelled.skipped
    assert [one.id for one in labelled.recordings] == [RUDE]
    assert set(skipped) == {"broken.json", "list.json", "deep.json", "label.json", "lonely.json", "twin.json"}
    for name, why in skipped.items():
        assert name in why
        assert "\n" not in why
    assert "labels.greeting" in skipped["label.json"]
    assert "秘密" not in skipped["label.json"]


@pytest.mark.parametrize("scripted", [False, True])
def test_a_folder_without_truths_is_refused(settings: Settings, tmp_path: Path, scripted: bool) -> None:
    with pytest.raises(BadTruth, match="no truth here"):
        evaluate_all(find_labelled(tmp_path, settings, scripted=scripted), Bench(settings, None, {}))
    with pytest.raises(BadTruth, match="no such folder"):
        find_labelled(tmp_path / "nowhere", settings, scripted=scripted)


def test_unknown_engine_and_codec_are_refused(samples: Path, as_given: None) -> None:
    for option, says in (("--engine=abacus", "faster-whisper"), ("--codec=morse", "mulaw")):
        done = CliRunner().invoke(app, ["evaluate", str(samples), option])
        assert isinstance(done.exception, BadSetting)
        assert says in str(done.exception)


def test_what_is_wrong_with_a_truth_is_told_and_not_another_fault(settings: Settings, tmp_path: Path) -> None:
    turn = {"role": "agent", "start_s": 0.0, "end_s": 1.0, "text": "Hello."}
    faulty = {
        "release": ({"turns": [turn], "meta": {"release_party": "somebody"}}, "release_party"),
        "role": ({"turns": [turn, {**turn, "role": None}]}, r"turns\.1"),
        "mark": ({"turns": [turn], "marks": [{"kind": "ring", "start_s": 0.0}]}, r"marks\.0"),
    }
    for name, (truth, says) in faulty.items():
        with pytest.raises(BadTruth, match=says):
            call_from_truth(Truth.model_validate({"language": "en", **truth}))
        (tmp_path / f"{name}.json").write_text(json.dumps({"language": "en", **truth}), encoding="utf-8")
    labelled = find_labelled(tmp_path, settings, scripted=True)
    assert not labelled.skipped
    with pytest.raises(BadTruth, match=r"nothing could be scored: mark: marks\.0: has no end_s \(and 2 more like it\)"):
        evaluate_all(labelled, Bench(settings, None, {}))


def test_a_transcript_table_is_read_and_its_faults_have_a_line(settings: Settings, tmp_path: Path) -> None:
    table = tmp_path / "transcripts.tsv"
    table.write_text("file\tspeaker\ttext\na.wav\tS1\t设定三十度\nb.wav\tS2\tset it to thirty\n", encoding="utf-8")
    (tmp_path / "a.wav").write_bytes(b"")
    labelled = find_labelled(tmp_path, settings)
    assert [(one.id, one.truth.language, one.utterance) for one in labelled.recordings] == [("a", "zh", True)]
    assert list(labelled.skipped) == ["b"]
    table.write_text("a.wav\t设定三十度\n", encoding="utf-8")
    with pytest.raises(BadTruth, match=r"transcripts\.tsv:1: three cells"):
        find_labelled(tmp_path, settings)


@pytest.mark.slow
def test_the_documented_truth_is_one(settings: Settings, tmp_path: Path) -> None:
    text = (CHECKOUT / "docs" / "truth.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```json\n(.*?)```", text, re.DOTALL)
    (tmp_path / "lamp.json").write_text(example, encoding="utf-8")
    truth = json.loads(example)
    assert set(truth) <= set(re.findall(r"`(\w+)`", text)) - {"zh", "en"}, "each key is explained"
    figures = judged_scripts(tmp_path, settings)["files"][truth["id"]]
    scored = figures["rules"]["per_rule"]
    assert set(scored) == set(truth["labels"])
    assert {rule for rule in scored if scored[rule]["true_fails"]} == {"hang-up-order", "forbidden-phrases"}
    assert not scored["dead-air"]["false_fails"]


@pytest.mark.slow
def test_a_limit_takes_calls_from_the_whole_folder(samples: Path, scripted: dict[str, Any]) -> None:
    few = list(judged_scripts(samples, load_settings(), limit=3)["files"])
    everything = list(scripted["files"])
    assert few == [everything[0], everything[4], everything[8]]


def test_the_matrix_varies_every_factor_by_itself_and_all_at_once() -> None:
    renderings = one_at_a_time()
    assert renderings[0] == AS_RECORDED
    assert len(set(renderings)) == len(renderings)
    assert set(renderings) < set(every_combination())
    for codec in CODECS:
        assert Rendering(codec=codec) in renderings
    for mono in (False, True):
        for dirt in (
            Rendering(noise_db=20.0),
            Rendering(noise_db=10.0),
            Rendering(clip_db=12.0),
            Rendering(faint_db=12.0),
        ):
            assert replace(dirt, mono=mono) in renderings
    assert len(every_combination()) == len(set(every_combination())) == 2 * (len(CODECS) + 1) * 3 * 2 * 2


@pytest.mark.slow
def test_a_matrix_of_nothing_is_refused(settings: Settings, tmp_path: Path, replaying: Engines) -> None:
    with pytest.raises(BadTruth, match="no truth here"):
        matrix(find_labelled(tmp_path, settings), Bench(settings, replaying, {}), one_at_a_time())


@pytest.mark.slow
def test_a_cell_that_fails_shows_why_and_stops_no_other(
    samples: Path, settings: Settings, tmp_path: Path, replaying: Engines, monkeypatch: pytest.MonkeyPatch
) -> None:
    _copied(samples, tmp_path, RUDE)
    # an encoder that no ffmpeg has stands for one that this ffmpeg was built without
    monkeypatch.setitem(CODECS, "mp3", Codec(("-c:a", "tin_cans"), ".mp3"))
    told: list[str] = []
    # what is tested here is not the rules, which are slow to load
    bench, labelled = Bench(settings, replaying, {}), find_labelled(tmp_path, settings)
    renderings = (Rendering(), Rendering(codec="mp3"), Rendering(mono=True, noise_db=20.0))
    result = matrix(labelled, bench, renderings, lambda done, of, name: told.append(name))
    recorded, broken, mono = result["cells"]
    assert len(told) == 3
    assert json.loads(json.dumps(result)) == result
    assert recorded["pooled"]["cer"] == 0
    assert recorded["pooled"]["roles"] == {"right": 1, "wrong": 0, "unknown": 0}
    assert (broken["pooled"], mono["failed"]) == (None, None)
    assert "\n" not in broken["failed"]
    whys = {"en": ("as recorded", "codec mp3: ffmpeg cannot write it"), "zh": ("单声道", "编码 mp3：ffmpeg 不能写")}
    for language, (word, why) in whys.items():
        console = Console(width=250, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
        console.print(matrix_table(result, language))
        text = console.export_text()
        assert word in text
        assert why in text


@pytest.fixture(scope="module")
def loaded_engines(weights: Path) -> Engines:
    return load_engines(load_settings())


@pytest.mark.models
def test_two_calls_heard(samples: Path, settings: Settings, tmp_path: Path, loaded_engines: Engines) -> None:
    _copied(samples, tmp_path, RUDE, RUDE_EN)
    calls: list[tuple[int, int]] = []
    bench = Bench(settings, loaded_engines, hotlines(), use_cdr=False)
    result = evaluate_all(find_labelled(tmp_path, settings), bench, lambda done, of, _: calls.append((done, of)))
    assert calls == [(0, 2), (1, 2), (2, 2)]
    pooled = result["pooled"]
    assert pooled["roles"] == {"right": 2, "wrong": 0, "unknown": 0}
    assert pooled["hangup"] == {"right": 2, "wrong": 0, "unsure": 0}
    assert 0 < pooled["cer"] < 0.5
    assert 0 <= pooled["wer"] < 0.5
    assert pooled["cpcer"] >= 0.9 * pooled["cer"]
    assert 0 < pooled["der_collar"] <= pooled["der"] < 0.3
    assert pooled["role_accuracy"] > 0.7
    assert pooled["rules"]["recall"] > 0.5
    assert result["files"][RUDE]["wer"] is None
    stages = dict(pooled["rtf"])
    assert stages.pop("total") == pytest.approx(sum(stages.values()), abs=0.001)
    assert 100 < pooled["peak_memory_mb"] < 4096


@pytest.mark.models
def test_a_call_rendered_to_mono(samples: Path, settings: Settings, tmp_path: Path, loaded_engines: Engines) -> None:
    _copied(samples, tmp_path, RUDE)
    rendering = Rendering(mono=True, codec="mulaw", noise_db=25.0)
    bench = Bench(settings, loaded_engines, hotlines(), rendering)
    result = evaluate_all(find_labelled(tmp_path, settings), bench)
    figures = result["files"][RUDE]
    assert figures["rtf"]["speakers"] > 0
    assert 0 < figures["der"] < 1
    assert figures["cer"] < 0.6
