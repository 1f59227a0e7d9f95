"""A job on Spark that takes its time, so that something can die meanwhile: spark_job.py MANIFEST ROOT OUTPUT REPORT"""

import sys
import time

import unlabel
from pyspark.sql import SparkSession

manifest, root, output, report = sys.argv[1:]


def strip(batches):
    for batch in batches:
        time.sleep(0.2)
        yield unlabel.strip_batch(batch, labels={"id": "8888"}, root=root, output=output, sync="none")


spark = SparkSession.builder.config("spark.sql.execution.arrow.maxRecordsPerBatch", 50).getOrCreate()
paths = spark.read.parquet(manifest).select("path").repartition(10)
paths.mapInArrow(strip, unlabel.REPORT_DDL).write.parquet(report)
