"""poser for other programs: one engine for all callers, an OpenAI-compatible server over it, tools for agents, a page.

`engine` and `recording` need nothing beyond poser; the web server needs the extra `serve`, the tools the extra `mcp`.
"""
