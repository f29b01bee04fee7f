"""The settings file: what is wrong with it is told with file, key and remedy, in both languages, in our own words."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.settings_toml import as_toml
from pipeline.errors import BadSetting
from pipeline.messages import Message
from pipeline.settings import Settings, Sql, load_settings

FAULTS = {
    "[hear]\nmodle = 'small'": (
        "hear.modle: no such setting (did you mean model?)",
        "hear.modle：没有这项设置（是否想写 model？）",
    ),
    "[heer]\nmodel = 'small'": ("heer: no such setting (did you mean hear?)", "heer：没有这项设置（是否想写 hear？）"),
    "[sql]\ncolour = 1": (
        "sql.colour: no such setting; there are memory, timeout_s",
        "sql.colour：没有这项设置，可用的有 memory, timeout_s",
    ),
    "hear = 3": ("hear: must be a table of names and values", "hear：应为“名称 = 值”的表"),
    "[hear]\nengine = 'faster-wisper'": (
        "hear.engine: must be one of faster-whisper, openai-whisper (did you mean faster-whisper?)",
        "hear.engine：应为 faster-whisper, openai-whisper 之一（是否想写 faster-whisper？）",
    ),
    "[hear]\nspeakers = 'two'": ("hear.speakers: must be a whole number or auto", "hear.speakers：应为整数或 auto"),
    "[hear]\nbeam_size = 21": (
        "hear.beam_size: must be at least 1 and at most 20",
        "hear.beam_size：应不小于 1，且不大于 20",
    ),
    "[hear]\nvad_threshold = 0": (
        "hear.vad_threshold: must be more than 0 and less than 1",
        "hear.vad_threshold：应大于 0，且小于 1",
    ),
    "[hear]\nworkers = 1.5": ("hear.workers: must be a whole number", "hear.workers：应为整数"),
    "[hear]\nmodel = 3": ("hear.model: must be text in quotes", "hear.model：应为带引号的文字"),
    "[hear]\nhot_words = 'a'": ("hear.hot_words: must be a list", "hear.hot_words：应为列表"),
    "[hear]\nhot_words = ['a', 3]": ("hear.hot_words.1: must be text in quotes", "hear.hot_words.1：应为带引号的文字"),
    "[paths]\nhome = 3": ("paths.home: must be a path in quotes", "paths.home：应为带引号的路径"),
    "[paths]\nrulebooks = { zh = 3 }": (
        "paths.rulebooks.zh: must be a path in quotes",
        "paths.rulebooks.zh：应为带引号的路径",
    ),
    "[ingest]\nmetadata = 3": ("ingest.metadata: must be text in quotes", "ingest.metadata：应为带引号的文字"),
    "[ingest]\nvalues = { direction = 'in' }": (
        "ingest.values.direction: must be a table of names and values",
        "ingest.values.direction：应为“名称 = 值”的表",
    ),
    **dict.fromkeys(
        [f"[sql]\nmemory = '{size}'" for size in ("-1", "100000TB", "1", "1XB", "0GB", "inf", "", "1GB; SELECT 1")],
        ('sql.memory: must be a size from "100MB" to "1TB"', "sql.memory：应为“100MB”到“1TB”之间的大小"),
    ),
    **dict.fromkeys(
        [f"[sql]\ntimeout_s = {seconds}" for seconds in ("inf", "nan", "1e12", "-1", "0")],
        ("sql.timeout_s: must be more than 0 and at most 86400", "sql.timeout_s：应大于 0，且不大于 86400"),
    ),
    **dict.fromkeys(
        [f"[decode]\nlongest_s = {seconds}" for seconds in ("inf", "nan", "1e300", "-inf")],
        ("decode.longest_s: must be more than 0 and at most 604800", "decode.longest_s：应大于 0，且不大于 604800"),
    ),
    "[decode]\ntimeout_s = 'long'": ("decode.timeout_s: must be a number", "decode.timeout_s：应为数字"),
}


@pytest.mark.parametrize("text", FAULTS)
def test_a_fault_is_told_with_file_and_key_in_both_languages(tmp_path: Path, text: str) -> None:
    english, chinese = FAULTS[text]
    file = tmp_path / "callqa.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(BadSetting) as error:
        load_settings(file)
    assert str(error.value) == f"{file}: {english} (`callqa settings` lists every setting)"
    assert error.value.in_language("zh") == f"{file}：{chinese}（全部设置见 `callqa settings`）"


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    file = tmp_path / "callqa.toml"
    file.write_text("[hear]\nbatch = -1\n[report]\ntarget = 2", encoding="utf-8")
    with pytest.raises(BadSetting) as error:
        load_settings(file)
    assert "hear.batch: must be at least 0 and at most 1024; report.target: must be at least 0 and at most 1 (" in str(
        error.value
    )


@pytest.mark.parametrize(
    ("data", "english", "chinese"),
    [
        (None, "no such settings file", "没有这个设置文件"),
        (b"[hear\n", "not TOML: ", "不是 TOML："),
        ("[hear]\nmodel = '大'".encode("gb18030"), "not UTF-8; save it as UTF-8", "不是 UTF-8，请另存为 UTF-8"),
        (b"a = " + b"[" * 100_000, "nested too deeply", "嵌套过深"),
        (b"a = " + b"{b = " * 100_000, "nested too deeply", "嵌套过深"),
        (b"#" * 1_000_001, "is larger than 1 MB; that cannot be right", "超过 1 MB，不合常理"),
    ],
)
def test_a_file_that_cannot_be_read(tmp_path: Path, data: bytes | None, english: str, chinese: str) -> None:
    file = tmp_path / "callqa.toml"
    if data is not None:
        file.write_bytes(data)
    with pytest.raises(BadSetting) as error:
        load_settings(file)
    assert str(error.value).startswith(f"{file}: {english}")
    assert error.value.in_language("zh").startswith(f"{file}：{chinese}")


def test_a_file_without_end_is_not_read_to_its_end() -> None:
    with pytest.raises(BadSetting, match="is larger than 1 MB"):
        load_settings(Path("/dev/zero"))


NUMBERS = [
    (section, key, field.annotation)
    for section, model in Settings.model_fields.items()
    for key, field in model.annotation.model_fields.items()  # type: ignore[union-attr]
    if field.annotation in (int, float)
]


@pytest.mark.parametrize(("section", "key", "kind"), NUMBERS)
def test_every_number_has_bounds(tmp_path: Path, section: str, key: str, kind: type) -> None:
    file = tmp_path / "callqa.toml"
    for number in (f"1{'0' * 17}", f"-1{'0' * 17}", "1e300", "inf", "-inf", "nan"):
        file.write_text(f"[{section}]\n{key} = {number}\n", encoding="utf-8")
        with pytest.raises(BadSetting, match=rf"{section}\.{key}: (must be|does not fit here) "):
            load_settings(file)
    assert len(NUMBERS) > 15


def test_a_file_saved_by_an_editor_of_windows_is_read(tmp_path: Path) -> None:
    file = tmp_path / "callqa.toml"
    file.write_text("[hear]\nmodel = 'small'\r\n", encoding="utf-8-sig")
    assert load_settings(file).hear.model == "small"


def test_every_setting_says_in_both_languages_what_it_is_for() -> None:
    printed = as_toml(Settings(), "zh")
    for name, section in Settings.model_fields.items():
        for key, field in section.annotation.model_fields.items():  # type: ignore[union-attr]
            assert isinstance(field.description, Message), f"{name}.{key}"
            assert f"# {field.description.in_language('zh')}\n" in printed, f"{name}.{key}"
            assert field.description not in printed, f"{name}.{key}"


@pytest.mark.parametrize(
    ("size", "count"),
    [("1GB", 10**9), ("1GiB", 2**30), (" 1.5 gb ", 1_500_000_000), ("512MiB", 2**29), ("200000KB", 2 * 10**8)],
)
def test_a_size_of_memory_is_a_number_of_bytes(size: str, count: int) -> None:
    assert Sql(memory=size).memory_bytes == count
