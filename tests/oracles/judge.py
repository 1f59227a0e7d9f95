#!/usr/bin/env python3
"""Readers and writers that are not ours, kept running for the tests.

Reads one JSON request per line from standard input and answers each with one JSON line:

  {"do": "open", "path": P}                     -> {"ok": true, "seen": {...}}   what a reader of that type sees
  {"do": "inject", "path": P, "to": Q, "key": K, "value": V}
                                                -> {"ok": true}                  P with one label more, written to Q
  {"do": "streams", "path": P}                  -> {"ok": true, "to": Q}         all decoded streams of a PDF, joined in Q
  {"do": "mail", "path": P}                     -> {"ok": true, "fields": [...], "bodies": [...]} of every message and part
  {"do": "compound", "path": P}                 -> {"ok": true, "seen": {...}}   streams and property sets of a compound file
  {"do": "outlook", "path": P}                  -> {"ok": true, "seen": {...}}   what stands in a message of Outlook
  {"do": "blanked", "path": P}                  -> {"ok": true, "to": Q}         a compound file without its content, in Q
  {"do": "elements", "path": P}                 -> {"ok": true, "elements": [...]} path and content hash of every XML element
  {"do": "book", "path": P}                     -> {"ok": true, "elements": [...]} the same of what describes an EPUB
  {"do": "attach", "path": P, "files": [F, ...], "picture": J, "security": S, "to": Q}
                                                -> {"ok": true}                  P with attachments and a picture, written to Q
  {"do": "attachments", "path": P}              -> {"ok": true, "files": [...]}  name, data in hex, size and checksum of each
  {"do": "entries", "path": P}                  -> {"ok": true, "entries": [...]} key and value of every entry at the top of JSON,
                                                YAML or a front matter, and the text behind that
  {"do": "data", "kind": D, "to": Q, "key": K, "value": V}
                                                -> {"ok": true}                  data files of a kind with that label, in the folder Q
  {"do": "table", "path": P}                    -> {"ok": true, "seen": {...}}   content and labels of a data file
  {"do": "members", "path": P}                  -> {"ok": true, "members": [...]} name and content hash of every ZIP member

A reader that refuses answers {"ok": false, "error": "..."}; the tests compare that with the answer for the input.
"""

import email
import email.policy
import hashlib
import io
import json
import mailbox
import re
import shutil
import sys
import tempfile
import warnings
import zipfile
from xml.etree import ElementTree
from xml.sax.saxutils import escape, quoteattr

import docx
import extract_msg
import nbformat
import olefile
import openpyxl
import pikepdf
import pptx
import yaml
from PIL import Image, ImageFile, PngImagePlugin
from striprtf.striprtf import rtf_to_text

warnings.simplefilter("ignore")
ImageFile.LOAD_TRUNCATED_IMAGES = False

CUSTOM_TYPE = "application/vnd.openxmlformats-officedocument.custom-properties+xml"
CUSTOM_REL = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/custom-properties"
CUSTOM_NS = "http://schemas.openxmlformats.org/officeDocument/2006/custom-properties"
TYPES_NS = "http://schemas.openxmlformats.org/officeDocument/2006/docPropsVTypes"
FMTID = "{D5CDD505-2E9C-101B-9397-08002B2CF9AE}"


def digest(parts):
    total = hashlib.sha256()
    for part in parts:
        total.update(part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part)
        total.update(b"\0")
    return total.hexdigest()


def core_of(package):
    core = package.core_properties
    names = ("author", "category", "comments", "content_status", "keywords", "subject", "title", "version")
    return {name: getattr(core, name, None) for name in names}


def open_docx(path):
    document = docx.Document(path)
    texts = [paragraph.text for paragraph in document.paragraphs]
    texts += [cell.text for table in document.tables for row in table.rows for cell in row.cells]
    return {"core": core_of(document), "content": digest(texts)}


def open_pptx(path):
    show = pptx.Presentation(path)
    texts = [shape.text_frame.text for slide in show.slides for shape in slide.shapes if shape.has_text_frame]
    return {"core": core_of(show), "content": digest(texts)}


