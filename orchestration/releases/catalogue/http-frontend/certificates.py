"""Try a certificate that a site brings as a client would, before it is used."""

import os
import ssl
import tempfile
from datetime import datetime, timezone

from sites import DOMAIN

# Trust the certificate itself, whoever signed it; `ssl` has a name for it since Python 3.10.
PARTIAL_CHAIN = 0x80000
MOST_STEPS = 10


def unfit(certificate, key, domains):
    """Return why a certificate with its key cannot be used for these domains, or nothing."""
    if not certificate or not key:
        return "a certificate needs its private key" if certificate or key else ""
    try:
        server = _server(certificate, key)
        for domain in domains:
            client = _shake_hands(server, _client(certificate), domain)
    except ssl.SSLCertVerificationError as error:
        return f"the certificate does not fit {domain}: {error.verify_message}"
    except (ssl.SSLError, ValueError) as error:
        return f"the certificate and its key cannot be read, or are no pair: {error}"
    name = _strange(_names(client.getpeercert()), domains)
    if name:
        return (
            f"the certificate speaks for {name} too, which is none of this site's names: give the "
            "site that name, or bring a certificate without it"
        )
    return ""


def _names(certificate):
    """Return all that the engine takes for a name: it shows a certificate for any of them."""
    common = [
        value for part in certificate["subject"] for key, value in part if key == "commonName"
    ]
    others = [value for _, value in certificate.get("subjectAltName", ())]
    return [str(name).strip().lower().rstrip(".") for name in [*common, *others]]


def _strange(names, domains):
    """Return a name that could be another site's: its visitors must never be shown this.

    What covers many names comes after the certificate that a site has for its very own.
    """
    found = (name for name in names if name not in domains and DOMAIN.fullmatch(name))
    return next(found, "")


def expires_at(certificate, key, domain):
    """Return when a certificate that fits ends, in UTC."""
    client = _shake_hands(_server(certificate, key), _client(certificate), domain)
    ends = ssl.cert_time_to_seconds(client.getpeercert()["notAfter"])
    return datetime.fromtimestamp(ends, timezone.utc)


def _server(certificate, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # OpenSSL reads keys from files alone; nobody else can read this one, and it goes at once.
    with tempfile.TemporaryDirectory() as place:
        path = os.path.join(place, "both")
        with open(path, "w") as file:
            file.write(f"{certificate}\n{key}\n")
        context.load_cert_chain(path, password=lambda: "")
    return context


def _client(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    first, end, _ = certificate.partition("-----END CERTIFICATE-----")
    context.load_verify_locations(cadata=first + end)
    context.verify_flags |= PARTIAL_CHAIN
    return context


def _shake_hands(server, client, domain):
    """Have a client and a server meet in memory; return the client's side."""
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    one = client.wrap_bio(down, up, server_hostname=domain)
    other = server.wrap_bio(up, down, server_side=True)
    waiting = [one, other]
    for _ in range(MOST_STEPS):
        for side in list(waiting):
            try:
                side.do_handshake()
                waiting.remove(side)
            except ssl.SSLWantReadError:
                continue
        if one not in waiting:
            return one
    raise ValueError("the handshake does not end")
