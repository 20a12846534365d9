# SPDX-License-Identifier: Apache-2.0
"""The results of the rounds as goals that were reached or missed, and as Markdown."""
from lib.contest import (BEFORE, DEDUPLICATING, FULL, LABELS, NO_STATE, UPDATE, median, of_kind)
from lib.report import field, goal_row, in_cell, seconds_row, table
from lib.rounds import LAYERS
from lib.system import MIB

KINDS = {
    "first": "the first save",
    "change": "1 % of the files changed",
    "build": "build after small edits",
    "nothing": "nothing changed",
    "touch": "all touched",
    "new key": "nothing changed, another key",
    "move": "a folder renamed",
}


def of_run(each, name, what):
    run = each["runs"].get(name)
    return run and run[what]


def quotient(one, other):
    return one / other if one is not None and other else None


def ratios(rounds, what, name, base):
    """Of each round by itself, as its runs were made side by side."""
    return [quotient(of_run(each, name, what), of_run(each, base, what)) for each in rounds]


def floor_ratios(rounds, name=UPDATE):
    return [quotient(of_run(each, name, "added_bytes"), each["floor_bytes"]) for each in rounds]


def sums(rounds, name):
    """The bytes of all rounds; None if one is missing."""
    values = [of_run(each, name, "added_bytes") for each in rounds]
    return sum(values) if values and None not in values else None


def best(values):
    known = [value for value in values if value is not None]
    return min(known) if known else None


def largest(values):
    known = [value for value in values if value is not None]
    return max(known) if known else None


def medians_of_peers(rounds, what):
    return [median(of_run(each, peer, what) for each in rounds) for peer in DEDUPLICATING]


def peak(rounds, name):
    return largest(of_run(each, name, "peak_bytes") for each in rounds)


def nm_goals(nm):
    rounds = nm["rounds"]
    change, touch, nothing, renamed = (of_kind(rounds, kind)
                                       for kind in ("change", "touch", "nothing", "new key"))
    restores = nm["restores"]
    touch_bytes = median(of_run(each, UPDATE, "added_bytes") for each in touch)
    beside = [run["added_bytes"] - run["manifest_bytes"]
              for run in (each["runs"][UPDATE] for each in renamed)]
    return [
        ("1 % changed: bytes, relative to the new content in one zstd -3 stream",
         median(floor_ratios(change)), 1.25, ""),
        ("1 % changed: time of a save, relative to a full one",
         median(ratios(change, "wall_s", UPDATE, FULL)), 0.25, ""),
        ("nothing changed: time of a save, relative to a full one",
         median(ratios(nothing, "wall_s", UPDATE, FULL)), 0.20, ""),
        ("nothing changed: bytes", largest(of_run(each, UPDATE, "added_bytes") for each in nothing),
         0, ""),
        ("nothing changed, another key: bytes beside the manifest", largest(beside), 1000, ""),
        ("all touched: time of a save, relative to a full one",
         median(ratios(touch, "wall_s", UPDATE, FULL)), 0.75, ""),
        ("all touched: bytes for each file and folder", quotient(touch_bytes, nm["entries"]), 6,
         ""),
        ("1 % changed: time of a save, relative to the best of restic, borg and casync",
         quotient(median(of_run(each, UPDATE, "wall_s") for each in change),
                  best(medians_of_peers(change, "wall_s"))), 0.25, ""),
        ("1 % changed: bytes, relative to the best of restic, borg and casync",
         quotient(median(of_run(each, UPDATE, "added_bytes") for each in change),
                  best(medians_of_peers(change, "added_bytes"))), 0.35, ""),
        ("restore of the last round, relative to the best of restic, borg and casync",
         quotient(field(restores, UPDATE, "wall_s"),
                  best(field(restores, peer, "wall_s") for peer in DEDUPLICATING)), 0.70, ""),
        ("full save: time, relative to the program before",
         median(ratios(rounds, "wall_s", FULL, BEFORE)), 1.05, ""),
        ("full save: peak memory, relative to the program before",
         quotient(peak(rounds, FULL), peak(rounds, BEFORE)), 1.05, ""),
        ("peak memory of a save after a restore", quotient(peak(rounds, UPDATE), MIB), 256, " MiB"),
    ]


def cc_goals(cc):
    builds = of_kind(cc["rounds"], "build")
    sent = sums(builds, UPDATE)
    return [
        ("ccache: bytes of all rounds, relative to the new content",
         quotient(sent, sum(each["floor_bytes"] for each in builds)), 1.15, ""),
        ("ccache: bytes of the worst round, relative to its new content",
         largest(floor_ratios(builds)), 1.40, ""),
        ("ccache: bytes of all rounds, relative to the best of restic, borg and casync",
         quotient(sent, best(sums(builds, peer) for peer in DEDUPLICATING)), 0.95, ""),
        ("ccache: stored after gc, relative to a full save",
         quotient(cc.get("stored_bytes"), cc.get("live_bytes")), 1.15, ""),
    ]


def many_goals(many):
    rounds = many["rounds"]
    what = f"{len(rounds)} rounds with gc: "
    return [
        (what + "most that was stored, relative to a full save",
         largest(quotient(each["stored_bytes"], each["live_bytes"]) for each in rounds), 1.4, ""),
        (what + "most that a restore fetched, relative to a full save",
         largest(quotient(each["fetched_bytes"], each["live_bytes"]) for each in rounds), 1.25, ""),
    ]