def open_xlsx(path):
    book = openpyxl.load_workbook(path)
    custom = [[prop.name, str(prop.value)] for prop in book.custom_doc_props.props]
    # Array formulas are objects, which print where they lie in memory.
    values = (cell.value for sheet in book.worksheets for row in sheet.iter_rows() for cell in row)
    cells = [str(getattr(value, "text", value)) for value in values]
    return {"custom": custom, "content": digest(cells)}


def open_odf(path):
    """User-defined properties, and the text."""
    with zipfile.ZipFile(path) as package:
        custom = []
        if "meta.xml" in package.namelist():
            meta = ElementTree.fromstring(package.read("meta.xml"))
            name = "{urn:oasis:names:tc:opendocument:xmlns:meta:1.0}"
            for prop in meta.iter(name + "user-defined"):
                custom.append([prop.get(name + "name"), "".join(prop.itertext())])
        text = "".join(ElementTree.fromstring(package.read("content.xml")).itertext())
        return {"custom": custom, "content": digest([text])}


def open_pdf(path):
    with pikepdf.open(path) as pdf:
        info = {str(key): str(value) for key, value in pdf.docinfo.items()}
        pages = []
        for page in pdf.pages:
            try:
                pages.append(page.obj.get("/Contents") is not None and b"".join(
                    part.read_bytes() for part in
                    (page.Contents if isinstance(page.get("/Contents"), pikepdf.Array) else [page.Contents])) or b"")
            except pikepdf.PdfError as error:
                pages.append(str(error).split(":")[-1])
        return {"info": info, "content": digest(pages)}


def open_image(path):
    with Image.open(path) as image:
        image.load()
        return {"content": digest([image.mode, str(image.size), image.tobytes()])}


def open_rtf(path):
    data = open(path, "rb").read().decode("latin-1")
    return {"content": digest([rtf_to_text(data, encoding="latin-1", errors="replace")])}


OPENERS = {"rtf": open_rtf, "docx": open_docx, "docm": open_docx, "pptx": open_pptx, "xlsx": open_xlsx, "xlsm": open_xlsx,
           "odt": open_odf, "ods": open_odf, "odp": open_odf, "odg": open_odf, "ott": open_odf, "ots": open_odf,
           "otp": open_odf, "otg": open_odf, "odf": open_odf, "odc": open_odf, "odm": open_odf,
           "pdf": open_pdf, "jpg": open_image, "jpeg": open_image, "png": open_image}


def kind_of(path):
    return path.rsplit(".", 1)[-1].lower()


def inject_ooxml(path, to, key, value):
    """A custom property, as an editor adds one: at the end, in the part that the package names for them."""
    entry = f'<vt:lpwstr xmlns:vt="{TYPES_NS}">{escape(value)}</vt:lpwstr>'
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as target:
        members = {info.filename: (info, source.read(info)) for info in source.infolist()}
        rels = members["_rels/.rels"][1].decode("utf-8-sig")
        found = re.search(r'<Relationship\b[^>]*/custom-?[pP]roperties"[^>]*>', rels)
        if found:
            part = re.search(r'Target="/?([^"]+)"', found[0])[1]
            info, text = members[part]
            text = text.decode("utf-8-sig")
            pid = max([1] + [int(number) for number in re.findall(r'pid="(\d+)"', text)]) + 1
            close = re.search(r"</((?:\w+:)?)Properties\s*>", text)
            empty = re.search(r"<((?:\w+:)?)Properties\b[^>]*(/)>", text)
            prefix = (close or empty)[1]
            prop = f'<{prefix}property fmtid="{FMTID}" pid="{pid}" name={quoteattr(key)}>{entry}</{prefix}property>'
            if close:
                text = text[:close.start()] + prop + text[close.start():]
            else:
                text = text[:empty.start(2)] + ">" + prop + f"</{prefix}Properties>" + text[empty.end():]
            members[part] = (info, text.encode())
        else:
            part = "docProps/custom.xml"
            text = (f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\r\n<Properties xmlns="{CUSTOM_NS}">'
                    f'<property fmtid="{FMTID}" pid="2" name={quoteattr(key)}>{entry}</property></Properties>')
            members[part] = (zipfile.ZipInfo(part, (2020, 1, 1, 0, 0, 0)), text.encode())
            close = rels.rindex("</")
            prefix = re.match(r"</((?:\w+:)?)", rels[close:])[1]
            rels = (rels[:close] + f'<{prefix}Relationship Id="rIdInjected" Type="{CUSTOM_REL}" Target="{part}"/>'
                    + rels[close:])
            members["_rels/.rels"] = (members["_rels/.rels"][0], rels.encode())
            info, types = members["[Content_Types].xml"]
            types = types.decode("utf-8-sig")
            close = types.rindex("</")
            prefix = re.match(r"</((?:\w+:)?)", types[close:])[1]
            types = (types[:close] + f'<{prefix}Override PartName="/{part}" ContentType="{CUSTOM_TYPE}"/>'
                     + types[close:])
            members["[Content_Types].xml"] = (info, types.encode())
        for info, data in members.values():
            target.writestr(info, data, zipfile.ZIP_STORED if info.is_dir() else zipfile.ZIP_DEFLATED)


