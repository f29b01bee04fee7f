"""The command line: help in both languages, errors in one line, settings that read back, no traceback."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from flows import doctor
from flows.settings_toml import as_toml
from pipeline.errors import CallQAError
from pipeline.settings import CHECKOUT, Settings, load_settings
from pipeline.storage.home import Home
from pipeline.storage.lock import run_lock
from tests.support.nights import callqa, environment


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return environment(tmp_path / "prefect", CALLQA_HOME=str(tmp_path / "home"))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--settings", "none.toml", "settings"], "no such settings file"),
        (["transcribe", "none.wav"], "none.wav"),
        (["judge", "no-such-call"], "no stored call"),
        (["sql", "SELECT 1"], "callqa nightly"),
        (["sql", "SELECT 1", "--format", "xml"], "--format"),
        (["report"], "callqa nightly"),
        (["evaluate", "none"], "none"),
        (["nightly", "--inbox", "none"], "--inbox"),
        (["schedule", "--cron", "every night"], "--cron"),
        (["schedule", "--cron", "0 1 * * * *"], "--cron"),
        (["schedule", "--timezone", "Beijing"], "--timezone"),
        (["transcribe", "none.wav", "--engine", "abacus"], "faster-whisper"),
        (["rules", "lint", "none"], "none"),
    ],
)
@pytest.mark.slow
def test_an_error_is_one_line(arguments: list[str], says: str, env: dict[str, str], tmp_path: Path) -> None:
    done = callqa(*arguments, env=env, cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    said = done.stderr + done.stdout
    assert says in said
    assert said.count("\n") == 1
    assert "Traceback" not in said


@pytest.mark.slow
def test_a_wrong_setting_is_named_with_its_file(env: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "callqa.toml").write_text("[hear]\nmodle = 'small'\n")
    done = callqa("settings", env=env, cwd=tmp_path)
    assert done.returncode == 1
    assert "callqa.toml: hear.modle" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--settings", "none.toml", "settings"], "没有"),
        (["judge", "no-such-call"], "没有这个文件"),
        (["sql", "SELECT 1", "--format", "xml"], "请选"),
        (["evaluate", "none"], "没有这个文件夹"),
        (["nightly", "--inbox", "none"], "没有这个文件夹"),
        (["schedule", "--cron", "every night"], "看不懂"),
        (["nightly", "--wrong"], "没有选项 --wrong"),
        (["nightly", "--limit", "many"], "不是数字"),
        (["nightly", "--limit", "-1"], "至少为 0"),
        (["nightly", "--limit"], "需要一个值"),
        (["rules", "explain", "a"], "缺少 RULE"),
        (["rulez"], "没有命令 rulez"),
        (["report", "it"], "多余的参数"),
    ],
)
@pytest.mark.slow
def test_errors_are_chinese_where_the_command_line_is(
    arguments: list[str], says: str, env: dict[str, str], tmp_path: Path
) -> None:
    done = callqa("--lang", "zh", *arguments, env=env, cwd=tmp_path)
    said = done.stderr + done.stdout
    assert says in said
    assert said.count("\n") == 1


@pytest.mark.slow
def test_usage_errors_exit_with_two(env: dict[str, str]) -> None:
    assert callqa("nightly", "--wrong", env=env).returncode == 2
    assert callqa("--lang", "fr", "settings", env=env).returncode == 2


@pytest.mark.slow
def test_settings_read_back_equal(tmp_path: Path, env: dict[str, str]) -> None:
    printed = callqa("settings", "--defaults", env=env).stdout
    assert Settings.model_validate(tomllib.loads(printed)) == Settings()
    for section, model in Settings.model_fields.items():
        assert f"[{section}]" in printed
        for key, field in model.annotation.model_fields.items():  # type: ignore[union-attr]
            assert re.search(rf"^(# )?\[?({section}\.)?{key}\b", printed, re.MULTILINE), key
            assert f"# {field.description}" in printed
    changed = load_settings().model_copy(
        update={
            "ingest": Settings().ingest.model_copy(
                update={
                    "columns": {"agent_id": '工号 "新"'},
                    "values": {"release_party": {"坐席": "agent"}},
                    "metadata": "a.csv",
                }
            )
        }
    )
    file = tmp_path / "callqa.toml"
    file.write_text(as_toml(changed), encoding="utf-8")
    assert load_settings(file) == changed


@pytest.mark.slow
def test_a_settings_file_in_the_folder_is_found(tmp_path: Path, env: dict[str, str]) -> None:
    (tmp_path / "callqa.toml").write_text('[hear]\nmodel = "small"\n', encoding="utf-8")
    assert 'model = "small"' in callqa("settings", env=env, cwd=tmp_path).stdout


@pytest.mark.slow
def test_the_settings_file_that_the_shell_has_just_emptied_is_none(tmp_path: Path, env: dict[str, str]) -> None:
    printed = callqa("settings", env=env, cwd=tmp_path).stdout
    (tmp_path / "callqa.toml").touch()
    into_file = callqa("settings", env=env, cwd=tmp_path).stdout
    assert into_file == printed, "`callqa settings > callqa.toml` points to what it would point to without the file"


@pytest.mark.slow
def test_version(env: dict[str, str]) -> None:
    assert re.fullmatch(r"callqa \d+\.\d+\.\d+\n", callqa("--version", env=env).stdout)


@pytest.mark.slow
def test_a_closed_pipe_is_no_error(env: dict[str, str]) -> None:
    command = f"{sys.executable} -c 'from flows.cli import main; main()' settings | head -n 1"
    done = subprocess.run(["bash", "-c", command], env=env, capture_output=True, text=True)
    assert done.stderr == ""
    assert done.stdout.startswith("[paths]")


@pytest.mark.slow
def test_the_language_follows_the_locale_and_the_option(env: dict[str, str]) -> None:
    assert "命令" in callqa("--help", env=env | {"LANG": "zh_CN.UTF-8"}).stdout
    assert "命令" in callqa("--lang", "zh", "--help", env=env).stdout
    assert "Commands" in callqa("--lang", "en", "--help", env=env | {"LANG": "zh_CN.UTF-8"}).stdout


@pytest.mark.slow
def test_an_unforeseen_error_tells_where_and_not_what(env: dict[str, str], tmp_path: Path) -> None:
    code = (
        "import sys, flows.cli as cli, flows.cli.install as install\n"
        "def fail(): raise ValueError('您好，我的号码是 13800138000')\n"
        "install.settings_file = fail\n"
        "sys.argv = ['callqa', 'settings']\n"
        "cli.main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "ValueError" in done.stderr
    log = (tmp_path / "home" / "logs" / "error.log").read_text()
    assert "ValueError" in log
    assert "flows/cli/" in log
    assert "13800138000" not in done.stderr + log


@pytest.mark.slow
def test_an_unforeseen_error_is_written_in_the_home_of_the_settings_given(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text('[paths]\nhome = "its home"\n')
    code = (
        "import sys, flows.cli as cli, flows.cli.results as results\n"
        "def fail(*_): raise ValueError\n"
        "results.read_settings = fail\n"
        f"sys.argv = ['callqa', '--settings', {str(tmp_path / 'own.toml')!r}, 'report']\n"
        "cli.main()\n"
    )
    log = CHECKOUT / "data" / "home" / "logs" / "error.log"
    before = log.stat().st_size if log.exists() else None
    done = subprocess.run([sys.executable, "-c", code], env=environment(tmp_path), capture_output=True, text=True)
    assert "ValueError" in (tmp_path / "its home" / "logs" / "error.log").read_text()
    assert str(tmp_path / "its home") in done.stderr
    assert (log.stat().st_size if log.exists() else None) == before


def test_doctor_tells_what_others_may_read(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PREFECT_HOME", raising=False)
    home, inbox = tmp_path / "home", tmp_path / "inbox"
    for folder in (home, inbox):
        folder.mkdir()
        folder.chmod(0o755)
    paths = settings.paths.model_copy(update={"home": home, "inbox": inbox})
    settings = settings.model_copy(update={"paths": paths})
    told = {check.what: (check.mark, check.remedy) for check in doctor._home(settings)}
    mark, remedy = told[f"{home} can be read by every account of this machine"]
    assert (mark, remedy.startswith("the next callqa nightly closes it")) == ("warn", True)
    assert told[f"{inbox} can be read by every account of this machine"] == ("warn", f"chmod -R o= {inbox}")
    home.chmod(0o700)
    inbox.chmod(0o750)
    assert not [check for check in doctor._home(settings) if "every account" in check.what]


@pytest.mark.slow
def test_another_pipeline_on_the_path_is_noticed(env: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "other" / "pipeline").mkdir(parents=True)
    (tmp_path / "other" / "pipeline" / "__init__.py").touch()
    done = callqa("--help", env=env | {"PYTHONPATH": str(tmp_path / "other")})
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "PYTHONPATH" in done.stderr


@pytest.mark.models
@pytest.mark.slow
def test_doctor_finds_what_is_wrong(env: dict[str, str], tmp_path: Path, weights: Path) -> None:
    good = callqa("doctor", env=env)
    assert good.returncode == 0, good.stdout
    assert "ffmpeg" in good.stdout
    (tmp_path / "callqa.toml").write_text('[paths]\nweights = "none"\nrulebooks = { zh = "no-rules" }\n')
    bad = callqa("doctor", env=env, cwd=tmp_path)
    assert bad.returncode == 1
    assert "callqa models fetch" in bad.stdout
    assert "callqa rules lint" in bad.stdout
    assert "Traceback" not in bad.stdout + bad.stderr


def test_one_run_at_a_time(tmp_home: Home) -> None:
    with run_lock(tmp_home), pytest.raises(CallQAError, match=r"process \d+, since"), run_lock(tmp_home):
        pass
    with run_lock(tmp_home):
        pass


def test_the_pins_cover_what_is_installed() -> None:
    """Each dependency that pyproject names is pinned, and torch by the number alone."""
    pins = dict(re.findall(r"^([\w.-]+)==(\S+)", (CHECKOUT / "constraints.txt").read_text(), re.MULTILINE))
    names = {re.sub(r"[._]", "-", name).lower() for name in pins}
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    for wanted in {*project["dependencies"], *(name for extra in extras for name in extra)}:
        if wanted.startswith("callqa["):
            continue  # an extra of our own, with pins of its own
        assert re.sub(r"[._]", "-", re.split(r"[<>=\s\[]", wanted)[0]).lower() in names, wanted
    assert pins["torch"] == "2.13.0"
    assert not any("+" in version for version in pins.values())
