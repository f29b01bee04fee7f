"""What FreeSWITCH writes of made calls, as its modules write it: mod_cdr_csv.c, switch_ivr_generate_xml_cdr and
switch_ivr_generate_json_cdr."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote
from xml.sax.saxutils import escape, quoteattr

from pipeline.intake.readers.freeswitch_csv import TEMPLATES

START_S = 1_795_138_260
"""2026-11-20 01:31:00 UTC, 09:31 in Shanghai."""


def uuid_of(number: int) -> str:
    return f"7b1c5c2e-0f6e-4b7c-9a51-{number:012d}"


def stamp(epoch_s: int) -> str:
    """The switch's local time, in Shanghai."""
    from datetime import UTC, datetime, timedelta

    return (datetime.fromtimestamp(epoch_s, UTC) + timedelta(hours=8)).strftime("%Y-%m-%d %H:%M:%S")


@dataclass(frozen=True)
class SwitchLeg:
    """A leg as it ended. `profiles` are the caller's profiles, the newest first, with the names of their fields."""

    number: int
    direction: str
    profiles: Sequence[Mapping[str, str]]
    variables: Mapping[str, str] = field(default_factory=dict)
    applications: Sequence[tuple[str, str]] = ()
    originator: Mapping[str, str] | None = None
    start_s: int = START_S
    answer_s: int | None = START_S + 2
    end_s: int = START_S + 280

    def all_variables(self) -> dict[str, str]:
        answered = self.answer_s or 0
        return {
            "direction": self.direction,
            "uuid": uuid_of(self.number),
            "session_id": str(self.number),
            "sip_from_user": self.profiles[-1]["caller_id_number"],
            "sip_full_from": f'"{self.profiles[-1]["caller_id_name"]}" <sip:x@10.0.0.1>;tag=1afc7eca',
            "channel_name": self.profiles[0]["chan_name"],
            "ringback": "%(2000,4000,440,480)",
            "start_stamp": stamp(self.start_s),
            **({"answer_stamp": stamp(answered)} if answered else {}),
            "end_stamp": stamp(self.end_s),
            "start_epoch": str(self.start_s),
            "start_uepoch": f"{self.start_s}278217",
            "answer_epoch": str(answered),
            "end_epoch": str(self.end_s),
            "duration": str(self.end_s - self.start_s),
            "billsec": str(self.end_s - answered if answered else 0),
            "hangup_cause": "NORMAL_CLEARING",
            "hangup_cause_q850": "16",
            **self.variables,
        }


def profile(caller: str, called: str, context: str, channel: str, *, name: str = "", leg: int = 1) -> dict[str, str]:
    return {
        "username": caller, "dialplan": "XML", "caller_id_name": name or caller, "ani": caller, "aniii": "",
        "caller_id_number": caller, "network_addr": "10.0.0.1", "rdnis": "", "destination_number": called,
        "uuid": uuid_of(leg), "source": "mod_sofia", "context": context, "chan_name": channel,
    }  # fmt: skip


def _encoded(text: str) -> str:
    return quote(text, safe="!$'()*,-./_~")


def json_cdr(leg: SwitchLeg, *, is_encoded: bool = True, has_one_name: bool = False) -> str:
    """A file of mod_json_cdr. `has_one_name`: as older versions write several callflows, one name for each."""
    flows = []
    for number, each in enumerate(leg.profiles):
        caller_profile: dict[str, object] = dict(each)
        if leg.originator is not None:
            caller_profile["originator"] = {"originator_caller_profiles": [dict(leg.originator)]}
        flows.append(
            {
                "dialplan": "XML",
                "profile_index": str(len(leg.profiles) - number),
                "extension": {"name": "global", "number": each["destination_number"], "applications": []},
                "caller_profile": caller_profile,
                "times": {"created_time": f"{leg.start_s}278217", "answered_time": f"{leg.answer_s or 0}000000"},
            }
        )
    variables = {name: _encoded(text) if is_encoded else text for name, text in leg.all_variables().items()}
    log = [{"app_name": name, "app_data": data, "app_stamp": f"{leg.start_s}378217"} for name, data in leg.applications]
    head = {
        "core-uuid": uuid_of(999),
        "switchname": "pbx",
        "channel_data": {"state": "CS_REPORTING", "direction": leg.direction, "state_number": "11", "flags": "0=1;1=1"},
        "callStats": {"audio": {"inbound": {"raw_bytes": 181360, "quality_percentage": 100}}},
        "variables": variables,
        "app_log": {"applications": log},
    }
    if not has_one_name:
        return json.dumps({**head, "callflow": flows}, separators=(",", ":")) + "\n"
    parts = ",".join(f'"callflow":{json.dumps(flow, separators=(",", ":"))}' for flow in flows)
    return f"{json.dumps(head, separators=(',', ':'))[:-1]},{parts}}}\n"


def xml_cdr(leg: SwitchLeg) -> str:
    """A file of mod_xml_cdr."""
    variables = "".join(
        f"    <{name}>{_encoded(text)}</{name}>\n" for name, text in leg.all_variables().items() if text
    )
    log = "".join(
        f"    <application app_name={quoteattr(name)} app_data={quoteattr(data)} app_stamp={quoteattr('1')}>"
        "</application>\n"
        for name, data in leg.applications
    )
    flows = ""
    for number, each in enumerate(leg.profiles):
        originator = "".join(
            f"        <{name}>{escape(text)}</{name}>\n" for name, text in (leg.originator or {}).items()
        )
        if originator:
            originator = (
                f"      <originator>\n       <originator_caller_profile>\n{originator}"
                "       </originator_caller_profile>\n      </originator>\n"
            )
        own = "".join(f"      <{name}>{escape(text)}</{name}>\n" for name, text in each.items())
        flows += (
            f'  <callflow dialplan="XML" profile_index="{len(leg.profiles) - number}">\n'
            f'    <extension name="global" number={quoteattr(each["destination_number"])}>\n    </extension>\n'
            f"    <caller_profile>\n{own}{originator}    </caller_profile>\n"
            f"    <times>\n      <created_time>{leg.start_s}278217</created_time>\n    </times>\n  </callflow>\n"
        )
    return (
        f'<?xml version="1.0"?>\n<cdr core-uuid="{uuid_of(999)}" switchname="pbx">\n  <channel_data>\n'
        f"    <state>CS_REPORTING</state>\n    <direction>{leg.direction}</direction>\n  </channel_data>\n"
        f"  <variables>\n{variables}  </variables>\n  <app_log>\n{log}  </app_log>\n{flows}</cdr>\n"
    )


def csv_line(leg: SwitchLeg, template: str = "example", **more: str) -> str:
    """A line of mod_cdr_csv: variables as they are between the template's marks, of the newest profile."""
    values = {**leg.all_variables(), **leg.profiles[0], **more, "direction": leg.direction}
    values["caller_id"] = f'"{values["caller_id_name"]}" <{values["caller_id_number"]}>'
    text = TEMPLATES.get(template, template).replace("${regex('${original_caller_id_name}'|^.)}", "false")
    for name, value in values.items():
        text = text.replace("${" + name + "}", value)
    import re

    return re.sub(r"\$\{\w+\}", "", text) + "\n"