def inject_pdf(path, to, key, value):
    """The same label in the Info dictionary and as a pdfx property."""
    with pikepdf.open(path) as pdf:
        pdf.docinfo[pikepdf.Name("/" + key)] = value
        with pdf.open_metadata(set_pikepdf_as_editor=False, update_docinfo=False) as meta:
            meta[f"{{http://ns.adobe.com/pdfx/1.3/}}{key}"] = value
        pdf.save(to, object_stream_mode=pikepdf.ObjectStreamMode.preserve)


def inject_png(path, to, key, value):
    """A text chunk in front of the image data, with the image data as it was."""
    import struct
    import zlib
    data = open(path, "rb").read()
    body = key.encode("latin-1") + b"\0\0\0\0\0" + value.encode()
    chunk = struct.pack(">I", len(body)) + b"iTXt" + body + struct.pack(">I", zlib.crc32(b"iTXt" + body))
    after_header = 8 + 25
    open(to, "wb").write(data[:after_header] + chunk + data[after_header:])


def inject_epub(path, to, key, value):
    """A property in the metadata of every package document."""
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as target:
        for info in source.infolist():
            data = source.read(info)
            if info.filename.endswith(".opf"):
                text = data.decode("utf-8-sig")
                close = re.search(r"</((?:\w+:)?)metadata\s*>", text)
                meta = f'<{close[1]}meta name={quoteattr(key)} content={quoteattr(value)}/>\n'
                data = (text[:close.start()] + meta + text[close.start():]).encode()
            target.writestr(info, data)


def inject_mp4(path, to, key, value):
    """A freeform tag of iTunes."""
    import mutagen.mp4
    shutil.copyfile(path, to)
    file = mutagen.mp4.MP4(to)
    if file.tags is None:
        file.add_tags()
    file.tags[f"----:com.apple.iTunes:{key}"] = [mutagen.mp4.MP4FreeForm(value.encode())]
    file.save()


def inject_id3(path, to, key, value):
    """A frame in ID3v2 and an item in APE, whatever is there already."""
    import mutagen.apev2
    import mutagen.id3
    shutil.copyfile(path, to)
    try:
        tags = mutagen.id3.ID3(to, translate=False)
    except mutagen.id3.ID3NoHeaderError:
        tags = mutagen.id3.ID3()
    version = 3 if tags.version < (2, 4) else 4
    tags.add(mutagen.id3.TXXX(encoding=1, desc=key, text=[value]))
    if version == 3:
        tags.update_to_v23()
    tags.save(to, v2_version=version, v1=0)
    try:
        items = mutagen.apev2.APEv2(to)
    except mutagen.apev2.APENoHeaderError:
        items = mutagen.apev2.APEv2()
    items[key] = value
    items.save(to)


def inject_vorbis(path, to, key, value):
    """A Vorbis comment."""
    import mutagen
    shutil.copyfile(path, to)
    file = mutagen.File(to)
    if file.tags is None:
        file.add_tags()
    file[key] = [value]
    file.save()


