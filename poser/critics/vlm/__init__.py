"""How a vision-language model is asked: a local one by P(yes) (`model`), one behind an address (`answerer`).

Start with `model`; `yes_probability` is the forward pass, `loading` and `image_processor` bring the weights in.
"""
