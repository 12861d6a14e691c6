"""People's words and the poster world's symbols: `read` understands a whole prompt, `canonical` writes for experts.

Start with `reading.read`; the words of each language are one text file in `words/`.
"""
