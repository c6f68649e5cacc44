"""Reports of runs, as a page for the browser, and the facts of all pictures.

`making.report` reads logs and writes the page.  The other modules have one
thing each: `truth`, `trust`, `exposed`, `turns`, `timeline` and `courses` what
a log says, `sentences` with its cards in `blame` and `cost`, `tables` and
`pictures` how the page says it, `palette` the colours that the figures of
`analysis/` have, too.
"""
