"""Become the server of one version, in its own virtual environment: `run.py LIBRARIES`.

The server's library comes last on the path: what the application brings goes first.
"""

import json
import os
import sys


def tell(descriptor):
    """Tell the program that started us of one event."""
    try:
        os.write(descriptor, b".")
    except OSError:
        # Nobody listens any more: we are about to be ended.
        return


def main(libraries):
    """Serve until ended."""
    asked = json.loads(os.environ.pop("TENANTRY_RUN"))
    sys.path.append(libraries)
    from gunicorn import util
    from gunicorn.app.base import BaseApplication

    def ready(worker):
        tell(asked["ready"])

    def answered(worker, request, environ, answer):
        tell(asked["counts"])

    class Server(BaseApplication):
        """gunicorn with our settings."""

        def load_config(self):
            settings = {
                "bind": [f"fd://{one}" for one in asked["sockets"]],
                "worker_class": "gthread",
                "workers": asked["workers"],
                "threads": asked["threads"],
                "timeout": 60,
                "graceful_timeout": 5,
                "keepalive": 5,
                "control_socket_disable": True,
                "forwarded_allow_ips": asked["forwarded_from"] or "127.0.0.1",
                "post_worker_init": ready,
                "post_request": answered,
            }
            for name, value in settings.items():
                self.cfg.set(name, value)

        def load(self):
            sys.path.insert(0, os.getcwd())
            return util.import_app(asked["module"])

    Server().run()


if __name__ == "__main__":
    main(sys.argv[1])
