"""Data files: writes many with the libraries that own the formats, and reads what is in them.

Every file carries the label that is asked for, beside others.
"""

import base64
import hashlib
import json
import struct
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.ipc as ipc
import pyarrow.orc as orc
import pyarrow.parquet as pq


def table(rows=100):
    """Columns of many types, nested ones too."""
    return pa.table({
        "id": pa.array(range(rows), pa.int64()),
        "text": pa.array([f"row {number % 7}" if number % 5 else None for number in range(rows)]),
        "real": pa.array(np.linspace(0, 1, rows)),
        "list": pa.array([[number, number + 1] for number in range(rows)]),
        "struct": pa.array([{"a": number, "b": str(number)} for number in range(rows)]),
        "kind": pa.array([f"k{number % 3}" for number in range(rows)]).dictionary_encode(),
        "when": pa.array(range(rows), pa.timestamp("us", tz="Europe/Paris")),
        "price": pa.array([None] * rows, pa.decimal128(12, 3)),
    })


def labelled(plain, key, value, fields=True):
    """A table with the label in its schema and in its fields."""
    schema = plain.schema
    if fields:
        for number, field in enumerate(schema):
            own = {"unit": "m", "ARROW:extension:name": "zq.type", "ARROW:extension:metadata": "{}"}
            if number == 1:
                own = {key: value}
            if number in (1, 2, 4):
                schema = schema.set(number, field.with_metadata(own))
    return plain.cast(schema).replace_schema_metadata({"author": "somebody", key: value, "z last": "\u00e4"})


def frame(key, value):
    """A data frame as pandas hands it over: the metadata that pyarrow makes of it."""
    pandas = json.dumps({"index_columns": [], "column_indexes": [], "columns": [], "attributes": {"source": 1, key: value},
                         "creator": {"library": "pyarrow", "version": "1"}, "pandas_version": "2.2.2"})
    return {"pandas": pandas, "PANDAS_ATTRS": json.dumps({key: value, "source": 1})}


def write_parquet(folder, key, value):
    plain = table()
    full = labelled(plain, key, value)
    for codec in ("none", "snappy", "gzip", "zstd", "lz4", "brotli"):
        pq.write_table(full, folder / f"codec {codec}.parquet", compression=codec)
    options = {
        "v1": {"version": "1.0"},
        "v24": {"version": "2.4", "data_page_version": "2.0"},
        "groups": {"row_group_size": 7},
        "index": {"write_page_index": True, "data_page_size": 64, "write_batch_size": 8},
        "no stats": {"write_statistics": False},
        "no dictionary": {"use_dictionary": False},
        "sorted": {"sorting_columns": [pq.SortingColumn(0)]},
        "bloom": {"bloom_filter_options": {"id": {"ndv": 100}}},
        "checksum": {"write_page_checksum": True},
        "int96": {"use_deprecated_int96_timestamps": True},
    }
    for name, option in options.items():
        try:
            pq.write_table(full, folder / f"{name}.parquet", **option)
        except TypeError:
            if name != "bloom":
                raise
    pq.write_table(plain.replace_schema_metadata({key: value}), folder / "only.parquet")
    pq.write_table(plain.slice(0, 0).replace_schema_metadata({key: value}), folder / "empty.parquet")
    many = {f"key {number}": "v" * number for number in range(40)}
    pq.write_table(plain.replace_schema_metadata({**many, key: value}), folder / "many.parquet")
    pq.write_table(full.replace_schema_metadata({**frame(key, value), key: value}), folder / "pandas.parquet")
    with pq.ParquetWriter(folder / "later.parquet", plain.schema) as writer:
        writer.write_table(plain)
        writer.add_key_value_metadata({key: value, "other": "x"})
    collected = []
    pq.write_to_dataset(full, folder / "set", metadata_collector=collected)
    for name in (folder / "set").iterdir():
        name.rename(folder / "of a set.parquet")
    (folder / "set").rmdir()
    pq.write_metadata(full.schema, folder / "common.parquet")


