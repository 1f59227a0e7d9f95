"""Strips the files that a manifest names, on Spark: spark-submit spark.py MANIFEST ROOT OUTPUT REPORT

MANIFEST is a Parquet file or a directory of them, with a column `path`. Writing the report is the one action: a plan with
several would run again for each.
"""

import sys
from functools import partial

import unlabel
from pyspark.sql import SparkSession

manifest, root, output, report = sys.argv[1:]
strip = partial(unlabel.strip_batches, labels={"id": "8888"}, root=root, output=output)
spark = SparkSession.builder.appName("unlabel").getOrCreate()
paths = spark.read.parquet(manifest).select("path")
tasks = max(1, paths.count() // 500)
paths.repartition(tasks).mapInArrow(strip, unlabel.REPORT_DDL).write.parquet(report)
