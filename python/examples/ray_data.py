"""Strips the files that a manifest names, on Ray: python ray_data.py MANIFEST ROOT OUTPUT REPORT

MANIFEST is a Parquet file or a directory of them, with a column `path`. REPORT and OUTPUT are on storage that all nodes
share, or URLs of stores. After a crash the same line goes on where it was, as the checkpoint beside REPORT says.
"""

import sys
from functools import partial

import ray
import unlabel
from ray.data.checkpoint import CheckpointConfig

manifest, root, output, report = sys.argv[1:]
strip = partial(unlabel.strip_batch, labels={"id": "8888"}, root=root, output=output)
ray.data.DataContext.get_current().checkpoint_config = CheckpointConfig(
    id_column="path", checkpoint_path=f"{report}.checkpoint"
)
(
    ray.data.read_parquet(manifest)
    .repartition(target_num_rows_per_block=500)  # what is done again after a crash
    .map_batches(strip, batch_format="pyarrow", batch_size=500)
    .write_parquet(report)
)
