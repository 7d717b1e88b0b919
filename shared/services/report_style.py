"""How the report's page looks, and the policy that lets this style apply and nothing else happen."""

from __future__ import annotations

import base64
import hashlib

STYLE = """
:root{color-scheme:light dark;--ink:#1b2430;--soft:#5c6877;--paper:#fff;--tint:#f3f5f8;--line:#dde2e9;--blue:#2f6fde;
--good:#2a8f5c;--known:#8793a3;--bad:#cf4a3c;--left:#c8951b}
@media(prefers-color-scheme:dark){:root{--ink:#e6ebf2;--soft:#98a4b3;--paper:#12171e;--tint:#1b222c;--line:#2c3643;
--blue:#6fa1f7;--good:#4cba83;--known:#7b8899;--bad:#ef7567;--left:#e0b14a}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:60rem;margin:0 auto;padding:1.5rem 1rem 3rem}
h1{margin:0 0 .25rem;font-size:1.6rem;line-height:1.25;overflow-wrap:anywhere}
h2{margin:2.25rem 0 .5rem;font-size:1.15rem}
p{margin:.5rem 0;overflow-wrap:anywhere}
small,.kind,footer,.axis{color:var(--soft)}
.kind{margin:0;font-size:.85rem}
.status{display:inline-block;padding:.05rem .6rem;border-radius:1rem;background:var(--tint);font-weight:600}
.status.completed{color:var(--good)}.status.failed{color:var(--bad)}.status.completed_with_errors{color:var(--left)}
.failure{padding:.75rem 1rem;border-left:4px solid var(--bad);background:var(--tint)}
svg{display:block;width:100%}
rect{fill:var(--blue)}rect.rail{fill:var(--line)}
rect.good{fill:var(--good)}rect.known{fill:var(--known)}rect.bad{fill:var(--bad)}rect.left{fill:var(--left)}
.fates{height:.75rem;border-radius:.4rem;background:var(--line)}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(8.5rem,1fr));gap:.75rem;margin-top:.75rem}
.tiles div{padding:.6rem .9rem;background:var(--tint);border-radius:.4rem;border-left:4px solid var(--known)}
.tiles .good{border-color:var(--good)}.tiles .bad{border-color:var(--bad)}.tiles .left{border-color:var(--left)}
.tiles b{display:block;font-size:1.4rem;font-variant-numeric:tabular-nums}
.days{height:4.5rem;margin-top:.75rem;border-bottom:1px solid var(--line)}
.axis{display:flex;justify-content:space-between;gap:1rem;margin:.25rem 0;font-size:.85rem}
.table{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.94rem}
th{color:var(--soft);font-weight:600;font-size:.85rem;text-align:left;white-space:nowrap}
th,td{padding:.35rem .75rem .35rem 0;border-bottom:1px solid var(--line);vertical-align:top}
td bdi{display:inline-block;max-width:24rem;overflow-wrap:break-word}
td q bdi{display:inline;overflow-wrap:anywhere}
@media(max-width:40rem){.table table{min-width:36rem}}
td small{display:block}
.number{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
.bar{width:6rem;min-width:4rem}td.bar{vertical-align:middle}
svg.bar{height:.5rem}
footer{margin-top:2.5rem;padding-top:.5rem;border-top:1px solid var(--line);font-size:.85rem}
@media print{body{font-size:11pt}section{break-inside:avoid}}
"""

_DIGEST = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()

CONTENT_SECURITY_POLICY = f"default-src 'none'; style-src 'sha256-{_DIGEST}'; base-uri 'none'; form-action 'none'"
"""No script, no picture, no connection: only the style above."""
