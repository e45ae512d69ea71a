"""The configuration of Caddy, the engine: made whole from the sites, the same for the same."""

import hashlib
import ssl
from base64 import b64encode

from pages import ERRORS, LOOP, UNFIT, UNKNOWN, page

# A host that no site has: the promise asks for it, and gets a certificate of the local authority.
INSIDE = "front-end.internal"
AUTHORITY = "/ca.pem"
MIB = 1024 * 1024
HSTS_SECONDS = 365 * 86400
# Streams of before a change, e.g. of a WebSocket, go on for as long as this.
STREAM_SECONDS = 8 * 3600
HEADER_BYTES = 32 * 1024


def seconds(number):
    """Return a duration as the engine counts: in nanoseconds."""
    return number * 1_000_000_000


def configuration(settings, served):
    """Return the engine's configuration.

    Args:
        served: sites with their addresses and whether their own certificate is used:
            `[(site, ["192.0.2.7"], True), …]`.
    """
    token = hashlib.sha256("{address} {listens_on}".format(**settings).encode()).hexdigest()[:32]
    return {
        "admin": {"listen": f"unix/{settings['admin']}|0600", "config": {"persist": False}},
        "logging": _logging(),
        "storage": {"module": "file_system", "root": settings["data"]},
        "apps": {
            "pki": {
                "certificate_authorities": {
                    "local": {"name": f"Front end {settings['address']}", "install_trust": False}
                }
            },
            "tls": _tls(settings, served),
            "http": {
                "servers": {
                    "plain": _server(settings, served, token, "http"),
                    "secure": _server(settings, served, token, "https"),
                }
            },
        },
    }


def _logging():
    """Have accesses on standard output, for the counts; of visitors nothing is kept."""
    fields = {name: {"filter": "delete"} for name in ("request", "resp_headers", "user_id")}
    encoder = {"format": "filter", "wrap": {"format": "json"}, "fields": fields}
    access = {"writer": {"output": "stdout"}, "include": ["http.log.access"], "encoder": encoder}
    default = {"level": "ERROR", "exclude": ["http.log.access", "http.handlers", "http.log.error"]}
    return {"logs": {"access": access, "default": default}}


