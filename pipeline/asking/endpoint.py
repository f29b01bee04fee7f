"""A language model served on this machine or in the house: an OpenAI-compatible endpoint such as those of vLLM, Ollama
and llama.cpp.

What people said leaves for loopback and private addresses only; a name is looked up once and its address connected to,
so that it cannot become another one in between. No proxy of the environment is used, no redirect followed.
"""

from __future__ import annotations

import ipaddress
import json
import os
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

import httpx

from pipeline.errors import CallQAError
from pipeline.messages import Message

LARGEST_REPLY = 200_000
"""Bytes; an answer of a few quotations has a thousandth of it."""


class EndpointFault(CallQAError):
    """The endpoint cannot be asked now, or must not be. `lasting`: the next call will find it no better."""

    def __init__(self, message: str, *, lasting: bool = True) -> None:
        super().__init__(message)
        self.lasting = lasting


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A model at an address: the base of the API, such as http://127.0.0.1:8080/v1, and the name the server gives it.

    `token_env` names an environment variable with a key for it, "" for none.
    """

    base: str
    model: str
    timeout_s: float = 60.0
    token_env: str = ""

    def chat(self, messages: Sequence[Mapping[str, str]], schema: Mapping[str, object], tokens: int) -> str:
        """The text of the model's reply, wanted as JSON of a schema. Raises EndpointFault."""
        asked = {
            "model": self.model, "messages": list(messages), "temperature": 0, "seed": 0, "max_tokens": tokens,
            "stream": False,
            "response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": dict(schema)}},
        }  # fmt: skip
        status, body = self._post("/chat/completions", asked)
        if status == httpx.codes.BAD_REQUEST:
            # older servers know no schema
            status, body = self._post("/chat/completions", {k: v for k, v in asked.items() if k != "response_format"})
        if status != httpx.codes.OK:
            raise EndpointFault(
                Message("the language model's endpoint answers {status}; see its own log", status=status),
                lasting=status in (401, 403, 404),
            )
        try:
            text = json.loads(body)["choices"][0]["message"]["content"]
        except (ValueError, LookupError, TypeError, RecursionError):
            text = None
        return text if isinstance(text, str) else ""

    def _post(self, path: str, asked: Mapping[str, object]) -> tuple[int, bytes]:
        parts = urlsplit(self.base)
        address, host = self._address(parts), parts.hostname or ""
        headers = {"Host": parts.netloc, "Accept-Encoding": "identity"}
        if token := os.environ.get(self.token_env) if self.token_env else None:
            headers["Authorization"] = f"Bearer {token}"
        try:
            with (
                httpx.Client(trust_env=False, follow_redirects=False, timeout=self.timeout_s) as client,
                client.stream(
                    "POST", address + path, json=asked, headers=headers, extensions={"sni_hostname": host}
                ) as reply,
            ):
                return reply.status_code, _whole(reply, self.timeout_s)
        except httpx.TimeoutException as error:
            message = Message("no reply of the language model within {seconds:g} s", seconds=self.timeout_s)
            raise EndpointFault(message, lasting=False) from error
        except httpx.HTTPError as error:
            message = Message(
                "no connection to the language model at {host} ({kind}); is it running?",
                host=host, kind=type(error).__name__,
            )  # fmt: skip
            raise EndpointFault(message) from error

    def _address(self, parts: SplitResult) -> str:
        """The base with the address in the place of the name. Raises EndpointFault."""
        name, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        try:
            found = {str(info[4][0]) for info in socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)}
        except OSError as error:
            raise EndpointFault(Message("the language model's host {host} is not known here", host=name)) from error
        if not found or not all(_in_the_house(address) for address in found):
            raise EndpointFault(
                Message("asks.endpoint: {host} is neither this machine nor in a private network", host=name)
            )
        address = sorted(found, key=lambda one: (":" in one, one))[0]
        written = f"[{address}]" if ":" in address else address
        return f"{parts.scheme}://{written}:{port}{parts.path.rstrip('/')}"


def _whole(reply: httpx.Response, timeout_s: float) -> bytes:
    """The body of a reply; a server that goes on for ever is left."""
    body, until_s = b"", time.monotonic() + timeout_s
    for piece in reply.iter_raw():
        body += piece
        if time.monotonic() > until_s:
            raise httpx.ReadTimeout("")
        if len(body) > LARGEST_REPLY:
            raise EndpointFault(Message("the language model's reply does not end"), lasting=False)
    return body


_NETWORKS = [
    ipaddress.ip_network(text)
    for text in ("127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
]
"""Loopback and private use (RFC 1918, RFC 4193); not link-local, where clouds keep their metadata servers."""


def _in_the_house(address: str) -> bool:
    one = ipaddress.ip_address(address.split("%")[0])
    one = getattr(one, "ipv4_mapped", None) or one
    return any(one.version == network.version and one in network for network in _NETWORKS)
