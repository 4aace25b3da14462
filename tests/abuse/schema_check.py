"""Requests made by schemathesis from /openapi.json, right ones and wrong ones, as each role and as nobody."""
import json
import os
import pathlib
import subprocess

from desk import Desk
from scene import end_of

HERE = pathlib.Path(__file__).resolve().parent
CHECKS = ("not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance",
          "response_schema_conformance", "described_answer")
EXAMPLES = 200
SEED = 20240115


def run(scene, report):
    node = scene.node()
    desk = Desk(node, node.platform)
    tokens = {"admin": desk.admin.token, "trader": desk.trader.token, "viewer": desk.new_user("viewer").token,
              "service": desk.new_user("service").token, "platform_admin": desk.new_user("platform_admin").token, "nobody": None}
    for role, token in tokens.items():
        one(report, node, role, token)
    end_of(report, "schema", node)


def one(report, node, role, token):
    counts = node.data / f"schema-{role}.json"
    command = [os.environ["SB_SCHEMATHESIS"], "run", node.url + "/openapi.json", "--checks", ",".join(CHECKS), "--max-examples", str(EXAMPLES),
               "--seed", str(SEED), "--phases", "examples,coverage,fuzzing", "--mode", "all", "--continue-on-failure", "--no-color",
               "--generation-database", "none", "--suppress-health-check", "all", "--request-timeout", "30", "--warnings", "off"]
    if token is not None:
        # It would end the session of all that comes after it; who has no token tries it.
        command += ["--header", "Authorization: Bearer " + token, "--exclude-path", "/auth/logout"]
    env = dict(os.environ, PYTHONPATH=str(HERE), SCHEMATHESIS_HOOKS="schema_hooks", SB_ABUSE_COUNTS=str(counts))
    ended = subprocess.run(command, env=env, cwd=node.data, capture_output=True, text=True, timeout=3600, check=False)
    sent = json.loads(counts.read_text()) if counts.exists() else {}
    total = sum(sent.values())
    good = sum(count for status, count in sent.items() if int(status) < 400)
    faults = sum(count for status, count in sent.items() if int(status) >= 500)
    report.at_least("schema", f"{role}: requests, of which {good} were granted", total, 2000)
    report.at_most("schema", f"{role}: answers of 500 and above", faults if total else None, 0)
    report.row("schema", f"{role}: exit status of schemathesis (0: nothing undocumented)", ended.returncode, "0", ended.returncode == 0)
    if ended.returncode != 0:
        print(ended.stdout[-6000:] + ended.stderr[-2000:], flush=True)
