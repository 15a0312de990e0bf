"""Checks canonical JSON with rfc8785.

usage: canonical.py FILE

Each line of FILE is a JSON array of two texts: some JSON, and the canonical form we gave it.
"""

import json
import sys

import rfc8785

count = 0
with open(sys.argv[1], encoding="utf-8") as lines:
    for line in lines:
        source, ours = json.loads(line)
        theirs = rfc8785.dumps(json.loads(source)).decode()
        if ours != theirs:
            sys.exit(f"canonical.py: {source!r} is {theirs!r}, not {ours!r}")
        count += 1
print(count)
