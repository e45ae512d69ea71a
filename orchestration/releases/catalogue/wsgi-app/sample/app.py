"""Counts its visitors in its database, and says who it is: `app:application`."""

import os

import psycopg2

VERSION = "one"


def application(environ, start_response):
    """Add a row and answer with the number of rows."""
    session = psycopg2.connect(os.environ["DATABASE_URL"], connect_timeout=5)
    try:
        with session, session.cursor() as cursor:
            cursor.execute("CREATE TABLE IF NOT EXISTS visit (path text)")
            if environ["REQUEST_METHOD"] == "POST":
                cursor.execute("INSERT INTO visit VALUES (%s)", [environ["PATH_INFO"]])
            cursor.execute("SELECT count(*) FROM visit")
            (count,) = cursor.fetchone()
    finally:
        session.close()
    greeting = os.environ.get("GREETING", "")
    text = f"{VERSION} {count} {greeting}".strip()
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    return [text.encode()]