def _tls(settings, served):
    given = [
        {
            "certificate": site.asked["certificate"],
            "key": site.asked["private_key"],
            "tags": [site.reference],
        }
        for site, _, is_own in served
        if is_own
    ]
    made = [domain for site, _, is_own in served if not is_own for domain in site.domains]
    lifetime = settings["certificate_seconds"]
    issuer = {"module": "internal", "ca": "local", "lifetime": seconds(lifetime)}
    found = {
        "automation": {
            "policies": [{"issuers": [issuer]}],
            "renew_interval": seconds(min(600, max(1, lifetime // 20))),
        },
        "certificates": {"automate": [INSIDE, *made]},
    }
    if given:
        found["certificates"]["load_pem"] = given
    return found


def _server(settings, served, token, scheme):
    is_secure = scheme == "https"
    routes = [_route(settings, one, token, is_secure) for one in served if one[0].domains]
    found = {
        "listen": [f"fd/{number}" for number in settings[f"{scheme}_listeners"]],
        "protocols": ["h1", "h2"] if is_secure else ["h1"],
        "automatic_https": {"disable": True},
        "max_header_bytes": HEADER_BYTES,
        "read_header_timeout": seconds(20),
        "idle_timeout": seconds(120),
        "routes": [*routes, *_else(settings, is_secure)],
        "errors": {"routes": [_error(status, *said) for status, said in ERRORS.items()]},
        "logs": {
            "logger_names": {
                domain: [site.reference] for site, _, _ in served for domain in site.domains
            },
            "skip_unmapped_hosts": True,
        },
    }
    return dict(found, tls_connection_policies=_own(served)) if is_secure else found


def _own(served):
    """Show visitors of a site that brings a certificate this one, whatever others bring."""
    own = [
        {"match": {"sni": site.domains}, "certificate_selection": {"any_tag": [site.reference]}}
        for site, _, is_own in served
        if is_own
    ]
    return [*own, {}]


def _else(settings, is_secure):
    """Return what is answered where no site is: the authority's certificate, and who we are."""
    root = settings["data"] + "/pki/authorities/local"
    authority = {
        "match": [{"path": [AUTHORITY]}],
        "handle": [
            {
                "handler": "headers",
                "response": {"set": {"Content-Type": ["application/x-pem-file"]}},
            },
            {"handler": "rewrite", "uri": "/root.crt"},
            {"handler": "file_server", "root": root},
        ],
        "terminal": True,
    }
    return [*([] if is_secure else [authority]), {"handle": [_says(404, UNKNOWN)]}]


def _says(status, said):
    headers = {"Content-Type": ["text/html; charset=utf-8"], "Cache-Control": ["no-store"]}
    return {
        "handler": "static_response",
        "status_code": status,
        "headers": headers,
        "body": page(*said),
    }


def _error(status, title, text):
    return {
        "match": [{"vars": {"{http.error.status_code}": [str(status)]}}],
        "handle": [_says(status, (title, text))],
        "terminal": True,
    }


def _route(settings, one, token, is_secure):
    """Return how the requests of one site are answered."""
    site, addresses, _ = one
    asked = site.asked
    routes = [
        {
            "match": [{"header": {"Front-End": [token]}}],
            "handle": [_says(508, LOOP)],
            "terminal": True,
        }
    ]
    if not is_secure and asked.get("redirect_to_https", True):
        routes.append({"handle": [_redirect(settings)]})
    elif not addresses:
        routes.append({"handle": [_says(503, UNFIT)]})
    else:
        handle = [
            {"handler": "request_body", "max_size": asked.get("body_mib", 16) * MIB},
            _proxy(settings, site, addresses, token),
        ]
        if is_secure and asked.get("hsts", False):
            handle.insert(0, _hsts())
        routes.append({"handle": handle})
    return {
        "match": [{"host": site.domains}],
        "handle": [{"handler": "subroute", "routes": routes}],
        "terminal": True,
    }


def _redirect(settings):
    port = settings["public_https_port"]
    to = "" if port == 443 else f":{port}"
    location = f"https://{{http.request.host}}{to}{{http.request.uri}}"
    return {"handler": "static_response", "status_code": 308, "headers": {"Location": [location]}}


def _hsts():
    value = f"max-age={HSTS_SECONDS}"
    return {
        "handler": "headers",
        "response": {"deferred": True, "set": {"Strict-Transport-Security": [value]}},
    }


def _proxy(settings, site, addresses, token):
    backend, most = site.backend, settings["connections_per_site"]
    transport = {
        "protocol": "http",
        "versions": ["1.1"],
        "compression": False,
        "dial_timeout": seconds(5),
        "response_header_timeout": seconds(60),
        "keep_alive": {"idle_timeout": seconds(60), "max_idle_conns_per_host": 16},
    }
    if backend.scheme == "https":
        transport["tls"] = _towards(backend, site.asked.get("backend_ca", ""))
    headers = {"Front-End": [token]}
    if site.asked.get("host_header", "site") == "backend":
        headers["Host"] = [host_of(backend)]
    return {
        "handler": "reverse_proxy",
        "upstreams": [
            {"dial": dialled(one, backend.port), "max_requests": most} for one in addresses
        ],
        "transport": transport,
        "load_balancing": {"retries": len(addresses) - 1},
        "headers": {"request": {"set": headers}},
        "flush_interval": -1,
        "stream_close_delay": seconds(STREAM_SECONDS),
    }


def _towards(backend, authority):
    """Return how an https backend is known: by its name, and by the authority given or public."""
    found = {"server_name": backend.host}
    if authority:
        der = b64encode(ssl.PEM_cert_to_DER_cert(authority.strip())).decode()
        found["ca"] = {"provider": "inline", "trusted_ca_certs": [der]}
    return found


def dialled(host, port):
    """Return a host and port as URLs write them."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def host_of(backend):
    """Return the header that names the backend: without the port that its scheme implies."""
    if backend.port == {"http": 80, "https": 443}[backend.scheme]:
        return f"[{backend.host}]" if ":" in backend.host else backend.host
    return dialled(backend.host, backend.port)
