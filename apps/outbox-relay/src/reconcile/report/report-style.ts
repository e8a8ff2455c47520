/** Of the report; holds no `<` and no `&`, so that it needs no escape. */
export const STYLE = `
:root { color-scheme: light dark; --line: #c9ccd1; --dim: #5d6470; --good: #1a7f37;
  --bad: #c01c28; --open: #9a6700; }
@media (prefers-color-scheme: dark) {
  :root { --line: #444a54; --dim: #9aa3b0; --good: #4cc46a; --bad: #ff7b72; --open: #e3b341; }
}
body { font: 15px/1.5 system-ui, sans-serif; margin: 0; }
main { max-width: 72rem; margin: 0 auto; padding: 1.5rem; }
.state { border-left: .35rem solid; padding: .5rem .8rem; }
.equal { border-color: var(--good); }
.equal strong { color: var(--good); }
.different { border-color: var(--bad); }
.different strong { color: var(--bad); }
.repaired, .undecided { border-color: var(--open); }
.repaired strong, .undecided strong { color: var(--open); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1.2rem; }
dt { color: var(--dim); }
dd { margin: 0; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; margin: 1.6rem 0; font-size: 13px; }
caption { text-align: left; font-weight: 600; padding-bottom: .3rem; }
th, td { text-align: left; padding: .25rem .6rem; border-bottom: 1px solid var(--line);
  vertical-align: top; overflow-wrap: anywhere; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
@media print {
  main { max-width: none; padding: 0; }
  table { font-size: 9px; }
  thead { display: table-header-group; }
  tr { break-inside: avoid; }
}
`
