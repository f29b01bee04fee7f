"""Made calls of FreeSWITCH, leg by leg, and what a reader must say of each leg."""

from __future__ import annotations

from dataclasses import dataclass

from tests.support.freeswitch import START_S, SwitchLeg, profile, uuid_of

CUSTOMER, DID, DIALLED = "13900001234", "4001234567", "013900005678"
FROM_TRUNK, TO_TRUNK = f"sofia/external/{CUSTOMER}@203.0.113.9", f"sofia/external/{DIALLED}"
PHONE, PHONE_DIALLED = "sofia/internal/1001@10.0.0.5", "sofia/internal/sip:1001@10.0.0.5:5060"

DID_PROFILE = profile(CUSTOMER, DID, "public", FROM_TRUNK, name="Zhang")
OUT_PROFILE = profile("1001", DIALLED, "default", PHONE, name="Li Na", leg=3)
RING_PROFILE = profile(CUSTOMER, "1001", "public", PHONE_DIALLED, name="Zhang", leg=2)


@dataclass(frozen=True)
class LegCase:
    """A leg and the fields that it must give, beside its ids."""

    name: str
    leg: SwitchLeg
    expected: dict[str, object]
    ids: tuple[int, ...]
    file_name: str = "x.cdr"


def _said(started_at: str = "2026-11-20 09:31:00", epoch_s: int = START_S, **fields: object) -> dict[str, object]:
    return {"started_at": started_at, "epoch_s": float(epoch_s), **fields}


def _bridged(other: int, channel: str, role: str = "originator", **more: str) -> dict[str, str]:
    names = ("bridge_uuid", "signal_bond", "last_bridge_to")
    return {
        **{name: uuid_of(other) for name in names}, "bridge_channel": channel, "last_bridge_role": role,
        "originate_disposition": "SUCCESS", **more,
    }  # fmt: skip


INBOUND = SwitchLeg(
    1, "inbound", [DID_PROFILE],
    _bridged(2, PHONE_DIALLED, sip_hangup_disposition="recv_bye", call_uuid=uuid_of(1), sofia_profile_name="external"),
)  # fmt: skip
RUNG = SwitchLeg(
    2, "outbound", [RING_PROFILE],
    {"originator": uuid_of(1), "originating_leg_uuid": uuid_of(1), "dialed_user": "1001", "call_uuid": uuid_of(1),
     "last_bridge_role": "originatee", "bridge_uuid": uuid_of(1), "sip_hangup_disposition": "send_bye"},
    originator=DID_PROFILE, start_s=START_S + 3, answer_s=START_S + 9,
)  # fmt: skip
OUTBOUND = SwitchLeg(
    3, "inbound", [OUT_PROFILE],
    _bridged(4, TO_TRUNK, sip_hangup_disposition="recv_bye", user_name="1001", sip_authorized="true",
             last_app="bridge", last_arg=f"sofia/gateway/carrier/{DIALLED}"),
)  # fmt: skip
DIALLED_OUT = SwitchLeg(
    4, "outbound", [profile("02288880001", "13900005678", "default", "sofia/external/13900005678", leg=4)],
    {"originator": uuid_of(3), "sip_gateway_name": "carrier", "last_bridge_role": "originatee",
     "sip_hangup_disposition": "send_bye"},
    originator=OUT_PROFILE,
)  # fmt: skip
MEMBER = SwitchLeg(
    1, "inbound", [profile(CUSTOMER, "8001", "default", FROM_TRUNK, name="Zhang"), DID_PROFILE],
    {"cc_side": "member", "cc_queue": "support@default", "cc_member_uuid": uuid_of(77), "cc_agent": "1001@default",
     "cc_agent_uuid": uuid_of(2), "cc_agent_bridged": "true", "cc_cause": "answered", "waitsec": "17",
     "cc_queue_joined_epoch": str(START_S + 2), "cc_queue_answered_epoch": str(START_S + 17), "bridge_uuid": uuid_of(2),
     "cc_record_filename": f"/rec/2026-11-20-09-31-00.{DID}.{CUSTOMER}.x.wav", "last_app": "callcenter",
     "last_arg": "support@default", "bridge_channel": PHONE_DIALLED, "sip_hangup_disposition": "send_bye"},
)  # fmt: skip
AGENT = SwitchLeg(
    2, "outbound", [profile(CUSTOMER, "1001", "default", PHONE_DIALLED, name="support-Zhang", leg=2)],
    {"cc_side": "agent", "cc_queue": "support@default", "cc_member_uuid": uuid_of(77), "cc_agent": "1001@default",
     "cc_member_session_uuid": uuid_of(1), "cc_agent_type": "callback", "bridge_uuid": uuid_of(1),
     "dialed_user": "1001", "sip_hangup_disposition": "recv_bye"},
    start_s=START_S + 12, answer_s=START_S + 17,
)  # fmt: skip


