"""What a critic asks of a picture: looks become rounds of yes/no questions, and answers become critiques.

Start with `asking`; `graph` asks about free text, `poster` about the embedded world, `registry` finds them by name.
"""
