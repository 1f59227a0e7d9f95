"""The page of a run: verdicts on the targets, table, figures and plot."""

import csv
import statistics
import time
from pathlib import Path

import plot
from cases import Case, Limit, Target

#: What a limit is of, and its unit.
UNITS = {"wall": (1e3, "{:.1f} ms"), "cpu": (1e3, "{:.1f} ms of CPU"), "mib": (1, "{:.1f} MiB of memory"),
         "written": (1 / 1024, "{:,.0f} KiB written")}
#: Of these, a file's part is shown; of others, what the whole command took.
BY_FILE = ("wall", "cpu", "written")


def written_out(of: str, value: float) -> str:
    factor, words = UNITS[of]
    return words.format(value * factor)


class Figures:
    """What each client of a case took."""

    def __init__(self, case: Case):
        self.case = case
        #: For each client, rounds of (usage, number of files).
        self.rounds: dict[str, list] = {}
        #: Why a client has no figures.
        self.failed: dict[str, str] = {}

    def all(self, client: str, of: str) -> list[float]:
        """The figures of all rounds; for a file where that has a meaning."""
        rounds = self.rounds.get(client, [])
        return [getattr(usage, of) / (files if of in BY_FILE else 1) for usage, files in rounds]

    def spent(self, client: str) -> float:
        """Seconds that its rounds took."""
        return sum(usage.wall for usage, _ in self.rounds.get(client, []))

    def median(self, client: str, of: str) -> float | None:
        every = self.all(client, of)
        return statistics.median(every) if every else None

    def verdict(self, target: Target | Limit) -> tuple[str, str, str]:
        """The target, the figure, and whether it is met."""
        words, figure, is_met = self.limit(target) if isinstance(target, Limit) else self.quotient(target)
        if figure is None:
            return words, "–", "not measured"
        why = f": {target.reason}" if target.reason else ""
        return words, figure, "met" if is_met else f"**missed**{why}{self.floor(target)}"

    def floor(self, target: Target | Limit) -> str:
        """How far anybody could come who looks at every byte, where that was measured."""
        if isinstance(target, Limit) or not target.fast.startswith("unlabel patch"):
            return ""
        quotients = [slow / floor for floor, slow in zip(self.all("floor", target.of), self.all(target.slow, target.of))]
        return f"; of the floor it takes {statistics.median(quotients):.3g} ×" if quotients else ""

    def limit(self, target: Limit) -> tuple[str, str | None, bool]:
        # The whole command is meant, whatever the number of files.
        value = self.median(target.client, target.of)
        words = f"{target.client}: at most {written_out(target.of, target.most)}"
        return (words, None, False) if value is None else (words, written_out(target.of, value), value <= target.most)

    def quotient(self, target: Target) -> tuple[str, str | None, bool]:
        # Of the same round, in which both took turns: what slows the machine for a while slows both.
        rounds = zip(self.all(target.fast, target.of), self.all(target.slow, target.of))
        quotients = [slow / fast for fast, slow in rounds]
        what = "CPU" if target.of == "cpu" else "time"
        is_bound = target.least < 1
        words = (f"{target.fast}: at most {1 / target.least:.3g} × the {what} of {target.slow}" if is_bound else
                 f"{target.fast}: {target.slow} takes at least {target.least:.3g} × the {what}")
        if not quotients:
            return words, None, False
        quotient = statistics.median(quotients)
        return words, f"{1 / quotient:.2f} ×" if is_bound else f"{quotient:.3g} ×", quotient >= target.least


def table(figures: list[Figures]) -> str:
    lines = ["| files | client | wall µs | CPU µs | peak MiB | KiB written | wall ÷ `cp -r` |",
             "|---|---|---:|---:|---:|---:|---:|"]
    for of in figures:
        base = of.median("cp -r", "wall")
        for client in of.case.clients:
            wall, cpu, mib, written = (of.median(client, name) for name in ("wall", "cpu", "mib", "written"))
            if wall is None:
                lines.append(f"| {of.case.name} | {client} | {of.failed.get(client, 'not run')} | | | | |")
                continue
            ratio = f"{wall / base:.3g}" if base else ""
            lines.append(f"| {of.case.name} | {client} | {micro(wall)} | {micro(cpu)} | {mib:.1f} | {written / 1024:,.0f} | "
                         f"{ratio} |")
    return "\n".join(lines)


def micro(seconds: float) -> str:
    """In millionths, with two digits at least."""
    value = seconds * 1e6
    return f"{value:.1f}" if value < 10 else f"{value:,.0f}"


def verdicts(figures: list[Figures]) -> str:
    lines = ["| files | target | figure | |", "|---|---|---:|---|"]
    for of in figures:
        lines += [f"| {of.case.name} | {' | '.join(of.verdict(target))} |" for target in of.case.targets]
    return "\n".join(lines)


def write_csv(path: Path, figures: list[Figures]):
    """Medians, and the least and the most of all rounds."""
    names = ["wall", "cpu", "mib", "written"]
    with open(path, "w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["case", "client", "files", "rounds", *(f"{name}_{of}" for name in names for of in ("median", "min", "max"))])
        for of in figures:
            for client, rounds in of.rounds.items():
                cells = [f"{stand(of.all(client, name)):.9g}" for name in names for stand in (statistics.median, min, max)]
                out.writerow([of.case.name, client, rounds[0][1], len(rounds), *cells])


def write(folder: Path, figures: list[Figures], known: dict, about: str, rounds: int):
    folder.mkdir(parents=True, exist_ok=True)
    write_csv(folder / "figures.csv", figures)
    (folder / "plot.svg").write_text(plot.svg(figures))
    used = {client for of in figures for client in of.rounds}
    notes = [f"- {name}: {client.about}" for name, client in known.items() if client.about and name in used]
    (folder / "README.md").write_text("\n".join([
        f"# {time.strftime('%Y-%m-%d')}", "", f"{about} `scripts/compare` makes this page.", "", "## Targets", "",
        verdicts(figures), "", "## Figures", "",
        f"Medians of {rounds} rounds, fewer of slow clients; time and what is written are for a file, memory is the most "
        "that the command took. The files are in memory before; nothing is synced but where a name says so. "
        "`figures.csv` has the least and the most of the rounds too.", "", table(figures), "",
        "![wall time for a file](plot.svg)", "", "## Clients", "", *notes, ""]))
