"""Writes the rings of a Swift of one device: swift_rings.py DIRECTORY KIND:PORT... Runs in the servers' environment."""

import sys
from pathlib import Path

from swift.common.ring import RingBuilder

directory = Path(sys.argv[1])
for word in sys.argv[2:]:
    kind, port = word.split(":")
    builder = RingBuilder(part_power=4, replicas=1, min_part_hours=0)
    builder.add_dev({"region": 1, "zone": 1, "ip": "127.0.0.1", "port": int(port), "device": "d1", "weight": 100})
    builder.rebalance()
    builder.get_ring().save(str(directory / f"{kind}.ring.gz"))
