"""A job on Ray that takes its time, so that something can die meanwhile.

    ray_job.py plain|node|checkpoint MANIFEST ROOT OUTPUT REPORT

With `node` there are two nodes on this machine, and the process of the second one is told in the file REPORT.node.
"""

import os
import sys
import time
from pathlib import Path

os.environ.setdefault("RAY_DISABLE_IMPORT_WARNING", "1")

import ray
import ray.data
import unlabel

mode, manifest, root, output, report = sys.argv[1:]


def strip(batch):
    time.sleep(0.2)
    return unlabel.strip_batch(batch, labels={"id": "8888"}, root=root, output=output, sync="none")


common = {"include_dashboard": False, "log_to_driver": False}
if mode == "node":
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    node = cluster.add_node(num_cpus=1)
    (raylet,) = node.all_processes["raylet"]
    Path(f"{report}.node").write_text(str(raylet.process.pid))
    ray.init(address=cluster.address, log_to_driver=False)
else:
    ray.init(num_cpus=2, **common)

context = ray.data.DataContext.get_current()
context.enable_progress_bars = False
if mode == "checkpoint":
    from ray.data.checkpoint import CheckpointConfig

    context.checkpoint_config = CheckpointConfig(id_column="path", checkpoint_path=f"{report}.checkpoint")
(
    ray.data.read_parquet(manifest)
    .repartition(target_num_rows_per_block=100)
    .map_batches(strip, batch_format="pyarrow", batch_size=100)
    .write_parquet(report)
)
if mode == "node":
    # What is left of the cluster goes with this process; to take leave of a node that is dead would be an error.
    os._exit(0)