def write_orc(folder, key, value):
    import pyorc
    rows = [(number, f"row {number % 77}", [number], (number / 2, None)) for number in range(3000)]
    schema = "struct<id:int,text:string,list:array<int>,inner:struct<a:double,b:string>>"
    labels = {key: value.encode(), "other": b"x", "hive.acid.version": b"2", "z last": "\u00e4".encode()}

    def write(name, labels=labels, rows=rows, attributes=True, **options):
        types = pyorc.TypeDescription.from_string(schema)
        if attributes:
            types.set_attributes({key: value, "unit": "m"})
            types.fields["id"].set_attributes({"iceberg.id": "1"})
            types.fields["list"].set_attributes({key: value})
        with open(folder / f"{name}.orc", "wb") as file, pyorc.Writer(file, types, **options) as writer:
            writer.writerows(rows)
            writer.set_user_metadata(**labels)

    for codec in ("NONE", "ZLIB", "SNAPPY", "LZ4", "ZSTD"):
        kind = getattr(pyorc.CompressionKind, codec)
        write(f"codec {codec}", compression=kind)
        write(f"stripes {codec}", compression=kind, stripe_size=1024, batch_size=64, row_index_stride=0)
        write(f"small blocks {codec}", compression=kind, compression_block_size=1 << 16, row_index_stride=1000)
        write(f"only {codec}", {key: value.encode()}, attributes=False, compression=kind)
        write(f"many {codec}", {**labels, **{f"key {number}": b"v" * number for number in range(60)}}, compression=kind)
    write("empty", rows=[])
    write("bloom", bloom_filter_columns=("id", "text"))
    write("long", {key: value.encode() * 5000, "other": b"x"})
    write("strategy", compression_strategy=pyorc.CompressionStrategy.COMPRESSION)
    # Of tables pyarrow writes the metadata of fields alone.
    plain = table().select(["id", "text", "real", "list", "struct", "price"])
    fields = [field.with_metadata({key: value, "unit": "m"} if number != 2 else {"unit": "s"})
              for number, field in enumerate(plain.schema)]
    for codec in ("uncompressed", "zlib", "snappy", "lz4", "zstd"):
        orc.write_table(plain.cast(pa.schema(fields)), folder / f"arrow {codec}.orc", compression=codec)


def write_arrow(folder, key, value):
    plain = table()
    full = labelled(plain, key, value)
    pandas = full.replace_schema_metadata({**frame(key, value), key: value})
    for name, one in {"full": full, "only": plain.replace_schema_metadata({key: value}), "pandas": pandas}.items():
        for codec in ("uncompressed", "lz4", "zstd"):
            feather.write_feather(one, str(folder / f"{name} {codec}.feather"), compression=codec)
        for legacy in (False, True):
            options = ipc.IpcWriteOptions(use_legacy_format=legacy, metadata_version=ipc.MetadataVersion.V4 if legacy
                                          else ipc.MetadataVersion.V5)
            suffix = " legacy" if legacy else ""
            with ipc.new_stream(folder / f"{name}{suffix}.arrows", one.schema, options=options) as writer:
                writer.write_table(one, max_chunksize=13)
            with ipc.new_file(folder / f"{name}{suffix}.arrow", one.schema, options=options) as writer:
                writer.write_table(one, max_chunksize=13)
    with ipc.new_stream(folder / "batches.arrows", plain.schema) as writer:
        for batch in plain.to_batches(30):
            writer.write_batch(batch, custom_metadata={key: value, "other": "x"})
    with ipc.new_file(folder / "batches.arrow", plain.schema, metadata={key: value, "foot": "y"}) as writer:
        for batch in plain.to_batches(30):
            writer.write_batch(batch, custom_metadata={key: value})


def write_safetensors(folder, key, value):
    from safetensors.numpy import save

    def save_file(tensors, path, metadata):
        """The library writes metadata in another order each time."""
        data = save(tensors, metadata)
        length = int.from_bytes(data[:8], "little")
        header = json.loads(data[8:8 + length])
        header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
        text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode().ljust(length)
        path.write_bytes(data[:8] + text + data[8 + length:])

    tensors = {"a": np.arange(12, dtype=np.float32).reshape(3, 4), "b.weight": np.ones(5, dtype=np.int8)}
    for count in range(6):
        more = {f"extra{number}": "x" * number for number in range(count)}
        save_file(tensors, folder / f"{count}.safetensors", {"format": "np", key: value, **more})
    save_file(tensors, folder / "only.safetensors", {key: value})
    save_file({}, folder / "none.safetensors", {key: value, "modelspec.title": "t"})


def write_npz(folder, key, value):
    arrays = {"a": np.arange(12, dtype=np.float32).reshape(3, 4), "names": np.array(["x", "yy"])}
    for count in range(3):
        for squeeze in (np.savez, np.savez_compressed):
            path = folder / f"{squeeze.__name__}{count}.npz"
            squeeze(path, *[np.full(count, 7)] * count, **arrays)
            with zipfile.ZipFile(path, "a") as archive:
                archive.comment = f"{key}={value}".encode()


