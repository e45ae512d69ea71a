"""Start, and never answer."""

import signal

signal.pause()
