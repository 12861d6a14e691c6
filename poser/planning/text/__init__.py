"""How free text is cut and understood: clauses, verbs, dependence, and what a language model's plan must hold.

Start with `split`; `pieces` is the form of a model's answer, `grounded` tells whether it says what the prompt says.
"""
