"""Settings of the desk: where it is to be reached, how people sign in, how long they stay signed in."""

from __future__ import annotations

import re
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from pipeline.messages import Message
from pipeline.settings.section import Section

DeskRole = Literal["agent", "reviewer", "coach", "supervisor", "administrator"]


def _web_address(value: str) -> str:
    """An http address without secrets, its last slash taken off."""
    try:
        parts = urlsplit(value)
        fits = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        fits = False
    if not fits or "@" in parts.netloc or parts.query or parts.fragment or not value.isprintable():
        raise PydanticCustomError("web_address", "not an address")
    return value.rstrip("/")


def _origin(value: str) -> str:
    value = _web_address(value)
    if urlsplit(value).path:
        raise PydanticCustomError("web_origin", "an address with a path")
    return value


def _networks(value: tuple[str, ...]) -> tuple[str, ...]:
    for each in value:
        try:
            ip_network(each)
        except ValueError:
            raise PydanticCustomError("network", "not a network") from None
    return value


def _header_name(value: str) -> str:
    # names that mean something else, or that every client sends, can be no proof
    known = ("host", "cookie", "origin", "authorization", "x-forwarded-for", "user-agent", "content-type")
    if value and (not re.fullmatch(r"[A-Za-z0-9-]{1,60}", value) or value.lower() in known):
        raise PydanticCustomError("header_name", "not a header")
    return value


class DeskSettings(Section):
    host: str = Field(
        "127.0.0.1",
        min_length=1,
        max_length=255,
        description=Message("address that the desk listens at; 127.0.0.1: this machine alone"),
    )
    port: int = Field(8642, ge=0, le=65535, description=Message("port that the desk listens at; 0: one that is free"))
    address: Annotated[str, AfterValidator(_origin)] | None = Field(
        None,
        description=Message(
            "address by which people reach the desk, as https://desk.example.com; with https cookies go over TLS alone"
        ),
    )
    hosts: tuple[str, ...] = Field(
        (),
        description=Message(
            "more names by which people reach it; requests to other names than these, its address and this machine's "
            "are refused"
        ),
    )
    certificate: Path | None = Field(
        None, description=Message("certificate of the desk (PEM), where it speaks TLS itself")
    )
    key: Path | None = Field(None, description=Message("the key of that certificate (PEM)"))
    trusted_proxies: Annotated[tuple[str, ...], AfterValidator(_networks)] = Field(
        (),
        description=Message(
            'networks of proxies in front of the desk, as ["10.0.0.5/32"]; what others say they pass on is not believed'
        ),
    )
    proxy_header: Annotated[str, AfterValidator(_header_name)] = Field(
        "",
        description=Message(
            "header in which a trusted proxy names the account that it has signed in, as X-Remote-User; default: none"
        ),
    )
    proxy_sign_out: Annotated[str, AfterValidator(_web_address)] | None = Field(
        None, description=Message("address at which people sign out of the proxy")
    )
    new_account_role: DeskRole | None = Field(
        None,
        description=Message(
            "role of an account that the proxy names and the desk does not know; default: it is refused"
        ),
    )
    passwords: bool = Field(
        True, description=Message("let people sign in by name and password, besides proxy and OpenID")
    )
    idle_minutes: float = Field(
        480, ge=5, le=10_080, description=Message("a session ends when it was not used for so long")
    )
    longest_hours: float = Field(24, ge=0.5, le=720, description=Message("a session ends after so long, used or not"))
    sound_cache_gb: float = Field(
        10.0,
        ge=0.1,
        le=10_000,
        description=Message("room for recordings as browsers play them; those not asked for longest go first"),
    )

    def anchored(self, folder: Path) -> DeskSettings:
        """The same with its files absolute, relative ones starting at `folder`."""
        files = {"certificate": self.certificate, "key": self.key}
        return self.model_copy(update={name: file and folder / file for name, file in files.items()})

    @property
    def networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """The networks of trusted proxies."""
        return tuple(map(ip_network, self.trusted_proxies))

    @property
    def secure(self) -> bool:
        """Whether people reach the desk by TLS."""
        return self.certificate is not None or (self.address or "").startswith("https://")


class OpenIdSettings(Section):
    issuer: Annotated[str, AfterValidator(_web_address)] | None = Field(
        None,
        description=Message(
            "address of an OpenID Connect issuer through which people sign in, as https://login.example.com/realms/a; "
            "needs pip install callqa[oidc]"
        ),
    )
    client_id: str = Field("callqa", min_length=1, description=Message("the name by which the issuer knows the desk"))
    secret_env: str = Field(
        "CALLQA_OIDC_SECRET", description=Message("environment variable with the secret that goes with that name")
    )
    scopes: tuple[str, ...] = Field(("openid", "profile"), description=Message("what is asked of the issuer"))
    title: str = Field("", max_length=60, description=Message("what the button on the page for signing in says"))
    name_claim: str = Field(
        "preferred_username", min_length=1, description=Message("claim that holds the account's name")
    )
    role_claim: str = Field(
        "roles", min_length=1, description=Message("claim that holds a person's groups or roles, a text or a list")
    )
    roles: dict[str, DeskRole] = Field(
        default_factory=dict,
        description=Message(
            'role in the desk by group or role there, as { "qa-lead" = "supervisor" }; of several the first listed here'
        ),
    )
    teams_claim: str = Field(
        "", description=Message("claim that holds the teams an account looks after; default: none")
    )
    agent_claim: str = Field("", description=Message("claim that holds an agent's id; default: none"))
    timeout_s: float = Field(10, gt=0, le=120, description=Message("time limit of an answer of the issuer"))
