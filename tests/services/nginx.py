"""nginx as a place to upload to, over HTTP and HTTPS, and as a server that redirects, refuses and fails."""

import os
import ssl
import urllib.error
import urllib.request

from service import Service, answers

BEARER = "bearer-of-the-tests"


class Nginx(Service):
    name = "nginx"
    listens = ("http", "https", "other")
    # The shell, the master and a worker.
    processes = 3

    def launch(self, await_needed) -> None:
        for name in ("data/other-port", "temporary"):
            (self.directory / name).mkdir(parents=True)
        self._write_certificates()
        password = self.run("openssl", "passwd", "-apr1", "secret").strip()
        (self.directory / "passwords").write_text(f"tester:{password}\n")
        self.write("locations.conf")
        user = "user root;" if os.geteuid() == 0 else ""
        conf = self.write("nginx.conf", user=user, bearer=BEARER, **self.ports)
        # nginx writes its title over its environment; the shell before it keeps the name of the service.
        self.start("nginx", "/bin/sh", "-c", '"$@"; exit $?', "sh", "/usr/sbin/nginx", "-p", self.directory,
                   "-c", conf, "-e", self.directory / "log" / "error.log")

    def _write_certificates(self) -> None:
        """An authority, and a certificate by it for this machine."""
        self._new_key("ca", "-x509", "-subj", "/CN=unlabel tests", "-addext", "basicConstraints=critical,CA:TRUE",
                      "-addext", "keyUsage=critical,keyCertSign,cRLSign", "-days", "3650", "-out", "ca.pem")
        self._new_key("server", "-subj", "/CN=localhost", "-out", "server.csr")
        (self.directory / "server.ext").write_text(
            "subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\nbasicConstraints=CA:FALSE\n")
        self.run("openssl", "x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
                 "-CAcreateserial", "-days", "800", "-extfile", "server.ext", "-out", "server.pem")

    def _new_key(self, name: str, *words: str) -> None:
        self.run("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                 "-keyout", f"{name}.key", *words)

    def answers(self) -> bool:
        return answers(self.url("http")) and self._answers_https()

    def _answers_https(self) -> bool:
        try:
            trust = ssl.create_default_context(cafile=self.directory / "ca.pem")
            https = urllib.request.HTTPSHandler(context=trust)
            urllib.request.build_opener(urllib.request.ProxyHandler({}), https).open(self._https(), timeout=3)
        except urllib.error.HTTPError as error:
            return error.code < 500
        except OSError:
            return False
        return True

    def _https(self) -> str:
        return f"https://127.0.0.1:{self.ports['https']}/"

    def describe(self) -> dict:
        return {
            "http": self.url("http", ""),
            "https": self._https().rstrip("/"),
            "ca": str(self.directory / "ca.pem"),
            "root": str(self.directory / "data"),
            "user": "tester",
            "password": "secret",
            "bearer": BEARER,
        }
