"""Bytes in, bytes out."""

from __future__ import annotations

import array
import mmap
import zipfile

import pytest
import unlabel
from made import ROOT, docx, properties, words


def test_a_label_goes_and_the_rest_stays() -> None:
    before = docx("Hello", id="8888", Owner="Ann")
    after = unlabel.strip(before, labels={"id": "8888"})
    assert len(after) == len(before)
    assert properties(after) == {"Owner": "Ann"}
    assert words(after) == "Hello"
    assert b"8888" not in after


def test_labels_are_a_mapping_of_literal_keys_or_a_list_of_rules() -> None:
    before = docx(id="8888", MSIP_Label_1_Name="Secret", **{"a*": "1", "abc": "2"})
    keys = ["id", "MSIP_Label_1_Name", "a*", "abc"]
    for labels, gone in [
        ({"id": None}, ["id"]),
        ({"id": ""}, ["id"]),
        ({"id": "1"}, []),
        ({"a*": None}, ["a*"]),
        (["a*"], ["a*", "abc"]),
        (["id=8888", "@msip"], ["id", "MSIP_Label_1_Name"]),
        (["id=1"], []),
        (iter(["/^a/"]), ["a*", "abc"]),
    ]:
        after = properties(unlabel.strip(before, labels=labels))
        assert list(after) == [key for key in keys if key not in gone], labels
    assert list(properties(unlabel.strip(before, all=True, keep=["id"]))) == ["id"]
    assert "id" not in properties(unlabel.strip(before, labels={"id": "1"}, ignore_value=True))


def test_clean_bytes_come_back_as_they_are() -> None:
    before = docx(Owner="Ann")
    assert unlabel.strip(before, labels=["id"]) is before
    once = unlabel.strip(docx(id="1"), labels=["id"])
    assert unlabel.strip(once, labels=["id"]) is once
    assert unlabel.plan(before, labels=["id"]) == []


def test_compact_is_shorter_and_options_arrive() -> None:
    before = docx(id="8888" * 40)
    assert len(unlabel.strip(before, labels=["id"], layout="compact")) < len(before)
    pruned = unlabel.strip(before, labels=["id"], prune_empty=True, proof="full")
    import io

    assert "docProps/custom.xml" not in zipfile.ZipFile(io.BytesIO(pruned)).namelist()


def test_files_inside_are_reached_where_asked() -> None:
    import io

    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as package:
        package.writestr("a.docx", docx(id="8888"))
    with pytest.raises(unlabel.RefusedError) as caught:
        unlabel.strip(out.getvalue(), labels=["id"])
    assert caught.value.kind == "nested"
    with zipfile.ZipFile(io.BytesIO(unlabel.strip(out.getvalue(), labels=["id"], recursive=True))) as package:
        assert properties(package.read("a.docx")) == {}


def test_a_plan_is_the_result() -> None:
    before = docx("Hello", id="8888", Owner="Ann")
    edits = unlabel.plan(before, labels=["id"])
    after = bytearray(before)
    for edit in reversed(edits):
        assert len(edit) == len(edit.replacement)
        after[edit.start : edit.end] = edit.replacement
    assert after == unlabel.strip(before, labels=["id"])
    assert "8888" not in repr(edits) and "bytes" in repr(edits)


def test_labels_are_listed() -> None:
    listing = unlabel.list_labels(docx(id="8888"))
    assert listing["format"] == "ooxml" and listing["guards"] == []
    (label,) = listing["labels"]
    assert (label["key"], label["value"], label["kind"]) == ("id", "8888", "custom")
    assert label["sites"][0]["place"] and label["sites"][0]["offset"] > 0
    example = ROOT / "examples/bridge.jpg"
    custom, every = unlabel.list_labels(example), unlabel.list_labels(str(example), all_kinds=True)
    assert len(custom["labels"]) < len(every["labels"])


def test_a_name_helps_where_bytes_do_not_tell_the_format() -> None:
    text = b"---\nid: 8888\n---\nHello\n"
    with pytest.raises(unlabel.UnsupportedError):
        unlabel.strip(text, labels=["id"])
    assert b"8888" not in unlabel.strip(text, labels=["id"], name="a.md")


def buffers(content: bytes, tmp_path) -> dict[str, object]:
    path = tmp_path / "buffer"
    path.write_bytes(content)
    opened = path.open("r+b")
    padded = content + b"\0" * (-len(content) % 8)
    return {
        "bytes": content,
        "bytearray": bytearray(content),
        "memoryview": memoryview(content),
        "a part": memoryview(b"xx" + content + b"xx")[2:-2],
        "read-only view of what can be written to": memoryview(bytearray(content)).toreadonly(),
        "mmap": mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_WRITE),
        "read-only mmap": mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ),
        "chars": memoryview(bytearray(content)).cast("c"),
        "signed": array.array("b", content),
        "two-dimensional": memoryview(padded).cast("B", shape=[len(padded) // 8, 8]),
    }


@pytest.mark.parametrize("size", [0, 3 << 20])
def test_every_contiguous_buffer_is_read(size: int, tmp_path) -> None:
    # Stored, so that the document is as long as its filler: views of a size are read by ranges, shorter ones copied.
    import io

    out = io.BytesIO(docx("Hello", id="8888", Owner="Ann"))
    with zipfile.ZipFile(out, "a", zipfile.ZIP_STORED) as package:
        package.writestr("word/media/filler.bin", bytes(size))
    content = out.getvalue()
    want = unlabel.strip(content, labels=["id"])
    for kind, buffer in buffers(content, tmp_path).items():
        if kind == "two-dimensional" and len(content) % 8:
            continue
        assert unlabel.strip(buffer, labels=["id"]) == want, kind
        assert len(unlabel.plan(buffer, labels=["id"])) > 0, kind
        assert unlabel.list_labels(buffer)["labels"][0]["key"] == "id", kind


def test_a_gap_is_not_contiguous_and_text_is_no_buffer() -> None:
    with pytest.raises(unlabel.UsageError, match="contiguous"):
        unlabel.strip(memoryview(b"abcdef")[::2], labels=["id"])
    with pytest.raises(unlabel.UsageError, match="strip_file takes paths"):
        unlabel.strip("a.docx", labels=["id"])  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        unlabel.strip(7, labels=["id"])  # type: ignore[arg-type]


def test_large_bytes_are_not_copied() -> None:
    import io
    import resource

    out = io.BytesIO(docx(id="8888"))
    with zipfile.ZipFile(out, "a", zipfile.ZIP_STORED) as package:
        package.writestr("filler.bin", bytes(200 << 20))
    content = out.getvalue()
    del out
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert unlabel.list_labels(content)["labels"]
    # The peak of the process was that of making the content; a copy of it would be 200 MiB more.
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 64 << 10, f"{grown} KiB"
