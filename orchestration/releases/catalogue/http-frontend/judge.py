"""Say of each site how it is served, and what is wrong with it in its customer's words."""

import ssl
import time
from datetime import datetime, timedelta, timezone

from backends import chosen
from certificates import expires_at, unfit
from sites import settled

# A certificate that ends is looked at again; one that ends soon is told.
AGAIN_SECONDS = 3600
SOON = timedelta(days=14)


class Judge:
    """Remembers whose each domain is, and what took time to find out: addresses, certificates."""

    def __init__(self, rules, addresses, owners):
        self.rules = rules
        self.owners = owners
        self.addresses = addresses
        self.tried = {}
        self.used = {}
        self.problems = {}

    def served(self, entries):
        """Return the sites with their addresses and whether they bring their own certificate.

        `problems` then has for each reference what is wrong; for most nothing.
        """
        sites, lost = settled(entries, self.owners)
        self.addresses.refresh({site.backend.host for site in sites if site.backend})
        self.problems = {}
        found = [self._judged(site, lost.get(site.reference, [])) for site in sites]
        for known in (self.tried, self.used):
            for reference in set(known) - set(self.problems):
                del known[reference]
        return found

    def _judged(self, site, lost):
        problems = [*site.problems, *lost]
        addresses = self._addresses(site, problems)
        is_own, said = self._certificate(site)
        self.problems[site.reference] = [*problems, *filter(None, [said])]
        return site, addresses, is_own

    def _addresses(self, site, problems):
        if site.backend is None:
            return []
        authority = site.asked.get("backend_ca", "")
        if authority and not _is_certificate(authority):
            problems.append("the backend's authority is no certificate in PEM")
            return []
        former = self.used.get(site.reference, [])
        addresses, why = chosen(site.backend, self.rules, self.addresses, former)
        self.used[site.reference] = addresses
        if why:
            problems.append(f"the backend cannot be used: {why}")
        return addresses

    def _certificate(self, site):
        """Return whether the site's own certificate is used, and what is wrong with it."""
        asked = site.asked.get("certificate", ""), site.asked.get("private_key", "")
        if not any(asked) or not site.domains:
            return False, ""
        key = *asked, *site.domains
        known = self.tried.get(site.reference)
        if known is None or known[0] != key or time.monotonic() - known[1] > AGAIN_SECONDS:
            why = unfit(*asked, site.domains)
            ends = None if why else expires_at(*asked, site.domains[0])
            known = self.tried[site.reference] = key, time.monotonic(), why, ends
        _, _, why, ends = known
        if why:
            return False, f"{why}; one of this front end's own authority is used"
        if ends < datetime.now(timezone.utc) + SOON:
            return True, f"the certificate ends on {ends:%Y-%m-%d}: bring a new one"
        return True, ""


def _is_certificate(text):
    try:
        der = ssl.PEM_cert_to_DER_cert(text.strip())
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=der)
    except (ssl.SSLError, ValueError):
        return False
    return True
