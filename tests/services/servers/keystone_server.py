"""Serves Keystone on loopback: keystone_server.py PORT. Runs in the servers' environment."""

import sys

port = int(sys.argv.pop())

# Reads what is left of the command line.
from keystone.wsgi.api import application  # noqa: E402
from werkzeug.serving import run_simple  # noqa: E402

run_simple("127.0.0.1", port, application, threaded=True)
