"""The exceptions. Each is one class for what callers do differently; `kind` is the word that reports print."""

from __future__ import annotations

import errno as _errno
import os


class UnlabelError(Exception):
    """What every error of this package is."""

    kind: str
    """The kind as one lower-case word, as reports print it in ``error_code``."""
    reason: str
    """What is wrong, in plain words."""
    path: str | None
    """The file it is about, where there is one."""
    format: str | None
    """The name of the file's format, where it is known."""
    offset: int | None
    """The byte of the input where it was found, where that is known."""
    retryable: bool
    """Whether the same call may succeed when it is made again after a while."""

    def __init__(self, message: str = "", /, **attributes: object) -> None:
        super().__init__(message)
        self.kind, self.reason = "", message
        self.path = self.format = self.offset = None
        self.retryable = False
        self.__dict__.update(attributes)

    def __reduce__(self) -> tuple[object, ...]:
        # Errors travel between the processes of an engine.
        return _restore, (type(self), str(self), dict(self.__dict__), getattr(self, "errno", None))


class UsageError(UnlabelError, ValueError):
    """A label, an option, a URL or a setting of a store is wrong."""


class UnsupportedError(UnlabelError):
    """No format treats the file, or a place cannot do what was asked."""


class MalformedError(UnlabelError, ValueError):
    """The bytes break the rules of their format."""


class LimitError(UnlabelError):
    """The file would take more depth, items or memory than is allowed, or is longer than a place takes."""


class RefusedError(UnlabelError):
    """The file was left alone because a label cannot be taken out of it safely."""


class SignedError(RefusedError):
    """A signature covers the bytes that would change: ``allow_signed`` breaks it."""


class EncryptedError(RefusedError):
    """The label is, or may be, inside encrypted data."""


class ProtectedError(RefusedError):
    """The label is protected by law or names provenance, and is never removed."""


class NestedError(RefusedError):
    """The label belongs to a file inside the file: ``recursive`` reaches it."""


class ConflictError(RefusedError):
    """Two places of the file contradict each other."""


class PartialError(RefusedError):
    """Some places of a label had to stay: ``allow_partial`` delivers the result all the same."""


class UnverifiedError(UnlabelError):
    """The result did not pass verification, which is a defect of this package. Nothing was written."""


class ChangedError(UnlabelError):
    """The input changed while it was being treated. Trying again may help."""


class ExistsError(UnlabelError, FileExistsError):
    """There is a file or object of that name already, and, with ``if_exists="skip"``, it is another result."""


class NotFoundError(UnlabelError, FileNotFoundError):
    """The file, object, bucket or container is not there."""


class DeniedError(UnlabelError, PermissionError):
    """The system or the store does not let these credentials do this."""


class StorageError(UnlabelError, OSError):
    """Reading or writing failed. Whether trying again may help is in ``retryable``."""


class NetworkError(StorageError):
    """The store is not there, does not answer, or sent or took damaged bytes."""


class JobError(UsageError):
    """The output belongs to a job with other labels, options or version."""


_CLASSES: dict[str, type[UnlabelError]] = {
    "usage": UsageError,
    "config": UsageError,
    "name": UsageError,
    "same_file": UsageError,
    "job": JobError,
    "unsupported": UnsupportedError,
    "malformed": MalformedError,
    "limit": LimitError,
    "too_large": LimitError,
    "refused": RefusedError,
    "linked": RefusedError,
    "resized": RefusedError,
    "signed": SignedError,
    "encrypted": EncryptedError,
    "protected": ProtectedError,
    "nested": NestedError,
    "conflict": ConflictError,
    "partial": PartialError,
    "residue": PartialError,
    "unverified": UnverifiedError,
    "changed": ChangedError,
    "exists": ExistsError,
    "not_found": NotFoundError,
    "denied": DeniedError,
    "network": NetworkError,
    "timeout": NetworkError,
    "unavailable": NetworkError,
    "checksum": NetworkError,
}

_BY_ERRNO: dict[int, type[UnlabelError]] = {
    _errno.ENOENT: NotFoundError,
    _errno.EACCES: DeniedError,
    _errno.EPERM: DeniedError,
    _errno.EEXIST: ExistsError,
}


def make(
    kind: str,
    reason: str,
    path: str | os.PathLike[str] | None = None,
    format: str | None = None,
    offset: int | None = None,
    errno: int | None = None,
    retryable: bool = False,
) -> UnlabelError:
    """The exception for an error of the native half."""
    named = None if path is None else os.fspath(path)
    by_errno = _BY_ERRNO.get(errno) if kind == "io" and errno is not None else None
    parts = [part for part in (named, format, reason) if part]
    message = ": ".join(parts) + (f" (at byte {offset})" if offset is not None else "")
    cls = by_errno or _CLASSES.get(kind, StorageError)
    return _restore(
        cls,
        message,
        {
            "kind": kind,
            "reason": reason,
            "path": named,
            "format": format,
            "offset": offset,
            "retryable": retryable or kind == "changed",
        },
        errno,
    )


def _restore(cls: type[UnlabelError], message: str, attributes: dict[str, object], errno: int | None) -> UnlabelError:
    error = cls(message, **attributes)
    if isinstance(error, OSError):
        error.errno = errno
    return error