INJECTORS = {**dict.fromkeys(["mp3", "mp2", "mp1"], inject_id3),
             **dict.fromkeys(["flac", "ogg", "oga", "opus", "spx"], inject_vorbis),
             "pdf": inject_pdf, "png": inject_png, "epub": inject_epub,
             **dict.fromkeys(["mp4", "m4a", "m4v", "mov", "3g2"], inject_mp4)}


def streams_of(path):
    parts = []
    with pikepdf.open(path) as pdf:
        for thing in pdf.objects:
            try:
                if isinstance(thing, pikepdf.Stream):
                    parts.append(bytes(thing.read_bytes()))
                parts.append(thing.unparse())
            except Exception:  # a stream that cannot be decoded cannot be searched by this reader
                continue
    target = tempfile.NamedTemporaryFile(delete=False)
    target.write(b"\n".join(parts))
    target.close()
    return target.name


def attach(path, files, picture, security, to):
    """Attachments, and a JPEG as a picture of the first page; encrypted with an empty password for opening if asked."""
    with pikepdf.open(path) as pdf:
        for file in files:
            name = file.rsplit("/", 1)[-1]
            pdf.attachments[name] = pikepdf.AttachedFileSpec(pdf, open(file, "rb").read(), filename=name)
        with Image.open(picture) as image:
            width, height = image.size
        data = open(picture, "rb").read()
        stream = pikepdf.Stream(pdf, data, Type=pikepdf.Name.XObject, Subtype=pikepdf.Name.Image, Width=width,
                                Height=height, BitsPerComponent=8, ColorSpace=pikepdf.Name.DeviceRGB,
                                Filter=pikepdf.Name.DCTDecode)
        pdf.pages[0].add_resource(stream, pikepdf.Name.XObject)
        settings = {"none": None, "rc4": (3, False), "aes128": (4, True), "aes256": (6, True)}[security]
        encryption = settings and pikepdf.Encryption(owner="owner", user="", R=settings[0], aes=settings[1],
                                                     metadata=settings[1])
        pdf.save(to, encryption=encryption or False, object_stream_mode=pikepdf.ObjectStreamMode.generate,
                 compress_streams=True)


def attachments_of(path):
    files = []
    with pikepdf.open(path) as pdf:
        for name, spec in pdf.attachments.items():
            file = spec.get_file()
            said = file.obj.get("/Params", {}).get("/CheckSum")
            files.append([name, file.read_bytes().hex(), file.size, bytes(said).hex() if said is not None else None])
        for thing in pdf.objects:
            if isinstance(thing, pikepdf.Stream) and thing.get("/Filter") == "/DCTDecode":
                files.append(["picture.jpg", bytes(thing.read_raw_bytes()).hex(), None, None])
    return files


def members_of(path):
    with zipfile.ZipFile(path) as archive:
        members = []
        for info in archive.infolist():
            try:
                members.append([info.filename, digest([archive.read(info)])])
            except Exception as error:
                members.append([info.filename, type(error).__name__])
        return members


def plain(text):
    """Text that JSON can hold: bytes that are no text are lone surrogates here."""
    return str(text).encode("utf-8", "backslashreplace").decode()


def mail_of(path):
    """Name and text of every field, and a hash of every decoded body, in the order of the file."""
    data = open(path, "rb").read()
    first, _, rest = data.partition(b"\n")
    if data.startswith(b"From "):
        box = mailbox.mbox(path, create=False)
        messages = [email.message_from_bytes(box.get_bytes(key)) for key in box.keys()]
    elif first.strip().isdigit():
        messages = [email.message_from_bytes(rest[:int(first)])]
    else:
        messages = [email.message_from_bytes(data)]
    fields, bodies = [], []
    for message in messages:
        for part in message.walk():
            fields += [[plain(name), plain(value)] for name, value in part.raw_items()]
            if part.get_content_type() == "text/rfc822-headers":
                # The header of another message, given as text.
                headers = email.message_from_bytes(part.get_payload(decode=True))
                fields += [[plain(name), plain(value)] for name, value in headers.raw_items()]
            elif not part.is_multipart():
                bodies.append(digest([part.get_payload(decode=True) or b""]))
    return {"fields": fields, "bodies": bodies}


