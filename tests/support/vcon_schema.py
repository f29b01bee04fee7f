"""What draft-ietf-vcon-vcon-core-04 asks of an unsigned vCon, as a JSON schema of our own: its parameters by object,
and by type of a dialog (its table 1), those of draft-ietf-vcon-cc-extension-02 besides, and no others."""

from __future__ import annotations

from typing import Any

_TEXT = {"type": "string"}
_TEXTS = {"type": "array", "items": _TEXT}
_DATE = {"type": "string", "format": "date-time"}
_INDEX = {"type": "integer", "minimum": 0}
_INDICES = {"anyOf": [_INDEX, {"type": "array", "items": _INDEX}]}
_UUID = {"type": "string", "pattern": "^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"}
_MEDIA_TYPE = {"type": "string", "pattern": "^[a-z]+/[-.+a-z0-9]+$"}
_URL = {"type": "string", "format": "uri", "pattern": "^https://"}
_HASH = {"type": "string", "pattern": "^sha512-[-_A-Za-z0-9]{86}$"}
_CONTENT = {"body": {}, "encoding": {"enum": ["base64url", "json", "none"]}, "url": _URL, "content_hash": _HASH}
_CONTENT_RULES = {
    "dependentRequired": {"body": ["encoding", "mediatype"], "encoding": ["body"], "url": ["content_hash"]},
    "not": {"required": ["body", "url"]},
    "if": {"properties": {"encoding": {"const": "base64url"}}, "required": ["encoding"]},
    "then": {"properties": {"body": {"type": "string", "pattern": "^[-_A-Za-z0-9]*$"}}},
}


def _exactly(properties: dict[str, Any], *required: str, **rules: Any) -> dict[str, Any]:
    return {
        "type": "object", "properties": properties, "required": list(required), "additionalProperties": False, **rules
    }  # fmt: skip


_PARTY = _exactly(
    {
        **dict.fromkeys(("tel", "sip", "stir", "mailto", "name", "did", "validation", "gmlpos", "uuid"), _TEXT),
        "type": {"enum": ["person", "bot", "organization"]}, "org": _TEXT, "dept": _TEXT,
        "role": _TEXT, "contact_list": _TEXT,
    },
    dependentRequired={"name": ["validation"]},
)  # fmt: skip
_EVENT = _exactly(
    {"party": _INDEX, "time": _DATE, "event": {"enum": ["join", "drop", "hold", "unhold", "mute", "unmute"]}},
    "party", "time", "event",
)  # fmt: skip
_SAID_OF_ANY = {
    "type": _TEXT, "start": _DATE, "duration": {"type": "number", "minimum": 0}, "originator": _INDEX,
    "party_history": {"type": "array", "items": _EVENT}, "application": _TEXT, "session_id": {},
    "campaign": _TEXT, "interaction_id": _TEXT, "interaction_type": _TEXT, "skill": _TEXT,
}  # fmt: skip
_CHANNEL = {"anyOf": [_INDEX, {"type": "array", "items": _INDEX}, {"type": "null"}]}
_RECORDING = _exactly(
    {
        **_SAID_OF_ANY, "type": {"const": "recording"},
        "parties": {"anyOf": [_INDEX, {"type": "array", "items": _CHANNEL}]},
        "recording_set": _INDEX, "mediatype": _MEDIA_TYPE, "filename": _TEXT, "message_id": _TEXT, **_CONTENT,
    },
    "type", "parties", **_CONTENT_RULES,
)  # fmt: skip
_RECORDING_SET = _exactly(
    {
        **_SAID_OF_ANY, "type": {"const": "recording-set"}, "parties": {"type": "array", "items": _INDEX},
        "recordings": {"type": "array", "items": _INDEX, "minItems": 1},
    },
    "type", "parties", "recordings",
)  # fmt: skip
_ANALYSIS = _exactly(
    {
        "type": {"enum": ["report", "sentiment", "summary", "transcript", "translation", "tts"]}, "dialog": _INDICES,
        "attachment": _INDICES, "mediatype": _MEDIA_TYPE, "filename": _TEXT, "vendor": _TEXT, "product": _TEXT,
        "schema": _TEXT, **_CONTENT,
    },
    "type", "dialog", "vendor", **_CONTENT_RULES,
)  # fmt: skip
_REDACTED = _exactly({"type": _TEXT, "uuid": _UUID, "url": _URL, "content_hash": _HASH}, "type")

VCON_SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    **_exactly(
        {
            "vcon": {"const": "0.4.0"}, "uuid": _UUID, "extensions": _TEXTS, "critical": _TEXTS, "created_at": _DATE,
            "updated_at": _DATE, "subject": _TEXT, "redacted": _REDACTED, "parties": {"type": "array", "items": _PARTY},
            "dialog": {"type": "array", "items": {"anyOf": [_RECORDING, _RECORDING_SET]}},
            "analysis": {"type": "array", "items": _ANALYSIS},
        },
        "uuid", "created_at",
    ),
}  # fmt: skip
