"""Ceph's gateway: a second, independent S3 and Swift server, with object tags and conditional writes."""

import uuid

from service import Service


class Rgw(Service):
    name = "rgw"
    listens = ("http", "monitor")
    processes = 3

    def launch(self, await_needed) -> None:
        for name in ("mon", "osd", "rgw", "run"):
            (self.directory / name).mkdir()
        fsid = uuid.uuid4()
        self.conf = self.write("ceph.conf", fsid=fsid, monitor=self.ports["monitor"], http=self.ports["http"])
        self._start_monitor(fsid)
        self._start_store()
        self.start("radosgw", "radosgw", "-f", "-c", self.conf, "-n", "client.admin", "--rgw-zone", "default")

    def _start_monitor(self, fsid: uuid.UUID) -> None:
        address = f"[v2:127.0.0.1:{self.ports['monitor']}]"
        self.run("monmaptool", "--create", "--fsid", fsid, "--addv", "a", address, "--clobber", "monmap")
        self.run("ceph-authtool", "--create-keyring", "keyring", "--gen-key", "-n", "mon.", "--cap", "mon", "allow *")
        self.run("ceph-authtool", "keyring", "--gen-key", "-n", "client.admin", "--cap", "mon", "allow *",
                 "--cap", "osd", "allow *", "--cap", "mgr", "allow *")
        self.run("ceph-mon", "-c", self.conf, "--mkfs", "-i", "a", "--monmap", "monmap", "--keyring", "keyring")
        self.start("ceph-mon", "ceph-mon", "-f", "-c", self.conf, "-i", "a")

    def _start_store(self) -> None:
        identity = uuid.uuid4()
        self.run("ceph", "-c", self.conf, "osd", "new", identity, "0")
        self.run("ceph-osd", "-c", self.conf, "-i", "0", "--mkfs", "--osd-uuid", identity)
        self.run("ceph", "-c", self.conf, "osd", "crush", "add", "osd.0", "1.0", "host=h", "root=default")
        self.start("ceph-osd", "ceph-osd", "-f", "-c", self.conf, "-i", "0")

    def prepare(self) -> None:
        self._admin("user", "create", "--uid", "test", "--display-name", "test", "--access-key", "AKEXAMPLE",
                    "--secret-key", "SKEXAMPLE")
        self._admin("subuser", "create", "--uid", "test", "--subuser", "test:tester", "--access", "full",
                    "--key-type", "swift", "--secret", "testing")

    def _admin(self, *words: str) -> None:
        self.run("radosgw-admin", "-c", self.conf, *words)

    def describe(self) -> dict:
        return {
            "authUrl": self.url("http", "/auth/v1.0"),
            "user": "test:tester",
            "key": "testing",
            "s3": {
                "endpointUrl": self.url("http", ""),
                "accessKey": "AKEXAMPLE",
                "secretKey": "SKEXAMPLE",
                "region": "us-east-1",
            },
        }
