"""How often somebody may try to sign in: so many failures in a quarter of an hour, by account and by address.

A browser that has signed in to an account before is counted by itself: whoever guesses passwords from elsewhere locks
its owner out of no browser they have used, and for a quarter of an hour of any other. What is counted is kept in
memory, of so many accounts and addresses and no more; those not heard of for longest are forgotten first.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from ipaddress import IPv6Address, ip_address, ip_network

COUNTED_S = 900.0
FAILURES_OF_ACCOUNT, FAILURES_OF_ADDRESS = 10, 60
MOST_COUNTED = 20_000
"""Accounts, addresses and browsers that are counted at one time."""

_Key = tuple[str, str]


class Attempts:
    """Failures to sign in. `key` proves that a browser is known; `clock` gives seconds."""

    def __init__(self, key: bytes, clock: Callable[[], float] = time.monotonic) -> None:
        self._key, self._clock = key, clock
        self._lock = threading.Lock()
        self._failures: OrderedDict[_Key, deque[float]] = OrderedDict()

    def begin(self, name: str, address: str, known: str = "") -> float:
        """Count an attempt as a failure until it is none. Seconds to wait for another, 0 when this one may be made; it
        is counted only then."""
        now = self._clock()
        with self._lock:
            keys = list(self._keys(name, address, known))
            wait = max(self._wait(key, now) for key in keys)
            if wait <= 0:
                for key in keys:
                    self._count(key, now)
            return max(0.0, wait)

    def succeeded(self, name: str, address: str, known: str = "") -> None:
        """The attempt was no failure."""
        with self._lock:
            for key in self._keys(name, address, known):
                if key[0] == "address":
                    if failures := self._failures.get(key):
                        failures.pop()
                else:
                    self._failures.pop(key, None)

    def _keys(self, name: str, address: str, known: str) -> Iterator[_Key]:
        folded = name.casefold()[:200]
        if self._is_known(folded, known):
            yield "browser", known
        else:
            yield "account", folded
            yield "address", _network(address)

    def _wait(self, key: _Key, now: float) -> float:
        failures, most = self._failures.get(key, ()), _most(key)
        return failures[-most] + COUNTED_S - now if len(failures) >= most else 0.0

    def _count(self, key: _Key, now: float) -> None:
        self._failures.setdefault(key, deque(maxlen=_most(key))).append(now)
        self._failures.move_to_end(key)
        while len(self._failures) > MOST_COUNTED:
            self._failures.popitem(last=False)

    def known_browser(self, name: str) -> str:
        """What a browser keeps that has signed in to an account, and shows when it does so again."""
        nonce = secrets.token_urlsafe(16)
        return f"{nonce}.{self._proof(name.casefold(), nonce)}"

    def _is_known(self, folded: str, known: str) -> bool:
        nonce, _, proof = known.partition(".")
        return bool(proof) and proof.isascii() and hmac.compare_digest(proof, self._proof(folded, nonce))

    def _proof(self, folded: str, nonce: str) -> str:
        return hmac.new(self._key, f"{nonce}\n{folded}".encode(), hashlib.sha256).hexdigest()


def _most(key: _Key) -> int:
    return FAILURES_OF_ADDRESS if key[0] == "address" else FAILURES_OF_ACCOUNT


def _network(address: str) -> str:
    """What one place can easily change of its address does not count."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        return str(parsed.ipv4_mapped or ip_network((parsed, 64), strict=False))
    return address
