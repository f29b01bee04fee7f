"""Chooses and loads the engines that the settings name: one line of a table per engine."""

from __future__ import annotations

import os
from collections.abc import Callable

from pipeline.datatypes import Diarizer, Recognizer
from pipeline.errors import BadSetting
from pipeline.run import Ears
from pipeline.settings import Settings
