"""Lets schemathesis in: requests signed as the vendor documents it, and the token of the batch calls."""

import hashlib
import hmac
import time

import schemathesis


@schemathesis.auth(refresh_interval=None)
class Keys:
    def get(self, case, context):
        timestamp = "{0:.0f}".format(time.time())
        secret = "SKEXAMPLE0001secret"
        token = hmac.new(secret.encode(), (secret + timestamp).encode(), hashlib.sha256).hexdigest()
        return {"Authorization": f"SKG AKEXAMPLE0001:{token}", "x-skg-timestamp": timestamp}

    def set(self, case, data, context):
        is_signed = case.operation.path.startswith("/skg/")
        case.headers.update(data if is_signed else {"X-Auth-Token": "token-of-every-project"})
