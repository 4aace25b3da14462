"""The load: wrk with one of the scripts beside this file, and what it found."""
import json
import os
import pathlib
import subprocess
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent


def wrk(script, url, connections, seconds, **environment):
    """What the script's done() printed, with `load_share`: the part of all processors that wrk itself used."""
    env = dict(os.environ, LUA_PATH=f"{HERE}/?.lua", **{name.upper(): str(value) for name, value in environment.items()})
    began, before = time.monotonic(), os.times()
    out = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-s", HERE / script, url], env=env,
                         capture_output=True, text=True, check=False)
    after, took = os.times(), time.monotonic() - began
    line = next((text for text in out.stdout.splitlines() if text.startswith("WRKJSON ")), None)
    if line is None:
        raise SystemExit("wrk: " + out.stdout[-500:] + out.stderr[-500:])
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return {**json.loads(line[8:]), "load_share": used / took / os.cpu_count()}


def place_orders(site, connections, seconds, run, clients):
    return wrk("place_order.lua", site.url, connections, seconds, clients=clients, instruments=ROOT / "config/instruments.csv", run=run)


def repeat(url, connections, seconds, request):
    """The same request again and again; `request` is a file: method, path and body a line, then fields."""
    return wrk("repeat.lua", url, connections, seconds, request=request)
