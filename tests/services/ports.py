"""Ports on loopback. Each service keeps its own from one start to the next where they are still free."""

import json
import random
import socket
import threading
from pathlib import Path

# Below the range from which Linux takes the ports of outgoing connections, so that none of these takes ours.
RANGE = range(18000, 32000)


class Ports:
    """The ports of all services, written to a file."""

    def __init__(self, file: Path):
        self.file = file
        self.lock = threading.Lock()
        self.known: dict[str, dict[str, int]] = json.loads(file.read_text()) if file.exists() else {}

    def take(self, service: str, *names: str) -> dict[str, int]:
        """One free port per name. The service must not run."""
        with self.lock:
            ports = self.known.setdefault(service, {})
            for name in names:
                if name not in ports or not is_free(ports[name]):
                    ports[name] = self._other()
            self.file.write_text(json.dumps(self.known, indent=1))
            return ports

    def _other(self) -> int:
        taken = {port for ports in self.known.values() for port in ports.values()}
        for port in random.sample(RANGE, 200):
            if port not in taken and is_free(port):
                return port
        raise RuntimeError(f"no free port between {RANGE.start} and {RANGE.stop}")


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
