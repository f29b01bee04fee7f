"""FreeSWITCH's mod_xml_cdr and mod_json_cdr: one file a leg, `[a_]UUID.cdr.xml` or `.cdr.json`.

Sources: switch_ivr_generate_xml_cdr and switch_ivr_generate_json_cdr in switch_ivr.c. Values are URL-encoded in XML,
and in JSON unless `encode-values` is off. The first `callflow` is the newest of the caller's profiles; the oldest holds
what was dialled.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from pipeline.intake.reader import Leg, MetadataFile
from pipeline.intake.readers.freeswitch_legs import VARIABLES, freeswitch_leg, leg_kind, recording_of
from pipeline.intake.readers.json_values import json_objects, json_part, json_text, looks_like_json
from pipeline.messages import Message

_LOOKED_AT = 4000
_XML_HEAD = re.compile(r"\s*(?:<\?xml[^>]*>\s*)?<cdr[\s>]")
# a channel variable may be called what is no name in XML, and is written all the same
# bounded, so that a long run of odd characters costs no more than its length
_NO_XML_NAME = re.compile(r"<([^<>/?!]{0,64}[^<>/?!\w.:-][^<>/?!]{0,64}|[\d.-][^<>/?!]{0,128})>[^<>]*</\1>")
_LARGEST = 8_000_000
_DECLARATIONS = ("<!DOCTYPE", "<!ENTITY")
_NEVER_ENCODED = re.compile(r"[\s:@<>]")
_PROFILE = ("caller_id_name", "caller_id_number", "destination_number", "context", "ani")


class FreeswitchXmlReader:
    """A `LegReader` of xml_cdr files."""

    source = "freeswitch-xml"

    def recognises(self, file: MetadataFile) -> bool:
        head = file.text[:_LOOKED_AT]
        return bool(_XML_HEAD.match(head)) and ("<channel_data" in head or "<variables" in head)

    def read(self, file: MetadataFile, warnings: list[Message]) -> Iterator[Leg]:
        place = _place(file, 1)
        root = _parsed_xml(file.text)
        if root is None:
            warnings.append(Message("{place}: is not an XML record that can be read; left out", place=place))
            return
        variables = ((child.tag, child.text) for child in root.iterfind("variables/*") if child.tag in VARIABLES)
        fields = {name: unquote(text.strip()) for name, text in variables if text}
        if direction := root.findtext("channel_data/direction"):
            fields.setdefault("direction", direction.strip())
        flows = root.findall("callflow")
        profile = flows[-1].find("caller_profile") if flows else None
        originator = None
        if profile is not None:
            own = {name: (profile.findtext(name) or "").strip() for name in (*_PROFILE, "chan_name", "uuid")}
            originator = profile.find("originator/originator_caller_profile")
            _add_profile(fields, own)
        if originator is not None:
            _add_originator(fields, originator.findtext("chan_name"), originator.findtext("context"))
        created = flows[-1].findtext("times/created_time") if flows else None
        applications = (
            (each.get("app_name", ""), each.get("app_data", "")) for each in root.iterfind("app_log/application")
        )
        yield _leg(file, place, fields, created, originator is not None, applications)


class FreeswitchJsonReader:
    """A `LegReader` of json_cdr files, one record each or one a line."""

    source = "freeswitch-json"

    def recognises(self, file: MetadataFile) -> bool:
        return looks_like_json(file, "variables", "callflow") or looks_like_json(file, "variables", "channel_data")

    def read(self, file: MetadataFile, warnings: list[Message]) -> Iterator[Leg]:
        for place, record in json_objects(file, warnings):
            variables = json_part(record, "variables")
            fields = {name: text for name, text in variables.items() if name in VARIABLES and isinstance(text, str)}
            if _is_encoded(variables):
                fields = {name: unquote(text) for name, text in fields.items()}
            fields.setdefault("direction", json_text(json_part(record, "channel_data"), "direction"))
            flow = _last(record, "callflow")
            profile = json_part(flow, "caller_profile")
            _add_profile(fields, {name: json_text(profile, name) for name in (*_PROFILE, "chan_name", "uuid")})
            originator = _last(json_part(profile, "originator"), "originator_caller_profiles")
            if originator:
                _add_originator(fields, json_text(originator, "chan_name"), json_text(originator, "context"))
            log = json_part(record, "app_log").get("applications")
            applications = (
                (json_text(each, "app_name"), json_text(each, "app_data"))
                for each in (log if isinstance(log, list) else ())
                if isinstance(each, dict)
            )
            created = json_text(json_part(flow, "times"), "created_time")
            yield _leg(file, place, fields, created, bool(originator), applications)


def _last(record: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The last object of a list; older versions write the objects one after the other under one name."""
    part = record.get(name)
    part = part[-1] if isinstance(part, list) and part else part
    return part if isinstance(part, dict) else {}


def _place(file: MetadataFile, number: int) -> Message:
    return Message("{file} {place}", file=file.shown_name, place=Message("row {number}", number=number))


def _leg(
    file: MetadataFile,
    place: Message,
    fields: dict[str, str],
    created: str | None,
    has_originator: bool,
    applications: Iterator[tuple[str, str]],
) -> Leg:
    """The leg of a record: what was told of its profiles and applications decides where the variables say nothing."""
    if created and not fields.get("start_epoch"):
        fields.setdefault("start_uepoch", created.strip())
    # prefix-a-leg marks legs that no other leg dialled
    is_first = False if has_originator else True if file.path.name.startswith("a_") else None
    if has_originator is False and fields.get("originating_leg_uuid"):
        is_first = False
    recordings = [recording_of(data) for name, data in applications if name == "record_session" and data]
    kind = leg_kind(fields, is_first=is_first)
    return freeswitch_leg(fields, place, kind, recordings)


def _add_profile(fields: dict[str, str], profile: Mapping[str, str]) -> None:
    fields.update({name: profile[name] for name in _PROFILE if profile.get(name)})
    for name, other in (("channel_name", "chan_name"), ("uuid", "uuid")):
        if not fields.get(name) and profile.get(other):
            fields[name] = profile[other]


def _add_originator(fields: dict[str, str], channel: str | None, context: str | None) -> None:
    fields["originator_channel"], fields["originator_context"] = channel or "", context or ""


# --- XML


def _parsed_xml(text: str) -> ElementTree.Element | None:
    """The root of a text; None for what is no XML, or declares entities: without them, nothing in XML grows."""
    if len(text) > _LARGEST or any(each in text for each in _DECLARATIONS):
        return None
    for attempt in (text, None):
        try:
            return ElementTree.fromstring(_NO_XML_NAME.sub("", text) if attempt is None else attempt)
        except (ElementTree.ParseError, ValueError):
            continue
    return None


# --- JSON


def _is_encoded(variables: Mapping[str, Any]) -> bool:
    """Whether the values are URL-encoded: then none has a blank or a colon, which every moment written out has."""
    texts = [text for text in variables.values() if isinstance(text, str)]
    return not any(map(_NEVER_ENCODED.search, texts)) and any("%" in text for text in texts)
