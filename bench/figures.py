"""Every figure of the table: what is run in turn for it, and what it must be."""
import dataclasses
import json
import math
import shutil
import statistics
import subprocess
import sys
import threading
import time

import loads
import references
from loads import ROOT
from product import Site

# Before each load: what the one before it left on its way takes its users' credits.
REST_S = 0.5
MANY_ORDERS, MANY_USERS = 1_000_000, 100_000
FILL_S, FILL_PARTS_MAX = 30, 40
ORDER = {"exchange": "NSE", "symbol": "RELIANCE", "trade_type": "BUY", "order_type": "LIMIT", "product_type": "INTRADAY", "quantity": 1}


@dataclasses.dataclass
class Row:
    figure: str
    value: float
    must: float = None
    aim: float = None
    most: bool = False  # `must` is the most that it may be
    spread: tuple = None

    def fails(self):
        if self.must is None:
            return False
        return self.value is None or math.isnan(self.value) or (self.value > self.must if self.most else self.value < self.must)

    def told(self):
        row = {"figure": self.figure, "value": self.value, "must": self.must, "aim": self.aim, "fails": self.fails()}
        if self.spread:
            row |= {"from": self.spread[0], "to": self.spread[1]}
        return row


class Runs:
    """The runs of one thing; its median counts."""

    def __init__(self):
        self.all = []

    def add(self, told):
        self.all.append(told)

    def median(self, key):
        return statistics.median(run[key] for run in self.all)

    def spread(self, key):
        return min(run[key] for run in self.all), max(run[key] for run in self.all)

    def sum(self, *keys):
        return sum(run[key] for run in self.all for key in keys)


def say(what):
    print(what, file=sys.stderr, flush=True)


def ratio(over, under):
    return round(over / under, 3)


