"""Signing in through an OpenID Connect issuer: authorization code with PKCE, state and nonce.

What a browser needs to come back with lies in a cookie of its own, encrypted, for ten minutes; the desk keeps nothing
until somebody is let in. What the issuer says of somebody is believed only as it is signed: by a key of the issuer's,
for us, for this sign-in, now.
"""

from __future__ import annotations

import hmac
import json
import os
import secrets
import threading
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from desk.access.proxies import is_this_machine
from desk.rights import User
from pipeline.errors import BadSetting, CallQAError
from pipeline.messages import Message
from pipeline.settings.desk import OpenIdSettings

BEGUN_S = 600
"""How long somebody may take to sign in at the issuer."""

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""How a token may be signed: by a key of which the issuer alone has the secret half."""

_LEEWAY_S = 60
_KEPT_S = 3600.0
_ASKED_AGAIN_S = 60.0
_LARGEST = 1 << 20


class NotSignedIn(CallQAError):
    """Somebody could not be signed in through the issuer."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A sign-in on its way: where the browser goes, and what it has to bring back."""

    address: str
    cookie: str


@dataclass(frozen=True, slots=True)
class SaidOfSomebody:
    """Whom the issuer has signed in, and which page they wanted."""

    subject: str
    user: User
    to: str


class OpenId:
    """One issuer. `key` (16 bytes) encrypts what browsers bring back. Raises BadSetting for an issuer that anybody on
    the network could pretend to be, or where the extra is not installed."""

    def __init__(self, settings: OpenIdSettings, key: bytes) -> None:
        assert settings.issuer
        self._settings, self.issuer, self._cipher = settings, settings.issuer, AESGCM(key)
        parts = urlsplit(settings.issuer)
        if parts.scheme != "https" and not is_this_machine(parts.hostname or ""):
            raise BadSetting(Message("openid.issuer: an issuer that is not on this machine needs https"))
        try:
            import authlib.oidc.core  # noqa: F401
        except ImportError as error:
            raise BadSetting(Message("openid.issuer: install what it needs: pip install callqa[oidc]")) from error
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, dict[str, Any]]] = {}

    def begin(self, back: str, to: str) -> Begun:
        """Begin to sign somebody in, who is to come back to the address `back` and wants the page `to`."""
        from authlib.oauth2.rfc7636 import create_s256_code_challenge

        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        asked = {
            "response_type": "code",
            "client_id": self._settings.client_id,
            "redirect_uri": back,
            "scope": " ".join(dict.fromkeys(("openid", *self._settings.scopes))),
            "state": state,
            "nonce": nonce,
            "code_challenge": create_s256_code_challenge(verifier),
            "code_challenge_method": "S256",
        }
        place = self._place("authorization_endpoint")
        kept = {"state": state, "nonce": nonce, "verifier": verifier, "back": back, "to": to}
        address = f"{place}{'&' if '?' in place else '?'}{urlencode(asked)}"
        return Begun(address, self._sealed({**kept, "until": time.time() + BEGUN_S}))

    def end(self, cookie: str, given: dict[str, str]) -> SaidOfSomebody:
        """Who has come back with a cookie and the parameters `given` by the issuer. Raises NotSignedIn."""
        kept = self._unsealed(cookie)
        if not hmac.compare_digest(given.get("state", "").encode(), str(kept["state"]).encode()):
            raise NotSignedIn(_AGAIN)
        if given.get("iss", self.issuer).rstrip("/") != self.issuer:
            raise NotSignedIn(_AGAIN)
        if "code" not in given:
            raise NotSignedIn(Message("the issuer has not signed you in"))
        tokens = self._tokens(given["code"], kept)
        claims = self._claims(tokens, str(kept["nonce"]))
        return SaidOfSomebody(str(claims["sub"]), self._user(claims), str(kept["to"]))

    def _tokens(self, code: str, kept: dict[str, Any]) -> dict[str, Any]:
        form = {
            "grant_type": "authorization_code", "code": code, "redirect_uri": str(kept["back"]),
            "code_verifier": str(kept["verifier"]), "client_id": self._settings.client_id,
        }  # fmt: skip
        secret = os.environ.get(self._settings.secret_env, "") if self._settings.secret_env else ""
        ways = self._about().get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        basic = "client_secret_basic" in ways
        if secret and not basic:
            form["client_secret"] = secret
        auth = httpx.BasicAuth(self._settings.client_id, secret) if secret and basic else None
        return self._json("POST", self._place("token_endpoint"), form, auth)

    def _claims(self, tokens: dict[str, Any], nonce: str) -> dict[str, Any]:
        """What a token says, once it is known to be the issuer's, for us, for this sign-in, and good now."""
        from authlib.oidc.core import CodeIDToken
        from joserfc import jwt
        from joserfc.errors import JoseError

        try:
            token = self._verified(str(tokens.get("id_token", "")), jwt)
            claims = CodeIDToken(
                token.claims,
                token.header,
                {
                    "iss": {"essential": True, "values": [self.issuer, f"{self.issuer}/"]},
                    "aud": {"essential": True, "value": self._settings.client_id},
                    "sub": {"essential": True, "allow_blank": False},
                },
                {"nonce": nonce, "client_id": self._settings.client_id, "access_token": tokens.get("access_token")},
            )
            claims.validate(leeway=_LEEWAY_S)
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise NotSignedIn(
                Message("what the issuer said cannot be believed ({kind}); ask an administrator",
                        kind=type(error).__name__)
            ) from error  # fmt: skip
        return dict(claims)

    def _verified(self, token: str, jwt: Any) -> Any:
        from joserfc.errors import InvalidKeyIdError
        from joserfc.jwk import KeySet

        place = self._place("jwks_uri")
        keys: Any = self._kept(place)
        try:
            return jwt.decode(token, KeySet.import_key_set(keys), algorithms=ALGORITHMS)
        except (InvalidKeyIdError, ValueError):  # a key that is new since we asked
            keys = self._kept(place, _ASKED_AGAIN_S)
            return jwt.decode(token, KeySet.import_key_set(keys), algorithms=ALGORITHMS)

    def _user(self, claims: dict[str, Any]) -> User:
        settings = self._settings
        groups = _texts(_claim(claims, settings.role_claim))
        role = next((role for group, role in settings.roles.items() if group in groups), None)
        if role is None:
            raise NotSignedIn(Message("you are signed in, but have no role that the desk knows; ask an administrator"))
        name = _claim(claims, settings.name_claim)
        if not isinstance(name, str):
            raise NotSignedIn(Message("the issuer does not say what you are called (openid.name_claim)"))
        agent = _texts(_claim(claims, settings.agent_claim)) if settings.agent_claim else []
        teams = _texts(_claim(claims, settings.teams_claim)) if settings.teams_claim else []
        shown = next(iter(_texts(claims.get("name"))), "")[:80]
        return User(name.strip(), role, shown, next(iter(agent), None), tuple(teams))

    def _about(self) -> dict[str, Any]:
        """What the issuer says of itself."""
        about = self._kept(f"{self.issuer}/.well-known/openid-configuration")
        if str(about.get("issuer", "")).rstrip("/") != self.issuer:
            raise NotSignedIn(Message("openid.issuer: who answers there has another name"))
        return about

    def _place(self, name: str) -> str:
        place = str(self._about().get(name, ""))
        if urlsplit(place).scheme not in ("https", urlsplit(self.issuer).scheme):
            raise NotSignedIn(Message("the issuer's answer cannot be read"))
        return place

    def _kept(self, address: str, no_older_s: float = _KEPT_S) -> dict[str, Any]:
        with self._lock:
            at, known = self._known.get(address, (0.0, {}))
        if not known or time.monotonic() - at > no_older_s:
            known = self._json("GET", address)
            with self._lock:
                self._known[address] = time.monotonic(), known
        return known

    def _json(
        self, method: str, address: str, form: dict[str, str] | None = None, auth: httpx.BasicAuth | None = None
    ) -> dict[str, Any]:
        body = bytearray()
        try:
            with (
                httpx.Client(timeout=self._settings.timeout_s) as client,
                client.stream(method, address, data=form, auth=auth, headers={"accept": "application/json"}) as answer,
            ):
                for block in answer.iter_bytes():
                    body += block
                    if len(body) > _LARGEST:
                        raise ValueError("too large")
                if answer.status_code != 200:
                    raise NotSignedIn(Message("the issuer answers {status}; try again", status=answer.status_code))
            known = json.loads(body)
        except httpx.HTTPError as error:
            raise NotSignedIn(
                Message("the issuer cannot be reached ({kind}); try again", kind=type(error).__name__)
            ) from error
        except (ValueError, RecursionError) as error:
            raise NotSignedIn(Message("the issuer's answer cannot be read")) from error
        if not isinstance(known, dict):
            raise NotSignedIn(Message("the issuer's answer cannot be read"))
        return known

    def _sealed(self, kept: dict[str, Any]) -> str:
        number = os.urandom(12)
        return (number + self._cipher.encrypt(number, json.dumps(kept).encode(), None)).hex()

    def _unsealed(self, cookie: str) -> dict[str, Any]:
        try:
            data = bytes.fromhex(cookie)
            kept: dict[str, Any] = json.loads(self._cipher.decrypt(data[:12], data[12:], None))
        except (ValueError, InvalidTag) as error:
            raise NotSignedIn(_AGAIN) from error
        if kept["until"] < time.time():
            raise NotSignedIn(_AGAIN)
        return kept


_AGAIN = Message("this sign-in was not begun here, or too long ago; begin again")


def _claim(claims: dict[str, Any], name: str) -> Any:
    """A claim by its name, or by the names on the way to it, as in realm_access.roles."""
    if name in claims:
        return claims[name]
    found: Any = claims
    for part in name.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def _texts(claim: Any) -> list[str]:
    each = claim if isinstance(claim, list) else [claim]
    return [text for text in each if isinstance(text, str) and text.strip()]
