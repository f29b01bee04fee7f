"""Who may ask what: one line an endpoint. `test_who_may.py` fails for an endpoint without one, and for one too many."""

from __future__ import annotations

from collections.abc import Mapping

ANYBODY = ("nobody", "agent", "reviewer", "coach", "supervisor", "administrator")
SIGNED_IN = ("agent", "reviewer", "coach", "supervisor", "administrator")
AGENTS = ("agent",)
STAFF = ("reviewer", "coach", "supervisor", "administrator")
REVIEWERS = ("reviewer", "supervisor", "administrator")
LEADS = ("coach", "supervisor", "administrator")
LEADERS = ("supervisor", "administrator")
ASKING = ("reviewer", "administrator")
ADMINISTRATORS = ("administrator",)

WHO_MAY: Mapping[str, tuple[str, ...]] = {
    # the way in, the own account
    "GET /sign-in": ANYBODY,
    "POST /sign-in": ANYBODY,
    "GET /sign-in/openid": ANYBODY,
    "GET /sign-in/openid/back": ANYBODY,
    "POST /sign-out": SIGNED_IN,
    "GET /new-account/{token}": ANYBODY,
    "POST /new-account/{token}": ANYBODY,
    "POST /language": ANYBODY,
    "GET /": SIGNED_IN,
    "GET /account": SIGNED_IN,
    "POST /account/password": SIGNED_IN,
    "POST /account/sessions/end": SIGNED_IN,
    # accounts
    "GET /accounts": ADMINISTRATORS,
    "GET /accounts/one": ADMINISTRATORS,
    "POST /accounts/new": ADMINISTRATORS,
    "POST /accounts/change": ADMINISTRATORS,
    "POST /accounts/disable": ADMINISTRATORS,
    "POST /accounts/enable": ADMINISTRATORS,
    "POST /accounts/end-sessions": ADMINISTRATORS,
    "POST /accounts/reset": ADMINISTRATORS,
    "GET /audit": ADMINISTRATORS,
    # calls
    "GET /calls": SIGNED_IN,
    "GET /calls/{call_id}": SIGNED_IN,
    "GET /calls/{call_id}/sound": SIGNED_IN,
    "GET /calls/{call_id}/sound/state": SIGNED_IN,
    "GET /calls/{call_id}/peaks": SIGNED_IN,
    "GET /calls/{call_id}/not-speech": SIGNED_IN,
    "GET /calls/{call_id}/vcon": LEADERS,
    "GET /calls/{call_id}/captions": LEADERS,
    "GET /calls.csv": LEADERS,
    "POST /saved-filters": SIGNED_IN,
    "POST /saved-filters/{number}/remove": SIGNED_IN,
    # queues, samples
    "GET /queue": REVIEWERS,
    "POST /queue/next": REVIEWERS,
    "POST /queue/goal": REVIEWERS,
    "POST /queue/{token}/answer": REVIEWERS,
    "POST /queue/{token}/decline": REVIEWERS,
    "GET /plans": LEADERS,
    "GET /plans/new": LEADERS,
    "POST /plans": LEADERS,
    "GET /plans/{plan_id}": LEADERS,
    "POST /plans/{plan_id}/open": LEADERS,
    "POST /plans/{plan_id}/take-back": LEADERS,
    # agreement
    "GET /agreement": STAFF,
    "GET /agreement/rules/{rule_id}": STAFF,
    "GET /agreement/reviewers/{name}": STAFF,
    # reviews, releases, appeals
    "POST /calls/{call_id}/answers": REVIEWERS,
    "POST /calls/{call_id}/missed": REVIEWERS,
    "POST /calls/{call_id}/points": REVIEWERS,
    "POST /calls/{call_id}/finish": REVIEWERS,
    "POST /calls/{call_id}/release": LEADERS,
    "POST /calls/{call_id}/acknowledge": AGENTS,
    "POST /calls/{call_id}/appeals": AGENTS,
    "POST /appeals/{ref}/more": AGENTS,
    "POST /appeals/{ref}/decision": LEADERS,
    "GET /appeals": LEADERS,
    "GET /releases": LEADERS,
    "POST /releases": LEADERS,
    "GET /my": AGENTS,
    "GET /my/good/{call_id}/{rule_id}/sound": AGENTS,
    "GET /templates": REVIEWERS,
    "POST /templates": REVIEWERS,
    "POST /templates/{number}/drop": REVIEWERS,
    # corrections
    "POST /calls/{call_id}/corrections": REVIEWERS,
    "POST /calls/{call_id}/corrections/undo": REVIEWERS,
    "GET /corrections": REVIEWERS,
    # cases for rules
    "POST /calls/{call_id}/case": REVIEWERS,
    "GET /cases": REVIEWERS,
    "POST /cases/drop": REVIEWERS,
    # coaching
    "GET /coaching": LEADS,
    "GET /coaching/new": LEADS,
    "GET /coaching/proposals": LEADS,
    "GET /coaching/helped": LEADS,
    "POST /coaching": LEADS,
    "GET /coaching/add": LEADS,
    "GET /coaching/sound": LEADS,
    "GET /coaching/{ref}": LEADS,
    "POST /coaching/{ref}/plan": LEADS,
    "POST /coaching/{ref}/step": LEADS,
    "POST /coaching/{ref}/excerpts": LEADS,
    "POST /coaching/{ref}/excerpts/{excerpt}": LEADS,
    "GET /coaching/{ref}/excerpts/{excerpt}/sound": LEADS,
    "GET /coaching/{ref}/present": LEADS,
    "GET /coaching/{ref}/export.html": LEADS,
    "GET /coaching/{ref}/export.zip": LEADS,
    "GET /my/coaching": AGENTS,
    "GET /my/coaching/{ref}": AGENTS,
    "POST /my/coaching/{ref}/acknowledge": AGENTS,
    "GET /my/coaching/{ref}/excerpts/{excerpt}/sound": AGENTS,
    "POST /my/voice": AGENTS,
    # dashboards
    "GET /dashboard": STAFF,
    "GET /dashboard.xlsx": LEADERS,
    "GET /dashboard/achievement": STAFF,
    "GET /dashboard/achievement.xlsx": LEADERS,
    "GET /dashboard/rules": STAFF,
    "GET /dashboard/complaints": STAFF,
    "GET /dashboard/appeals": STAFF,
    "GET /dashboard/effort": STAFF,
    "GET /dashboard/hearing": STAFF,
    "GET /dashboard/month": STAFF,
    "GET /dashboard/month.xlsx": LEADERS,
    # SQL
    "GET /sql": ASKING,
    "POST /sql": ASKING,
    "POST /sql/stop": ASKING,
    "POST /sql/saved": ASKING,
    "POST /sql/saved/{number}/remove": ASKING,
    "POST /sql/asked/forget": ASKING,
    "POST /sql/answer.csv": ADMINISTRATORS,
    "POST /sql/answer.xlsx": ADMINISTRATORS,
    # sharing
    "GET /sharing": LEADS,
    "GET /sharing/present": LEADS,
    "POST /sharing/html": LEADS,
    "POST /sharing/folder": LEADS,
    "GET /sharing/{call_id}/{rule_id}/sound": LEADS,
    "POST /sharing/share": LEADS,
    "POST /sharing/shared/{number}/take-back": LEADS,
    "GET /shared": AGENTS,
    "GET /shared/present": AGENTS,
    "GET /shared/{number}/sound": AGENTS,
    # calibration
    "GET /calibration": REVIEWERS,
    "GET /calibration/new": LEADERS,
    "POST /calibration": LEADERS,
    "GET /calibration/{session_id}": REVIEWERS,
    "POST /calibration/{session_id}/answers": REVIEWERS,
    "POST /calibration/{session_id}/open": LEADERS,
    "POST /calibration/{session_id}/agree": LEADERS,
}
