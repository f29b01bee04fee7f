"""Settings of what is shown, how long it is kept, and whether files are encrypted."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from pipeline.messages import Message
from pipeline.settings.section import Section


class Privacy(Section):
    mask: bool = Field(
        True,
        description=Message(
            "what is published (database, report, workbook, excerpts, printed text) shows no card, ID, phone or "
            "account numbers, number plates and e-mail addresses"
        ),
    )
    mask_addresses: bool = Field(False, description=Message("streets with their numbers are hidden too"))
    mask_names: bool = Field(False, description=Message("names by which callers call themselves are hidden too"))
    drop_copies_with_codes: bool = Field(
        False,
        description=Message(
            "copies of recordings fetched from a server go once their clips are cut, where a security code or PIN is "
            "said in them"
        ),
    )
    keep_audio_days: int | None = Field(
        None,
        ge=1,
        le=36_500,
        description=Message("clips, and copies of recordings fetched, are deleted so many days after the call"),
    )
    keep_transcripts_days: int | None = Field(
        None,
        ge=1,
        le=36_500,
        description=Message("what was said, clips too, is deleted so many days after the call; scores stay"),
    )
    keep_scores_days: int | None = Field(
        None, ge=1, le=36_500, description=Message("a call is forgotten so many days after it, as by `callqa forget`")
    )
    encrypt: bool = Field(
        False, description=Message("encrypt artefacts, clips and columns of the home; database and report are not")
    )
    key_file: Path | None = Field(
        None,
        description=Message("file with the key of encrypted files, outside the home; `callqa keys new` makes one"),
    )
    key_env: str = Field(
        "CALLQA_KEY", description=Message("environment variable with that key, where there is no file")
    )
