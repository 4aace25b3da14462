"""For schemathesis: checks of ours that its own do not have, and a count of what was sent. It loads this by its name."""
import atexit
import collections
import json
import os

import schemathesis

counts = collections.Counter()
known = set()


def problems_of(document):
    if not known:
        known.update((each["code"], each["status"]) for each in document["x-problems"])
    return known


@schemathesis.check
def described_answer(ctx, response, case):
    """A success has a status that its route names; a refusal is a problem whose code and status the description lists."""
    counts[f"{response.status_code}"] += 1
    if response.status_code < 400:
        named = case.operation.definition.raw["responses"]
        assert str(response.status_code) in named, f"{response.status_code} is none of {sorted(named)}"
        return
    kind = response.headers.get("content-type", "")
    kind = kind[0] if isinstance(kind, list) else kind
    if response.status_code == 503 and kind == "application/json":
        return  # /health/ready
    assert kind.startswith("application/problem+json"), f"a refusal of type {kind}"
    problem = response.json()
    stored = response.status_code == 403 and "order_id" in problem  # an order that is stored as denied
    assert stored or (problem["code"], response.status_code) in problems_of(case.operation.schema.raw_schema), problem
    assert problem["status"] == response.status_code and problem["correlation_id"], problem


@atexit.register
def write_counts():
    with open(os.environ["SB_ABUSE_COUNTS"], "w", encoding="ascii") as out:
        json.dump(counts, out)