class Bench:
    """`data` is removed by the caller; `baseline` is the folder of the classical design."""

    def __init__(self, data, baseline, rounds, seconds, users, organizations):
        self.data, self.baseline, self.rounds, self.seconds = data, baseline, rounds, seconds
        self.users, self.organizations = users, organizations
        self.sites, self.rows, self.load_shares = [], [], []
        self.fsyncs = None

    def new_site(self, name, checkout=ROOT):
        site = Site(self.data / name, checkout)
        self.sites.append(site)
        site.start()
        return site

    def site(self, name, checkout=ROOT):
        site = self.new_site(name, checkout)
        site.make_tenants(self.organizations, self.users)
        return site

    def close(self):
        for site in self.sites:
            site.stop()

    def row(self, figure, value, must=None, aim=None, most=False, spread=None):
        self.rows.append(Row(figure, value, must, aim, most, spread))
        say(f"{figure}: {value}")

    def place(self, site, connections, run, clients=None, seconds=None):
        time.sleep(REST_S)
        told = loads.place_orders(site, connections, seconds or self.seconds, run, clients or site.clients)
        self.load_shares.append(told["load_share"])
        if told["non2xx"] + told["socket_errors"]:
            say(f"{run}: {told['non2xx']} answers not 2xx, {told['socket_errors']} errors of sockets; of the node since its start: "
                + ", ".join(site.refusals()))
        return told

    def in_turns(self, what, runs):
        """Every one of `runs`, name -> function of the round, once a round; in the other order every second time, so that none is always
        the one before or after another."""
        results = {name: Runs() for name in runs}
        for number in range(self.rounds):
            say(f"{what}: round {number + 1} of {self.rounds}")
            for name in [*runs][::-1 if number % 2 else 1]:
                results[name].add(runs[name](number))
        return results

    # ---- place-order ------------------------------------------------------------------------------------------------------------

    def orders(self):
        site = self.site("orders")
        self.fsyncs = references.fsyncs_per_s(self.data)
        inserts = references.SingleInserts(site)
        lines = site.client_lines()
        # tenants.make() puts user n into organization n mod organizations.
        one_organization = site.some_clients("one-organization", lines[::self.organizations])
        one_user = site.some_clients("one-user", lines[:1])
        short = max(4, self.seconds // 2)

        def pgbench(clients):
            per_s, mean_ms = inserts.run(clients, short)
            return {"per_s": per_s, "mean_ms": mean_ms}

        warm = self.place(site, 64, "warm", seconds=3)
        got = self.in_turns("orders", {
            "baseline": lambda n: references.baseline(self.baseline, self.data, 64, self.seconds),
            "c64": lambda n: self.place(site, 64, f"a{n}"),
            "c256": lambda n: self.place(site, 256, f"b{n}"),
            "c1": lambda n: self.place(site, 1, f"c{n}", seconds=short),
            "inserts": lambda n: pgbench(16),
            "commit": lambda n: pgbench(1),
            "one organization": lambda n: self.place(site, 64, f"d{n}", one_organization),
            "one user": lambda n: self.place(site, 64, f"e{n}", one_user),
        })
        rate = {name: got[name].median("per_s") for name in ("baseline", "c64", "c256", "one organization", "one user")}
        for name in ("c64", "c256"):
            self.row(f"orders/s at {name}", rate[name], spread=got[name].spread("per_s"))
            self.row(f"p50 ms at {name}", got[name].median("p50_ms"), spread=got[name].spread("p50_ms"))
            self.row(f"p99 ms at {name}", got[name].median("p99_ms"), spread=got[name].spread("p99_ms"))
        self.row("baseline orders/s at c64", rate["baseline"], spread=got["baseline"].spread("per_s"))
        self.row("orders/s at c64 ÷ baseline at c64", ratio(rate["c64"], rate["baseline"]), 14, 32)
        self.row("orders/s at c256 ÷ baseline at c64", ratio(rate["c256"], rate["baseline"]), 16, 42)
        self.row("p99 at c64 ÷ baseline", ratio(got["c64"].median("p99_ms"), got["baseline"].median("p99_ms")), 0.15, 0.04, most=True)
        self.row("orders/s at c64 ÷ single-row INSERTs/s at c16", ratio(rate["c64"], got["inserts"].median("per_s")), 0.5, 1.2)
        self.row("p50 of one client ÷ two commits", ratio(got["c1"].median("p50_ms"), 2 * got["commit"].median("mean_ms")), 4, 2, most=True)
        self.row("one organization ÷ twenty", ratio(rate["one organization"], rate["c64"]), 0.8, 1.0)
        self.row("one user ÷ many", ratio(rate["one user"], rate["c64"]), 0.5, 0.9)

        ours = [warm] + [run for name in ("c64", "c256", "c1", "one organization", "one user") for run in got[name].all]
        self.row("answers that were not 2xx", sum(run["non2xx"] + run["socket_errors"] for run in ours), 0, 0, most=True)
        self.check(site, sum(run["requests"] - run["non2xx"] for run in ours), 256 * self.rounds + 64 * (1 + 3 * self.rounds) + self.rounds)
        return site

    def filled_site(self):
        """A site with orders, where nobody measures how they came."""
        site = self.site("filled")
        self.place(site, 64, "fill", seconds=3 * self.seconds)
        return site

    def check(self, site, counted, on_their_way):
        """Every order that was counted is in the journal with all its events. Of a run's last requests the answers are not counted."""
        agree, stored, said = site.orders_agree()
        self.row("counted orders that are not in the journal", max(0, counted - stored), 0, 0, most=True)
        self.row("orders in the journal beyond those counted", stored - counted, on_their_way, 0, most=True)
        self.row("journal, broker and read models disagree", int(not agree), 0, 0, most=True)
        if not agree:
            say(said)

    # ---- reads ------------------------------------------------------------------------------------------------------------------

    def reads(self):
        """Of one user who rests: his page is kept by the node (decision 0013), and his order is loaded."""
        site = self.site("reads")
        token, account = site.client_lines()[0].split()
        self.place(site, 64, "reads", site.some_clients("one-user", site.client_lines()[:1]), self.seconds)
        time.sleep(REST_S)
        orders = json.loads(site.get("/trades?limit=50", token)[1])["data"]
        if len(orders) < 50:
            raise SystemExit(f"a page of 50 is to be read, and there are {len(orders)} orders")
        check = json.dumps({"trading_account_id": int(account), "price": 1400.0, **ORDER})
        wanted = {
            "validate": ("validate requests/s ÷ bare Beast", "POST", "/api/trading-limits/validate", check, 0.5, 0.75),
            "one": ("GET /trades/{id} requests/s ÷ bare Beast", "GET", f"/trades/{orders[0]['order_id']}", "", 0.5, 0.8),
            "page": ("GET /trades, 50 a page, requests/s ÷ bare Beast", "GET", "/trades?limit=50", "", 0.1, 0.3),
        }
        runs, bare = {}, []
        for name, (_, method, path, body, _, _) in wanted.items():
            request = self.data / f"{name}.request"
            fields = f"Authorization: Bearer {token}\nContent-Type: application/json\n" if body else f"Authorization: Bearer {token}\n"
            request.write_text(f"{method}\n{path}\n{body}\n{fields}", encoding="utf-8")
            server = references.BareServer(site, site.raw_answer(method, path, body, token), self.data / f"bare-{name}")
            bare.append(server)
            runs[name] = lambda n, request=request: loads.repeat(site.url, 64, self.seconds, request)
            runs[f"bare {name}"] = lambda n, request=request, server=server: loads.repeat(server.url, 64, self.seconds, request)
        try:
            got = self.in_turns("reads", runs)
        finally:
            for server in bare:
                server.stop()
        for name, (figure, _, _, _, must, aim) in wanted.items():
            self.row(figure, ratio(got[name].median("per_s"), got[f"bare {name}"].median("per_s")), must, aim,
                     spread=(got[name].median("per_s"), got[f"bare {name}"].median("per_s")))
        self.row("answers to reads that were not 2xx", sum(runs.sum("non2xx", "socket_errors") for runs in got.values()), 0, 0, most=True)

    # ---- what the read side and the chain cost --------------------------------------------------------------------------------------

    def control(self):
        """The control: a copy of this checkout in which nothing follows the journal and nothing is hashed."""
        copy = ROOT / "build/control"
        say("building the control in build/control")
        # With the times of the original, so that only what changed is built again; what was there before may be gone here.
        for former in copy.glob("*"):
            if former.name != "build":
                shutil.rmtree(former) if former.is_dir() else former.unlink()
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns("build", "var", ".git"), dirs_exist_ok=True)
        with open(ROOT / "bench/control.patch", "rb") as patch:
            subprocess.run(["patch", "--quiet", "--batch", "--forward", "--strip=1", f"--directory={copy}"], stdin=patch, check=True)
        on, off = self.site("control-on"), self.site("control-off", copy)
        got = self.in_turns("control", {"on": lambda n: self.place(on, 64, f"a{n}"), "off": lambda n: self.place(off, 64, f"a{n}")})
        self.row("with projections, settlement and hash chain ÷ without", ratio(got["on"].median("per_s"), got["off"].median("per_s")),
                 0.8, 0.95, spread=(got["on"].median("per_s"), got["off"].median("per_s")))
        on.stop()
        off.stop()

    # ---- much that is stored ------------------------------------------------------------------------------------------------------

    def grown(self):
        """A site with many users, whose orders came through the product, beside a new one with the usual users. Measured when the
        node knows everybody's token and account, as it does where people trade all day, and when PostgreSQL has looked after what is
        new; started again afterwards, from a clean stop, with PostgreSQL up and the files in memory."""
        old = self.new_site("grown")
        old.stop()
        old.populate(self.organizations, MANY_USERS)
        old.start()
        filled, parts = self.fill(old)
        new = self.site("new")
        old.settle()
        got = self.in_turns("grown", {"old": lambda n: self.place(old, 64, f"a{n}"), "new": lambda n: self.place(new, 64, f"a{n}")})
        rate = {name: told.median("per_s") for name, told in got.items()}
        self.row(f"orders/s with {MANY_ORDERS:,} stored orders and {MANY_USERS:,} users ÷ a new store with {self.users:,}",
                 ratio(rate["old"], rate["new"]), 0.8, 1.0, spread=(rate["old"], rate["new"]))
        self.check(new, got["new"].sum("requests") - got["new"].sum("non2xx"), 64 * self.rounds)
        new.stop()
        self.starts(old)
        refused = filled["non2xx"] + filled["socket_errors"] + sum(told.sum("non2xx", "socket_errors") for told in got.values())
        self.row("answers to orders of the old and the new store that were not 2xx", refused, 0, 0, most=True)
        counted = filled["requests"] - filled["non2xx"] + got["old"].sum("requests") - got["old"].sum("non2xx")
        self.check(old, counted + self.rounds * self.organizations, 256 * parts + 64 * self.rounds)
        old.stop()

    def fill(self, site):
        """As many orders as it takes: what the loads told, all together, and how many there were."""
        filled, parts = dict.fromkeys(("requests", "non2xx", "socket_errors"), 0), 0
        while filled["requests"] - filled["non2xx"] < MANY_ORDERS:
            if parts == FILL_PARTS_MAX:
                raise SystemExit(f"{parts} loads of {FILL_S} s brought {filled['requests'] - filled['non2xx']} orders")
            told = self.place(site, 256, f"fill{parts}", seconds=FILL_S)
            filled = {key: count + told[key] for key, count in filled.items()}
            parts += 1
            say(f"{filled['requests'] - filled['non2xx']} of {MANY_ORDERS} orders")
        return filled, parts

    def starts(self, site):
        """Until it says that it is ready, and until each organization has placed an order: its book has been read then."""
        runs = Runs()
        clients = site.client_lines()
        one_of_each = clients[::len(clients) // self.organizations]  # the users of an organization stand together
        for number in range(self.rounds):
            site.stop()
            ready = site.start()
            began = time.monotonic()
            for at, line in enumerate(one_of_each):
                token, account = line.split()
                order = {"trading_account_id": int(account), "price": 1400.0, "client_order_id": f"start-{number}-{at}", **ORDER}
                site.raw_answer("POST", "/trades/place-order", json.dumps(order), token)
            runs.add({"ready": ready, "placed": ready + time.monotonic() - began})
        self.row(f"s until a node with {MANY_ORDERS:,} stored orders is ready", runs.median("ready"), 10, 3, most=True,
                 spread=runs.spread("ready"))
        self.row("s until each organization has placed an order then", round(runs.median("placed"), 1), spread=runs.spread("placed"))

    # ---- entities ---------------------------------------------------------------------------------------------------------------

    def replay(self, site):
        """Of a journal that has been written already."""
        def once(_):
            out = subprocess.run([ROOT / "build/release/bench_replay", site.conninfo()], capture_output=True, text=True, check=True).stdout
            told = json.loads(out)
            return {**told, "per_s": told["events"] / told["seconds"]}

        got = self.in_turns("replay", {"replay": once})["replay"]
        self.row("journal replay into entities, events/s", round(got.median("per_s")), 100_000, 500_000, spread=got.spread("per_s"))

    def memory(self, site):
        """Orders are loaded by reading them one after the other, and retire when nobody asks for two seconds. What the first sweep
        adds while they come is the loaded ones'; what each further sweep adds in the end is what retired ones leave behind. Four
        sweeps tell it."""
        sweeps = min(self.rounds, 4)
        ids = self.order_ids(site, 40_000)
        file = self.data / "orders.txt"
        file.write_text("".join(f"{token} {order}\n" for token, order in ids), encoding="ascii")
        quiet, refused, first = [], 0, None
        for number in range(sweeps):
            say(f"memory: sweep {number + 1} of {sweeps}")
            loading = Loading(site)
            sweep = loads.wrk("sweep.lua", site.url, 64, 12, orders=file)
            refused += sweep["non2xx"] + sweep["socket_errors"]
            loading.stop()
            first = first or loading
            time.sleep(8)
            quiet.append(site.resident_bytes())
        self.row("answers to sweeps that were not 2xx", refused, 0, 0, most=True)
        self.row("KiB for an idle loaded entity", round(first.bytes_per_entity() / 1024, 2), 4, 2, most=True)
        self.row("KiB for a retired entity", round((quiet[-1] - quiet[0]) / (sweeps - 1) / len(ids) / 1024, 2), 0, 0, most=True)

    def order_ids(self, site, wanted):
        found, lines = {}, site.client_lines()
        for line in lines:
            token = line.split()[0]
            status, text = site.get(f"/trades?limit={wanted // len(lines)}", token)
            if status != 200:
                raise SystemExit(f"GET /trades: {status} {text}")
            found |= {order["order_id"]: token for order in json.loads(text)["data"]}
        return [(token, order) for order, token in found.items()]


class Loading:
    """How a node's memory grows with the entities that are loaded, seen while they come."""

    def __init__(self, site):
        self.site, self.seen = site, []
        self.over, self.trouble = threading.Event(), None
        self.thread = threading.Thread(target=self.watch, daemon=True)
        self.thread.start()

    def watch(self):
        try:
            while not self.over.wait(0.1):
                self.seen.append((self.site.entities(), self.site.resident_bytes()))
        except (OSError, ValueError, KeyError) as trouble:
            self.trouble = trouble

    def stop(self):
        self.over.set()
        self.thread.join(10)

    def bytes_per_entity(self):
        """Between half of the most that were loaded and the most: the first ones are given what was left free before."""
        most = max(range(len(self.seen)), key=lambda at: self.seen[at][0], default=None)
        if self.trouble or most is None or self.seen[most][0] < 1_000:
            raise SystemExit(f"too few entities were seen to measure their memory: {self.seen} {self.trouble or ''}")
        half = max((one for one in self.seen[:most] if one[0] <= self.seen[most][0] / 2), default=(0, self.seen[0][1]))
        grown = (self.seen[most][1] - half[1]) / (self.seen[most][0] - half[0])
        if grown <= 0:
            raise SystemExit(f"loaded entities seem to cost no memory: they were not measured: {self.seen}")
        return grown
