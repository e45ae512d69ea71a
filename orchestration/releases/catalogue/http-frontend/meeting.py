"""Meet the engine as a visitor does: a name is served when it has shown a certificate for it."""

import socket
import ssl
import time

SECONDS = 5


class Meetings:
    """The names that were met; a name is met once."""

    def __init__(self, settings):
        self.place = settings["address"], settings["https_port"]
        # Whether the certificate is the right one was looked at when it was brought.
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.context.check_hostname = False
        self.context.verify_mode = ssl.CERT_NONE
        self.met = set()

    def unmet(self, names):
        """Return the names that are not met yet; new ones are given a moment."""
        self.met &= names
        until = time.monotonic() + SECONDS
        left = names - self.met
        while left:
            self.met |= {name for name in left if self._shows(name)}
            left = names - self.met
            if time.monotonic() > until:
                break
            if left:
                time.sleep(0.05)
        return left

    def _shows(self, name):
        try:
            with socket.create_connection(self.place, SECONDS) as plain:
                self.context.wrap_socket(plain, server_hostname=name).close()
        except OSError:
            return False
        return True