def _changed(leg: SwitchLeg, *, answered: bool = True, **variables: str) -> SwitchLeg:
    from dataclasses import replace

    changed = {name: text for name, text in {**leg.variables, **variables}.items() if text}
    return replace(leg, variables=changed, answer_s=leg.answer_s if answered else None)


_IN = _said(call_id=uuid_of(1), direction="inbound", caller=CUSTOMER, callee=DID)
_IN_BY_PHONE = {**_IN, "extension": "1001", "released": ("caller", True)}
_RUNG = _said(
    "2026-11-20 09:31:03", START_S + 3, call_id=uuid_of(1), direction="inbound", caller=CUSTOMER, callee="1001",
    extension="1001", released=("caller", False),
)  # fmt: skip
_OUT = _said(
    call_id=uuid_of(3), direction="outbound", caller="1001", callee=DIALLED, extension="1001", agent_name="Li Na",
    released=("caller", True),
)  # fmt: skip
_QUEUED = {**_IN, "queue": "support", "wait_s": "15", "agent_id": "1001", "extension": "1001"}
_MEMBER = {**_QUEUED, "recordings": (MEMBER.variables["cc_record_filename"],), "released": ("callee", False)}
_AGENT = {
    "call_id": uuid_of(1), "direction": "inbound", "caller": CUSTOMER, "callee": "1001", "extension": "1001",
    "agent_id": "1001", "queue": "support", "released": ("agent", True),
}  # fmt: skip
_UNBRIDGED = dict.fromkeys(("bridge_uuid", "signal_bond", "last_bridge_to", "bridge_channel", "last_bridge_role"), "")
_ABANDONED = _changed(
    MEMBER, cc_agent="", cc_agent_uuid="", cc_agent_bridged="", cc_queue_answered_epoch="", cc_cause="cancel",
    cc_cancel_reason="BREAK_OUT", cc_queue_canceled_epoch=str(START_S + 42), cc_record_filename="",
    sip_hangup_disposition="recv_bye", **_UNBRIDGED,
)  # fmt: skip
_CLICK = SwitchLeg(
    5, "outbound", [profile("0000000000", "1001", "default", PHONE_DIALLED, leg=5)],
    _bridged(6, TO_TRUNK, sip_hangup_disposition="recv_bye"),
)  # fmt: skip
_DIALLER = SwitchLeg(
    7, "outbound", [profile("02288880001", "13900005678", "default", "sofia/external/13900005678", leg=7)],
    {"sip_gateway_name": "carrier", "cc_side": "member", "cc_queue": "sales@default", "cc_agent": "1002@default",
     "sip_hangup_disposition": "recv_bye"},
)  # fmt: skip
_OWN_DIALLER = SwitchLeg(
    10, "outbound",
    [profile("02288880001", "13900005678", "campaign", "sofia/carriers/13900005678@203.0.113.9", leg=10)],
    _bridged(11, PHONE_DIALLED, sip_hangup_disposition="recv_bye"),
)  # fmt: skip
_INTERNAL = SwitchLeg(
    8, "inbound", [profile("1001", "1002", "default", PHONE, leg=8)],
    _bridged(9, "sofia/internal/sip:1002@10.0.0.6:5060", sip_hangup_disposition="recv_bye", user_name="1001"),
)  # fmt: skip
_OWN_CONTEXT = SwitchLeg(
    1, "inbound", [profile(CUSTOMER, DID, "from-carrier", f"sofia/carriers/{CUSTOMER}@203.0.113.9")],
    {"sip_hangup_disposition": "recv_bye"},
)  # fmt: skip
_FUSION = SwitchLeg(
    1, "inbound", [profile(CUSTOMER, "8001", "pbx.example.com", f"sofia/internal/{CUSTOMER}@203.0.113.9")],
    {"call_direction": "inbound", "caller_destination": DID, "cc_side": "member", "cc_queue": "8001@pbx.example.com",
     "cc_agent": uuid_of(500), "cc_queue_joined_epoch": str(START_S), "cc_queue_answered_epoch": str(START_S + 8),
     "record_path": "/var/lib/freeswitch/recordings/pbx.example.com/archive/2026/Nov/20",
     "record_name": f"{uuid_of(1)}.mp3", "sip_hangup_disposition": "recv_bye"},
)  # fmt: skip
_STANDBY = _changed(MEMBER, cc_agent_type="uuid-standby", bridge_channel="")

