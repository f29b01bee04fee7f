"""An OpenID Connect issuer on loopback: its own keys, discovery, a code for whoever comes, a token for the code."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

CLIENT, SECRET = "callqa", "told to nobody"

Change = Callable[[dict[str, Any], dict[str, Any]], None]


@cache
def key_of(name: str) -> RSAKey:
    """A key of the test run: to make one takes long."""
    return RSAKey.generate_key(2048, {"kid": name})


class Issuer:
    """Signs `claims` for whoever asks; `change` does to header and claims what is to be refused."""

    def __init__(self, port: int) -> None:
        self.address = f"http://127.0.0.1:{port}"
        self.name = self.address
        self.keys = {"one": key_of("one")}
        self.published = ["one"]
        self.signs_by = "one"
        self.claims: dict[str, Any] = {}
        self.change: Change = lambda header, claims: None
        self.raw: Callable[[str], str] = lambda token: token
        self.codes: dict[str, dict[str, str]] = {}

    def about(self) -> dict[str, Any]:
        places = {name: f"{self.address}/{name}" for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")}
        return {"issuer": self.name, **places, "token_endpoint_auth_methods_supported": ["client_secret_basic"]}

    def key_set(self) -> dict[str, Any]:
        return KeySet([self.keys[name] for name in self.published]).as_dict(private=False)

    def authorize(self, asked: dict[str, str]) -> str:
        """Where the browser is sent back to."""
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        assert "openid" in asked["scope"].split()
        code = f"code-{len(self.codes)}"
        self.codes[code] = asked
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state'], 'iss': self.name})}"

    def token(self, asked: dict[str, str], authorization: str) -> dict[str, Any] | None:
        begun = self.codes.pop(asked.get("code", ""), None)
        right = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        if begun is None or authorization != f"Basic {right}" or asked["redirect_uri"] != begun["redirect_uri"]:
            return None
        challenge = base64.urlsafe_b64encode(hashlib.sha256(asked["code_verifier"].encode()).digest())
        if challenge.decode().rstrip("=") != begun["code_challenge"]:
            return None
        now = int(time.time())
        claims = {"iss": self.name, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": begun["nonce"], **self.claims}
        header: dict[str, Any] = {"alg": "RS256", "kid": self.signs_by}
        self.change(header, claims)
        token = jwt.encode(header, claims, self.keys[self.signs_by], algorithms=[header["alg"]])
        return {"access_token": "a", "token_type": "Bearer", "id_token": self.raw(token)}


@contextmanager
def issuer() -> Iterator[Issuer]:
    """An issuer that answers at an address of its own."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path, query = urlsplit(self.path).path, dict(parse_qsl(urlsplit(self.path).query))
            if path == "/.well-known/openid-configuration":
                self._json(made.about())
            elif path == "/jwks_uri":
                self._json(made.key_set())
            elif path == "/authorization_endpoint":
                self.send_response(302)
                self.send_header("location", made.authorize(query))
                self.end_headers()
            else:
                self.send_error(404)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            token = made.token(dict(parse_qsl(body)), self.headers.get("authorization", ""))
            self._json(token or {"error": "invalid_grant"}, 200 if token else 400)

        def _json(self, value: dict[str, Any], status: int = 200) -> None:
            data = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made = Issuer(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
