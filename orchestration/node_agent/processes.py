"""The services of this node under supervisord, asked over its Unix socket."""

import http.client
import socket
import subprocess
import sys
import threading
import time
import xmlrpc.client

from .home import read_json, write_bytes, write_json

# Services that restart are waited for this long by supervisord before it calls them started.
START_SECONDS = 1
SUPERVISOR_SECONDS = 15
CALL_SECONDS = 10

_CONFIG = """\
[unix_http_server]
file={socket}
chmod=0700
[supervisord]
nodaemon=true
pidfile={run}/supervisord.pid
logfile={logs}/supervisord.log
logfile_maxbytes=1MB
logfile_backups=1
childlogdir={logs}
identifier=tenantry
minfds=1024
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
[include]
files={state}/services/*.conf
"""

_PROGRAM = """\
[program:{name}]
command={python} {agent} shim {home} {name}
autorestart=true
startsecs={startsecs}
startretries=1000000
stopasgroup=true
killasgroup=true
stopwaitsecs=8
redirect_stderr=true
stdout_logfile={logs}/{name}.log
stdout_logfile_maxbytes=1MB
stdout_logfile_backups=1
"""


class _Connection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path):
        super().__init__("localhost", timeout=CALL_SECONDS)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(CALL_SECONDS)
        self.sock.connect(self.path)


class _Transport(xmlrpc.client.Transport):
    """Keeps one connection to supervisord."""

    def __init__(self, path):
        super().__init__()
        self.path = path

    def make_connection(self, host):
        if self._connection and host == self._connection[0]:
            return self._connection[1]
        self._connection = host, _Connection(self.path)
        return self._connection[1]


class Processes:
    """Adds, changes and removes services; starts supervisord again when it died."""

    def __init__(self, home):
        self.home = home
        self.child = None
        self.directory = home.state / "services"
        self.directory.mkdir(exist_ok=True)
        # Partitions converge in threads, and a connection is for one thread only.
        self.threads = threading.local()
        self.known = {}

    @property
    def server(self):
        """The connection of this thread."""
        if not hasattr(self.threads, "server"):
            transport = _Transport(str(self.home.supervisor_socket))
            self.threads.server = xmlrpc.client.ServerProxy("http://localhost", transport=transport)
        return self.threads.server

    def pid(self):
        """Return the process of supervisord, or None when it is away."""
        try:
            return int((self.home.run / "supervisord.pid").read_text())
        except (OSError, ValueError):
            return None

    def states(self):
        """Return {service: (state name, description, pid)}; None when supervisord is away."""
        try:
            found = self.server.supervisor.getAllProcessInfo()
        except (OSError, http.client.HTTPException, xmlrpc.client.Error):
            self.server("close")()
            self.known = {}
            return None
        self.known = {
            one["name"]: (one["statename"], one["description"], one["pid"]) for one in found
        }
        return self.known

    def ensure(self):
        """Start supervisord when it is not there; return whether it had to be started."""
        if self.states() is not None:
            return False
        home = self.home
        home.supervisor_socket.unlink(missing_ok=True)
        config = home.state / "supervisord.conf"
        text = _CONFIG.format(
            socket=home.supervisor_socket, run=home.run, logs=home.logs, state=home.state
        )
        write_bytes(config, text.encode())
        code = (
            "import sys; sys.path.insert(0, {!r}); from supervisor.supervisord import main; main()"
        )
        if self.child is not None:
            self.child.poll()
        self.child = subprocess.Popen(
            [sys.executable, "-c", code.format(str(home.supervisor)), "-c", str(config)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd=str(home.path),
        )
        until = time.monotonic() + SUPERVISOR_SECONDS
        while self.states() is None:
            if time.monotonic() > until:
                raise OSError("supervisord does not answer")
            time.sleep(0.05)
        return True

    def set(self, name, spec):
        """Have a service run as `spec` says; return whether anything had to change."""
        path = self.directory / (name + ".json")
        known = name in self.known
        if known and read_json(path, None) == spec:
            return False
        write_json(path, spec)
        text = _PROGRAM.format(
            name=name,
            python=sys.executable,
            agent=self.home.agent,
            home=self.home.path,
            logs=self.home.logs,
            startsecs=START_SECONDS,
        )
        write_bytes(self.directory / (name + ".conf"), text.encode())
        if known:
            self._stop(name)
            self.server.supervisor.startProcess(name, False)
        else:
            self.server.supervisor.reloadConfig()
            self.server.supervisor.addProcessGroup(name)
        return True

    def start(self, name):
        """Start a service that supervisord has given up or that was stopped by hand."""
        try:
            self.server.supervisor.startProcess(name, False)
        except xmlrpc.client.Fault:
            return

    def remove(self, name):
        """Stop a service and forget it."""
        if name in self.known:
            self._stop(name)
            self.server.supervisor.removeProcessGroup(name)
        for suffix in (".conf", ".json"):
            (self.directory / (name + suffix)).unlink(missing_ok=True)

    def _stop(self, name):
        try:
            self.server.supervisor.stopProcess(name, True)
        except xmlrpc.client.Fault:
            return

    def halt(self):
        """Stop supervisord with all that it runs."""
        try:
            self.server.supervisor.shutdown()
        except (OSError, http.client.HTTPException, xmlrpc.client.Error):
            return
        until = time.monotonic() + SUPERVISOR_SECONDS
        while self.states() is not None and time.monotonic() < until:
            time.sleep(0.1)