LEG_CASES = (
    LegCase("inbound to a phone, the caller hung up", INBOUND, _IN_BY_PHONE, (1, 2)),
    LegCase(
        "inbound, BYE was sent: by the phone or the dialplan",
        _changed(INBOUND, sip_hangup_disposition="send_bye"), {**_IN_BY_PHONE, "released": ("callee", False)}, (1, 2),
    ),
    LegCase("the phone that rang", RUNG, _RUNG, (2, 1)),
    LegCase(
        "the phone hung up",
        _changed(RUNG, sip_hangup_disposition="recv_bye"), {**_RUNG, "released": ("callee", True)}, (2, 1),
    ),
    LegCase(
        "a phone that rang in vain", _changed(RUNG, answered=False, sip_hangup_disposition="send_cancel"),
        {name: text for name, text in _RUNG.items() if name not in ("extension", "released")}, (2, 1),
    ),
    LegCase(
        "a phone that lost the race",
        _changed(RUNG, hangup_cause="LOSE_RACE"),
        {name: text for name, text in _RUNG.items() if name not in ("extension", "released")}, (2, 1),
    ),
    LegCase(
        "a phone that transferred the call",
        _changed(RUNG, hangup_cause="BLIND_TRANSFER", sip_hangup_disposition="recv_bye"),
        {name: text for name, text in _RUNG.items() if name != "released"}, (2, 1),
    ),
    LegCase(
        "inbound, given up while it rang",
        _changed(INBOUND, answered=False, sip_hangup_disposition="recv_cancel", **_UNBRIDGED),
        {**_IN, "released": ("nobody", True)}, (1,),
    ),
    LegCase(
        "after hours, refused", _changed(INBOUND, answered=False, sip_hangup_disposition="send_refuse", **_UNBRIDGED),
        {**_IN, "released": ("nobody", True)}, (1,),
    ),
    LegCase("outbound, the agent hung up", OUTBOUND, _OUT, (3, 4)),
    LegCase(
        "outbound, BYE was sent", _changed(OUTBOUND, sip_hangup_disposition="send_bye"),
        {**_OUT, "released": ("callee", False)}, (3, 4),
    ),
    LegCase(
        "outbound, never answered", _changed(OUTBOUND, answered=False, sip_hangup_disposition="recv_cancel"),
        {**_OUT, "released": ("nobody", True)}, (3, 4),
    ),
    LegCase(
        "outbound, the trunk's leg: the customer hung up", _changed(DIALLED_OUT, sip_hangup_disposition="recv_bye"),
        _said(call_id=uuid_of(3), direction="outbound", caller="02288880001", callee="13900005678",
              released=("callee", True)), (4, 3),
    ),
    LegCase("queue, the caller's leg", MEMBER, _MEMBER, (1, 77, 2)),
    LegCase("queue, the agent's leg: the agent hung up", AGENT, _AGENT, (2, 1, 77)),
    LegCase(
        "queue, an agent's phone that rang in vain",
        _changed(AGENT, answered=False, sip_hangup_disposition="send_cancel"),
        {name: text for name, text in _AGENT.items() if name not in ("extension", "agent_id", "released")}, (2, 1, 77),
    ),
    LegCase(
        "queue, abandoned", _ABANDONED,
        {**_IN, "queue": "support", "wait_s": "40", "released": ("caller", True)}, (1, 77),
    ),
    LegCase(
        "queue, given up by the queue",
        _changed(_ABANDONED, cc_cancel_reason="NO_AGENT_TIMEOUT", sip_hangup_disposition="send_bye"),
        {**_IN, "queue": "support", "wait_s": "40", "released": ("system", True)}, (1, 77),
    ),
    LegCase(
        "queue, an agent who waits on one leg all day", _STANDBY,
        {name: text for name, text in _MEMBER.items() if name != "extension"}, (1,),
    ),
    LegCase(
        "click to call, the agent's phone", _CLICK,
        _said(call_id=uuid_of(5), direction="outbound", caller="1001", callee=DIALLED, extension="1001",
              released=("agent", True)), (5, 6),
    ),
    LegCase(
        "a dialler's call, the customer hung up", _DIALLER,
        _said(call_id=uuid_of(7), direction="outbound", callee="13900005678", agent_id="1002", queue="sales",
              released=("customer", True)), (7,),
    ),
    LegCase(
        "a dialler's call through a profile of the house, before an agent has it", _OWN_DIALLER,
        _said(call_id=uuid_of(10), direction="outbound", callee="13900005678", extension="1001",
              released=("customer", True)), (10, 11),
    ),
    LegCase(
        "between two phones", _INTERNAL,
        _said(call_id=uuid_of(8), caller="1001", callee="1002", extension="1001", released=("caller", True)), (8, 9),
    ),
    LegCase(
        "a context that only the house knows", _OWN_CONTEXT,
        _said(call_id=uuid_of(1), caller=CUSTOMER, callee=DID, released=("caller", True), direction="from-carrier"),
        (1,),
    ),
    LegCase(
        "FusionPBX", _FUSION,
        {**_IN, "agent_id": uuid_of(500), "queue": "8001", "wait_s": "8", "released": ("caller", True),
         "recordings": (f"/var/lib/freeswitch/recordings/pbx.example.com/archive/2026/Nov/20/{uuid_of(1)}.mp3",)}, (1,),
    ),
)  # fmt: skip