def write_gguf(folder, key, value):
    import gguf
    for alignment in (None, 8, 64):
        for order in (gguf.GGUFEndian.LITTLE, gguf.GGUFEndian.BIG):
            for length in (1, 30):
                name = f"{alignment} {order.name} {length}.gguf".lower()
                writer = gguf.GGUFWriter(str(folder / name), "llama", endianess=order)
                if alignment:
                    writer.add_custom_alignment(alignment)
                writer.add_name("model")
                writer.add_block_count(2)
                writer.add_string(key, value * length)
                writer.add_array("some.list", ["one", "two", "three"])
                writer.add_uint32("number", 7)
                writer.add_token_list(["<s>", "a", "b"])
                writer.add_tensor("t", np.arange(33, dtype=np.float32))
                writer.add_tensor("u", np.ones((2, 32), dtype=np.float16))
                writer.write_header_to_file()
                writer.write_kv_data_to_file()
                writer.write_tensors_to_file()
                writer.close()


def write_netcdf(folder, key, value):
    import netCDF4
    for form in ("NETCDF3_CLASSIC", "NETCDF3_64BIT_OFFSET", "NETCDF3_64BIT_DATA"):
        for records in (0, 1, 2):
            with netCDF4.Dataset(folder / f"{form} {records}.nc", "w", format=form) as out:
                out.setncattr("title", "a title")
                out.setncattr(key, value)
                out.setncattr("numbers", np.arange(3, dtype="i2"))
                out.createDimension("x", 5)
                out.createDimension("time", None)
                fixed = out.createVariable("fixed", "f4", ("x",), fill_value=-1.0)
                fixed.setncattr(key, value)
                fixed.units = "K"
                fixed[:] = np.arange(5)
                for number in range(records):
                    record = out.createVariable(f"record{number}", "i1" if number else "i2", ("time",))
                    record.setncattr("odd", "abc")
                    record[:] = np.arange(7)


def write_avro(folder, key, value):
    import fastavro
    schema = {"type": "record", "name": "row", "fields": [
        {"name": "id", "type": "long"}, {"name": "text", "type": ["null", "string"]},
        {"name": "list", "type": {"type": "array", "items": "double"}}]}
    rows = [{"id": number, "text": str(number) if number % 2 else None, "list": [0.5] * (number % 4)} for number in range(200)]
    for codec in ("null", "deflate", "bzip2", "xz"):
        for count in (1, 3):
            more = {f"extra {number}": "x" * number for number in range(count)}
            with open(folder / f"{codec} {count}.avro", "wb") as out:
                fastavro.writer(out, schema, rows, codec=codec, sync_interval=500, sync_marker=b"between blocks..",
                                metadata={key: value, **more})


def write_dicom(folder, key, value):
    """Elements of a private block. The key is no part of the format: the text itself is both."""
    import pydicom
    from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
    syntaxes = {"explicit": pydicom.uid.ExplicitVRLittleEndian, "big": pydicom.uid.ExplicitVRBigEndian}
    for name, syntax in syntaxes.items():
        for private in (1, 2, 3):
            meta = FileMetaDataset()
            meta.MediaStorageSOPClassUID = pydicom.uid.SecondaryCaptureImageStorage
            meta.MediaStorageSOPInstanceUID = "1.2.3"
            meta.TransferSyntaxUID = syntax
            out = FileDataset("", {}, b"\0" * 128, meta, False, name == "explicit")
            out.SOPClassUID, out.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
            out.SpecificCharacterSet = "ISO_IR 192"
            out.PatientName, out.PatientID, out.StudyDate = "Doe^Jane", "7", "20200101"
            block = out.private_block(0x0011, "ZQ MAKER", create=True)
            for number in range(private):
                block.add_new(number, "LO" if number else "UT", f"{key} {value} {number}")
            inner = Dataset()
            inner.private_block(0x0011, "ZQ MAKER", create=True).add_new(0, "LO", f"{key} {value}")
            inner.CodeMeaning = "meaning"
            out.ProcedureCodeSequence = [inner]
            out.Rows = out.Columns = 4
            out.BitsAllocated, out.BitsStored, out.HighBit, out.PixelRepresentation = 8, 8, 7, 0
            out.SamplesPerPixel, out.PhotometricInterpretation = 1, "MONOCHROME2"
            out.PixelData = bytes(range(16))
            out["PixelData"].VR = "OB"
            out.save_as(folder / f"{name} {private}.dcm", enforce_file_format=True)


