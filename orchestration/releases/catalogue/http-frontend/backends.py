"""Which addresses a site's backend may have, and the addresses behind a name.

The engine is only ever told addresses that were looked at here: a name that leads somewhere else
between our look and its use gains nothing.
"""

import ipaddress
import socket
import time
from concurrent.futures import ThreadPoolExecutor, wait

LOOKUP_SECONDS = 5
AGAIN_SECONDS = 60
MOST_ADDRESSES = 4
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class Rules:
    """What the operator allows and refuses, and what nobody is allowed."""

    def __init__(self, settings):
        self.allowed = [ipaddress.ip_network(one) for one in settings["backend_networks"]]
        self.refused = [ipaddress.ip_network(one) for one in settings["refused_networks"]]
        self.own = {_meant(ipaddress.ip_address(one)) for one in settings["addresses"].split(",")}
        self.own_ports = set(settings["listens_on"])

    def refusal(self, address, port):
        """Return why a backend may not be here, or nothing."""
        meant = _meant(address)
        if meant.is_link_local or meant.is_multicast or meant.is_unspecified:
            return f"{address} is for the machine itself and never for a site"
        if meant in self.own | _loopbacks(meant) and port in self.own_ports:
            return f"{address} port {port} is this front end itself"
        if _is_in(meant, self.refused):
            return f"{address} is in a network that the operator refuses"
        if not meant.is_global and not _is_in(meant, self.allowed):
            return f"{address} is not public, and the operator has not opened its network"
        return ""


def _is_in(address, networks):
    return any(address.version == one.version and address in one for one in networks)


def _loopbacks(address):
    return {address} if address.is_loopback else set()


def _meant(address):
    """Return the IPv4 address that is wrapped in an IPv6 one, if so."""
    if address.version == 4:
        return address
    if address in _NAT64:
        return ipaddress.ip_address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo and teredo[1]) or address


class Addresses:
    """The addresses behind names, looked up again each minute without waiting for them."""

    def __init__(self, lookup=socket.getaddrinfo):
        self.lookup = lookup
        self.pool = ThreadPoolExecutor(16)
        self.known = {}
        self.asked = {}
        self.looked_at = {}

    def refresh(self, names):
        """Look up what is new, and wait for that; what is old is looked up in passing."""
        self._collect()
        for name in set(self.known) - names:
            del self.known[name]
        now = time.monotonic()
        for name in names - set(self.asked):
            if name not in self.known or now - self.looked_at[name] >= AGAIN_SECONDS:
                self.looked_at[name] = now
                self.asked[name] = self.pool.submit(self._look, name)
        new = [look for name, look in self.asked.items() if name not in self.known]
        wait(new, timeout=LOOKUP_SECONDS)
        self._collect()
        for name in names - set(self.known):
            self.known[name] = [], "its name is still being looked up"

    def _collect(self):
        for name, look in list(self.asked.items()):
            if look.done():
                del self.asked[name]
                addresses, error = look.result()
                # A server of names that is away for a minute takes no site down.
                if addresses or name not in self.known or not self.known[name][0]:
                    self.known[name] = addresses, error

    def _look(self, name):
        try:
            found = self.lookup(name, None, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            return [], f"'{name}' has no address: {error}"
        return sorted({one[4][0].split("%")[0] for one in found}), ""


def chosen(backend, rules, addresses, former):
    """Return the addresses to use, and why there are none.

    Those of before stay as long as one of them is still told: names that answer with other
    addresses each time do not make a new configuration each minute.
    """
    found, error = addresses.known[backend.host]
    looked = [ipaddress.ip_address(one) for one in found]
    refusals = {one: rules.refusal(one, backend.port) for one in looked}
    fit = [str(one) for one in looked if not refusals[one]]
    kept = [one for one in former if one in fit]
    if fit:
        return kept or fit[:MOST_ADDRESSES], ""
    return [], error or next(iter(refusals.values()), "it has no address")
