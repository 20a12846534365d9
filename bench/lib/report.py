# SPDX-License-Identifier: Apache-2.0
"""Results as goals that were reached or missed, and as Markdown."""
from lib.contestants import BASE_RESTORE, BASE_SAVE, FLOOR, HIGHLIGHT
from lib.system import MIB

GOAL_RESTORE = 0.55
GOAL_FLOOR = 1.35
GOAL_SAVE = 0.50
GOAL_SIZE = 1.05
GOAL_PEAK_MIB = 256
GOAL_STARTUP_MS = 10
GOAL_RADOSGW = 1.15
GOAL_ONE = 6
GOAL_BOUND = 1.25


def field(rows, row_id, name):
    return next((row[name] for row in rows or [] if row["id"] == row_id), None)


def ratio(rows, base, name="wall_s"):
    ours, theirs = field(rows, HIGHLIGHT, name), field(rows, base, name)
    return ours / theirs if ours and theirs else None


def peak_mib(results):
    peaks = [field(results.get(name), HIGHLIGHT, "peak_bytes") for name in ("save", "restore")]
    peaks += [row["peak_bytes"] for row in results.get("memory", [])]
    known = [peak for peak in peaks if peak]
    return max(known) / MIB if known else None


def goal_row(what, value, goal, unit, least=False):
    reached = value is not None and (value >= goal if least else value <= goal)
    return {"what": what, "value": value, "goal": goal, "unit": unit, "least": least,
            "verdict": "n/a" if value is None else "PASS" if reached else "MISS"}


def s3_goals(s3):
    if not s3:
        return []
    found, requests = s3["ratios"].get, s3["requests"].get
    rows = [goal_row("time of a restore from radosgw, relative to file://",
                     found("radosgw_of_file"), GOAL_RADOSGW, "")]
    for name in ("nginx", "radosgw"):
        rows += [
            goal_row(f"throughput, {name} behind the relay, relative to one curl",
                     found(f"{name}_of_one"), GOAL_ONE, "", True),
            goal_row(f"restore, {name} behind the relay, relative to transfer or creation",
                     found(f"{name}_of_bound"), GOAL_BOUND, ""),
        ]
    return rows + [
        goal_row("peak memory with S3, up to 128 connections", s3["peak_bytes"] / MIB,
                 GOAL_PEAK_MIB, " MiB"),
        goal_row("requests of an exact hit, not counting ranges",
                 requests("restore_beside_ranges"), 1, ""),
        goal_row("requests of a save, not counting the pack's",
                 requests("save_beside_pack"), 2, ""),
    ]


def goals(results):
    save, restore = results.get("save"), results.get("restore")
    startup_s = results.get("startup_s")
    rows = [
        ("time of a restore, relative to curl | zstd -d | tar x", ratio(restore, BASE_RESTORE),
         GOAL_RESTORE, ""),
        ("time of a restore, relative to the floor", ratio(restore, FLOOR), GOAL_FLOOR, ""),
        ("time of a save, relative to tar | zstd", ratio(save, BASE_SAVE), GOAL_SAVE, ""),
        ("size of the pack, relative to tar | zstd", ratio(save, BASE_SAVE, "archive_bytes"),
         GOAL_SIZE, ""),
        ("peak memory", peak_mib(results), GOAL_PEAK_MIB, " MiB"),
        ("start-up", startup_s and startup_s * 1000, GOAL_STARTUP_MS, " ms"),
    ]
    return [goal_row(*row) for row in rows] + s3_goals(results.get("s3"))


def in_cell(words):
    return words.replace("|", "\\|")


def table(head, rows):
    rule = ["---"] + ["--:"] * (len(head) - 1)
    return "".join("| " + " | ".join(cells) + " |\n" for cells in [head, rule, *rows]) + "\n"


def cells_of(row, base_s):
    peak, archive = row["peak_bytes"], row["archive_bytes"]
    name = in_cell(row["label"])
    return [
        f"**{name}**" if row["id"] == HIGHLIGHT else name,
        f"{row['wall_s']:.2f}",
        f"{row['wall_min_s']:.2f}–{row['wall_max_s']:.2f}",
        f"{row['wall_s'] / base_s:.2f}" if base_s else "",
        f"{row['cpu_s']:.2f}",
        f"{row['others'] * 100:.0f} %",
        f"{peak / MIB:.0f}" if peak else "",
        f"{archive / 1e6:.1f}" if archive else "",
    ]


