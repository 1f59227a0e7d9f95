"""What tells the two vendors apart, and the keys of the tests."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Dialect:
    name: str
    #: Before the vendor's own headers.
    prefix: str
    region: str
    #: Made at the start. Others can be made.
    bucket: str
    #: The host that a bucket's name is put before.
    domain: str
    #: All parts but the last must have this size.
    least_part: int
    #: Bytes of user metadata in all.
    most_metadata: int
    #: The code for a Content-MD5 that does not fit.
    bad_digest: str
    upper_case_etag: bool
    #: A range outside the object gives the whole object unless asked otherwise, not an error.
    forgives_ranges: bool


#: A customer's own domain that stands for the bucket.
CUSTOM_DOMAIN = "files.example.test"

OSS = Dialect("oss", "x-oss-", "cn-hangzhou", "tests", "oss-cn-hangzhou.aliyuncs.com", 100 << 10, 8 << 10,
              "InvalidDigest", True, True)
COS = Dialect("cos", "x-cos-", "ap-guangzhou", "tests-1250000000", "cos.ap-guangzhou.myqcloud.com", 1 << 20, 2 << 10,
              "BadDigest", False, False)


@dataclass(frozen=True)
class Key:
    secret: str
    #: Must come along when the key is a temporary one.
    token: str | None = None


KEY, STS_KEY = "AKEXAMPLE", "STS.AKEXAMPLE"
KEYS = {
    KEY: Key("SKEXAMPLE"),
    STS_KEY: Key("STS.SKEXAMPLE", "sts-token-of-the-tests"),
}
