"""How a policy is trained: environments over `MDP.step`, a masked DQN with its replay buffer, tasks, and what measures
experts (`probe`) and policies (`evaluate`).

Start with `train.py`, or with `env.py` to bring a learner of your own.
"""
