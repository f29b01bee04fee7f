"""What is recorded, in words for people."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.messages import Message

ACTION_NAMES: Mapping[str, Message] = {
    "run.started": Message("run began"),
    "run.ended": Message("run ended"),
    "publish": Message("database published"),
    "query": Message("query"),
    "show": Message("call read"),
    "export": Message("export"),
    "unmask": Message("shown unmasked"),
    "play": Message("recording played"),
    "review": Message("review"),
    "correct": Message("who speaks corrected"),
    "forget": Message("calls forgotten"),
    "retention": Message("kept long enough"),
    "backup": Message("backup"),
    "restore": Message("restored"),
    "rules.published": Message("rulebook published"),
    "keys.rotated": Message("key rotated"),
    "keys.exported": Message("key exported"),
    "keys.imported": Message("key imported"),
    "encrypted": Message("files encrypted"),
    "closed": Message("home closed, which others could read"),
    "login": Message("signed in"),
    "login.failed": Message("did not get in"),
    "logout": Message("signed out"),
    "view": Message("call looked at"),
    "decision": Message("decision"),
    "account.made": Message("account made"),
    "account.changed": Message("account changed"),
    "account.disabled": Message("account disabled"),
    "account.enabled": Message("account let in again"),
    "account.reset": Message("password taken away"),
    "account.link": Message("link for a password made"),
    "password.changed": Message("password chosen"),
    "sessions.ended": Message("sessions ended"),
}
"""Each action, for people."""
