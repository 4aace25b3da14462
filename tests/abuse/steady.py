"""Tenants who trade at a pace of their own whatever the server does: an order is due when it is due, and what is late because the
answer before it was late counts from then."""
import asyncio
import collections
import csv
import json
import threading
import time

from report import percentile
from scene import ROOT

GIVE_UP_S = 30
ENOUGH = 1000  # orders, from which on the slowest of a hundred says something
PLACED = (201, 202)
TICKS = 20  # to the rupee


def instruments():
    """(symbol, a price 5 % above the reference price) of what trades by single shares."""
    with open(ROOT / "config/instruments.csv", encoding="utf-8") as listed:
        rows = list(csv.DictReader(line for line in listed if not line.startswith("#")))
    return [(row["symbol"], int(float(row["reference_price"]) * 1.05 * TICKS) / TICKS) for row in rows
            if (row["exchange"], row["lot"], row["tick"]) == ("NSE", "1", "0.05")]


INSTRUMENTS = instruments()


class Tenant:
    """One user; an order that is due does not wait for the answer to another, it takes a connection of its own."""

    def __init__(self, port, line, run, number):
        self.port, self.run, self.number = port, run, number
        self.token, account = line.split()
        # Through the market, so that it fills and is over.
        symbol, price = INSTRUMENTS[number % len(INSTRUMENTS)]
        self.order = {"trading_account_id": int(account), "exchange": "NSE", "symbol": symbol, "trade_type": "BUY", "order_type": "LIMIT",
                      "product_type": "INTRADAY", "quantity": 1, "price": price}
        self.idle = []

    def request(self, count):
        body = json.dumps({**self.order, "client_order_id": f"s-{self.run}-{self.number}-{count}"})
        return (f"POST /trades/place-order HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {self.token}\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(body)}\r\n\r\n{body}").encode()

    async def place(self, count):
        """Status, code and detail; what went wrong instead when there is no answer."""
        try:
            return await asyncio.wait_for(self.exchange(self.request(count)), GIVE_UP_S)
        except (OSError, EOFError, asyncio.TimeoutError) as lost:
            return type(lost).__name__, "", ""

    async def exchange(self, request):
        # The server closes what was idle for long.
        while self.idle and self.idle[-1][0].at_eof():
            self.idle.pop()[1].close()
        reader, writer = self.idle.pop() if self.idle else await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(request)
            head = (await reader.readuntil(b"\r\n\r\n")).decode("ascii").lower()
            body = await reader.readexactly(int(head.partition("content-length:")[2].partition("\r\n")[0]))
        except BaseException:
            writer.close()
            raise
        if "\r\nconnection: close" in head:
            writer.close()
        else:
            self.idle.append((reader, writer))
        told = json.loads(body)
        return int(head.split(" ", 2)[1]), told.get("code", ""), told.get("detail", "")


class SteadyTenants:
    """All of them together place `per_s` orders a second until stop()."""

    def __init__(self, port, lines, per_s, run):
        self.tenants = [Tenant(port, line, run, number) for number, line in enumerate(lines)]
        self.every_s = 1 / per_s
        self.took_ms, self.refused = [], collections.Counter()  # of placed orders; why the others were not
        self.begin = time.monotonic()
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=lambda: asyncio.run(self.trade()), daemon=True)
        self.thread.start()

    async def trade(self):
        """One after the other is due; until the last of them is answered."""
        out, count = set(), 0
        while not self.stopping.is_set():
            due = self.begin + count * self.every_s
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            order = asyncio.create_task(self.one(self.tenants[count % len(self.tenants)], count, due))
            out.add(order)
            order.add_done_callback(out.discard)
            count += 1
        await asyncio.gather(*out)

    async def one(self, tenant, count, due):
        status, code, detail = await tenant.place(count)
        if status in PLACED:
            self.took_ms.append((time.monotonic() - due) * 1000)
        else:
            self.refused[f"{status} {code} {detail}"] += 1

    def stop(self):
        self.seconds = time.monotonic() - self.begin
        self.stopping.set()
        self.thread.join(timeout=2 * GIVE_UP_S)
        assert not self.thread.is_alive(), "the steady tenants hang"
        return self

    def per_s(self):
        return len(self.took_ms) / self.seconds

    def p99_ms(self):
        """None without enough of them."""
        return round(percentile(self.took_ms, 99), 1) if len(self.took_ms) >= ENOUGH else None

    def p50_ms(self):
        return round(percentile(self.took_ms, 50), 1) if self.took_ms else None
