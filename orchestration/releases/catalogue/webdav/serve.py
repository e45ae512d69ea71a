"""Serve one directory over WebDAV: `serve.py LIBRARIES CONFIGURATION`."""

import json
import os
import sys
import threading

sys.path.insert(0, sys.argv[1])

from cheroot import wsgi
from wsgidav.fs_dav_provider import FilesystemProvider
from wsgidav.wsgidav_app import WsgiDAVApp


def main():
    """Serve until ended."""
    with open(sys.argv[2]) as file:
        asked = json.load(file)
    os.makedirs(asked["data"], exist_ok=True)
    app = WsgiDAVApp(
        {
            "provider_mapping": {
                "/": FilesystemProvider(asked["data"], readonly=asked["read_only"])
            },
            "simple_dc": {"user_mapping": {"*": {asked["user"]: {"password": asked["password"]}}}},
            "http_authenticator": {
                "accept_basic": True,
                "accept_digest": True,
                "default_to_digest": False,
            },
            "lock_storage": True,
            "property_manager": None,
            "verbose": 1,
            "logging": {"enable_loggers": []},
        }
    )
    addresses = asked["addresses"].split(",")
    first, *others = [wsgi.Server((one, asked["port"]), app, numthreads=10) for one in addresses]
    for server in others:
        threading.Thread(target=server.start, daemon=True).start()
    try:
        first.start()
    except KeyboardInterrupt:
        first.stop()


if __name__ == "__main__":
    main()
