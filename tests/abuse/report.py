"""What was measured, what it must be, and whether it is."""


class Report:
    def __init__(self):
        self.rows = []

    def row(self, check, what, value, must=None, holds=None):
        """`holds` None: a figure that only informs. Each row is shown at once, so that a long run can be followed."""
        self.rows.append((check, what, value, must, holds))
        verdict = "" if holds is None else f"must {must}  " + ("pass" if holds else "FAIL")
        print(f"{check:<9} {what:<62} {value!s:>14}  {verdict}".rstrip(), flush=True)

    def at_most(self, check, what, value, bound):
        self._bounded(check, what, value, "<=", bound)

    def at_least(self, check, what, value, bound):
        self._bounded(check, what, value, ">=", bound)

    def _bounded(self, check, what, value, relation, bound):
        """What could not be measured, or has nothing to be compared with, does not hold."""
        measured = value is not None and bound is not None
        holds = measured and (value <= bound if relation == "<=" else value >= bound)
        must = "what was not measured" if bound is None else bound
        self.row(check, what, "not measured" if value is None else value, f"{relation} {must}", holds)

    def failed(self):
        return [row for row in self.rows if row[4] is False]

    def table(self):
        """All rows as Markdown."""
        lines = ["| check | what | measured | must be | |", "|---|---|---|---|---|"]
        for check, what, value, must, holds in self.rows:
            verdict = "" if holds is None else "holds" if holds else "**does not hold**"
            lines.append(f"| {check} | {what} | {value} | {must or ''} | {verdict} |")
        return "\n".join(lines) + "\n"

    def last_line(self):
        judged = [row for row in self.rows if row[4] is not None]
        return f"{len(judged) - len(self.failed())} passed, {len(self.failed())} failed"


def percentile(values, part):
    """Of some numbers the one that so many percent of them do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part / 100))]
