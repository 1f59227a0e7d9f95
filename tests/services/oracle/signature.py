"""Checks the Authorization of a request by having the vendor's own client sign the same request.

Alibaba: version 4 only. The client's signature depends on private methods of the pinned release; the public one signs
with the time of now. Tencent: the client signs for a time that starts a minute ago, so the clock is set while it signs.
"""

import re
import threading
import time
from datetime import datetime, timezone
from types import SimpleNamespace

from oss2.auth import AuthV4
from qcloud_cos import cos_auth
from requests.structures import CaseInsensitiveDict

from .dialect import KEYS, Key
from .messages import Refused, Request

ALLOWED_SKEW = 15 * 60


def check(request: Request) -> None:
    given = request.headers.get("authorization")
    if not given:
        raise Refused(403, "AccessDenied", "there is no Authorization")
    (check_oss if request.dialect.name == "oss" else check_cos)(request, given)


def check_oss(request: Request, given: str) -> None:
    parts = re.fullmatch(r"OSS4-HMAC-SHA256 (.*)", given)
    if not parts:
        raise Refused(400, "InvalidArgument", "only signatures of version 4 are taken here")
    fields = dict(word.strip().split("=", 1) for word in parts[1].split(",") if "=" in word)
    name, date, region, *rest = fields.get("Credential", "").split("/") + [""] * 3
    if (region, *rest[:2]) != (request.dialect.region, "oss", "aliyun_v4_request"):
        raise Refused(400, "InvalidArgument", f"the credential is for {region}, {rest}")
    moment = request.headers.get("x-oss-date", "")
    check_oss_date(moment, date)
    if request.headers.get("x-oss-content-sha256") != "UNSIGNED-PAYLOAD":
        raise Refused(400, "InvalidArgument", "x-oss-content-sha256 must be UNSIGNED-PAYLOAD")
    key = known(request, name)
    additional = [header for header in fields.get("AdditionalHeaders", "").split(";") if header]
    expected = sign_oss(request, name, key, moment, additional)
    compare(fields.get("Signature"), expected)


def check_oss_date(moment: str, date: str) -> None:
    try:
        when = datetime.strptime(moment, "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc)
    except ValueError as error:
        raise Refused(403, "AccessDenied", f"x-oss-date is {moment!r}") from error
    if abs(when.timestamp() - time.time()) > ALLOWED_SKEW:
        raise Refused(403, "RequestTimeTooSkewed", moment)
    if moment[:8] != date:
        raise Refused(400, "InvalidArgument", f"the credential is of {date}, the request of {moment}")


def sign_oss(request: Request, name: str, key: Key, moment: str, additional: list[str]) -> str:
    auth = AuthV4(name, key.secret)
    signed = SimpleNamespace(method=request.method, params=request.query, headers=CaseInsensitiveDict(request.headers),
                             region=request.dialect.region, product="oss", cloudbox_id=None)
    # "_ProviderAuthV4__" is how Python spells the private methods of that class.
    headers = auth._ProviderAuthV4__get_additional_signed_headers(additional or None)
    credentials = auth.credentials_provider.get_credentials()
    return auth._ProviderAuthV4__make_signature(signed, request.bucket, request.key, headers, credentials, moment)


def check_cos(request: Request, given: str) -> None:
    fields = dict(word.split("=", 1) for word in given.strip().split("&") if "=" in word)
    if fields.get("q-sign-algorithm") != "sha1":
        raise Refused(403, "AccessDenied", "q-sign-algorithm must be sha1")
    begin, end = cos_times(fields)
    key = known(request, fields.get("q-ak", ""))
    expected = [sign_cos(request, fields, key, begin, end, host) for host in cos_hosts(request)]
    compare(fields.get("q-signature"), *expected)


def cos_times(fields: dict[str, str]) -> tuple[int, int]:
    times = re.fullmatch(r"(\d+);(\d+)", fields.get("q-sign-time", ""))
    if not times or fields.get("q-key-time") != times[0]:
        raise Refused(403, "AccessDenied", "q-sign-time and q-key-time must be the same")
    begin, end = int(times[1]), int(times[2])
    if not begin - ALLOWED_SKEW <= time.time() <= end:
        raise Refused(403, "RequestTimeTooSkewed" if time.time() < begin else "AccessDenied", "Request has expired")
    return begin, end


def cos_hosts(request: Request) -> set[str]:
    """The vendor's client signs the host without its port, others as it is sent."""
    return {request.host, request.host.rpartition(":")[0] or request.host}


clock = threading.Lock()


def sign_cos(request: Request, fields: dict[str, str], key: Key, begin: int, end: int, host: str) -> str:
    names = fields.get("q-header-list", "").split(";")
    params = fields.get("q-url-param-list", "").split(";")
    headers = {name: value for name, value in (request.headers | {"host": host}).items() if name in names}
    conf = SimpleNamespace(_secret_id=fields["q-ak"], _secret_key=key.secret, _credential_inst=None, _anonymous=False,
                           _sign_params=True, _sign_host="host" in names)
    query = {name: value for name, value in request.query.items() if name.lower() in params}
    signed = SimpleNamespace(method=request.method, url=f"http://{host}{request.path}", headers=headers)
    with clock:
        cos_auth.time = SimpleNamespace(time=lambda: begin + 60)
        try:
            cos_auth.CosS3Auth(conf, request.path, query, end - begin - 60)(signed)
        finally:
            cos_auth.time = time
    return signed.headers["Authorization"].rpartition("q-signature=")[2]


def known(request: Request, name: str) -> Key:
    """The key of that name, if the token that belongs to it came along."""
    if name not in KEYS:
        raise Refused(403, "InvalidAccessKeyId", name)
    token = request.own("security-token")
    if token != KEYS[name].token:
        raise Refused(403, "InvalidSecurityToken" if token else "InvalidAccessKeyId", "the token does not fit the key")
    return KEYS[name]


def compare(given: str | None, *expected: str) -> None:
    if given not in expected:
        raise Refused(403, "SignatureDoesNotMatch", f"given {given}, expected {' or '.join(expected)}")
