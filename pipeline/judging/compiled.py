"""Loops that are compiled: numba turns a function into machine code, which is kept beside it for the next process.

What is kept is made anew when the function's own file changes, so a file calls no compiled function of another one.
Where it can be kept nowhere (a read-only installation of a user without a cache folder; NUMBA_CACHE_DIR names one),
importing a file of such functions raises RuntimeError.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]

_Function = TypeVar("_Function", bound=Callable[..., object])


def compiled(function: _Function) -> _Function:
    """A compiled function, for Python to call."""
    return cast(_Function, numba.njit(cache=True, nogil=True, error_model="numpy")(function))


def inner(function: _Function) -> _Function:
    """One that only compiled functions of its own file call."""
    options: dict[str, Any] = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    return cast(_Function, numba.njit(nogil=True, error_model="numpy", **options)(function))
