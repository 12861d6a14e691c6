"""A run and what is left of it: the record on disk, what became of every command, the summary, the report.

Start with `record`; `ends` says what the agent may claim, `summary` puts it in words and numbers, `report` on one page.
"""