def write_hdf5(folder, key, value):
    import h5py
    import netCDF4
    for version in ("earliest", "latest"):
        for many in (1, 20):
            with h5py.File(folder / f"{version} {many}.h5", "w", libver=version) as out:
                for target in (out, out.create_group("a/b"), out.create_dataset("a/data", data=np.arange(5))):
                    target.attrs[key] = value
                    target.attrs["fixed"] = np.bytes_("of fixed length")
                    target.attrs["number"] = 7
                for number in range(many - 1):
                    out.attrs[f"more {number}"] = "x"
    with netCDF4.Dataset(folder / "4.nc4", "w", format="NETCDF4") as out:
        out.setncattr(key, value)


def write_sealed(folder, key, value):
    """Parquet with encrypted columns: under an encrypted footer, and under a signed one."""
    import pyarrow.parquet.encryption as pe

    class Kms(pe.KmsClient):
        def __init__(self, _):
            super().__init__()

        def wrap_key(self, key_bytes, _):
            return base64.b64encode(key_bytes)

        def unwrap_key(self, wrapped, _):
            return base64.b64decode(wrapped)

    factory = pe.CryptoFactory(lambda config: Kms(config))
    for name, plain in (("encrypted", False), ("signed", True)):
        config = pe.EncryptionConfiguration(footer_key="f", column_keys={"c": ["text"]}, plaintext_footer=plain)
        properties = factory.file_encryption_properties(pe.KmsConnectionConfig(), config)
        full = table().replace_schema_metadata({key: value})
        with pq.ParquetWriter(folder / f"{name}.parquet", full.schema, encryption_properties=properties) as writer:
            writer.write_table(full)


WRITERS = {"sealed": write_sealed, "hdf5": write_hdf5, "dicom": write_dicom, "netcdf": write_netcdf, "avro": write_avro, "orc": write_orc, "parquet": write_parquet, "arrow": write_arrow, "safetensors": write_safetensors, "npz": write_npz, "gguf": write_gguf}


def write(kind, folder, key, value):
    """Writes the files of a kind into a folder."""
    WRITERS[kind](Path(folder), key, value)


def digest(*parts):
    total = hashlib.sha256()
    for part in parts:
        total.update(part if isinstance(part, bytes) else str(part).encode())
        total.update(b"\0")
    return total.hexdigest()


def pairs(metadata, place=""):
    """The pairs of a mapping of bytes or text, one by one; JSON of pandas without its attributes, and those."""
    found = []
    for key, value in (metadata or {}).items():
        key, value = [part.decode(errors="backslashreplace") if isinstance(part, bytes) else str(part) for part in (key, value)]
        if key in ("pandas", "PANDAS_ATTRS"):
            whole = json.loads(value)
            attributes = whole.pop("attributes", {}) if key == "pandas" else whole
            found += pairs(attributes, f"{place}{key}/")
            value = json.dumps(whole) if key == "pandas" else ""
        if key == "ARROW:schema":
            schema = ipc.read_schema(pa.BufferReader(base64.b64decode(value)))
            found += schema_pairs(schema, f"{place}{key}/")
            value = ""
        found.append([place + key, value])
    return found


def schema_pairs(schema, place=""):
    found = pairs(schema.metadata, place)
    for field in schema:
        found += pairs(field.metadata, f"{place}{field.name}/")
    return found


def columns(schema):
    return [(field.name, str(field.type), field.nullable) for field in schema]


def open_parquet(path):
    opened = pq.ParquetFile(path)
    found = pairs(opened.metadata.metadata) + schema_pairs(opened.schema_arrow, "table/")
    seen = [str(opened.schema).split("\n", 1)[1], opened.metadata.num_row_groups, opened.metadata.created_by]
    for group in range(opened.metadata.num_row_groups):
        for column in range(opened.metadata.num_columns):
            seen.append(str(opened.metadata.row_group(group).column(column).to_dict()))
    data = opened.read()
    return {"labels": found, "content": digest(*seen, data.to_pylist(), columns(data.schema))}


def open_orc(path):
    import pyorc
    opened = orc.ORCFile(path)
    data = opened.read()
    found = pairs(opened.metadata) + schema_pairs(data.schema, "table/")
    seen = [opened.nrows, opened.nstripes, opened.compression, opened.compression_size, opened.content_length,
            opened.stripe_statistics_length, opened.software_version, data.to_pylist(), columns(data.schema)]
    with open(path, "rb") as file:
        reader = pyorc.Reader(file)
        found += pairs(reader.user_metadata, "pyorc/")
        types = [("", reader.schema)]
        while types:
            place, one = types.pop()
            found += pairs(one.attributes, f"pyorc{place}/")
            types += [(f"{place}/{name}", field) for name, field in getattr(one, "fields", {}).items()]
        seen += [str(reader.schema), reader.num_of_stripes, reader.writer_version, list(reader)]
        seen += [reader[column].statistics for column in range(len(data.schema) + 1)]
        for stripe in reader.iter_stripes():
            seen += [stripe.bytes_offset, stripe.bytes_length, len(stripe)]
    return {"labels": found, "content": digest(*seen)}