def contest_table(title, rows, base):
    base_s = field(rows, base, "wall_s")
    head = [title, "seconds", "range", f"÷ {'tar' if base == BASE_SAVE else 'curl'}", "CPU s",
            "others", "peak MiB", "MB"]
    if not any(row["archive_bytes"] for row in rows):
        head.pop()
    ordered = sorted(rows, key=lambda row: row["wall_s"])
    return table(head, [cells_of(row, base_s)[:len(head)] for row in ordered])


def describe(results):
    facts, count = results["facts"], results.get("tree")
    lines = [f"{facts['date']}; {facts['cores']} cores ({facts['processor']}), "
             f"Linux {facts['kernel']}, load at the start {facts['load_at_start']}."]
    if count:
        lines.append(
            f"Tree: {count['files']:,} files, {count['dirs']:,} folders, {count['symlinks']:,} "
            f"symlinks, {count['bytes'] / 1e6:,.0f} MB. {results['runs']} runs each, medians; "
            f"{facts['threads']} threads. File system: {facts['file_system']}.")
    return "\n".join(lines) + "\n\n"


def floor_line(rows):
    row = next((row for row in rows if row["id"] == FLOOR), None)
    if not row:
        return ""
    best = min(row["runs"], key=lambda run: run["wall_s"])
    return (f"The best run of the floor: {best['dirs_s']:.2f} s for the folders, "
            f"{best['files_s']:.2f} s for the files.\n\n")


def seconds_row(row, size_bytes):
    return [in_cell(row["label"]), f"{row['wall_s']:.2f}",
            f"{row['wall_min_s']:.2f}–{row['wall_max_s']:.2f}",
            f"{size_bytes / row['wall_s'] / 1e6:.0f}" if size_bytes else "",
            f"{row['cpu_s']:.2f}", f"{row['others'] * 100:.0f} %",
            f"{row['peak_bytes'] / MIB:.0f}"]


def s3_tables(s3):
    head = ["seconds", "range", "MB/s", "CPU s", "others", "peak MiB"]
    text = ""
    for name, title in (("tree", "the tree"), ("big", "1 GiB of incompressible data")):
        rows = [seconds_row(row, s3["one_bytes"] if row["id"] == "curl-1" else s3[f"{name}_bytes"])
                for row in s3[name]]
        text += table([f"restore of {title}", *head], rows)
    text += table(["once", "seconds", "CPU s", "peak MiB"],
                  [[row["label"], f"{row['wall_s']:.2f}", f"{row['cpu_s']:.2f}",
                    f"{row['peak_bytes'] / MIB:.0f}"] for row in s3["saves"]])
    if s3["requests"]:
        text += (f"Requests: {s3['requests']['save']} for the save of the tree to radosgw, "
                 f"{s3['requests']['restore']} for its restore.\n\n")
    return text


def markdown(results):
    text = "# Measured\n\n" + describe(results)
    text += table(["goal", "measured", "at most", "verdict"],
                  [[in_cell(g["what"]), "" if g["value"] is None else f"{g['value']:.2f}{g['unit']}",
                    f"{'at least ' if g['least'] else ''}{g['goal']:g}{g['unit']}",
                    g["verdict"]] for g in results["goals"]])
    if results.get("save"):
        text += contest_table("save", results["save"], BASE_SAVE)
    if results.get("restore"):
        text += contest_table("restore", results["restore"], BASE_RESTORE)
        text += floor_line(results["restore"])
    if results.get("s3"):
        text += s3_tables(results["s3"])
    if results.get("memory"):
        text += table(["memory", "peak MiB", "seconds"],
                      [[row["label"], f"{row['peak_bytes'] / MIB:.0f}", f"{row['wall_s']:.1f}"]
                       for row in results["memory"]])
    text += "".join(f"- {remark}\n" for remark in results["notes"])
    return text.rstrip("\n") + "\n"
