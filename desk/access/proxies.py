"""What stands between the desk and who asks: which names it answers to, proxies and what is believed of them."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

from starlette.requests import Request

from pipeline.errors import BadSetting
from pipeline.messages import Message
from pipeline.settings.desk import DeskSettings

_THIS_MACHINE = ("localhost", "127.0.0.1", "::1")


def is_this_machine(host: str) -> bool:
    """Whether an address that a server listens at is for this machine alone."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def check_reach(settings: DeskSettings) -> None:
    """Raises BadSetting where anybody on the network could say that they are somebody else."""
    if settings.proxy_header and not settings.trusted_proxies:
        if not is_this_machine(settings.host):
            raise BadSetting(
                Message(
                    "desk.proxy_header without desk.trusted_proxies, at {host}: anybody could name any account; name "
                    "the networks of your proxies",
                    host=settings.host,
                )
            )
        raise BadSetting(Message("desk.proxy_header: name the networks of your proxies in desk.trusted_proxies"))
    if any(network.prefixlen == 0 for network in settings.networks):
        raise BadSetting(Message("desk.trusted_proxies: holds every address there is; name those of your proxies"))
    if (settings.certificate is None) != (settings.key is None):
        raise BadSetting(Message("desk.certificate and desk.key go together: name both, or none"))


@dataclass(frozen=True, slots=True)
class DeskReach:
    """How the desk is reached: names it answers to, its own address, networks of proxies, the header they set."""

    hosts: frozenset[str]
    origin: str | None
    networks: tuple[IPv4Network | IPv6Network, ...]
    proxy_header: str

    def knows_host(self, host_header: str) -> bool:
        """Whether a request's Host is a name of ours; others come from pages that let a name point to us."""
        return host_name(host_header) in self.hosts

    def is_own_page(self, request: Request) -> bool:
        """Whether the browser says that a page of ours sent this; with neither header it is no browser of today."""
        site = request.headers.get("sec-fetch-site")
        if site is not None:
            return site == "same-origin"
        origin = request.headers.get("origin")
        host = request.headers.get("host", "")
        return origin is not None and origin in (self.origin, f"{request.url.scheme}://{host}")

    def address_of(self, request: Request) -> str:
        """Who asks: the nearest address that is no proxy of ours. What is before it may be made up."""
        address = request.client.host if request.client else ""
        passed = [each.strip() for line in request.headers.getlist("x-forwarded-for") for each in line.split(",")]
        while self._trusts(address) and passed:
            address = passed.pop()
        return address if address.isprintable() else ""

    def named_account(self, request: Request) -> str | None:
        """The account that a trusted proxy names; None when it names none, several, or somebody else says so."""
        if not self.proxy_header or not request.client or not self._trusts(request.client.host):
            return None
        given = request.headers.getlist(self.proxy_header)
        if len(given) != 1:
            return None
        try:
            return given[0].encode("latin-1").decode("utf-8").strip() or None
        except UnicodeDecodeError:
            return None

    def _trusts(self, address: str) -> bool:
        try:
            parsed = ip_address(address)
        except ValueError:
            return False
        if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped:
            parsed = parsed.ipv4_mapped
        return any(parsed in network for network in self.networks)


def reach_of(settings: DeskSettings) -> DeskReach:
    """How a desk is reached by its settings."""
    names = {*_THIS_MACHINE, settings.host.lower(), *(host.lower() for host in settings.hosts)} - {"0.0.0.0", "::"}
    if settings.address:
        names.add(urlsplit(settings.address).hostname or "")
    return DeskReach(frozenset(names), settings.address, settings.networks, settings.proxy_header)


def link_address(settings: DeskSettings, token: str, own: str) -> str:
    """The whole address of a link, at the desk's public address or else its own one."""
    return f"{(settings.address or own).rstrip('/')}/new-account/{token}"


def host_name(host_header: str) -> str:
    """The name in a Host header without its port; "" for what is none."""
    try:
        parts = urlsplit(f"//{host_header}")
        odd = parts.path or parts.query or parts.fragment or "@" in parts.netloc or (parts.port or 0) < 0
    except ValueError:
        return ""
    return "" if odd else (parts.hostname or "").rstrip(".")
