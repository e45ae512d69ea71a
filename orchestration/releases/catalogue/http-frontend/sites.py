"""Sites, from what shared instances ask: whose each domain is, and what is wrong with which."""

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

DOMAIN = re.compile(
    r"(?=.{4,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])"
)
HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252})|[0-9A-Fa-f:.]{2,45}")
PORTS = {"http": 80, "https": 443}
# Below, only these two: what else answers there is the machine's and speaks no HTTP.
FIRST_FREE_PORT = 1024
MOST_DOMAINS = 20


@dataclass(frozen=True)
class Backend:
    """Where the requests of a site go."""

    scheme: str
    host: str
    port: int


@dataclass
class Site:
    """One shared instance: its domains, its backend when that is one, and what is wrong."""

    reference: str
    generation: int
    domains: list
    backend: "Backend | None"
    asked: dict
    problems: list = field(default_factory=list)
    is_stopped: bool = False


def settled(entries, owners):
    """Return the sites and who lost which domain: {reference: sentences}.

    One domain belongs to one site. Who has it keeps it for as long as it asks for it; a free one
    goes to the first entry: they come in the order in which they were first asked for.

    Args:
        owners: {domain: reference}, brought up to date.
    """
    sites = [_site(entry) for entry in entries]
    asked = {(domain, site.reference) for site in sites for domain in site.domains}
    for domain in [one for one, reference in owners.items() if (one, reference) not in asked]:
        del owners[domain]
    lost = {}
    for site in sites:
        for domain in list(site.domains):
            if owners.setdefault(domain, site.reference) != site.reference:
                site.domains.remove(domain)
                said = f"{domain} belongs to another site, which asked for it first"
                lost.setdefault(site.reference, []).append(said)
    for site in sites:
        if site.is_stopped:
            # It keeps its domains for when it is started again, and is served nowhere.
            site.domains, site.backend, site.problems = [], None, []
            lost.pop(site.reference, None)
    return sites, lost


def _site(entry):
    asked = entry["parameters"]
    site = Site(entry["reference"], entry["generation"], [], None, asked)
    site.is_stopped = entry.get("requested_state") == "stopped"
    for name in [asked.get("domain", ""), *asked.get("aliases", [])][:MOST_DOMAINS]:
        domain = str(name).lower().rstrip(".")
        if not DOMAIN.fullmatch(domain):
            site.problems.append(f"'{str(name)[:80]}' is no host name")
        elif domain not in site.domains:
            site.domains.append(domain)
    try:
        site.backend = backend(str(asked.get("backend", "")))
    except ValueError as error:
        site.problems.append(f"the backend cannot be used: {error}")
    return site


def backend(url):
    """Return where a URL leads.

    Raises:
        ValueError: says why it can be no backend.
    """
    parts = urlsplit(url)
    if parts.scheme not in PORTS:
        raise ValueError("begin it with http:// or https://")
    if parts.username is not None or parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise ValueError("write a scheme, a host and a port alone, e.g. http://192.0.2.7:8080")
    host, port = parts.hostname or "", parts.port or PORTS[parts.scheme]
    if not HOST.fullmatch(host):
        raise ValueError(f"'{host[:80]}' is no host")
    if port < FIRST_FREE_PORT and port not in PORTS.values():
        raise ValueError(f"port {port} is not for sites: take 80, 443, or one from 1024")
    return Backend(parts.scheme, host, port)
