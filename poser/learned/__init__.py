"""What a learned policy is made of, and all that running one needs: what it sees (`observation`, with the text
embeddings of `embedders`), its Q-network, its files, and what it does where it expects little (`abstain`).

Start with `observation.py`. How one is trained is in `poser.learning`, how one chooses in `poser.policies.dqn`.
"""
