"""Run a PostgreSQL of one user and one database: `serve.py PROGRAMS CONFIGURATION`.

What the configuration asks for is made before every start, by the server's single-user mode: no
superuser ever listens, and another password or database is there after the next start.
"""

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

# Who copies the cluster for a backup, from the same machine.
BACKUP = "tenantry_backup"


def main(programs, asked):
    """Serve until ended; then end the sessions and stop without losing anything."""
    data = Path(asked["data"])
    if not (data / "PG_VERSION").exists():
        initialise(programs, data)
    make(programs, data, asked)
    settings = {
        "listen_addresses": asked["addresses"],
        "port": str(asked["port"]),
        "unix_socket_directories": "",
        "hba_file": asked["access"],
        "max_connections": str(asked["connections"]),
        "shared_buffers": "32MB",
        "password_encryption": "scram-sha-256",
    }
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    # It keeps the lock that says that this service runs: there is never a second one.
    server = subprocess.Popen([programs / "postgres", "-D", data, *options], close_fds=False)
    # SIGTERM would wait for every client to leave by itself.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: server.send_signal(signal.SIGINT))
    return server.wait()


def initialise(programs, data):
    """Make the cluster, whole or not at all: its name comes last."""
    new = data.with_name(data.name + ".new")
    shutil.rmtree(new, ignore_errors=True)
    # The rules of sorting come with the server: an instance may move between systems.
    asked = "--username=postgres --encoding=UTF8 --locale=C --auth=reject --no-instructions"
    rules = "--locale-provider=builtin --builtin-locale=C.UTF-8"
    command = [programs / "initdb", "-D", new, *asked.split(), *rules.split()]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    new.rename(data)


def make(programs, data, asked):
    """Make the user and the database, or give the user of before the password of now."""
    user, database = quoted(asked["user"]), quoted(asked["database"])
    password = "'{}'".format(asked["password"].replace("'", "''"))
    known = alone(
        programs, data, ["SELECT rolname FROM pg_roles", "SELECT datname FROM pg_database"]
    )
    verb = "ALTER" if f'rolname = "{asked["user"]}"' in known else "CREATE"
    commands = [f"{verb} ROLE {user} LOGIN PASSWORD {password}"]
    verb = "ALTER" if f'rolname = "{BACKUP}"' in known else "CREATE"
    commands.append(f"{verb} ROLE {BACKUP} LOGIN REPLICATION PASSWORD {password}")
    if f'datname = "{asked["database"]}"' in known:
        commands.append(f"ALTER DATABASE {database} OWNER TO {user}")
    else:
        commands.append(f"CREATE DATABASE {database} OWNER {user}")
    alone(programs, data, commands)


def alone(programs, data, commands):
    """Run commands in the single-user mode and return what it prints; one that fails ends us."""
    quiet = "-c exit_on_error=on -c log_min_error_statement=panic"
    done = subprocess.run(
        [programs / "postgres", "--single", "-j", "-D", data, *quiet.split(), "postgres"],
        input="".join(command + ";\n\n" for command in commands),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout


def quoted(name):
    """Return a name as SQL writes it."""
    return '"{}"'.format(name.replace('"', '""'))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text())))