def properties_of(ole, name):
    """The properties of a set by number, but for the dictionary."""
    found = ole.getproperties(name, convert_time=False)
    # Of wide text it shows more than there is.
    found = {number: value.split("\0")[0] if isinstance(value, str) else value for number, value in found.items()}
    return {str(number): repr(value)[:200] for number, value in found.items() if number != 0}


def outlook_of(path):
    """The fields of a message, its attachments, and its named properties by name."""
    with extract_msg.openMsg(path) as message:
        fields = ["sender", "to", "cc", "subject", "date", "body", "htmlBody", "messageId", "classType"]
        seen = [plain(getattr(message, field, None)) for field in fields]
        seen += [plain(recipient.email) for recipient in getattr(message, "recipients", [])]
        for attached in getattr(message, "attachments", []):
            name = attached.getFilename() if hasattr(attached, "getFilename") else ""
            data = attached.data if isinstance(attached.data, bytes) else b""
            seen += [plain(name), digest([data])]
        seen += [f"{number} {getattr(prop, 'value', '')}" for number, prop in sorted(message.props.items())
                 if number < "8" and not number.startswith("007D")]
        named = {}
        for key in message.named:
            value = message.namedProperties.get(key)
            if value is not None:
                named[key[0]] = plain(value)[:200]
        return {"message": digest(seen), "named": named}


DESCRIBING = ("\x05", "__nameid", "__properties", "__substg1.0_007D")


