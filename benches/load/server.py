"""A server of the release build, as the load finds it."""

import hashlib
import hmac
import http.client
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

from measure import RELEASE

ACCESS, SECRET = "load", "a secret of the load"
TICK = os.sysconf("SC_CLK_TCK")


def free_port():
    with socket.socket() as it:
        it.bind(("127.0.0.1", 0))
        return it.getsockname()[1]


def signed():
    """Credentials and their time, good for five minutes."""
    now = str(int(time.time()))
    return f"SKG {ACCESS}:" + hmac.new(SECRET.encode(), (SECRET + now).encode(), hashlib.sha256).hexdigest(), now


class Server:
    """`unlabel serve` with its state in a folder, until it is stopped."""

    def __init__(self, folder: Path, config: str = "", tls: bool = False):
        self.folder, self.address, self.scheme = folder, f"127.0.0.1:{free_port()}", "https" if tls else "http"
        (folder / "server.toml").write_text(f"""{'' if tls else 'tls.plain_http = true'}
{config}
[[applications]]
id = "load"
access_key = "{ACCESS}"
secret_key = "{SECRET}"
""")
        self.start()

    def start(self):
        command = [RELEASE / "unlabel", "serve", "--config", self.folder / "server.toml", "--listen", self.address]
        log = open(self.folder / "log", "a")
        environment = os.environ | {"UNLABEL_LOG": "warn"}
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment)
        if not self.process.stdout.readline().startswith("listening on "):
            raise SystemExit(f"the server does not start: {(self.folder / 'log').read_text()}")

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        self.process.terminate()
        self.process.wait()

    def cpu(self) -> float:
        """Seconds of user and system so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def mib(self) -> float:
        """Memory of its own, without the pages of uploads that are mapped."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("RssAnon:")[1].split()[0]) / 1024

    def stripped(self) -> int:
        """Files that were stripped so far."""
        host, port = self.address.split(":")
        client = http.client.HTTPConnection(host, int(port), timeout=20)
        client.request("GET", "/metrics")
        lines = client.getresponse().read().decode().splitlines()
        return sum(int(line.split()[-1]) for line in lines if line.startswith('unlabel_files_total{outcome="stripped"'))
