"""Columns that several tables of the database have."""

from __future__ import annotations

from typing import Annotated

Sha256 = Annotated[str, "录音标识：文件内容的 SHA-256 / the recording: SHA-256 of its bytes"]
RuleId = Annotated[str, "指标标识，各规则册通用 / the indicator, the same in every rulebook"]
