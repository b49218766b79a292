"""Results as text, and as the tables of README.md: `python benchmarks/report.py` writes one per file in results."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
COMMAND = "python benchmarks/report.py"
BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"


def header(machine: dict[str, Any]) -> str:
    """Where and with what: CPU, load at the start, BLAS, versions."""
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    return (
        f"{machine['date']}, {machine['cpu']}, one thread, load {machine['load']:.1f} at the start; "
        f"{machine['blas']}; Python {machine['python']}, {versions}"
    )


def text(task: dict[str, Any]) -> str:
    """One task: its ratios, what was demanded beside them, first calls and memory."""
    lines = [f"\n{task['task']}, {task['setting']}, n = {task['n']}"]
    for name, r in task["ratios"].items():
        lines.append(
            f"  {name:52} ours {r['ours_s']:7.3f} s  peer {r['peer_s']:7.3f} s  "
            f"ratio {r['median']:5.1f} [{r['min']:.1f}, {r['max']:.1f}]  {verdict(task, r)}"
        )
    for name, (found, allowed) in task["accuracy"].items():
        lines.append(f"  {name:52} {found:.1e}, allowed {allowed:.0e}{'' if found <= allowed else ': VIOLATED'}")
    for name, gap in task.get("gaps", {}).items():
        lines.append(f"  {name:52} gap to the lowest of all {gap:.1e} nats")
    for name, seconds in task["first_call_cpu_s"].items():
        lines.append(f"  {name:52} first call {seconds:7.3f} s, peak memory {task['peak_gb'][name]:5.2f} GB")
    for name, speed in speeds(task).items():
        lines.append(f"  {name:52} {speed:,.0f} tokens per CPU second")
    if "ours: eigh alone" in task["cpu_s"]:
        eigh = sorted(task["cpu_s"]["ours: eigh alone"])
        lines.append(f"  {'of ours, the eigendecomposition alone':52} {eigh[len(eigh) // 2]:7.3f} s")
    return "\n".join(lines)


def speeds(task: dict[str, Any]) -> dict[str, float]:
    """Tokens per CPU second of each contender, by its median; nothing where a task has no tokens."""
    return {name: task["tokens"] / sorted(s)[len(s) // 2] for name, s in task["cpu_s"].items() if "tokens" in task}


def verdict(task: dict[str, Any], ratio: dict[str, float]) -> str:
    """A goal counts only where everything demanded beside it held in the same run."""
    if not all(found <= allowed for found, allowed in task["accuracy"].values()):
        return "wrong answer"
    if not ratio["goal"]:
        return ""
    return f"goal {ratio['goal']:g}: {'reached' if ratio['median'] >= ratio['goal'] else 'missed'}"


def markdown(found: dict[str, Any]) -> str:
    """The short table, one line per ratio, and the memory of the task with the most times."""
    lines = [
        "| computation | setting | n | ours, CPU s | peer, CPU s | ratio: median [min, max] | goal | deviation |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for task in found["tasks"]:
        worst = f"{max(deviation for deviation, _ in task['accuracy'].values()):.0e}"
        if gaps := task.get("gaps"):
            worst = f"gap {gaps['ours: curve']:.0e}, peer {gaps['peer: curve']:.0e}"
        for name, r in task["ratios"].items():
            cells = (
                name,
                task["setting"],
                task["n"],
                f"{r['ours_s']:.3f}",
                f"{r['peer_s']:.3f}",
                f"**{r['median']:.1f}** [{r['min']:.1f}, {r['max']:.1f}]",
                verdict(task, r),
                worst,
            )
            lines.append("| " + " | ".join(map(str, cells)) + " |")
    alone = [
        f"{name}, n = {task['n']}: {sorted(seconds)[len(seconds) // 2]:.2f} s"
        for task in found["tasks"]
        for name, seconds in task["cpu_s"].items()
        if name == "ours: dual curve"
    ]
    lines += ["", f"Without a peer: {'; '.join(alone)}."] if alone else []
    read = [
        f"{name}, {task['setting']}: {speed:,.0f}" for task in found["tasks"] for name, speed in speeds(task).items()
    ]
    lines += ["", f"Tokens per CPU second: {'; '.join(read)}."] if read else []
    longest = max(found["tasks"], key=lambda task: task["times"])
    peaks = ", ".join(f"{name} {gb:.2f} GB" for name, gb in longest["peak_gb"].items())
    memory = ["", f"Peak memory, {longest['times']} times: {peaks}."] if longest["times"] else []
    return "\n".join([header(found["machine"]), "", *lines, *memory])


def rounded(found: Any) -> Any:
    """Four significant digits: more would be noise in the repository."""
    if isinstance(found, dict):
        return {key: rounded(value) for key, value in found.items()}
    if isinstance(found, list | tuple):
        return [rounded(value) for value in found]
    return float(f"{found:.4g}") if isinstance(found, float) else found


def page(readme: str) -> str:
    """README.md with the tables of all saved results between its two marks."""
    before, rest = readme.split(BEGIN)
    results = sorted((HERE / "results").glob("*.json"))
    tables = (f"`results/{path.name}`: {markdown(json.loads(path.read_text()))}" for path in results)
    joined = "\n\n".join(tables)
    return f"{before}{BEGIN}\n{joined}\n{END}{rest.split(END)[1]}"


if __name__ == "__main__":
    readme_path = HERE / "README.md"
    readme_path.write_text(page(readme_path.read_text()))
