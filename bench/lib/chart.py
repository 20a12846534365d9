# SPDX-License-Identifier: Apache-2.0
"""The results as bars, in an SVG that is readable on light and on dark pages."""
from xml.sax.saxutils import escape

from lib.contestants import HIGHLIGHT

WIDTH = 760
LABEL_WIDTH = 210
VALUE_WIDTH = 70
MARGIN = 20
ROW_HEIGHT = 28
BAR_HEIGHT = 18
TITLE_HEIGHT = 40
STYLE = """\
text { font: 13px system-ui, "Segoe UI", Helvetica, Arial, sans-serif; fill: #24292f; }
.title { font-size: 15px; font-weight: 600; }
.small { font-size: 11px; fill: #656d76; }
.bar { fill: #afb8c1; }
.floor { fill: none; stroke: #8c959f; stroke-dasharray: 3 2; }
.ours { fill: #0969da; }
text.ours-text { font-weight: 600; fill: #0969da; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .small { fill: #8d96a0; }
  .bar { fill: #57606a; }
  .ours { fill: #4493f8; }
  text.ours-text { fill: #4493f8; }
}"""


def text_at(x, y, words, style="", anchor="start"):
    return (f'<text x="{x:.0f}" y="{y:.0f}" class="{style}" text-anchor="{anchor}">'
            f"{escape(words)}</text>")


def bar(row, y, longest_s):
    ours = row["id"] == HIGHLIGHT
    style = "ours" if ours else "floor" if row["id"].startswith("floor") else "bar"
    text_style = "ours-text" if ours else ""
    room = WIDTH - 2 * MARGIN - LABEL_WIDTH - VALUE_WIDTH
    width = max(2, room * row["wall_s"] / longest_s)
    left = MARGIN + LABEL_WIDTH
    base_line = y + BAR_HEIGHT - 5
    return [
        text_at(left - 10, base_line, row["label"], text_style, "end"),
        f'<rect x="{left}" y="{y}" width="{width:.1f}" height="{BAR_HEIGHT}" rx="2" '
        f'class="{style}"/>',
        text_at(left + width + 8, base_line, f"{row['wall_s']:.2f} s", text_style),
    ]


def group(title, rows, y):
    """The lines of one group of bars and where the next one starts."""
    lines = [text_at(MARGIN, y + 22, title, "title")]
    y += TITLE_HEIGHT
    longest_s = max(row["wall_s"] for row in rows)
    for row in sorted(rows, key=lambda row: row["wall_s"]):
        lines += bar(row, y, longest_s)
        y += ROW_HEIGHT
    return lines, y + 8


def caption(results):
    count, facts = results["tree"], results["facts"]
    return (f"{count['files']:,} files, {count['bytes'] / 1e6:,.0f} MB, "
            f"{facts['threads']} threads, {facts['file_system'].split(';')[0]}; "
            f"medians of {results['runs']} runs, shorter is better")


def svg(results):
    lines, y = [], 8
    for title, name in (("Save", "save"), ("Restore", "restore")):
        if results.get(name):
            more, y = group(title, results[name], y)
            lines += more
    lines.append(text_at(MARGIN, y + 14, caption(results), "small"))
    height = y + 28
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'width="{WIDTH}" height="{height}" role="img" aria-label="xcache measured">',
        f"<style>\n{STYLE}\n</style>", *lines, "</svg>", ""])
