"""What is wrong has its class and its words, and no secrets."""

from __future__ import annotations

import copy
import pickle

import pytest
import unlabel
from made import docx


def caught(call) -> unlabel.UnlabelError:
    with pytest.raises(unlabel.UnlabelError) as caught:
        call()
    return caught.value


def test_every_error_is_an_unlabel_error_and_what_python_calls_it(tmp_path) -> None:
    source = tmp_path / "a.docx"
    source.write_bytes(docx(id="1"))
    (tmp_path / "there.docx").write_bytes(b"another")
    there = tmp_path / "there.docx"
    for call, cls, builtin, kind in [
        (lambda: unlabel.strip(b"", labels=[]), unlabel.UsageError, ValueError, "usage"),
        (lambda: unlabel.strip(b"", labels=[""]), unlabel.UsageError, ValueError, "usage"),
        (lambda: unlabel.strip(b"", labels=["@nobody"]), unlabel.UsageError, ValueError, "usage"),
        (lambda: unlabel.strip(b"", labels=["a"], layout="tight"), unlabel.UsageError, ValueError, "usage"),
        (lambda: unlabel.strip(b"zz", labels=["a"]), unlabel.UnsupportedError, unlabel.UnlabelError, "unsupported"),
        (
            lambda: unlabel.strip(source.read_bytes()[:-9], labels=["id"]),
            unlabel.MalformedError,
            ValueError,
            "malformed",
        ),
        (
            lambda: unlabel.strip_file(tmp_path / "no", tmp_path / "x", labels=["a"]),
            unlabel.NotFoundError,
            FileNotFoundError,
            "io",
        ),
        (lambda: unlabel.list_labels(tmp_path / "no"), unlabel.NotFoundError, FileNotFoundError, "io"),
        (lambda: unlabel.plan(tmp_path, labels=["a"]), unlabel.StorageError, OSError, "io"),
        (lambda: unlabel.strip_file(source, there, labels=["id"]), unlabel.ExistsError, FileExistsError, "exists"),
        (
            lambda: unlabel.strip_file(source, there, labels=["id"], if_exists="skip"),
            unlabel.ExistsError,
            OSError,
            "exists",
        ),
        (
            lambda: unlabel.strip_file(source, source, labels=["id"], if_exists="overwrite"),
            unlabel.UsageError,
            ValueError,
            "same_file",
        ),
        (lambda: unlabel.list_labels("s3://"), unlabel.UsageError, ValueError, "config"),
        (lambda: unlabel.list_labels("oss://b/k"), unlabel.UsageError, ValueError, "config"),
    ]:
        error = caught(call)
        assert isinstance(error, cls) and isinstance(error, builtin) and error.kind == kind, repr(error)
        assert error.reason and error.reason in str(error)


def test_where_it_happened_is_told(tmp_path) -> None:
    source = tmp_path / "a.docx"
    source.write_bytes(docx(id="1")[:-9])
    error = caught(lambda: unlabel.strip_file(source, tmp_path / "b.docx", labels=["id"]))
    assert isinstance(error, unlabel.MalformedError)
    assert error.path == str(source) and error.format == "ooxml" and not error.retryable
    assert not (tmp_path / "b.docx").exists()
    missing = caught(lambda: unlabel.list_labels(tmp_path / "no"))
    assert isinstance(missing, OSError) and missing.errno == 2


def test_errors_travel_between_processes() -> None:
    errors = [
        caught(lambda: unlabel.strip(b"zz", labels=["a"])),
        caught(lambda: unlabel.list_labels("/nowhere/at/all")),
        unlabel.UnlabelError("made by hand"),
    ]
    for error in errors:
        for again in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
            assert type(again) is type(error) and str(again) == str(error)
            assert again.__dict__ == error.__dict__
            assert getattr(again, "errno", None) == getattr(error, "errno", None)


def test_one_text_is_no_list_of_rules() -> None:
    with pytest.raises(unlabel.UsageError, match="lists of rules"):
        unlabel.strip(b"", labels="id")
    with pytest.raises(unlabel.UsageError, match="lists of rules"):
        unlabel.strip(b"", all=True, keep="id")
    with pytest.raises(TypeError, match="unexpected keyword argument 'alow_signed'"):
        unlabel.strip(b"", labels=["id"], alow_signed=True)  # type: ignore[call-arg]


def test_secrets_are_in_no_error_and_no_report(tmp_path) -> None:
    source = tmp_path / "a.docx"
    source.write_bytes(docx(id="1"))
    secrets = {
        "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "hush-hush",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_REGION": "us-east-1",
    }
    error = caught(lambda: unlabel.list_labels("s3://bucket/key", storage_options=secrets))
    assert isinstance(error, unlabel.NetworkError) and error.retryable
    assert "hush" not in repr(error) + str(error) + str(error.__dict__)
    (row,) = unlabel.strip_files(["https://127.0.0.1:9/a.docx?sig=hush-hush"], tmp_path / "o", labels=["id"])
    assert row["outcome"] == "failed" and "hush" not in str(row)
    assert row["path"] == "https://127.0.0.1:9/a.docx"
    error = caught(lambda: unlabel.plan("https://127.0.0.1:9/a.docx?sig=hush-hush", labels=["id"]))
    assert "hush" not in str(error) + str(error.path)
    error = caught(lambda: unlabel.list_labels("s3://a:hush@bucket/key"))
    assert "hush" not in str(error)
