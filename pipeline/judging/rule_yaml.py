"""The files of a rulebook as they are read: YAML, with what is written once for several written out."""

from __future__ import annotations

from pathlib import Path

from pipeline.judging.faults import Faults
from pipeline.judging.for_each import written_out
from pipeline.judging.yaml_lines import Source, read_yaml


def read_rule_yaml(file: Path, faults: Faults) -> Source | None:
    """A file of conditions; None where it is at fault."""
    source = read_yaml(file, faults)
    return written_out(source, faults) if source else None
