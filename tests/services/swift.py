"""OpenStack Swift on one device, with its S3 API. The small tree refuses objects that others take, and soon forgets
tokens."""

import getpass
import os

from service import HERE, Service


class Swift(Service):
    name = "swift"
    listens = ("http", "account", "container", "object", "memcached")
    processes = 5
    max_file_size = 5 * 1024**3 + 2
    token_life = 86400

    def launch(self, await_needed) -> None:
        (self.directory / "devices" / "d1").mkdir(parents=True)
        self._needs_attributes()
        self.write("swift.conf", max_file_size=self.max_file_size)
        self.start_memcached()
        backends = ("account", "container", "object")
        self.run(self.python("servers"), HERE / "servers" / "swift_rings.py", self.directory,
                 *(f"{kind}:{self.ports[kind]}" for kind in backends))
        for kind in backends:
            conf = self.write("swift-backend.conf", f"{kind}.conf", kind=kind, port=self.ports[kind],
                              user=getpass.getuser())
            self.start_server(kind, conf)
        conf = self.write_proxy("swift-tempauth.conf", auth="s3api tempauth", port=self.ports["http"],
                                memcached=self.ports["memcached"], token_life=self.token_life)
        self.start_server("proxy", conf)

    def _needs_attributes(self) -> None:
        """Swift keeps what it knows of an object in the file's attributes."""
        try:
            os.setxattr(self.directory / "devices", "user.unlabel.test", b"1")
        except OSError as error:
            raise RuntimeError(f"{self.directory} must be on a file system with user attributes: {error}") from error

    # The Keystone service has a proxy of this kind, too.

    def start_memcached(self) -> None:
        self.start("memcached", "memcached", "-l", "127.0.0.1", "-p", self.ports["memcached"], "-U", "0", "-m", "32",
                   *(["-u", "root"] if os.geteuid() == 0 else []))

    def write_proxy(self, filters: str, **values):
        values = {"user": getpass.getuser(), "swift_dir": self.directory, **values}
        proxy = self.write("swift-proxy.conf", "proxy.conf", **values)
        more = self.write(filters, **values)
        proxy.write_text(proxy.read_text() + more.read_text())
        return proxy

    def start_server(self, kind: str, conf, swift_dir=None) -> None:
        self.start(kind, self.python("servers"), HERE / "servers" / "swift_server.py", kind, conf,
                   swift_dir or self.directory)

    def probes(self) -> list[str]:
        backends = (f"http://127.0.0.1:{self.ports[kind]}/healthcheck" for kind in ("account", "container", "object"))
        return [self.url("http", "/healthcheck"), *backends]

    def describe(self) -> dict:
        return {
            "authUrl": self.url("http", "/auth/v1.0"),
            "user": "test:tester",
            "key": "testing",
            "readonlyUser": "test:readonly",
            "readonlyKey": "reading",
            "maxFileSize": self.max_file_size,
            "tokenLife": self.token_life,
            "s3": {
                "endpointUrl": self.url("http", ""),
                "accessKey": "test:tester",
                "secretKey": "testing",
                "region": "us-east-1",
            },
            "root": str(self.directory / "devices"),
        }


class SmallSwift(Swift):
    name = "swift_small"
    max_file_size = 10 * 1024**2
    token_life = 4
