"""Runs one server of Swift: swift_server.py KIND CONFIGURATION DIRECTORY. In the directory are swift.conf and the
rings. Runs in the servers' environment."""

import importlib
import sys
from pathlib import Path

from swift.common import constraints, utils

kind, conf, directory = sys.argv[1:]
# Limits are read once, from /etc/swift, before any option is looked at.
utils.SWIFT_CONF_FILE = str(Path(directory) / "swift.conf")
constraints.reload_constraints()

module = {"object": "obj"}.get(kind, kind)
# Told to be verbose, it writes to standard error as well.
sys.argv = [f"swift-{kind}-server", conf, "--verbose"]
sys.exit(importlib.import_module(f"swift.{module}.server").main())
