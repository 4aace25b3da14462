"""One run of chaos: database, proxy, site and clients, the faults that were made, and what the checks found."""
import collections
import pathlib
import shutil
import tempfile

from chaos_postgres import ChaosPostgres
from fault_proxy import FaultProxy
from history import (CONTRADICTED, CRASHED, BrokerHistory, Findings, Journal, check_acknowledged, check_at_rest, check_broker,
                     check_reads, check_sleepers, tail_of)
from ledger import Ledger
from traders import ChaosDesk, Traders
from trading_site import Site
from waiting import eventually

CALM_CALLS = 40  # answered calls before and after a fault: it strikes a working site, and the site works again


class Trial:
    """`findings` is empty as long as nothing is wrong. A trial that found something keeps its files in `directory`."""

    def __init__(self, binary, root, seed=1, settings=None, disk_bytes=None, clock=None, database_clock=None):
        self.seed = seed
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="stocksblitz-chaos."))
        self.findings = Findings()
        self.faults = collections.Counter()
        self.refused_late = 0
        self.limits = {}  # by account
        self.denials = collections.Counter()  # orders, by code
        self.left_behind = collections.Counter()  # answers of nodes that had been replaced, by status
        self.left_uncertain = 0  # orders whose client never came back for an answer
        self.days_pass = False
        self.desks = 0
        self.calls = collections.Counter()
        self.acknowledged = 0
        self.traders = self.proxy = self.site = None
        self.postgres = ChaosPostgres(disk_bytes, database_clock)
        try:
            self.postgres.start()
            self.proxy = FaultProxy(self.postgres.socket, seed)
            self.site = Site(binary, root, self.directory, self.postgres, self.proxy, settings, clock)
            self.site.open()
            self.journal = Journal(tail_of(self.postgres, self.site.database), self.limits)
            self.new_desk()
        except BaseException:
            self.close()
            raise

    def new_desk(self):
        """Another organization with untouched limits, and a new ledger: the old one's books were checked."""
        self._add_up()
        self.desks += 1
        self.ledger = Ledger(self.directory / f"calls-{self.desks}.jsonl")
        self.traders = Traders(ChaosDesk(self.site), self.ledger, f"{self.seed}/{self.desks}")
        self.limits.update(self.traders.desk.limits)

    def _add_up(self):
        if self.traders is None:
            return
        self.calls += self.ledger.calls
        self.acknowledged += self.ledger.acknowledged
        self.denials += self.ledger.denials
        self.left_behind += self.ledger.left_behind
        self.left_uncertain += len(self.ledger.uncertain())
        self.ledger.close()

    def under_traffic(self, fault, name):
        """Traffic, the fault, traffic again, quiet, checks. `fault` leaves everything healed."""
        with self.traders:
            self.traders.run_on(CALM_CALLS)
            self.faults[name] += 1
            fault()
            self.heal()
            self.traders.run_on(CALM_CALLS, within=120)
        return self.check()

    def heal(self):
        """Everything works again, or is started by whoever runs it."""
        if self.postgres.disk:
            self.postgres.free_disk()
        self.proxy.heal()
        self.postgres.revive()
        if self.site.node.is_running() and self.site.node.sleeps():
            self.site.node.wake()
        self.site.restore()

    def check(self):
        """Waits until nothing moves and compares everything with everything. True when nothing is wrong."""
        self.traders.settle()
        for line in self.site.check_books():
            self.findings.add(CONTRADICTED, line)
        at_rest = self.traders.read_at_rest()
        self.journal.read_on(self.findings)
        broker = BrokerHistory(self.site.node.book)
        check_acknowledged(self.ledger, self.journal, self.findings)
        check_reads(self.ledger, self.journal, self.findings)
        check_at_rest(at_rest, self.journal, self.findings)
        check_broker(broker, self.journal, self.findings, self.limits, not self.days_pass)
        self.refused_late = check_sleepers(self.site.retired, broker, self.findings, self.site.unique_ids, self.site.send_window_ms)
        for surprise in self.ledger.surprises:
            self.findings.add(CONTRADICTED, surprise)
        self.look_for_crashes()
        return not self.findings

    def look_for_crashes(self):
        for crash in self.site.crashes():
            self.findings.add(CRASHED, crash)

    def asked_replaced_nodes(self):
        """Answers that clients got from nodes that had been replaced, refusals among them."""
        return sum(count for status, count in (self.left_behind + self.ledger.left_behind).items() if status != "lost")

    def sum_up(self):
        """Calls by operation and how many were acknowledged, over all desks."""
        self._add_up()
        self.traders = None
        return self.calls, self.acknowledged

    def close(self):
        if self.site is not None:
            self.look_for_crashes()
        if self.findings and self.postgres.log.exists():
            shutil.copy(self.postgres.log, self.directory)
        for part in (self.site, self.proxy, self.postgres):
            if part is not None:
                part.close()
        if self.findings:
            (self.directory / "findings").write_text("\n".join(self.findings.lines()) + "\n", encoding="utf-8")
        else:
            shutil.rmtree(self.directory, ignore_errors=True)


def lease_over(site):
    """Asks until the present node, which cannot renew its lease, says that it is not ready."""
    eventually(lambda: not site.node.is_ready(), "the lease runs out", within=60)
