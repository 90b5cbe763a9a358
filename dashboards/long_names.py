"""Names longer than their place on a page: those of lists end in an ellipsis, others wrap.

Streamlit cuts all of them without a sign, and hides half of a row of chosen names.
"""

from __future__ import annotations

LIST = "[data-testid=stSelectbox] input"
OPTION = "[role=option] > [data-item-hl]"
CHOSEN = "[data-testid=stMultiSelectTagsContainer]"
TEXT = "[data-testid=stMarkdownContainer]"  # of a cell
CELL = "[data-testid=stTable] td"
# Browsers draw no ellipsis in a list that has the focus, as after a choice: its end fades.
STYLE = f"""<style>
{LIST} {{ text-overflow: ellipsis; }}
{LIST}:focus {{ mask-image: linear-gradient(to left, transparent, black 2rem); }}
{OPTION} {{ display: block; align-content: center; text-overflow: ellipsis; }}
[role=group]:has(> {CHOSEN}) {{ max-height: 60vh; }}
{CHOSEN} [data-tag] {{ height: auto; min-height: 1.75rem; max-width: 100%; }}
{CHOSEN} [data-tag] > span {{ white-space: normal; overflow-wrap: anywhere; }}
{CELL} > {TEXT} {{ max-width: none; }}
{CELL} > {TEXT} p {{ overflow-wrap: anywhere; }}
{CELL}:first-child > {TEXT} p {{ white-space: nowrap; }}
{CELL}:nth-child(2) > {TEXT} {{ min-width: 5em; }}
</style>"""
# The whole name, where the mouse rests on it.
HOVER = f"""<script>
document.addEventListener('mouseover', ({{target}}) => {{
    if (target.matches('{LIST}')) target.title = target.value;
    else if (target.matches('{OPTION}')) target.title = target.textContent;
}});
</script>"""
