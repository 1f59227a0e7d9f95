"""Servers of our own: what takes forms, and the object stores that check signatures."""

from oracle import dialect
from service import HERE, Service

BEARER = "bearer-of-the-tests"


class Receiver(Service):
    name = "receiver"

    def launch(self, await_needed) -> None:
        self.start("receiver", self.python("clients"), HERE / "servers" / "receiver.py", self.ports["http"],
                   self.directory / "received", BEARER)

    def describe(self) -> dict:
        return {"url": self.url("http", ""), "root": str(self.directory / "received"), "bearer": BEARER}


class Oss(Service):
    """Alibaba's object store as far as the sinks use it, with signatures checked by Alibaba's own client."""

    name = "oss"
    dialect = dialect.OSS

    def launch(self, await_needed) -> None:
        self.start(self.name, self.python("clients"), "-m", "oracle.main", self.name, self.ports["http"],
                   self.directory / "objects", env={"PYTHONPATH": str(HERE)})

    def describe(self) -> dict:
        return {
            "endpointUrl": self.url("http", ""),
            # To be addressed as the vendor's servers are: sent as the Host header, with the bucket before it.
            "domain": self.dialect.domain,
            # A customer's own domain, which stands for the bucket.
            "customDomain": dialect.CUSTOM_DOMAIN,
            "bucket": self.dialect.bucket,
            "region": self.dialect.region,
            **self._key("accessKey", "secretKey", dialect.KEY),
            **self._key("stsAccessKey", "stsSecretKey", dialect.STS_KEY),
            "stsToken": dialect.KEYS[dialect.STS_KEY].token,
            # Without a signature: what is visible, and which uploads are unfinished.
            "stateUrl": self.url("http", "/-/state"),
        }

    def _key(self, name: str, secret: str, key: str) -> dict[str, str]:
        return {name: key, secret: dialect.KEYS[key].secret}

    def probes(self) -> list[str]:
        return [self.url("http", "/-/state")]


class Cos(Oss):
    """Tencent's, likewise."""

    name = "cos"
    dialect = dialect.COS
