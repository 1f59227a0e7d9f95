"""Strips the files that a manifest names, on Daft: python daft.py MANIFEST ROOT OUTPUT REPORT

MANIFEST is Parquet with a column `path`. On one machine Daft does not survive the death of its process; on Ray
(`DAFT_RUNNER=ray`) it does.
"""

import sys

import daft
import pyarrow as pa
import unlabel

manifest, root, output, report = sys.argv[1:]
row = daft.DataType.struct({field.name: daft.DataType.from_arrow_type(field.type) for field in unlabel.REPORT_SCHEMA})


@daft.func.batch(return_dtype=row, unnest=True, batch_size=500)
def strip(path: daft.Series) -> pa.Array:
    table = pa.table({"path": path.to_arrow()})
    return unlabel.strip_batch(table, labels={"id": "8888"}, root=root, output=output).to_struct_array().combine_chunks()


daft.read_parquet(manifest).select(strip(daft.col("path"))).write_parquet(report)