def blanked(path):
    """The file with zeros in place of every stream that is the document itself."""
    data = bytearray(open(path, "rb").read())
    with olefile.OleFileIO(path) as ole:
        def sectors(start, size):
            while start < 0xFFFFFFFA and size > 0:
                yield (start + 1) * ole.sector_size, min(size, ole.sector_size)
                start, size = ole.fat[start], size - ole.sector_size

        mini = [at for at, _ in sectors(ole.root.isectStart, ole.root.size)]
        per = ole.sector_size // 64
        for name in ole.listdir():
            entry = ole.direntries[ole._find(name)]
            if any(part.startswith(DESCRIBING) for part in name):
                continue
            if entry.size >= 4096:
                ranges = list(sectors(entry.isectStart, entry.size))
            else:
                ole.minifat or ole.loadminifat()
                ranges, at, size = [], entry.isectStart, entry.size
                while at < 0xFFFFFFFA and size > 0:
                    ranges.append((mini[at // per] + at % per * 64, min(size, 64)))
                    at, size = ole.minifat[at], size - 64
            for at, size in ranges:
                data[at:at + size] = bytes(size)
    target = tempfile.NamedTemporaryFile(delete=False)
    target.write(data)
    target.close()
    return target.name


def compound_of(path):
    """Every stream by path, length and hash; every property set."""
    with olefile.OleFileIO(path) as ole:
        seen = {"streams": [], "properties": {}}
        for name in ole.listdir():
            try:
                data = ole.openstream(name).read()
                seen["streams"].append(["/".join(name), len(data), digest([data])])
                if name[-1].startswith("\x05") and data[:2] == b"\xfe\xff":
                    seen["properties"]["/".join(name)] = properties_of(ole, name)
            except Exception as error:
                seen["streams"].append(["/".join(name), 0, type(error).__name__])
        return seen


def elements_of(path):
    """Every element of an XML file: its path, its attributes and its own text, in document order."""
    found, names = [], []
    for event, element in ElementTree.iterparse(path, events=("start", "end")):
        if event == "start":
            names.append(element.tag)
            continue
        texts = [element.text or "", *(child.tail or "" for child in element)]
        own = " ".join(" ".join(texts).split())
        found.append([plain("/".join(names)), digest([repr(sorted(element.attrib.items())), own])])
        names.pop()
    return found


def book_of(path):
    """The elements of every member of an EPUB that describes it."""
    with zipfile.ZipFile(path) as archive:
        describing = [name for name in archive.namelist() if name.endswith((".opf", ".ncx", "/metadata.xml"))]
        return [[f"{name} {path}", seen] for name in describing
                for path, seen in elements_of(io.BytesIO(archive.read(name)))]


def without_files(text):
    """Text without the files that stand in it in base64: those are judged for themselves."""
    return re.sub(r"base64,[A-Za-z0-9+/=\s]+", "base64,", text)


def page_of(path):
    """Every element of an HTML page as browsers build it: its path, its attributes and its own text, in order."""
    import html5lib
    root = html5lib.parse(open(path, "rb").read(), treebuilder="etree")
    found = []

    def visit(element, names):
        names = names + [element.tag]
        texts = [element.text or "", *(child.tail or "" for child in element)]
        own = " ".join("".join(texts).split())
        found.append([plain("/".join(names)), digest([without_files(repr(sorted(element.attrib.items()))), without_files(own)])])
        for child in element:
            if isinstance(child.tag, str):
                visit(child, names)

    visit(root, [])
    return found


def answer(request):
    path = request.get("path")
    if request["do"] == "outlook":
        return {"seen": outlook_of(path)}
    if request["do"] == "blanked":
        return {"to": blanked(path)}
    if request["do"] == "compound":
        return {"seen": compound_of(path)}
    if request["do"] == "data":
        import data
        data.write(request["kind"], request["to"], request["key"], request["value"])
        return {}
    if request["do"] == "table":
        import data
        return {"seen": data.OPENERS[kind_of(path)](path)}
    if request["do"] == "open":
        opener = OPENERS.get(kind_of(path))
        return {"seen": opener(path)} if opener else {"seen": None}
    if request["do"] == "inject":
        INJECTORS.get(kind_of(path), inject_ooxml)(path, request["to"], request["key"], request["value"])
        return {}
    if request["do"] == "streams":
        return {"to": streams_of(path)}
    if request["do"] == "mail":
        return mail_of(request["path"])
    if request["do"] == "page":
        return {"elements": page_of(path)}
    if request["do"] == "elements":
        return {"elements": elements_of(path)}
    if request["do"] == "book":
        return {"elements": book_of(path)}
    if request["do"] == "attach":
        attach(request["path"], request["files"], request["picture"], request["security"], request["to"])
        return {}
    if request["do"] == "attachments":
        return {"files": attachments_of(path)}
    if request["do"] == "entries":
        return {"entries": entries_of(path)}
    if request["do"] == "members":
        return {"members": members_of(path)}
    raise ValueError(f"no such request: {request['do']}")


def entries_of(path):
    """Keys with their values as the reader writes them, in order, each with the number of its document."""
    text = open(path, encoding="utf-8-sig", newline="").read()
    if kind_of(path) in ("json", "ipynb"):
        if kind_of(path) == "ipynb":
            nbformat.validate(json.loads(text))
        return [[0, key, json.dumps(value)] for key, value in json.loads(text, object_pairs_hook=list)]
    body = ""
    if kind_of(path) == "md":
        _, text, body = re.split(r"^---[ \t]*\r?\n", text, maxsplit=2, flags=re.M)
    entries = []
    for number, node in enumerate(yaml.compose_all(text, yaml.SafeLoader)):
        if isinstance(node, yaml.MappingNode):
            entries += [[number, key.value, yaml.serialize(value)] for key, value in node.value]
            entries.append([number, "", "a mapping"])
        else:
            entries.append([number, "", node and yaml.serialize(node)])
    return [*entries, [-1, "", body]]


def main():
    out, sys.stdout = sys.stdout, io.StringIO()
    for line in sys.stdin:
        try:
            reply = {"ok": True, **answer(json.loads(line))}
        except BaseException as error:  # noqa: B036 - whatever a reader throws is its verdict
            reply = {"ok": False, "error": f"{type(error).__name__}: {error}"[:300]}
        out.write(json.dumps(reply, default=str) + "\n")
        out.flush()


if __name__ == "__main__":
    main()