def layer_goals(layers):
    rows = layers["restores"]

    def share(way):
        if layers["layers"] != LAYERS:
            return None
        return quotient(field(rows, f"{way}-several", "wall_s"),
                        field(rows, f"{way}-single", "wall_s"))

    return [
        (f"restore of {LAYERS} layers, relative to one", share("near"), 1.10, ""),
        (f"restore of {LAYERS} layers, 40 ms away, relative to one", share("far"), 1.15, ""),
    ]


GOALS = {"nm": nm_goals, "cc": cc_goals, "many": many_goals, "layers": layer_goals}


def goals(results):
    return [goal_row(*row) for part, found in results["rounds"].items()
            for row in GOALS[part](found)]


def number(value, digits=2):
    return "" if value is None else f"{value:.{digits}f}"


def megabytes(value):
    return "" if value is None else f"{value / 1e6:.3f}"


def kind_row(rounds, name, label):
    """One who saves in all rounds of a kind: medians."""
    found = [each["runs"][name] for each in rounds if name in each["runs"]]
    ours = name == UPDATE
    words = in_cell(label)
    return [
        f"**{words}**" if ours else words,
        number(median(run["wall_s"] for run in found)),
        number(median(ratios(rounds, "wall_s", name, FULL))),
        number(median(run["cpu_s"] for run in found)),
        f"{median(run['others'] for run in found) * 100:.0f} %",
        f"{largest(run['peak_bytes'] for run in found) / MIB:.0f}",
        megabytes(median(run["added_bytes"] for run in found)),
        number(median(floor_ratios(rounds, name))),
    ]


def kind_table(rounds, kind):
    """Of all who saved, in the order of what they sent."""
    chosen = of_kind(rounds, kind)
    names = {name for each in chosen for name in each["runs"]}
    head = [f"{KINDS[kind]} ({len(chosen)})", "seconds", "÷ full", "CPU s", "others", "peak MiB",
            "MB added", "÷ new content"]
    ordered = sorted(names, key=lambda name: median(of_run(each, name, "added_bytes")
                                                    for each in chosen))
    return table(head, [kind_row(chosen, name, LABELS.get(name, name)) for name in ordered])


def restore_table(rows):
    return table(["restore", "seconds", "range", "CPU s", "others", "peak MiB"],
                 [[cell for i, cell in enumerate(seconds_row(row, 0)) if i != 3]
                  for row in sorted(rows, key=lambda row: row["wall_s"])])


def contest_tables(part):
    rounds = part["rounds"]
    present = [kind for kind in KINDS if of_kind(rounds, kind)]
    return "".join(kind_table(rounds, kind) for kind in present) + restore_table(part["restores"])


def cc_table(cc):
    """Round by round, as each must stay near what is new in it."""
    builds = of_kind(cc["rounds"], "build")
    names = [UPDATE, *DEDUPLICATING]
    rows = [[str(i + 1), megabytes(each["floor_bytes"]),
             *(megabytes(of_run(each, name, "added_bytes")) for name in names),
             number(floor_ratios([each])[0])] for i, each in enumerate(builds)]
    rows.append(["all", megabytes(sum(each["floor_bytes"] for each in builds)),
                 *(megabytes(sums(builds, name)) for name in names),
                 number(quotient(sums(builds, UPDATE), sum(each["floor_bytes"] for each in builds)))])
    return table(["ccache, MB added by build", "new content", "xcache", *DEDUPLICATING,
                  "xcache ÷ new"], rows)


def many_table(many):
    """Every tenth round, and the first."""
    rounds = many["rounds"]
    chosen = [i for i in range(len(rounds)) if i == 0 or i % 10 == 9]
    return table(["round", "MB added", "MB alive", "stored ÷ alive", "fetched ÷ alive"], [
        [str(i + 1), megabytes(rounds[i]["added_bytes"]), megabytes(rounds[i]["live_bytes"]),
         number(quotient(rounds[i]["stored_bytes"], rounds[i]["live_bytes"])),
         number(quotient(rounds[i]["fetched_bytes"], rounds[i]["live_bytes"]))] for i in chosen])


def goal_table(rows):
    def cell(value, unit):
        digits = 0 if value == int(value) else 2
        return f"{value:,.{digits}f}{unit}"

    return table(["goal", "measured", "at most", "verdict"],
                 [[in_cell(row["what"]),
                   "" if row["value"] is None else cell(row["value"], row["unit"]),
                   f"{row['goal']:g}{row['unit']}", row["verdict"]] for row in rows])


def describe(results):
    facts = results["facts"]
    text = (f"{facts['date']}; {facts['cores']} cores ({facts['processor']}), Linux "
            f"{facts['kernel']}, load at the start {facts['load_at_start']}; {facts['threads']} "
            f"threads. Seconds are medians; ÷ full compares runs of the same round.\n\n")
    return text + "".join(f"- {name}: {found['file_system']}\n"
                          for name, found in results["rounds"].items()) + "\n"


def markdown(results):
    found = results["rounds"]
    text = "# Measured: saves that send what changed\n\n" + describe(results)
    text += goal_table(results["goals"])
    if "nm" in found:
        text += "## A large tree\n\n" + contest_tables(found["nm"])
    if "cc" in found:
        text += "## A compiler's cache\n\n" + cc_table(found["cc"]) + contest_tables(found["cc"])
    if "many" in found:
        text += "## Many rounds\n\n" + many_table(found["many"])
    if "layers" in found:
        text += "## Layers\n\n" + restore_table(found["layers"]["restores"])
    text += "".join(f"- {remark}\n" for remark in results["notes"])
    return text.rstrip("\n") + "\n"
