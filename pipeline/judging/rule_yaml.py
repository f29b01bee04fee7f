"""The files of a rulebook as they are read: in English words, with what stands once for several written out."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel

from pipeline.judging.faults import Faults
from pipeline.judging.for_each import written_out
from pipeline.judging.in_english import in_english
from pipeline.judging.yaml_lines import Source, read_yaml


def read_rule_yaml(file: Path, faults: Faults, model: type[BaseModel], named: bool = False) -> Source | None:
    """A file with conditions, of a model, or `named`: of several under their names. None where it is at fault."""
    source = read_yaml(file, faults)
    whole = written_out(source, faults) if source else None
    return in_english(whole, faults, model, named) if whole else None


def read_list_yaml(file: Path, faults: Faults) -> Source | None:
    """A file of phrase lists; None where it is at fault."""
    source = read_yaml(file, faults)
    return in_english(source, faults, None) if source else None
