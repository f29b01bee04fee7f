"""The two addresses of signing in through an issuer: out to it, and back."""

from __future__ import annotations

from starlette.responses import RedirectResponse, Response

from desk.access.identities import account_of_identity, follow_identity, make_identity
from desk.access.openid import BEGUN_S, NotSignedIn, OpenId, SaidOfSomebody
from desk.accounts import Account, BadAccount, check_name
from desk.context import Desk
from desk.routing import NOT_LET_IN, NotThere, Visit, endpoint
from desk.signing_in import begin_session, own_page, set_cookie

_BEGUN = "callqa-openid"


@endpoint("/sign-in/openid", "anybody")
def _go(visit: Visit) -> Response:
    begun = _openid(visit).begin(_back(visit), own_page(visit.query("to")))
    response = RedirectResponse(begun.address, 303)
    set_cookie(visit, response, _BEGUN, begun.cookie, BEGUN_S)
    return response


@endpoint("/sign-in/openid/back", "anybody")
def _come_back(visit: Visit) -> Response:
    desk, openid = visit.desk, _openid(visit)
    try:
        said = openid.end(visit.request.cookies.get(_BEGUN, ""), dict(visit.request.query_params))
        account = _account(desk, openid, said)
        if account.disabled_at is not None:
            raise NotSignedIn(NOT_LET_IN)
    except (NotSignedIn, BadAccount):
        desk.trail.note("login.failed", "", address=visit.address, way="openid")
        raise
    response = begin_session(visit, account.name, "openid", said.to)
    response.delete_cookie(_BEGUN, secure=desk.settings.desk.secure, httponly=True)
    return response


def _account(desk: Desk, openid: OpenId, said: SaidOfSomebody) -> Account:
    account = account_of_identity(desk.accounts, openid.issuer, said.subject)
    if account is None:
        check_name(said.user.name)
        desk.trail.note("account.made", said.user.name, account=said.user.name, role=said.user.role, way="openid")
        return make_identity(desk.accounts, openid.issuer, said.subject, said.user)
    if account.user.role != said.user.role:
        desk.trail.note("account.changed", account.name, account=account.name, role=said.user.role, way="openid")
    return follow_identity(desk.accounts, account, said.user)


def _openid(visit: Visit) -> OpenId:
    if visit.desk.openid is None:
        raise NotThere
    return visit.desk.openid


def _back(visit: Visit) -> str:
    own = visit.desk.settings.desk.address or str(visit.request.base_url)
    return f"{own.rstrip('/')}/sign-in/openid/back"
