"""Keystone v3, and a Swift proxy that takes its tokens. The proxy stands before the storage of the first Swift."""

import base64
import json
import os
import shutil
import urllib.error
import urllib.request

from ports import Ports
from service import DIRECT, HERE
from swift import Swift

ADMIN = "admin-password"
SWIFT = "swift-password"
REGION = "RegionOne"


class Keystone(Swift):
    name = "keystone"
    listens = ("http", "proxy", "memcached")
    processes = 3

    def __init__(self, root, ports: Ports, swift: Swift):
        super().__init__(root, ports)
        self.swift = swift
        self.needs = (swift,)

    def launch(self, await_needed) -> None:
        (self.directory / "log").mkdir()
        conf = self.write("keystone.conf")
        self._write_keys()
        self._write_database(conf)
        self.start_memcached()
        self.start("keystone-server", self.python("servers"), "-W", "ignore", HERE / "servers" / "keystone_server.py",
                   self.ports["http"], env={"OS_KEYSTONE_CONFIG_FILES": str(conf)})
        await_needed()
        proxy = self.write_proxy("swift-keystone.conf", auth="authtoken keystoneauth", port=self.ports["proxy"],
                                 memcached=self.ports["memcached"], keystone=self.url("http", ""), password=SWIFT,
                                 swift_dir=self.swift.directory)
        self.start_server("proxy", proxy, self.swift.directory)

    def _write_keys(self) -> None:
        """What `keystone-manage fernet_setup` and `credential_setup` would write, which take nine seconds each."""
        for repository in ("fernet", "credential"):
            (self.directory / repository).mkdir(mode=0o700)
            for number in ("0", "1"):
                (self.directory / repository / number).write_bytes(base64.urlsafe_b64encode(os.urandom(32)))

    def _write_database(self, conf) -> None:
        """The tables and the administrator, which are kept for the next time, as long as the program is."""
        kept, database = self.root / "venvs" / "servers" / "keystone.db", self.directory / "keystone.db"
        if kept.exists():
            shutil.copy(kept, database)
            return
        self._manage(conf, "db_sync")
        self._manage(conf, "bootstrap", "--bootstrap-password", ADMIN, "--bootstrap-region-id", REGION)
        shutil.copy(database, kept.with_suffix(".new"))
        kept.with_suffix(".new").rename(kept)

    def _manage(self, conf, *words: str) -> None:
        python = self.python("servers")
        self.run(python, "-W", "ignore", python.parent / "keystone-manage", "--config-file", conf, *words)

    def probes(self) -> list[str]:
        return [self.url("http", "/v3"), self.url("proxy", "/healthcheck")]

    def prepare(self) -> None:
        """Catalog entries for both, the user Swift asks with, and the user of the tests with a credential of hers."""
        admin = self._log_in("admin", ADMIN, "admin")
        identity = self._create(admin, "service", {"type": "identity", "name": "keystone"})
        storage = self._create(admin, "service", {"type": "object-store", "name": "swift"})
        for interface in ("public", "internal"):
            self._create_endpoint(admin, identity, interface, self.url("http", "/v3"))
            self._create_endpoint(admin, storage, interface, self.url("proxy", "/v1/AUTH_%(tenant_id)s"))
        self._create_user(admin, "swift", SWIFT, "service", "admin")
        user = self._create_user(admin, "tester", "testing", "unlabel", "member")
        tester = self._log_in("tester", "testing", "unlabel")
        asked = {"application_credential": {"name": "tests", "secret": "application-secret"}}
        given = self._ask("POST", f"/users/{user}/application_credentials", asked, tester)[1]["application_credential"]
        credential = {"id": given["id"], "secret": given["secret"]}
        (self.directory / "credential.json").write_text(json.dumps(credential))

    def _create_endpoint(self, token: str, service: str, interface: str, url: str) -> None:
        self._create(token, "endpoint", {"service_id": service, "interface": interface, "region_id": REGION, "url": url})

    def _create_user(self, token: str, name: str, password: str, project: str, role: str) -> str:
        project_id = self._create(token, "project", {"name": project, "domain_id": "default"})
        user_id = self._create(token, "user", {"name": name, "domain_id": "default", "password": password})
        role_id = self._ask("GET", f"/roles?name={role}", None, token)[1]["roles"][0]["id"]
        self._ask("PUT", f"/projects/{project_id}/users/{user_id}/roles/{role_id}", None, token)
        return user_id

    def _create(self, token: str, kind: str, values: dict) -> str:
        return self._ask("POST", f"/{kind}s", {kind: values}, token)[1][kind]["id"]

    def _log_in(self, user: str, password: str, project: str) -> str:
        domain = {"id": "default"}
        identity = {"methods": ["password"],
                    "password": {"user": {"name": user, "domain": domain, "password": password}}}
        scope = {"project": {"name": project, "domain": domain}}
        return self._ask("POST", "/auth/tokens", {"auth": {"identity": identity, "scope": scope}})[0]["X-Subject-Token"]

    def _ask(self, method: str, path: str, body: dict | None, token: str | None = None):
        headers = {"Content-Type": "application/json"} | ({"X-Auth-Token": token} if token else {})
        request = urllib.request.Request(self.url("http", "/v3" + path), method=method, headers=headers,
                                         data=json.dumps(body).encode() if body else None)
        try:
            with DIRECT.open(request, timeout=30) as answer:
                return answer.headers, json.loads(answer.read() or b"{}")
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"keystone: {method} {path}: {error}: {error.read().decode()}") from error

    def describe(self) -> dict:
        credential = json.loads((self.directory / "credential.json").read_text())
        return {
            "authUrl": self.url("http", "/v3"),
            "user": "tester",
            "password": "testing",
            "project": "unlabel",
            "domain": "Default",
            "domainId": "default",
            "region": REGION,
            "appCredentialId": credential["id"],
            "appCredentialSecret": credential["secret"],
        }