def open_arrow(path):
    data = open(path, "rb").read()
    found, seen = [], []
    if data.startswith(b"ARROW1"):
        reader = ipc.open_file(pa.BufferReader(data))
        found += pairs(reader.metadata, "footer/")
        batches = [reader.get_batch_with_custom_metadata(number) for number in range(reader.num_record_batches)]
        # The file holds a stream as well.
        found += schema_pairs(ipc.open_stream(pa.BufferReader(data[8:])).schema, "stream/")
    else:
        reader = ipc.open_stream(pa.BufferReader(data))
        batches = list(reader.iter_batches_with_custom_metadata())
    found += schema_pairs(reader.schema)
    for number, batch in enumerate(batches):
        found += pairs(batch.custom_metadata, f"batch {number}/")
        batch.batch.validate(full=True)
        seen.append(batch.batch.to_pylist())
    return {"labels": found, "content": digest(*seen, columns(reader.schema))}


def open_safetensors(path):
    from safetensors import safe_open
    with safe_open(path, "numpy") as opened:
        tensors = [(name, opened.get_tensor(name)) for name in sorted(opened.keys())]
        seen = [part for name, tensor in tensors for part in (name, tensor.dtype, tensor.shape, tensor.tobytes())]
        return {"labels": pairs(opened.metadata()), "content": digest(*seen)}


def open_npz(path):
    with zipfile.ZipFile(path) as archive, np.load(path) as opened:
        comment = archive.comment.decode().strip()
        seen = [part for name in opened.files for part in (name, opened[name].dtype, opened[name].tobytes())]
    return {"labels": [["comment", comment]] if comment else [], "content": digest(*seen)}


def open_gguf(path):
    import gguf
    reader = gguf.GGUFReader(path)
    found = [[name, str(field.contents())] for name, field in reader.fields.items()
             if not name.startswith("GGUF.") and name != "padding"]
    seen = [part for tensor in reader.tensors
            for part in (tensor.name, tensor.tensor_type, tensor.shape, tensor.data.tobytes())]
    return {"labels": found, "content": digest(*seen)}


def open_netcdf(path):
    import netCDF4
    with netCDF4.Dataset(path) as opened:
        opened.set_auto_mask(False)
        found = [[name, str(opened.getncattr(name))] for name in opened.ncattrs()]
        seen = [opened.data_model, [(name, len(one), one.isunlimited()) for name, one in opened.dimensions.items()]]
        for name, variable in opened.variables.items():
            found += [[f"{name}/{key}", str(variable.getncattr(key))] for key in variable.ncattrs()]
            seen += [name, variable.dtype, variable.dimensions, variable[...].tobytes()]
    return {"labels": found, "content": digest(*seen)}


def open_avro(path):
    import fastavro
    with open(path, "rb") as opened:
        reader = fastavro.reader(opened)
        return {"labels": pairs(reader.metadata), "content": digest(*list(reader))}


def open_dicom(path):
    import pydicom
    opened = pydicom.dcmread(path)
    found, seen = [], [opened.file_meta.TransferSyntaxUID, opened.pixel_array.tobytes()]
    for element in opened.iterall():
        if element.VR != "SQ" and element.VM:
            name = element.keyword if not element.tag.is_private else f"{element.tag.group:04x},{element.tag.element:04x}"
            found.append([name, str(element.value)])
    return {"labels": found, "content": digest(*seen)}


def open_hdf5(path):
    import h5py
    with h5py.File(path) as opened:
        found = []
        opened.visititems(lambda name, one: found.extend([f"/{name}/{key}", str(value)] for key, value in one.attrs.items()))
        found += [[f"/{key}", str(value)] for key, value in opened.attrs.items()]
        return {"labels": found, "content": ""}


OPENERS = {"h5": open_hdf5, "nc4": open_hdf5, "dcm": open_dicom, "nc": open_netcdf, "avro": open_avro, "orc": open_orc, "parquet": open_parquet, "arrow": open_arrow, "arrows": open_arrow, "feather": open_arrow,
           "safetensors": open_safetensors, "npz": open_npz, "gguf": open_gguf}
