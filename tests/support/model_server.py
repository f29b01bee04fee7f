"""A language model's endpoint on loopback that says what a test scripts."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Sent = dict[str, Any]


def reply_of(answer: str, *quotations: tuple[int, str]) -> str:
    """What a model writes that keeps to the schema."""
    quoted = [{"turn": turn, "words": words} for turn, words in quotations]
    return json.dumps({"answer": answer, "quotations": quoted}, ensure_ascii=False)


class ScriptedModel:
    """Keeps what it was sent; `say` gives the reply's text, or a status and a body."""

    def __init__(self, say: Callable[[Sent], str | tuple[int, bytes]]) -> None:
        self.say = say
        self.sent: list[Sent] = []
        self.base = ""


@contextmanager
def serving(say: Callable[[Sent], str | tuple[int, bytes]]) -> Iterator[ScriptedModel]:
    """Serve a scripted model while the block runs."""
    model = ScriptedModel(say)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            model.sent.append(sent)
            said = model.say(sent)
            status, body = said if isinstance(said, tuple) else (200, _completion(said))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            try:
                self.wfile.write(body)
            except OSError:
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            """A test's output stays clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    model.base = f"http://127.0.0.1:{server.server_address[1]}/v1"
    try:
        yield model
    finally:
        server.shutdown()
        server.server_close()


def _completion(text: str) -> bytes:
    return json.dumps({"choices": [{"message": {"role": "assistant", "content": text}}]}).encode()
